"""The same formulation for every peer: ours, with the rows of the parties."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from shelter_solver.assign.assignment import Assignment, Ints
from shelter_solver.assign.rows import rows


@dataclass(frozen=True)
class PeerRows:
    """minimise offset + Σ gain·x subject to r rows Σ coefficient·x ≤ limit, x binary, m columns."""

    offset: int
    gain: Ints  # (m,) cost of the column less the cost of leaving its party out
    starts: Ints  # (r+1,)
    column: Ints  # (nonzeros,)
    coefficient: Ints  # (nonzeros,)
    limit: Ints  # (r,)


def peer_rows(a: Assignment) -> PeerRows:
    """Capacity at the nights that can be fullest, conflict groups, one column for each party.

    Parties and conflicts are rows of the one kind that solvers like best: at most one of these.
    """
    room = rows(a)
    if len(room.extra_cost):
        raise ValueError("the peers know no gender rules")
    sizes = np.bincount(a.party, minlength=a.parties)
    parties = sizes[sizes > 0]
    return PeerRows(
        offset=int(a.skip_cost.sum()),
        gain=a.cost - a.skip_cost[a.party],
        starts=np.concatenate((room.starts, room.starts[-1] + np.cumsum(parties))),
        column=np.concatenate((room.variable, np.arange(a.columns))),
        coefficient=np.concatenate((room.coefficient, np.ones(a.columns, dtype=np.int64))),
        limit=np.concatenate((room.limit, np.ones(len(parties), dtype=np.int64))),
    )


def chosen_of(a: Assignment, x: Ints) -> Ints:
    """(n,) the column of each party or −1, from (m,) zeros and ones."""
    chosen = np.full(a.parties, -1, dtype=np.int64)
    columns = np.flatnonzero(x)
    chosen[a.party[columns]] = columns
    return chosen


def nearest(a: Assignment, count: int) -> tuple[Assignment, Ints]:
    """The problem with the cheapest ``count`` columns of each party, and their old numbers.

    What people do when a solver cannot hold all pairs. No bound of it says anything about the
    whole problem.
    """
    order = np.lexsort((a.cost, a.party))
    begin = np.searchsorted(a.party, np.arange(a.parties))
    keep = np.zeros(a.columns, dtype=np.bool_)
    keep[order[np.arange(a.columns) - begin[a.party] < count]] = True
    return a.with_columns(keep)
