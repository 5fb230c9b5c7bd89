"""Thousands of made-up calls, as every role: no answer is a mistake of ours, each is as described.

The description is the OpenAPI document that the application itself gives. Identifiers of things
that are there are mixed in, or nearly every call would end at "not found". Left out of
schemathesis' checks is ``allow_header_conformance`` (STACK.md); whether a value is good or bad is
the services' word, not the schema's, so those two checks are left out too.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from litestar import Litestar
from litestar.testing import TestClient
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core import NOT_SET
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from shelter.db.session import Database
from shelter.domain.household import Person
from shelter.domain.sides import Role, Side
from shelter.services import allocate, sites
from support.server import DEMO_USERS, As, client_of, routes_of
from support.world import World, key, secova_world

SCHEMA = "/api/v1/schema/openapi.json"
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
#: made-up calls of each kind (good and bad) to an operation that a role may use; and may not
ALLOWED, REFUSED = 18, 3
#: cases that must have been sent as each role; more than 5 000 together
AT_LEAST = {
    Role.ON_CALL: 950,
    Role.COMMUNE_STAFF: 830,
    Role.COORDINATOR: 900,
    Role.SAPV: 380,
    Role.ADMINISTRATOR: 250,
}


@pytest.fixture
def world(sqlite_database: Database, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(allocate, "LIMIT_S", 0.2)
    return secova_world(sqlite_database)


@pytest.fixture
def client(world: World) -> Iterator[TestClient[Litestar]]:
    with client_of(world) as client:
        yield client


def what_is_there(client: TestClient[Litestar], world: World) -> dict[str, list[str]]:
    """Identifiers for paths and bodies, of both sides and in several states."""
    known: dict[str, list[str]] = {"request_id": [], "placement_id": [], "alert_id": []}
    for login in ("garde.aywaille", "garde.auteurs"):
        actor = world.user(login)
        people = {"people": {Person.MAN: 1}} if actor.side is Side.PERPETRATORS else {}
        for _ in range(2):
            known["request_id"].append(str(world.ask(actor, **people).id))
        request, placement = world.placed(actor, **people)
        held = world.hold_first(actor, world.ask(actor, **people))
        known["request_id"].append(str(request.id))
        known["placement_id"] += [str(placement.id), str(held.id)]
    coordinator = As(client, world.system, "coordination")
    all_sites = coordinator.get("/sites").json()["items"]
    known["site_id"] = [site["id"] for site in all_sites][:6]
    known["unit_id"] = [unit["id"] for site in all_sites for unit in site["units"]][:12]
    known["alert_id"] = [alert["id"] for alert in coordinator.get("/alerts").json()["items"]][:4]
    known["block_id"] = ["00000000-0000-4000-8000-000000000000"]
    return known


def fill_in(case: Any, known: dict[str, list[str]], pick: int, body: Any) -> Any:
    """Real identifiers, keys and versions in two of three cases."""
    if pick % 3 == 0:
        return case
    for name in case.path_parameters or {}:
        if name in known:
            case.path_parameters[name] = known[name][pick % len(known[name])]
    if case.headers is not None:
        if "Idempotency-Key" in case.headers:
            case.headers["Idempotency-Key"] = key()
        if case.method == "PATCH":
            case.headers["If-Match"] = f'"{1 + pick % 2}"'
    stays = body.get("stays") if isinstance(body, dict) else None
    for stay in stays if isinstance(stays, list) else ():
        if isinstance(stay, dict) and "unit_id" in stay:
            stay["unit_id"] = known["unit_id"][pick % len(known["unit_id"])]
    return case


@pytest.mark.parametrize("login", DEMO_USERS)
def test_no_call_is_a_mistake_of_ours_and_every_answer_is_as_described(
    client: TestClient[Litestar], world: World, login: str
) -> None:
    schema = schemathesis.openapi.from_dict(client.get(SCHEMA).json())
    known = what_is_there(client, world)
    person = As(client, world.system, login)
    role = DEMO_USERS[login][0]
    access = {
        (route.method, re.sub(r":\w+}", "}", route.template)): route.access
        for route in routes_of(client.app)
    }
    answers: Counter[int] = Counter()

    def tried(case: Any, pick: int) -> None:
        case = fill_in(case, known, pick, case.body)
        transport = case.as_transport_kwargs(base_url=str(client.base_url))
        call = {
            name: value
            for name, value in transport.items()
            if name in {"method", "url", "params", "headers", "json", "content", "data", "files"}
            and value is not NOT_SET
        }
        if isinstance(call.get("data"), bytes | str):
            call["content"] = call.pop("data")
        # a made-up token would only be refused
        made_up = {k: v for k, v in call["headers"].items() if k.lower() != "authorization"}
        call["headers"] = made_up | person.headers
        try:
            answer = client.request(**call, follow_redirects=False)
        except (UnicodeEncodeError, ValueError, TypeError):
            return  # what httpx cannot send, nobody with httpx can send
        answers[answer.status_code] += 1
        case.validate_response(answer, checks=CHECKS)

    for result in schema.get_all_operations():
        operation: Any = result.ok()  # type: ignore[union-attr]
        way = (operation.method.upper(), operation.path)
        if way == ("DELETE", "/api/v1/session") or way[1].startswith("/api/v1/schema"):
            continue  # would end the session of all later calls; describes itself as a text
        stated = access[way]
        assert stated is not None
        may = stated.roles is None or role in stated.roles
        examples = ALLOWED if may else REFUSED
        if way == ("POST", "/api/v1/session"):
            examples = 3  # a password takes its time
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            cases = operation.as_strategy(generation_mode=mode)
            if mode is GenerationMode.NEGATIVE and not _can_be_wrong(operation):
                cases = operation.as_strategy()
            try_all = settings(
                max_examples=examples,
                deadline=None,
                database=None,
                derandomize=True,
                suppress_health_check=list(HealthCheck),
            )(given(case=cases, pick=st.integers(0, 999))(tried))
            try_all()
    print(f"CASES {login}: {answers.total()} {dict(sorted(answers.items()))}")
    assert answers.total() >= AT_LEAST[role]
    assert max(answers) < 500
    if role is not Role.ADMINISTRATOR:
        assert answers[200] > 20, "control: not everything is refused"


def _can_be_wrong(operation: Any) -> bool:
    """Whether there is anything in a call that could be made wrong on purpose."""
    return bool(operation.body) or any(
        True for parameter in operation.iter_parameters() if parameter.name != "Authorization"
    )


def test_all_roles_together_make_more_than_five_thousand_calls() -> None:
    assert sum(AT_LEAST[role] for role, _ in DEMO_USERS.values()) > 5_000


def test_control_a_service_that_breaks_is_found(
    client: TestClient[Litestar], world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(sites, "list_sites", broken)
    schema = schemathesis.openapi.from_dict(client.get(SCHEMA).json())
    operation = schema["/api/v1/sites"]["GET"]
    answer = As(client, world.system, "coordination").get("/sites")
    with pytest.raises(BaseExceptionGroup):
        operation.Case().validate_response(answer, checks=CHECKS)


def test_control_an_answer_of_another_shape_is_found(
    client: TestClient[Litestar], world: World
) -> None:
    document = client.get(SCHEMA).json()
    document["components"]["schemas"]["SiteOut"]["required"].append("colour")
    schema = schemathesis.openapi.from_dict(document)
    answer = As(client, world.system, "coordination").get("/sites")
    with pytest.raises(BaseExceptionGroup):
        schema["/api/v1/sites"]["GET"].Case().validate_response(answer, checks=CHECKS)
