"""The life of a placement through the services: every move, every refusal, on both databases."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from shelter.db.session import Database
from shelter.db.tables import (
    Alert,
    AuditEntry,
    Block,
    Message,
    OccupiedNight,
    PlacementRow,
    Request,
    Unit,
)
from shelter.domain.alerts import AlertKind
from shelter.domain.availability import BlockReason
from shelter.domain.errors import Conflict, Invalid, NotAllowed, NotFound, Taken
from shelter.domain.household import Person
from shelter.domain.placements import LIVE, MOVES, Action, PlacementState
from shelter.domain.requests import Outcome, RequestState
from shelter.domain.sides import SYSTEM, Actor, Role, Side
from shelter.services import placements, watch
from shelter.services.accounts import create_user
from shelter.services.availability import block_unit
from shelter.services.placements import StayChoice
from support.raw import all_seeing
from support.world import TONIGHT, World, secova_world

S = PlacementState
ADDRESS = "1 rue Fictive, 4920 Aywaille"


@pytest.fixture
def world(database: Database) -> World:
    return secova_world(database)


@pytest.fixture
def reviewing(database: Database) -> World:
    """A network in which a coordinator looks at every placement of the perpetrator side."""
    return secova_world(
        database,
        edited=lambda text: text.replace(
            "review_perpetrator_placements = false", "review_perpetrator_placements = true"
        ),
    )


def stay(unit: Unit, first: int = 0, nights: int = 7) -> StayChoice:
    begin = TONIGHT + timedelta(days=first)
    return StayChoice(unit.id, begin, begin + timedelta(days=nights))


def worker(world: World) -> Actor:
    return world.user("garde.aywaille")


def confirmed(
    world: World, *choice: StayChoice, people: dict[Person, int] | None = None, **given: Any
) -> PlacementRow:
    actor = worker(world)
    request = world.ask(actor, people=people or {Person.WOMAN: 1}, **given)
    return world.confirm(actor, world.hold(actor, request, list(choice)))


def nights_of(world: World, unit: Unit) -> list[date]:
    return sorted(row.night for row in world.all(OccupiedNight, unit_id=unit.id))


def days(first: int, end: int) -> list[date]:
    return [TONIGHT + timedelta(days=n) for n in range(first, end)]


def at_local_hour(world: World, hour: int, *, days_on: int = 0) -> None:
    """November in Belgium: one hour ahead of UTC."""
    at = datetime(2026, 11, 21, hour, tzinfo=UTC) - timedelta(hours=1)
    world.clock.at = at + timedelta(days=days_on)


# --- the table of moves ---------------------------------------------------------------------------

Act = Callable[[World, UUID], object]
#: what each action is, in the network that reviews, for the perpetrator side
ACTS: dict[Action, Act] = {
    Action.SUBMIT: lambda w, p: w.do(w.user("garde.auteurs"), placements.confirm, p),
    Action.APPROVE: lambda w, p: w.do(w.user("coordination"), placements.review, p, approve=True),
    Action.DECLINE: lambda w, p: w.do(w.user("coordination"), placements.review, p, approve=False),
    Action.RELEASE: lambda w, p: w.do(w.user("garde.auteurs"), placements.release, p),
    Action.ARRIVE: lambda w, p: w.do(w.user("garde.auteurs"), placements.arrive, p),
    Action.EXTEND: lambda w, p: w.do(
        w.user("garde.auteurs"),
        placements.extend,
        p,
        w.placement(p).end_night + timedelta(days=1),
    ),
    Action.DEPART: lambda w, p: w.do(w.user("garde.auteurs"), placements.depart, p),
    Action.NO_SHOW: lambda w, p: w.do(w.user("garde.auteurs"), placements.no_show, p),
    Action.CANCEL: lambda w, p: w.do(w.user("garde.auteurs"), placements.cancel, p),
}
#: how each state is reached
WAYS: dict[PlacementState, tuple[Action, ...]] = {
    S.HELD: (),
    S.AWAITING_REVIEW: (Action.SUBMIT,),
    S.CONFIRMED: (Action.SUBMIT, Action.APPROVE),
    S.ARRIVED: (Action.SUBMIT, Action.APPROVE, Action.ARRIVE),
    S.DEPARTED: (Action.SUBMIT, Action.APPROVE, Action.ARRIVE, Action.DEPART),
    S.NO_SHOW: (Action.SUBMIT, Action.APPROVE, Action.NO_SHOW),
    S.CANCELLED: (Action.SUBMIT, Action.CANCEL),
    S.DECLINED: (Action.SUBMIT, Action.DECLINE),
    S.RELEASED: (Action.RELEASE,),
}


def test_every_move_of_the_table_is_possible_and_no_other(reviewing: World) -> None:
    """Each state with each action; a stay that has ended frees its nights and its request."""
    world = reviewing
    after = {(move.action, state): move.after or state for move in MOVES for state in move.before}
    actor = world.user("garde.auteurs")
    units = [world.unit("Ardoise", f"Chambre {n}") for n in (1, 2, 3)]
    units += [world.unit("Basalte", f"Studio {n}") for n in (1, 2)]
    places = (stay(unit, first, 1) for first in count(0, 4) for unit in units)

    for state, way in WAYS.items():
        for action, act in ACTS.items():
            request = world.ask(actor, people={Person.MAN: 1})
            held = world.hold(actor, request, [next(places)])
            for step in way:
                ACTS[step](world, held.id)
            before = world.placement(held.id)
            assert before.state is state
            if (action, state) in after:
                act(world, held.id)
                assert world.placement(held.id).state is after[action, state]
            else:
                with pytest.raises(Conflict) as refusal:
                    act(world, held.id)
                assert refusal.value.code == "placement_state"
                assert world.placement(held.id) == before
            row = world.placement(held.id)
            stays = world.do(SYSTEM, lambda tx, p=row: tx.rows.stays([p.id]))  # type: ignore[misc]
            taken = [n for s in stays for n in world.all(OccupiedNight, stay_id=s.id)]
            assert bool(taken) == (row.state in LIVE)
            [asked] = world.all(Request, id=request.id)
            assert asked.state is (
                RequestState.PLACED
                if row.state in LIVE
                else RequestState.CLOSED
                if row.state is S.DEPARTED
                else RequestState.OPEN
            )


def test_without_review_a_confirmation_is_the_promise(world: World) -> None:
    placement = confirmed(world, stay(world.unit("Bruyère", "Rez gauche")))

    assert placement.state is S.CONFIRMED
    assert placement.confirmed_by == worker(world).user_id
    assert {m.recipient for m in world.all(Message)} == {
        "+447700900201",  # the worker
        "+447700900101",  # the site
        "+447700900313",  # the SAPV's duty phone
    }
    assert [a.kind for a in world.all(Alert)] == [AlertKind.PLACEMENT_CONFIRMED]


def test_a_placement_under_review_promises_nothing_until_it_is_approved(reviewing: World) -> None:
    world, actor = reviewing, reviewing.user("garde.auteurs")
    request = world.ask(actor, people={Person.MAN: 1})
    placement = world.confirm(
        actor, world.hold(actor, request, [stay(world.unit("Ardoise", "Chambre 1"))])
    )
    assert placement.state is S.AWAITING_REVIEW
    [asked] = world.all(Alert)
    assert (asked.kind, asked.service) == (AlertKind.REVIEW_WANTED, "coordination-secova")
    assert not [m for m in world.all(Message) if m.recipient in {"+447700900203", "+447700900107"}]

    ACTS[Action.APPROVE](world, placement.id)

    assert {m.recipient for m in world.all(Message)} >= {"+447700900203", "+447700900107"}
    assert AlertKind.PERPETRATOR_PLACED in {a.kind for a in world.all(Alert)}
    assert world.placement(placement.id).confirmed_by == actor.user_id


def test_an_approval_checks_the_rules_again(reviewing: World) -> None:
    """Found broken: the transaction that promised did not look whether the nights were over."""
    world, actor = reviewing, reviewing.user("garde.auteurs")
    request = world.ask(actor, people={Person.MAN: 1}, nights=1)
    placement = world.confirm(
        actor, world.hold(actor, request, [stay(world.unit("Ardoise", "Chambre 1"), nights=1)])
    )
    world.clock.forward(days=2)

    with pytest.raises(Conflict) as refusal:
        ACTS[Action.APPROVE](world, placement.id)

    assert refusal.value.code == "request_is_past"
    ACTS[Action.DECLINE](world, placement.id)
    assert world.placement(placement.id).state is S.DECLINED


# --- holding and confirming -----------------------------------------------------------------------


def test_a_hold_that_ran_out_is_freed_once_and_the_request_is_open_again(world: World) -> None:
    actor, unit = worker(world), world.unit("Bruyère", "Rez gauche")
    request = world.ask(actor)
    held = world.hold(actor, request, [stay(unit)])
    world.clock.forward(minutes=19, seconds=59)
    assert watch.release_expired_holds(world.system) == 0  # control: a second too early
    world.clock.forward(seconds=1)

    assert watch.release_expired_holds(world.system) == 1
    assert watch.release_expired_holds(world.system) == 0

    assert world.placement(held.id).state is S.EXPIRED
    assert nights_of(world, unit) == []
    assert world.hold(actor, request, [stay(unit)]).state is S.HELD


def test_a_hold_that_ran_out_cannot_be_confirmed_even_before_the_clock_freed_it(
    world: World,
) -> None:
    actor = worker(world)
    held = world.hold(actor, world.ask(actor), [stay(world.unit("Bruyère", "Rez gauche"))])
    world.clock.forward(minutes=20)

    with pytest.raises(Conflict) as refusal:
        world.confirm(actor, held)

    assert refusal.value.code == "hold_expired"
    assert world.all(Message) == []


def test_a_confirmed_placement_never_expires(world: World) -> None:
    placement = confirmed(world, stay(world.unit("Bruyère", "Rez gauche")))
    world.clock.forward(hours=5)
    assert watch.release_expired_holds(world.system) == 0
    assert not world.do(SYSTEM, placements.expire, placement.id)
    assert world.placement(placement.id).state is S.CONFIRMED


def test_a_request_has_one_live_placement(world: World) -> None:
    actor = worker(world)
    request = world.ask(actor)
    world.hold(actor, request, [stay(world.unit("Bruyère", "Rez gauche"))])
    with pytest.raises(Conflict) as refusal:
        world.hold(actor, request, [stay(world.unit("Bruyère", "Rez droit"))])
    assert refusal.value.code == "request_has_placement"


def test_what_somebody_else_holds_is_taken(world: World) -> None:
    unit = world.unit("Bruyère", "Rez gauche")
    mine, theirs = worker(world), world.user("garde.trooz")
    world.hold(mine, world.ask(mine), [stay(unit)])
    request = world.ask(theirs)
    with pytest.raises(Taken):
        world.hold(theirs, request, [stay(unit, 6, 2)])
    with pytest.raises(Taken):  # its cleaning night
        world.hold(theirs, request, [stay(unit, 7, 2)])
    assert world.hold(theirs, request, [stay(unit, 8, 2)]).state is S.HELD


def test_a_rule_that_forbids_is_named_and_holds_nothing(world: World) -> None:
    actor, unit = worker(world), world.unit("Genêt", "Studio")
    request = world.ask(actor, people={Person.WOMAN: 1, Person.CHILD: 2})
    with pytest.raises(Conflict) as refusal:
        world.hold(actor, request, [stay(unit)])
    assert (refusal.value.code, refusal.value.params["rule"]) == ("rule_forbids", "beds")
    assert nights_of(world, unit) == []
    assert world.all(PlacementRow) == []


def test_nights_that_are_over_are_not_given_out(world: World) -> None:
    """Found broken: a hold that began last year was written with all its past nights."""
    actor, unit = worker(world), world.unit("Bruyère", "Rez gauche")
    with pytest.raises(Invalid) as refusal:
        world.hold(actor, world.ask(actor), [stay(unit, -30, 31)])
    assert [(p.field, p.code) for p in refusal.value.problems] == [
        ("stays.0.first_night", "night_range")
    ]
    assert nights_of(world, unit) == []


def test_an_empty_or_backward_choice_is_refused_with_its_fields(world: World) -> None:
    actor, unit = worker(world), world.unit("Bruyère", "Rez gauche")
    request = world.ask(actor)
    for choice, field in (
        ([], "stays"),
        ([stay(unit)] * 7, "stays"),
        ([StayChoice(unit.id, TONIGHT, TONIGHT)], "stays.0.end_night"),
        ([StayChoice(unit.id, TONIGHT, TONIGHT + timedelta(days=400))], "stays.0.end_night"),
    ):
        with pytest.raises(Invalid) as refusal:
            world.hold(actor, request, choice)
        assert field in {p.field for p in refusal.value.problems}


def test_confirming_after_the_night_rolled_over_keeps_what_is_left(world: World) -> None:
    actor, unit = worker(world), world.unit("Bruyère", "Rez gauche")
    request = world.ask(actor)
    at_local_hour(world, 9, days_on=1)  # still the night of the 21st
    world.clock.forward(minutes=55)
    held = world.hold(actor, request, [stay(unit)])
    world.clock.forward(minutes=10)  # now it is the 22nd

    placement = world.confirm(actor, held)

    assert placement.state is S.CONFIRMED
    assert placement.first_night == TONIGHT


def test_a_hold_whose_only_night_is_over_is_not_confirmed(world: World) -> None:
    actor, unit = worker(world), world.unit("Bruyère", "Rez gauche")
    request = world.ask(actor, nights=1)
    at_local_hour(world, 9, days_on=1)
    world.clock.forward(minutes=55)
    held = world.hold(actor, request, [stay(unit, nights=1)])
    world.clock.forward(minutes=10)
    with pytest.raises(Conflict) as refusal:
        world.confirm(actor, held)
    assert refusal.value.code == "request_is_past"


# --- who may --------------------------------------------------------------------------------------


def test_another_service_and_the_other_side_find_nothing(world: World) -> None:
    actor, unit = worker(world), world.unit("Bruyère", "Rez gauche")
    request = world.ask(actor)
    other_units = [world.unit("Ardoise", "Chambre 1")]
    for login in ("garde.trooz", "garde.auteurs"):
        with pytest.raises(NotFound):
            world.hold(world.user(login), request, [stay(unit)])
    with pytest.raises(NotFound):  # a unit of the other side does not exist for this worker
        world.hold(actor, request, [stay(u) for u in other_units])
    held = world.hold(actor, request, [stay(unit)])
    for login in ("garde.trooz", "garde.auteurs"):
        for act in (placements.confirm, placements.release, placements.cancel):
            with pytest.raises(NotFound):
                world.do(world.user(login), act, held.id)
    assert world.confirm(actor, held).state is S.CONFIRMED  # control: its own service may


def test_other_roles_neither_hold_nor_confirm(world: World) -> None:
    actor = worker(world)
    request = world.ask(actor)
    for login in ("logement.chaudfontaine", "coordination", "sapv.secova", "admin"):
        with pytest.raises(NotAllowed):
            world.hold(world.user(login), request, [stay(world.unit("Genêt", "Studio"))])
    held = world.hold(actor, request, [stay(world.unit("Bruyère", "Rez gauche"))])
    for login in ("logement.chaudfontaine", "coordination", "sapv.secova", "admin"):
        with pytest.raises(NotAllowed):
            world.confirm(world.user(login), held)


def test_a_colleague_of_the_same_service_may_confirm_and_is_named(world: World) -> None:
    actor = worker(world)
    held = world.hold(actor, world.ask(actor), [stay(world.unit("Bruyère", "Rez gauche"))])
    colleague = _colleague(world)
    assert world.confirm(colleague, held).confirmed_by == colleague.user_id


def _colleague(world: World) -> Actor:
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
    return world.user("garde.aywaille.2")


# --- the address ----------------------------------------------------------------------------------


def test_the_address_opens_for_the_named_worker_and_the_sites_staff_and_is_logged(
    world: World,
) -> None:
    placement = confirmed(world, stay(world.unit("Genêt", "1er étage")))
    for login in ("garde.aywaille", "logement.chaudfontaine"):
        user = world.user(login)
        [(site, location)] = world.do(user, placements.reveal_address, placement.id)
        assert (site.name, location.address) == ("Genêt", "2 avenue Imaginaire, 4053 Chaudfontaine")
    looks = world.all(AuditEntry, action="address.look")
    assert [entry.actor_id for entry in looks] == [
        world.user("garde.aywaille").user_id,
        world.user("logement.chaudfontaine").user_id,
    ]
    assert all(entry.subject == f"placement:{placement.id}" for entry in looks)


def test_the_address_opens_for_nobody_else(world: World) -> None:
    placement = confirmed(world, stay(world.unit("Genêt", "1er étage")))
    for actor in (world.user("coordination"), _colleague(world)):
        with pytest.raises(NotAllowed):  # they see the placement, not where it is
            world.do(actor, placements.reveal_address, placement.id)
    for login in ("garde.trooz", "logement.sprimont", "garde.auteurs", "sapv.secova", "admin"):
        with pytest.raises(NotFound):
            world.do(world.user(login), placements.reveal_address, placement.id)
    assert world.all(AuditEntry, action="address.look") == []


def test_the_address_opens_only_while_the_placement_runs(world: World) -> None:
    actor, unit = worker(world), world.unit("Bruyère", "Rez gauche")
    held = world.hold(actor, world.ask(actor), [stay(unit)])

    def refused() -> bool:
        try:
            world.do(actor, placements.reveal_address, held.id)
        except NotAllowed as error:
            return error.code == "address_only_while_running"
        return False

    assert refused()
    world.confirm(actor, held)
    assert not refused()
    world.do(actor, placements.arrive, held.id)
    assert not refused()
    world.do(actor, placements.depart, held.id)
    assert refused()


def test_the_staff_of_one_site_do_not_see_the_other_sites_address(world: World) -> None:
    """Found broken: with a change of site both addresses opened for the staff of either."""
    placement = confirmed(
        world,
        stay(world.unit("Genêt", "1er étage"), 0, 3),
        stay(world.unit("Sureau", "Maison A"), 3, 3),
        may_change_unit=True,
        nights=6,
    )
    for login, site in (("logement.chaudfontaine", "Genêt"), ("logement.sprimont", "Sureau")):
        shown = world.do(world.user(login), placements.reveal_address, placement.id)
        assert [row.name for row, _ in shown] == [site]
    shown = world.do(worker(world), placements.reveal_address, placement.id)
    assert [row.name for row, _ in shown] == ["Genêt", "Sureau"]  # control: the worker drives


def test_no_address_lies_readable_in_the_database(world: World) -> None:
    placement = confirmed(world, stay(world.unit("Bruyère", "Rez gauche")))
    [(_, location)] = world.do(worker(world), placements.reveal_address, placement.id)
    assert location.address == ADDRESS

    everything = _dump(world.system.database)

    assert b"Fictive" not in everything
    assert "Bruyère".encode() in everything  # control: what is not encrypted is found


def _dump(database: Database) -> bytes:
    """All bytes of the SQLite files, or all rows of all tables as text."""
    if database.is_sqlite:
        path = Path(database.url.removeprefix("sqlite:///"))
        return b"".join(file.read_bytes() for file in path.parent.glob(path.name + "*"))
    parts: list[bytes] = []
    with all_seeing(database).connect() as connection:
        for table in sa.inspect(connection).get_table_names():
            rows = connection.execute(sa.text(f'SELECT t::text FROM "{table}" t'))
            parts.extend(row[0].encode() for row in rows)
        for (value,) in connection.execute(sa.text("SELECT location FROM site")):
            parts.append(bytes(value))
    return b"\n".join(parts)


# --- the end of a stay ----------------------------------------------------------------------------


def arrived(world: World, *choice: StayChoice, **given: Any) -> PlacementRow:
    placement = confirmed(world, *choice, **given)
    world.do(worker(world), placements.arrive, placement.id)
    return placement


@pytest.mark.parametrize(
    ("hour", "free_from"),
    [(9, 3), (10, 3), (23, 3), (3, 3)],
    ids=["morning", "rolled over", "late evening", "small hours"],
)
def test_a_departure_frees_the_nights_to_come_after_cleaning(
    world: World, hour: int, free_from: int
) -> None:
    """On the third day: before 10 the night that was slept still counts as tonight."""
    unit = world.unit("Genêt", "1er étage")  # two nights of cleaning
    placement = arrived(world, stay(unit))
    at_local_hour(world, hour, days_on=free_from)

    world.do(worker(world), placements.depart, placement.id)

    assert nights_of(world, unit) == days(0, free_from)
    [block] = world.all(Block, unit_id=unit.id)
    assert block.reason is BlockReason.CLEANING
    assert (block.first_night, block.end_night) == (
        TONIGHT + timedelta(days=free_from),
        TONIGHT + timedelta(days=free_from + 2),
    )
    row = world.placement(placement.id)
    assert (row.state, row.end_night) == (S.DEPARTED, TONIGHT + timedelta(days=free_from))
    [request] = world.all(Request, id=placement.request_id)
    assert (request.state, request.outcome) == (RequestState.CLOSED, Outcome.HOUSED)
    assert "+447700900102" in {m.recipient for m in world.all(Message)}  # the site is told


def test_the_unit_is_given_out_again_right_after_cleaning(world: World) -> None:
    unit, actor = world.unit("Genêt", "1er étage"), worker(world)
    placement = arrived(world, stay(unit))
    at_local_hour(world, 11, days_on=2)
    world.do(actor, placements.depart, placement.id)
    request = world.ask(actor)
    with pytest.raises(Taken):
        world.hold(actor, request, [stay(unit, 3, 2)])
    assert world.hold(actor, request, [stay(unit, 4, 2)]).state is S.HELD


def test_who_leaves_on_the_evening_of_arrival_has_used_one_night(world: World) -> None:
    """Found broken: the placement still said that it lasted a week."""
    unit = world.unit("Bruyère", "Rez gauche")
    placement = arrived(world, stay(unit))
    world.do(worker(world), placements.depart, placement.id)
    assert world.placement(placement.id).end_night == TONIGHT + timedelta(days=1)
    # found broken: the night stayed taken, so what was offered next could never be held
    assert nights_of(world, unit) == []
    assert world.hold_first(worker(world), world.ask(worker(world))).state is S.HELD


def test_a_unit_that_nobody_ever_moved_into_is_free_and_needs_no_cleaning(world: World) -> None:
    """Found broken: a departure before the change of unit kept a night there, and cleaned it."""
    first, second = world.unit("Genêt", "1er étage"), world.unit("Sureau", "Maison A")
    placement = arrived(
        world, stay(first, 0, 3), stay(second, 3, 3), may_change_unit=True, nights=6
    )
    at_local_hour(world, 14, days_on=1)

    world.do(worker(world), placements.depart, placement.id)

    assert nights_of(world, first) == days(0, 1)
    assert nights_of(world, second) == []
    assert [block.unit_id for block in world.all(Block)] == [first.id]


def test_a_departure_from_a_dormitory_closes_it_for_nobody(world: World) -> None:
    """Found broken: the cleaning block took the beds of those who stay."""
    dormitory = world.unit("Aubépine", "Dortoir")
    with all_seeing(world.system.database).begin() as connection:
        connection.execute(sa.text("UPDATE unit SET cleaning_nights = 1 WHERE label = 'Dortoir'"))
    leaving = arrived(world, stay(dormitory, 0, 3))
    staying = arrived(world, stay(dormitory, 0, 3))
    at_local_hour(world, 14, days_on=1)

    world.do(worker(world), placements.depart, leaving.id)

    assert world.all(Block) == []
    extended = world.do(worker(world), placements.extend, staying.id, TONIGHT + timedelta(days=5))
    assert extended.end_night == TONIGHT + timedelta(days=5)


def test_a_no_show_frees_every_night_and_tells_the_service(world: World) -> None:
    unit = world.unit("Bruyère", "Rez gauche")
    placement = confirmed(world, stay(unit))
    world.clock.forward(hours=4)
    world.do(worker(world), placements.no_show, placement.id)
    assert nights_of(world, unit) == []
    assert [a.service for a in world.all(Alert, kind=AlertKind.NO_SHOW)] == ["cpas-aywaille"]
    assert world.all(Block) == []  # nobody was there: nothing to clean


def test_a_cancellation_tells_the_site_and_a_release_tells_nobody(world: World) -> None:
    actor, unit = worker(world), world.unit("Bruyère", "Rez gauche")
    held = world.hold(actor, world.ask(actor), [stay(unit)])
    world.do(actor, placements.release, held.id)
    assert world.all(Message) == []
    placement = confirmed(world, stay(unit))
    world.do(actor, placements.cancel, placement.id)
    ended = [m for m in world.all(Message, recipient="+447700900101") if "terminé" in m.body]
    assert len(ended) == 1
    assert nights_of(world, unit) == []


# --- longer stays ---------------------------------------------------------------------------------


def extend(world: World, placement: PlacementRow, nights: int) -> PlacementRow:
    end = TONIGHT + timedelta(days=nights)
    return world.do(worker(world), placements.extend, placement.id, end)


def test_a_stay_is_renewed_as_often_as_its_place_permits(world: World) -> None:
    unit = world.unit("Genêt", "Studio")  # 7 nights, once more 7
    placement = arrived(world, stay(unit))
    with pytest.raises(Conflict) as refusal:
        extend(world, placement, 15)
    assert refusal.value.params["rule"] == "max_stay"
    assert extend(world, placement, 14).end_night == TONIGHT + timedelta(days=14)
    assert nights_of(world, unit) == days(0, 14)


def test_a_first_stay_is_no_longer_than_the_place_permits(world: World) -> None:
    with pytest.raises(Conflict) as refusal:
        confirmed(world, stay(world.unit("Genêt", "Studio"), nights=8), nights=8)
    assert refusal.value.params["rule"] == "max_stay"


def test_a_stay_is_extended_after_its_first_night(world: World) -> None:
    unit = world.unit("Bruyère", "Rez gauche")
    placement = arrived(world, stay(unit))
    at_local_hour(world, 11, days_on=5)
    assert extend(world, placement, 20).end_night == TONIGHT + timedelta(days=20)
    assert nights_of(world, unit) == days(0, 20)


def test_an_extension_stops_before_the_next_household(world: World) -> None:
    unit = world.unit("Bruyère", "Rez gauche")  # one night of cleaning
    placement = arrived(world, stay(unit))
    confirmed(world, stay(unit, 10, 3))
    for nights in (11, 10):
        with pytest.raises(Taken):
            extend(world, placement, nights)
    assert extend(world, placement, 9).end_night == TONIGHT + timedelta(days=9)


def test_an_extension_goes_forward_and_ends_at_the_horizon(world: World) -> None:
    placement = arrived(world, stay(world.unit("Bruyère", "Rez gauche")))
    for nights, code in ((7, "after"), (3, "after"), (91, "before")):
        with pytest.raises(Invalid) as refusal:
            extend(world, placement, nights)
        assert [p.code for p in refusal.value.problems] == [code]


def test_an_extension_into_a_closed_night_is_refused(world: World) -> None:
    unit, staff = world.unit("Genêt", "1er étage"), world.user("logement.chaudfontaine")
    placement = arrived(world, stay(unit))
    night = TONIGHT + timedelta(days=9)
    world.do(staff, block_unit, unit.id, BlockReason.OUT_OF_SERVICE, night, None)
    with pytest.raises(Taken):
        extend(world, placement, 10)
    assert extend(world, placement, 9).end_night == night


def test_only_the_unit_where_the_stay_ends_is_extended(world: World) -> None:
    first, second = world.unit("Genêt", "1er étage"), world.unit("Sureau", "Maison A")
    placement = arrived(
        world, stay(first, 0, 3), stay(second, 3, 3), may_change_unit=True, nights=6
    )
    extend(world, placement, 8)
    assert nights_of(world, first) == days(0, 3)
    assert nights_of(world, second) == days(3, 8)


def test_every_move_is_in_the_requests_history(world: World) -> None:
    placement = arrived(world, stay(world.unit("Bruyère", "Rez gauche")))
    extend(world, placement, 9)
    world.do(worker(world), placements.depart, placement.id)
    rows: Sequence[AuditEntry] = world.all(AuditEntry, request_id=placement.request_id)
    assert [row.action for row in sorted(rows, key=lambda row: row.seq)] == [
        "request.ask",
        "placement.hold",
        "placement.confirm",
        "alert.raise",
        "placement.arrive",
        "placement.extend",
        "placement.depart",
    ]
