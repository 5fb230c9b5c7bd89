"""Which units suit a household whoever else is there, as bitsets over all units.

The rules themselves decide: each is asked once for every kind of unit that it can tell apart, and
its answer for one need (three beds, no steps) serves every household that has it. A rule that is
named in no table below is asked about each unit.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator

from shelter_solver import constraints
from shelter_solver.constraints import RELATIONAL, Ask, Rule
from shelter_solver.problem import Party, Sharing, Unit
from shelter_solver.world import World


def _at(unit: Unit) -> str:
    return unit.site


def _name(unit: Unit) -> str:
    return unit.id


def _all(_: Unit) -> None:
    return None


#: rules of needs: what they see of the party, and what they see of the unit
NEEDS: dict[str, tuple[Callable[[Party], Hashable], Callable[[Unit], Hashable]]] = {
    "audience": (lambda party: party.side, _at),
    "together": (lambda _: None, _all),  # says nothing about a single unit
    "change_of_unit": (lambda _: None, _all),
    "admits": (lambda party: party.kinds, lambda unit: unit.admits),
    "beds": (lambda party: party.beds, lambda unit: unit.beds),
    "cots": (lambda party: party.cots, lambda unit: unit.cots),
    "step_free": (lambda party: party.step_free, lambda unit: unit.step_free),
    "pets": (lambda party: party.pets, lambda unit: unit.pets),
    "quiet": (lambda party: party.quiet, lambda unit: unit.quiet),
    "supervision": (lambda party: party.min_supervision, lambda unit: unit.supervision),
    "excluded_site": (lambda party: party.excluded_sites, _at),
    "excluded_place": (lambda party: party.excluded_places, _at),
    "danger_zone": (lambda party: party.danger_zones, _at),
    "zoning": (lambda _: None, _at),
    "excluded_commune": (lambda party: party.excluded_communes, _at),
}

#: rules of the calendar: what they see of a unit in which the party has not been itself
CALENDAR: dict[str, Callable[[Unit], Hashable]] = {
    "nights": _all,
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
        #: the rules about other people, for units that suit; most units are taken, so that first
        self.about_others = [
            rule
            for code, rule in sorted(constraints.RULES, key=lambda both: both[0] == "separation")
            if code in RELATIONAL
        ]
        self.private = self.mask(u.id for u in self.units if u.sharing is Sharing.PRIVATE)
        self._kinds: dict[Callable[[Unit], Hashable], list[int]] = {}
        self._needs: dict[tuple[str, Hashable], int] = {}

    def suits(
        self,
        world: World,
        party: Party,
        first: int,
        end: int,
        *,
        among: frozenset[str] | None = None,
        but: frozenset[str] = frozenset(),
    ) -> int:
        """The units that no rule but those about other people forbids for these nights.

        ``world`` must hold of the party's own stays only those that it keeps. ``among`` names the
        only units to look at, ``but`` rules that are left for later.
        """
        left = self.everywhere if among is None else self.mask(among)
        if not left:
            return 0
        for code, blocked in self.blocked(world, party, first, end):
            if code not in but:
                left &= ~blocked
                if not left:
                    break
        return left

    def needs(self, world: World, party: Party) -> int:
        """The units that no rule of needs forbids, in whatever nights."""
        left = self.everywhere
        for code, rule in self.rules:
            if left and code in NEEDS:
                left &= ~self._blocked_for_need(code, rule, world, party)
        return left

    def mask(self, unit_ids: Iterable[str]) -> int:
        return sum(1 << self.number[unit_id] for unit_id in set(unit_ids))

    def _blocked_for_need(self, code: str, rule: Rule, world: World, party: Party) -> int:
        key = (code, NEEDS[code][0](party))
        if key not in self._needs:
            ask = Ask(party, self.units[0], 0, 1)
            self._needs[key] = self._forbidden(code, rule, world, ask, 0)
        return self._needs[key]

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
                yield code, self._blocked_for_need(code, rule, world, party)
            else:
                yield code, self._forbidden(code, rule, world, ask, own)

    def _forbidden(self, code: str, rule: Rule, world: World, ask: Ask, own: int) -> int:
        """One question for each kind of unit, and for each unit that the party has been in."""
        found = 0
        for kind in self._kinds_of(code):
            others = kind & ~own
            if others and rule(
                Ask(ask.party, self.units[lowest(others)], ask.first, ask.end), world
            ):
                found |= others
        for number in bits(own):
            if rule(Ask(ask.party, self.units[number], ask.first, ask.end), world):
                found |= 1 << number
        return found

    def _kinds_of(self, code: str) -> list[int]:
        """The units, those together that the rule cannot tell apart."""
        look = NEEDS[code][1] if code in NEEDS else CALENDAR.get(code, _name)
        if look not in self._kinds:
            kinds: dict[Hashable, int] = {}
            for number, unit in enumerate(self.units):
                key = look(unit)
                kinds[key] = kinds.get(key, 0) | 1 << number
            self._kinds[look] = list(kinds.values())
        return self._kinds[look]


def lowest(mask: int) -> int:
    """The number of the lowest bit that is set."""
    return (mask & -mask).bit_length() - 1


def bits(mask: int) -> Iterator[int]:
    """The numbers of the bits that are set, lowest first."""
    while mask:
        yield lowest(mask)
        mask &= mask - 1
