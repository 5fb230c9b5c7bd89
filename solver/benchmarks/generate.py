"""Fictitious countries of the size of Belgium, seeded: the instances of the batch benchmark.

What is drawn follows ``SOLVER.md``: sites of about four units, nine in ten for victims; private and
shared units of differing size and equipment; stays that are there already and stay; two in five
victims who cannot go to one to three communes; two in five perpetrators who must be kept at least
10 km from one victim household; start and length of every request fixed.

Zoning is switched off (no distance, no kind of place): it would only take sites away.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from datetime import date

from shelter_solver import (
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
    Zoning,
)

START = date(2026, 11, 21)
#: degrees of latitude and longitude that hold the communes: about 130 km by 210 km
SOUTH, NORTH, WEST, EAST = 49.9, 51.1, 3.1, 6.0
APART_M = 10_000.0
UNITS_A_SITE = 4


@dataclass(frozen=True)
class Shape:
    """The size of an instance. Lengths of stay are in nights, drawn evenly."""

    name: str
    units: int
    requests: int
    communes: int = 100
    nights: int = 30
    shortest: int = 5
    longest: int = 26
    #: side of the country, as a share of Belgium's: small networks are not spread over all of it
    spread: float = 1.0


#: per unit: 1.5 requests where there is room, 2.67 and more where there is not
SHAPES: dict[str, Shape] = {
    shape.name: shape
    for shape in (
        Shape("small", units=40, requests=60, communes=12, spread=0.4),
        Shape("tightS", units=56, requests=150, communes=14, spread=0.4),
        Shape("mid", units=300, requests=450),
        Shape("mid90", units=300, requests=450, nights=90, shortest=15, longest=78),
        Shape("tightM", units=300, requests=800, longest=27),
        Shape("large", units=2000, requests=3000),
        Shape("tightL", units=2000, requests=5400),
    )
}


def country(name: str, seed: int) -> Problem:
    """The instance of this name; the same seed gives the same instance, everywhere."""
    return of_shape(SHAPES[name], seed)


def of_shape(shape: Shape, seed: int) -> Problem:
    """One country in which every site can be of use to everybody."""
    draw = _Draw(random.Random(f"{shape.name} {seed}"), shape)  # noqa: S311 a benchmark, no secret
    draw.network("", Point((SOUTH + NORTH) / 2, (WEST + EAST) / 2))
    return draw.problem()


def regions(requests: int, seed: int, *, requests_a_region: int = 100) -> Problem:
    """A country that falls apart: nobody can be placed outside the region where they ask.

    Regions of one size do not depend on each other; so twice the requests are twice the work for
    who sees that, and far more for who does not.
    """
    count = requests // requests_a_region
    shape = Shape(
        f"regions{requests}",
        units=round(requests_a_region / 1.7),
        requests=requests_a_region,
        communes=4,
        spread=0.1,
    )
    rng = random.Random(f"{shape.name} {seed}")  # noqa: S311
    drawn: list[_Draw] = []
    for number in range(count):
        row, place = divmod(number, 10)
        draw = _Draw(rng, shape)
        draw.network(f"r{number:02}-", Point(SOUTH + 0.35 * row, WEST + 0.35 * place))
        drawn.append(draw)
    every = frozenset(commune for draw in drawn for commune, _ in draw.communes)
    parties: list[Party] = []
    for draw in drawn:
        elsewhere = every - {commune for commune, _ in draw.communes}
        parties.extend(
            replace(party, excluded_communes=party.excluded_communes | elsewhere)
            for party in draw.parties
        )
    return Problem(
        start=START,
        horizon=shape.nights,
        sites=tuple(site for draw in drawn for site in draw.sites),
        units=tuple(unit for draw in drawn for unit in draw.units),
        parties=tuple(parties),
        separations=tuple(rule for draw in drawn for rule in draw.separations),
        zoning=Zoning(0.0, frozenset()),
    )


class _Draw:
    """One network under the hand of the draughtsman."""

    def __init__(self, rng: random.Random, shape: Shape) -> None:
        self.rng = rng
        self.shape = shape
        self.communes: list[tuple[str, Point]] = []
        self.weights: list[float] = []
        self.sites: list[Site] = []
        self.units: list[Unit] = []
        self.parties: list[Party] = []
        self.separations: list[Separation] = []

    def problem(self) -> Problem:
        return Problem(
            start=START,
            horizon=self.shape.nights,
            sites=tuple(self.sites),
            units=tuple(self.units),
            parties=tuple(self.parties),
            separations=tuple(self.separations),
            zoning=Zoning(0.0, frozenset()),
        )

    def network(self, prefix: str, centre: Point) -> None:
        rng, shape = self.rng, self.shape
        half_lat = (NORTH - SOUTH) / 2 * shape.spread
        half_lon = (EAST - WEST) / 2 * shape.spread
        for number in range(shape.communes):
            self.communes.append(
                (
                    f"{prefix}commune{number:03}",
                    Point(
                        centre.lat + rng.uniform(-half_lat, half_lat),
                        centre.lon + rng.uniform(-half_lon, half_lon),
                    ),
                )
            )
            self.weights.append(rng.paretovariate(1.5))  # a few towns, many villages
        self._sites_and_units(prefix)
        self._housed(prefix)
        asking = [self._asking(f"{prefix}p{number:04}") for number in range(shape.requests)]
        self._separations(asking)

    def _near(self, commune: Point) -> Point:
        return Point(commune.lat + self.rng.gauss(0, 0.02), commune.lon + self.rng.gauss(0, 0.03))

    def _sites_and_units(self, prefix: str) -> None:
        rng, shape = self.rng, self.shape
        while len(self.units) < shape.units:
            number = len(self.sites)
            commune, point = rng.choices(self.communes, self.weights)[0]
            # every tenth site, so that the share does not depend on luck in small instances
            side = Side.PERPETRATORS if number % 10 == 4 else Side.VICTIMS
            lines = frozenset({f"bus:{prefix}{rng.randrange(40)}"} if rng.random() < 0.2 else ())
            self.sites.append(
                Site(f"{prefix}s{number:03}", side, commune, self._near(point), lines)
            )
            for _ in range(min(rng.randint(2, 6), shape.units - len(self.units))):
                self.units.append(self._unit(f"{prefix}u{len(self.units):04}", self.sites[-1]))

    def _unit(self, identifier: str, site: Site) -> Unit:
        rng = self.rng
        victims = site.audience is Side.VICTIMS
        shared = rng.random() < (0.15 if victims else 0.3)
        if shared:
            beds = rng.randint(4, 8) if victims else rng.randint(3, 5)
        else:
            beds = rng.choices((1, 2, 3, 4, 5), (20, 32, 25, 15, 8))[0] if victims else 1
        return Unit(
            identifier,
            site.id,
            beds=beds,
            cots=rng.choice((0, 1, 1, 2)) if victims and beds > 1 else 0,
            sharing=Sharing.SHARED if shared else Sharing.PRIVATE,
            step_free=rng.random() < 0.3,
            pets=rng.random() < 0.35,
        )

    def _housed(self, prefix: str) -> None:
        """Who is there already, in about half of the units, for up to half of the time."""
        rng = self.rng
        for unit, site in zip(self.units, self._site_of_units(), strict=True):
            if rng.random() < 0.5:
                stay = Stay(unit.id, -rng.randint(1, 10), rng.randint(1, self.shape.nights // 2))
                woman = Person.WOMAN if site.audience is Side.VICTIMS else Person.MAN
                self.parties.append(
                    Party(
                        f"{prefix}h-{unit.id.removeprefix(prefix)}",
                        site.audience,
                        {woman: 1, Person.CHILD: rng.randint(0, unit.beds - 1)},
                        first_night=stay.first_night,
                        nights=stay.end_night - stay.first_night,
                        present=(stay,),
                    )
                )

    def _site_of_units(self) -> list[Site]:
        sites = {site.id: site for site in self.sites}
        return [sites[unit.site] for unit in self.units]

    def _asking(self, identifier: str) -> Party:
        rng, shape = self.rng, self.shape
        # no nine perpetrators ask where one place exists: their share is that of their units
        victim = rng.random() >= 0.1
        first = rng.randrange(shape.nights - shape.shortest + 1)
        nights = min(rng.randint(shape.shortest, shape.longest), shape.nights - first)
        # help is where the towns are, need is everywhere: distances stay real in large countries
        commune, point = rng.choice(self.communes)
        others = [name for name, _ in self.communes if name != commune]
        excluded = rng.sample(others, rng.randint(1, 3)) if victim and rng.random() < 0.4 else []
        party = Party(
            identifier,
            Side.VICTIMS if victim else Side.PERPETRATORS,
            self._household() if victim else {Person.MAN: 1},
            first,
            nights,
            urgency=rng.choices((0, 1, 2, 3), (25, 35, 25, 15))[0],
            step_free=rng.random() < 0.08,
            pets=rng.random() < 0.1,
            excluded_communes=frozenset(excluded),
            preferred_points=(self._near(point),),
        )
        self.parties.append(party)
        return party

    def _household(self) -> dict[Person, int]:
        """A woman, seldom a man, with up to four children; one child in five is an infant."""
        rng = self.rng
        kinds = (Person.INFANT, Person.CHILD, Person.TEEN_GIRL, Person.TEEN_BOY)
        people = {Person.WOMAN if rng.random() < 0.95 else Person.MAN: 1}
        for _ in range(rng.choices((0, 1, 2, 3, 4), (45, 25, 18, 9, 3))[0]):
            kind = rng.choices(kinds, (20, 60, 10, 10))[0]
            if kind is Person.INFANT and people.get(kind, 0) == 2:
                kind = Person.CHILD  # no unit has three cots
            people[kind] = people.get(kind, 0) + 1
        return people

    def _separations(self, asking: list[Party]) -> None:
        """Two in five perpetrators are kept from one victim household whose nights they share."""
        rng = self.rng
        victims = [party for party in self.parties if party.side is Side.VICTIMS]
        for party in asking:
            if party.side is Side.VICTIMS or rng.random() >= 0.4:
                continue
            meeting = [v for v in victims if _meet(party, v)]
            if meeting:
                other = rng.choice(meeting)
                self.separations.append(
                    Separation(frozenset({party.id}), frozenset({other.id}), APART_M)
                )


def _meet(a: Party, b: Party) -> bool:
    return a.first_night < b.first_night + b.nights and b.first_night < a.first_night + a.nights
