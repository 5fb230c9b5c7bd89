"""The rules about other people, turned round: not whether a stay is forbidden, but who must leave.

``demand`` answers for one new stay among everybody who is there now; ``clash`` for two new stays.
In the end the rules of ``RULES`` and ``verify`` look at every finished set of moves.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from shelter_solver.constraints import genders
from shelter_solver.problem import Party, Sharing, Site, Stay, Unit
from shelter_solver.world import World


class Crowd(NamedTuple):
    """Of these households so many must leave that their weights sum up to ``excess``."""

    excess: int
    #: (bit of the household, its beds or cots)
    weights: tuple[tuple[int, int], ...]

    def met_by(self, gone: int) -> bool:
        return sum(weight for bit, weight in self.weights if bit & gone) >= self.excess

    def closers(self, gone: int) -> int:
        """Bits of the households each of which, with those gone, would be enough."""
        left = self.excess - sum(weight for bit, weight in self.weights if bit & gone)
        found = 0
        for bit, weight in self.weights:
            if weight >= left and not bit & gone:
                found |= bit
        return found


class Resident(NamedTuple):
    """A household in a unit for some nights; bit 0 when it stays in any case."""

    party: Party
    first: int
    end: int
    bit: int


class Arrival(NamedTuple):
    """A household that is to come into a unit, besides those who are there."""

    party: Party
    first: int
    end: int


Demand = tuple[int, tuple[Crowd, ...]]


class Neighbours:
    """Who is where and may be asked to leave. Bit *n* stands for ``movers[n]``."""

    def __init__(self, around: World, movers: Iterable[Party]) -> None:
        self.around = around
        self.bit = {mover.id: 1 << number for number, mover in enumerate(movers)}
        self.residents: dict[str, list[Resident]] = {}
        for unit_id, stays in around.stays_in.items():
            self.residents[unit_id] = [
                part for party, stay in stays for part in self._parts(party, stay)
            ]
        self._related: dict[tuple[str, str, float, bool], bool] = {}
        #: private units that nobody who comes tonight can have, whoever else moves
        self.taken_tonight = {
            unit_id
            for unit_id, there in self.residents.items()
            if around.units[unit_id].sharing is Sharing.PRIVATE
            and any(not r.bit and r.first <= 0 < r.end for r in there)
        }

    def _parts(self, party: Party, stay: Stay) -> list[Resident]:
        """Nights before tonight have been slept: only what follows can be given up."""
        bit = self.bit.get(party.id, 0)
        if not bit or stay.first_night >= 0 or stay.end_night <= 0:
            fixed = stay.end_night <= 0
            return [Resident(party, stay.first_night, stay.end_night, 0 if fixed else bit)]
        return [
            Resident(party, stay.first_night, 0, 0),
            Resident(party, 0, stay.end_night, bit),
        ]

    def km(self, unit: str, other: str) -> int:
        one, two = self.around.units[unit], self.around.units[other]
        if one.site == two.site:
            return 0
        here, there = self.around.site_of(one), self.around.site_of(two)
        return round(self.around.distance(here, there) / 1000)

    # --- one new stay ---

    def demand(self, party: Party, stay: Stay, also: Iterable[Arrival] = ()) -> Demand | None:
        """Who must leave for the stay; None when somebody who stays is in the way.

        ``also`` are others who would come into the same shared unit.
        """
        unit = self.around.units[stay.unit]
        must = 0
        apart = self.around.apart(party.id)
        if apart:
            here = self.around.site_of(unit)
            for other, metres, places in apart:
                bit = self.bit.get(other, 0)
                for theirs in self.around.stays_of[other]:
                    if (
                        theirs.first_night < stay.end_night
                        and stay.first_night < theirs.end_night
                        and self._is_near(here, theirs.unit, metres, places)
                    ):
                        if not bit:
                            return None
                        must |= bit
        residents = self.residents.get(stay.unit, ())
        if unit.sharing is not Sharing.PRIVATE:
            shared = self._company(party, unit, stay, residents, list(also))
            return None if shared is None else (must | shared[0], shared[1])
        first, end = stay.first_night - unit.cleaning_nights, stay.end_night + unit.cleaning_nights
        for there in residents:
            if there.first < end and first < there.end and there.party.id != party.id:
                if not there.bit:
                    return None
                must |= there.bit
        return must, ()

    def _company(
        self,
        party: Party,
        unit: Unit,
        stay: Stay,
        residents: Iterable[Resident],
        also: list[Arrival],
    ) -> Demand | None:
        """Beds and cots, those being cleaned included, and one gender, in a shared unit."""
        gap = unit.cleaning_nights
        others = [
            there
            for there in (*residents, *(Resident(*new, 0) for new in also))
            if there.party.id != party.id
            and there.first < stay.end_night + gap
            and stay.first_night < there.end + gap
        ]
        must = 0
        if unit.sharing is Sharing.SHARED_SAME_GENDER:
            mixed = self._mixed(party, stay, others)
            if mixed is None:
                return None
            must, crowds = mixed
        else:
            crowds = []
        moments = {stay.first_night, *(r.first for r in others if r.first > stay.first_night)}
        for moment in sorted(moments):
            there = {(r.party.id, r.bit): r for r in others if r.first <= moment < r.end + gap}
            # a household whose past and coming nights both count needs its beds once
            once = {who: r for (who, bit), r in there.items() if bit == 0}
            for (who, _), resident in there.items():
                once.setdefault(who, resident)
            for own, room, weigh in (
                (party.beds, unit.beds, _beds),
                (party.cots, unit.cots, _cots),
            ):
                weights = [(r.bit, weigh(r.party)) for r in once.values()]
                excess = own + sum(weight for _, weight in weights) - room
                if excess <= 0:
                    continue
                able = tuple(sorted((bit, weight) for bit, weight in weights if bit and weight))
                if sum(weight for _, weight in able) < excess:
                    return None
                crowds.append(Crowd(excess, able))
        return must, tuple(dict.fromkeys(crowds))

    def _mixed(
        self, party: Party, stay: Stay, others: list[Resident]
    ) -> tuple[int, list[Crowd]] | None:
        own = genders(party)
        if len(own) > 1:
            return None
        must = 0
        asleep = [r for r in others if r.first < stay.end_night and stay.first_night < r.end]
        for there in asleep:
            if len(own | genders(there.party)) > 1:
                if not there.bit:
                    return None
                must |= there.bit
        crowds = []
        if not own:  # children alone: they may not come to two who should not be there together
            for number, one in enumerate(asleep):
                for two in asleep[:number]:
                    night = max(one.first, two.first, stay.first_night)
                    if (
                        night < min(one.end, two.end, stay.end_night)
                        and len(genders(one.party) | genders(two.party)) > 1
                    ):
                        able = sorted({r.bit for r in (one, two) if r.bit})
                        if not able:
                            return None
                        crowds.append(Crowd(1, tuple((bit, 1) for bit in able)))
        return must, crowds

    # --- two new stays ---

    def clash(self, party: Party, stay: Stay, other: Party, theirs: Stay) -> bool:
        """The two stays can never be together, whoever else leaves. Beds are not counted here."""
        if stay.unit == theirs.unit:
            unit = self.around.units[stay.unit]
            if unit.sharing is Sharing.PRIVATE and _meet(stay, theirs, unit.cleaning_nights):
                return True
            if (
                unit.sharing is Sharing.SHARED_SAME_GENDER
                and _meet(stay, theirs, 0)
                and len(genders(party) | genders(other)) > 1
            ):
                return True
        if not _meet(stay, theirs, 0):
            return False
        here = self.around.site_of(self.around.units[stay.unit])
        return any(
            name == other.id and self._is_near(here, theirs.unit, metres, places)
            for name, metres, places in self.around.apart(party.id)
        )

    def _is_near(self, here: Site, unit: str, metres: float, places: bool) -> bool:
        there = self.around.site_of(self.around.units[unit])
        key = (here.id, there.id, metres, places)
        if key not in self._related:
            self._related[key] = (
                here.id == there.id
                or (metres > 0 and self.around.distance(here, there) < metres)
                or (places and not here.places.isdisjoint(there.places))
            )
        return self._related[key]


def _meet(stay: Stay, other: Stay, gap: int) -> bool:
    return stay.first_night < other.end_night + gap and other.first_night < stay.end_night + gap


def _beds(party: Party) -> int:
    return party.beds


def _cots(party: Party) -> int:
    return party.cots
