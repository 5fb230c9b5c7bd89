"""Networks in which room is made, and room by trying everything, judged by ``verify`` alone."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations, product
from typing import Any

from shelter_solver import (
    Agreement,
    Nights,
    Party,
    Person,
    Problem,
    Sharing,
    Stay,
    verify,
)
from shelter_solver.moving.chains import Found
from shelter_solver.moving.exchange import Exchange
from shelter_solver.objective import Judge
from shelter_solver.result import Room
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
)
from solver.test_exhaustive import tonight_on

Plan = tuple[Stay, ...]
#: rank of the asking party's plan without ids, kilometres
Value = tuple[tuple[int, ...], int]


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
