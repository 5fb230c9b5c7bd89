"""Moving a household: one transaction that frees, takes, verifies and tells; never half of it."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from shelter.db.session import Database
from shelter.db.tables import (
    Alert,
    AuditEntry,
    Block,
    Message,
    OccupiedNight,
    PlacementRow,
    Request,
    StayRow,
)
from shelter.domain.alerts import AlertKind
from shelter.domain.availability import BlockReason
from shelter.domain.errors import Invalid, NotAllowed, NotFound, ShelterError
from shelter.domain.household import Person
from shelter.domain.placements import PlacementState
from shelter.domain.sides import Side
from shelter.services import occupancy, placements, replans, watch
from shelter.services.intake import KeptApart, PlaceOnMap
from shelter.services.placements import StayChoice
from shelter.services.units import UnitInput, edit_unit
from support.at_once import at_once
from support.server import As, client_of
from support.world import TONIGHT, World, secova_world

MAN, WOMAN = {Person.MAN: 1}, {Person.WOMAN: 1}
CASE = "LI.45.L1.001234/26"
WORKER = "garde.aywaille"


@pytest.fixture
def world(database: Database) -> World:
    return secova_world(database)


def place_in(
    world: World, site: str, label: str, nights: int = 7, login: str = WORKER, **given: Any
) -> tuple[Request, PlacementRow]:
    actor = world.user(login)
    request = world.ask(actor, **({"people": WOMAN} | given))
    first = request.first_night
    choice = [StayChoice(world.unit(site, label).id, first, first + timedelta(days=nights))]
    return request, world.confirm(actor, world.hold(actor, request, choice))


def to(world: World, site: str, label: str, nights: int = 7, first: int = 0) -> list[StayChoice]:
    begin = TONIGHT + timedelta(days=first)
    return [StayChoice(world.unit(site, label).id, begin, TONIGHT + timedelta(days=nights))]


def move(
    world: World, placement: PlacementRow, choice: list[StayChoice], login: str = WORKER
) -> Any:
    return world.do(world.user(login), placements.move, placement.id, choice)


def nights_of(world: World, site: str, label: str) -> list[int]:
    rows = world.all(OccupiedNight, unit_id=world.unit(site, label).id)
    return sorted((row.night - TONIGHT).days for row in rows)


def code_of(world: World, placement: PlacementRow, choice: list[StayChoice], **by: Any) -> str:
    with pytest.raises(ShelterError) as refusal:
        move(world, placement, choice, **by)
    return refusal.value.code


# --- what a move does -----------------------------------------------------------------------------


def test_who_has_not_arrived_is_expected_elsewhere_and_nowhere_else(world: World) -> None:
    request, placement = place_in(world, "Genêt", "1er étage")
    before = len(world.all(Message))

    moved = move(world, placement, to(world, "Bruyère", "Rez gauche"))

    assert moved.state is PlacementState.CONFIRMED
    assert nights_of(world, "Genêt", "1er étage") == []
    assert nights_of(world, "Bruyère", "Rez gauche") == list(range(7))
    assert len(world.all(StayRow, placement_id=placement.id)) == 1
    assert world.all(Block) == []  # nobody was there: nothing to clean
    new = world.all(Message, request_id=request.id)
    assert len(world.all(Message)) == before + 3  # both sites and the police
    texts = Counter(message.recipient for message in new)
    assert texts["+447700900102"] == 2  # Genêt: expected, then not any more
    entries = world.all(AuditEntry, action="placement.move")
    assert [entry.subject for entry in entries] == [f"placement:{placement.id}"]


def test_who_was_there_leaves_the_nights_slept_and_a_place_to_clean(world: World) -> None:
    worker = world.user(WORKER)
    _, placement = place_in(world, "Genêt", "1er étage")
    world.do(worker, placements.arrive, placement.id)
    world.clock.forward(days=2)

    moved = move(world, placement, to(world, "Bruyère", "Rez gauche", first=2))

    assert moved.state is PlacementState.ARRIVED
    assert nights_of(world, "Genêt", "1er étage") == [0, 1]
    assert nights_of(world, "Bruyère", "Rez gauche") == [2, 3, 4, 5, 6]
    [old] = [s for s in world.all(StayRow, placement_id=placement.id) if s.left_at is not None]
    assert old.end_night == TONIGHT + timedelta(days=2)
    [block] = world.all(Block, unit_id=world.unit("Genêt", "1er étage").id)
    assert block.reason is BlockReason.CLEANING
    assert block.first_night == TONIGHT + timedelta(days=2)
    # and what follows goes on from there: longer, then over
    longer = TONIGHT + timedelta(days=9)
    assert world.do(worker, placements.extend, placement.id, longer).end_night == longer
    assert nights_of(world, "Bruyère", "Rez gauche") == [2, 3, 4, 5, 6, 7, 8]
    world.clock.forward(days=1)
    ended = world.do(worker, placements.depart, placement.id)
    assert ended.state is PlacementState.DEPARTED
    assert nights_of(world, "Bruyère", "Rez gauche") == [2]
    assert nights_of(world, "Genêt", "1er étage") == [0, 1]


def test_who_came_this_evening_and_moves_at_once_sleeps_in_one_place(world: World) -> None:
    worker = world.user(WORKER)
    _, placement = place_in(world, "Genêt", "1er étage")
    world.do(worker, placements.arrive, placement.id)
    move(world, placement, to(world, "Bruyère", "Rez gauche"))
    assert nights_of(world, "Genêt", "1er étage") == []
    assert len(world.all(StayRow, placement_id=placement.id)) == 1
    assert world.all(Block, unit_id=world.unit("Genêt", "1er étage").id)  # control: they were there


def test_who_stays_on_past_the_promise_moves_for_the_night_that_comes(world: World) -> None:
    worker = world.user(WORKER)
    _, placement = place_in(world, "Genêt", "1er étage", nights=2)
    world.do(worker, placements.arrive, placement.id)
    world.clock.forward(days=4)
    moved = move(world, placement, to(world, "Bruyère", "Rez gauche", nights=5, first=4))
    assert moved.end_night == TONIGHT + timedelta(days=5)
    assert nights_of(world, "Bruyère", "Rez gauche") == [4]


# --- what a move may not do -----------------------------------------------------------------------


def test_a_move_is_verified_like_a_hold(world: World) -> None:
    _, placement = place_in(
        world, "Genêt", "1er étage", avoid_zones=(PlaceOnMap(lat=50.4745, lon=5.6760, radius_km=2),)
    )
    assert code_of(world, placement, to(world, "Bruyère", "Rez gauche")) == "rule_forbids"
    place_in(world, "Sureau", "Maison A")
    assert code_of(world, placement, to(world, "Sureau", "Maison A")) == "taken"
    assert nights_of(world, "Genêt", "1er étage") == list(range(7))  # nothing has happened
    assert move(world, placement, to(world, "Sureau", "Maison B")).version == 3  # control


def test_control_unverified_a_household_is_moved_into_danger(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(occupancy, "verify_choice", lambda *_, **__: None)
    zone = PlaceOnMap(lat=50.4745, lon=5.6760, radius_km=2)
    request = world.ask(world.user(WORKER), people=WOMAN, avoid_zones=(zone,))
    choice = to(world, "Genêt", "1er étage")
    held = world.hold(world.user(WORKER), request, choice)
    world.confirm(world.user(WORKER), held)
    move(world, held, to(world, "Bruyère", "Rez gauche"))
    assert watch.watch_separations(world.system) == 2


def test_a_move_keeps_the_promised_nights_and_needs_a_promise(world: World) -> None:
    worker = world.user(WORKER)
    request = world.ask(worker, people=WOMAN)
    held = world.hold(worker, request, to(world, "Genêt", "1er étage"))
    assert code_of(world, held, to(world, "Bruyère", "Rez gauche")) == "placement_state"
    world.confirm(worker, held)
    for nights, first in ((6, 0), (8, 0), (7, 1)):
        with pytest.raises(Invalid):
            move(world, held, to(world, "Bruyère", "Rez gauche", nights, first))
    assert code_of(world, held, to(world, "Genêt", "1er étage")) == "move_same_place"
    move(world, held, to(world, "Bruyère", "Rez gauche"))  # control


def test_only_the_households_own_service_moves_it(world: World) -> None:
    _, placement = place_in(world, "Genêt", "1er étage")
    there = to(world, "Bruyère", "Rez gauche")
    for login in ("garde.trooz", "garde.auteurs"):
        with pytest.raises(NotFound):
            move(world, placement, there, login)
    for login in ("logement.chaudfontaine", "coordination", "sapv.secova", "admin"):
        with pytest.raises(NotAllowed):
            move(world, placement, there, login)


def test_nobody_is_let_in_at_an_hour_at_which_the_new_place_is_closed(world: World) -> None:
    """Who has not arrived comes at the hour that was said, wherever they are moved to."""
    unit = world.unit("Bruyère", "Rez gauche")
    given = {
        name: getattr(unit, name)
        for name in UnitInput.__dataclass_fields__
        if name not in {"admits", "intake_from", "intake_until"}
    }
    admits = frozenset(Person(kind) for kind in unit.admits)
    by_day = UnitInput(**given, admits=admits, intake_from=8, intake_until=18)
    world.do(world.user("coordination"), edit_unit, unit.id, by_day, unit.version)
    _, placement = place_in(world, "Genêt", "1er étage", arrival_hour=23)
    assert code_of(world, placement, to(world, "Bruyère", "Rez gauche")) == "rule_forbids"
    world.do(world.user(WORKER), placements.arrive, placement.id)
    move(world, placement, to(world, "Bruyère", "Rez gauche"))  # control: who is housed has a key


# --- races ----------------------------------------------------------------------------------------


def test_a_move_and_a_hold_never_share_a_night(world: World) -> None:
    worker = world.user(WORKER)
    for number in range(3):
        _, placement = place_in(world, "Genêt", "1er étage", nights=2, first_night=_day(4 * number))
        other = world.ask(worker, people=WOMAN, first_night=_day(4 * number))
        wanted = [
            StayChoice(
                world.unit("Bruyère", "Rez gauche").id, _day(4 * number), _day(4 * number + 2)
            )
        ]
        outcome = at_once(
            [
                lambda p=placement, w=wanted: move(world, p, w),  # type: ignore[misc]
                lambda o=other, w=wanted: world.hold(worker, o, w),  # type: ignore[misc]
            ]
        )
        assert outcome == {"done": 1, "Taken": 1}
    taken = Counter(
        row.night
        for row in world.all(OccupiedNight, unit_id=world.unit("Bruyère", "Rez gauche").id)
    )
    assert set(taken.values()) == {1}


def test_two_households_swap_or_one_waits_and_nobody_is_lost(world: World) -> None:
    """Each wants the other's place: both are taken, so both stay where they are."""
    _, one = place_in(world, "Genêt", "1er étage")
    _, two = place_in(world, "Bruyère", "Rez gauche")
    outcome = at_once(
        [
            lambda: move(world, one, to(world, "Bruyère", "Rez gauche")),
            lambda: move(world, two, to(world, "Genêt", "1er étage")),
        ]
    )
    assert outcome == {"Taken": 2}
    assert nights_of(world, "Genêt", "1er étage") == list(range(7))


def _day(number: int) -> Any:
    return TONIGHT + timedelta(days=number)


# --- the re-plan ----------------------------------------------------------------------------------


def broken(world: World) -> tuple[Request, PlacementRow]:
    """Genêt is 7.7 km from Ardoise: too near for who asked for 9 km."""
    request, placement = place_in(
        world,
        "Genêt",
        "1er étage",
        case_reference=CASE,
        keep_apart=(KeptApart(CASE, 9),),
    )
    place_in(world, "Ardoise", "Chambre 1", login="garde.auteurs", people=MAN, case_reference=CASE)
    return request, placement


def test_a_broken_separation_comes_with_places_that_mend_it(world: World) -> None:
    _, placement = broken(world)
    worker = world.user(WORKER)
    plan = replans.replan(world.system, worker, placement.id)
    assert plan.is_broken
    assert plan.options
    assert "Genêt" not in {stay.site.name for option in plan.options for stay in option.stays}
    assert watch.watch_separations(world.system) == 2

    choice = [StayChoice(s.unit.id, s.first_night, s.end_night) for s in plan.options[0].stays]
    world.do(worker, placements.move, placement.id, choice)

    assert not replans.replan(world.system, worker, placement.id).is_broken
    assert watch.watch_separations(world.system) == 0


def test_the_police_learn_that_a_re_plan_exists_and_not_where(world: World) -> None:
    broken(world)
    watch.watch_separations(world.system)
    by_service = {
        alert.service: alert for alert in world.all(Alert, kind=AlertKind.SEPARATION_BROKEN)
    }
    assert set(by_service) == {"cpas-aywaille", "sapv-secova"}
    with client_of(world) as client:
        police, worker = As(client, world.system, "sapv.secova"), As(client, world.system, WORKER)
        told = police.get(f"/alerts/{by_service['sapv-secova'].id}").json()
        assert (told["is_broken"], told["acts"]) == (True, "cpas-aywaille")
        assert told["other_places"] >= 1
        assert told["replan"] is None
        page = police.call("GET", f"/alerts/{by_service['sapv-secova'].id}").text
        mine = worker.get(f"/alerts/{by_service['cpas-aywaille'].id}").json()
        places = {s["site"] for option in mine["replan"]["options"] for s in option["stays"]}
        assert len(mine["replan"]["options"]) == told["other_places"]
        assert not [name for name in places | {"Genêt"} if name in page]
        there = worker.call("GET", f"/alerts/{by_service['cpas-aywaille'].id}").text
        assert [name for name in places if name in there]  # control
        for login in ("garde.auteurs", "encadrement.esneux", "garde.trooz", WORKER):
            answer = As(client, world.system, login).get(f"/alerts/{by_service['sapv-secova'].id}")
            assert answer.status_code == 404, login


def test_one_tap_on_the_alerts_page_moves_the_household(world: World) -> None:
    _, placement = broken(world)
    watch.watch_separations(world.system)
    [alert] = world.all(Alert, kind=AlertKind.SEPARATION_BROKEN, service="cpas-aywaille")
    with client_of(world) as client:
        worker = As(client, world.system, WORKER)
        page = worker.call("GET", f"/alerts/{alert.id}").text
        action = f"/placements/{placement.id}/move"
        assert f'action="{action}"' in page
        stay = page.split('name="stay" value="')[1].split('"')[0]
        sent = {"stay": stay, "key": "one-tap"}
        headers = {"Sec-Fetch-Site": "same-origin"}
        first = worker.call("POST", action, data=sent, headers=headers)
        again = worker.call("POST", action, data=sent, headers=headers)
        assert first.status_code == again.status_code == 303
    assert len(world.all(AuditEntry, action="placement.move")) == 1
    assert watch.watch_separations(world.system) == 0


def test_where_no_other_place_fits_the_answer_says_why_and_what_would_help(world: World) -> None:
    _, placement = place_in(
        world,
        "Genêt",
        "1er étage",
        case_reference=CASE,
        keep_apart=(KeptApart(CASE, 90),),
    )
    place_in(world, "Ardoise", "Chambre 1", login="garde.auteurs", people=MAN, case_reference=CASE)
    plan = replans.replan(world.system, world.user(WORKER), placement.id)
    assert plan.is_broken
    assert plan.options == ()
    assert [reason.code for reason in plan.blocked]


def test_a_perpetrators_re_plan_looks_at_no_victim(world: World) -> None:
    place_in(world, "Genêt", "1er étage", case_reference=CASE, keep_apart=(KeptApart(CASE, 90),))
    _, placement = place_in(
        world, "Ardoise", "Chambre 1", login="garde.auteurs", people=MAN, case_reference=CASE
    )
    plan = replans.replan(world.system, world.user("garde.auteurs"), placement.id)
    assert not plan.is_broken
    assert {s.site.side for o in plan.options for s in o.stays} == {Side.PERPETRATORS}
