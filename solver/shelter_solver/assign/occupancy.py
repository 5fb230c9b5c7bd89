"""Who has which nights while a choice is being made by hand, one column after another."""

from __future__ import annotations

import numpy as np

from shelter_solver.assign.assignment import Assignment, Bools, Ints


class Occupancy:
    """The room that is left; columns are taken and given back. Budgets are not its business.

    Private units (room of one bed at most) are kept as bit masks of their nights, which makes the
    question "is it free" as cheap as one AND.
    """

    def __init__(self, a: Assignment) -> None:
        self.a = a
        uses = np.argsort(a.column, kind="stable")
        starts = np.searchsorted(a.column[uses], np.arange(a.columns + 1))
        self._uses, self._starts = uses, starts.tolist()
        self._one = len(a.column) == a.columns
        self._unit = a.unit.tolist()
        units, nights = a.bed_room.shape
        self._first = np.maximum(a.first, 0).tolist()
        self._end = np.minimum(a.end, nights).tolist()
        self._gone = np.minimum(a.gone, nights).tolist()
        self._beds, self._cots = a.beds.tolist(), a.cots.tolist()
        self._gender = a.gender.tolist() if len(a.gender) else [0] * len(a.column)
        self._private = (a.bed_room.max(axis=1, initial=0) <= 1).tolist()
        powers = [1 << night for night in range(nights)]
        self._busy = [
            sum(powers[night] for night in np.flatnonzero(row < 1)) if private else 0
            for row, private in zip(a.bed_room, self._private, strict=True)
        ]
        self._bed_room, self._cot_room = a.bed_room.copy(), a.cot_room.copy()
        one_gender = a.one_gender if len(a.one_gender) else np.zeros(units, dtype=np.bool_)
        self._one_gender = (one_gender & (a.mixing_cost < 0)).tolist()
        self._genders = np.zeros((4, units, nights), dtype=np.int64)
        order = np.argsort(a.conflict, kind="stable")
        group = np.repeat(np.arange(len(a.conflict_starts) - 1), np.diff(a.conflict_starts))
        self._groups = group[order]
        self._group_starts = np.searchsorted(a.conflict[order], np.arange(a.columns + 1)).tolist()
        self._taken = np.zeros(len(a.conflict_starts) - 1, dtype=np.int64)

    def uses(self, column: int) -> Ints | tuple[int]:
        if self._one:
            return (column,)
        return self._uses[self._starts[column] : self._starts[column + 1]]

    def fits(self, column: int) -> bool:
        """Whether the column can be taken now."""
        for use in self.uses(column):
            unit, first, end = self._unit[use], self._first[use], self._end[use]
            if self._private[unit]:
                if self._busy[unit] >> first & ((1 << (end - first)) - 1):
                    return False
                continue
            if end <= first:
                continue
            if self._bed_room[unit, first:end].min() < self._beds[use]:
                return False
            if self._cots[use] and self._cot_room[unit, first:end].min() < self._cots[use]:
                return False
            mine = self._gender[use]
            if mine and self._one_gender[unit]:
                there: Bools = np.any(self._genders[1:, unit, first : self._gone[use]], axis=1)
                if int(there.sum()) > int(there[mine - 1]):
                    return False
        begin, end = self._group_starts[column], self._group_starts[column + 1]
        return begin == end or not self._taken[self._groups[begin:end]].any()

    def take(self, column: int) -> None:
        self._add(column, 1)

    def give_back(self, column: int) -> None:
        self._add(column, -1)

    def _add(self, column: int, sign: int) -> None:
        for use in self.uses(column):
            unit, first, end = self._unit[use], self._first[use], self._end[use]
            if self._private[unit]:
                self._busy[unit] ^= ((1 << (end - first)) - 1) << first
                continue
            self._bed_room[unit, first:end] -= sign * self._beds[use]
            self._cot_room[unit, first:end] -= sign * self._cots[use]
            if self._gender[use]:
                self._genders[self._gender[use], unit, first : self._gone[use]] += sign
        begin, end = self._group_starts[column], self._group_starts[column + 1]
        if begin < end:
            self._taken[self._groups[begin:end]] += sign


def greedy(a: Assignment, priority: Ints, paid: np.ndarray, skip: np.ndarray) -> Ints:
    """(n,) for each party, in order of priority, its cheapest column that still fits, or −1.

    ``paid`` (m,) and ``skip`` (n,) are what columns and being skipped cost here, prices included
    or not; a column that costs its party more than being skipped is not taken.
    """
    room = Occupancy(a)
    order = np.lexsort((paid, a.party))
    starts = np.searchsorted(a.party, np.arange(a.parties + 1))
    worth = paid < skip[a.party]
    chosen = np.full(a.parties, -1, dtype=np.int64)
    for party in priority.tolist():
        for column in order[starts[party] : starts[party + 1]].tolist():
            if not worth[column]:
                break
            if room.fits(column):
                room.take(column)
                chosen[party] = column
                break
    return chosen
