"""The one page that shows an address: for whom, for how long, and that every look is noted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from litestar.testing import TestClient

from shelter.db.session import Database
from shelter.db.tables import AuditEntry, PlacementRow
from shelter.domain.household import Person
from shelter.domain.sides import SYSTEM, Role, Side
from shelter.services import addresses, placements
from shelter.services.accounts import create_user
from shelter.services.context import Tx
from shelter.services.lifecycle import sites_of
from shelter.services.locations import location_of
from shelter.services.placements import StayChoice
from support.server import As, client_of
from support.world import TONIGHT, World, secova_world

WORKER, GENET, SUREAU = "garde.aywaille", "logement.chaudfontaine", "logement.sprimont"
SAME_ORIGIN = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture
def world(database: Database) -> World:
    return secova_world(database)


@pytest.fixture
def client(world: World) -> Iterator[TestClient[Any]]:
    with client_of(world) as client:
        yield client


def address_of(world: World, site: str) -> str:
    def look(tx: Tx) -> str:
        [row] = [row for row in tx.rows.sites() if row.name == site]
        return location_of(tx, row).address

    return world.system.run(SYSTEM, look)


def confirmed(world: World, *stays: tuple[str, str, int, int], **given: Any) -> PlacementRow:
    actor = world.user(WORKER)
    request = world.ask(actor, **({"people": {Person.WOMAN: 1}} | given))
    choice = [
        StayChoice(
            world.unit(site, label).id,
            TONIGHT + timedelta(days=first),
            TONIGHT + timedelta(days=end),
        )
        for site, label, first, end in stays
    ]
    return world.confirm(actor, world.hold(actor, request, choice))


def page(who: As, placement: PlacementRow) -> httpx.Response:
    return who.call("GET", f"/placements/{placement.id}/address")


def look(who: As, placement: PlacementRow) -> httpx.Response:
    return who.call("POST", f"/placements/{placement.id}/address", headers=SAME_ORIGIN)


def by_api(who: As, placement: PlacementRow) -> httpx.Response:
    return who.post(f"/placements/{placement.id}/address-look")


WAYS: tuple[Callable[[As, PlacementRow], httpx.Response], ...] = (page, look, by_api)


def statuses(who: As, placement: PlacementRow) -> list[int]:
    return [way(who, placement).status_code for way in WAYS]


# --- for whom -------------------------------------------------------------------------------------


def test_the_named_worker_and_the_sites_staff_see_it_and_nobody_else(
    world: World, client: TestClient[Any]
) -> None:
    placement = confirmed(world, ("Genêt", "1er étage", 0, 7))
    world.do(
        SYSTEM,
        create_user,
        login="garde.aywaille.2",
        name="Collègue",
        password="une-phrase-assez-longue",
        role=Role.ON_CALL,
        side=Side.VICTIMS,
        service="cpas-aywaille",
    )
    expected = {
        WORKER: [200, 200, 200],
        GENET: [200, 200, 200],
        "garde.aywaille.2": [403, 403, 403],  # sees the placement, is not named on it
        "garde.trooz": [404, 404, 404],
        SUREAU: [404, 404, 404],
        "garde.auteurs": [404, 404, 404],
        "encadrement.esneux": [404, 404, 404],
        "coordination": [403, 403, 403],
        "sapv.secova": [403, 403, 403],
        "admin": [403, 403, 403],
    }
    where = address_of(world, "Genêt")
    for login, codes in expected.items():
        who = As(client, world.system, login)
        assert statuses(who, placement) == codes, login
        shown = [where in way(who, placement).text for way in WAYS]
        assert shown == ([False, True, True] if codes[0] == 200 else [False] * 3), login


def test_every_look_is_noted_and_coming_to_the_page_is_none(
    world: World, client: TestClient[Any]
) -> None:
    placement = confirmed(world, ("Genêt", "1er étage", 0, 7))
    worker, staff = (As(client, world.system, login) for login in (WORKER, GENET))
    page(worker, placement)
    assert world.all(AuditEntry, action="address.look") == []
    for who in (worker, staff, worker):
        look(who, placement)
    by_api(staff, placement)
    looks = world.all(AuditEntry, action="address.look")
    names = [world.user(WORKER).name, world.user(GENET).name]
    assert [entry.actor_name for entry in sorted(looks, key=lambda e: e.seq)] == [
        names[0],
        names[1],
        names[0],
        names[1],
    ]
    assert all(entry.detail["sites"] for entry in looks)
    assert address_of(world, "Genêt") not in str([entry.detail for entry in looks])


def test_no_copy_of_it_is_kept_on_the_way(world: World, client: TestClient[Any]) -> None:
    placement = confirmed(world, ("Genêt", "1er étage", 0, 7))
    for way in WAYS:
        answer = way(As(client, world.system, WORKER), placement)
        assert "no-store" in answer.headers["cache-control"]
        assert "etag" not in answer.headers


def test_staff_of_one_site_learn_neither_name_nor_place_of_the_other(
    world: World, client: TestClient[Any]
) -> None:
    placement = confirmed(
        world,
        ("Genêt", "1er étage", 0, 3),
        ("Sureau", "Maison A", 3, 6),
        may_change_unit=True,
        nights=6,
    )
    for login, own, other in ((GENET, "Genêt", "Sureau"), (SUREAU, "Sureau", "Genêt")):
        who = As(client, world.system, login)
        told = [
            who.call("GET", path).text
            for path in ("/", "/board", "/sites", f"/placements/{placement.id}")
        ]
        told += [way(who, placement).text for way in WAYS]
        told += [who.get(path).text for path in (f"/placements/{placement.id}", "/board", "/sites")]
        assert own in "".join(told)
        assert not [text for text in told if other in text], login
        assert not [text for text in told if address_of(world, other) in text], login
    both = by_api(As(client, world.system, WORKER), placement).json()["items"]
    assert [item["site"] for item in both] == ["Genêt", "Sureau"]  # control: the worker drives


# --- for how long ---------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["depart", "cancel", "no_show", "missed"])
def test_it_is_gone_when_the_placement_ends(
    world: World, client: TestClient[Any], ending: str
) -> None:
    placement = confirmed(world, ("Genêt", "1er étage", 0, 2))
    worker = world.user(WORKER)
    people = [As(client, world.system, login) for login in (WORKER, GENET)]
    if ending == "depart":
        world.do(worker, placements.arrive, placement.id)
    assert [statuses(who, placement) for who in people] == [[200] * 3] * 2  # control
    if ending == "missed":
        world.clock.forward(days=3)  # nobody came, and nobody has said so yet
        people = [As(client, world.system, login) for login in (WORKER, GENET)]
    else:
        world.do(worker, getattr(placements, ending), placement.id)
    looks = len(world.all(AuditEntry, action="address.look"))
    for who in people:
        assert statuses(who, placement) == [403] * 3
        assert "L’adresse n’est plus visible" in page(who, placement).text
        assert address_of(world, "Genêt") not in look(who, placement).text
        live = who.call("GET", f"/placements/{placement.id}", follow_redirects=True).text
        assert f"/placements/{placement.id}/address" not in live
    assert len(world.all(AuditEntry, action="address.look")) == looks


def test_before_the_promise_there_is_nothing_to_see(world: World, client: TestClient[Any]) -> None:
    actor = world.user(WORKER)
    unit = world.unit("Genêt", "1er étage")
    choice = [StayChoice(unit.id, TONIGHT, TONIGHT + timedelta(days=2))]
    held = world.hold(actor, world.ask(actor, people={Person.WOMAN: 1}), choice)
    for login in (WORKER, GENET):
        assert statuses(As(client, world.system, login), held) == [403] * 3


def test_who_stays_on_past_the_promise_can_still_be_found(
    world: World, client: TestClient[Any]
) -> None:
    placement = confirmed(world, ("Genêt", "1er étage", 0, 2))
    world.do(world.user(WORKER), placements.arrive, placement.id)
    world.clock.forward(days=4)
    assert statuses(As(client, world.system, GENET), placement) == [200] * 3


# --- moved away -----------------------------------------------------------------------------------


@pytest.mark.parametrize("arrived", [False, True])
def test_after_a_move_the_old_site_is_closed_to_all_and_the_new_one_open(
    world: World, client: TestClient[Any], arrived: bool
) -> None:
    placement = confirmed(world, ("Genêt", "1er étage", 0, 7))
    worker = world.user(WORKER)
    if arrived:
        world.do(worker, placements.arrive, placement.id)
        world.clock.forward(days=1)
    begin = TONIGHT + timedelta(days=int(arrived))
    there = [StayChoice(world.unit("Sureau", "Maison A").id, begin, TONIGHT + timedelta(days=7))]
    assert statuses(As(client, world.system, SUREAU), placement) == [404] * 3  # control
    world.do(worker, placements.move, placement.id, there)

    old, new = address_of(world, "Genêt"), address_of(world, "Sureau")
    assert statuses(As(client, world.system, GENET), placement) == [404] * 3
    gone = As(client, world.system, GENET).call("GET", f"/placements/{placement.id}")
    assert gone.status_code == 404
    for login in (WORKER, SUREAU):
        shown = by_api(As(client, world.system, login), placement).json()["items"]
        assert [item["address"] for item in shown] == [new]
        assert old not in look(As(client, world.system, login), placement).text


def test_who_moved_them_is_named_on_the_placement(world: World, client: TestClient[Any]) -> None:
    placement = confirmed(world, ("Genêt", "1er étage", 0, 7))
    world.do(
        SYSTEM,
        create_user,
        login="garde.aywaille.2",
        name="Collègue",
        password="une-phrase-assez-longue",
        role=Role.ON_CALL,
        side=Side.VICTIMS,
        service="cpas-aywaille",
    )
    colleague = world.user("garde.aywaille.2")
    there = [StayChoice(world.unit("Sureau", "Maison A").id, TONIGHT, TONIGHT + timedelta(days=7))]
    assert statuses(As(client, world.system, "garde.aywaille.2"), placement) == [403] * 3
    world.do(colleague, placements.move, placement.id, there)
    assert statuses(As(client, world.system, "garde.aywaille.2"), placement) == [200] * 3


def test_control_a_page_that_forgets_the_state_would_be_caught(
    world: World, client: TestClient[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    placement = confirmed(world, ("Genêt", "1er étage", 0, 2))
    world.do(world.user(WORKER), placements.cancel, placement.id)

    def forgetful(tx: Any, row: PlacementRow) -> list[Any]:
        return [site for _, site in sites_of(tx, row)]

    monkeypatch.setattr(addresses, "sites_to_open", forgetful)
    who = As(client, world.system, WORKER)
    assert address_of(world, "Genêt") in look(who, placement).text


def test_the_address_stands_in_no_other_answer(world: World, client: TestClient[Any]) -> None:
    """Every page and answer that its people can read while the placement runs."""
    placement = confirmed(world, ("Genêt", "1er étage", 0, 7))
    where = address_of(world, "Genêt")
    for login in (WORKER, GENET, "coordination", "sapv.secova"):
        who = As(client, world.system, login)
        for path in (
            "/",
            "/requests",
            f"/requests/{placement.request_id}",
            f"/placements/{placement.id}",
            f"/placements/{placement.id}/move",
            "/board",
            "/sites",
            "/alerts",
            "/messages",
            "/audience",
        ):
            assert where not in who.call("GET", path, follow_redirects=True).text, (login, path)
            assert where not in who.get(path).text, (login, path)
