"""The ranked goals of ``objective`` for one party and many units at once.

Shapes: goals in the order of ``GOALS`` and then ``order``, by units; ``objective.Judge`` says the
same of one plan at a time.
"""

from __future__ import annotations

import numpy as np

from shelter_solver.assign.assignment import Bools, Ints
from shelter_solver.batch.grids import Grids
from shelter_solver.candidates import Plan
from shelter_solver.objective import FEATURES, GOALS, Judge, needs
from shelter_solver.problem import Party, Side
from shelter_solver.world import World


class Worth:
    """What does not depend on the party, worked out once."""

    def __init__(self, grids: Grids) -> None:
        self.grids = grids
        units, world = grids.units, grids.world
        self.beds: Ints = np.array([unit.beds for unit in units], dtype=np.int64)
        self.reserve: Ints = np.array([unit.reserve for unit in units], dtype=np.int64)
        self.features: dict[str, Bools] = {
            name: np.array([has(unit) for unit in units], dtype=np.bool_)
            for name, has in FEATURES.items()
        }
        side = [world.site_of(unit).audience for unit in units]
        self.of_side = {one: np.array([s is one for s in side], np.bool_) for one in Side}
        names = sorted({site.commune for site in world.problem.sites})
        self._commune_number = {name: number for number, name in enumerate(names)}
        self.commune: Ints = np.array(
            [self._commune_number[world.site_of(unit).commune] for unit in units], dtype=np.int64
        )
        #: per side (communes, nights + 1): bed-nights taken before the night; (communes,) beds
        self._taken = {one: self._count(one) for one in Side}

    def _count(self, side: Side) -> tuple[Ints, Ints]:
        grids = self.grids
        communes = len(self._commune_number)
        taken = np.zeros((communes, grids.world.problem.horizon + 1), dtype=np.int64)
        beds = np.zeros(communes, dtype=np.int64)
        mine = self.of_side[side]
        np.add.at(beds, self.commune[mine], self.beds[mine])
        for unit_id, residents in grids.world.stays_in.items():
            unit = grids.number[unit_id]
            if not mine[unit]:
                continue
            for party, stay in residents:
                used = grids.units[unit].beds if grids.private[unit] else party.beds
                nights = slice(max(0, stay.first_night) + 1, max(0, stay.end_night) + 1)
                taken[self.commune[unit], nights] += used
        return np.cumsum(taken, axis=1), beds

    def single(self, party: Party, units: Ints, first: int, end: int) -> Ints:
        """(goals + 1, units): one unit for all nights."""
        wishes = [
            self._commune_number[name]
            for name in party.preferred_communes
            if name in self._commune_number
        ]
        points = list(party.preferred_points)
        if party.present:
            last = max(party.present, key=lambda stay: (stay.end_night, stay.unit))
            points.append(self.grids.world.site_of(self.grids.world.units[last.unit]).point)
        outside = np.zeros(len(units), dtype=np.int64)
        if party.preferred_communes:
            outside = 1 - np.isin(self.commune[units], wishes).astype(np.int64)
        values = {
            "waiting": np.full(len(units), first - max(0, party.first_night)),
            "one_unit": np.zeros(len(units), dtype=np.int64),
            "preferred_commune": outside,
            "near": self.grids.km(points)[self.grids.site[units]],
            "scarcity": self._scarcity(party)[units],
            "load": self._load(party.side, first, end)[self.commune[units]],
        }
        return np.stack([*(values[name] for name, _ in GOALS), units])

    def _scarcity(self, party: Party) -> Ints:
        own = self.of_side[party.side]
        value = self.reserve + np.where(
            self.grids.private, 10 * np.maximum(0, self.beds - party.beds), 0
        )
        if own.any():
            for name, has in self.features.items():
                if name not in needs(party):
                    value = value + has * round(10 * int((own & ~has).sum()) / int(own.sum()))
        return value

    def _load(self, side: Side, first: int, end: int) -> Ints:
        taken, beds = self._taken[side]
        return 100 * (taken[:, end] - taken[:, first]) // np.maximum(1, beds * (end - first))

    def of_plans(self, world: World, party: Party, made: list[Plan]) -> Ints:
        """(goals + 1, plans): any plans, one at a time."""
        judge = Judge(world, party)
        return np.array(
            [
                [
                    *(goal(judge, plan) for _, goal in GOALS),
                    sum(self.grids.number[stay.unit] for stay in plan),
                ]
                for plan in made
            ],
            dtype=np.int64,
        ).T.reshape(len(GOALS) + 1, len(made))
