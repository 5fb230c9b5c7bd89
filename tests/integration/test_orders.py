"""Barring orders: who may say what of one, who is told, and that none of it frees a place."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from sqlmodel import Session, col, select

from shelter.db.session import Database
from shelter.db.tables import (
    Alert,
    AuditEntry,
    BarringOrder,
    Message,
    OccupiedNight,
    PlacementRow,
    Request,
    User,
)
from shelter.domain.alerts import AlertKind
from shelter.domain.errors import Conflict, Invalid, NotAllowed, NotFound, Stale
from shelter.domain.household import Person
from shelter.domain.orders import OrderState
from shelter.domain.placements import PlacementState
from shelter.domain.requests import Outcome
from shelter.domain.sides import BOTH_SIDES, Side
from shelter.services import (
    alerts,
    intake,
    order_alerts,
    orders,
    placements,
    stays,
    watch,
)
from shelter.services.intake import KeptApart
from support.jobs import run_jobs
from support.world import FakeGateway, World, secova_world

CASE, OTHER_CASE = "LI.37.L1.012345/2026", "LI.37.L1.099999/2026"
VICTIMS, PERPETRATORS = "garde.aywaille", "garde.auteurs"
POLICE, COORDINATOR = "sapv.secova", "coordination"
MAN = {Person.MAN: 1}
UUIDS = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@pytest.fixture
def world(database: Database) -> World:
    world = secova_world(database)
    database.run(_another_worker, sides=BOTH_SIDES)
    return world


def _another_worker(session: Session) -> None:
    """A second service on the perpetrator side; the sample has one."""
    like = session.exec(select(User).where(col(User.login) == PERPETRATORS)).one()
    given = like.model_dump(exclude={"id", "login", "service", "name", "phone"})
    session.add(User(**given, login="autre", name="Autre garde", service="cpas-sprimont"))


def recorded(world: World, by: str = POLICE, case: str = CASE, **given: Any) -> BarringOrder:
    return world.do(world.user(by), orders.record, case, **given)


def served(world: World, by: str = POLICE, case: str = CASE) -> BarringOrder:
    return recorded(world, by, case, served_at=world.clock.at)


def tell(world: World) -> None:
    for side in Side:
        order_alerts.tell(world.system, side)


def told(world: World, *kinds: AlertKind) -> set[tuple[AlertKind, str, Side]]:
    return {
        (alert.kind, alert.service, alert.side)
        for alert in world.all(Alert)
        if alert.kind in (kinds or set(ORDER_KINDS))
    }


ORDER_KINDS = (
    AlertKind.ORDER_SERVED,
    AlertKind.ORDER_ENDS,
    AlertKind.ORDER_LIFTED,
    AlertKind.ORDER_EXTENDED,
)


def both_sides(world: World) -> tuple[Request, Request]:
    victim = world.ask(world.user(VICTIMS), case_reference=CASE)
    perpetrator = world.ask(world.user(PERPETRATORS), people=MAN, case_reference=CASE)
    return victim, perpetrator


# --- who may say what ----------------------------------------------------------------------------


@pytest.mark.parametrize("login", [POLICE, COORDINATOR, PERPETRATORS])
def test_those_who_know_of_it_record_it_and_it_is_the_perpetrator_side_s(
    world: World, login: str
) -> None:
    order = recorded(world, login)
    assert order.side is Side.PERPETRATORS
    assert order.state is OrderState.ORDERED and order.ends_at is None
    assert order.case_hash == world.system.keyring.case_hash(CASE)
    assert CASE not in str(order.model_dump())


@pytest.mark.parametrize("login", [VICTIMS, "logement.sprimont", "encadrement.esneux", "admin"])
def test_nobody_else_writes_least_of_all_the_victim_side(world: World, login: str) -> None:
    """What it wrote would be read on the other side, and carry over what it knows."""
    with pytest.raises(NotAllowed):
        recorded(world, login)
    world.ask(world.user(VICTIMS), case_reference=CASE)
    order, now = served(world), world.clock.at
    for act in (
        lambda tx: orders.serve(tx, order.id, now, order.version),
        lambda tx: orders.set_hearing(tx, order.id, now.date(), order.version),
        lambda tx: orders.extend(tx, order.id, now.date() + timedelta(days=40), order.version),
        lambda tx: orders.lift(tx, order.id, order.version),
        lambda tx: orders.end(tx, order.id, order.version),
    ):
        with pytest.raises(NotAllowed):
            world.system.run(world.user(login), act)
    [kept] = world.all(BarringOrder)
    assert (kept.state, kept.version) == (OrderState.SERVED, order.version)


def readers(world: World, order: BarringOrder, logins: Iterable[str]) -> set[str]:
    found = set()
    for login in logins:
        try:
            world.do(world.user(login), orders.readable_order, order.id)
        except (NotFound, NotAllowed):
            assert order.id not in listed(world, login)
        else:
            assert order.id in listed(world, login)
            found.add(login)
    return found


def listed(world: World, login: str) -> set[Any]:
    try:
        return {row.id for row in world.do(world.user(login), orders.list_orders)}
    except NotAllowed:
        return set()


EVERYBODY = (
    *(VICTIMS, "garde.trooz", PERPETRATORS, "autre", POLICE, COORDINATOR),
    *("logement.sprimont", "encadrement.esneux", "admin"),
)


def test_an_order_is_read_by_who_recorded_it_and_by_who_works_on_its_case(world: World) -> None:
    order = served(world)
    assert readers(world, order, EVERYBODY) == {POLICE, COORDINATOR}
    both_sides(world)
    assert readers(world, order, EVERYBODY) == {POLICE, COORDINATOR, VICTIMS, PERPETRATORS}


def test_one_that_the_other_side_s_worker_recorded_is_read_by_no_other_service_of_it(
    world: World,
) -> None:
    order = served(world, PERPETRATORS, OTHER_CASE)
    assert readers(world, order, EVERYBODY) == {PERPETRATORS, COORDINATOR}


def test_on_a_request_stands_what_is_known_of_its_case_alone(world: World) -> None:
    victim, perpetrator = both_sides(world)
    order = served(world)
    served(world, case=OTHER_CASE)
    for login, request in ((VICTIMS, victim), (PERPETRATORS, perpetrator)):
        assert [it.id for it in world.do(world.user(login), orders.orders_of, request)] == [
            order.id
        ]
    nobody = world.ask(world.user(VICTIMS))
    assert not world.do(world.user(VICTIMS), orders.orders_of, nobody)


def test_a_look_is_noted_once_an_hour_and_the_victim_side_s_is_not_the_other_side_s(
    world: World,
) -> None:
    both_sides(world)
    order = served(world)
    for login in (VICTIMS, PERPETRATORS, POLICE, PERPETRATORS):
        world.do(world.user(login), orders.open_order, order.id)
    sides = [entry.side for entry in world.all(AuditEntry, action="order.look")]
    assert sorted(map(str, sides)) == ["perpetrators", "victims", "victims"]


# --- its dates -----------------------------------------------------------------------------------


def test_fourteen_days_run_from_the_notification_and_not_from_the_order(world: World) -> None:
    order = recorded(world)
    world.clock.forward(days=2)
    at = world.clock.at
    order = world.do(world.user(POLICE), orders.serve, order.id, at, order.version)
    assert order.ends_at == at + timedelta(days=14)


@pytest.mark.parametrize(
    ("now", "ends"),
    [
        (datetime(2026, 10, 20, 20, 10, tzinfo=UTC), datetime(2026, 11, 3, 21, 10, tzinfo=UTC)),
        (datetime(2027, 3, 20, 21, 10, tzinfo=UTC), datetime(2027, 4, 3, 20, 10, tzinfo=UTC)),
    ],
    ids=["the clocks go back", "the clocks go forward"],
)
def test_it_ends_when_the_clock_on_the_wall_shows_the_same(
    world: World, now: datetime, ends: datetime
) -> None:
    world.clock.at = now
    assert served(world).ends_at == ends


def test_the_prosecutor_may_order_fewer_days_and_never_more(world: World) -> None:
    at = world.clock.at
    assert recorded(world, served_at=at, days=5).ends_at == at + timedelta(days=5)
    for days in (0, 15):
        with pytest.raises(Invalid):
            recorded(world, served_at=at, days=days)


@pytest.mark.parametrize("wrong", [timedelta(hours=1), timedelta(days=-40)])
def test_a_notification_lies_in_the_near_past(world: World, wrong: timedelta) -> None:
    with pytest.raises(Invalid):
        recorded(world, served_at=world.clock.at + wrong)


def test_the_court_extends_within_the_law_and_may_do_so_again(world: World) -> None:
    police, order = world.user(POLICE), served(world)
    for day in (date(2026, 12, 4), date(2027, 3, 6)):  # not longer; longer than three months
        with pytest.raises(Invalid):
            world.do(police, orders.extend, order.id, day, order.version)
    order = world.do(police, orders.extend, order.id, date(2027, 1, 10), order.version)
    assert order.state is OrderState.EXTENDED
    assert order.ends_at == datetime(2027, 1, 10, 22, 59, tzinfo=UTC)
    order = world.do(police, orders.extend, order.id, date(2027, 3, 5), order.version)
    assert order.ends_at == datetime(2027, 3, 5, 22, 59, tzinfo=UTC)


def test_an_edit_over_somebody_else_s_is_refused(world: World) -> None:
    order = served(world)
    world.do(world.user(POLICE), orders.set_hearing, order.id, date(2026, 11, 30), order.version)
    with pytest.raises(Stale):
        world.do(world.user(COORDINATOR), orders.lift, order.id, order.version)
    [kept] = world.all(BarringOrder)
    assert kept.hearing_on == date(2026, 11, 30) and kept.state is OrderState.SERVED


def test_what_is_over_is_over(world: World) -> None:
    order = served(world)
    order = world.do(world.user(POLICE), orders.end, order.id, order.version)
    assert order.closed_at == world.clock.at
    for act in (orders.lift, orders.end):
        with pytest.raises(Conflict, match="order_not_possible"):
            world.do(world.user(POLICE), act, order.id, order.version)


# --- no clock frees a place ----------------------------------------------------------------------


def test_an_order_that_runs_out_frees_no_place_and_does_not_even_end(world: World) -> None:
    worker = world.user(PERPETRATORS)
    _, placement = world.placed(worker, people=MAN, case_reference=CASE, nights=3)
    world.do(worker, placements.arrive, placement.id)
    nights = {(row.unit_id, row.night) for row in world.all(OccupiedNight)}
    order = served(world, PERPETRATORS)
    for _ in range(40):
        world.clock.forward(days=1)
        run_jobs(world.system, FakeGateway())
    [kept] = world.all(BarringOrder)
    assert (kept.state, kept.ends_at, kept.version) == (
        OrderState.SERVED,
        order.ends_at,
        order.version,
    )
    assert orders.is_past(kept, world.clock.at)
    assert world.placement(placement.id).state is PlacementState.ARRIVED
    assert {(row.unit_id, row.night) for row in world.all(OccupiedNight)} == nights
    # nor does the word of a person that the order is over
    world.do(worker, orders.end, order.id, order.version)
    run_jobs(world.system, FakeGateway())
    assert world.placement(placement.id).state is PlacementState.ARRIVED
    # control: what does free it is that somebody says that they left
    world.do(worker, stays.depart, placement.id)
    assert world.placement(placement.id).state is PlacementState.DEPARTED


# --- who is told ---------------------------------------------------------------------------------


def test_the_services_of_the_case_and_the_police_are_told_each_on_its_side(world: World) -> None:
    both_sides(world)
    served(world)
    tell(world)
    assert told(world) == {
        (AlertKind.ORDER_SERVED, "cpas-aywaille", Side.VICTIMS),
        (AlertKind.ORDER_SERVED, "sapv-secova", Side.VICTIMS),
        (AlertKind.ORDER_SERVED, "garde-secova", Side.PERPETRATORS),
    }
    tell(world)
    assert len(world.all(Alert)) == 3  # noticing it again tells nothing


def test_nobody_is_told_of_what_nobody_was_notified_of(world: World) -> None:
    both_sides(world)
    order = recorded(world)
    tell(world)
    world.do(world.user(POLICE), orders.lift, order.id, order.version)
    tell(world)
    assert told(world) == set()


def test_three_days_before_its_end_everybody_is_told_once_and_anew_after_an_extension(
    world: World,
) -> None:
    both_sides(world)
    order = served(world)
    world.clock.forward(days=10, hours=23)
    tell(world)
    assert told(world, AlertKind.ORDER_ENDS) == set()
    world.clock.forward(hours=1)
    for _ in range(3):
        tell(world)
        world.clock.forward(hours=8)
    ends = world.all(Alert, kind=AlertKind.ORDER_ENDS)
    assert sorted(alert.service for alert in ends) == [
        "cpas-aywaille",
        "garde-secova",
        "sapv-secova",
    ]
    world.do(world.user(POLICE), orders.extend, order.id, date(2027, 1, 10), order.version)
    tell(world)
    assert len(told(world, AlertKind.ORDER_EXTENDED)) == 3
    assert len(world.all(Alert, kind=AlertKind.ORDER_ENDS)) == 3
    world.clock.at = datetime(2027, 1, 8, tzinfo=UTC)
    tell(world)
    assert len(world.all(Alert, kind=AlertKind.ORDER_ENDS)) == 6


def test_one_that_is_lifted_is_told_to_be_and_does_not_end_any_more(world: World) -> None:
    both_sides(world)
    order = served(world)
    world.do(world.user(POLICE), orders.lift, order.id, order.version)
    tell(world)
    assert {kind for kind, _, _ in told(world)} == {AlertKind.ORDER_LIFTED}
    world.clock.forward(days=12)
    tell(world)
    assert {kind for kind, _, _ in told(world)} == {AlertKind.ORDER_LIFTED}


def test_who_joins_the_case_later_is_told_while_it_is_news(world: World) -> None:
    order = served(world)
    tell(world)
    assert told(world) == {(AlertKind.ORDER_SERVED, "sapv-secova", Side.VICTIMS)}
    both_sides(world)
    tell(world)
    assert len(told(world)) == 3
    world.clock.forward(days=30)  # its end is long past
    world.ask(world.user("garde.trooz"), case_reference=CASE)
    tell(world)
    assert not any(service == "cpas-trooz" for _, service, _ in told(world)), order


def test_a_service_that_has_closed_its_request_is_told_nothing_more(world: World) -> None:
    victim, _ = both_sides(world)
    world.do(world.user(VICTIMS), intake.close, victim.id, Outcome.PERSON_DECLINED)
    served(world)
    tell(world)
    assert not any(service == "cpas-aywaille" for _, service, _ in told(world))


def test_who_recorded_it_is_told_though_they_have_no_request(world: World) -> None:
    served(world, PERPETRATORS)
    tell(world)
    assert told(world) == {
        (AlertKind.ORDER_SERVED, "garde-secova", Side.PERPETRATORS),
        (AlertKind.ORDER_SERVED, "sapv-secova", Side.VICTIMS),
    }


# --- somebody who is not there -------------------------------------------------------------------


def perpetrator_placed(world: World, *, nights: int = 5) -> PlacementRow:
    worker, first = world.user(PERPETRATORS), date(2026, 11, 21)
    request = world.ask(worker, people=MAN, case_reference=CASE, nights=nights)
    room = world.unit("Ardoise", "Chambre 3")
    stay = placements.StayChoice(room.id, first, first + timedelta(days=nights))
    return world.confirm(worker, world.hold(worker, request, [stay]))


ABSENT = {
    (AlertKind.PERPETRATOR_ABSENT, "cpas-aywaille", Side.VICTIMS),
    (AlertKind.PERPETRATOR_ABSENT, "sapv-secova", Side.VICTIMS),
}


def does_not_come(world: World) -> None:
    placement = perpetrator_placed(world)
    world.do(world.user(PERPETRATORS), placements.no_show, placement.id)


def leaves_early(world: World) -> None:
    placement = perpetrator_placed(world)
    world.do(world.user(PERPETRATORS), placements.arrive, placement.id)
    world.clock.forward(days=2)
    world.do(world.user(PERPETRATORS), stays.depart, placement.id)


def is_missed(world: World) -> None:
    perpetrator_placed(world)
    world.clock.forward(hours=12)
    watch.notice_missed_arrivals(world.system)


@pytest.mark.parametrize("absence", [does_not_come, leaves_early, is_missed])
def test_a_perpetrator_who_is_not_there_is_told_to_the_victim_side_and_to_nobody_of_theirs(
    world: World, absence: Any
) -> None:
    world.ask(world.user(VICTIMS), case_reference=CASE)
    absence(world)
    tell(world)
    tell(world)
    assert told(world, AlertKind.PERPETRATOR_ABSENT) == ABSENT
    alerts = world.all(Alert, kind=AlertKind.PERPETRATOR_ABSENT)
    assert len(alerts) == 2
    # the victims' service is told that, and not where he was to be
    [theirs] = [alert for alert in alerts if alert.service == "cpas-aywaille"]
    assert theirs.placement_id is None
    assert {m.side for m in world.all(Message) if m.alert_id in {a.id for a in alerts}} <= {
        Side.VICTIMS
    }


def test_who_is_missed_and_then_does_not_come_is_absent_once(world: World) -> None:
    is_missed(world)
    tell(world)
    [placement] = world.all(PlacementRow)
    world.do(world.user(PERPETRATORS), placements.no_show, placement.id)
    tell(world)
    assert len(world.all(Alert, kind=AlertKind.PERPETRATOR_ABSENT)) == 1  # the police


def test_who_asked_to_be_kept_apart_from_that_case_is_told_too(world: World) -> None:
    world.ask(world.user(VICTIMS), case_reference=OTHER_CASE, keep_apart=(KeptApart(CASE),))
    does_not_come(world)
    tell(world)
    assert told(world, AlertKind.PERPETRATOR_ABSENT) == ABSENT


def test_who_stays_to_the_end_or_has_come_is_not_absent(world: World) -> None:
    """The control of all of these."""
    world.ask(world.user(VICTIMS), case_reference=CASE)
    placement = perpetrator_placed(world, nights=2)
    world.do(world.user(PERPETRATORS), placements.arrive, placement.id)
    tell(world)
    world.clock.at = datetime(2026, 11, 23, 10, tzinfo=UTC)  # the last promised morning
    world.do(world.user(PERPETRATORS), stays.depart, placement.id)
    tell(world)
    # nor is a woman who leaves early
    mine, stay = world.placed(world.user(VICTIMS), nights=4)
    world.do(world.user(VICTIMS), placements.arrive, stay.id)
    world.do(world.user(VICTIMS), stays.depart, stay.id)
    tell(world)
    assert told(world, AlertKind.PERPETRATOR_ABSENT) == set(), mine


# --- two worlds ----------------------------------------------------------------------------------


def seen_by_perpetrators(world: World) -> list[str]:
    """Everything on that side that could tell of the other: rows, messages, and its pages."""

    def look(session: Session) -> list[str]:
        seen = [
            f"{a.kind} {a.service} {a.created_at} {a.acknowledged_at}"
            for a in session.exec(select(Alert))
        ]
        seen += [f"{o.state} {o.ends_at} {o.version}" for o in session.exec(select(BarringOrder))]
        seen += [
            f"{m.recipient} {m.template} {m.due_at} {m.state}"
            for m in session.exec(select(Message))
        ]
        seen += [f"{e.action} {e.at} {e.detail}" for e in session.exec(select(AuditEntry))]
        return sorted(seen)

    return world.system.database.run(look, read_only=True, sides=frozenset({Side.PERPETRATORS}))


def _story(world: World, *, victims: bool) -> list[str]:
    """The same on the perpetrator side; a victim of the same case, or none."""
    before = len(seen_by_perpetrators(world))
    if victims:
        world.placed(world.user(VICTIMS), case_reference=CASE)
        world.ask(world.user("garde.trooz"), keep_apart=(KeptApart(CASE),))
    leaves_early(world)
    order = served(world, PERPETRATORS)
    tell(world)
    world.clock.forward(days=11, hours=1)
    tell(world)
    world.do(world.user(PERPETRATORS), orders.extend, order.id, date(2027, 1, 9), order.version)
    tell(world)
    seen = seen_by_perpetrators(world)
    assert len(seen) > before + 3
    # identifiers are random, and are no part of what is compared
    return sorted(UUIDS.sub("#", line) for line in seen)


@pytest.fixture
def two_worlds(
    database: Database, request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[tuple[World, World]]:
    """Alike, on two databases of one kind."""
    if database.is_sqlite:
        copy = tmp_path / "other.db"
        shutil.copyfile(request.getfixturevalue("sqlite_template"), copy)
        other = Database(f"sqlite:///{copy}")
    else:
        other = request.getfixturevalue("postgres_database")
    yield secova_world(database), secova_world(other)
    other.dispose()


def test_what_the_perpetrator_side_sees_is_the_same_with_and_without_a_victim(
    two_worlds: tuple[World, World],
) -> None:
    one, other = two_worlds
    assert _story(one, victims=True) == _story(other, victims=False)


def test_control_alerts_told_to_everybody_would_differ(two_worlds: tuple[World, World]) -> None:
    """Were what the victim side is told of that side's rows, it would be seen."""
    real = alerts.raise_alert

    def everybodys(*args: Any, **given: Any) -> Any:
        return real(*args, **(given | {"side": Side.PERPETRATORS}))

    one, other = two_worlds
    with mock.patch.object(order_alerts, "raise_alert", everybodys):
        assert _story(one, victims=True) != _story(other, victims=False)
