"""The problem of the engine: at most one column for each party, no night over-full, least cost.

Shapes: ``n`` parties, ``m`` columns, ``k`` uses, ``u`` units, ``h`` nights. A *column* is one way
to house one party; its *uses* are the units and nights that it takes (one use for a stay in one
unit, two for two units). Nights are 0 … h−1, ranges half-open. All numbers are whole.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

#: gender codes of a use: who does not count (children alone), and the groups that may not mix
NO_GENDER, FEMALE, MALE, OTHER = 0, 1, 2, 3


def _none() -> Ints:
    return np.zeros(0, dtype=np.int64)


@dataclass(frozen=True)
class Assignment:
    """Choose for each party one of its columns, or none at the price of ``skip_cost``.

    minimise    Σ_c cost[c]·x[c] + Σ_p skip_cost[p]·(1 − Σ_{c of p} x[c])
    subject to  Σ_{c of p} x[c] ≤ 1                                      for each party p
                Σ beds[i]·x[column[i]] ≤ bed_room[v, t]     over uses i of unit v in night t
                Σ cots[i]·x[column[i]] ≤ cot_room[v, t]     likewise
                at most one column of each conflict group
                each budget kept
                in each night of a unit of ``one_gender`` the uses have one gender, or, where
                ``mixing_cost`` is not negative, each person of the minority costs so much
    """

    #: (n,) cost of leaving the party without a column
    skip_cost: Ints
    #: (m,) party of each column, not decreasing
    party: Ints
    #: (m,) cost of each column
    cost: Ints
    #: (k,) column of each use, not decreasing
    column: Ints
    #: (k,) unit, first night and end night (exclusive; nights for cleaning included)
    unit: Ints
    first: Ints
    end: Ints
    #: (k,) beds and cots that the use takes in each of its nights; 1 and 0 in a private unit
    beds: Ints
    cots: Ints
    #: (u, h) what can be given: beds (1 or 0 for a private unit) and cots
    bed_room: Ints
    cot_room: Ints
    #: (k,) gender code of each use; columns that meet another gender already there are left out
    gender: Ints = field(default_factory=_none)
    #: (k,) end night without cleaning, which is what counts for gender; empty: the same as ``end``
    leave: Ints = field(default_factory=_none)
    #: (u,) whether the unit's residents of a night must share one gender
    one_gender: Bools = field(default_factory=lambda: np.zeros(0, dtype=np.bool_))
    #: (3, u, h) persons of each gender already there, besides the columns; empty for nobody
    gender_there: Ints = field(default_factory=lambda: np.zeros((3, 0, 0), dtype=np.int64))
    #: cost of each person of the minority and night, negative when genders may not mix at all
    mixing_cost: int = -1
    #: conflict groups in compressed form: columns of group g are conflict[starts[g]:starts[g+1]]
    conflict_starts: Ints = field(default_factory=lambda: np.zeros(1, dtype=np.int64))
    conflict: Ints = field(default_factory=_none)
    #: (b, m) and (b,): Σ_c budget[i, c]·x[c] ≤ budget_limit[i]; coefficients may be negative
    budget: Ints = field(default_factory=lambda: np.zeros((0, 0), dtype=np.int64))
    budget_limit: Ints = field(default_factory=_none)

    @property
    def parties(self) -> int:
        return len(self.skip_cost)

    @property
    def columns(self) -> int:
        return len(self.party)

    @property
    def gone(self) -> Ints:
        """(k,) end night of each use for the rules of gender."""
        return self.leave if len(self.leave) else self.end

    def value(self, chosen: Ints) -> int:
        """Cost of a choice: (n,) column of each party or −1; mixing is not counted here."""
        given = chosen >= 0
        return int(self.cost[chosen[given]].sum() + self.skip_cost[~given].sum())

    def with_columns(self, keep: Bools) -> tuple[Assignment, Ints]:
        """The same problem with some columns only, and (m',) the old number of each of them."""
        old = np.flatnonzero(keep)
        number = np.full(self.columns, -1, dtype=np.int64)
        number[old] = np.arange(len(old))
        uses = keep[self.column]
        group = np.repeat(np.arange(len(self.conflict_starts) - 1), np.diff(self.conflict_starts))
        kept = keep[self.conflict] if len(self.conflict) else np.zeros(0, dtype=np.bool_)
        sizes = np.bincount(group[kept], minlength=len(self.conflict_starts) - 1)
        return (
            replace(
                self,
                party=self.party[old],
                cost=self.cost[old],
                column=number[self.column[uses]],
                unit=self.unit[uses],
                first=self.first[uses],
                end=self.end[uses],
                beds=self.beds[uses],
                cots=self.cots[uses],
                gender=self.gender[uses] if len(self.gender) else self.gender,
                leave=self.leave[uses] if len(self.leave) else self.leave,
                conflict_starts=np.concatenate(([0], np.cumsum(sizes))),
                conflict=number[self.conflict[kept]],
                budget=self.budget[:, old] if len(self.budget_limit) else self.budget,
            ),
            old,
        )
