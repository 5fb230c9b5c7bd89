"""Reads of sensitive data are noted, and the person's own worker sees who looked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from shelter.db.session import Database
from shelter.db.tables import AuditEntry
from shelter.domain.errors import NotFound
from shelter.domain.household import Person
from shelter.domain.sides import Role, Side
from shelter.services import looks, placements
from support.server import As, client_of
from support.world import World, secova_world

WORKER, COORDINATOR, OTHER, STAFF = (
    "garde.aywaille",
    "coordination",
    "garde.auteurs",
    "logement.sprimont",
)


@pytest.fixture
def world(database: Database) -> World:
    return secova_world(database)


@pytest.fixture
def client(world: World) -> Iterator[TestClient[Litestar]]:
    with client_of(world) as client:
        yield client


def noted(world: World, action: str) -> int:
    return len(world.all(AuditEntry, action=action))


@pytest.mark.parametrize(
    ("login", "path", "action"),
    [
        (WORKER, "/requests/{request}", "request.look"),
        (WORKER, "/api/v1/requests/{request}", "request.look"),
        (COORDINATOR, "/requests/{request}", "request.look"),
        (WORKER, "/api/v1/requests/{request}/history", "history.look"),
        (WORKER, "/api/v1/placements/{placement}", "placement.look"),
        (STAFF, "/placements/{placement}", "placement.look"),
        (WORKER, "/requests/{request}/looks", "looks.look"),
        (COORDINATOR, "/api/v1/requests/{request}/looks", "looks.look"),
    ],
)
def test_a_look_is_noted_once_an_hour_for_each_person_and_thing(
    world: World, client: TestClient[Litestar], login: str, path: str, action: str
) -> None:
    worker = world.user(WORKER)
    request = world.ask(worker)
    unit = world.unit("Sureau", "Maison A")
    choice = placements.StayChoice(
        unit.id, request.first_night, request.first_night.replace(day=25)
    )
    placement = world.confirm(worker, world.hold(worker, request, [choice]))
    path = path.format(request=request.id, placement=placement.id)

    def looked(login: str, times: int) -> None:
        person = As(client, world.system, login)
        for _ in range(times):
            assert person.call("GET", path).status_code == 200

    assert noted(world, action) == 0
    looked(login, 3)
    assert noted(world, action) == 1
    [entry] = world.all(AuditEntry, action=action)
    assert (entry.actor_name, entry.request_id) == (world.user(login).name, request.id)
    world.clock.forward(minutes=59)
    looked(login, 1)
    assert noted(world, action) == 1
    world.clock.forward(minutes=2)
    looked(login, 1)
    assert noted(world, action) == 2


def test_every_opening_of_an_address_is_noted(world: World, client: TestClient[Litestar]) -> None:
    _, placement = world.placed(world.user(WORKER))
    person = As(client, world.system, WORKER)
    for _ in range(3):
        assert person.call("POST", f"/api/v1/placements/{placement.id}/address-look").is_success
    assert noted(world, "address.look") == 3


def test_a_refused_look_is_no_look(world: World, client: TestClient[Litestar]) -> None:
    request = world.ask(world.user(WORKER))
    for login in (OTHER, "garde.trooz"):
        assert As(client, world.system, login).get(f"/requests/{request.id}").status_code == 404
    assert noted(world, "request.look") == 0


def test_the_worker_sees_who_looked_their_own_side_by_name_others_by_role(
    world: World, client: TestClient[Litestar]
) -> None:
    request, _ = world.placed(world.user(WORKER))
    for login in (WORKER, COORDINATOR):
        As(client, world.system, login).get(f"/requests/{request.id}")
        world.clock.forward(minutes=1)
    _, seen = world.do(world.user(WORKER), looks.who_looked, request.id)
    assert [(look.name, look.role, look.service) for look in seen] == [
        (None, Role.COORDINATOR, "coordination-secova"),
        (world.user(WORKER).name, Role.ON_CALL, "cpas-aywaille"),
    ]
    page = As(client, world.system, WORKER).call("GET", f"/requests/{request.id}/looks").text
    assert world.user(COORDINATOR).name not in page
    _, all_names = world.do(world.user(COORDINATOR), looks.who_looked, request.id)
    assert {look.name for look in all_names} >= {world.user(COORDINATOR).name}


def test_only_the_own_service_and_coordinators_see_who_looked(world: World) -> None:
    request = world.ask(world.user(WORKER))
    for login in ("garde.trooz", OTHER):
        with pytest.raises(NotFound):
            world.do(world.user(login), looks.who_looked, request.id)
    for login in (WORKER, COORDINATOR):
        world.do(world.user(login), looks.who_looked, request.id)


def test_the_perpetrator_side_is_not_told_of_the_looks_of_two_sided_people(world: World) -> None:
    """When a coordinator looks may depend on a victim (SAFETY.md §1); its own people it is told."""
    worker = world.user(OTHER)
    request, _ = world.placed(worker, people={Person.MAN: 1})

    def seen(login: str) -> list[Any]:
        _, all_looks = world.do(world.user(login), looks.who_looked, request.id)
        return [look.role for look in all_looks]

    world.do(worker, lambda tx: looks.request_looked_at(tx, request))
    world.do(world.user(COORDINATOR), lambda tx: looks.request_looked_at(tx, request))
    assert seen(OTHER) == [Role.ON_CALL]
    assert Role.COORDINATOR in seen(COORDINATOR)  # control: it is noted
    for entry in world.all(AuditEntry, action="request.look"):
        two_sided = entry.actor_id == world.user(COORDINATOR).user_id
        assert entry.side is (Side.VICTIMS if two_sided else Side.PERPETRATORS)
