"""Who is where: an index over a problem, asked by the rules and the goals."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import TYPE_CHECKING

from shelter_solver.problem import Party, Problem, Side, Site, Stay, Unit, Zoning, distance_m

if TYPE_CHECKING:
    from shelter_solver.fits import Fits
    from shelter_solver.taken import Taken

#: metres in a degree of latitude, rounded down: a cheap lower bound of any distance
_METRES_PER_DEGREE = 111_000.0


class World:
    """A problem and the stays of its parties. ``moved`` gives a copy with other stays.

    The copies share what does not depend on stays (distances, zoning, separations), so trying a
    move costs microseconds.
    """

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.sites = {site.id: site for site in problem.sites}
        self.units = {unit.id: unit for unit in problem.units}
        self.parties = {party.id: party for party in problem.parties}
        self.stays_of = {party.id: party.present for party in problem.parties}
        self.stays_in: dict[str, list[tuple[Party, Stay]]] = {}
        for party in problem.parties:
            for stay in party.present:
                self.stays_in.setdefault(stay.unit, []).append((party, stay))
        self._distances: dict[tuple[str, str], float] = {}
        self._apart: dict[str, tuple[tuple[str, float, bool], ...]] = {}
        self._zoned: list[frozenset[str]] = []
        self._fits: list[Fits] = []
        self._own_units: dict[tuple[Side, str | None], list[Unit]] = {}
        #: share of a side's units without each feature: filled by ``objective``
        self.rarity: dict[Side, dict[str, int]] = {}
        #: bed-nights taken without one party, in one commune: filled by ``objective``
        self.loads: dict[tuple[str, str, int, int], int] = {}
        self._taken: list[Taken] = []

    def moved(self, stays: Mapping[str, tuple[Stay, ...]]) -> World:
        """The same world, in which these parties have exactly these stays (history included)."""
        copy = object.__new__(World)
        copy.__dict__.update(self.__dict__)
        copy.stays_of = {**self.stays_of, **stays}
        copy.stays_in = dict(self.stays_in)
        if any(self.stays_of[party_id] != new for party_id, new in stays.items()):
            copy.loads = {}
            copy._taken = []
        for party_id, new in stays.items():
            for left in {stay.unit for stay in self.stays_of[party_id]}:
                copy.stays_in[left] = [
                    there for there in copy.stays_in[left] if there[0].id != party_id
                ]
            for stay in new:
                there = (self.parties[party_id], stay)
                copy.stays_in[stay.unit] = [*copy.stays_in.get(stay.unit, ()), there]
        return copy

    def asked_by(self, party: Party) -> Problem:
        """The problem in which the party asks like this; what it asks now is part of the data."""
        if self.parties[party.id] is party:
            return self.problem
        return _changed(
            self.problem,
            parties=tuple(
                party if other.id == party.id else other for other in self.problem.parties
            ),
        )

    def with_reserve_for(self, urgency: int) -> World:
        """The same world in which kept-back nights are open from this urgency on."""
        copy = object.__new__(World)
        copy.__dict__.update(self.__dict__)
        copy.problem = _changed(self.problem, kept_back_urgency=urgency)
        return copy

    @property
    def fits(self) -> Fits:
        """Which units suit whom, whoever else is there; worked out once for all copies."""
        if not self._fits:
            from shelter_solver.fits import Fits  # the rules that it asks read this module

            self._fits.append(Fits(self))
        return self._fits[0]

    @property
    def taken(self) -> Taken:
        """Which private units others are in; worked out once while nobody moves."""
        if not self._taken:
            from shelter_solver.taken import Taken

            self._taken.append(Taken(self))
        return self._taken[0]

    def units_of(self, side: Side, commune: str | None = None) -> list[Unit]:
        """The units of a side, of one commune or of all."""
        key = (side, commune)
        if key not in self._own_units:
            sites = {
                site.id
                for site in self.problem.sites
                if site.audience is side and commune in (None, site.commune)
            }
            self._own_units[key] = [unit for unit in self.problem.units if unit.site in sites]
        return self._own_units[key]

    def site_of(self, unit: Unit) -> Site:
        return self.sites[unit.site]

    def distance(self, a: Site, b: Site) -> float:
        """Metres between two sites."""
        key = (a.id, b.id) if a.id < b.id else (b.id, a.id)
        if key not in self._distances:
            self._distances[key] = distance_m(a.point, b.point)
        return self._distances[key]

    def apart(self, party_id: str) -> tuple[tuple[str, float, bool], ...]:
        """(other party, metres, shared places count) for everybody this party is kept from."""
        if party_id not in self._apart:
            found: dict[tuple[str, float, bool], None] = {}
            for rule in self.problem.separations:
                others: frozenset[str] = frozenset()
                if party_id in rule.a:
                    others |= rule.b
                if party_id in rule.b:
                    others |= rule.a
                for other in sorted(others - {party_id}):
                    found[other, rule.min_distance_m, rule.shared_places] = None
            self._apart[party_id] = tuple(found)
        return self._apart[party_id]

    @property
    def zoned(self) -> frozenset[str]:
        """Sites that lie inside the zone of a site of the other audience."""
        if not self._zoned:
            self._zoned.append(frozenset(_zoned(self.problem.sites, self.problem.zoning)))
        return self._zoned[0]


def _changed(problem: Problem, **changes: object) -> Problem:
    """A copy whose ids are those of the problem: nothing that needs to be validated again."""
    copy = object.__new__(Problem)
    for field in fields(Problem):
        value = changes[field.name] if field.name in changes else getattr(problem, field.name)
        object.__setattr__(copy, field.name, value)
    return copy


def _zoned(sites: Iterable[Site], zoning: Zoning) -> set[str]:
    listed = [(site, _contacts(site, zoning)) for site in sites]
    found: set[str] = set()
    reach = zoning.min_distance_m / _METRES_PER_DEGREE
    for number, (site, contacts) in enumerate(listed):
        for other, others_contacts in listed[:number]:
            if other.audience is site.audience:
                continue
            near = (
                abs(site.point.lat - other.point.lat) <= reach
                and distance_m(site.point, other.point) < zoning.min_distance_m
            )
            if near or not contacts.isdisjoint(others_contacts):
                found |= {site.id, other.id}
    return found


def _contacts(site: Site, zoning: Zoning) -> frozenset[str]:
    return frozenset(
        place for place in site.places if place.partition(":")[0] in zoning.place_kinds
    )


def history(party: Party, first_night: int) -> tuple[Stay, ...]:
    """What remains of ``party.present`` when the party gets new stays from ``first_night`` on.

    Nights before tonight (night 0), and nights before both the request and the new stays, have
    been slept or stay promised; every later present night is given up.
    """
    cut = max(0, min(first_night, party.first_night))
    return tuple(
        Stay(stay.unit, stay.first_night, min(stay.end_night, cut))
        for stay in party.present
        if stay.first_night < cut
    )
