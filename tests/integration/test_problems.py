"""Every refusal is a problem document that says what to do next, and none says how we are built."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import product
from typing import Any

import httpx
import pytest
from litestar import Litestar
from litestar.testing import TestClient

from shelter import i18n
from shelter.db.session import Database
from shelter.services import intake
from shelter_api import health
from support.server import NOBODY, As, client_of
from support.world import World, key, secova_world

#: words that only our code, our database or our framework would say
INTERNALS = re.compile(
    r"traceback|\.py\b|sqlalchemy|psycopg|sqlite|postgres|litestar|pydantic|msgspec|select |insert "
    r"|error\.[a-z]|field\.[a-z_]+\b(?!\.)|<class|object at 0x",
    re.IGNORECASE,
)


@pytest.fixture
def world(database: Database) -> World:
    return secova_world(database)


@pytest.fixture
def client(world: World) -> Iterator[TestClient[Litestar]]:
    with client_of(world) as client:
        yield client


@pytest.fixture
def worker(client: TestClient[Litestar], world: World) -> As:
    return As(client, world.system, "garde.aywaille")


def problem(answer: httpx.Response, status: int | set[int]) -> dict[str, Any]:
    """The problem document of a refusal, checked for its form."""
    allowed = {status} if isinstance(status, int) else status
    assert answer.status_code in allowed, f"{answer.status_code} {answer.text[:300]}"
    assert answer.headers["content-type"] == "application/problem+json", answer.text[:300]
    document: dict[str, Any] = answer.json()
    assert set(document) >= {"type", "title", "status", "detail", "code"}
    assert set(document) <= {"type", "title", "status", "detail", "code", "errors", "offer"}
    assert document["status"] == answer.status_code
    assert document["type"] == f"urn:shelter:{document['code']}"
    assert re.fullmatch(r"[a-z_]+", document["code"])
    assert document["title"] and document["detail"]
    assert not INTERNALS.search(answer.text), answer.text
    for error in document.get("errors", ()):
        assert set(error) == {"field", "code", "detail"}
    return document


def raw(worker: As, path: str, body: bytes, **headers: str) -> httpx.Response:
    return worker.call(
        "POST",
        f"/api/v1{path}",
        content=body,
        headers={"Content-Type": "application/json", "Idempotency-Key": key(), **headers},
    )


def refusals(client: TestClient[Litestar], world: World) -> dict[str, tuple[int, httpx.Request]]:
    """One call for each way of being refused, with the status that it must get."""
    worker = As(client, world.system, "garde.aywaille")
    busy = As(client, world.system, "garde.trooz")
    request = worker.post("/requests", {"people": {"woman": 1}}).json()
    held = busy.post("/requests", {"people": {"woman": 1, "child": 3}}).json()
    mine = worker.post("/requests", {"people": {"woman": 1, "child": 3}}).json()
    option = busy.get(f"/requests/{held['id']}/options").json()["options"][0]
    stays = {
        "stays": [
            {name: stay[name] for name in ("unit_id", "first_night", "end_night")}
            for stay in option["stays"]
        ]
    }
    busy.post(f"/requests/{held['id']}/holds", stays).raise_for_status()

    def call(
        method: str, path: str, body: Any = None, *, who: As | None = worker, **named: str
    ) -> httpx.Request:
        headers = {} if who is None else dict(who.headers)
        headers |= {name.replace("_", "-"): value for name, value in named.items()}
        if method == "POST":
            headers["Idempotency-Key"] = key()
        return client.build_request(method, f"/api/v1{path}", json=body, headers=headers)

    return {
        "sign_in": (401, call("GET", "/me", who=None)),
        "wrong_password": (
            401,
            call("POST", "/session", {"login": "nobody", "password": "wrong"}, who=None),
        ),
        "not_allowed": (403, call("POST", "/sites", {})),
        "not_found": (404, call("GET", f"/requests/{NOBODY}")),
        "unknown_path": (404, call("GET", "/nothing/here")),
        "not_a_uuid": (404, call("GET", "/requests/1")),
        "wrong_method": (405, call("DELETE", "/requests")),
        "conflict": (409, call("GET", f"/requests/{held['id']}/options", who=busy)),
        "taken": (409, call("POST", f"/requests/{mine['id']}/holds", stays)),
        "stale": (412, call("PATCH", f"/requests/{request['id']}", {}, if_match='"9"')),
        "no_version": (428, call("PATCH", f"/requests/{request['id']}", {})),
        "invalid": (422, call("POST", "/requests", {"people": {}, "nights": 0})),
        "unknown_field": (400, call("POST", "/requests", {"people": {"woman": 1}, "name": "X"})),
        "wrong_type": (400, call("POST", "/requests", {"people": "woman"})),
        "no_body": (400, call("POST", "/requests")),
        "bad_query": (400, call("GET", "/requests?limit=many")),
        "no_key": (
            400,
            client.build_request(
                "POST", "/api/v1/requests", json={"people": {"woman": 1}}, headers=worker.headers
            ),
        ),
        "other_site": (403, call("POST", "/session", {}, who=None, Origin="https://evil.example")),
    }


def test_every_refusal_says_what_and_what_now_in_the_callers_language(
    client: TestClient[Litestar], world: World
) -> None:
    calls = refusals(client, world)
    for language, (name, (status, request)) in product(i18n.LANGUAGES, calls.items()):
        # chosen on this device, which counts more than the account's
        request.headers["Cookie"] = f"language={language}"
        document = problem(client.send(request), status)
        code = document["code"]
        for part, text_key in (("title", f"error.{code}"), ("detail", f"error.{code}.do")):
            assert text_key in i18n.keys(language), f"{name}: {text_key} is not translated"
            template = re.escape(i18n.text(language, text_key))
            pattern = re.sub(r"\\\{\w+\\\}", ".+", template)
            assert re.fullmatch(pattern, document[part], re.DOTALL), (name, document[part])


def test_the_four_languages_differ() -> None:
    """Control for the test above."""
    assert (
        len({i18n.text(language, "error.not_found", what="x") for language in i18n.LANGUAGES}) == 4
    )


def test_the_browsers_language_counts_for_who_has_chosen_none(client: TestClient[Litestar]) -> None:
    for language in i18n.LANGUAGES:
        header = {"Accept-Language": f"{language}-BE,{language};q=0.9"}
        document = problem(client.get("/api/v1/me", headers=header), 401)
        assert document["title"] == i18n.text(language, "error.sign_in")
    for odd in ("", "xx", "é;q=1", "q=,;=", "*" * 5000, "nl;q=nan, de;q=-1"):
        problem(client.get("/api/v1/me", headers={b"Accept-Language": odd.encode()}), 401)


def test_every_field_that_is_wrong_is_named(worker: As) -> None:
    body = {
        "people": {"woman": 99},
        "nights": 0,
        "arrival_hour": 25,
        "min_supervision": 7,
        "move_agreement": "maybe",
        "avoid_communes": ["00000"],
        "keep_apart": [{"case_reference": "?"}],
        "prefer_near": [{}],
    }
    document = problem(worker.post("/requests", body), 422)
    assert {error["field"] for error in document["errors"]} == {
        "people.woman",
        "nights",
        "arrival_hour",
        "min_supervision",
        "move_agreement",
        "avoid_communes.0",
        "keep_apart.0.case_reference",
        "prefer_near.0",
    }
    assert all(error["detail"] for error in document["errors"])


def test_an_unknown_path_is_not_found(client: TestClient[Litestar]) -> None:
    for path in ("/api/nothing", "/api/v2/requests", "/api/v1/", "/api/v1/requests/1/x"):
        problem(client.get(path), 404)
    for path in ("/nothing", "/api", "/%00", "/é", "/..%2f..%2fetc/passwd", "/static/../secret"):
        answer = client.get(path)
        assert answer.status_code == 404, path
        assert answer.headers["content-type"].startswith("text/html")
        assert not INTERNALS.search(answer.text)


def test_a_method_that_is_not_there_is_refused(client: TestClient[Litestar]) -> None:
    for method in ("PUT", "DELETE", "TRACE", "BREW"):
        problem(client.request(method, "/api/v1/me"), 405)
        page = client.request(method, "/sign-in")
        assert page.status_code == 405 and not INTERNALS.search(page.text)
    assert client.head("/api/v1/me").status_code == 405


def test_a_body_has_a_size_limit(client: TestClient[Litestar], worker: As) -> None:
    limit = 256 * 1024
    start, end = b'{"people": {"woman": 1}, "move_agreement": "', b'"}'
    fits = start + b"x" * (limit - len(start) - len(end)) + end
    assert len(fits) == limit
    problem(raw(worker, "/requests", fits), {400, 422})  # read, and then found to be wrong
    too_large = problem(raw(worker, "/requests", fits[:-2] + b"x" + end), 413)
    assert too_large["code"] == "too_large"

    def in_pieces() -> Iterator[bytes]:  # no Content-Length says how much is coming
        yield start
        for _ in range(100):
            yield b"x" * 10_000

    streamed = worker.call(
        "POST",
        "/api/v1/requests",
        content=in_pieces(),
        headers={"Content-Type": "application/json", "Idempotency-Key": key()},
    )
    problem(streamed, 413)
    form = client.post("/sign-in", data={"login": "x" * 300_000}, follow_redirects=False)
    assert form.status_code == 413 and not INTERNALS.search(form.text)


ODD_BODIES = (
    b"{",
    b"nonsense",
    b"\xff\xfe\x00",
    b"null",
    b"[]",
    b'""',
    b"1",
    b"[" * 100_000,
    b'{"people":' * 20_000,
    b'{"people": {"woman": 1}, "languages": ' + b"[" * 5_000 + b"]" * 5_000 + b"}",
    b'{"people": {"woman": 1}} {}',
    b'{"people": {"woman": NaN}}',
    b'{"people": {"woman": Infinity}}',
    b'{"people": {"woman": -Infinity}}',
    b'{"people": {"woman": 1e999}}',
    b'{"people": {"woman": 1' + b"0" * 5000 + b"}}",
    b'{"people": {"woman": 999999999999999999999999999999}}',
    b'{"people": {"woman": 1}, "nights": 99999999999999999999}',
    b'{"people": {"woman": 1}, "prefer_near": [{"lat": 1e308, "lon": 5}]}',
    b'{"people": {"woman": 1}, "prefer_near": [{"lat": NaN, "lon": 5}]}',
    b'{"people": {"woman": 1}, "prefer_near": [{"commune": "62009", "radius_km": 1e999}]}',
    b'{"people": {"woman": 1}, "first_night": "9999-12-31"}',
    b'{"people": {"woman": 1}, "first_night": "0001-01-01"}',
    b'{"people": {"woman": 1}, "first_night": "-0001-01-01"}',
    b'{"people": {"woman": 1}, "case_reference": "a\\u0000bcd"}',
    b'{"people": {"woman": 1}, "case_reference": "\\ud800"}',
    b'{"people": {"woman": 1}, "avoid_communes": ["\\u0000"]}',
    b'{"people": {"woman": 1}, "move_agreement": "\\udfff\\ud800"}',
    b'{"people": {"\\u0000": 1}}',
    b'{"people": {"woman": 1}, "__proto__": {}}',
)


def test_no_body_is_too_odd_to_be_refused_in_order(worker: As) -> None:
    for body in ODD_BODIES:
        problem(raw(worker, "/requests", body), {400, 422})
    # control: it was the body
    assert raw(worker, "/requests", b'{"people": {"woman": 1}}').status_code == 201


def test_text_that_no_database_can_hold_is_refused_everywhere(
    client: TestClient[Litestar], world: World, worker: As
) -> None:
    staff = As(client, world.system, "logement.sprimont")
    odd = "a\0b"
    site = {
        "name": "Tilleul",
        "commune": "62100",
        "address": "12 rue Fictive",
        "lat": 50.51,
        "lon": 5.66,
    }
    for field in ("name", "address", "description", "commune", "contact_phone"):
        problem(staff.post("/sites", site | {field: odd}), {400, 422})
    problem(staff.post("/sites", site | {"places": ["bus:9\0"]}), {400, 422})
    unit = world.unit("Sureau", "Maison A")
    problem(staff.post(f"/sites/{unit.site_id}/units", {"label": odd, "beds": 1}), {400, 422})
    for credentials in ({"login": odd, "password": "x"}, {"login": "garde", "password": odd}):
        problem(client.post("/api/v1/session", json=credentials), {400, 401})
    replies = staff.post("/inbox/replies", {"from_phone": "+32\0", "text": odd})
    problem(replies, {400, 422})
    assert client.post("/sign-in", data={"login": odd, "password": odd}).status_code < 500
    # control
    assert staff.post("/sites", site).status_code == 201


def test_only_what_says_that_it_is_json_is_read_as_json(client: TestClient[Litestar]) -> None:
    """A foreign page can make a browser send the others without asking us first."""
    body = json.dumps({"login": "garde.aywaille", "password": "une-nuit-au-calme"})
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "", "x"):
        headers = {"Content-Type": kind} if kind else {}
        refused = client.post("/api/v1/session", content=body, headers=headers)
        problem(refused, 415)
        assert "set-cookie" not in refused.headers
    # control
    right = {"Content-Type": "application/json; charset=utf-8"}
    assert client.post("/api/v1/session", content=body, headers=right).status_code == 201


def test_nights_outside_the_calendar_are_refused(worker: As, world: World) -> None:
    request = worker.post("/requests", {"people": {"woman": 1}}).json()
    unit = world.unit("Bruyère", "Rez gauche")
    for first, end in (
        ("9999-06-01", "9999-12-31"),
        ("0001-01-01", "0001-01-02"),
        ("2999-06-01", "2999-06-02"),
        ("2026-11-22", "2026-11-21"),
        ("2026-11-21", "2026-11-21"),
        ("2026-11-21", "2028-11-21"),
    ):
        stay = {"unit_id": str(unit.id), "first_night": first, "end_night": end}
        refused = worker.post(f"/requests/{request['id']}/holds", {"stays": [stay]})
        problem(refused, {400, 409, 422})
    for night in ("0001-01-01", "9999-12-31"):
        problem(worker.get("/board", first_night=night), 422)


def test_our_own_mistake_is_told_without_its_text(
    client: TestClient[Litestar],
    world: World,
    worker: As,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    secret = "14 rue du Secret, +32470123456"

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError(f"could not find {secret}")

    # control: it works until it is broken
    assert worker.get("/requests").status_code == 200
    monkeypatch.setattr(intake, "list_requests", broken)
    answer = worker.get("/requests")
    document = problem(answer, 500)
    assert document["code"] == "internal"
    assert "secret" not in answer.text.lower() and "RuntimeError" not in answer.text
    said = "".join(capfd.readouterr())
    assert "RuntimeError at " in said, "the log names the type and the place"
    assert re.search(r"RuntimeError at [\w.]*test_problems:\d+", said)
    assert "Secret" not in said and "32470123456" not in said


def test_a_database_that_is_gone_is_told_without_its_address(
    client: TestClient[Litestar], world: World, worker: As, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sqlalchemy.exc import OperationalError

    def gone(*_: object, **__: object) -> None:
        raise OperationalError("SELECT secret", {"phone": "+32470123456"}, Exception("host=db1"))

    monkeypatch.setattr(world.system.database, "run", gone)
    monkeypatch.setattr(health, "is_current", gone)
    answer = worker.get("/requests")
    problem(answer, 500)
    assert client.get("/health/ready").status_code == 503
    assert client.get("/health/live").status_code == 200
