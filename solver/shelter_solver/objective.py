"""The ranked goals: what makes one allowed plan better than another, most important first.

Every goal is a whole number, smaller is better. Plans are compared goal by goal in the order of
``GOALS``; a goal speaks only where all before it are equal (lexicographic order). That all asked
nights are covered is not a goal: a plan that does not cover them is no plan.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from shelter_solver.candidates import Plan
from shelter_solver.problem import Party, Sharing, Unit, distance_m
from shelter_solver.world import World

Score = tuple[int, ...]


class Judge:
    """Values the plans of one party; remembers what many plans have in common."""

    def __init__(self, world: World, party: Party) -> None:
        self.world = world
        self.party = party
        if party.side not in world.rarity:
            own = world.units_of(party.side)
            world.rarity[party.side] = {name: _rarity(have, own) for name, have in FEATURES.items()}
        self._rarity = world.rarity[party.side]
        self._needed = needs(party)
        self._km: dict[str, int] = {}
        self._rare: dict[str, int] = {}

    def ranked(self, plans: Iterable[Plan]) -> list[tuple[Score, Plan]]:
        """The plans with the values of all goals, best first."""
        by_name = sorted(plans, key=_name)
        return sorted(
            ((*(goal(self, plan) for _, goal in GOALS), place), plan)
            for place, plan in enumerate(by_name)
        )

    def km(self, site_id: str) -> int:
        """Whole kilometres from the site to every preferred point and the present site, summed."""
        if site_id not in self._km:
            here = self.world.sites[site_id].point
            points = list(self.party.preferred_points)
            if self.party.present:
                last = max(self.party.present, key=lambda stay: (stay.end_night, stay.unit))
                points.append(self.world.site_of(self.world.units[last.unit]).point)
            self._km[site_id] = sum(round(distance_m(here, point) / 1000) for point in points)
        return self._km[site_id]

    def rare_beyond_need(self, unit: Unit) -> int:
        """How much the unit offers that this party does not need and others may.

        For each feature that the unit has and the party does not need: ten times the share of
        units without it (0 where every unit has it, near 10 where it is rare); and 10 for every
        bed that a private unit leaves empty. To this comes the unit's ``reserve`` value, learned
        from who asked lately (``reserve_values``); 0 where nobody computes it. What this does for
        people is measured by ``benchmarks/outcome.py``.
        """
        if unit.id not in self._rare:
            self._rare[unit.id] = self._beyond_need(unit)
        return self._rare[unit.id]

    def _beyond_need(self, unit: Unit) -> int:
        waste = 10 * max(0, unit.beds - self.party.beds) if unit.sharing is Sharing.PRIVATE else 0
        rare = sum(
            rarity
            for name, rarity in self._rarity.items()
            if name not in self._needed and FEATURES[name](unit)
        )
        return unit.reserve + waste + rare

    def load(self, commune: str, first: int, end: int) -> int:
        """Bed-nights taken in the commune in these nights, in whole per cent."""
        loads = self.world.loads
        key = (self.party.id, commune, first, end)
        if key not in loads:
            beds = taken = 0
            for unit in self.world.units_of(self.party.side, commune):
                beds += unit.beds
                for party, stay in self.world.stays_in.get(unit.id, ()):
                    if party.id != self.party.id:
                        nights = min(end, stay.end_night) - max(first, stay.first_night)
                        used = unit.beds if unit.sharing is Sharing.PRIVATE else party.beds
                        taken += used * max(0, nights)
            loads[key] = 100 * taken // max(1, beds * (end - first))
        return loads[key]

    def units(self, plan: Plan) -> list[Unit]:
        return [self.world.units[stay.unit] for stay in plan]


def _name(plan: Plan) -> tuple[tuple[str, int, int], ...]:
    return tuple((stay.unit, stay.first_night, stay.end_night) for stay in plan)


#: what a unit can have that not every party needs
FEATURES: dict[str, Callable[[Unit], bool]] = {
    "step_free": lambda unit: unit.step_free,
    "pets": lambda unit: unit.pets,
    "quiet": lambda unit: unit.quiet,
    "cots": lambda unit: unit.cots > 0,
    "supervision": lambda unit: unit.supervision > 0,
}


def needs(party: Party) -> set[str]:
    wanted = {
        "step_free": party.step_free,
        "pets": party.pets,
        "quiet": party.quiet,
        "cots": party.cots > 0,
        "supervision": party.min_supervision > 0,
    }
    return {name for name, needed in wanted.items() if needed}


def _rarity(have: Callable[[Unit], bool], units: list[Unit]) -> int:
    if not units:
        return 0
    return round(10 * sum(not have(unit) for unit in units) / len(units))


# --- the goals ------------------------------------------------------------------------------------


def waiting(judge: Judge, plan: Plan) -> int:
    """Nights between the first asked one and the first given one."""
    return plan[0].first_night - max(0, judge.party.first_night)


def one_unit(_judge: Judge, plan: Plan) -> int:
    """0 for one unit, 1 for two units side by side, 2 for a change of unit."""
    if len(plan) == 1:
        return 0
    return 1 if plan[0].first_night == plan[1].first_night else 2


def preferred_commune(judge: Judge, plan: Plan) -> int:
    """Stays outside the communes that the party would like; 0 when it named none."""
    wishes = judge.party.preferred_communes
    if not wishes:
        return 0
    return sum(judge.world.site_of(unit).commune not in wishes for unit in judge.units(plan))


def near(judge: Judge, plan: Plan) -> int:
    """Kilometres to the preferred points and to the present site, of the farthest site."""
    return max(judge.km(unit.site) for unit in judge.units(plan))


def scarcity(judge: Judge, plan: Plan) -> int:
    """What the plan's units offer beyond the party's needs, weighted by how rare it is.

    The beds of two units side by side count together, for the household fills both.
    """
    units = judge.units(plan)
    value = sum(judge.rare_beyond_need(unit) for unit in units)
    if one_unit(judge, plan) == 1:
        value += 10 * (
            max(0, sum(unit.beds for unit in units) - judge.party.beds)
            - sum(max(0, unit.beds - judge.party.beds) for unit in units)
        )
    return value


def load(judge: Judge, plan: Plan) -> int:
    """Per cent of bed-nights already taken in the fullest commune of the plan."""
    return max(
        judge.load(judge.world.site_of(unit).commune, stay.first_night, stay.end_night)
        for unit, stay in zip(judge.units(plan), plan, strict=True)
    )


#: The goals in their order. After them, and only so that equal plans have one answer: unit ids.
GOALS: tuple[tuple[str, Callable[[Judge, Plan], int]], ...] = (
    ("waiting", waiting),
    ("one_unit", one_unit),
    ("preferred_commune", preferred_commune),
    ("near", near),
    ("scarcity", scarcity),
    ("load", load),
)


def decided_by(better: Score, worse: Score) -> str:
    """The first goal on which the second score is worse; ``order`` when only ids differ."""
    names = [name for name, _ in GOALS]
    for name, one, two in zip(names, better, worse, strict=False):
        if one != two:
            return name
    return "order"
