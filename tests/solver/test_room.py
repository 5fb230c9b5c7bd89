"""Room by the fewest agreed moves: equal to trying everything, judged by ``verify`` alone."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations, product
from pathlib import Path
from typing import Any

import pytest

from shelter_solver import (
    Agreement,
    Nights,
    Party,
    Person,
    Problem,
    ProblemError,
    Sharing,
    Side,
    Status,
    Stay,
    Zone,
    constraints,
    place,
    verify,
)
from shelter_solver import room as room_module
from shelter_solver.chains import DEPTH, Found, best_chain
from shelter_solver.exchange import Exchange
from shelter_solver.objective import Judge
from shelter_solver.referee import decide
from shelter_solver.result import Room
from shelter_solver.room import make_room
from shelter_solver.world import World
from solver.network import (
    apart,
    housed,
    north,
    party,
    problem,
    random_problem,
    site,
    unit,
    with_party,
)
from solver.test_exhaustive import tonight_on

Plan = tuple[Stay, ...]
#: rank of the asking party's plan without ids, kilometres
Value = tuple[tuple[int, ...], int]
SEEDS = range(300)


def movers(given: Problem, asking: Party) -> list[Party]:
    return [
        other
        for other in given.parties
        if other.id != asking.id
        and other.side is asking.side
        and other.move_agreement is not Agreement.NONE
        and any(stay.end_night > 0 for stay in other.present)
    ]


def tonight(other: Party) -> Plan:
    return tuple(
        Stay(stay.unit, max(0, stay.first_night), stay.end_night)
        for stay in other.present
        if stay.end_night > 0
    )


def alone(given: Problem, asking: Party) -> Problem:
    """Nobody else is anywhere: fewer neighbours never make a stay worse."""
    parties = tuple(p if p.id == asking.id else replace(p, present=()) for p in given.parties)
    return replace(given, parties=parties)


def moves_of(given: Problem, other: Party) -> Iterator[tuple[Plan, int]]:
    """Other units for the same nights, with the kilometres, as ``verify`` allows them alone."""
    units = {unit.id: unit for unit in given.units}
    sites = {site.id: site for site in given.sites}
    world = World(given)
    without_others = alone(given, other)
    now = tonight(other)
    for new in product(units, repeat=len(now)):
        plan = tuple(replace(stay, unit=unit) for stay, unit in zip(now, new, strict=True))
        if plan != now and not verify(without_others, {other.id: plan}):
            ways = [
                (sites[units[a.unit].site], sites[units[b.unit].site])
                for a, b in zip(now, plan, strict=True)
                if a.unit != b.unit
            ]
            yield plan, sum(round(world.distance(*way) / 1000) for way in ways)


def wanted(given: Problem, asking: Party) -> list[Plan]:
    """One unit, or two side by side: for other plans nobody is asked to move."""
    ids = [unit.id for unit in given.units]
    return [
        tuple(Stay(unit, first, end) for unit in units)
        for first, end in tonight_on(asking)
        for units in [*combinations(ids, 1), *combinations(ids, 2)]
    ]


def tried(given: Problem, asking: Party, moves: int) -> Value | None:
    """The best value with exactly so many moves, by trying all of them."""
    judge = Judge(World(given), asking)
    valued = sorted(
        (
            ((len(plan), *score[:-1]), plan)
            for score, plan in judge.ranked(wanted(given, asking))
            if not verify(alone(given, asking), {asking.id: plan})
        ),
        key=lambda both: both[0],
    )
    offered = {other.id: list(moves_of(given, other)) for other in movers(given, asking)}
    best: Value | None = None
    for who in combinations(offered, moves):
        for chosen in product(*(offered[other] for other in who)):
            km = sum(way for _, way in chosen)
            moved = {other: plan for other, (plan, _) in zip(who, chosen, strict=True)}
            for rank, plan in valued:
                if best is not None and best <= (rank, km):
                    break
                if not verify(given, {**moved, asking.id: plan}):
                    best = (rank, km)
    return best


def crowded(seed: int) -> tuple[Problem, Party]:
    """Nearly every place is taken, and nearly everybody may be asked to move."""
    rng = random.Random(seed)
    sites = [
        site(
            f"s{number}",
            point=north(rng.choice([0, 4, 9])),
            commune=rng.choice(["Ixelles", "Uccle"]),
            places=frozenset({"bus:71"} if rng.random() < 0.3 else ()),
        )
        for number in range(2)
    ]
    units = [
        unit(
            f"u{number}",
            rng.choice(sites).id,
            beds=rng.choice([2, 2, 3, 4]),
            cots=rng.choice([0, 1, 1]),
            sharing=rng.choice([Sharing.PRIVATE, Sharing.PRIVATE, *Sharing]),
            step_free=rng.random() < 0.6,
            cleaning_nights=rng.choice([0, 0, 0, 1]),
            max_stay_nights=rng.choice([None, None, None, 6]),
            closed=(Nights(5, 6),) if rng.random() < 0.1 else (),
        )
        for number in range(rng.choice([4, 4, 5]))
    ]
    parties: list[Party] = []
    for number, room in enumerate(sorted(units, key=lambda room: room.beds)[1:]):
        for guest in range(2 if room.sharing is not Sharing.PRIVATE and len(parties) < 4 else 1):
            first = rng.choice([-2, -2, 0, 1])
            last = rng.choice([3, 5, 7])
            stays: Plan = (Stay(room.id, first, last),)
            if rng.random() < 0.1:
                stays += (Stay(rng.choice(units).id, last, last + 2),)
            parties.append(
                party(
                    f"p{number}{guest}",
                    people={
                        rng.choice([Person.WOMAN, Person.WOMAN, Person.MAN]): 1,
                        Person.CHILD: rng.choice([0, 0, 1, 2]),
                        Person.INFANT: rng.choice([0, 0, 1]),
                    },
                    first_night=first,
                    nights=last - first,
                    present=stays,
                    move_agreement=rng.choice([Agreement.PARTY] * 4 + [*Agreement]),
                    may_change_unit=rng.random() < 0.5,
                    step_free=rng.random() < 0.1,
                )
            )
    new = party(
        "new",
        people={Person.WOMAN: rng.choice([0, 1, 1]), Person.CHILD: rng.choice([1, 2, 3, 3])},
        nights=rng.choice([2, 4]),
        first_night=rng.choice([0, 0, 1]),
        latest_first_night=rng.choice([None, None, 2]),
        step_free=rng.random() < 0.5,
        may_use_two_units=rng.random() < 0.3,
        may_change_unit=rng.random() < 0.1,
        preferred_communes=frozenset({"Uccle"} if rng.random() < 0.5 else ()),
    )
    names = [other.id for other in parties]
    rules = [
        apart(*rng.sample([*names, "new"], 2), min_distance_m=rng.choice([0.0, 5000.0]))
        for _ in range(rng.choice([0, 0, 1, 2]))
    ]
    return problem(*sites, *units, *parties, new, *rules, horizon=12), new


def asked(seed: int) -> tuple[Problem, Party]:
    """A third of the instances are the general random ones, where all rules have a say."""
    if seed % 3:
        return crowded(seed)
    given = random_problem(seed)
    asking = given.parties[-1]
    return given.seen_by(asking.side), asking


def value(exchange: Exchange, found: Found) -> Value:
    goals = exchange.scores[found.wanted.cost][:-1]
    return (len(found.wanted.stays), *goals), found.km


@pytest.mark.parametrize("seed", SEEDS)
def test_the_fewest_moves_and_the_best_place_are_those_of_trying_everything(seed: int) -> None:
    given, asking = asked(seed)
    free = place(given, "new").options
    most = 3 if len(movers(given, asking)) <= 4 else 2
    room = make_room(given, "new", max_moves=most)
    if free:
        assert (room.status, room.moves) == (Status.OPTIMAL, ())
        assert room.option is not None
        assert (room.option.stays, room.option.score) == (free[0].stays, free[0].score)
        return
    exchange = Exchange(World(given), asking, time.monotonic() + 99)
    best = found = None
    for moves in range(1, most + 1):
        best = tried(given, asking, moves)
        if moves <= DEPTH:
            found = best_chain(exchange, moves)
            assert (value(exchange, found) if found else None) == best
        if best is not None:
            break
    verdict = decide(exchange, at_most=most)
    assert verdict.status is (Status.INFEASIBLE if best is None else Status.OPTIMAL)
    assert room.status is verdict.status
    assert len(room.moves) == (0 if best is None else moves)
    if verdict.found is not None:
        assert (value(exchange, verdict.found), len(verdict.found.moves)) == (best, moves)
        assert room.option is not None
        assert ((len(room.option.stays), *room.option.score[:-1]), sum_km(room)) == best
        new = {move.party: move.stays for move in room.moves}
        assert not verify(given, {**new, "new": room.option.stays})


def sum_km(room: Room) -> int:
    return sum(move.km for move in room.moves)


# --- stories --------------------------------------------------------------------------------------

LARGE = {Person.WOMAN: 1, Person.CHILD: 5}
ALONE = {Person.WOMAN: 1}


def moving(identifier: str, in_unit: str, first: int = 0, end: int = 7, **values: Any) -> Party:
    settings: dict[str, Any] = {"people": ALONE, "move_agreement": Agreement.PARTY, **values}
    return housed(identifier, in_unit, first, end, **settings)


def names(room: Room) -> list[tuple[str, str]]:
    return [(move.party, move.stays[0].unit) for move in room.moves]


def chain(length: int, **last: Any) -> Problem:
    """Anna's six need the largest unit; each one in the way fits only into the next smaller one."""
    people = [{Person.WOMAN: 1, Person.CHILD: 5 - number} for number in range(length)]
    return problem(
        party(people=LARGE),
        *(unit(f"u{number}", beds=6 - number) for number in range(length + 1)),
        *(
            moving(
                f"p{number}",
                f"u{number}",
                people={**who, Person.CHILD: max(0, who[Person.CHILD] - 1)},
                **(last if number == length - 1 else {}),
            )
            for number, who in enumerate(people)
        ),
    )


@pytest.mark.parametrize("length", [1, 2, 3, 4])
def test_a_chain_of_any_length_is_found_and_its_moves_can_be_made_in_their_order(
    length: int,
) -> None:
    room = make_room(chain(length), "anna")
    assert room.status is Status.OPTIMAL
    assert room.option is not None
    assert room.option.stays == (Stay("u0", 0, 7),)
    assert names(room) == [(f"p{n}", f"u{n + 1}") for n in reversed(range(length))]
    now = chain(length)
    for move in room.moves:  # each into what is free by then
        assert not verify(now, {move.party: move.stays})
        now = with_party(now, move.party, present=move.stays)
    assert place(now, "anna").options


def test_with_one_who_does_not_agree_the_chain_is_proven_broken() -> None:
    given = chain(3, move_agreement=Agreement.NONE)
    assert make_room(given, "anna") == Room(Status.INFEASIBLE)


def test_no_more_households_are_asked_than_the_worker_allows() -> None:
    for most, status in ((0, "infeasible"), (2, "infeasible"), (3, "optimal")):
        assert make_room(chain(3), "anna", max_moves=most).status == status
    with pytest.raises(ValueError, match="at least 0"):
        make_room(chain(1), "anna", max_moves=-1)


def test_two_in_the_way_one_after_the_other_both_move() -> None:
    given = problem(
        party(people=LARGE),
        unit("large", beds=6),
        unit("a", beds=1),
        unit("b", beds=1),
        moving("bea", "large", 0, 3),
        moving("cleo", "large", 4, 9),
    )
    assert names(make_room(given, "anna")) == [("bea", "a"), ("cleo", "a")]


def test_two_swap_their_places_in_the_same_night() -> None:
    """Bea needs quiet, and the only quiet places are the large unit and Cleo's."""
    given = problem(
        party(people=LARGE),
        unit("large", beds=6, quiet=True),
        unit("one", beds=1, quiet=True),
        unit("spare", beds=1),
        moving("bea", "large", quiet=True),
        moving("cleo", "one"),
    )
    assert names(make_room(given, "anna")) == [("cleo", "spare"), ("bea", "one")]
    full = problem(
        party(people={Person.WOMAN: 1}, step_free=True, nights=3),
        unit("stairs", beds=1),
        unit("flat", beds=1, step_free=True, closed=(Nights(3, 9),)),
        moving("bea", "flat", 0, 3),
        moving("cleo", "stairs", 3, 9),
    )
    assert names(make_room(full, "anna")) == [("bea", "stairs")]


def test_enough_leave_a_shared_unit() -> None:
    given = problem(
        party(people={Person.WOMAN: 1, Person.CHILD: 2}),
        unit("dorm", beds=4, sharing=Sharing.SHARED),
        unit("a", beds=1),
        unit("b", beds=1),
        *(moving(name, "dorm") for name in ("bea", "cleo", "dora")),
    )
    assert names(make_room(given, "anna")) == [("bea", "a"), ("cleo", "b")]


def test_a_household_kept_apart_moves_away() -> None:
    given = problem(
        party(),
        site(),
        site("far", point=north(9)),
        unit(),
        unit("next"),
        unit("f", "far", beds=1),
        moving("bea", "next"),
        apart("anna", "bea"),
    )
    room = make_room(given, "anna")
    assert [(move.party, move.km, move.agreement) for move in room.moves] == [
        ("bea", 9, Agreement.PARTY)
    ]


def test_the_shortest_way_is_taken_and_every_promised_night_is_kept() -> None:
    given = problem(
        party(people=LARGE, latest_first_night=2),
        site(),
        site("far", point=north(9)),
        unit("large", beds=6),
        unit("a", "far", beds=1),
        unit("z", beds=1),
        moving("bea", "large", -4, 20),
    )
    (move,) = make_room(given, "anna").moves
    assert (move.stays, move.km) == ((Stay("z", 0, 20),), 0)


def test_nobody_is_asked_to_move_for_a_stay_cut_in_two() -> None:
    given = problem(
        party(people=LARGE, may_change_unit=True),
        unit("a", beds=6, closed=(Nights(4, 9),)),
        unit("b", beds=6, closed=(Nights(0, 4),)),
        unit("small", beds=1),
        moving("bea", "a", 0, 4),
    )
    assert make_room(given, "anna").status is Status.INFEASIBLE


def test_two_units_side_by_side_are_opened_for_who_may_use_them() -> None:
    given = problem(
        party(people=LARGE, may_use_two_units=True),
        unit("a", beds=3),
        unit("b", beds=3),
        unit("small", beds=1),
        moving("bea", "a"),
    )
    room = make_room(given, "anna")
    assert room.option is not None
    assert [stay.unit for stay in room.option.stays] == ["a", "b"]
    assert names(room) == [("bea", "small")]


# --- the edges ------------------------------------------------------------------------------------


def test_without_units_or_without_anybody_to_ask_there_is_no_room() -> None:
    assert make_room(problem(party()), "anna") == Room(Status.INFEASIBLE)
    given = problem(party(), unit(), housed("bea", "room"))
    assert make_room(given, "anna") == Room(Status.INFEASIBLE)
    with pytest.raises(ProblemError, match="no party 'anna'"):
        make_room(problem(), "anna")


def test_without_time_nothing_is_claimed_but_what_is_free() -> None:
    assert make_room(chain(1), "anna", limit_s=0) == Room(Status.UNKNOWN)
    assert make_room(problem(party(), unit()), "anna", limit_s=0).status is Status.OPTIMAL


def test_what_verify_contradicts_is_never_proposed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room_module, "verify", lambda *_: ("contradicted",))
    for length in (1, 3):
        assert make_room(chain(length), "anna") == Room(Status.UNKNOWN)


@pytest.mark.parametrize("rule", [code for code, _ in constraints.RULES])
def test_with_a_rule_missing_from_the_search_verify_lets_nothing_pass(
    rule: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = tuple((code, function) for code, function in constraints.RULES if code != rule)
    monkeypatch.setattr(constraints, "RULES", left)
    for seed in range(60):
        given, _ = asked(seed)
        room = make_room(given, "new", max_moves=2)
        if room.option is not None:
            new = {move.party: move.stays for move in room.moves}
            assert not verify(given, {**new, "new": room.option.stays})


@pytest.mark.parametrize(
    ("rule", "lacks", "needs"),
    [
        ("admits", {"admits": frozenset({Person.MAN})}, {}),
        ("step_free", {"step_free": False}, {"step_free": True}),
        ("pets", {"pets": False}, {"pets": True}),
        ("excluded_commune", {}, {"excluded_communes": frozenset({"Uccle"})}),
        ("excluded_site", {}, {"excluded_sites": frozenset({"far"})}),
        ("danger_zone", {}, {"danger_zones": (Zone(north(9), 500.0),)}),
        ("closed", {"closed": (Nights(6, 9),)}, {}),
        ("max_stay", {"max_stay_nights": 6}, {}),
    ],
)
def test_the_control_a_missing_rule_would_move_somebody_where_verify_objects(
    rule: str, lacks: dict[str, Any], needs: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    has: dict[str, Any] = {"step_free": True, "pets": True}
    given = problem(
        party(people=LARGE),
        site(),
        site("far", commune="Uccle", point=north(9)),
        unit("large", beds=6, **has),
        unit("small", "far", **{"beds": 1, **has, **lacks}),
        moving("bea", "large", **needs),
    )
    assert make_room(given, "anna").status is Status.INFEASIBLE
    left = tuple((code, function) for code, function in constraints.RULES if code != rule)
    monkeypatch.setattr(constraints, "RULES", left)
    assert make_room(given, "anna").status is Status.UNKNOWN
    monkeypatch.setattr(room_module, "verify", lambda *_: ())
    (move,) = make_room(given, "anna").moves
    assert rule in {violation.rule for violation in verify(given, {"bea": move.stays})}


# --- same answer, and nothing through the wall ----------------------------------------------------


def test_the_order_of_the_data_and_the_hash_seed_do_not_matter() -> None:
    program = (
        "import sys; sys.path[:0] = ['solver', 'tests']\n"
        "from dataclasses import replace\n"
        "from shelter_solver.room import make_room\n"
        "from solver.test_room import asked, chain\n"
        "for given in [chain(3), *(asked(seed)[0] for seed in range(40))]:\n"
        "    name = given.parties[0].id if given.parties[0].id == 'anna' else 'new'\n"
        "    turned = replace(given, sites=given.sites[::-1], units=given.units[::-1],\n"
        "        parties=given.parties[::-1], separations=given.separations[::-1])\n"
        "    room = make_room(given, name)\n"
        "    assert repr(room) == repr(make_room(turned, name))\n"
        "    print(room)\n"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", program],
            cwd=Path(__file__).parents[2],
            env={"PYTHONHASHSEED": hash_seed},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for hash_seed in ("1", "2")
    }
    assert len(outputs) == 1


def test_room_for_a_perpetrator_does_not_depend_on_any_victim() -> None:
    theirs: dict[str, Any] = {"side": Side.PERPETRATORS}

    def world(*victims: Any) -> Problem:
        return problem(
            site(),
            site("west", audience=Side.PERPETRATORS, point=north(20)),
            site("east", audience=Side.PERPETRATORS, point=north(30)),
            unit(),
            unit("w", "west", beds=6),
            unit("e", "east", beds=1),
            party("bob", people={Person.MAN: 1, Person.CHILD: 5}, **theirs),
            moving("carl", "w", people={Person.MAN: 1}, **theirs),
            *victims,
        )

    rooms = [
        make_room(given, "bob")
        for given in (
            world(),
            world(housed("anna", "room", move_agreement=Agreement.PARTY)),
            world(
                housed("anna", "room"),
                apart("anna", "bob", min_distance_m=25_000.0),
                apart("anna", "carl", min_distance_m=25_000.0),
            ),
            world(party("anna"), apart("anna", "carl", min_distance_m=99_000.0)),
        )
    ]
    assert names(rooms[0]) == [("carl", "e")]
    assert {repr(room) for room in rooms} == {repr(rooms[0])}
