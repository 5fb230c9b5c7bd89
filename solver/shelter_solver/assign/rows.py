"""The rows of an assignment as sparse arrays: what capacity, gender and conflicts forbid.

Between two arrivals in a unit its company only shrinks, so the nights of arrival tell all; of these
only the ones at which a company is greatest are kept (the maximal cliques of an interval graph).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from shelter_solver.assign.assignment import FEMALE, MALE, OTHER, Assignment, Bools, Ints


@dataclass(frozen=True)
class Rows:
    """``r`` rows Σ coefficient·variable ≤ limit in compressed form.

    Variables 0 … m−1 are the columns; after them come ``len(extra_cost)`` whole-number variables,
    each 0 … ``extra_limit``: who has the unit in a night (0/1), and how many persons mix.
    """

    starts: Ints  # (r+1,)
    variable: Ints  # (nonzeros,)
    coefficient: Ints  # (nonzeros,)
    limit: Ints  # (r,)
    #: (r,) unit and night of a row of beds; −1 for all others. They price intervals.
    unit: Ints
    night: Ints
    extra_cost: Ints
    extra_limit: Ints

    def __len__(self) -> int:
        return len(self.limit)


@dataclass(frozen=True)
class _Block:
    """Rows of one kind, each the uses that are there at one (unit, night)."""

    row: Ints
    use: Ints
    unit: Ints
    night: Ints


def rows(a: Assignment) -> Rows:
    """All rows of the assignment; the rows of parties (at most one column) are not among them."""
    made = _Rows(a)
    made.room(a.beds, a.bed_room, priced=True)
    if a.cots.any():
        made.room(a.cots, a.cot_room, priced=False)
    if a.one_gender.any():
        made.genders()
    made.conflicts()
    made.budgets()
    return made.done()


class _Rows:
    def __init__(self, a: Assignment) -> None:
        self.a = a
        self.parts: list[tuple[Ints, Ints, Ints, Ints, Ints, Ints]] = []
        self.count = 0
        self.extra_cost: list[Ints] = []
        self.extra_limit: list[Ints] = []
        self.variables = a.columns

    def add(
        self, row: Ints, variable: Ints, coefficient: Ints, limit: Ints, unit: Ints, night: Ints
    ) -> None:
        self.parts.append((row + self.count, variable, coefficient, limit, unit, night))
        self.count += len(limit)

    def add_variables(self, cost: int, limit: int, count: int) -> Ints:
        numbers = np.arange(self.variables, self.variables + count)
        self.variables += count
        self.extra_cost.append(np.full(count, cost))
        self.extra_limit.append(np.full(count, limit))
        return numbers

    def room(self, weight: Ints, room: Ints, *, priced: bool) -> None:
        a = self.a
        used = np.flatnonzero(weight)
        if not len(used):
            return
        block = _cliques(a, used, room, a.end)
        load = np.bincount(block.row, weights=weight[block.use], minlength=len(block.unit))
        limit = room[block.unit, block.night]
        tight = load > limit
        number = np.cumsum(tight) - 1
        keep = tight[block.row]
        unit, night = block.unit[tight], block.night[tight]
        nowhere = np.full(len(unit), -1)
        self.add(
            number[block.row[keep]],
            a.column[block.use[keep]],
            weight[block.use[keep]],
            limit[tight],
            unit if priced else nowhere,
            night if priced else nowhere,
        )

    def genders(self) -> None:
        """Per night: persons of one gender ≤ beds·switch + mixed, the others ≤ beds·(1−switch)."""
        a = self.a
        used = np.flatnonzero(a.one_gender[a.unit] & (a.gender > 0))
        if not len(used):
            return
        block = _cliques(a, used, a.bed_room, a.gone, every_night=a.mixing_cost >= 0)
        cells = len(block.unit)
        code = a.gender[block.use]
        present = np.stack([np.bincount(block.row[code == g], minlength=cells) for g in (1, 2, 3)])
        if a.gender_there.size:
            present = present + a.gender_there[:, block.unit, block.night]
        mixed = np.flatnonzero((present > 0).sum(axis=0) > 1)
        if not len(mixed):
            return
        beds = a.bed_room[block.unit[mixed], block.night[mixed]]
        if a.gender_there.size:
            beds = beds + a.gender_there[:, block.unit[mixed], block.night[mixed]].sum(axis=0)
        number = np.full(cells, -1, dtype=np.int64)
        number[mixed] = np.arange(len(mixed))
        none = np.full(len(mixed), -1)
        switches = [self.add_variables(0, 1, len(mixed)) for _ in range(3)]
        slack = None
        if a.mixing_cost >= 0:
            slack = self.add_variables(a.mixing_cost, int(a.bed_room.max(initial=0)), len(mixed))
        for group, switch in zip((FEMALE, MALE, OTHER), switches, strict=True):
            keep = (code == group) & (number[block.row] >= 0)
            index = np.arange(len(mixed))
            row = [number[block.row[keep]], index]
            variable = [a.column[block.use[keep]], switch]
            coefficient = [a.beds[block.use[keep]], -beds]
            if slack is not None:
                row.append(index)
                variable.append(slack)
                coefficient.append(np.full(len(mixed), -1))
            limit = np.zeros(len(mixed), dtype=np.int64)
            if a.gender_there.size:
                limit = -a.gender_there[group - 1, block.unit[mixed], block.night[mixed]]
            self.add(
                np.concatenate(row),
                np.concatenate(variable),
                np.concatenate(coefficient),
                limit,
                none,
                none,
            )
        index = np.tile(np.arange(len(mixed)), 3)
        one = np.ones(3 * len(mixed), dtype=np.int64)
        self.add(index, np.concatenate(switches), one, np.ones(len(mixed), np.int64), none, none)

    def conflicts(self) -> None:
        a = self.a
        sizes = np.diff(a.conflict_starts)
        real = sizes > 1
        row = np.repeat(np.cumsum(real) - 1, sizes)
        keep = np.repeat(real, sizes)
        groups = int(real.sum())
        none = np.full(groups, -1)
        one = np.ones(int(keep.sum()), dtype=np.int64)
        self.add(row[keep], a.conflict[keep], one, np.ones(groups, dtype=np.int64), none, none)

    def budgets(self) -> None:
        for coefficients, limit in zip(self.a.budget, self.a.budget_limit, strict=True):
            used = np.flatnonzero(coefficients)
            none = np.full(1, -1)
            zero = np.zeros(len(used), dtype=np.int64)
            self.add(zero, used, coefficients[used], np.array([limit]), none, none)

    def done(self) -> Rows:
        row, variable, coefficient = (
            np.concatenate([part[i] for part in self.parts]) for i in range(3)
        )
        limit, unit, night = (np.concatenate([part[i] for part in self.parts]) for i in (3, 4, 5))
        order = np.argsort(row, kind="stable")
        extra = [np.zeros(0, dtype=np.int64)]
        return Rows(
            starts=np.concatenate(([0], np.cumsum(np.bincount(row, minlength=self.count)))),
            variable=variable[order],
            coefficient=coefficient[order],
            limit=limit,
            unit=unit,
            night=night,
            extra_cost=np.concatenate([*extra, *self.extra_cost]),
            extra_limit=np.concatenate([*extra, *self.extra_limit]),
        )


def clique_nights(a: Assignment) -> Bools:
    """(u, h) nights whose company is no part of that of a later night: arrivals before leavings."""
    return _kept(a, np.arange(len(a.column)), a.bed_room, a.end)


def _kept(a: Assignment, used: Ints, room: Ints, until: Ints) -> Bools:
    """An arrival night is kept when somebody leaves, or the room changes, before the next one."""
    units, nights = room.shape
    arrivals = np.zeros((units, nights + 1), dtype=np.bool_)
    leaves = np.zeros((units, nights + 1), dtype=np.bool_)
    arrivals[a.unit[used], np.maximum(a.first[used], 0)] = True
    arrivals[:, 1:nights] |= room[:, 1:] != room[:, :-1]
    arrivals[:, 0] = True
    leaves[a.unit[used], np.minimum(until[used], nights)] = True
    leaves[:, 1:nights] |= room[:, 1:] != room[:, :-1]
    leaves[:, nights] = True
    kept = np.zeros((units, nights), dtype=np.bool_)
    ahead = np.zeros(units, dtype=np.bool_)  # a leaving before the next arrival, seen from here
    for night in range(nights - 1, -1, -1):
        ahead |= leaves[:, night + 1]
        here = arrivals[:, night]
        kept[:, night] = here & ahead
        ahead &= ~here
    return kept


def _cliques(
    a: Assignment, used: Ints, room: Ints, until: Ints, *, every_night: bool = False
) -> _Block:
    """The cells (unit, night) to be kept and the uses that are there in each of them."""
    units, nights = room.shape
    first = np.maximum(a.first[used], 0)
    end = np.minimum(until[used], nights)
    if every_night:
        kept = np.ones((units, nights), dtype=np.bool_)
    else:
        kept = _kept(a, used, room, until)
    cell_unit, cell_night = np.nonzero(kept)
    before = np.zeros((units, nights + 1), dtype=np.int64)  # cells of the unit before the night
    before[:, 1:] = np.cumsum(kept, axis=1)
    base = np.concatenate(([0], np.cumsum(kept.sum(axis=1))))[:-1]
    low = before[a.unit[used], first]
    high = before[a.unit[used], end]
    count = high - low
    use = np.repeat(used, count)
    offset = np.arange(len(use)) - np.repeat(np.cumsum(count) - count, count)
    row = np.repeat(base[a.unit[used]] + low, count) + offset
    return _Block(row=row, use=use, unit=cell_unit, night=cell_night)
