"""The rows of an assignment as sparse arrays: what capacity, gender and conflicts forbid.

Between two arrivals in a unit its company only shrinks, so the nights of arrival tell all; of these
only the ones at which a company is greatest are kept (the maximal cliques of an interval graph).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from shelter_solver.assign.assignment import FEMALE, MALE, OTHER, Assignment, Bools, Ints

#: kinds of row; ``GENDER`` + 0, 1, 2 for the three genders, ``SWITCH`` for "one gender at most"
BEDS, COTS, GENDER, SWITCH, CONFLICT, BUDGET = 0, 1, 2, 5, 6, 7


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
    kind: Ints  # (r,) what the row is about
    #: (2, r) unit and night; or the number of the conflict group or budget, and 0
    place: Ints
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
    made.room(a.beds, a.bed_room, BEDS)
    if a.cots.any():
        made.room(a.cots, a.cot_room, COTS)
    if a.one_gender.any():
        made.genders()
    made.conflicts()
    made.budgets()
    return made.done()


class _Rows:
    def __init__(self, a: Assignment) -> None:
        self.a = a
        self.parts: list[tuple[Ints, Ints, Ints, Ints, Ints, Ints]] = [_nothing()]
        self.count = 0
        self.extra_cost: list[Ints] = []
        self.extra_limit: list[Ints] = []
        self.variables = a.columns

    def add(
        self,
        kind: int,
        entries: tuple[Ints, Ints, Ints],
        limit: Ints,
        unit: Ints,
        night: Ints | None = None,
    ) -> None:
        """Rows of one kind; ``entries`` are (row, variable, coefficient), rows counted from 0."""
        row, variable, coefficient = entries
        where = np.stack([unit, np.zeros_like(unit) if night is None else night])
        kinds = np.full(len(limit), kind)
        self.parts.append((row + self.count, variable, coefficient, limit, kinds, where))
        self.count += len(limit)

    def add_variables(self, cost: int, limit: int, count: int) -> Ints:
        numbers = np.arange(self.variables, self.variables + count)
        self.variables += count
        self.extra_cost.append(np.full(count, cost))
        self.extra_limit.append(np.full(count, limit))
        return numbers

    def room(self, weight: Ints, room: Ints, kind: int) -> None:
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
        use = block.use[keep]
        entries = number[block.row[keep]], a.column[use], weight[use]
        self.add(kind, entries, limit[tight], block.unit[tight], block.night[tight])

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
        unit, night = block.unit[mixed], block.night[mixed]
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
            entries = np.concatenate(row), np.concatenate(variable), np.concatenate(coefficient)
            self.add(GENDER + group - 1, entries, limit, unit, night)
        index = np.tile(np.arange(len(mixed)), 3)
        one = np.ones(3 * len(mixed), dtype=np.int64)
        entries = index, np.concatenate(switches), one
        self.add(SWITCH, entries, np.ones(len(mixed), dtype=np.int64), unit, night)

    def conflicts(self) -> None:
        a = self.a
        sizes = np.diff(a.conflict_starts)
        real = sizes > 1
        row = np.repeat(np.cumsum(real) - 1, sizes)
        keep = np.repeat(real, sizes)
        groups = np.flatnonzero(real)
        entries = row[keep], a.conflict[keep], np.ones(int(keep.sum()), dtype=np.int64)
        self.add(CONFLICT, entries, np.ones(len(groups), dtype=np.int64), groups)

    def budgets(self) -> None:
        pairs = zip(self.a.budget, self.a.budget_limit, strict=True)
        for number, (coefficients, limit) in enumerate(pairs):
            used = np.flatnonzero(coefficients)
            entries = np.zeros_like(used), used, coefficients[used]
            self.add(BUDGET, entries, np.array([limit]), np.array([number]))

    def done(self) -> Rows:
        row, variable, coefficient, limit, kind = (
            np.concatenate([part[i] for part in self.parts]) for i in range(5)
        )
        place = np.concatenate([part[5] for part in self.parts], axis=1)
        order = np.argsort(row, kind="stable")
        extra = [np.zeros(0, dtype=np.int64)]
        return Rows(
            starts=np.concatenate(([0], np.cumsum(np.bincount(row, minlength=self.count)))),
            variable=variable[order],
            coefficient=coefficient[order],
            limit=limit,
            kind=kind,
            place=place,
            extra_cost=np.concatenate([*extra, *self.extra_cost]),
            extra_limit=np.concatenate([*extra, *self.extra_limit]),
        )


def _nothing() -> tuple[Ints, Ints, Ints, Ints, Ints, Ints]:
    none = np.zeros(0, dtype=np.int64)
    return none, none, none, none, none, np.zeros((2, 0), dtype=np.int64)


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
