"""Which units suit a household whoever else is there, as bitsets over all units.

The rules themselves decide: each is asked once for every kind of unit that it can tell apart, and
its answer for one need (three beds, no steps) serves every household that has it. A rule that is
named in no table below is asked about each unit.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator

from shelter_solver import constraints
from shelter_solver.constraints import RELATIONAL, Ask, Rule
from shelter_solver.problem import Party, Sharing, Site, Unit
from shelter_solver.world import World


def _site(unit: Unit, world: World) -> Site:
    return world.site_of(unit)


def _name(unit: Unit, _: World) -> str:
    return unit.id


def _all(*_: object) -> None:
    return None


def _at(unit: Unit, _: World) -> str:
    return unit.site


#: rules of needs: what they see of the party, and what they see of the unit
NEEDS: dict[str, tuple[Callable[[Party], Hashable], Callable[[Unit, World], Hashable]]] = {
    "audience": (lambda party: party.side, lambda unit, world: _site(unit, world).audience),
    "together": (_all, _all),  # says nothing about a single unit
    "change_of_unit": (_all, _all),
    "admits": (lambda party: party.kinds, lambda unit, _: unit.admits),
    "beds": (lambda party: party.beds, lambda unit, _: unit.beds),
    "cots": (lambda party: party.cots, lambda unit, _: unit.cots),
    "step_free": (lambda party: party.step_free, lambda unit, _: unit.step_free),
    "pets": (lambda party: party.pets, lambda unit, _: unit.pets),
    "quiet": (lambda party: party.quiet, lambda unit, _: unit.quiet),
    "supervision": (lambda party: party.min_supervision, lambda unit, _: unit.supervision),
    "excluded_site": (lambda party: party.excluded_sites, _at),
    "excluded_place": (
        lambda party: party.excluded_places,
        lambda unit, world: _site(unit, world).places,
    ),
    "danger_zone": (
        lambda party: party.danger_zones,
        lambda unit, world: _site(unit, world).point,
    ),
    "zoning": (_all, _at),
    "excluded_commune": (
        lambda party: party.excluded_communes,
        lambda unit, world: _site(unit, world).commune,
    ),
}


#: those that see of the unit its site alone
OF_SITES = frozenset(
    {"audience", "excluded_site", "excluded_place", "danger_zone", "zoning", "excluded_commune"}
)


def _arrival(ask: Ask, world: World) -> Hashable:
    """The hour, if the household was not housed the night before."""
    own = world.stays_of[ask.party.id]
    housed = any(stay.first_night < ask.first <= stay.end_night for stay in own)
    return None if housed else ask.party.arrival_hour


#: rules of the calendar: what they see, besides the nights, of the party and of a unit in which it
#: has not been itself
CALENDAR: dict[str, tuple[Callable[[Ask, World], Hashable], Callable[[Unit, World], Hashable]]] = {
    "nights": (_all, _all),
    "intake_hours": (_arrival, lambda unit, _: (unit.intake_from, unit.intake_until)),
    "closed": (_all, lambda unit, _: unit.closed),
    "kept_back": (
        lambda ask, world: ask.party.urgency < world.problem.kept_back_urgency,
        lambda unit, _: unit.kept_back,
    ),
    "max_stay": (_all, lambda unit, _: unit.max_stay_nights),
}


class Fits:
    """Bit *n* stands for ``units[n]``; the units are sorted by id."""

    def __init__(self, world: World) -> None:
        self.units = sorted(world.problem.units, key=lambda unit: unit.id)
        self.number = {unit.id: number for number, unit in enumerate(self.units)}
        self.everywhere = (1 << len(self.units)) - 1
        self.codes = frozenset(code for code, _ in constraints.RULES)
        self.rules = [(code, rule) for code, rule in constraints.RULES if code not in RELATIONAL]
        self._of_needs = [(code, rule) for code, rule in self.rules if code in NEEDS]
        self._of_nights = [(code, rule) for code, rule in self.rules if code not in NEEDS]
        #: the rules about other people, for units that suit; most units are taken, so that first
        self.about_others = [
            rule
            for code, rule in sorted(constraints.RULES, key=lambda both: both[0] == "separation")
            if code in RELATIONAL
        ]
        self.private = self.mask(u.id for u in self.units if u.sharing is Sharing.PRIVATE)
        self._each = [(unit, 1 << number) for number, unit in enumerate(self.units)]
        sites: dict[str, tuple[Unit, int]] = {}
        for unit, bit in self._each:
            sites[unit.site] = (unit, sites.get(unit.site, (unit, 0))[1] | bit)
        #: of each site one unit, and all its units
        self.sites = list(sites.values())
        self._kinds: dict[Callable[[Unit, World], Hashable], list[int]] = {}
        self._needs: dict[tuple[str, Hashable], int] = {}
        #: the party itself is kept, so that no other can get its address
        self._needs_of: dict[int, tuple[Party, dict[str, int]]] = {}
        self._among: dict[frozenset[str], int] = {}
        self._nights: dict[tuple[str, Hashable, int, int], int] = {}

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
        left = self.needs(world, party, but=but)
        if among is not None:
            if among not in self._among:
                self._among[among] = self.mask(among)
            left &= self._among[among]
        if left:
            for code, blocked in self._blocked_nights(world, party, first, end):
                if code not in but:
                    left &= ~blocked
        return left

    def needs(self, world: World, party: Party, *, but: frozenset[str] = frozenset()) -> int:
        """The units that no rule of needs forbids, in whatever nights."""
        left = self.everywhere
        for code, blocked in self._blocked_needs(world, party).items():
            if code not in but:
                left &= ~blocked
        return left

    def knows_as(self, world: World, party: Party, other: Party) -> None:
        """The party needs what the other one needs: it asks for other nights only."""
        self._needs_of[id(party)] = (party, self._blocked_needs(world, other))

    def mask(self, unit_ids: Iterable[str]) -> int:
        found = 0
        for unit_id in unit_ids:
            found |= 1 << self.number[unit_id]
        return found

    def blocked(
        self, world: World, party: Party, first: int, end: int
    ) -> Iterator[tuple[str, int]]:
        """For each such rule the units that it forbids."""
        yield from self._blocked_needs(world, party).items()
        yield from self._blocked_nights(world, party, first, end)

    def _blocked_needs(self, world: World, party: Party) -> dict[str, int]:
        known = self._needs_of.get(id(party))
        if known is None:
            found = {}
            for code, rule in self._of_needs:
                key = (code, NEEDS[code][0](party))
                if key not in self._needs:
                    ask = Ask(party, self.units[0], 0, 1) if self.units else None
                    self._needs[key] = self._forbidden(code, rule, world, ask, 0)[0] if ask else 0
                found[code] = self._needs[key]
            self._needs_of[id(party)] = known = (party, found)
        return known[1]

    def _blocked_nights(
        self, world: World, party: Party, first: int, end: int
    ) -> Iterator[tuple[str, int]]:
        if not self.units:
            return
        own = 0
        for stay in world.stays_of[party.id]:
            own |= 1 << self.number[stay.unit]
        ask = Ask(party, self.units[0], first, end)
        for code, rule in self._of_nights:
            if code in CALENDAR:
                key = (code, CALENDAR[code][0](ask, world), first, end)
                blocked = self._nights.get(key)
                if blocked is None:
                    blocked, is_whole = self._forbidden(code, rule, world, ask, own)
                    if is_whole:
                        self._nights[key] = blocked
            else:
                blocked, _ = self._forbidden(code, rule, world, ask, own)
            for number in bits(own):
                if rule(Ask(party, self.units[number], first, end), world):
                    blocked |= 1 << number
                else:
                    blocked &= ~(1 << number)
            yield code, blocked

    def _forbidden(
        self, code: str, rule: Rule, world: World, ask: Ask, own: int
    ) -> tuple[int, bool]:
        """One question for each kind of unit, put about a unit that is none of the party's own.

        The flag says whether every kind has such a unit.
        """
        found, is_whole = 0, True
        for kind in self._kinds_of(code, world):
            others = kind & ~own
            if not others:
                is_whole = False
            elif rule(Ask(ask.party, self.units[lowest(others)], ask.first, ask.end), world):
                found |= kind
        return found, is_whole

    def _kinds_of(self, code: str, world: World) -> list[int]:
        """The units, those together that the rule cannot tell apart."""
        look = (NEEDS.get(code) or CALENDAR.get(code) or (_all, _name))[1]
        if look not in self._kinds:
            kinds: dict[Hashable, int] = {}
            for unit, group in self.sites if code in OF_SITES else self._each:
                key = look(unit, world)
                kinds[key] = kinds.get(key, 0) | group
            self._kinds[look] = list(kinds.values())
        return self._kinds[look]


def lowest(mask: int) -> int:
    """The number of the lowest bit that is set."""
    return (mask & -mask).bit_length() - 1


def bits(mask: int) -> Iterator[int]:
    """The numbers of the bits that are set, lowest first."""
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low
