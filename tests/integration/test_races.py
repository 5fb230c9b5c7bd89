"""Everybody at once: each guard against double booking, and the race that it prevents."""

from __future__ import annotations

import contextlib
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlmodel import Session

from shelter.db import session as db_session
from shelter.db.session import Database
from shelter.db.tables import Message, OccupiedNight, PlacementRow, Request, Unit
from shelter.domain.errors import Conflict, Taken
from shelter.domain.household import Person
from shelter.domain.nights import each_night
from shelter.domain.placements import PlacementState
from shelter.domain.sides import Actor
from shelter.services import intake, occupancy, placements
from shelter.services.intake import KeptApart, RequestInput
from shelter.services.placements import StayChoice
from support.world import TONIGHT, World, secova_world

WOMAN = {Person.WOMAN: 1}


@pytest.fixture
def world(database: Database) -> World:
    return secova_world(database)


def requests_of(world: World, actor: Actor, *given: RequestInput) -> list[Request]:
    """Many requests in one transaction: the race is about what comes after."""
    return world.system.run(actor, lambda tx: [intake.ask(tx, each) for each in given])


def stay(unit: Unit, nights: int = 2, first: int = 0) -> StayChoice:
    begin = TONIGHT + timedelta(days=first)
    return StayChoice(unit.id, begin, begin + timedelta(days=nights))


def at_once(works: Sequence[Callable[[], Any]]) -> Counter[str]:
    """Start all in the same moment; what each came to, counted: ``done`` or its error's name."""
    line = threading.Barrier(len(works))

    def run(work: Callable[[], Any]) -> str:
        line.wait(timeout=60)
        try:
            work()
        except Exception as error:
            return type(error).__name__
        return "done"

    with ThreadPoolExecutor(len(works)) as pool:
        return Counter(pool.map(run, works))


def hold_and_confirm(world: World, actor: Actor, request: Request, *choice: StayChoice) -> None:
    world.confirm(actor, world.hold(actor, request, list(choice)))


# --- taking the guards away -----------------------------------------------------------------------


def without_locks(world: World, monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """Locks do nothing; on SQLite statements are not held together by BEGIN IMMEDIATE either."""
    for name in names:
        for module in (placements, occupancy):
            if hasattr(module, name):
                monkeypatch.setattr(module, name, lambda *_: None)
    if world.system.database.is_sqlite:
        sa.event.remove(world.system.database.engine, "begin", db_session._sqlite_begin)
        world.system.database.dispose()  # connections that were made read-only would stay so


def all_look_before_anybody_writes(monkeypatch: pytest.MonkeyPatch, workers: int) -> None:
    """Everybody waits for everybody: after every check, and before the first night is written."""

    def patient(work: Callable[..., Any], *, before: bool) -> Callable[..., Any]:
        line, waited = threading.Barrier(workers), threading.local()

        def wait_once() -> None:
            if not getattr(waited, "yes", False):
                waited.yes = True
                # who was refused does not come: the others go on without
                with contextlib.suppress(threading.BrokenBarrierError):
                    line.wait(timeout=5)

        def waiting(*args: Any, **given: Any) -> Any:
            if before:
                wait_once()
            result = work(*args, **given)
            if not before:
                wait_once()
            return result

        return waiting

    monkeypatch.setattr(occupancy, "verify_choice", patient(occupancy.verify_choice, before=False))
    # the lowest free beds are looked up just before
    monkeypatch.setattr(occupancy, "each_night", patient(each_night, before=True))


def drop_the_last_line(database: Database) -> None:
    with database.engine.begin() as connection:
        connection.execute(sa.text("DROP INDEX uq_occupied_night_unit_night_bed"))


def beds_tonight(world: World, unit: Unit) -> int:
    return len(world.all(OccupiedNight, unit_id=unit.id, night=TONIGHT))


# --- the last unit --------------------------------------------------------------------------------


def test_of_200_workers_who_want_the_last_unit_exactly_one_gets_it(world: World) -> None:
    actor = world.user("garde.aywaille")
    needs = RequestInput(people=WOMAN, step_free=True, quiet=True)
    requests = requests_of(world, actor, *[needs] * 200)
    offer = world.options(actor, requests[0])
    [unit] = [option.stays[0].unit for option in offer.options]  # the only one that suits

    outcome = at_once(
        [lambda r=r: hold_and_confirm(world, actor, r, stay(unit)) for r in requests]  # type: ignore[misc]
    )

    assert outcome == {"done": 1, "Taken": 199}
    assert beds_tonight(world, unit) == 1
    [placement] = world.all(PlacementRow)
    assert placement.state is PlacementState.CONFIRMED
    assert len(world.all(Message)) == 3


def _five_want_one(world: World, unit: Unit) -> Counter[str]:
    actor = world.user("garde.aywaille")
    requests = requests_of(world, actor, *[RequestInput(people=WOMAN)] * 5)
    return at_once(
        [lambda r=r: world.hold(actor, r, [stay(unit)]) for r in requests]  # type: ignore[misc]
    )


def test_without_locks_the_unique_index_still_lets_only_one_in(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    unit = world.unit("Bruyère", "Rez droit")
    without_locks(world, monkeypatch, "lock_units", "lock_request", "lock_cases")
    all_look_before_anybody_writes(monkeypatch, 5)

    outcome = _five_want_one(world, unit)

    assert outcome == {"done": 1, "Taken": 4}
    assert beds_tonight(world, unit) == 1


def test_control_without_locks_and_index_the_unit_is_given_out_more_than_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    unit = world.unit("Bruyère", "Rez droit")
    without_locks(world, monkeypatch, "lock_units", "lock_request", "lock_cases")
    monkeypatch.setattr(occupancy, "refuse_taken", lambda *_: None)
    all_look_before_anybody_writes(monkeypatch, 5)
    drop_the_last_line(world.system.database)

    _five_want_one(world, unit)

    assert beds_tonight(world, unit) > 1


def test_one_hold_is_confirmed_once_however_many_press_the_button(world: World) -> None:
    actor = world.user("garde.aywaille")
    [request] = requests_of(world, actor, RequestInput(people=WOMAN))
    held = world.hold(actor, request, [stay(world.unit("Bruyère", "Rez droit"))])

    outcome = at_once([lambda: world.confirm(actor, held)] * 30)

    assert outcome == {"done": 1, "Conflict": 29}
    assert len(world.all(Message)) == 3


def test_one_request_gets_one_place_however_many_units_it_is_offered(world: World) -> None:
    actor = world.user("garde.aywaille")
    [request] = requests_of(world, actor, RequestInput(people=WOMAN))
    units = [world.unit("Bruyère", "Rez droit"), world.unit("Bruyère", "Rez gauche")] * 5

    outcome = at_once(
        [lambda u=u: world.hold(actor, request, [stay(u)]) for u in units]  # type: ignore[misc]
    )

    assert outcome == {"done": 1, "Conflict": 9}
    assert len(world.all(OccupiedNight, night=TONIGHT)) == 1


# --- several units at once ------------------------------------------------------------------------


def count_deadlocks(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Deadlocks are repeated in silence, so they are counted where that is decided."""
    seen: list[str] = []
    was_in_the_way = db_session._was_in_the_way

    def look(error: sa.exc.DBAPIError) -> bool:
        if getattr(error.orig, "sqlstate", None) == "40P01":
            seen.append("40P01")
        return was_in_the_way(error)

    monkeypatch.setattr(db_session, "_was_in_the_way", look)
    return seen


def test_bookings_of_two_units_never_deadlock(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each pair is wanted in both orders, for each of three ranges of nights."""
    deadlocks = count_deadlocks(monkeypatch)
    actor = world.user("garde.aywaille")
    one, two = world.unit("Sureau", "Maison A"), world.unit("Sureau", "Maison B")
    family = RequestInput(people={Person.WOMAN: 1, Person.CHILD: 3}, may_use_two_units=True)
    requests = requests_of(world, actor, *[family] * 48)
    works = []
    for number, request in enumerate(requests):
        first = 6 * (number % 3)
        pair = (one, two) if number % 2 else (two, one)
        choice = [stay(unit, 2, first) for unit in pair]
        works.append(partial(world.hold, actor, request, choice))

    outcome = at_once(works)

    assert outcome == {"done": 3, "Taken": 45}
    assert len(world.all(OccupiedNight)) == 3 * 2 * 2
    assert deadlocks == []


@pytest.mark.postgres
def test_control_unsorted_locks_deadlock(
    postgres_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = secova_world(postgres_database)
    deadlocks = count_deadlocks(monkeypatch)
    first_is_locked = threading.Barrier(2)
    waited = threading.local()

    def unsorted(session: Session, unit_ids: Iterable[UUID]) -> None:
        for unit_id in unit_ids:
            db_session._lock(session, "unit", [str(unit_id)])
            if not getattr(waited, "yes", False):
                waited.yes = True
                first_is_locked.wait(timeout=20)

    monkeypatch.setattr(placements, "lock_units", unsorted)
    actor = world.user("garde.aywaille")
    one, two = world.unit("Sureau", "Maison A"), world.unit("Sureau", "Maison B")
    family = RequestInput(people={Person.WOMAN: 1, Person.CHILD: 3}, may_use_two_units=True)
    a, b = requests_of(world, actor, family, family)

    at_once(
        [
            lambda: world.hold(actor, a, [stay(one), stay(two)]),
            lambda: world.hold(actor, b, [stay(two), stay(one)]),
        ]
    )

    assert deadlocks


# --- parties kept apart ---------------------------------------------------------------------------


def _raced_apart(world: World, first: int) -> tuple[Counter[str], int]:
    """Two women of a family conflict want two sites that are 2.6 km apart, at once."""
    actor = world.user("garde.aywaille")
    a, b = requests_of(
        world,
        actor,
        RequestInput(
            people=WOMAN,
            case_reference=f"LI.45.L1.{first:04}/26",
            keep_apart=(KeptApart(f"LI.45.L2.{first:04}/26"),),
        ),
        RequestInput(people=WOMAN, case_reference=f"LI.45.L2.{first:04}/26"),
    )
    one, two = world.unit("Genêt", "2e étage"), world.unit("Aubépine", "Chambre 2")
    outcome = at_once(
        [
            lambda: world.hold(actor, a, [stay(one, 1, first)]),
            lambda: world.hold(actor, b, [stay(two, 1, first)]),
        ]
    )
    return outcome, len(world.all(OccupiedNight, night=TONIGHT + timedelta(days=first)))


def test_parties_kept_apart_are_never_placed_past_each_other(world: World) -> None:
    for first in range(0, 24, 3):
        outcome, housed = _raced_apart(world, first)
        assert outcome == {"done": 1, "Conflict": 1}
        assert housed == 1


def test_control_without_the_locks_of_their_cases_both_are_placed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The units differ and the index has nothing to say: only ``lock_cases`` stands between."""
    without_locks(world, monkeypatch, "lock_cases")
    all_look_before_anybody_writes(monkeypatch, 2)

    _, housed = _raced_apart(world, 0)

    assert housed == 2


# --- shared units ---------------------------------------------------------------------------------


def test_a_dormitory_never_takes_more_people_than_beds(world: World) -> None:
    actor, dormitory = world.user("garde.aywaille"), world.unit("Aubépine", "Dortoir")
    requests = requests_of(world, actor, *[RequestInput(people=WOMAN)] * 30)

    outcome = at_once(
        [lambda r=r: world.hold(actor, r, [stay(dormitory)]) for r in requests]  # type: ignore[misc]
    )

    assert outcome == {"done": 4, "Taken": 26}
    beds = [row.bed for row in world.all(OccupiedNight, unit_id=dormitory.id, night=TONIGHT)]
    assert sorted(beds) == [0, 1, 2, 3]


@pytest.mark.parametrize("last_line", [True, False], ids=["index alone", "control: nothing"])
def test_the_index_alone_keeps_a_bed_for_one(
    world: World, monkeypatch: pytest.MonkeyPatch, last_line: bool
) -> None:
    """Without locks five people reach for the lowest bed, as nobody has written theirs yet."""
    dormitory = world.unit("Aubépine", "Dortoir")
    without_locks(world, monkeypatch, "lock_units", "lock_request", "lock_cases")
    all_look_before_anybody_writes(monkeypatch, 5)
    if not last_line:
        drop_the_last_line(world.system.database)

    outcome = _five_want_one(world, dormitory)

    if last_line:
        assert outcome == {"done": 1, "Taken": 4}
    assert (beds_tonight(world, dormitory) > 4) == (not last_line)


# --- a change of mind in the same moment ----------------------------------------------------------


def test_a_hold_that_runs_out_while_it_is_confirmed_is_one_or_the_other(world: World) -> None:
    actor = world.user("garde.aywaille")
    unit = world.unit("Bruyère", "Rez droit")
    for first in range(0, 12, 3):
        [request] = requests_of(world, actor, RequestInput(people=WOMAN))
        held = world.hold(actor, request, [stay(unit, 1, first)])

        outcome = at_once(
            [
                lambda h=held: world.confirm(actor, h),  # type: ignore[misc]
                lambda h=held: world.do(actor, placements.release, h.id),  # type: ignore[misc]
            ]
        )

        row = world.placement(held.id)
        nights = world.all(OccupiedNight, night=TONIGHT + timedelta(days=first))
        assert outcome == {"done": 1, "Conflict": 1}
        assert bool(nights) == (row.state is PlacementState.CONFIRMED)


def test_an_extension_and_a_new_household_never_share_a_night(world: World) -> None:
    actor, unit = world.user("garde.aywaille"), world.unit("Bruyère", "Rez droit")
    mine, theirs = requests_of(world, actor, *[RequestInput(people=WOMAN)] * 2)
    placement = world.confirm(actor, world.hold(actor, mine, [stay(unit)]))
    end = TONIGHT + timedelta(days=6)

    outcome = at_once(
        [
            lambda: world.do(actor, placements.extend, placement.id, end),
            lambda: world.hold(actor, theirs, [stay(unit, 2, 4)]),
        ]
    )

    assert outcome == {"done": 1, "Taken": 1}
    taken = Counter(row.night for row in world.all(OccupiedNight, unit_id=unit.id))
    assert set(taken.values()) == {1}


def test_taken_is_a_conflict() -> None:
    """What the counters above call Taken is shown to the user as such, and is a 409 like it."""
    assert issubclass(Taken, Conflict)
