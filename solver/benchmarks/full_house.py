"""Networks of 120 units, nearly all taken, in which one household asks for tonight."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import date
from typing import Any

from shelter_solver.problem import (
    Agreement,
    Nights,
    Party,
    Person,
    Point,
    Problem,
    Separation,
    Sharing,
    Side,
    Site,
    Stay,
    Unit,
    Zone,
    Zoning,
)

SITES, UNITS, TAKEN = 30, 120, 112
COMMUNES = tuple(f"commune-{number}" for number in range(12))


def cases(count: int, seed: int) -> Iterator[Problem]:
    """Networks in which ``new`` asks for tonight; four of five are nearly full."""
    rng = random.Random(seed)  # noqa: S311 (nothing secret)
    for number in range(count):
        yield _network(rng, TAKEN if number % 5 else rng.randint(70, TAKEN))


def _network(rng: random.Random, taken: int) -> Problem:
    sites = tuple(
        Site(
            f"s{number:02}",
            Side.PERPETRATORS if number % 10 == 9 else Side.VICTIMS,
            rng.choice(COMMUNES),
            # perpetrator sites lie in a strip of their own, outside every zone
            Point(50.2 + 0.4 * rng.random() + (0.5 if number % 10 == 9 else 0), 5.2 + rng.random()),
            frozenset({f"bus:{rng.randrange(8)}"} if number % 10 != 9 else ()),
        )
        for number in range(SITES)
    )
    units = tuple(_unit(rng, number, sites[number % SITES].id) for number in range(UNITS))
    side = {site.id: site.audience for site in sites}
    parties: list[Party] = []
    # what is still free is what nobody wanted: small, up the stairs, or closed to most
    wanted = sorted(units, key=lambda unit: unit.beds + 2 * unit.step_free + 4 * rng.random())
    for unit in wanted[UNITS - taken :]:
        for _ in range(1 if unit.sharing is Sharing.PRIVATE else rng.choice([1, 2])):
            parties.append(_housed(rng, f"p{len(parties):03}", unit, side[unit.site]))
    new = _asking(rng)
    names = [party.id for party in parties]
    rules = [
        Separation(frozenset({"new"}), frozenset(rng.sample(names, 1)), 10_000.0)
        for _ in range(rng.choice([0, 0, 1]))
    ]
    rules += [
        Separation(group, group, 5_000.0)
        for group in (frozenset(rng.sample(names, size)) for size in (2, 2, 3))
    ]
    return Problem(
        date(2026, 11, 21),
        60,
        sites,
        units,
        (*parties, new),
        tuple(rules),
        Zoning(min_distance_m=3_000.0),
    )


def _unit(rng: random.Random, number: int, at: str) -> Unit:
    sharing = rng.choices(
        [Sharing.PRIVATE, Sharing.SHARED, Sharing.SHARED_SAME_GENDER], [85, 8, 7]
    )[0]
    return Unit(
        f"u{number:03}",
        at,
        beds=rng.choice([1, 2, 2, 3, 3, 4, 5, 6]),
        cots=rng.choice([0, 1, 1, 2]),
        sharing=sharing,
        step_free=rng.random() < 0.25,
        pets=rng.random() < 0.3,
        quiet=rng.random() < 0.4,
        supervision=rng.choice([0, 1, 1, 2, 3]),
        cleaning_nights=rng.choice([0, 0, 0, 1]),
        max_stay_nights=rng.choice([None, None, 30]),
        closed=(Nights(rng.randint(5, 20), 60),) if rng.random() < 0.05 else (),
        kept_back=(Nights(0, 60),) if rng.random() < 0.03 else (),
    )


def _people(rng: random.Random, beds: int) -> dict[Person, int]:
    people = {Person.WOMAN: 1, Person.CHILD: max(0, beds - 1)}
    if rng.random() < 0.25:
        people[Person.INFANT] = 1
    return people


def _wishes(rng: random.Random) -> dict[str, Any]:
    """What a household avoids and needs, wherever it is."""
    return {
        "excluded_communes": frozenset(rng.sample(COMMUNES, rng.choice([0, 0, 1, 2]))),
        "danger_zones": (Zone(Point(50.2 + 0.4 * rng.random(), 5.2 + rng.random()), 8_000.0),)
        if rng.random() < 0.3
        else (),
        "preferred_communes": frozenset(rng.sample(COMMUNES, 2) if rng.random() < 0.3 else ()),
    }


def _housed(rng: random.Random, name: str, unit: Unit, side: Side) -> Party:
    first, last = rng.choice([0, -1, -5, -12]), rng.randint(3, 17)
    settings = _wishes(rng) if side is Side.VICTIMS else {}
    beds = unit.beds if unit.sharing is Sharing.PRIVATE else max(1, unit.beds // 2)
    people = _people(rng, rng.randint(1, beds))
    if side is Side.PERPETRATORS:
        people = {Person.MAN: 1}
    return Party(
        name,
        side,
        people,
        first,
        last - first,
        own_cots=1,
        step_free=unit.step_free and rng.random() < 0.3,
        quiet=unit.quiet and rng.random() < 0.2,
        present=(Stay(unit.id, first, last),),
        move_agreement=rng.choices(list(Agreement), [28, 42, 30])[0],
        may_change_unit=rng.random() < 0.2,
        **settings,
    )


def _asking(rng: random.Random) -> Party:
    return Party(
        "new",
        Side.VICTIMS,
        _people(rng, rng.choice([1, 2, 2, 3, 4, 5, 6])),
        0,
        rng.choice([3, 7, 14]),
        latest_first_night=rng.choice([None, None, None, 1]),
        step_free=rng.random() < 0.2,
        pets=rng.random() < 0.15,
        quiet=rng.random() < 0.2,
        min_supervision=rng.choice([0, 0, 0, 2]),
        preferred_points=(Point(50.4, 5.7),) if rng.random() < 0.5 else (),
        may_use_two_units=rng.random() < 0.3,
        **_wishes(rng),
    )
