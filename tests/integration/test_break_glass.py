"""The link between a case's two sides: for one coordinator, one reason, one hour, on record."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from shelter.db.session import Database
from shelter.db.tables import (
    Alert,
    AuditEntry,
    BreakGlass,
    Message,
    PlacementRow,
    Request,
    Site,
    StayRow,
    Unit,
)
from shelter.domain.alerts import AlertKind
from shelter.domain.decisions import GlassReason
from shelter.domain.errors import Conflict, NotAllowed, NotFound
from shelter.domain.household import Person
from shelter.domain.sides import SYSTEM, Side
from shelter.services import alerts, break_glass, intake, looks
from shelter.services.break_glass import Opened
from shelter.services.locations import location_of
from support.server import As, client_of
from support.world import World, key, secova_world

CASE = "LI.45.L1.001234/26"
COORDINATOR, WORKER, OTHER = "coordination", "garde.aywaille", "garde.auteurs"


@pytest.fixture
def world(database: Database) -> World:
    return secova_world(database)


def both_sides(world: World) -> tuple[Request, PlacementRow, Request, PlacementRow]:
    victim, hers = world.placed(world.user(WORKER), case_reference=CASE)
    perpetrator, his = world.placed(world.user(OTHER), people={Person.MAN: 1}, case_reference=CASE)
    return victim, hers, perpetrator, his


def opened(world: World, request: Request, reason: GlassReason = GlassReason.DANGER) -> BreakGlass:
    return world.do(world.user(COORDINATOR), break_glass.open_glass, request.id, reason)


def looked(world: World, request: Request, login: str = COORDINATOR) -> Opened:
    return world.do(world.user(login), break_glass.look_through, request.id)


def nothing_shown(world: World, request: Request) -> bool:
    seen: Opened = looked(world, request)
    return seen.glass is None and seen.others == ()


def entries(world: World, action: str) -> list[AuditEntry]:
    return sorted(world.all(AuditEntry, action=action), key=lambda entry: entry.seq)


# --- what it shows and for how long ---------------------------------------------------------------


def test_closed_it_shows_nothing_and_open_the_other_side_for_one_hour(world: World) -> None:
    victim, _, perpetrator, his = both_sides(world)
    assert nothing_shown(world, victim)
    opened(world, victim)
    seen = looked(world, victim)
    [other] = seen.others
    assert other.request.id == perpetrator.id
    assert [(p.state, p.first_night, p.end_night) for p in other.placements] == [
        (his.state, his.first_night, his.end_night)
    ]
    assert other.placements[0].communes and other.placements[0].services
    assert other.duty_phone is not None
    world.clock.forward(minutes=59, seconds=59)
    assert looked(world, victim).others
    world.clock.forward(seconds=1)
    assert nothing_shown(world, victim)


def test_from_either_side_the_other_one_is_shown(world: World) -> None:
    victim, _, perpetrator, _ = both_sides(world)
    opened(world, perpetrator)
    assert [other.request.id for other in looked(world, perpetrator).others] == [victim.id]
    assert looked(world, victim).glass is None, "one request, not the case from everywhere"


def test_nothing_of_where_it_is_but_the_commune(world: World) -> None:
    """Not the site, not the unit, not the address: neither on the page nor in the API."""
    victim, _, _, his = both_sides(world)
    [stay] = world.all(StayRow, placement_id=his.id)
    [unit] = world.all(Unit, id=stay.unit_id)
    [site] = world.all(Site, id=unit.site_id)
    address = world.system.run(SYSTEM, lambda tx: location_of(tx, site).address)
    with client_of(world) as client:
        person = As(client, world.system, COORDINATOR)
        assert person.post(f"/requests/{victim.id}/glass", {"reason": "danger"}).status_code == 201
        told = person.get(f"/requests/{victim.id}/glass")
        page = person.call("GET", f"/requests/{victim.id}/glass")
    assert (told.status_code, page.status_code) == (200, 200)
    assert told.json()["others"][0]["placements"]
    for text in (told.text, page.text):
        for hidden in (site.name, unit.label, address, str(site.id), str(unit.id)):
            assert hidden not in text, hidden


def test_opening_it_again_while_it_is_open_changes_nothing(world: World) -> None:
    victim, _, _, _ = both_sides(world)
    first = opened(world, victim)
    world.clock.forward(minutes=30)
    again = opened(world, victim, GlassReason.MISTAKE)
    assert (again.id, again.until, again.reason) == (first.id, first.until, first.reason)
    assert len(world.all(BreakGlass)) == 1
    world.clock.forward(minutes=31)
    assert opened(world, victim).id != first.id


@pytest.mark.parametrize("by_page", [False, True])
def test_a_service_that_joins_the_case_later_is_told_before_anything_is_shown(
    world: World, by_page: bool
) -> None:
    """Once for each service: to look again tells nobody again."""
    perpetrator = world.ask(world.user(OTHER), people={Person.MAN: 1}, case_reference=CASE)
    opened(world, perpetrator)

    def told() -> list[str]:
        return sorted(alert.service for alert in world.all(Alert, kind=AlertKind.GLASS_BROKEN))

    before = told()
    victim = world.ask(world.user(WORKER), case_reference=CASE)
    assert told() == before, "control: nothing was shown yet"
    for _ in range(2):
        if by_page:
            with client_of(world) as client:
                person = As(client, world.system, COORDINATOR)
                page = person.call("GET", f"/requests/{perpetrator.id}/glass")
                assert victim.code in page.text
        else:
            [other] = looked(world, perpetrator).others
            assert other.request.id == victim.id
        assert told() == sorted([*before, victim.service])
    assert {alert.side for alert in world.all(Alert, kind=AlertKind.GLASS_BROKEN)} == {Side.VICTIMS}


def test_two_openings_in_one_moment_are_one(world: World) -> None:
    victim, _, _, _ = both_sides(world)
    line = threading.Barrier(4)

    def work(_number: int) -> Any:
        line.wait(timeout=20)
        return opened(world, victim).id

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(work, range(4)))) == 1
    assert len(entries(world, "glass.open")) == 2  # once for each request of the case


def test_it_can_be_closed_before_its_hour(world: World) -> None:
    victim, _, _, _ = both_sides(world)
    opened(world, victim)
    for _ in range(2):
        world.do(world.user(COORDINATOR), break_glass.close_glass, victim.id)
    assert looked(world, victim).glass is None
    assert len(entries(world, "glass.close")) == 1


def test_the_store_of_repeated_calls_does_not_outlive_the_hour(world: World) -> None:
    victim, _, perpetrator, _ = both_sides(world)
    with client_of(world) as client:
        person = As(client, world.system, COORDINATOR)
        once = key()
        path = f"/requests/{victim.id}/glass"
        person.post(path, {"reason": "danger"}, once=once)
        world.clock.forward(hours=1)
        person = As(client, world.system, COORDINATOR)
        again = person.post(path, {"reason": "danger"}, once=once)
        assert perpetrator.code not in again.text
        assert person.get(path).json() == {"open_until": None, "reason": None, "others": []}


def test_without_a_case_or_another_side_there_is_nothing_to_show(world: World) -> None:
    alone = world.ask(world.user(WORKER))
    with pytest.raises(Conflict, match="no_case"):
        opened(world, alone)
    known = world.ask(world.user(WORKER), case_reference=CASE)
    sister = world.ask(world.user(WORKER), case_reference=CASE)
    opened(world, known)
    assert looked(world, known).others == (), f"{sister.code} is of the same side"


# --- who ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("login", [WORKER, OTHER, "logement.sprimont", "sapv.secova", "admin"])
def test_nobody_but_a_coordinator_opens_it_looks_through_or_closes_it(
    world: World, login: str
) -> None:
    victim, _, perpetrator, _ = both_sides(world)
    opened(world, victim)
    actor = world.user(login)
    for request in (victim, perpetrator):
        for attempt in (break_glass.look_through, break_glass.close_glass):
            with pytest.raises((NotAllowed, NotFound)):
                world.do(actor, attempt, request.id)
        with pytest.raises((NotAllowed, NotFound)):
            world.do(actor, break_glass.open_glass, request.id, GlassReason.DANGER)


def test_what_one_coordinator_opened_is_not_open_for_another(world: World) -> None:
    victim, _, _, _ = both_sides(world)
    opened(world, victim)
    glass = world.all(BreakGlass)[0]
    assert glass.opened_by == world.user(COORDINATOR).user_id
    other = world.user(COORDINATOR)
    stranger = type(other)(world.user("admin").user_id, "another", other.role, None, other.service)
    assert world.do(stranger, break_glass.look_through, victim.id).glass is None


def test_no_ordinary_page_of_a_coordinator_shows_the_link(world: World) -> None:
    """The other side's reference stands on no page of this side's request while nothing is open."""
    victim, _, perpetrator, _ = both_sides(world)
    with client_of(world) as client:
        person = As(client, world.system, COORDINATOR)
        for one, other in ((victim, perpetrator), (perpetrator, victim)):
            pages = [
                person.call("GET", f"/requests/{one.id}{more}").text
                for more in ("", "/looks", "/glass")
            ]
            pages += [
                person.get(f"/requests/{one.id}{more}").text for more in ("", "/history", "/looks")
            ]
            for text in pages:
                assert other.code not in text and str(other.id) not in text
                assert world.system.keyring.case_hash(CASE) not in text
        opened(world, victim)
        page = person.call("GET", f"/requests/{victim.id}/glass").text
        assert perpetrator.code in page  # control: behind the glass it is


# --- who is told ----------------------------------------------------------------------------------


@pytest.mark.parametrize("from_side", list(Side))
def test_the_victim_side_and_the_sapv_are_told_and_the_other_side_is_not(
    world: World, from_side: Side
) -> None:
    victim, _, perpetrator, _ = both_sides(world)
    before = {
        login: world.do(world.user(login), alerts.list_alerts)
        for login in (OTHER, "encadrement.esneux")
    }
    messages = {message.id for message in world.all(Message)}
    opened(world, victim if from_side is Side.VICTIMS else perpetrator)
    told = world.all(Alert, kind=AlertKind.GLASS_BROKEN)
    assert {alert.service for alert in told} == {"cpas-aywaille", "sapv-secova"}
    assert {alert.side for alert in told} == {Side.VICTIMS}
    new = [message for message in world.all(Message) if message.id not in messages]
    assert {message.side for message in new} == {Side.VICTIMS}
    assert {message.service for message in new} == {"cpas-aywaille", "sapv-secova"}
    for login, seen in before.items():
        assert world.do(world.user(login), alerts.list_alerts) == seen


def test_the_perpetrator_sides_history_and_looks_are_the_same_as_before(world: World) -> None:
    _, _, perpetrator, _ = both_sides(world)
    worker = world.user(OTHER)

    def known() -> Any:
        history = world.do(worker, intake.history, perpetrator.id)
        _, seen = world.do(worker, looks.who_looked, perpetrator.id)
        return [(e.action, e.at) for e in history], [(look.action, look.at) for look in seen]

    known()  # their own look at this page is noted once
    before = known()
    opened(world, perpetrator)
    looked(world, perpetrator)
    world.do(world.user(COORDINATOR), looks.who_looked, perpetrator.id)
    assert known() == before
    # control: on the victim side, and to the coordinator, it is there
    _, seen = world.do(world.user(COORDINATOR), looks.who_looked, perpetrator.id)
    assert {"glass.open", "glass.look"} <= {look.action for look in seen}


# --- the record -----------------------------------------------------------------------------------


def test_the_opening_and_every_look_are_in_the_audit_log(world: World) -> None:
    victim, _, perpetrator, _ = both_sides(world)
    opened(world, victim, GlassReason.CONTACT)
    for _ in range(3):
        looked(world, victim)
    opening = entries(world, "glass.open")
    assert {entry.request_id for entry in opening} == {victim.id, perpetrator.id}
    assert {entry.detail["reason"] for entry in opening} == {"contact"}
    assert len(entries(world, "glass.look")) == 3 * 2, "every look, and for each request seen"
    for entry in opening + entries(world, "glass.look"):
        assert entry.side is Side.VICTIMS and entry.actor_name == world.user(COORDINATOR).name
    shown = world.do(world.user(WORKER), intake.history, victim.id)
    assert "glass.open" in [entry.action for entry in shown]


def test_a_look_that_cannot_be_written_shows_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    from shelter.services import context

    victim, _, perpetrator, _ = both_sides(world)
    opened(world, victim)

    def fail(*_: Any) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(context, "append", fail)
    with client_of(world) as client:
        person = As(client, world.system, COORDINATOR)
        answer = person.call("GET", f"/requests/{victim.id}/glass")
        assert answer.status_code == 500 and perpetrator.code not in answer.text
        assert person.call("GET", f"/requests/{perpetrator.id}").status_code == 500
