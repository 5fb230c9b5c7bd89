"""What a careful person with a list does: the most urgent first, each to the nearest free unit."""

from __future__ import annotations

import numpy as np

from shelter_solver.assign.assignment import Assignment, Ints


def greedy(a: Assignment) -> Ints:
    """(n,) a column for each party or −1: urgent first, then the earliest asked night."""
    column_of = np.searchsorted(a.party, np.arange(a.parties + 1))
    uses_of = np.searchsorted(a.column, np.arange(a.columns + 1))
    night = np.zeros(a.parties, dtype=np.int64)
    night[a.party[a.column[::-1]]] = a.first[::-1]
    taken_beds, taken_cots = np.zeros_like(a.bed_room), np.zeros_like(a.cot_room)
    groups = _groups_of(a)
    closed: set[int] = set()  # conflict groups in which somebody is
    chosen = np.full(a.parties, -1, dtype=np.int64)
    for party in np.lexsort((night, -a.skip_cost)).tolist():
        columns = np.arange(column_of[party], column_of[party + 1])
        for column in columns[np.argsort(a.cost[columns], kind="stable")].tolist():
            uses = range(uses_of[column], uses_of[column + 1])
            mine = groups.get(column, ())
            if not closed.isdisjoint(mine):
                continue
            if not all(_fits(a, use, taken_beds, taken_cots) for use in uses):
                continue
            for use in uses:
                here = (a.unit[use], slice(int(a.first[use]), int(a.end[use])))
                taken_beds[here] += a.beds[use]
                taken_cots[here] += a.cots[use]
            closed.update(mine)
            chosen[party] = column
            break
    return chosen


def _fits(a: Assignment, use: int, taken_beds: Ints, taken_cots: Ints) -> bool:
    here = (a.unit[use], slice(int(a.first[use]), int(a.end[use])))
    if (taken_beds[here] + a.beds[use] > a.bed_room[here]).any():
        return False
    if not a.cots[use]:
        return True
    return not (taken_cots[here] + a.cots[use] > a.cot_room[here]).any()


def _groups_of(a: Assignment) -> dict[int, list[int]]:
    """The conflict groups of each column that has any."""
    found: dict[int, list[int]] = {}
    group = np.repeat(np.arange(len(a.conflict_starts) - 1), np.diff(a.conflict_starts))
    for column, number in zip(a.conflict.tolist(), group.tolist(), strict=True):
        found.setdefault(column, []).append(number)
    return found
