"""Small networks that read like a sentence, and random ones for the property tests."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import date
from typing import Any

from shelter_solver import (
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
    verify,
)

START = date(2026, 11, 21)
#: one degree of latitude is about 111.2 km, so 0.01 is about 1.1 km
CENTRE = Point(50.85, 4.35)


def north(km: float) -> Point:
    """The point this many kilometres north of the centre."""
    return Point(CENTRE.lat + km / 111.195, CENTRE.lon)


def site(identifier: str = "home", **values: Any) -> Site:
    settings: dict[str, Any] = {"audience": Side.VICTIMS, "commune": "Ixelles", "point": CENTRE}
    return Site(identifier, **{**settings, **values})


def unit(identifier: str = "room", at: str = "home", **values: Any) -> Unit:
    return Unit(identifier, at, **{"beds": 4, "cots": 1, **values})


def party(identifier: str = "anna", **values: Any) -> Party:
    settings: dict[str, Any] = {
        "side": Side.VICTIMS,
        "people": {Person.WOMAN: 1, Person.CHILD: 1},
        "first_night": 0,
        "nights": 7,
    }
    return Party(identifier, **{**settings, **values})


def housed(identifier: str, in_unit: str, first: int = 0, end: int = 7, **values: Any) -> Party:
    settings = {
        "first_night": first,
        "nights": end - first,
        "present": (Stay(in_unit, first, end),),
    }
    return party(identifier, **{**settings, **values})


def problem(*things: Site | Unit | Party | Separation, **values: Any) -> Problem:
    """A problem of these things; one site ``home`` is added when none is given."""

    def of(kind: type) -> tuple[Any, ...]:
        return tuple(thing for thing in things if isinstance(thing, kind))

    settings: dict[str, Any] = {"start": START, "horizon": 60, **values}
    return Problem(
        sites=of(Site) or (site(),),
        units=of(Unit),
        parties=of(Party),
        separations=of(Separation),
        **settings,
    )


def apart(*names: str, **values: Any) -> Separation:
    """All these parties are kept apart from each other."""
    return Separation(frozenset(names), frozenset(names), **values)


def with_party(given: Problem, identifier: str, **values: Any) -> Problem:
    parties = tuple(
        replace(member, **values) if member.id == identifier else member for member in given.parties
    )
    return replace(given, parties=parties)


def random_problem(seed: int) -> Problem:
    """A small instance in which every rule has a say; the asking party is ``new``.

    Stays of others are thrown in without care, so old violations among them occur too.
    """
    rng = random.Random(seed)
    horizon = rng.choice([8, 12])
    sites = [
        site(
            f"s{number}",
            audience=Side.PERPETRATORS if number and rng.random() < 0.25 else Side.VICTIMS,
            commune=rng.choice(["Ixelles", "Uccle", "Forest"]),
            point=north(rng.choice([0, 2, 5, 9])),
            places=frozenset(
                rng.sample(["bus:71", "service:cpas", "entrance:a"], rng.choice([0, 0, 1]))
            ),
        )
        for number in range(rng.randint(1, 3))
    ]
    units = [
        _random_unit(rng, f"u{number}", rng.choice(sites).id) for number in range(rng.randint(1, 5))
    ]
    others = [
        _random_party(rng, f"p{number}", present=_random_stays(rng, units))
        for number in range(rng.randint(0, 5))
    ]
    new = _random_party(rng, "new", present=_random_stays(rng, units) if rng.random() < 0.2 else ())
    names = [member.id for member in (*others, new)]
    separations = [
        Separation(
            frozenset({"new"}) if rng.random() < 0.7 else frozenset(names),
            frozenset(rng.sample(names, min(len(names), 2))),
            min_distance_m=rng.choice([0.0, 3000.0]),
            shared_places=rng.random() < 0.5,
        )
        for _ in range(rng.randint(0, 2))
    ]
    return Problem(
        start=START,
        horizon=horizon,
        sites=tuple(sites),
        units=tuple(units),
        parties=(*others, new),
        separations=tuple(separations),
        zoning=Zoning(min_distance_m=rng.choice([0.0, 1000.0])),
        kept_back_urgency=rng.choice([2, 3]),
    )


def _random_nights(rng: random.Random) -> Nights:
    first = rng.randint(-2, 9)
    return Nights(first, first + rng.randint(1, 4))


def _random_stays(rng: random.Random, units: list[Unit]) -> tuple[Stay, ...]:
    first = rng.randint(-4, 6)
    stays = [Stay(rng.choice(units).id, first, first + rng.randint(1, 6))]
    if rng.random() < 0.2:
        end = stays[0].end_night
        stays.append(Stay(rng.choice(units).id, end, end + rng.randint(1, 3)))
    return tuple(stays)


def _random_unit(rng: random.Random, identifier: str, at: str) -> Unit:
    return Unit(
        identifier,
        at,
        beds=rng.choice([1, 2, 2, 3, 4]),
        cots=rng.choice([0, 1, 2]),
        sharing=rng.choice([Sharing.PRIVATE, Sharing.PRIVATE, *Sharing]),
        admits=frozenset(Person) - {rng.choice(list(Person))}
        if rng.random() < 0.2
        else frozenset(Person),
        step_free=rng.random() < 0.7,
        pets=rng.random() < 0.7,
        quiet=rng.random() < 0.7,
        supervision=rng.choice([0, 1, 3]),
        intake_from=rng.choice([0, 8, 20]),
        intake_until=rng.choice([0, 8, 20]),
        cleaning_nights=rng.choice([0, 0, 1, 2]),
        max_stay_nights=rng.choice([None, None, 4, 8]),
        closed=(_random_nights(rng),) if rng.random() < 0.2 else (),
        kept_back=(_random_nights(rng),) if rng.random() < 0.2 else (),
    )


def _random_party(rng: random.Random, identifier: str, **values: Any) -> Party:
    adult = rng.choice([Person.WOMAN, Person.WOMAN, Person.MAN, Person.OTHER_ADULT])
    people = {
        adult: 1,
        rng.choice(list(Person)): rng.choice([0, 1, 1, 3]),
        Person.INFANT: rng.choice([0, 0, 1]),
    }
    people[adult] = max(1, people[adult])
    present: tuple[Stay, ...] = values.get("present", ())
    first = rng.randint(-1, 6) if rng.random() < 0.9 or not present else present[0].first_night
    return Party(
        identifier,
        **{
            "side": Side.PERPETRATORS if rng.random() < 0.2 else Side.VICTIMS,
            "people": people,
            "first_night": first,
            "nights": rng.randint(1, 6),
            "latest_first_night": first + rng.randint(0, 2) if rng.random() < 0.3 else None,
            "arrival_hour": rng.choice([None, 3, 14]),
            "urgency": rng.randint(0, 3),
            "step_free": rng.random() < 0.2,
            "pets": rng.random() < 0.2,
            "quiet": rng.random() < 0.2,
            "min_supervision": rng.choice([0, 0, 0, 2]),
            "excluded_communes": frozenset({"Uccle"} if rng.random() < 0.2 else ()),
            "excluded_sites": frozenset({"s1"} if rng.random() < 0.1 else ()),
            "excluded_places": frozenset({"bus:71"} if rng.random() < 0.1 else ()),
            "danger_zones": (Zone(CENTRE, 1500.0),) if rng.random() < 0.1 else (),
            "preferred_communes": frozenset({"Forest"} if rng.random() < 0.3 else ()),
            "preferred_points": (north(5),) if rng.random() < 0.3 else (),
            "move_agreement": rng.choice(list(Agreement)),
            "may_use_two_units": rng.random() < 0.4,
            "may_change_unit": rng.random() < 0.4,
            **values,
        },
    )


def random_batch(seed: int) -> Problem:
    """A small instance in which several parties ask at once and some who are there may move.

    Present stays keep every rule but separations; what is thrown in without care is left out again.
    In two of three instances everybody suits everywhere, so that people are in each other's way.
    """
    rng = random.Random(seed)
    given = random_problem(seed + 1_000_000)
    second = random_problem(seed + 2_000_000)
    known = {unit.id for unit in given.units}
    drawn = [*given.parties]
    for member in second.parties[: rng.choice([0, 0, 2])]:
        stays = tuple(stay for stay in member.present if stay.unit in known)
        drawn.append(replace(member, id=f"more-{member.id}", present=stays))
    if rng.random() < 0.67:
        given = replace(
            given,
            sites=tuple(replace(one, audience=Side.VICTIMS) for one in given.sites),
            units=tuple(
                replace(one, admits=frozenset(Person), intake_from=0, intake_until=0, closed=())
                for one in given.units
            ),
        )
        drawn = [_easy(member) for member in drawn]
    given = replace(given, parties=(), separations=())
    audience = {one.id: one.audience for one in given.sites}
    side_of = {one.id: audience[one.site] for one in given.units}
    kept: list[Party] = []
    for member in drawn:
        if rng.random() < 0.5:
            first = max(0, member.first_night)
            last = member.latest_first_night
            kept.append(
                replace(
                    member,
                    present=(),
                    first_night=first,
                    latest_first_night=None if last is None else max(first, last),
                )
            )
            continue
        stays = member.present or _random_stays(rng, list(given.units))
        shown = replace(
            member,
            side=side_of[stays[0].unit],
            first_night=stays[0].first_night,
            nights=stays[-1].end_night - stays[0].first_night + rng.choice([0, 0, 0, 2]),
            latest_first_night=None,
            present=stays,
        )
        if not verify(replace(given, parties=(*kept, shown)), {}, everyone=True):
            kept.append(shown)
    names = [member.id for member in kept]
    rules = [
        Separation(
            frozenset(rng.sample(names, min(len(names), rng.randint(1, 2)))),
            frozenset(rng.sample(names, min(len(names), rng.randint(1, 2)))),
            min_distance_m=rng.choice([0.0, 3000.0]),
            shared_places=rng.random() < 0.5,
        )
        for _ in range(rng.randint(0, 2))
        if names
    ]
    there = [member.id for member in kept if any(stay.end_night > 0 for stay in member.present)]
    if len(there) > 1 and rng.random() < 0.3:
        rules.append(apart(*rng.sample(there, 2)))
    return replace(given, parties=tuple(kept), separations=tuple(rules))


def _easy(member: Party) -> Party:
    """The same household, without special needs and places to avoid."""
    return replace(
        member,
        side=Side.VICTIMS,
        arrival_hour=None,
        step_free=False,
        pets=False,
        quiet=False,
        min_supervision=0,
        excluded_communes=frozenset(),
        excluded_sites=frozenset(),
        excluded_places=frozenset(),
        danger_zones=(),
    )
