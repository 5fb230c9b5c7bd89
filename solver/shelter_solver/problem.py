"""The data of one allocation problem: frozen, self-validating, free of any framework.

Units used throughout: a *night* is an integer counted from ``Problem.start`` (0 is the night that
begins on that date); a range of nights is half-open, ``first_night <= n < end_night``; distances
are metres on the WGS84 sphere; hours are local hours of the day, 0–23; latitudes and longitudes
are degrees.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum

EARTH_RADIUS_M = 6_371_008.8


class ProblemError(ValueError):
    """The data contradict themselves. ``where`` names the place, e.g. ``units[f3].beds``."""

    def __init__(self, where: str, what: str) -> None:
        super().__init__(f"{where}: {what}")
        self.where = where
        self.what = what


def _require(condition: bool, where: str, what: str) -> None:
    if not condition:
        raise ProblemError(where, what)


class Side(StrEnum):
    """Whom a site houses, and on which side of a case a party stands. Never both."""

    VICTIMS = "victims"
    PERPETRATORS = "perpetrators"


class Person(StrEnum):
    """The kinds of person that a household is counted in. Infants (0–2) sleep in a cot."""

    WOMAN = "woman"
    MAN = "man"
    OTHER_ADULT = "other_adult"
    TEEN_GIRL = "teen_girl"  # 12–17
    TEEN_BOY = "teen_boy"  # 12–17
    OTHER_TEEN = "other_teen"  # 12–17
    CHILD = "child"  # 3–11
    INFANT = "infant"  # 0–2


class Sharing(StrEnum):
    """Who may be in a unit in the same night."""

    PRIVATE = "private"  # one household
    SHARED = "shared"  # several households, up to the beds
    SHARED_SAME_GENDER = "shared_same_gender"  # several, whose adults and teens share one gender


class Agreement(StrEnum):
    """Whose consent a move of a housed party needs. ``NONE`` means: never move."""

    NONE = "none"
    PARTY = "party"
    SERVICE = "service"


@dataclass(frozen=True, slots=True)
class Point:
    lat: float
    lon: float

    def __post_init__(self) -> None:
        _require(-90 <= self.lat <= 90, "point.lat", f"{self.lat} is not a latitude")
        _require(-180 <= self.lon <= 180, "point.lon", f"{self.lon} is not a longitude")


def distance_m(a: Point, b: Point) -> float:
    """Great-circle distance in metres (haversine formula, mean earth radius of the IUGG)."""
    lat_a, lat_b = math.radians(a.lat), math.radians(b.lat)
    half_lat = math.sin((lat_b - lat_a) / 2)
    half_lon = math.sin(math.radians(b.lon - a.lon) / 2)
    chord = half_lat * half_lat + math.cos(lat_a) * math.cos(lat_b) * half_lon * half_lon
    return 2 * EARTH_RADIUS_M * math.asin(min(1.0, math.sqrt(chord)))


@dataclass(frozen=True, slots=True)
class Zone:
    """A circle that a party must stay out of: a home, a workplace, a school gate."""

    centre: Point
    radius_m: float

    def __post_init__(self) -> None:
        _require(self.radius_m >= 0, "zone.radius_m", f"{self.radius_m} is negative")


@dataclass(frozen=True, slots=True)
class Nights:
    """A half-open range of nights. ``end_night`` may lie beyond the horizon."""

    first_night: int
    end_night: int

    def __post_init__(self) -> None:
        _require(self.first_night < self.end_night, "nights", "the range is empty")

    def __contains__(self, night: int) -> bool:
        return self.first_night <= night < self.end_night

    def overlaps(self, other: Nights) -> bool:
        return self.first_night < other.end_night and other.first_night < self.end_night


@dataclass(frozen=True, slots=True)
class Site:
    """A building or a group of units with one address.

    ``places`` are the shared places that a resident cannot avoid, each ``kind:name``
    (``entrance:…``, ``service:…``, ``bus:…``): two sites are in contact when they share one.
    """

    id: str
    audience: Side
    commune: str
    point: Point
    places: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Unit:
    """A dwelling or room that is given out as a whole (private) or bed by bed (shared)."""

    id: str
    site: str
    beds: int
    cots: int = 0
    sharing: Sharing = Sharing.PRIVATE
    #: who may stay at all; a party fits when all its kinds of person are listed
    admits: frozenset[Person] = frozenset(Person)
    step_free: bool = False
    pets: bool = False
    quiet: bool = False
    #: 0 none, 1 visits, 2 staff by day, 3 staff day and night
    supervision: int = 0
    #: hours in which somebody can be let in, [from, until); equal means any hour
    intake_from: int = 0
    intake_until: int = 0
    #: nights kept empty after each stay
    cleaning_nights: int = 0
    max_stay_nights: int | None = None
    #: nights in which nobody may stay: closed, out of service, occupied by others, being cleaned
    closed: tuple[Nights, ...] = ()
    #: nights held in reserve: only parties of urgency ≥ ``Problem.kept_back_urgency`` get them
    kept_back: tuple[Nights, ...] = ()
    #: what keeping it free is worth, 100 = as much in demand as the mean unit: ``reserve_values``
    reserve: int = 0

    def __post_init__(self) -> None:
        here = f"units[{self.id}]"
        _require(self.beds >= 0, f"{here}.beds", f"{self.beds} is negative")
        _require(self.cots >= 0, f"{here}.cots", f"{self.cots} is negative")
        _require(0 <= self.supervision <= 3, f"{here}.supervision", "must be 0 to 3")
        _require(self.cleaning_nights >= 0, f"{here}.cleaning_nights", "is negative")
        _require(self.reserve >= 0, f"{here}.reserve", "is negative")
        _require(0 <= self.intake_from <= 23, f"{here}.intake_from", "must be 0 to 23")
        _require(0 <= self.intake_until <= 23, f"{here}.intake_until", "must be 0 to 23")
        _require(
            self.max_stay_nights is None or self.max_stay_nights >= 1,
            f"{here}.max_stay_nights",
            "must be at least 1",
        )


@dataclass(frozen=True, slots=True)
class Stay:
    """One party in one unit for a range of nights."""

    unit: str
    first_night: int
    end_night: int

    def __post_init__(self) -> None:
        _require(self.first_night < self.end_night, f"stay[{self.unit}]", "has no night")

    @property
    def nights(self) -> Nights:
        return Nights(self.first_night, self.end_night)


@dataclass(frozen=True, slots=True)
class Party:
    """A household that is placed together: what it is, needs, avoids and would like."""

    id: str
    side: Side
    people: Mapping[Person, int]
    first_night: int
    nights: int
    #: the last night on which the stay may begin; None means ``first_night``
    latest_first_night: int | None = None
    #: local hour of arrival, None when it can be chosen
    arrival_hour: int | None = None
    #: 0 can wait, 1 soon, 2 tonight, 3 in danger now
    urgency: int = 2
    #: cots that come with the household: so many infants need none of the unit's
    own_cots: int = 0
    step_free: bool = False
    pets: bool = False
    quiet: bool = False
    min_supervision: int = 0
    excluded_communes: frozenset[str] = frozenset()
    #: sites that a dangerous person knows ("burned")
    excluded_sites: frozenset[str] = frozenset()
    excluded_places: frozenset[str] = frozenset()
    danger_zones: tuple[Zone, ...] = ()
    preferred_communes: frozenset[str] = frozenset()
    preferred_points: tuple[Point, ...] = ()
    #: where the party already is or is promised to be; fixed unless a move is agreed
    present: tuple[Stay, ...] = ()
    move_agreement: Agreement = Agreement.NONE
    #: may the household be put into two units of one site, or change unit during the stay
    may_use_two_units: bool = False
    may_change_unit: bool = False

    def __post_init__(self) -> None:
        here = f"parties[{self.id}]"
        for person, count in self.people.items():
            _require(count >= 0, f"{here}.people.{person}", f"{count} is negative")
        _require(sum(self.people.values()) > 0, f"{here}.people", "nobody is in the household")
        _require(self.nights >= 1, f"{here}.nights", "must be at least 1")
        _require(0 <= self.urgency <= 3, f"{here}.urgency", "must be 0 to 3")
        _require(self.own_cots >= 0, f"{here}.own_cots", f"{self.own_cots} is negative")
        _require(0 <= self.min_supervision <= 3, f"{here}.min_supervision", "must be 0 to 3")
        _require(
            self.arrival_hour is None or 0 <= self.arrival_hour <= 23,
            f"{here}.arrival_hour",
            "must be 0 to 23",
        )
        _require(
            self.latest_first_night is None or self.latest_first_night >= self.first_night,
            f"{here}.latest_first_night",
            "lies before first_night",
        )

    @property
    def beds(self) -> int:
        """Beds needed: everybody but infants."""
        return sum(self.people.values()) - self.people.get(Person.INFANT, 0)

    @property
    def cots(self) -> int:
        """Cots needed of the unit."""
        return max(0, self.people.get(Person.INFANT, 0) - self.own_cots)

    @property
    def kinds(self) -> frozenset[Person]:
        return frozenset(person for person, n in self.people.items() if n > 0)


@dataclass(frozen=True, slots=True)
class Separation:
    """Every party of ``a`` is kept apart from every other party of ``b``, in every shared night.

    Always: never the same site. Besides: at least ``min_distance_m`` metres between the sites,
    and, with ``shared_places``, no entrance, service or bus line in common.
    ``a == b`` keeps the members of one group apart from each other.
    """

    a: frozenset[str]
    b: frozenset[str]
    min_distance_m: float = 0.0
    shared_places: bool = True

    def __post_init__(self) -> None:
        _require(bool(self.a) and bool(self.b), "separation", "a group is empty")
        _require(self.min_distance_m >= 0, "separation.min_distance_m", "is negative")


@dataclass(frozen=True, slots=True)
class Zoning:
    """The network's static rule: how far victim sites lie from perpetrator sites."""

    min_distance_m: float = 0.0
    #: kinds of shared place that a victim site and a perpetrator site may not have in common
    place_kinds: frozenset[str] = frozenset({"building", "entrance", "caretaker", "service", "bus"})


@dataclass(frozen=True, slots=True)
class Problem:
    """A network, its places and the parties, over ``horizon`` nights from ``start``."""

    start: date
    horizon: int
    sites: tuple[Site, ...] = ()
    units: tuple[Unit, ...] = ()
    parties: tuple[Party, ...] = ()
    separations: tuple[Separation, ...] = ()
    zoning: Zoning = field(default_factory=Zoning)
    #: kept-back nights open to parties of at least this urgency
    kept_back_urgency: int = 3

    def __post_init__(self) -> None:
        _require(self.horizon >= 0, "horizon", "is negative")
        sites = _unique("sites", [site.id for site in self.sites])
        units = _unique("units", [unit.id for unit in self.units])
        parties = _unique("parties", [party.id for party in self.parties])
        for unit in self.units:
            _require(unit.site in sites, f"units[{unit.id}].site", f"no site {unit.site!r}")
        for party in self.parties:
            here = f"parties[{party.id}]"
            for stay in party.present:
                _require(stay.unit in units, f"{here}.present", f"no unit {stay.unit!r}")
        for number, separation in enumerate(self.separations):
            for member in separation.a | separation.b:
                _require(member in parties, f"separations[{number}]", f"no party {member!r}")

    def seen_by(self, side: Side) -> Problem:
        """The part of the data that answers given to ``side`` may depend on.

        Victims are kept away from everybody, so they see all. What a perpetrator is told must not
        depend on where a victim is: victim-side parties, and separations from them, are left out.
        """
        if side is Side.VICTIMS:
            return self
        parties = tuple(party for party in self.parties if party.side is side)
        if len(parties) == len(self.parties):
            return self
        here = frozenset(party.id for party in parties)
        separations = tuple(
            replace(separation, a=separation.a & here, b=separation.b & here)
            for separation in self.separations
            if separation.a & here and separation.b & here
        )
        return replace(self, parties=parties, separations=separations)


def _unique(what: str, ids: list[str]) -> frozenset[str]:
    seen: set[str] = set()
    for identifier in ids:
        _require(identifier not in seen, f"{what}[{identifier}]", "is named twice")
        seen.add(identifier)
    return frozenset(seen)
