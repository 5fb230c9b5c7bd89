"""The rules about other people for all units at once: who has which nights, and what is too near.

Shapes: ``u`` units sorted by id, ``s`` sites, ``h`` nights (the horizon and the longest cleaning).
A bed or a private unit is taken from the first night of a stay until its cleaning is done; so two
stays may follow each other exactly when these ranges do not overlap.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

import numpy as np
from numpy.typing import NDArray

from shelter_solver.assign.assignment import FEMALE, MALE, NO_GENDER, OTHER, Bools, Ints
from shelter_solver.constraints import genders
from shelter_solver.problem import EARTH_RADIUS_M, Party, Point, Sharing
from shelter_solver.world import World

Floats = NDArray[np.float64]

_CODES = {"f": FEMALE, "m": MALE, "other": OTHER}


def gender_code(party: Party) -> int:
    """The one gender of its adults and teens; ``NO_GENDER`` for children alone.

    A household of several genders is never in a unit of one gender; any code will do.
    """
    own = genders(party)
    return _CODES[next(iter(own))] if len(own) == 1 else NO_GENDER


class Grids:
    """What the stays of a world leave free."""

    def __init__(self, world: World, undecided: Collection[str] = ()) -> None:
        """``undecided`` parties have not left their units yet: nothing is cleaned after them."""
        self.world = world
        self._undecided = undecided
        units = sorted(world.problem.units, key=lambda unit: unit.id)
        self.units = units
        self.number = {unit.id: number for number, unit in enumerate(units)}
        sites = world.problem.sites
        site_number = {site.id: number for number, site in enumerate(sites)}
        self.site: Ints = np.array([site_number[unit.site] for unit in units], dtype=np.int64)
        self.private: Bools = np.array([u.sharing is Sharing.PRIVATE for u in units], np.bool_)
        self.one_gender: Bools = np.array(
            [u.sharing is Sharing.SHARED_SAME_GENDER for u in units], np.bool_
        )
        self.cleaning: Ints = np.array([unit.cleaning_nights for unit in units], dtype=np.int64)
        self._lat: Floats = np.radians([site.point.lat for site in sites])
        self._lon: Floats = np.radians([site.point.lon for site in sites])
        self._places = [site.places for site in sites]
        self.nights = world.problem.horizon + int(self.cleaning.max(initial=0))
        self._fill()

    def _fill(self) -> None:
        shape = len(self.units), self.nights
        beds = np.array([unit.beds for unit in self.units], dtype=np.int64)
        cots = np.array([unit.cots for unit in self.units], dtype=np.int64)
        self.bed_room: Ints = np.repeat(np.where(self.private, 1, beds)[:, None], shape[1], axis=1)
        self.cot_room: Ints = np.repeat(np.where(self.private, 0, cots)[:, None], shape[1], axis=1)
        self.gender_there: Bools = np.zeros((4, *shape), dtype=np.bool_)
        for unit_id, residents in self.world.stays_in.items():
            unit = self.number[unit_id]
            cleaning = self.units[unit].cleaning_nights
            by_party: dict[str, tuple[Party, set[int]]] = {}
            for party, stay in residents:
                begin, end = max(0, stay.first_night), max(0, stay.end_night)
                gap = 0 if party.id in self._undecided else cleaning
                nights = by_party.setdefault(party.id, (party, set()))[1]
                nights.update(range(begin, min(self.nights, stay.end_night + gap)))
                for name in genders(party):
                    self.gender_there[_CODES[name], unit, begin:end] = True
            for party, taken in by_party.values():
                when = sorted(taken)
                if self.private[unit]:
                    self.bed_room[unit, when] = 0
                else:
                    self.bed_room[unit, when] -= party.beds
                    self.cot_room[unit, when] -= party.cots

    def room(self, party: Party, first: int, end: int) -> Bools:
        """(u,) where the rules occupied, capacity, cleaning and shared_gender allow the nights."""
        own = genders(party)
        fits = np.zeros(len(self.units), dtype=np.bool_)
        for gap in np.unique(self.cleaning).tolist():
            here = self.cleaning == gap
            beds = self.bed_room[here, first : end + gap].min(axis=1)
            cots = self.cot_room[here, first : end + gap].min(axis=1)
            enough = (beds >= party.beds) & (cots >= party.cots)
            fits[here] = np.where(self.private[here], beds > 0, enough)
        if self.one_gender.any():
            if len(own) > 1:
                return fits & ~self.one_gender
            mine = {_CODES[name] for name in own}
            others = [code for code in (FEMALE, MALE, OTHER) if code not in mine]
            there = self.gender_there[:, :, first:end]
            persons = np.sum(there[others] if own else there[1:], axis=0)
            clash: Bools = np.any(persons > (0 if own else 1), axis=1)
            fits &= ~(self.one_gender & clash)
        return fits

    def near(self, site: int, metres: float, shared_places: bool) -> Bools:
        """(s,) sites where nobody may be who is kept from somebody at this one."""
        near = np.zeros(len(self._lat), dtype=np.bool_)
        if metres > 0:
            near |= self.metres_to(float(self._lat[site]), float(self._lon[site])) < metres
        near[site] = True
        if shared_places and self._places[site]:
            here = self._places[site]
            near |= np.array([not here.isdisjoint(there) for there in self._places], np.bool_)
        return near

    def metres_to(self, lat: float, lon: float) -> Floats:
        """(s,) great-circle metres from each site to a point in radians, as ``distance_m``."""
        half_lat = np.sin((self._lat - lat) / 2)
        half_lon = np.sin((self._lon - lon) / 2)
        chord = half_lat * half_lat + np.cos(lat) * np.cos(self._lat) * half_lon * half_lon
        return np.asarray(2 * EARTH_RADIUS_M * np.arcsin(np.minimum(1.0, np.sqrt(chord))))

    def km(self, points: Iterable[Point]) -> Ints:
        """(s,) whole kilometres from each site to every point, summed."""
        total = np.zeros(len(self._lat), dtype=np.int64)
        for point in points:
            metres = self.metres_to(float(np.radians(point.lat)), float(np.radians(point.lon)))
            total += np.rint(metres / 1000).astype(np.int64)
        return total

    def apart(self, party: Party, first: int, end: int) -> Bools:
        """(u,) where the separations from those who stay allow the nights."""
        allowed = np.ones(len(self._lat), dtype=np.bool_)
        for other, metres, shared_places in self.world.apart(party.id):
            for stay in self.world.stays_of[other]:
                if stay.first_night < end and first < stay.end_night:
                    there = int(self.site[self.number[stay.unit]])
                    allowed &= ~self.near(there, metres, shared_places)
        return np.asarray(allowed[self.site])
