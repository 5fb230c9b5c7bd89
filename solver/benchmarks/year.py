"""A fictitious year: 14 places in five communes, and the households that ask for one.

Nights are counted from the first night of the year. Every household asks on the evening on which
it needs the place, for a number of nights that is known, as it is at a handover. Rates are in the
range of what the domain notes collect: stays of 3 to 45 nights, 17 in the mean; 62 % of households
come with children; one in ten needs a home without steps; two in five cannot go to some commune,
where the dangerous person lives or works. With 0.71 requests in an evening (260 in a year) the
offered load is 0.71 · 17.2 / 14 ≈ 0.9, and first fit turns away about 15.5 %, as measured before.
"""

from __future__ import annotations

import math
import random
from dataclasses import replace
from datetime import date

from shelter_solver import Agreement, Party, Person, Point, Side, Site, Unit

START = date(2026, 1, 1)
NIGHTS = 365
REQUESTS_A_NIGHT = 0.71
#: the share of housed households that say yes when they are asked to move once
AGREES = 0.6

#: communes a few kilometres apart, and where their site is
COMMUNES = {
    "Amont": Point(50.47, 5.68),
    "Berge": Point(50.51, 5.58),
    "Coteau": Point(50.57, 5.69),
    "Dale": Point(50.58, 5.63),
    "Eau": Point(50.55, 5.57),
}
SITES = tuple(Site(f"site-{name}", Side.VICTIMS, name, point) for name, point in COMMUNES.items())
UNITS = tuple(
    Unit(f"u{number:02}", f"site-{commune}", beds, cots=cots, step_free=step_free, pets=pets)
    for number, (commune, beds, cots, step_free, pets) in enumerate(
        [
            ("Amont", 2, 0, False, True),
            ("Amont", 3, 1, False, False),
            ("Amont", 4, 1, True, False),
            ("Berge", 2, 1, False, False),
            ("Berge", 4, 1, False, True),
            ("Berge", 6, 2, False, False),
            ("Coteau", 3, 1, True, False),
            ("Coteau", 3, 1, False, False),
            ("Coteau", 4, 2, False, True),
            ("Dale", 2, 1, True, False),
            ("Dale", 4, 1, False, False),
            ("Dale", 6, 2, True, True),
            ("Eau", 3, 1, False, True),
            ("Eau", 4, 2, False, False),
        ],
        start=1,
    )
)
#: (share of stays, fewest nights, most nights)
STAYS = ((0.35, 3, 10), (0.45, 11, 24), (0.20, 25, 45))
LONGEST = max(most for _, _, most in STAYS)
#: the share of households that need a home without steps, and that come with an animal
STEP_FREE, PETS = 0.10, 0.12


def requests(seed: int, *, wishes: bool = True, agrees: float = AGREES) -> tuple[Party, ...]:
    """The households of one year in the order in which they ask; ``first_night`` is when.

    ``wishes`` adds preferred communes and points to reach (a school, a job), which rank before
    scarcity in ``place``. ``agrees`` is the share that may be asked to move. Neither changes who
    asks: wishes and consent have a stream of chance of their own.
    """
    rng, extra = (random.Random(f"{what} {seed}") for what in ("year", "wishes"))  # noqa: S311
    found: list[Party] = []
    for night in range(NIGHTS):
        for _ in range(_poisson(rng, REQUESTS_A_NIGHT)):
            asking = _household(rng, f"p{len(found):03}", night)
            found.append(_with_wishes(extra, asking, wishes, agrees))
    return tuple(found)


def _poisson(rng: random.Random, mean: float) -> int:
    """Knuth's method: how many uniform numbers until their product falls below e^−mean."""
    count, product = 0, rng.random()
    while product >= math.exp(-mean):
        count += 1
        product *= rng.random()
    return count


def _household(rng: random.Random, identifier: str, night: int) -> Party:
    _, fewest, most = rng.choices(STAYS, [share for share, _, _ in STAYS])[0]
    people = {Person.WOMAN: 1}
    if rng.random() < 0.62:
        for _ in range(rng.choices([1, 2, 3, 4, 5], [42, 33, 15, 7, 3])[0]):
            kind = rng.choices([Person.CHILD, Person.INFANT, Person.TEEN_GIRL], [70, 18, 12])[0]
            if kind is Person.INFANT and people.get(kind, 0) == 2:
                kind = Person.CHILD
            people[kind] = people.get(kind, 0) + 1
    excluded = rng.choices([0, 1, 2], [60, 28, 12])[0]
    return Party(
        identifier,
        Side.VICTIMS,
        people,
        first_night=night,
        nights=rng.randint(fewest, most),
        step_free=rng.random() < STEP_FREE,
        pets=rng.random() < PETS,
        excluded_communes=frozenset(rng.sample(sorted(COMMUNES), excluded)),
    )


def _with_wishes(extra: random.Random, asking: Party, wishes: bool, agrees: float) -> Party:
    communes, points = extra.random() < 0.25, extra.random() < 0.40
    liked, reach = extra.choice(sorted(COMMUNES)), extra.choice(sorted(COMMUNES))
    may_be_asked = extra.random() < agrees
    return replace(
        asking,
        move_agreement=Agreement.PARTY if may_be_asked else Agreement.NONE,
        preferred_communes=frozenset({liked})
        if wishes and communes and liked not in asking.excluded_communes
        else frozenset(),
        preferred_points=(COMMUNES[reach],) if wishes and points else (),
    )
