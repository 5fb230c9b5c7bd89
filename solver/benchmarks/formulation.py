"""A problem as arrays: one column for each asking party and unit that it could have.

The formulation that every peer gets: cost of a column are the whole kilometres to the preferred
points, cost of leaving a party without a place is 1 000 · (1 + urgency), more than any distance in
the country. The product's own compiler has ranked goals instead; this is its plain cousin, with
the weights of ``SOLVER.md``, for what ``generate`` makes: no cleaning, no closed nights, no shared
unit of one gender.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shelter_solver import Party, Problem, Sharing, Side
from shelter_solver.assign.assignment import Assignment, Bools, Ints
from shelter_solver.problem import EARTH_RADIUS_M
from shelter_solver.world import World

SKIP_COST = 1000
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Formulation:
    """The arrays and whom they speak of: ``parties[p]`` asks, ``units[u]`` is a unit's id."""

    assignment: Assignment
    parties: tuple[str, ...]
    units: tuple[str, ...]


def formulate(problem: Problem) -> Formulation:
    """Every party without a present stay asks; all others stay where they are."""
    asking = [party for party in problem.parties if not party.present]
    network = _Network(problem)
    units = [network.units_for(party) for party in asking]
    sizes = np.array([len(each) for each in units], dtype=np.int64)
    party = np.repeat(np.arange(len(asking)), sizes)
    unit = np.concatenate([np.zeros(0, dtype=np.int64), *units])
    cost = np.concatenate(
        [
            np.zeros(0, dtype=np.int64),
            *(
                network.km(member)[network.site[each]]
                for member, each in zip(asking, units, strict=True)
            ),
        ]
    )
    private = network.private[unit]

    def each(values: list[int]) -> Ints:
        return np.array(values, dtype=np.int64)[party]

    beds = np.where(private, 1, each([member.beds for member in asking]))
    cots = np.where(private, 0, each([member.cots for member in asking]))
    starts, conflict = network.conflicts(asking, np.concatenate(([0], np.cumsum(sizes))), unit)
    return Formulation(
        Assignment(
            skip_cost=np.array([SKIP_COST * (1 + p.urgency) for p in asking], dtype=np.int64),
            party=party,
            cost=cost,
            column=np.arange(len(party)),
            unit=unit,
            first=each([member.first_night for member in asking]),
            end=each([member.first_night + member.nights for member in asking]),
            beds=beds,
            cots=cots,
            bed_room=network.bed_room,
            cot_room=network.cot_room,
            conflict_starts=starts,
            conflict=conflict,
        ),
        tuple(member.id for member in asking),
        tuple(each.id for each in problem.units),
    )


class _Network:
    """Units and sites as arrays, asked by one party at a time for all units at once."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.world = World(problem)
        units, sites = problem.units, problem.sites
        number = {site.id: place for place, site in enumerate(sites)}
        self.site: Ints = np.array([number[unit.site] for unit in units], dtype=np.int64)
        self.victims: Bools = np.array([s.audience is Side.VICTIMS for s in sites])[self.site]
        self.commune = {site.commune: place for place, site in enumerate(sites)}
        self.in_commune: Ints = np.array([self.commune[site.commune] for site in sites])[self.site]
        self.beds: Ints = np.array([unit.beds for unit in units])
        self.cots: Ints = np.array([unit.cots for unit in units])
        self.private: Bools = np.array([unit.sharing is Sharing.PRIVATE for unit in units])
        self.step_free: Bools = np.array([unit.step_free for unit in units])
        self.pets: Bools = np.array([unit.pets for unit in units])
        self.lat: Floats = np.radians([site.point.lat for site in sites])
        self.lon: Floats = np.radians([site.point.lon for site in sites])
        self.bed_room, self.cot_room = self._room()
        self.place = {u.id: int(s) for u, s in zip(units, self.site, strict=True)}
        lines: dict[str, list[int]] = {line: [] for site in sites for line in site.places}
        for place, site in enumerate(sites):
            for line in site.places:
                lines[line].append(place)
        self.linked: Bools = np.zeros((len(sites), len(sites)), dtype=np.bool_)
        for members in lines.values():
            self.linked[np.ix_(members, members)] = True
        np.fill_diagonal(self.linked, True)

    def _room(self) -> tuple[Ints, Ints]:
        """(units, nights) beds and cots that nobody has; a private unit is 1 or 0 beds, no cots."""
        nights = self.problem.horizon
        number = {unit.id: place for place, unit in enumerate(self.problem.units)}
        bed_room = np.repeat(np.where(self.private, 1, self.beds)[:, None], nights, axis=1)
        cot_room = np.repeat(np.where(self.private, 0, self.cots)[:, None], nights, axis=1)
        for party in self.problem.parties:
            for stay in party.present:
                unit = number[stay.unit]
                here = slice(max(0, stay.first_night), max(0, stay.end_night))
                if self.private[unit]:
                    bed_room[unit, here] = 0
                else:
                    bed_room[unit, here] -= party.beds
                    cot_room[unit, here] -= party.cots
        return bed_room, cot_room

    def distances(self, lat: float, lon: float) -> Floats:
        """Metres from each site to a point in radians (haversine, as ``distance_m``)."""
        chord = (
            np.sin((self.lat - lat) / 2) ** 2
            + np.cos(lat) * np.cos(self.lat) * np.sin((self.lon - lon) / 2) ** 2
        )
        metres: Floats = 2 * EARTH_RADIUS_M * np.arcsin(np.minimum(1.0, np.sqrt(chord)))
        return metres

    def km(self, party: Party) -> Ints:
        """Whole kilometres from each site to the party's preferred points, summed."""
        total = np.zeros(len(self.lat), dtype=np.int64)
        for point in party.preferred_points:
            metres = self.distances(float(np.radians(point.lat)), float(np.radians(point.lon)))
            total += np.rint(metres / 1000).astype(np.int64)
        return total

    def units_for(self, party: Party) -> Ints:
        """The units that the party could have if nobody else asked."""
        first, end = party.first_night, party.first_night + party.nights
        if first < 0 or end > self.problem.horizon:
            return np.zeros(0, dtype=np.int64)
        fits = self.victims if party.side is Side.VICTIMS else ~self.victims
        fits = fits & (self.beds >= party.beds) & (self.cots >= party.cots)
        if party.step_free:
            fits &= self.step_free
        if party.pets:
            fits &= self.pets
        away = [self.commune[c] for c in party.excluded_communes if c in self.commune]
        if away:
            fits &= ~np.isin(self.in_commune, away)
        fits &= self.bed_room[:, first:end].min(axis=1) >= np.where(self.private, 1, party.beds)
        if party.cots:
            room = self.cot_room[:, first:end].min(axis=1)
            fits &= self.private | (room >= party.cots)
        for other, metres, places in self._housed_apart(party):
            fits &= ~self._near(other, metres, places)[self.site]
        return np.flatnonzero(fits)

    def _near(self, site: int, metres: float, shared_places: bool) -> Bools:
        """Sites that are too near to this one: itself, within the distance, or on one line."""
        near = self.distances(float(self.lat[site]), float(self.lon[site])) < metres
        near[site] = True
        if shared_places:
            near |= self.linked[site]
        return near

    def _housed_apart(self, party: Party) -> list[tuple[int, float, bool]]:
        """Sites of the present stays, in the asked nights, of who must be kept from the party."""
        return [
            (self.place[stay.unit], metres, shared_places)
            for other, metres, shared_places in self.world.apart(party.id)
            for stay in self.world.stays_of[other]
            if stay.first_night < party.first_night + party.nights
            and party.first_night < stay.end_night
        ]

    def conflicts(self, asking: list[Party], column_of: Ints, unit: Ints) -> tuple[Ints, Ints]:
        """Groups: one party's columns at one site, and the other's at the sites too near to it."""
        number = {party.id: place for place, party in enumerate(asking)}
        groups: list[Ints] = [np.zeros(0, dtype=np.int64)]
        for a, party in enumerate(asking):
            for other, metres, shared_places in self.world.apart(party.id):
                b = number.get(other)
                if b is None or not _first_of(party, asking[b]) or not _meet(party, asking[b]):
                    continue
                mine = np.arange(column_of[a], column_of[a + 1])
                theirs = np.arange(column_of[b], column_of[b + 1])
                my_site, their_site = self.site[unit[mine]], self.site[unit[theirs]]
                for site in np.unique(my_site):
                    against = theirs[self._near(int(site), metres, shared_places)[their_site]]
                    if len(against):
                        groups.append(np.concatenate((mine[my_site == site], against)))
        starts = np.cumsum([len(group) for group in groups])
        return starts.astype(np.int64), np.concatenate(groups)


def _first_of(a: Party, b: Party) -> bool:
    """Whose sites the groups go by: the perpetrator's, for there are fewer of them."""
    return (a.side, a.id) < (b.side, b.id)


def _meet(a: Party, b: Party) -> bool:
    return a.first_night < b.first_night + b.nights and b.first_night < a.first_night + a.nights
