"""What time brings: each thing is told, to the right people, exactly once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlmodel import Session

from shelter.db.session import Database
from shelter.db.tables import Alert, Message, PlacementRow, Request, Unit
from shelter.domain.alerts import AlertKind
from shelter.domain.household import Person
from shelter.domain.placements import PlacementState
from shelter.domain.sides import SYSTEM, Side
from shelter.services import alerts, outbox, placements, separations, watch
from shelter.services.availability import confirm_unit
from shelter.services.context import Shelter, Tx
from shelter.services.intake import KeptApart
from shelter.services.placements import StayChoice
from shelter.services.problems import situation
from support.world import TONIGHT, World, secova_world

MAN, WOMAN = {Person.MAN: 1}, {Person.WOMAN: 1}
CASE = "LI.45.L1.001234/26"


@pytest.fixture
def world(database: Database) -> World:
    return secova_world(database)


def place_in(
    world: World, login: str, site: str, label: str, nights: int = 7, **given: Any
) -> tuple[Request, PlacementRow]:
    actor = world.user(login)
    request = world.ask(actor, **given)
    choice = [
        StayChoice(
            world.unit(site, label).id,
            request.first_night,
            request.first_night + timedelta(days=nights),
        )
    ]
    return request, world.confirm(actor, world.hold(actor, request, choice))


def job(world: World, work: Callable[[Shelter], int]) -> int:
    return work(world.system)


def told(world: World, kind: AlertKind) -> list[tuple[str, Side]]:
    return sorted((alert.service, alert.side) for alert in world.all(Alert, kind=kind))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


# --- exactly once ---------------------------------------------------------------------------------


def test_every_job_tells_once_however_often_and_by_how_many_it_is_run(world: World) -> None:
    """Two hours after midnight everything is due at once, and four workers notice it together."""
    place_in(world, "garde.aywaille", "Bruyère", "Rez gauche", nights=1, people=WOMAN)
    place_in(world, "garde.trooz", "Genêt", "1er étage", people=WOMAN, case_reference=CASE)
    place_in(world, "garde.auteurs", "Ardoise", "Chambre 1", people=MAN, case_reference=CASE)
    actor = world.user("garde.aywaille")
    held = world.hold(
        actor,
        world.ask(actor, people=WOMAN),
        [StayChoice(world.unit("Sureau", "Maison A").id, TONIGHT, TONIGHT + timedelta(days=2))],
    )
    world.clock.forward(hours=30)
    jobs = (
        watch.notice_missed_arrivals,
        watch.announce_endings,
        watch.chase_stale_availability,
    )
    line = threading.Barrier(4)

    def by_themselves() -> int:
        return watch.release_expired_holds(world.system) + watch.watch_separations(world.system)

    def work(_number: int) -> int:
        line.wait(timeout=20)
        return by_themselves() + sum(job(world, each) for each in jobs)

    with ThreadPoolExecutor(4) as pool:
        noticed = sum(pool.map(work, range(4)))
    again = by_themselves() + sum(job(world, each) for each in jobs)

    assert world.placement(held.id).state is PlacementState.EXPIRED
    # 1 hold, 3 missed arrivals, 1 ending, 19 units asked about
    assert noticed == 1 + 3 + 1 + len(world.all(Unit))
    assert again == 0
    assert len(world.all(Alert, kind=AlertKind.ARRIVAL_MISSED)) == 3
    assert len(world.all(Alert, kind=AlertKind.STAY_ENDS)) == 1
    assert len({m.unit_id for m in world.all(Message) if m.unit_id}) == len(world.all(Unit))


# --- missed arrivals ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hour", "expected"),
    [
        (None, "2026-11-21T22:00:00+01:00"),  # nobody said: from ten in the evening
        (23, "2026-11-21T23:00:00+01:00"),
        (0, "2026-11-22T00:00:00+01:00"),  # the small hours belong to the night before
        (3, "2026-11-22T03:00:00+01:00"),
        (9, "2026-11-22T09:00:00+01:00"),
    ],
)
def test_an_arrival_is_missed_three_hours_after_its_hour(
    sqlite_database: Database, hour: int | None, expected: str
) -> None:
    world = secova_world(sqlite_database)
    world.clock.at = at("2026-11-21T18:00:00+01:00")
    place_in(world, "garde.aywaille", "Bruyère", "Rez gauche", people=WOMAN, arrival_hour=hour)
    world.clock.at = at(expected) + timedelta(hours=3, seconds=-1)
    assert job(world, watch.notice_missed_arrivals) == 0
    world.clock.forward(seconds=1)
    assert job(world, watch.notice_missed_arrivals) == 1
    assert told(world, AlertKind.ARRIVAL_MISSED) == [("cpas-aywaille", Side.VICTIMS)]


def test_the_three_hours_are_real_ones_in_the_night_of_a_clock_change(
    sqlite_database: Database,
) -> None:
    """Found broken: hours added to a local time made it four."""
    world = secova_world(sqlite_database)
    world.clock.at = at("2026-10-24T20:00:00+02:00")
    place_in(world, "garde.aywaille", "Bruyère", "Rez gauche", people=WOMAN, arrival_hour=1)
    world.clock.at = at("2026-10-25T01:00:00+02:00") + timedelta(hours=3)
    assert job(world, watch.notice_missed_arrivals) == 1


def test_who_was_placed_after_the_hour_has_three_hours_from_then(world: World) -> None:
    world.clock.at = at("2026-11-22T02:00:00+01:00")
    place_in(world, "garde.aywaille", "Bruyère", "Rez gauche", people=WOMAN, arrival_hour=23)
    world.clock.forward(hours=2, minutes=59)
    assert job(world, watch.notice_missed_arrivals) == 0
    world.clock.forward(minutes=1)
    assert job(world, watch.notice_missed_arrivals) == 1


def test_who_arrived_is_not_missed(world: World) -> None:
    _, placement = place_in(world, "garde.aywaille", "Bruyère", "Rez gauche", people=WOMAN)
    world.do(world.user("garde.aywaille"), placements.arrive, placement.id)
    world.clock.forward(days=1)
    assert job(world, watch.notice_missed_arrivals) == 0


# --- one that cannot be read ----------------------------------------------------------------------


@pytest.mark.parametrize("bad", [Side.VICTIMS, Side.PERPETRATORS])
def test_a_row_that_cannot_be_read_on_one_side_silences_nothing_on_the_other(
    world: World, bad: Side, monkeypatch: pytest.MonkeyPatch
) -> None:
    for login, people in (("garde.aywaille", WOMAN), ("garde.auteurs", MAN)):
        world.placed(world.user(login), people=people)
        actor = world.user(login)
        world.hold_first(actor, world.ask(actor, people=people))
    good = next(side for side in Side if side is not bad)
    world.clock.forward(days=3)

    raised, asked, freed = alerts.raise_alert, outbox.queue, placements.expire

    def alert(tx: Any, kind: Any, service: Any, request: Any = None, **more: Any) -> Any:
        if (more.get("side") or request.side) is bad:
            raise ValueError("unreadable")
        return raised(tx, kind, service, request, **more)

    def message(tx: Any, template: Any, **more: Any) -> Any:
        if more["side"] is bad:
            raise ValueError("unreadable")
        return asked(tx, template, **more)

    def free(tx: Any, placement_id: Any) -> bool:
        if tx.rows.get(PlacementRow, placement_id).side is bad:
            raise ValueError("unreadable")
        return freed(tx, placement_id)

    monkeypatch.setattr(watch, "raise_alert", alert)
    monkeypatch.setattr(watch, "queue", message)
    monkeypatch.setattr(watch, "expire", free)
    done = [
        job(world, each)
        for each in (
            watch.release_expired_holds,
            watch.notice_missed_arrivals,
            watch.chase_stale_availability,
        )
    ]
    assert all(done)
    assert {side for _, side in told(world, AlertKind.ARRIVAL_MISSED)} == {good}
    expired = world.all(PlacementRow, state=PlacementState.EXPIRED)
    assert {placement.side for placement in expired} == {good}
    assert {m.side for m in world.all(Message) if m.unit_id is not None} == {good}

    world.clock.forward(days=9)
    job(world, watch.announce_endings)
    assert {side for _, side in told(world, AlertKind.STAY_ENDS)} == {good}
    monkeypatch.undo()
    job(world, watch.notice_missed_arrivals)  # control: it was the row, and is told once it is read
    assert {side for _, side in told(world, AlertKind.ARRIVAL_MISSED)} == set(Side)


# --- endings --------------------------------------------------------------------------------------


def test_an_ending_is_announced_before_the_last_night_and_again_after_an_extension(
    world: World,
) -> None:
    actor = world.user("garde.aywaille")
    _, placement = place_in(world, "garde.aywaille", "Bruyère", "Rez gauche", people=WOMAN)
    world.clock.forward(days=5)
    assert job(world, watch.announce_endings) == 0
    world.clock.forward(days=1)
    assert job(world, watch.announce_endings) == 1
    world.do(actor, placements.extend, placement.id, placement.end_night + timedelta(days=3))
    assert job(world, watch.announce_endings) == 0
    world.clock.forward(days=3)
    assert job(world, watch.announce_endings) == 1


# --- availability ---------------------------------------------------------------------------------


def test_stale_availability_is_chased_once_a_day_until_somebody_answers(world: World) -> None:
    staff, units = world.user("logement.chaudfontaine"), len(world.all(Unit))
    world.clock.at = at("2026-11-22T22:10:00+01:00")
    assert job(world, watch.chase_stale_availability) == 0  # control: a day is not too long
    world.clock.forward(minutes=1)
    assert job(world, watch.chase_stale_availability) == units
    world.clock.at = at("2026-11-23T09:59:00+01:00")  # still the same night
    assert job(world, watch.chase_stale_availability) == 0
    world.do(staff, confirm_unit, world.unit("Genêt", "Studio").id)
    world.clock.forward(minutes=1)
    assert job(world, watch.chase_stale_availability) == units - 1


def test_a_site_without_a_phone_is_chased_on_the_screens(world: World) -> None:
    def no_phone(tx: Tx) -> None:
        for site in tx.rows.sites():
            if site.name == "Genêt":
                site.contact_phone = None
                tx.session.add(site)

    world.system.run(SYSTEM, no_phone)
    world.clock.forward(days=2)
    job(world, watch.chase_stale_availability)
    stale = world.all(Alert, kind=AlertKind.AVAILABILITY_STALE)
    assert {alert.service for alert in stale} == {"commune-chaudfontaine"}
    codes = {world.unit("Genêt", label).code for label in ("1er étage", "2e étage", "Studio")}
    phone = world.all(Message, recipient="+447700900309")
    assert {message.body.split()[1].rstrip(":") for message in phone} == codes


# --- separations ----------------------------------------------------------------------------------


def _too_close(world: World) -> tuple[Request, Request]:
    """Genêt is 7.7 km from Ardoise: fine by default, too near for who asked for 20 km."""
    victim, _ = place_in(
        world,
        "garde.aywaille",
        "Genêt",
        "1er étage",
        people=WOMAN,
        case_reference=CASE,
        keep_apart=(KeptApart(CASE, 20),),
    )
    perpetrator, _ = place_in(
        world, "garde.auteurs", "Ardoise", "Chambre 1", people=MAN, case_reference=CASE
    )
    return victim, perpetrator


def test_a_broken_separation_is_told_to_the_victim_side_and_the_sapv_alone(world: World) -> None:
    victim, perpetrator = _too_close(world)

    assert watch.watch_separations(world.system) == 2
    assert watch.watch_separations(world.system) == 0

    raised = world.all(Alert, kind=AlertKind.SEPARATION_BROKEN)
    assert {alert.service for alert in raised} == {"cpas-aywaille", "sapv-secova"}
    assert {alert.side for alert in raised} == {Side.VICTIMS}
    assert {alert.request_id for alert in raised} == {victim.id}
    ids = {alert.id for alert in raised}
    phones = {m.recipient for m in world.all(Message) if m.alert_id in ids}
    assert phones == {"+447700900303", "+447700900313"}
    for login in ("garde.auteurs", "encadrement.esneux"):
        seen = world.do(world.user(login), alerts.list_alerts)
        assert not {alert.id for alert in seen} & ids
    seen = world.do(world.user("garde.aywaille"), alerts.list_alerts, answered=False)
    assert {a.kind for a in seen} == {AlertKind.SEPARATION_BROKEN}
    history = world.all(Alert, request_id=perpetrator.id)
    assert {alert.kind for alert in history} == {AlertKind.PERPETRATOR_PLACED}  # to the SAPV


def test_control_far_enough_apart_nobody_is_told(world: World) -> None:
    place_in(world, "garde.aywaille", "Genêt", "1er étage", people=WOMAN, case_reference=CASE)
    place_in(world, "garde.auteurs", "Ardoise", "Chambre 1", people=MAN, case_reference=CASE)
    assert watch.watch_separations(world.system) == 0


def test_a_separation_that_is_broken_a_second_time_is_told_a_second_time(world: World) -> None:
    """Found broken: the same two people put too close again, and nobody heard of it."""
    _, perpetrator = _too_close(world)
    watch.watch_separations(world.system)
    [first] = world.all(PlacementRow, request_id=perpetrator.id)
    actor = world.user("garde.auteurs")
    world.do(actor, placements.cancel, first.id)
    assert watch.watch_separations(world.system) == 0  # control: it is not broken now
    choice = StayChoice(world.unit("Ardoise", "Chambre 2").id, TONIGHT, TONIGHT + timedelta(days=7))
    world.confirm(actor, world.hold(actor, perpetrator, [choice]))
    assert watch.watch_separations(world.system) == 2


def test_the_perpetrator_side_is_never_refused_for_a_victims_wider_distance(world: World) -> None:
    _, perpetrator = _too_close(world)
    [placement] = world.all(PlacementRow, request_id=perpetrator.id)
    assert placement.state is PlacementState.CONFIRMED


def test_a_move_of_the_other_side_into_nearness_is_told_anew(world: World) -> None:
    """Found broken: the same two placements were one occasion for ever, wherever they went."""
    _, perpetrator = _too_close(world)
    assert watch.watch_separations(world.system) == 2
    [placement] = world.all(PlacementRow, request_id=perpetrator.id)
    actor = world.user("garde.auteurs")

    def to(site: str, label: str) -> list[StayChoice]:
        unit = world.unit(site, label)
        return [StayChoice(unit.id, placement.first_night, placement.end_night)]

    world.do(actor, placements.move, placement.id, to("Basalte", "Studio 1"))
    watch.watch_separations(world.system)
    world.do(actor, placements.move, placement.id, to("Ardoise", "Chambre 2"))
    assert watch.watch_separations(world.system) == 2


def _spoil(world: World, request: Request) -> None:
    def damage(session: Session) -> None:
        row = session.get(Request, request.id)
        assert row is not None
        row.places = b"not what was written"
        session.add(row)

    world.system.database.run(damage, sides=set(Side))


def test_a_row_that_cannot_be_read_stops_the_watch_over_nobody_else(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """Found broken: one damaged row, and no victim was watched any more."""
    damaged, _ = place_in(world, "garde.trooz", "Noisetier", "Appartement", people=WOMAN)
    victim, _ = _too_close(world)
    _spoil(world, damaged)
    with pytest.raises(Exception):  # noqa: B017  control: it cannot be read
        world.system.run(SYSTEM, lambda tx: situation(tx, Side.VICTIMS))
    assert watch.watch_separations(world.system) == 2
    assert {a.request_id for a in world.all(Alert, kind=AlertKind.SEPARATION_BROKEN)} == {victim.id}
    assert watch.watch_separations(world.system) == 0


def test_one_alert_that_cannot_be_raised_keeps_no_other_back(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, _ = _too_close(world)
    other = "LI.45.L1.005678/26"
    apart = (KeptApart(other, 20),)
    place_in(
        world,
        "garde.trooz",
        "Noisetier",
        "Appartement",
        people=WOMAN,
        case_reference=other,
        keep_apart=apart,
    )
    place_in(world, "garde.auteurs", "Basalte", "Studio 1", people=MAN, case_reference=other)
    raise_alert = alerts.raise_alert

    def failing(tx: Tx, kind: AlertKind, service: str, request: Request, **more: Any) -> Any:
        if request.id == first.id:
            raise RuntimeError("this one cannot be told")
        return raise_alert(tx, kind, service, request, **more)

    monkeypatch.setattr(separations, "raise_alert", failing)
    assert watch.watch_separations(world.system) == 2
    monkeypatch.setattr(separations, "raise_alert", raise_alert)
    assert watch.watch_separations(world.system) == 2  # the other one at the next tick


def test_a_tick_with_nothing_new_writes_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On SQLite a writer holds up everybody: how often must not depend on where victims are."""
    _too_close(world)
    database, wrote = world.system.database, []
    run = database.run

    def noted(work: Any, *, read_only: bool = False, **more: Any) -> Any:
        wrote.append(not read_only)
        return run(work, read_only=read_only, **more)

    monkeypatch.setattr(database, "run", noted)
    watch.watch_separations(world.system)
    assert any(wrote)  # control: something was new
    wrote.clear()
    watch.watch_separations(world.system)
    assert wrote == [False]
