"""Separations between parties that both choose: which of their columns exclude each other.

For a pair kept apart, a *group* holds the columns that bring one of them to one site in the same
nights, and every column of the other that would be too near in one of those nights. Each party
takes one column at most, so "at most one of the group" says exactly that they never meet.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from shelter_solver.assign.assignment import Ints
from shelter_solver.batch.grids import Grids
from shelter_solver.problem import Party, Stay


class Stays:
    """The stays of all columns as arrays, and where those of each party begin."""

    def __init__(
        self, grids: Grids, parties: int, party_of: Ints, stays: Sequence[tuple[int, Stay]]
    ) -> None:
        """``stays``: each with its column, columns in their order."""
        rows = [
            (column, grids.number[stay.unit], stay.first_night, stay.end_night)
            for column, stay in stays
        ]
        self.column, unit, self.first, self.end = np.array(rows, dtype=np.int64).reshape(-1, 4).T
        self.site: Ints = grids.site[unit]
        self.starts = np.searchsorted(party_of[self.column], np.arange(parties + 1))

    def of(self, party: int) -> Ints:
        return np.arange(self.starts[party], self.starts[party + 1])


def conflicts(grids: Grids, parties: Sequence[Party], stays: Stays) -> tuple[Ints, Ints]:
    """Conflict groups in compressed form: where each begins, and the columns."""
    number = {party.id: place for place, party in enumerate(parties)}
    groups: list[Ints] = []
    for place, party in enumerate(parties):
        for other, metres, shared_places in grids.world.apart(party.id):
            against = number.get(other)
            if against is None or _begins(stays, against, place):
                continue
            groups.extend(_pair(grids, stays, place, against, metres, shared_places))
    empty = np.zeros(0, dtype=np.int64)
    starts = np.concatenate(([0], np.cumsum([len(group) for group in groups], dtype=np.int64)))
    return starts.astype(np.int64), np.concatenate([empty, *groups])


def _begins(stays: Stays, one: int, two: int) -> bool:
    """Groups go by the columns of the party with fewer of them; by number where equal."""
    fewer, more = len(stays.of(one)), len(stays.of(two))
    return (fewer, one) < (more, two)


def _pair(
    grids: Grids, stays: Stays, one: int, two: int, metres: float, shared_places: bool
) -> list[Ints]:
    mine, theirs = stays.of(one), stays.of(two)
    if not len(mine) or not len(theirs):
        return []
    found = []
    keys = np.stack([stays.site[mine], stays.first[mine], stays.end[mine]])
    for key in np.unique(keys, axis=1).T:
        site, first, end = key.tolist()
        near = grids.near(site, metres, shared_places)[stays.site[theirs]]
        hit = theirs[near & (stays.first[theirs] < end) & (stays.end[theirs] > first)]
        if len(hit):
            own = mine[(keys == key[:, None]).all(axis=0)]
            found.append(
                np.concatenate((np.unique(stays.column[own]), np.unique(stays.column[hit])))
            )
    return found
