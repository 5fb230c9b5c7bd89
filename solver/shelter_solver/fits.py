"""Which units suit a household whoever else is there, as bitsets over all units.

The rules themselves decide: each is asked once for every kind of unit that it can tell apart, and
its answer for one need (three beds, no steps) serves every household that has it. A rule that is
named in no table below is asked about each unit.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator

from shelter_solver import constraints
from shelter_solver.constraints import RELATIONAL, Ask, Rule
from shelter_solver.problem import Party, Unit
from shelter_solver.world import World

#: rules of needs: what they see of the party, and what they see of the unit
NEEDS: dict[str, tuple[Callable[[Party], Hashable], Callable[[Unit], Hashable]]] = {
    "audience": (lambda party: party.side, lambda unit: unit.site),
    "together": (lambda _: None, lambda _: None),  # says nothing about a single unit
    "change_of_unit": (lambda _: None, lambda _: None),
    "admits": (lambda party: party.kinds, lambda unit: unit.admits),
    "beds": (lambda party: party.beds, lambda unit: unit.beds),
    "cots": (lambda party: party.cots, lambda unit: unit.cots),
    "step_free": (lambda party: party.step_free, lambda unit: unit.step_free),
    "pets": (lambda party: party.pets, lambda unit: unit.pets),
    "quiet": (lambda party: party.quiet, lambda unit: unit.quiet),
    "supervision": (lambda party: party.min_supervision, lambda unit: unit.supervision),
    "excluded_site": (lambda party: party.excluded_sites, lambda unit: unit.site),
    "excluded_place": (lambda party: party.excluded_places, lambda unit: unit.site),
    "danger_zone": (lambda party: party.danger_zones, lambda unit: unit.site),
    "zoning": (lambda _: None, lambda unit: unit.site),
    "excluded_commune": (lambda party: party.excluded_communes, lambda unit: unit.site),
}

#: rules of the calendar: what they see of a unit in which the party has not been itself
CALENDAR: dict[str, Callable[[Unit], Hashable]] = {
    "nights": lambda _: None,
    "intake_hours": lambda unit: (unit.intake_from, unit.intake_until),
    "closed": lambda unit: unit.closed,
    "kept_back": lambda unit: unit.kept_back,
    "max_stay": lambda unit: unit.max_stay_nights,
}


class Fits:
    """Bit *n* stands for ``units[n]``; the units are sorted by id."""

    def __init__(self, world: World) -> None:
        self.units = sorted(world.problem.units, key=lambda unit: unit.id)
        self.number = {unit.id: number for number, unit in enumerate(self.units)}
        self.everywhere = (1 << len(self.units)) - 1
        self.rules = [(code, rule) for code, rule in constraints.RULES if code not in RELATIONAL]
        self._kinds: dict[str, list[int]] = {}
        self._needs: dict[tuple[str, Hashable], int] = {}

    def suits(self, world: World, party: Party, first: int, end: int) -> int:
        """The units that no rule but those about other people forbids for these nights.

        ``world`` must hold of the party's own stays only those that it keeps.
        """
        left = self.everywhere
        if not left:
            return 0
        for _, blocked in self.blocked(world, party, first, end):
            left &= ~blocked
            if not left:
                break
        return left

    def blocked(
        self, world: World, party: Party, first: int, end: int
    ) -> Iterator[tuple[str, int]]:
        """For each such rule the units that it forbids."""
        own = 0
        for stay in world.stays_of[party.id]:
            own |= 1 << self.number[stay.unit]
        for code, rule in self.rules:
            ask = Ask(party, self.units[0], first, end)
            if code in NEEDS:
                key = (code, NEEDS[code][0](party))
                if key not in self._needs:
                    self._needs[key] = self._forbidden(code, rule, world, ask, 0)
                yield code, self._needs[key]
            else:
                yield code, self._forbidden(code, rule, world, ask, own)

    def _forbidden(self, code: str, rule: Rule, world: World, ask: Ask, own: int) -> int:
        """One question for each kind of unit, and for each unit that the party has been in."""
        found = 0
        for kind in self._kinds_of(code):
            others = kind & ~own
            if others and rule(ask._replace(unit=self.units[lowest(others)]), world):
                found |= others
        for number in bits(own):
            if rule(ask._replace(unit=self.units[number]), world):
                found |= 1 << number
        return found

    def _kinds_of(self, code: str) -> list[int]:
        """The units, those together that the rule cannot tell apart."""
        if code not in self._kinds:
            look = NEEDS[code][1] if code in NEEDS else CALENDAR.get(code, lambda unit: unit.id)
            kinds: dict[Hashable, int] = {}
            for number, unit in enumerate(self.units):
                key = look(unit)
                kinds[key] = kinds.get(key, 0) | 1 << number
            self._kinds[code] = list(kinds.values())
        return self._kinds[code]


def lowest(mask: int) -> int:
    """The number of the lowest bit that is set."""
    return (mask & -mask).bit_length() - 1


def bits(mask: int) -> Iterator[int]:
    """The numbers of the bits that are set, lowest first."""
    while mask:
        yield lowest(mask)
        mask &= mask - 1
