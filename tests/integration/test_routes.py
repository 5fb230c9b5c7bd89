"""Every route says who may call it, and nobody else gets in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from litestar import Litestar, get
from litestar.testing import TestClient

from shelter.domain.sides import Role
from shelter_api.access import public
from support.server import DEMO_USERS, As, Route, client_of, example_of, routes_of
from support.world import World, secova_world

#: what may be repeated freely, or cannot be repeated with the same key
WITHOUT_KEY = {
    "/api/v1/session",  # a second sign-in is a second session
    "/api/v1/placements/{placement_id:uuid}/address-look",  # changes nothing; each look is noted
    "/api/v1/requests/{request_id:uuid}/contact/look",  # likewise
    "/api/v1/inbox/replies",  # a telephone of the demonstration
}
#: open to all, and then asks for a signature or a password
ASKS_ITSELF = {
    *("/webhooks/twilio/status", "/webhooks/twilio/inbound"),
    *(f"/webhooks/twilio/call/{what}" for what in ("words", "key", "status")),
    *("/sign-in", "/sign-in/passkey", "/sign-in/second"),
    *(f"/sign-in/second/{what}" for what in ("app", "passkey", "new-passkey")),
    "/sign-in/second/passkey/options",
}


@pytest.fixture(scope="module")
def world(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    import shutil

    from shelter.db.session import Database

    copy = tmp_path_factory.mktemp("routes") / "shelter.db"
    shutil.copyfile(sqlite_template, copy)
    database = Database(f"sqlite:///{copy}")
    yield secova_world(database)
    database.dispose()


@pytest.fixture(scope="module")
def client(world: World) -> Iterator[TestClient[Litestar]]:
    with client_of(world) as client:
        yield client


@pytest.fixture(scope="module")
def routes(client: TestClient[Litestar]) -> list[Route]:
    return routes_of(client.app)


def calls(routes: list[Route]) -> list[Route]:
    """Without OPTIONS, which Litestar adds by itself (see its own test)."""
    return [route for route in routes if route.method != "OPTIONS"]


def test_the_walk_finds_the_json_the_pages_the_webhooks_and_the_files(routes: list[Route]) -> None:
    templates = {route.template for route in calls(routes)}
    assert {
        "/api/v1/requests",
        "/api/v1/schema/openapi.json",
        "/webhooks/twilio/status",
        "/webhooks/twilio/inbound",
        "/health/live",
        "/health/ready",
        "/static/{file_path:path}",
        "/sign-in",
        "/",
    } <= templates
    assert len(calls(routes)) > 45


def test_every_handler_states_who_may_call_it(routes: list[Route]) -> None:
    silent = [f"{r.method} {r.template}" for r in calls(routes) if r.access is None]
    assert silent == []


def test_what_anybody_may_call_is_this_and_no_more(routes: list[Route]) -> None:
    open_to_all = {
        f"{r.method} {r.template}" for r in calls(routes) if r.access and r.access.roles is None
    }
    pages = {f"{r.method} {r.template}" for r in routes if r.is_page} & open_to_all
    assert open_to_all - pages == {
        "POST /api/v1/session",
        "GET /api/v1/schema",
        "GET /api/v1/schema/openapi.json",
        "GET /api/v1/schema/{path:str}",
        "POST /webhooks/twilio/status",
        "POST /webhooks/twilio/inbound",
        *(f"POST /webhooks/twilio/call/{what}" for what in ("words", "key", "status")),
        "GET /health/live",
        "GET /health/ready",
        "GET /static/{file_path:path}",
        "HEAD /static/{file_path:path}",
    }
    assert pages <= {
        "GET /sign-in",
        "POST /sign-in",
        "POST /leave",
        "GET /away",
        "POST /sign-in/passkey",
        "POST /sign-in/passkey/options",
        "GET /sign-in/single",
        "GET /sign-in/single/return",
        "GET /sign-in/second",
        "POST /sign-in/second",
        "POST /sign-in/second/app",
        "POST /sign-in/second/passkey",
        "POST /sign-in/second/passkey/options",
        "POST /sign-in/second/new-passkey",
        "GET /language/{code:str}",
        "GET /metrics",  # asks for its token
        "GET /calendar/{name:str}",  # a feed, whose address nobody can guess
        "POST /language",
        "GET /manifest.webmanifest",
        "GET /favicon.ico",
        "GET /offline",
    }


def test_without_signing_in_nothing_else_is_reached(
    client: TestClient[Litestar], routes: list[Route]
) -> None:
    reached = []
    for route in calls(routes):
        assert route.access is not None
        answer = client.request(route.method, route.path, follow_redirects=False)
        refused = answer.status_code == 401 or (
            route.is_page
            and answer.status_code == 303
            and answer.headers["location"].startswith("/sign-in")
        )
        if route.access.roles is None:
            assert answer.status_code not in {401, 403} or route.template in ASKS_ITSELF, route
        elif not refused:
            reached.append((route.method, route.template, answer.status_code))
    assert reached == []


@pytest.mark.parametrize("login", DEMO_USERS)
def test_a_role_reaches_its_own_routes_and_no_other(
    client: TestClient[Litestar], world: World, routes: list[Route], login: str
) -> None:
    role, side = DEMO_USERS[login]
    actor = world.user(login)
    assert (actor.role, actor.side) == (role, side)
    wrong = []
    for route in calls(routes):
        assert route.access is not None
        may = route.access.roles is None or role in route.access.roles
        # a session of its own for each call: some of them end it
        answer = As(client, world.system, login).call(route.method, route.path)
        if (answer.status_code not in {401, 403}) != may and route.template not in ASKS_ITSELF:
            wrong.append((route.method, route.template, answer.status_code))
    assert wrong == []


def test_all_roles_are_among_the_sample_users() -> None:
    """Control: a role that nobody plays here would not be tested."""
    assert {role for role, _ in DEMO_USERS.values()} == set(Role)


def test_litestars_own_options_answers_are_refused_to_everybody(
    client: TestClient[Litestar], world: World, routes: list[Route]
) -> None:
    ours = [
        r
        for r in routes
        if r.method == "OPTIONS" and not r.path.startswith(("/static", "/api/v1/schema"))
    ]
    assert len(ours) > 30
    for route in ours:
        assert route.access is None
        assert client.options(route.path).status_code == 403
    assert As(client, world.system, "coordination").call("OPTIONS", "/api/v1/me").status_code == 403


def test_a_route_that_forgets_to_say_is_refused_to_everybody(world: World) -> None:
    @get("/api/v1/forgotten", sync_to_thread=False)
    def forgotten() -> str:
        return "reached"

    @get("/api/v1/stated", sync_to_thread=False, **public())
    def stated() -> str:
        return "reached"

    with client_of(world) as client:
        client.app.register(forgotten)
        client.app.register(stated)
        assert client.get("/api/v1/forgotten").status_code == 403
        for login in DEMO_USERS:
            assert As(client, world.system, login).get("/forgotten").status_code == 403, login
        # control: it is the missing word that closes it
        assert client.get("/api/v1/stated").text == "reached"


def operations(client: TestClient[Litestar], method: str) -> dict[str, tuple[Any, Any]]:
    """The path (as in the route table) → its description, and a body that fits."""
    schema = client.get("/api/v1/schema/openapi.json").json()
    components = schema["components"]["schemas"]
    found = {}
    for route in calls(routes_of(client.app)):
        if route.method != method or not route.template.startswith("/api/v1/"):
            continue
        operation = schema["paths"][route.template.replace(":uuid", "")][method.lower()]
        body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
        found[route.template] = (
            operation,
            example_of(body["schema"], components) if body else None,
        )
    return found


def test_every_post_that_makes_or_confirms_something_needs_an_idempotency_key(
    client: TestClient[Litestar], world: World
) -> None:
    posts = operations(client, "POST")
    assert len(posts) > 15
    needs = {
        template
        for template, (operation, _) in posts.items()
        for parameter in operation.get("parameters", [])
        if parameter["name"] == "Idempotency-Key" and parameter["required"]
    }
    assert set(posts) - needs == WITHOUT_KEY
    users = {
        route.template: next(
            login for login, (role, _) in DEMO_USERS.items() if role in route.access.roles
        )
        for route in routes_of(client.app)
        if route.method == "POST" and route.access is not None and route.access.roles
    }
    for template in sorted(needs):
        _, body = posts[template]
        path = Route("POST", template, None).path
        role = users[template]
        if template.endswith(("/sites", "/units", "/blocks")) or "/units/" in template:
            role = "logement.sprimont"
        if template == "/api/v1/sites/{site_id:uuid}/confirmation":
            role = "logement.sprimont"
        if template.startswith("/api/v1/orders"):
            role = "garde.auteurs"  # nobody of the victim side writes an order
        person = As(client, world.system, role)
        without = person.call("POST", path, json=body)
        assert without.status_code in {400, 428}, template
        empty = person.call("POST", path, json=body, headers={"Idempotency-Key": ""})
        long = person.call("POST", path, json=body, headers={"Idempotency-Key": "k" * 129})
        assert {empty.status_code, long.status_code} <= {400, 422, 428}, template
        # control: with a key the same call gets as far as the missing thing, or is made
        with_key = person.post(path.removeprefix("/api/v1"), body)
        expected = {201, 404, 422} | ({409} if template == "/api/v1/rota/copy" else set())
        assert with_key.status_code in expected, (template, with_key.text)


def test_every_patch_needs_the_version_that_was_read(
    client: TestClient[Litestar], world: World
) -> None:
    staff = As(client, world.system, "logement.sprimont")
    worker = As(client, world.system, "garde.aywaille")
    site = staff.get("/sites").json()["items"][0]
    request = worker.post("/requests", {"people": {"woman": 1}}).json()
    unit = site["units"][0]
    site_body = {"name": "Sureau", "commune": site["commune"], "address": "4 chemin du Songe"} | {
        "lat": 50.51,
        "lon": 5.66,
    }
    unit_body = {"label": unit["label"], "beds": unit["beds"]}
    me = worker.get("/rota").json()["colleagues"][0]["id"]
    shift_body = {"user_id": me} | {
        "starts_at": "2026-11-23T21:00:00Z",
        "ends_at": "2026-11-24T06:00:00Z",
    }
    (shift,) = worker.post("/rota/shifts", shift_body).json()["items"]
    cases = {
        "/api/v1/rota/shifts/{shift_id:uuid}": (
            worker,
            f"/rota/shifts/{shift['id']}",
            shift_body | {"line": 2},
            shift,
        ),
        "/api/v1/sites/{site_id:uuid}": (staff, f"/sites/{site['id']}", site_body, site),
        "/api/v1/units/{unit_id:uuid}": (staff, f"/units/{unit['id']}", unit_body, unit),
        "/api/v1/requests/{request_id:uuid}": (
            worker,
            f"/requests/{request['id']}",
            {"nights": 5},
            request,
        ),
    }
    assert set(operations(client, "PATCH")) == set(cases), "a new PATCH: add it here"
    for person, path, body, before in cases.values():
        missing = person.patch(path, body)
        assert (missing.status_code, missing.json()["code"]) == (428, "if_match_missing")
        tag = f'"{before["version"]}"'
        for stale in ('"99"', "*", "", '"x"', f'"{before["version"] - 1}"', "9" * 5000):
            refused = person.patch(path, body, if_match=stale)
            assert (refused.status_code, refused.json()["code"]) == (412, "stale"), (path, stale)
        done = person.patch(path, body, if_match=tag)
        assert done.status_code == 200, done.text
        assert done.headers["etag"] == f'"{before["version"] + 1}"'
        again = person.patch(path, body, if_match=tag)
        assert again.status_code == 412, "an edit over somebody else's"
