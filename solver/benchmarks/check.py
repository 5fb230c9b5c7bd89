"""An independent judge of results: night by night, and not by the rows that the solvers got."""

from __future__ import annotations

import numpy as np

from shelter_solver.assign.assignment import Assignment, Ints


class WrongAnswer(AssertionError):
    """A result breaks the rules of its own instance; nothing that it claims may be printed."""


def check(assignment: Assignment, chosen: Ints, claimed: int | None = None) -> int:
    """The value of the choice, (n,) a column for each party or −1; raises ``WrongAnswer``.

    ``claimed`` is what the solver says that its choice is worth.
    """
    a = assignment
    if chosen.shape != (a.parties,) or chosen.min(initial=-1) < -1:
        raise WrongAnswer("not one choice for each party")
    given = np.flatnonzero(chosen >= 0)
    if (chosen[given] >= a.columns).any() or (a.party[chosen[given]] != given).any():
        raise WrongAnswer("a party got a column of another")
    taken = np.zeros(a.columns, dtype=np.bool_)
    taken[chosen[given]] = True
    beds, cots = np.zeros_like(a.bed_room), np.zeros_like(a.cot_room)
    for use in np.flatnonzero(taken[a.column]):
        nights = slice(int(a.first[use]), int(a.end[use]))
        beds[a.unit[use], nights] += a.beds[use]
        cots[a.unit[use], nights] += a.cots[use]
    for what, used, room in (("beds", beds, a.bed_room), ("cots", cots, a.cot_room)):
        over = np.argwhere((used > room) & (used > 0))
        if len(over):
            unit, night = over[0]
            raise WrongAnswer(f"unit {unit} lacks {what} in night {night}")
    for group in range(len(a.conflict_starts) - 1):
        columns = a.conflict[a.conflict_starts[group] : a.conflict_starts[group + 1]]
        if taken[columns].sum() > 1:
            raise WrongAnswer(f"conflict group {group}: two parties too near to each other")
    skipped = np.ones(a.parties, dtype=np.bool_)
    skipped[given] = False
    value = sum(a.cost[chosen[given]].tolist()) + sum(a.skip_cost[skipped].tolist())
    if claimed is not None and claimed != value:
        raise WrongAnswer(f"claims {claimed}, is worth {value}")
    return int(value)
