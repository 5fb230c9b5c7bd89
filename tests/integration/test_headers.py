"""What every answer carries, whose cookie is taken, and from where a change may come."""

from __future__ import annotations

import re
from collections.abc import Iterator
from http.cookies import SimpleCookie
from typing import Any

import httpx
import pytest
from litestar import Litestar
from litestar.testing import TestClient
from sqlmodel import col, select

from shelter.cli import DEMO_PASSWORD
from shelter.db.session import Database
from shelter.db.tables import UserSession
from shelter.domain.sides import BOTH_SIDES
from support.server import As, client_of, routes_of, session_for
from support.world import World, empty_world, key, secova_world

LOGIN = "garde.aywaille"
SECURE = "https://shelter.example"
LOCAL = "http://127.0.0.1:8000"


@pytest.fixture
def world(sqlite_database: Database) -> World:
    return secova_world(sqlite_database)


@pytest.fixture
def client(world: World) -> Iterator[TestClient[Litestar]]:
    with client_of(world) as client:
        yield client


@pytest.fixture
def secure_world(sqlite_database: Database) -> World:
    return secova_world(sqlite_database, public_url=SECURE)


@pytest.fixture
def secure(secure_world: World) -> Iterator[TestClient[Litestar]]:
    with client_of(secure_world) as client:
        yield client


def sign_in(client: httpx.Client, **headers: str) -> httpx.Response:
    return client.post(
        "/api/v1/session", json={"login": LOGIN, "password": DEMO_PASSWORD}, headers=headers
    )


def cookie_of(answer: httpx.Response) -> tuple[str, str, dict[str, Any]]:
    """Name, value and attributes of the session cookie that an answer sets."""
    found = [line for line in answer.headers.get_list("set-cookie") if "session" in line]
    assert len(found) == 1, answer.headers
    ((name, morsel),) = SimpleCookie(found[0]).items()
    return name, morsel.value, {k: v for k, v in morsel.items() if v}


# --- every answer -------------------------------------------------------------------------------


def test_every_answer_carries_the_protective_headers(
    client: TestClient[Litestar], world: World
) -> None:
    paths = {(route.method, route.path) for route in routes_of(client.app)}
    paths |= {
        ("GET", "/nothing"),
        ("GET", "/api/v1/nothing"),
        ("DELETE", "/api/v1/me"),
        ("BREW", "/sign-in"),
        ("GET", "/static/nothing.css"),
    }
    for method, path in sorted(paths):
        for who in ({}, As(client, world.system, "coordination").headers):
            answer = client.request(method, path, headers=who, follow_redirects=False)
            headers, where = answer.headers, (method, path, answer.status_code)
            assert headers["x-content-type-options"] == "nosniff", where
            assert headers["referrer-policy"] == "no-referrer", where
            assert headers["cross-origin-opener-policy"] == "same-origin", where
            assert headers["cross-origin-resource-policy"] == "same-origin", where
            assert re.fullmatch(r"[0-9a-f]{32}", headers["x-request-id"]), where
            assert "server" not in headers and "x-powered-by" not in headers, where
            policy = dict(
                part.split(" ", 1) for part in headers["content-security-policy"].split("; ")
            )
            assert policy["default-src"] == "'none'", where
            assert policy["frame-ancestors"] == policy["base-uri"] == "'none'", where
            assert policy["form-action"] == "'self'", where
            for name, sources in policy.items():
                assert "unsafe" not in sources and "*" not in sources and "http" not in sources
                assert "data:" not in sources or name == "img-src"
            if path.startswith("/static/"):
                continue
            assert headers["cache-control"] == "no-store", where


def test_files_that_are_the_same_for_all_may_be_kept(client: TestClient[Litestar]) -> None:
    from shelter_api.app import HERE

    files = [file for file in (HERE / "static").rglob("*") if file.is_file()]
    if not files:
        pytest.skip("there is no static file yet")
    for file in files:
        answer = client.get(f"/static/{file.relative_to(HERE / 'static')}")
        assert answer.status_code == 200
        assert "max-age" in answer.headers["cache-control"]
        assert "no-store" not in answer.headers["cache-control"]
        assert "set-cookie" not in answer.headers


def test_each_answer_has_an_id_of_its_own(client: TestClient[Litestar]) -> None:
    ids = {client.get("/health/live").headers["x-request-id"] for _ in range(20)}
    ids.add(client.get("/health/live", headers={"X-Request-Id": "mine"}).headers["x-request-id"])
    assert len(ids) == 21 and "mine" not in ids


def test_encryption_is_demanded_from_then_on_where_it_is_used(
    secure: TestClient[Litestar], sqlite_database: Database
) -> None:
    assert secure.get("/sign-in").headers["strict-transport-security"].startswith("max-age=")
    assert "strict-transport-security" in secure.get("/nothing").headers
    # control: a demonstration on this machine would lock itself out
    with client_of(empty_world(sqlite_database)) as local:
        assert "strict-transport-security" not in local.get("/sign-in").headers


# --- the cookie ---------------------------------------------------------------------------------


def test_the_cookie_is_for_this_host_over_tls_and_not_for_scripts(
    secure: TestClient[Litestar], secure_world: World
) -> None:
    answer = sign_in(secure)
    name, value, flags = cookie_of(answer)
    assert name == "__Host-session" and value == answer.json()["token"]
    assert flags["httponly"] and flags["secure"]
    assert flags["samesite"].lower() == "lax" and flags["path"] == "/"
    assert "domain" not in flags, "__Host- cookies name none"
    assert int(flags["max-age"]) == 12 * 3600
    # without the prefix, as anybody next door could set it, it is no session
    plain = {"Cookie": f"session={value}"}
    secure.cookies.clear()
    assert secure.get("/api/v1/me", headers=plain).status_code == 401
    # control
    host = {"Cookie": f"__Host-session={value}"}
    assert secure.get("/api/v1/me", headers=host).status_code == 200


def test_a_demonstration_without_tls_still_hides_its_cookie_from_scripts(
    client: TestClient[Litestar],
) -> None:
    name, _, flags = cookie_of(sign_in(client))
    assert name == "session" and flags["httponly"] and flags["samesite"].lower() == "lax"
    assert "secure" not in flags and "domain" not in flags


def test_signing_in_gives_a_new_token_and_never_takes_the_callers(
    client: TestClient[Litestar], world: World
) -> None:
    chosen = "A" * 43
    header = {"Cookie": f"session={chosen}", "Sec-Fetch-Site": "same-origin"}
    first = sign_in(client, **header)
    client.cookies.clear()
    second = sign_in(client, **{"Cookie": f"session={first.json()['token']}"} | {"Origin": LOCAL})
    client.cookies.clear()
    tokens = {chosen, first.json()["token"], second.json()["token"]}
    assert len(tokens) == 3
    assert cookie_of(second)[1] == second.json()["token"]
    assert client.get("/api/v1/me", headers={"Cookie": f"session={chosen}"}).status_code == 401
    form = client.post(
        "/sign-in",
        data={"login": LOGIN, "password": DEMO_PASSWORD},
        headers=header,
        follow_redirects=False,
    )
    assert form.status_code == 303
    assert cookie_of(form)[1] not in tokens
    # only a hash of it is kept
    rows = world.system.database.run(
        lambda s: s.exec(select(UserSession)).all(), read_only=True, sides=BOTH_SIDES
    )
    stored = {row.token_hash for row in rows}
    assert len(stored) == 3 and not stored & (tokens | {cookie_of(form)[1]})


def test_a_visit_without_signing_in_sets_no_session(
    client: TestClient[Litestar], world: World
) -> None:
    for path in ("/", "/sign-in", "/api/v1/me", "/nothing"):
        answer = client.get(path, headers={"Cookie": "session=mine"}, follow_redirects=False)
        assert "session" not in answer.headers.get("set-cookie", "")
    wrong = client.post("/api/v1/session", json={"login": LOGIN, "password": "wrong"})
    assert wrong.status_code == 401 and "set-cookie" not in wrong.headers
    rows = world.system.database.run(
        lambda s: s.exec(select(UserSession)).all(), read_only=True, sides=BOTH_SIDES
    )
    assert rows == []


def test_signing_out_ends_the_session_for_every_way_of_showing_it(
    client: TestClient[Litestar],
) -> None:
    for path, method in (("/api/v1/session", "DELETE"), ("/sign-out", "POST")):
        token = sign_in(client).json()["token"]
        client.cookies.clear()
        cookie = {"Cookie": f"session={token}", "Sec-Fetch-Site": "same-origin"}
        bearer = {"Authorization": f"Bearer {token}"}
        assert client.get("/api/v1/me", headers=cookie).status_code == 200
        out = client.request(method, path, headers=cookie, follow_redirects=False)
        assert out.status_code in {204, 303}, path
        _, value, flags = cookie_of(out)
        assert value == "" and flags.get("max-age", "0") == "0"
        client.cookies.clear()
        assert client.get("/api/v1/me", headers=cookie).status_code == 401
        assert client.get("/api/v1/me", headers=bearer).status_code == 401


def test_signing_out_ends_this_session_alone(client: TestClient[Litestar], world: World) -> None:
    one, other = As(client, world.system, LOGIN), As(client, world.system, LOGIN)
    assert one.delete("/session").status_code == 204
    assert (one.get("/me").status_code, other.get("/me").status_code) == (401, 200)


def test_a_session_idles_out_and_ends(client: TestClient[Litestar], world: World) -> None:
    idle, busy = As(client, world.system, LOGIN), As(client, world.system, LOGIN)
    for _ in range(11):
        world.clock.forward(minutes=61)
        assert busy.get("/me").status_code == 200
    assert idle.get("/me").status_code == 401, "two hours without a call"
    world.clock.forward(minutes=61)
    assert busy.get("/me").status_code == 401, "twelve hours, whatever it did"


def test_a_dismissed_users_session_ends_at_once(client: TestClient[Litestar], world: World) -> None:
    from shelter.db.tables import User

    person = As(client, world.system, LOGIN)
    assert person.get("/me").status_code == 200

    def dismiss(session: Any) -> None:
        user = session.exec(select(User).where(col(User.login) == LOGIN)).one()
        user.active = False
        session.add(user)

    world.system.database.run(dismiss, sides=BOTH_SIDES)
    assert person.get("/me").status_code == 401
    assert sign_in(client).status_code == 401


def test_odd_tokens_are_nobody(client: TestClient[Litestar]) -> None:
    for odd in ("", " ", "x", "A" * 100_000, "é", "\x7f", "a,b", "Bearer", "null", "0"):
        header = {b"Authorization": b"Bearer " + odd.encode()}
        assert client.get("/api/v1/me", headers=header).status_code == 401, odd
    for odd in ("=", "session", "session=;session=", "session=" + "A" * 5000, 'session="\\"'):
        assert client.get("/api/v1/me", headers={"Cookie": odd}).status_code == 401, odd
    assert client.get("/api/v1/me", headers={"Authorization": "Basic eDp5"}).status_code == 401


# --- from where ---------------------------------------------------------------------------------

FOREIGN: tuple[dict[str, str], ...] = (
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": ""},
    {"Origin": "http://[::1"},
    {"Origin": "http://127.0.0.1:8000.evil.example"},
    {"Origin": "http://127.0.0.1:8001"},
    {"Origin": "http://evil.example/http://127.0.0.1:8000"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": ""},
    {"Sec-Fetch-Site": "cross-site", "Origin": LOCAL},
    {},
)
OURS: tuple[dict[str, str], ...] = (
    {"Origin": LOCAL},
    {"Sec-Fetch-Site": "same-origin"},
    {"Sec-Fetch-Site": "same-origin", "Origin": LOCAL},
)


def test_a_change_with_a_cookie_comes_from_our_own_pages(
    client: TestClient[Litestar], world: World
) -> None:
    cookie = {"Cookie": f"session={session_for(world.system, LOGIN)}"}

    def ask(**headers: str) -> httpx.Response:
        return client.post(
            "/api/v1/requests",
            json={"people": {"woman": 1}},
            headers={"Idempotency-Key": key(), **cookie, **headers},
        )

    for foreign in FOREIGN:
        refused = ask(**foreign)
        assert (refused.status_code, refused.json()["code"]) == (403, "other_site"), foreign
    assert As(client, world.system, LOGIN).get("/requests").json()["items"] == []
    # control
    for ours in OURS:
        assert ask(**ours).status_code == 201, ours
    assert len(As(client, world.system, LOGIN).get("/requests").json()["items"]) == len(OURS)


def test_the_host_that_a_request_names_for_itself_is_not_believed(
    client: TestClient[Litestar], world: World
) -> None:
    """The origin is compared with the configured address: both headers are the caller's words."""
    cookie = {"Cookie": f"session={session_for(world.system, LOGIN)}"}

    def ask(host: str, origin: str) -> int:
        return client.post(
            "/api/v1/requests",
            json={"people": {"woman": 1}},
            headers={"Idempotency-Key": key(), **cookie, "Host": host, "Origin": origin},
        ).status_code

    assert ask("evil.example", "http://evil.example") == 403
    assert ask("evil.example", "https://evil.example") == 403
    assert ask("127.0.0.1:8000", "https://127.0.0.1:8000") == 403, "another scheme"
    # control: our own origin, also behind something that changes the host
    assert ask("127.0.0.1:8000", LOCAL) == 201
    assert ask("inside:9000", LOCAL) == 201


def test_every_way_to_change_something_looks_where_it_comes_from(
    client: TestClient[Litestar], world: World
) -> None:
    headers = {
        "Cookie": f"session={session_for(world.system, 'coordination')}",
        "Origin": "https://evil.example",
    }
    unsafe = [
        route
        for route in routes_of(client.app)
        if route.method in {"POST", "PUT", "PATCH", "DELETE"}
    ]
    assert len(unsafe) > 20
    for route in unsafe:
        answer = client.request(route.method, route.path, headers=headers, follow_redirects=False)
        assert answer.status_code == 403, route
    # control: looking is no change, and links from elsewhere work
    assert client.get("/api/v1/me", headers=headers).status_code == 200


def test_nobody_is_signed_in_from_another_site(client: TestClient[Litestar]) -> None:
    """Else somebody could sign a worker in as himself, and read what they enter."""
    for foreign in FOREIGN:
        if not foreign:
            continue  # a program that has no cookie and names no origin
        refused = sign_in(client, **foreign)
        assert refused.status_code == 403 and "set-cookie" not in refused.headers, foreign
        form = client.post(
            "/sign-in",
            data={"login": LOGIN, "password": DEMO_PASSWORD},
            headers=foreign,
            follow_redirects=False,
        )
        assert form.status_code == 403 and "set-cookie" not in form.headers, foreign
    # control
    for ours in (*OURS, {}):
        assert sign_in(client, **ours).status_code == 201
        client.cookies.clear()


def test_a_program_with_a_token_needs_no_origin(client: TestClient[Litestar], world: World) -> None:
    program = As(client, world.system, LOGIN)
    assert program.post("/requests", {"people": {"woman": 1}}).status_code == 201
    # the cookie of a browser beside it does not matter
    beside = program.call(
        "POST",
        "/api/v1/requests",
        json={"people": {"woman": 1}},
        headers={"Idempotency-Key": key(), "Cookie": "session=x"},
    )
    assert beside.status_code == 201


def test_no_other_site_may_read_an_answer(client: TestClient[Litestar], world: World) -> None:
    person = As(client, world.system, LOGIN)
    answer = person.call("GET", "/api/v1/me", headers={"Origin": "https://evil.example"})
    assert not [name for name in answer.headers if name.startswith("access-control-")]
    preflight = client.options(
        "/api/v1/requests",
        headers={"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"},
    )
    assert preflight.status_code == 403
    assert not [name for name in preflight.headers if name.startswith("access-control-")]
