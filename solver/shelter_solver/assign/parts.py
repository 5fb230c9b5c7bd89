"""Parts of an assignment that have nothing to do with each other, solved one by one.

Parties are in one part when they can use the same unit in overlapping nights' rows, stand in the
same conflict group, or are linked so through others (union–find over units and groups).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from shelter_solver.assign.assignment import Assignment, Bools, Ints


@dataclass(frozen=True)
class Part:
    """An independent part and the old numbers of its parties and columns."""

    assignment: Assignment
    parties: Ints
    columns: Ints


def split(a: Assignment) -> list[Part]:
    """Independent parts, those with the smallest party number first; a budget ties all together."""
    if a.parties == 0:
        return []
    if len(a.budget_limit):
        return [Part(a, np.arange(a.parties), np.arange(a.columns))]
    label = _labels(a)
    names, part_of = np.unique(label, return_inverse=True)
    if len(names) == 1:
        return [Part(a, np.arange(a.parties), np.arange(a.columns))]
    order = np.argsort(part_of, kind="stable")
    ends = np.searchsorted(part_of[order], np.arange(len(names) + 1))
    column_part = part_of[a.party]
    column_order = np.argsort(column_part, kind="stable")
    column_ends = np.searchsorted(column_part[column_order], np.arange(len(names) + 1))
    return [
        _cut(
            a,
            order[ends[number] : ends[number + 1]],
            column_order[column_ends[number] : column_ends[number + 1]],
        )
        for number in range(len(names))
    ]


def _cut(a: Assignment, parties: Ints, columns: Ints) -> Part:
    """The assignment of these parties alone, over the units that they can use."""
    low, high = np.searchsorted(a.column, [columns[0], columns[-1] + 1]) if len(columns) else (0, 0)
    mine = np.zeros(a.columns, dtype=np.bool_)
    mine[columns] = True
    use = np.arange(low, high)[mine[a.column[low:high]]]
    units, unit = np.unique(a.unit[use], return_inverse=True)
    number = np.full(a.columns, -1, dtype=np.int64)
    number[columns] = np.arange(len(columns))
    groups, starts = _groups(a, mine)
    return Part(
        replace(
            a,
            skip_cost=a.skip_cost[parties],
            party=np.searchsorted(parties, a.party[columns]),
            cost=a.cost[columns],
            column=number[a.column[use]],
            unit=unit,
            first=a.first[use],
            end=a.end[use],
            beds=a.beds[use],
            cots=a.cots[use],
            bed_room=a.bed_room[units],
            cot_room=a.cot_room[units],
            gender=a.gender[use] if len(a.gender) else a.gender,
            leave=a.leave[use] if len(a.leave) else a.leave,
            one_gender=a.one_gender[units] if len(a.one_gender) else a.one_gender,
            gender_there=a.gender_there[:, units] if a.gender_there.size else a.gender_there,
            conflict_starts=starts,
            conflict=number[groups],
            budget=np.zeros((0, 0), dtype=np.int64),
        ),
        parties,
        columns,
    )


def _groups(a: Assignment, mine: Bools) -> tuple[Ints, Ints]:
    if not len(a.conflict):
        return a.conflict, np.zeros(1, dtype=np.int64)
    sizes = np.diff(a.conflict_starts)
    first = a.conflict[np.minimum(a.conflict_starts[:-1], len(a.conflict) - 1)]
    taken = mine[first] & (sizes > 0)
    return a.conflict[np.repeat(taken, sizes)], np.concatenate(([0], np.cumsum(sizes[taken])))


def _labels(a: Assignment) -> Ints:
    """(n,) the smallest party of each party's part: labels spread until nothing changes."""
    label = np.arange(a.parties)
    party_of_use = a.party[a.column]
    group = np.repeat(np.arange(len(a.conflict_starts) - 1), np.diff(a.conflict_starts))
    party_of_conflict = a.party[a.conflict] if len(a.conflict) else np.zeros(0, dtype=np.int64)
    pairs_unit = _distinct(party_of_use, a.unit, len(a.bed_room))
    pairs_group = _distinct(party_of_conflict, group, len(a.conflict_starts))
    while True:
        before = label.copy()
        for (party, place), count in (
            (pairs_unit, len(a.bed_room)),
            (pairs_group, len(a.conflict_starts) - 1),
        ):
            least = np.full(count, a.parties)
            np.minimum.at(least, place, label[party])
            np.minimum.at(label, party, least[place])
        label = label[label]
        if (label == before).all():
            return label


def _distinct(party: Ints, place: Ints, places: int) -> tuple[Ints, Ints]:
    both = np.unique(party * max(1, places) + place)
    return both // max(1, places), both % max(1, places)
