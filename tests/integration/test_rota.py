"""Who is on duty: shifts, gaps, swaps, and whom the telephone reaches."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from unittest import mock
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from sqlmodel import Session, col, select

from shelter.db.session import Database
from shelter.db.tables import Alert, AuditEntry, DeafPhone, ServiceRow, Shift, ShiftSwap, User
from shelter.domain.alerts import AlertKind
from shelter.domain.errors import Conflict, Invalid, NotAllowed, NotFound, Stale
from shelter.domain.rota import Span, SwapState
from shelter.domain.sides import BOTH_SIDES, SYSTEM, Side
from shelter.services import shifts, swaps
from shelter.services.context import Tx
from shelter.services.duty import duty_now, set_phones
from shelter.services.holidays import public_holidays
from shelter.services.rota import OnDuty, Reachable, numbers, on_duty
from shelter.services.rota_gaps import coming_gaps, watch_gaps
from shelter.services.shifts import ShiftInput
from support.at_once import at_once
from support.server import As, client_of
from support.world import World, secova_world

GARDE = "cpas-aywaille"
BRUSSELS = ZoneInfo("Europe/Brussels")


@pytest.fixture
def world(database: Database) -> World:
    return secova_world(database)


def change(world: World, login: str, **values: Any) -> User:
    def work(session: Session) -> User:
        user = session.exec(select(User).where(col(User.login) == login)).one()
        for name, value in values.items():
            setattr(user, name, value)
        session.add(user)
        return user

    return world.system.database.run(work, sides=BOTH_SIDES)


def colleague(world: World, login: str, of: str = "garde.aywaille", **values: Any) -> User:
    """Another account of the same service."""

    def work(session: Session) -> User:
        known = session.exec(select(User).where(col(User.login) == of)).one()
        given = known.model_dump(exclude={"id"}) | {"login": login, "name": login, "phone": None}
        row = User(**(given | values))
        session.add(row)
        return row

    return world.system.database.run(work, sides=BOTH_SIDES)


def on_shift(
    world: World,
    login: str,
    *,
    line: int = 1,
    start: datetime | None = None,
    hours: float = 12,
) -> Shift:
    """A row as it lies in the database, past every rule."""
    user = world.user(login)
    assert user.user_id is not None
    person = user.user_id
    start = start or world.clock.now() - timedelta(hours=1)

    def work(session: Session) -> Shift:
        row = Shift(
            side=user.side,
            service=str(user.service),
            user_id=person,
            line=line,
            starts_at=start,
            ends_at=start + timedelta(hours=hours),
            created_at=world.clock.now(),
        )
        session.add(row)
        return row

    return world.system.database.run(work, sides=BOTH_SIDES)


def who(world: World, service: str = GARDE, at: datetime | None = None) -> list[OnDuty]:
    return world.do(SYSTEM, on_duty, service, at)


def reached(world: World, service: str = GARDE) -> list[Reachable]:
    return world.do(SYSTEM, numbers, service)


def phones(world: World, *, duty: str | None, second: str | None = None) -> None:
    def work(tx: Tx) -> None:
        row = tx.session.get(ServiceRow, GARDE) or ServiceRow(key=GARDE, updated_at=tx.now)
        row.duty_phone, row.second_phone = duty, second
        tx.session.add(row)

    world.system.run(SYSTEM, work)


# --- whom the telephone reaches -----------------------------------------------------------------


def test_who_is_on_duty_is_read_at_the_instant_that_is_asked_about(world: World) -> None:
    shift = on_shift(world, "garde.aywaille", hours=12)
    assert [person.user_id for person in who(world)] == [shift.user_id]
    assert who(world)[0].until == shift.ends_at
    assert len(who(world, at=shift.starts_at)) == 1
    assert who(world, at=shift.ends_at) == [], "the end is the next person's"
    assert who(world, at=shift.starts_at - timedelta(seconds=1)) == []


def test_nobody_whose_account_has_ended_or_moved_is_called(world: World) -> None:
    on_shift(world, "garde.aywaille")
    assert len(who(world)) == 1
    change(world, "garde.aywaille", active=False)
    assert who(world) == []


def test_mail_is_told_of_those_who_want_it(world: World) -> None:
    on_shift(world, "garde.aywaille")
    change(world, "garde.aywaille", mail="garde@example.org")
    assert who(world)[0].mail is None
    change(world, "garde.aywaille", wants_mail=True)
    assert who(world)[0].mail == "garde@example.org"


def test_numbers_are_tried_by_line_and_the_duty_phone_stands_between(world: World) -> None:
    phones(world, duty="+32470000001", second="+32470000002")
    first = change(world, "garde.aywaille", phone="+32470000011")
    second = colleague(world, "garde.two", phone="+32470000012")
    assert [each.number for each in reached(world)] == ["+32470000001", "+32470000002"]
    assert [each.user_id for each in reached(world)] == [None, None]

    on_shift(world, "garde.two", line=2)
    on_shift(world, "garde.aywaille", line=1)
    assert [(each.number, each.user_id) for each in reached(world)] == [
        ("+32470000011", first.id),
        ("+32470000001", None),
        ("+32470000012", second.id),
        ("+32470000002", None),
    ]


def test_the_duty_phone_comes_first_where_the_first_line_has_no_number(world: World) -> None:
    phones(world, duty="+32470000001")
    change(world, "garde.aywaille", phone=None)
    on_shift(world, "garde.aywaille")
    assert [each.number for each in reached(world)] == ["+32470000001"]


def test_no_number_is_tried_twice_and_none_that_hears_nothing(world: World) -> None:
    phones(world, duty="+32470000001", second="+32470000002")
    change(world, "garde.aywaille", phone="+32470000001")
    on_shift(world, "garde.aywaille")
    assert [each.number for each in reached(world)] == ["+32470000001", "+32470000002"]

    def deaf(tx: Tx) -> None:
        tx.session.add(DeafPhone(number="+32470000001", since=tx.now))

    world.system.run(SYSTEM, deaf)
    assert [each.number for each in reached(world)] == ["+32470000002"]


def test_the_perpetrator_side_does_not_learn_which_number_opted_out(world: World) -> None:
    """Found by reading: any number set as a duty phone there would show it."""
    found = {}
    for login in ("garde.auteurs", "garde.aywaille"):  # the second is the control
        service = world.user(login).service
        assert service is not None

        def write(tx: Tx, service: str = service) -> list[Reachable]:
            row = tx.session.get(ServiceRow, service)
            row = row or ServiceRow(key=service, updated_at=tx.now)
            row.duty_phone = "+32470000009"
            tx.session.add(row)
            if tx.session.get(DeafPhone, row.duty_phone) is None:
                tx.session.add(DeafPhone(number=row.duty_phone, since=tx.now))
            tx.session.flush()
            return numbers(tx, service)

        found[login] = "+32470000009" in {each.number for each in world.system.run(SYSTEM, write)}
    assert found == {"garde.auteurs": True, "garde.aywaille": False}


# --- writing the rota ---------------------------------------------------------------------------


def local(day: int, hour: int, minute: int = 0, month: int = 11, year: int = 2026) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=BRUSSELS).astimezone(UTC)


def person(world: World, login: str) -> UUID:
    user_id = world.user(login).user_id
    assert user_id is not None
    return user_id


def night(world: World, login: str, day: int, *, line: int = 1) -> ShiftInput:
    """From ten in the evening to seven."""
    return ShiftInput(person(world, login), local(day, 22), local(day + 1, 7), line)


def add(
    world: World, actor: str, given: ShiftInput, service: str = GARDE, **more: Any
) -> list[Shift]:
    return world.do(world.user(actor), shifts.add_shift, service, given, **more)


def test_a_worker_writes_the_rota_of_the_own_service_and_the_log_says_so(world: World) -> None:
    (shift,) = add(world, "garde.aywaille", night(world, "garde.aywaille", 22))
    (row,) = world.all(Shift)
    assert (row.id, row.service, row.side, row.line) == (shift.id, GARDE, Side.VICTIMS, 1)
    (entry,) = [e for e in world.all(AuditEntry) if e.action == "shift.add"]
    assert entry.subject == f"shift:{shift.id}"
    assert entry.side is Side.VICTIMS


@pytest.mark.parametrize("login", ["garde.trooz", "garde.auteurs", "sapv.secova", "admin"])
def test_nobody_else_writes_it_but_a_coordinator(world: World, login: str) -> None:
    with pytest.raises((NotFound, NotAllowed)):
        add(world, login, night(world, "garde.aywaille", 22))
    assert world.all(Shift) == []
    assert add(world, "coordination", night(world, "garde.aywaille", 22))


@pytest.mark.parametrize("login", ["garde.trooz", "garde.auteurs", "sapv.secova", "admin"])
def test_somebody_elses_shift_is_not_there_for_others(world: World, login: str) -> None:
    (shift,) = add(world, "garde.aywaille", night(world, "garde.aywaille", 22))
    actor = world.user(login)
    for work in (
        lambda: world.do(actor, shifts.edit_shift, shift.id, night(world, "garde.trooz", 23), 1),
        lambda: world.do(actor, shifts.remove_shift, shift.id, 1),
        lambda: world.do(actor, swaps.ask_swap, shift.id, person(world, "garde.trooz")),
    ):
        with pytest.raises((NotFound, NotAllowed)):
            work()
    assert [row.version for row in world.all(Shift)] == [1]


def test_only_colleagues_of_the_service_are_put_on_its_rota(world: World) -> None:
    for login in ("garde.trooz", "garde.auteurs"):
        with pytest.raises(Invalid) as refused:
            add(world, "coordination", night(world, login, 22))
        assert [problem.code for problem in refused.value.problems] == ["colleague"]


@pytest.mark.parametrize(
    ("start", "end", "code"),
    [
        (local(22, 8), local(22, 8, 10), "shift_length"),
        (local(22, 8), local(22, 7), "shift_length"),
        (local(22, 8), local(7, 8, month=12), "shift_length"),
        (local(20, 8), local(21, 8), "shift_past"),
        (local(1, 8, year=2028), local(1, 9, year=2028), "shift_far"),
        (datetime.max.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC), "shift_far"),
        (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC), "shift_length"),
    ],
)
def test_a_shift_that_cannot_be_is_refused_with_what_to_do(
    world: World, start: datetime, end: datetime, code: str
) -> None:
    with pytest.raises(Invalid) as refused:
        add(world, "garde.aywaille", ShiftInput(person(world, "garde.aywaille"), start, end))
    assert [problem.code for problem in refused.value.problems] == [code]


def test_nobody_is_there_twice_and_nobody_is_first_beside_another(world: World) -> None:
    colleague(world, "garde.two")
    add(world, "garde.aywaille", night(world, "garde.aywaille", 22))
    with pytest.raises(Conflict) as twice:
        add(world, "garde.aywaille", night(world, "garde.aywaille", 22, line=2))
    assert twice.value.code == "shift_clash_person"
    assert twice.value.params["start"] == "22/11/2026 22:00"
    with pytest.raises(Conflict) as beside:
        add(world, "garde.aywaille", night(world, "garde.two", 22))
    assert beside.value.code == "shift_clash_line"
    assert add(world, "garde.aywaille", night(world, "garde.two", 22, line=2))
    after = ShiftInput(person(world, "garde.two"), local(23, 7), local(23, 9))
    assert add(world, "garde.aywaille", after), "one ends where the next begins"


def test_a_weekly_repeat_keeps_ten_in_the_evening_through_the_night_of_the_change(
    world: World,
) -> None:
    world.clock.at = local(1, 12, month=3, year=2027)
    given = ShiftInput(
        person(world, "garde.aywaille"),
        local(13, 22, month=3, year=2027),
        local(14, 7, month=3, year=2027),
    )
    added = add(world, "garde.aywaille", given, repeat_until=date(2027, 4, 3))
    hours = [
        (row.starts_at.astimezone(BRUSSELS).hour, row.ends_at.astimezone(BRUSSELS).hour)
        for row in world.all(Shift)
    ]
    assert hours == [(22, 7)] * 4
    lengths = sorted((row.ends_at - row.starts_at) / timedelta(hours=1) for row in added)
    assert lengths == [8, 9, 9, 9], "the night of 27 March is an hour short"


def test_a_repeat_that_meets_somebody_adds_nothing_at_all(world: World) -> None:
    colleague(world, "garde.two")
    add(world, "garde.aywaille", night(world, "garde.two", 29))
    given = night(world, "garde.aywaille", 22)
    with pytest.raises(Conflict) as refused:
        add(world, "garde.aywaille", given, repeat_until=date(2026, 12, 13))
    assert refused.value.params["start"] == "29/11/2026 22:00"
    assert len(world.all(Shift)) == 1


def test_a_shift_is_changed_by_who_read_it_and_not_after_it_is_over(world: World) -> None:
    (shift,) = add(world, "garde.aywaille", night(world, "garde.aywaille", 22))
    worker = world.user("garde.aywaille")
    longer = ShiftInput(person(world, "garde.aywaille"), local(22, 20), local(23, 9))
    with pytest.raises(Stale):
        world.do(worker, shifts.edit_shift, shift.id, longer, 7)
    edited = world.do(worker, shifts.edit_shift, shift.id, longer, 1)
    assert (edited.version, edited.starts_at) == (2, local(22, 20))
    with pytest.raises(Stale):
        world.do(worker, shifts.remove_shift, shift.id, 1)
    world.clock.at = local(23, 10)
    for work in (
        lambda: world.do(worker, shifts.edit_shift, shift.id, longer, 2),
        lambda: world.do(worker, shifts.remove_shift, shift.id, 2),
    ):
        with pytest.raises(Conflict, match="shift_over"):
            work()
    world.clock.at = local(22, 12)
    world.do(worker, shifts.remove_shift, shift.id, 2)
    assert world.all(Shift) == []
    actions = [e.action for e in world.all(AuditEntry) if e.action.startswith("shift.")]
    assert sorted(actions) == ["shift.add", "shift.edit", "shift.remove"]


def test_last_week_is_copied_where_nobody_is_yet_and_what_was_left_out_is_counted(
    world: World,
) -> None:
    colleague(world, "garde.two")
    for day in (21, 22):
        add(world, "garde.aywaille", night(world, "garde.aywaille", day))
    add(world, "garde.aywaille", night(world, "garde.two", 22, line=2))
    add(world, "garde.aywaille", night(world, "garde.two", 28))
    worker = world.user("garde.aywaille")
    copied = world.do(worker, shifts.copy_week, GARDE, date(2026, 11, 23))
    assert sorted((row.starts_at, row.line) for row in copied.shifts) == [
        (local(29, 22), 1),
        (local(29, 22), 2),
    ]
    assert copied.left_out == 1
    with pytest.raises(Conflict, match="nothing_to_copy"):
        world.do(worker, shifts.copy_week, GARDE, date(2026, 11, 23))


def test_the_same_shift_by_many_at_once_is_there_once(world: World) -> None:
    colleague(world, "garde.two")
    given = night(world, "garde.aywaille", 22)
    came = at_once([lambda: add(world, "garde.aywaille", given) for _ in range(6)])
    assert came == {"done": 1, "Conflict": 5}
    assert len(world.all(Shift)) == 1


@pytest.mark.postgres
def test_control_without_the_lock_of_the_rota_somebody_is_there_twice(
    postgres_database: Database,
) -> None:
    world = secova_world(postgres_database)
    given = night(world, "garde.aywaille", 22)
    line = threading.Barrier(2)

    def wait(*_: object, **__: object) -> None:
        line.wait(timeout=30)

    looked = shifts.refuse_clash

    def look_together(*parts: Any, **more: Any) -> None:
        looked(*parts, **more)
        wait()

    with (
        mock.patch.object(shifts, "lock_rota"),
        mock.patch.object(shifts, "refuse_clash", look_together),
    ):
        came = at_once([lambda: add(world, "garde.aywaille", given) for _ in range(2)])
    assert came == {"done": 2}
    assert len(world.all(Shift)) == 2, "the accident that the lock prevents"


# --- swaps --------------------------------------------------------------------------------------


def asked_swap(world: World, *, of: str = "garde.two") -> tuple[Shift, ShiftSwap]:
    (shift,) = add(world, "garde.aywaille", night(world, "garde.aywaille", 22))
    worker = world.user("garde.aywaille")
    return shift, world.do(worker, swaps.ask_swap, shift.id, person(world, of))


def test_a_colleague_who_agrees_has_the_shift(world: World) -> None:
    two = colleague(world, "garde.two")
    shift, swap = asked_swap(world)
    (seen,) = world.do(world.user("garde.two"), swaps.waiting_swaps)
    assert (seen.swap.id, seen.to_me) == (swap.id, True)
    world.do(world.user("garde.two"), swaps.agree_swap, swap.id)
    (row,) = world.all(Shift)
    assert (row.user_id, row.version) == (two.id, 2)
    assert world.do(world.user("garde.two"), swaps.waiting_swaps) == []
    with pytest.raises(Conflict, match="swap_decided"):
        world.do(world.user("garde.two"), swaps.agree_swap, swap.id)
    assert shift.id == row.id


def test_a_shift_stays_where_it_is_when_the_colleague_declines_or_nobody_answers(
    world: World,
) -> None:
    colleague(world, "garde.two")
    shift, swap = asked_swap(world)
    world.do(world.user("garde.two"), swaps.decline_swap, swap.id)
    again = world.do(world.user("garde.aywaille"), swaps.ask_swap, shift.id, swap.to_user)
    world.do(world.user("garde.aywaille"), swaps.withdraw_swap, again.id)
    with pytest.raises(Conflict, match="swap_decided"):
        world.do(world.user("garde.two"), swaps.agree_swap, again.id)
    assert [row.user_id for row in world.all(Shift)] == [person(world, "garde.aywaille")]
    states = sorted(row.state.value for row in world.all(ShiftSwap))
    assert states == ["declined", "withdrawn"]


def test_only_who_is_asked_answers_and_only_who_asked_takes_it_back(world: World) -> None:
    colleague(world, "garde.two")
    colleague(world, "garde.three")
    _, swap = asked_swap(world)
    for login, work in (
        ("garde.aywaille", swaps.agree_swap),
        ("garde.aywaille", swaps.decline_swap),
        ("garde.two", swaps.withdraw_swap),
        ("garde.three", swaps.agree_swap),
        ("garde.trooz", swaps.agree_swap),
        ("garde.auteurs", swaps.decline_swap),
        ("coordination", swaps.agree_swap),
    ):
        with pytest.raises((NotAllowed, NotFound)):
            world.do(world.user(login), work, swap.id)
    assert [row.state for row in world.all(ShiftSwap)] == [SwapState.ASKED]


def test_a_swap_is_asked_of_a_colleague_of_the_same_service_who_is_free(world: World) -> None:
    colleague(world, "garde.two")
    (shift,) = add(world, "garde.aywaille", night(world, "garde.aywaille", 22))
    worker = world.user("garde.aywaille")
    for login in ("garde.trooz", "garde.auteurs", "garde.aywaille"):
        with pytest.raises(Invalid):
            world.do(worker, swaps.ask_swap, shift.id, person(world, login))
    add(world, "garde.aywaille", night(world, "garde.two", 22, line=2))
    with pytest.raises(Conflict, match="shift_clash_person"):
        world.do(worker, swaps.ask_swap, shift.id, person(world, "garde.two"))
    with pytest.raises(NotAllowed, match="swap_own_shift"):
        world.do(world.user("garde.two"), swaps.ask_swap, shift.id, shift.user_id)


def test_a_colleague_who_is_on_duty_by_now_cannot_agree(world: World) -> None:
    colleague(world, "garde.two")
    _, swap = asked_swap(world)
    add(world, "garde.two", night(world, "garde.two", 22, line=2))
    with pytest.raises(Conflict, match="shift_clash_person"):
        world.do(world.user("garde.two"), swaps.agree_swap, swap.id)


def test_a_question_ends_when_the_shift_is_another(world: World) -> None:
    colleague(world, "garde.two")
    shift, swap = asked_swap(world)
    other = ShiftInput(shift.user_id, local(22, 20), local(23, 7))
    world.do(world.user("garde.aywaille"), shifts.edit_shift, shift.id, other, 1)
    with pytest.raises(Conflict, match="swap_decided"):
        world.do(world.user("garde.two"), swaps.agree_swap, swap.id)


def test_of_several_who_agree_at_once_one_has_the_shift(world: World) -> None:
    logins = [f"garde.n{n}" for n in range(4)]
    for login in logins:
        colleague(world, login)
    (shift,) = add(world, "garde.aywaille", night(world, "garde.aywaille", 22))
    worker = world.user("garde.aywaille")
    asked = [
        world.do(worker, swaps.ask_swap, shift.id, person(world, login)).id for login in logins
    ]

    def agree(login: str, swap_id: UUID) -> Callable[[], object]:
        return lambda: world.do(world.user(login), swaps.agree_swap, swap_id)

    came = at_once([agree(login, one) for login, one in zip(logins, asked, strict=True)])
    assert came == {"done": 1, "Conflict": 3}
    states = sorted(row.state.value for row in world.all(ShiftSwap))
    assert states == ["agreed", "withdrawn", "withdrawn", "withdrawn"]
    (agreed,) = world.all(ShiftSwap, state=SwapState.AGREED)
    (row,) = world.all(Shift)
    assert (row.user_id, row.version) == (agreed.to_user, 2)


def test_agreeing_and_taking_back_at_once_leave_one_truth(world: World) -> None:
    colleague(world, "garde.two")
    shift, swap = asked_swap(world)
    came = at_once(
        [
            lambda: world.do(world.user("garde.two"), swaps.agree_swap, swap.id),
            lambda: world.do(world.user("garde.aywaille"), swaps.withdraw_swap, swap.id),
        ]
    )
    assert came == {"done": 1, "Conflict": 1}
    (decided,) = world.all(ShiftSwap)
    (row,) = world.all(Shift)
    assert (row.user_id == swap.to_user) == (decided.state is SwapState.AGREED)
    assert row.id == shift.id


# --- gaps ---------------------------------------------------------------------------------------


def gaps_of(world: World, service: str = GARDE) -> list[Span]:
    return world.do(SYSTEM, lambda tx: list(coming_gaps(tx, (service,))[service]))


def around_the_clock(text: str) -> str:
    anchor = 'key = "cpas-aywaille"\n'
    assert anchor in text
    return text.replace(anchor, anchor + "around_the_clock = true\n", 1)


def test_a_service_that_is_there_around_the_clock_shows_every_hour_without_anybody(
    database: Database,
) -> None:
    world = secova_world(database, edited=around_the_clock)
    monday = local(9, 0)  # the Monday before last week's, by which a lasting gap is named
    assert gaps_of(world) == [Span(monday, local(30, 0))]
    on_shift(world, "garde.aywaille", start=local(20, 8), hours=3 * 24)
    assert gaps_of(world) == [Span(local(23, 8), local(30, 0))]


def test_a_service_with_nights_is_expected_the_same_nights_again(world: World) -> None:
    assert gaps_of(world) == [], "control: without shifts nobody is expected"
    world.clock.at = local(21, 21)
    for day in (14, 15):
        on_shift(world, "garde.aywaille", start=local(day, 22), hours=9)
    assert gaps_of(world) == [Span(local(21, 22), local(22, 7)), Span(local(22, 22), local(23, 7))]
    add(world, "garde.aywaille", night(world, "garde.aywaille", 22))
    assert gaps_of(world) == [Span(local(21, 22), local(22, 7))]
    world.clock.forward(days=40)
    assert gaps_of(world) == [], "after four weeks without a shift nobody is expected any more"


def test_a_shift_of_somebody_who_has_left_is_a_gap(database: Database) -> None:
    world = secova_world(database, edited=around_the_clock)
    colleague(world, "garde.two")
    on_shift(world, "garde.aywaille", start=local(20, 8), hours=3 * 24)
    on_shift(world, "garde.two", start=local(23, 8), hours=8 * 24)
    assert gaps_of(world) == []
    change(world, "garde.two", active=False)
    assert gaps_of(world) == [Span(local(23, 8), local(30, 0))]


def test_a_gap_is_told_once_and_to_the_coordinator_a_day_before(database: Database) -> None:
    world = secova_world(database, edited=around_the_clock)
    on_shift(world, "garde.aywaille", start=local(20, 8), hours=4 * 24)  # until Tuesday 8:00

    def told() -> list[tuple[str, str]]:
        return sorted(
            (alert.service, str(alert.occasion).split("+")[0])
            for alert in world.all(Alert, kind=AlertKind.ROTA_GAP)
        )

    assert watch_gaps(world.system) == 1
    first = ("cpas-aywaille", "rota:cpas-aywaille:2026-11-24T07:00:00")
    assert told() == [first]
    (alert,) = world.all(Alert, kind=AlertKind.ROTA_GAP)
    assert (alert.side, alert.reference) == (Side.VICTIMS, "24/11")
    for _ in range(3):
        world.clock.forward(hours=1)
        assert watch_gaps(world.system) == 0
    assert told() == [first]
    world.clock.at = local(23, 9)
    assert watch_gaps(world.system) == 1
    assert told() == [("coordination-secova", first[1]), first]
    for hour in (7, 9, 30):
        world.clock.at = local(24, 0) + timedelta(hours=hour)
        watch_gaps(world.system)
    assert len(told()) == 2, "it goes on, and is the same gap"


def test_many_who_look_for_gaps_at_once_tell_each_once(database: Database) -> None:
    world = secova_world(database, edited=around_the_clock)
    came = at_once([lambda: watch_gaps(world.system) for _ in range(4)])
    assert came == {"done": 4}
    alerts = world.all(Alert, kind=AlertKind.ROTA_GAP)
    assert sorted(alert.service for alert in alerts) == ["coordination-secova", "cpas-aywaille"]


def test_a_gap_of_the_other_side_is_an_alert_of_that_side(world: World) -> None:
    on_shift(world, "garde.auteurs", start=local(14, 22), hours=9)
    assert watch_gaps(world.system) == 1
    alerts = world.all(Alert, kind=AlertKind.ROTA_GAP)
    assert {alert.side for alert in alerts} == {Side.PERPETRATORS}


# --- who is on call now, and the wall -----------------------------------------------------------


def listed(world: World, login: str) -> list[str]:
    return [each.service.key for each in world.do(world.user(login), duty_now)]


def test_a_side_sees_its_own_services_and_those_that_act_on_both(world: World) -> None:
    on_shift(world, "garde.aywaille")
    on_shift(world, "garde.auteurs")
    on_shift(world, "sapv.secova")
    both = {"sapv-secova", "coordination-secova"}
    theirs = {"garde-secova", "commune-esneux", "commune-aywaille"}
    assert set(listed(world, "garde.auteurs")) == both | theirs
    assert listed(world, "garde.auteurs")[0] == "garde-secova", "one's own first"
    mine = set(listed(world, "garde.aywaille"))
    assert mine & theirs == set()
    assert both <= mine
    assert "cpas-aywaille" in mine
    assert theirs | mine <= set(listed(world, "coordination"))
    assert theirs | mine <= set(listed(world, "sapv.secova"))


def test_what_the_other_side_lists_does_not_move_with_victim_side_rows(world: World) -> None:
    before = world.do(world.user("garde.auteurs"), duty_now)
    on_shift(world, "garde.aywaille")
    on_shift(world, "garde.trooz", line=2)
    colleague(world, "garde.two")
    change(world, "garde.trooz", active=False)
    phones(world, duty="+32470000001", second="+32470000002")
    assert world.do(world.user("garde.auteurs"), duty_now) == before
    on_shift(world, "encadrement.esneux")
    assert world.do(world.user("garde.auteurs"), duty_now) != before, "control: its own rows do"


def test_calls_are_in_the_order_in_which_the_alerts_try_them(world: World) -> None:
    phones(world, duty="+32470000001", second="+32470000002")
    colleague(world, "garde.two", phone="+32470000012")
    change(world, "garde.aywaille", phone="+32470000011")
    on_shift(world, "garde.two", line=2)
    on_shift(world, "garde.aywaille")
    (own,) = [d for d in world.do(world.user("garde.aywaille"), duty_now) if d.service.key == GARDE]
    assert [number for _, _, number in own.calls] == [each.number for each in reached(world)]


# --- the service's own phones -------------------------------------------------------------------


def test_a_service_sets_its_own_phones_and_the_log_says_that_and_not_which(world: World) -> None:
    worker = world.user("garde.aywaille")
    world.do(worker, set_phones, None, "+32 470 00.00.01", None)
    assert [each.number for each in reached(world)] == ["+32470000001"]
    (entry,) = [e for e in world.all(AuditEntry) if e.action == "service.phones"]
    assert "470" not in str(entry.detail)
    assert entry.side is Side.VICTIMS
    world.do(worker, set_phones, None, None, None)
    assert reached(world) == [], "the network file of the sample names none"
    world.do(world.user("coordination"), set_phones, GARDE, "+32470000003", "+32470000004")
    assert [each.number for each in reached(world)] == ["+32470000003", "+32470000004"]


@pytest.mark.parametrize("number", ["0470123456", "+0470123456", "abc", "+32", "+" + "9" * 16])
def test_what_is_no_international_number_is_refused(world: World, number: str) -> None:
    with pytest.raises(Invalid) as refused:
        world.do(world.user("garde.aywaille"), set_phones, None, number, number)
    assert [p.field for p in refused.value.problems] == ["duty_phone", "second_phone"]


@pytest.mark.parametrize("login", ["garde.trooz", "garde.auteurs", "sapv.secova", "admin"])
def test_nobody_sets_the_phones_of_another_service(world: World, login: str) -> None:
    with pytest.raises((NotFound, NotAllowed)):
        world.do(world.user(login), set_phones, GARDE, "+32470000001", None)


# --- holidays -----------------------------------------------------------------------------------


def test_public_holidays_have_their_names_in_the_readers_language() -> None:
    week = (date(2026, 12, 21), date(2027, 1, 4))
    names = {language: public_holidays(*week, language) for language in ("fr", "nl", "de", "en")}
    assert {tuple(found) for found in names.values()} == {(date(2026, 12, 25), date(2027, 1, 1))}
    assert names["fr"][date(2026, 12, 25)] == "Noël"
    assert names["nl"][date(2026, 12, 25)] == "Kerstmis"
    assert names["de"][date(2026, 12, 25)] == "Weihnachten"
    assert names["en"][date(2026, 12, 25)] == "Christmas Day"


# --- over HTTP ----------------------------------------------------------------------------------


def test_the_api_adds_once_edits_what_was_read_and_removes(world: World) -> None:
    colleague(world, "garde.two")
    with client_of(world) as client:
        worker = As(client, world.system, "garde.aywaille")
        rota = worker.get("/rota", first="2026-11-16", days=14).json()
        ids = {each["name"]: each["id"] for each in rota["colleagues"]}
        body = {
            "user_id": ids["garde.two"],
            "starts_at": "2026-11-22T22:00:00+01:00",
            "ends_at": "2026-11-23T07:00:00+01:00",
        }
        first, again = (worker.post("/rota/shifts", body, once="one") for _ in range(2))
        assert (first.status_code, first.json()) == (201, again.json())
        clash = worker.post("/rota/shifts", body)
        assert (clash.status_code, clash.json()["code"]) == (409, "shift_clash_person")
        (shift,) = first.json()["items"]
        path = f"/rota/shifts/{shift['id']}"
        tag = worker.call("GET", f"/api/v1{path}").headers["ETag"]
        longer = body | {"ends_at": "2026-11-23T09:00:00+01:00"}
        assert worker.patch(path, longer).status_code == 428
        edited = worker.patch(path, longer, if_match=tag)
        assert (edited.status_code, edited.headers["ETag"]) == (200, '"2"')
        assert worker.patch(path, longer, if_match=tag).status_code == 412
        naive = worker.post("/rota/shifts", body | {"starts_at": "2026-11-24T22:00:00"})
        assert naive.status_code == 400, "an hour without a zone is none"
        headers = {"If-Match": '"2"'}
        gone = worker.call("DELETE", f"/api/v1{path}", headers=headers)
        assert gone.status_code == 204
        assert worker.get(path).status_code == 404


def test_a_swap_goes_from_question_to_answer_over_the_api(world: World) -> None:
    two = colleague(world, "garde.two")
    (shift,) = add(world, "garde.aywaille", night(world, "garde.aywaille", 22))
    with client_of(world) as client:
        worker, other = (As(client, world.system, n) for n in ("garde.aywaille", "garde.two"))
        asked = worker.post(f"/rota/shifts/{shift.id}/swaps", {"to_user": str(two.id)}).json()
        (seen,) = other.get("/rota/swaps").json()["items"]
        assert (seen["id"], seen["to_me"]) == (asked["id"], True)
        answer = other.post(f"/rota/swaps/{asked['id']}/agreement")
        assert (answer.status_code, answer.json()["state"]) == (201, "agreed")
        assert other.get("/rota", first="2026-11-16").json()["shifts"][0]["mine"] is True


def test_the_pages_add_a_shift_without_a_script_and_keep_what_was_typed(world: World) -> None:
    with client_of(world) as client:
        worker = As(client, world.system, "garde.aywaille")
        typed = {
            "key": "one",
            "user_id": str(person(world, "garde.aywaille")),
            "line": "1",
            "starts_at": "2026-11-22",
            "begins": "22:00",
            "ends_at": "07:00",
            "repeat_until": "2026-11-29",
        }
        done = worker.call("POST", "/rota/shifts", data=typed)
        assert done.status_code == 303
        assert [row.starts_at for row in world.all(Shift)] == [local(22, 22), local(29, 22)]
        refused = worker.call("POST", "/rota/shifts", data=typed | {"key": "two"})
        assert refused.status_code == 409
        assert 'value="2026-11-29"' in refused.text
        wrong = worker.call("POST", "/rota/shifts", data={"key": "three", "begins": "25:00"})
        assert wrong.status_code == 422
        week = worker.call("GET", "/rota?week=2026-11-22")
        assert "22:00" in week.text
        for bad in ("9999-12-31", "0001-01-01", "nothing"):
            assert worker.call("GET", f"/rota?week={bad}").status_code == 200
