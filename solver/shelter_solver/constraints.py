"""The hard rules, one named function each. ``RULES`` is the table of contents.

A rule looks at one *ask*: may this party have this unit in these nights, with everybody else where
the world says? It returns True when it forbids. No rule is a weight, and none is ever relaxed.
``verify`` holds the same promises in different code.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from shelter_solver.problem import Nights, Party, Person, Sharing, Stay, Unit, distance_m
from shelter_solver.world import World


class Ask(NamedTuple):
    """One party in one unit for a range of nights."""

    party: Party
    unit: Unit
    first: int
    end: int
    #: the second unit that the household would use in the same nights
    beside: Unit | None = None
    #: the household does not come from another unit of the same plan
    arriving: bool = True
    #: these nights are a part of a plan that changes unit
    changing: bool = False


Rule = Callable[[Ask, World], bool]


# --- the calendar -------------------------------------------------------------------------------


def nights(ask: Ask, world: World) -> bool:
    """A stay lies between tonight and the horizon."""
    return ask.first < 0 or ask.end > world.problem.horizon


def closed(ask: Ask, _world: World) -> bool:
    """Nobody stays in nights in which the unit is closed."""
    return _touches(ask, ask.unit.closed)


def kept_back(ask: Ask, world: World) -> bool:
    """Nights held in reserve go to the most urgent only."""
    return ask.party.urgency < world.problem.kept_back_urgency and _touches(ask, ask.unit.kept_back)


def max_stay(ask: Ask, world: World) -> bool:
    """Nights already spent in the unit without a break count too."""
    limit = ask.unit.max_stay_nights
    if limit is None:
        return False
    begin = ask.first
    own = [stay for stay in world.stays_of[ask.party.id] if stay.unit == ask.unit.id]
    for stay in sorted(own, key=lambda stay: stay.end_night, reverse=True):
        if stay.end_night >= begin:
            begin = min(begin, stay.first_night)
    return ask.end - begin > limit


def intake_hours(ask: Ask, world: World) -> bool:
    """Somebody is there to let the household in, on the day on which it arrives."""
    hour, unit = ask.party.arrival_hour, ask.unit
    if hour is None or unit.intake_from == unit.intake_until or not ask.arriving:
        return False
    if any(stay.first_night < ask.first <= stay.end_night for stay in world.stays_of[ask.party.id]):
        return False  # housed the night before
    if unit.intake_from < unit.intake_until:
        return not unit.intake_from <= hour < unit.intake_until
    return unit.intake_until <= hour < unit.intake_from


def _touches(ask: Ask, ranges: Iterable[Nights]) -> bool:
    return any(r.first_night < ask.end and ask.first < r.end_night for r in ranges)


# --- what the household is and needs --------------------------------------------------------------


def audience(ask: Ask, world: World) -> bool:
    """A site houses victims or perpetrators, never both."""
    return world.site_of(ask.unit).audience is not ask.party.side


def admits(ask: Ask, _world: World) -> bool:
    """Every kind of person in the household is admitted."""
    return not ask.party.kinds <= ask.unit.admits


def beds(ask: Ask, _world: World) -> bool:
    """A bed for everybody but infants."""
    return ask.party.beds > ask.unit.beds + (ask.beside.beds if ask.beside else 0)


def cots(ask: Ask, _world: World) -> bool:
    """A cot for every infant."""
    return ask.party.cots > ask.unit.cots + (ask.beside.cots if ask.beside else 0)


def step_free(ask: Ask, _world: World) -> bool:
    """Who cannot take steps gets a step-free unit."""
    return ask.party.step_free and not ask.unit.step_free


def pets(ask: Ask, _world: World) -> bool:
    """A household with an animal goes where it is welcome."""
    return ask.party.pets and not ask.unit.pets


def quiet(ask: Ask, _world: World) -> bool:
    """Who needs quiet gets a quiet unit."""
    return ask.party.quiet and not ask.unit.quiet


def supervision(ask: Ask, _world: World) -> bool:
    """At least the supervision that the party needs."""
    return ask.unit.supervision < ask.party.min_supervision


def together(ask: Ask, _world: World) -> bool:
    """A household shares one unit, or two private ones of one site if it may."""
    other = ask.beside
    if other is None:
        return False
    return (
        not ask.party.may_use_two_units
        or other.id == ask.unit.id
        or other.site != ask.unit.site
        or ask.unit.sharing is not Sharing.PRIVATE
        or other.sharing is not Sharing.PRIVATE
    )


def change_of_unit(ask: Ask, _world: World) -> bool:
    """Nobody packs again in mid-stay unless the household said that it may."""
    return ask.changing and not ask.party.may_change_unit


# --- where it is safe -----------------------------------------------------------------------------


def excluded_site(ask: Ask, _world: World) -> bool:
    """Never to a site that a dangerous person knows."""
    return ask.unit.site in ask.party.excluded_sites


def excluded_place(ask: Ask, world: World) -> bool:
    """Never to a site with an entrance, service or line to be avoided."""
    return not ask.party.excluded_places.isdisjoint(world.site_of(ask.unit).places)


def excluded_commune(ask: Ask, world: World) -> bool:
    """Never to a commune to be avoided."""
    return world.site_of(ask.unit).commune in ask.party.excluded_communes


def danger_zone(ask: Ask, world: World) -> bool:
    """Never inside a danger zone, its edge included."""
    zones = ask.party.danger_zones
    if not zones:
        return False
    point = world.site_of(ask.unit).point
    return any(distance_m(point, zone.centre) <= zone.radius_m for zone in zones)


def zoning(ask: Ask, world: World) -> bool:
    """No site is used that lies in the zone of a site of the other audience."""
    return ask.unit.site in world.zoned


def separation(ask: Ask, world: World) -> bool:
    """Parties kept apart never share a site, a zone or an unavoidable place in a night."""
    here = world.site_of(ask.unit)
    for other, metres, shared_places in world.apart(ask.party.id):
        for stay in world.stays_of[other]:
            if not (stay.first_night < ask.end and ask.first < stay.end_night):
                continue
            there = world.site_of(world.units[stay.unit])
            if there.id == here.id or (metres > 0 and world.distance(here, there) < metres):
                return True
            if shared_places and not here.places.isdisjoint(there.places):
                return True
    return False


# --- who else is there ----------------------------------------------------------------------------


def occupied(ask: Ask, world: World) -> bool:
    """A private unit houses one household in a night."""
    if ask.unit.sharing is not Sharing.PRIVATE:
        return False
    return any(True for _ in _others(ask, world, 0))


def capacity(ask: Ask, world: World) -> bool:
    """A shared unit houses no more people than it has beds and cots."""
    return ask.unit.sharing is not Sharing.PRIVATE and _over_full(ask, world, 0)


def cleaning(ask: Ask, world: World) -> bool:
    """After each stay a private unit, or the beds used in a shared one, stay empty for cleaning."""
    gap = ask.unit.cleaning_nights
    if gap == 0:
        return False
    if ask.unit.sharing is Sharing.PRIVATE:
        return any(True for _ in _others(ask, world, gap))
    return _over_full(ask, world, gap)


def shared_gender(ask: Ask, world: World) -> bool:
    """In a same-gender unit the adults and teens of a night are of one gender."""
    if ask.unit.sharing is not Sharing.SHARED_SAME_GENDER:
        return False
    own = genders(ask.party)
    if len(own) > 1:
        return True
    others = list(_others(ask, world, 0))
    for moment in _moments(ask, others, 0):
        there = set(own)
        for party, stay in others:
            if stay.first_night <= moment < stay.end_night:
                there |= genders(party)
        if len(there) > 1:
            return True
    return False


def _others(ask: Ask, world: World, gap: int) -> Iterable[tuple[Party, Stay]]:
    """Stays of others in the unit that meet the asked nights, each prolonged by ``gap``."""
    for party, stay in world.stays_in.get(ask.unit.id, ()):
        if (
            party.id != ask.party.id
            and stay.first_night < ask.end + gap
            and ask.first < stay.end_night + gap
        ):
            yield party, stay


def _moments(ask: Ask, others: Iterable[tuple[Party, Stay]], gap: int) -> Iterable[int]:
    """Nights in which the company can grow: the first asked one and each later arrival."""
    yield ask.first
    for _, stay in others:
        if ask.first < stay.first_night < ask.end + gap:
            yield stay.first_night


def _over_full(ask: Ask, world: World, gap: int) -> bool:
    others = list(_others(ask, world, gap))
    for moment in _moments(ask, others, gap):
        there = {
            party.id: party
            for party, stay in others
            if stay.first_night <= moment < stay.end_night + gap
        }
        if (
            ask.party.beds + sum(party.beds for party in there.values()) > ask.unit.beds
            or ask.party.cots + sum(party.cots for party in there.values()) > ask.unit.cots
        ):
            return True
    return False


_GENDER_OF = {
    Person.WOMAN: "f",
    Person.TEEN_GIRL: "f",
    Person.MAN: "m",
    Person.TEEN_BOY: "m",
    Person.OTHER_ADULT: "other",
    Person.OTHER_TEEN: "other",
}


def genders(party: Party) -> set[str]:
    return {_GENDER_OF[person] for person in party.kinds if person in _GENDER_OF}


#: Every hard rule, in the order in which a refusal names the first one that blocks a unit.
RULES: tuple[tuple[str, Rule], ...] = (
    ("nights", nights),
    ("audience", audience),
    ("together", together),
    ("change_of_unit", change_of_unit),
    ("admits", admits),
    ("beds", beds),
    ("cots", cots),
    ("step_free", step_free),
    ("pets", pets),
    ("quiet", quiet),
    ("supervision", supervision),
    ("intake_hours", intake_hours),
    ("excluded_site", excluded_site),
    ("excluded_place", excluded_place),
    ("danger_zone", danger_zone),
    ("zoning", zoning),
    ("excluded_commune", excluded_commune),
    ("closed", closed),
    ("kept_back", kept_back),
    ("max_stay", max_stay),
    ("separation", separation),
    ("occupied", occupied),
    ("capacity", capacity),
    ("cleaning", cleaning),
    ("shared_gender", shared_gender),
)


#: rules that no proposed change can lift, whatever the nights: a unit they block stays out
FIXED = frozenset(
    {
        "audience",
        "admits",
        "step_free",
        "pets",
        "quiet",
        "supervision",
        "excluded_site",
        "excluded_place",
        "danger_zone",
        "zoning",
    }
)

#: rules that look at other parties; the last ones of ``RULES``, so a unit that one of them blocks
#: first is fit for the household in every other way
RELATIONAL = frozenset({"separation", "occupied", "capacity", "cleaning", "shared_gender"})


def first_block(ask: Ask, world: World) -> str | None:
    """The code of the first rule of ``RULES`` that forbids the ask, or None when all allow it."""
    for code, rule in RULES:
        if rule(ask, world):
            return code
    return None
