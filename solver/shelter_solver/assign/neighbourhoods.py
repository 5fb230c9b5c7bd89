"""Better choices by freeing some parties at a time and placing them again exactly.

Large-neighbourhood search (Shaw 1998; Pisinger and Ropke 2010): a neighbourhood is grown from one
party over the units that are good for it and over those who are there; CP-SAT places the freed
parties again, everybody else staying where they are.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from shelter_solver.assign.assignment import Assignment, Ints
from shelter_solver.assign.cpsat import solve
from shelter_solver.assign.mixing import gender_load
from shelter_solver.assign.prices import Floats


class Neighbourhoods:
    """Grows neighbourhoods over the bipartite graph of parties and the units that suit them."""

    def __init__(self, a: Assignment, slack: Floats) -> None:
        """``a`` has the columns worth looking at; ``slack`` (m,) as in ``prices.Bound``."""
        self.a = a
        self.slack = slack
        order = np.lexsort((slack, a.party))
        self._of_party = order
        self._starts = np.searchsorted(a.party, np.arange(a.parties + 1))
        self._first_use = np.searchsorted(a.column, np.arange(a.columns))
        self._unit_of = a.unit[self._first_use]

    def grow(self, seed: int, size: int, chosen: Ints, rng: np.random.Generator) -> Ints:
        """About ``size`` parties around one: who is in its good units, and so on."""
        unit_now = np.where(chosen >= 0, self._unit_of[chosen], -1)
        order = np.argsort(unit_now, kind="stable")
        sorted_units = unit_now[order]
        inside = {seed}
        queue = [seed]
        seen_units: set[int] = set()
        while queue and len(inside) < size:
            party = queue.pop(0)
            begin, end = self._starts[party], self._starts[party + 1]
            columns = self._of_party[begin : min(end, begin + 12)]
            units = [int(unit) for unit in dict.fromkeys(self._unit_of[columns].tolist())]
            if chosen[party] >= 0:
                units.insert(0, int(unit_now[party]))
            for unit in units[:8]:
                if unit in seen_units:
                    continue
                seen_units.add(unit)
                low, high = np.searchsorted(sorted_units, [unit, unit + 1])
                for other in order[low:high].tolist():
                    if other not in inside:
                        inside.add(other)
                        queue.append(other)
            if len(queue) > 1 and rng.random() < 0.3:  # not always the same shape
                queue.append(queue.pop(0))
        return np.array(sorted(inside), dtype=np.int64)

    def part(self, freed: Ints, chosen: Ints) -> tuple[Assignment, Ints]:
        """The freed parties' problem, all others staying, and the old numbers of its columns."""
        a = self.a
        free = np.zeros(a.parties, dtype=np.bool_)
        free[freed] = True
        fixed = chosen[~free]
        fixed = fixed[fixed >= 0]
        bed_room, cot_room, there = _left(a, fixed)
        keep = free[a.party]
        own = chosen[freed]
        keep[own[own >= 0]] = True
        use = np.flatnonzero(keep[a.column])
        units, nights = bed_room.shape
        shut = np.zeros((units, nights + 1), dtype=np.int64)
        np.cumsum(bed_room < 1, axis=1, out=shut[:, 1:])
        low, high = np.maximum(a.first[use], 0), np.minimum(a.end[use], nights)
        blocked = shut[a.unit[use], high] > shut[a.unit[use], low]
        if there.size:
            for code in range(3):
                # where mixing is only dear, nobody new mixes here: proofs would take far longer
                alone = there[code] == 0 if a.mixing_cost >= 0 else True
                shut[:, 1:] = np.cumsum((there.sum(axis=0) > there[code]) & alone, axis=1)
                mine = (a.gender[use] == code + 1) & a.one_gender[a.unit[use]]
                gone = np.minimum(a.gone[use], nights)
                blocked |= mine & (shut[a.unit[use], gone] > shut[a.unit[use], low])
        keep[a.column[use[blocked]]] = False
        if len(a.conflict):
            group = np.repeat(np.arange(len(a.conflict_starts) - 1), np.diff(a.conflict_starts))
            taken = np.zeros(a.columns, dtype=np.bool_)
            taken[fixed] = True
            closed = np.zeros(len(a.conflict_starts) - 1, dtype=np.bool_)
            closed[group[taken[a.conflict]]] = True
            keep[a.conflict[closed[group]]] = False
        sub, old = a.with_columns(keep)
        number = np.full(a.parties, -1, dtype=np.int64)
        number[freed] = np.arange(len(freed))
        sub = replace(
            sub,
            skip_cost=a.skip_cost[freed],
            party=number[sub.party],
            bed_room=bed_room,
            cot_room=cot_room,
            gender_there=there[:, :0],
            mixing_cost=-1,
            budget_limit=a.budget_limit
            - (a.budget[:, fixed].sum(axis=1) if len(a.budget_limit) else 0),
        )
        return sub, old

    def improve(
        self, freed: Ints, chosen: Ints, *, effort: float, limit_s: float, seed: int
    ) -> Ints | None:
        """The freed parties' better columns (−1 for none), or None when nothing better was found.

        ``effort`` is CP-SAT's deterministic time, so that the same seed finds the same.
        """
        sub, old = self.part(freed, chosen)
        if not sub.columns:
            return None
        number = np.full(self.a.columns, -1, dtype=np.int64)
        number[old] = np.arange(len(old))
        now = chosen[freed]
        hint = np.where(now >= 0, number[now], -1)
        found = solve(sub, limit_s=limit_s, effort=effort, seed=seed, hint=hint)
        if found.chosen is None:
            return None
        return np.where(found.chosen >= 0, old[found.chosen], -1)


def _left(a: Assignment, fixed: Ints) -> tuple[Ints, Ints, Ints]:
    """(u, h) beds and cots that the fixed columns leave, (3, u, h) who is there besides."""
    on = np.zeros(a.columns, dtype=np.bool_)
    on[fixed] = True
    use = np.flatnonzero(on[a.column])
    units, nights = a.bed_room.shape
    beds = np.zeros((units, nights + 1), dtype=np.int64)
    np.add.at(beds, (a.unit[use], np.maximum(a.first[use], 0)), a.beds[use])
    np.add.at(beds, (a.unit[use], np.minimum(a.end[use], nights)), -a.beds[use])
    cot_room = a.cot_room
    if a.cots.any():
        cots = np.zeros((units, nights + 1), dtype=np.int64)
        np.add.at(cots, (a.unit[use], np.maximum(a.first[use], 0)), a.cots[use])
        np.add.at(cots, (a.unit[use], np.minimum(a.end[use], nights)), -a.cots[use])
        cot_room = cot_room - np.cumsum(cots, axis=1)[:, :nights]
    there = a.gender_there
    if a.one_gender.any() and len(a.gender):
        there = gender_load(a, use) + (there if there.size else 0)
    return a.bed_room - np.cumsum(beds, axis=1)[:, :nights], cot_room, there
