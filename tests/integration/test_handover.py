"""On the spot: ticked steps, transport, lengths, where they went; of the placement's side alone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from litestar.testing import TestClient

from shelter.db.session import Database
from shelter.db.tables import AuditEntry, HandoverStep, PlacementRow, Request
from shelter.domain.errors import Conflict, Invalid, NotAllowed, NotFound
from shelter.domain.handover import Checklist, Handover, LeftFor, Transport
from shelter.domain.household import Person
from shelter.domain.placements import PlacementState
from shelter.services import data_subjects, durations, figures, handover, placements
from shelter.services.handover import Item
from shelter.services.placements import StayChoice
from support.raw import all_seeing
from support.server import As, client_of
from support.world import TONIGHT, World, key, secova_world

WORKER, STAFF, OTHER = "garde.aywaille", "logement.chaudfontaine", "garde.auteurs"
SAME_ORIGIN = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture
def world(database: Database) -> World:
    return secova_world(database)


@pytest.fixture
def client(world: World) -> Iterator[TestClient[Any]]:
    with client_of(world) as client:
        yield client


def placed(world: World, login: str = WORKER, nights: int = 7, **given: Any) -> PlacementRow:
    """Confirmed in Genêt (of logement.chaudfontaine), or where the other side finds a place."""
    actor = world.user(login)
    if login != WORKER:
        return world.placed(actor, people={Person.MAN: 1}, nights=nights, **given)[1]
    request = world.ask(actor, **({"people": {Person.WOMAN: 1}} | given))
    choice = [StayChoice(world.unit("Genêt", "1er étage").id, TONIGHT, _in(nights))]
    return world.confirm(actor, world.hold(actor, request, choice))


def _in(nights: int) -> date:
    return TONIGHT + timedelta(days=nights)


def lists_of(world: World, placement: PlacementRow) -> dict[Checklist, tuple[Item, ...]]:
    request = world.all(Request, id=placement.request_id)[0]
    return world.do(world.user(WORKER), handover.checklists, placement, request, "fr")


def tick(
    world: World, login: str, placement: PlacementRow, step: str = "keys", *, done: bool = True
) -> HandoverStep:
    return world.do(
        world.user(login), handover.tick, placement.id, Checklist.HANDOVER, step, done=done
    )


def post(who: As, placement: PlacementRow, what: str, **form: str) -> httpx.Response:
    return who.call(
        "POST",
        f"/placements/{placement.id}/{what}",
        data={"key": key(), **form},
        headers=SAME_ORIGIN,
    )


# --- steps ----------------------------------------------------------------------------------------


def test_a_step_is_ticked_by_somebody_with_a_name_and_an_hour_and_may_be_taken_back(
    world: World,
) -> None:
    placement = placed(world)
    tick(world, STAFF, placement)
    [keys, *others] = lists_of(world, placement)[Checklist.HANDOVER]
    assert (keys.done, keys.by, keys.at) == (True, world.user(STAFF).name, world.clock.at)
    assert [item.step for item in (keys, *others)] == list(Handover)
    assert not any(item.done for item in others)  # control: one step, not all
    world.clock.forward(minutes=5)
    tick(world, WORKER, placement, done=False)
    keys = lists_of(world, placement)[Checklist.HANDOVER][0]
    assert (keys.done, keys.by, keys.at) == (False, world.user(WORKER).name, world.clock.at)
    entries = [
        e for e in world.all(AuditEntry) if e.action in {"placement.tick", "placement.untick"}
    ]
    assert [(e.action, e.actor_name, e.detail["step"]) for e in entries] == [
        ("placement.tick", world.user(STAFF).name, "keys"),
        ("placement.untick", world.user(WORKER).name, "keys"),
    ]


def test_a_step_that_is_ticked_twice_is_one_row_and_the_first_counts(world: World) -> None:
    placement = placed(world)
    for login in (WORKER, STAFF):
        tick(world, login, placement)
    [row] = world.all(HandoverStep)
    assert row.changed_by == world.user(WORKER).user_id
    assert len(world.all(AuditEntry, action="placement.tick")) == 1


@pytest.mark.parametrize("login", ["garde.trooz", "logement.sprimont", OTHER, "encadrement.esneux"])
def test_for_other_services_the_placement_does_not_exist(world: World, login: str) -> None:
    placement = placed(world)
    with pytest.raises(NotFound):
        tick(world, login, placement)
    assert world.all(HandoverStep) == []


def test_a_coordinator_reads_and_ticks_nothing(world: World, client: TestClient[Any]) -> None:
    placement = placed(world)
    with pytest.raises(NotAllowed):
        tick(world, "coordination", placement)
    page = As(client, world.system, "coordination").call("GET", f"/placements/{placement.id}")
    assert page.status_code == 200 and 'role="checkbox"' not in page.text
    mine = As(client, world.system, WORKER).call("GET", f"/placements/{placement.id}")
    assert mine.text.count('role="checkbox"') >= 4  # control


def test_only_while_somebody_is_awaited_or_there(world: World) -> None:
    actor = world.user(WORKER)
    held = world.hold_first(actor, world.ask(actor))
    with pytest.raises(Conflict, match="handover_not_now"):
        tick(world, WORKER, held)
    placement = placed(world)
    tick(world, WORKER, placement)  # control
    world.do(actor, placements.cancel, placement.id)
    with pytest.raises(Conflict, match="handover_not_now"):
        tick(world, WORKER, placement, "agreement")


@pytest.mark.parametrize("step", ["", "nothing", "programme-referral", "KEYS"])
def test_a_step_that_is_none_of_this_household_is_refused(world: World, step: str) -> None:
    placement = placed(world)
    for checklist in Checklist:
        with pytest.raises(Invalid):
            world.do(world.user(WORKER), handover.tick, placement.id, checklist, step, done=True)


@pytest.mark.parametrize(
    ("came", "due"),
    [
        (date(2026, 11, 21), date(2026, 11, 23)),  # a Saturday: Monday
        (date(2026, 12, 24), date(2026, 12, 28)),  # Christmas is a Friday
        (date(2026, 11, 24), date(2026, 11, 25)),
    ],
)
def test_the_first_visit_is_due_on_the_next_working_day(
    world: World, came: date, due: date
) -> None:
    placement = placed(world)
    row = PlacementRow(**(placement.model_dump() | {"first_night": came, "arrived_at": None}))
    assert world.do(world.user(WORKER), handover.first_visit_on, row) == due


# --- protocol -------------------------------------------------------------------------------------


def protocol_of(world: World, login: str, **people: Any) -> set[str]:
    actor = world.user(login)
    assert actor.user_id is not None
    request = world.ask(actor, **people)
    row = PlacementRow(
        side=request.side,
        request_id=request.id,
        code="XXXXX",
        service=request.service,
        first_night=TONIGHT,
        end_night=_in(1),
        state=PlacementState.CONFIRMED,
        held_by=actor.user_id,
        held_at=world.clock.at,
        hold_expires_at=world.clock.at,
    )
    lists = world.do(actor, handover.checklists, row, request, "nl")
    return {item.step for item in lists[Checklist.PROTOCOL]}


def test_the_protocol_is_of_the_side_and_of_who_is_among_them(world: World) -> None:
    alone = protocol_of(world, WORKER, people={Person.WOMAN: 1})
    with_child = protocol_of(world, WORKER, people={Person.WOMAN: 1, Person.INFANT: 1})
    man = protocol_of(world, OTHER, people={Person.MAN: 1})
    boy = protocol_of(world, OTHER, people={Person.TEEN_BOY: 1})
    assert "child-protection" in with_child - alone and alone < with_child
    assert "programme-referral" in man - boy and "youth-service" in boy - man
    assert not (alone | with_child) & (man | boy)


# --- transport ------------------------------------------------------------------------------------


def test_the_staff_of_the_place_see_who_brings_them_and_when(
    world: World, client: TestClient[Any]
) -> None:
    placement = placed(world)
    worker, staff = (As(client, world.system, login) for login in (WORKER, STAFF))
    sent = post(worker, placement, "transport", transport="taxi", transport_hour="23")
    assert sent.status_code == 303
    shown = staff.call("GET", f"/placements/{placement.id}").text
    assert "<b>Un taxi</b> ·" in shown and "23" in shown.split("<b>Un taxi</b> ·")[1][:30]
    with pytest.raises(Invalid):
        world.do(world.user(WORKER), handover.bring, placement.id, Transport.OWN, 24)
    world.do(world.user(WORKER), handover.bring, placement.id, Transport.NONE, 5)
    assert world.placement(placement.id).transport_hour is None


# --- how long, and where to -----------------------------------------------------------------------


def test_the_lengths_offered_are_the_places_own_and_each_can_be_taken(world: World) -> None:
    placement = placed(world, nights=5)
    unit = world.unit("Genêt", "1er étage")
    assert unit.max_stay_nights is not None and unit.renewals == 1
    found = world.do(world.user(WORKER), durations.durations_of, placement)
    [length] = found.lengths
    assert length.longest == TONIGHT + timedelta(days=unit.max_stay_nights * 2)
    assert length.renewals_left == 1
    assert [each.added for each in found.longer if not each.own] == [1, 3, 7]
    for each in sorted(found.longer, key=lambda each: each.end_night):
        row = world.do(world.user(WORKER), placements.extend, placement.id, each.end_night)
        assert row.end_night == each.end_night


def test_a_short_place_offers_its_own_end_and_its_renewal_and_no_night_more(world: World) -> None:
    """Seven nights, renewed once: from three nights on, the lengths end after 7 and after 14."""
    found = [unit for unit in _units(world) if unit.max_stay_nights == 7 and unit.side == "victims"]
    unit, actor = found[0], world.user(WORKER)
    people = {Person(unit.admits[0]): 1} if "woman" not in unit.admits else {Person.WOMAN: 1}
    request = world.ask(actor, people=people)
    choice = [StayChoice(unit.id, TONIGHT, _in(3))]
    placement = world.confirm(actor, world.hold(actor, request, choice))
    lengths = world.do(actor, durations.durations_of, placement)
    assert [(each.end_night, each.own) for each in lengths.longer] == [
        (_in(7), True),
        (_in(14), True),
        (_in(4), False),
        (_in(6), False),
        (_in(10), False),
    ]
    world.do(actor, placements.extend, placement.id, _in(14))
    after = world.do(actor, durations.durations_of, world.placement(placement.id))
    assert after.lengths[0].renewals_left == 0 and after.longer == ()
    with pytest.raises(Conflict):  # control: the service says the same
        world.do(actor, placements.extend, placement.id, _in(15))


def _units(world: World) -> list[Any]:
    from shelter.db.tables import Unit

    return world.all(Unit)


@pytest.mark.parametrize("left_for", list(LeftFor))
def test_where_they_went_is_noted_and_changes_no_figure(world: World, left_for: LeftFor) -> None:
    actor = world.user(WORKER)
    counted = []
    for said in (left_for, None):
        _, placement = world.placed(actor)
        world.do(actor, placements.arrive, placement.id)
        row = world.do(actor, placements.depart, placement.id, said)
        assert row.left_for is said and row.state == "departed"
        totals = world.do(actor, figures.totals)
        counted.append({(h.outcome, h.service): c.requests for h, c in totals.items()})
    [first, second] = counted
    assert {k: 2 * n for k, n in first.items()} == second  # nothing of it is told apart


def test_the_page_asks_where_they_go_and_any_answer_ends_the_stay(
    world: World, client: TestClient[Any]
) -> None:
    placement = placed(world)
    worker = As(client, world.system, WORKER)
    world.do(world.user(WORKER), placements.arrive, placement.id)
    wrong = post(worker, placement, "do/depart", left_for="the moon", back="placement")
    assert wrong.status_code == 422
    gone = post(worker, placement, "do/depart", left_for="home", back="placement")
    assert gone.headers["location"] == f"/placements/{placement.id}"
    assert world.placement(placement.id).left_for is LeftFor.HOME
    assert "À la maison" in worker.call("GET", gone.headers["location"]).text


# --- the same by the API --------------------------------------------------------------------------


def test_the_api_says_and_does_the_same(world: World, client: TestClient[Any]) -> None:
    placement = placed(world)
    worker, path = As(client, world.system, WORKER), f"/placements/{placement.id}"
    step = {"checklist": "handover", "step": "keys", "done": True}
    once = key()
    for _ in range(2):
        answer = worker.post(f"{path}/steps", step, once=once)
        assert answer.status_code == 201, answer.text
    worker.post(f"{path}/transport", {"transport": "police", "hour": 23})
    worker.post(f"{path}/incidents", {"kind": "damage", "severity": "low", "note": "Vitre"})
    for login in (WORKER, STAFF, "coordination"):
        told = As(client, world.system, login).get(f"{path}/handover").json()
        assert [each["step"] for each in told["steps"] if each["done"]] == ["keys"]
        assert (told["transport"], told["transport_hour"]) == ("police", 23)
        assert [each["kind"] for each in told["incidents"]] == ["damage"]
        assert told["longer"]
    assert As(client, world.system, OTHER).get(f"{path}/handover").status_code == 404


# --- what stays -----------------------------------------------------------------------------------


def test_the_steps_go_with_their_placement_and_are_in_the_persons_file(world: World) -> None:
    placement = placed(world, case_reference="LI.41.LA.0001/2026")
    tick(world, WORKER, placement)
    asked = data_subjects.Asked(
        "LI.41.LA.0001/2026", placement.side, by=WORKER, checked_by="coordination"
    )
    [held] = data_subjects.access(world.system, asked)["requests"][0]["placements"]
    assert [step["step"] for step in held["steps"]] == ["keys"]
    world.do(world.user(WORKER), placements.arrive, placement.id)
    world.do(world.user(WORKER), placements.depart, placement.id)
    data_subjects.erase(world.system, asked)
    with all_seeing(world.system.database).connect() as connection:
        assert connection.scalar(sa.text("SELECT count(*) FROM handover_step")) == 0
