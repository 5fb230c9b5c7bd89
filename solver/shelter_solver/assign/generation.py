"""Column generation: the bound of the relaxation over all columns, from a few of them.

Prices over some columns say which of the others are worth adding; when none is, the prices are
right for all (Dantzig and Wolfe 1960). Exact duals come from GLOP; between rounds their mean with
the best prices so far is tried too, for duals jump (Wentges 1997). The largest parts are priced by
ascent alone, where exact relaxations would take all the time.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from shelter_solver.assign.assignment import Assignment, Bools, Ints
from shelter_solver.assign.linear import relax
from shelter_solver.assign.prices import Bound, Floats, Prices, Pricing, ascend

#: columns of a party to price first, or all columns if they are no more than so many
CHEAPEST, ALL_PRICED = 30, 150_000
#: steps of ascent, columns of a party in the first relaxation and added in a round, most rounds,
#: and the gap between columns inside and outside at which pricing ends
STEPS, FIRST_EACH, ADDED_EACH, TURNS, CLOSE_ENOUGH = 500, 8, 8, 15, 2e-4
#: more parties than these are priced by ascent alone
EXACT_PARTIES = 4_000


@dataclass(frozen=True)
class Generated:
    """The best bound, (m,) columns that any relaxation used, (m,) how much the last one used."""

    bound: Bound
    support: Bools
    share: Floats


def generate(pricing: Pricing, chosen: Ints, *, deadline: float) -> Generated:
    """Price all columns; ``chosen`` (n,) are among the first. ``deadline``: monotonic seconds."""
    return _Generation(pricing, chosen, deadline).run()


class _Generation:
    def __init__(self, pricing: Pricing, chosen: Ints, deadline: float) -> None:
        self.a, self.pricing, self.deadline = pricing.a, pricing, deadline
        each = max(CHEAPEST, ALL_PRICED // max(1, self.a.parties))
        self.active = cheapest(self.a, self.a.cost.astype(np.float64), each)
        self.active[chosen[chosen >= 0]] = True
        self.chosen = chosen
        self.support = np.zeros(self.a.columns, dtype=np.bool_)
        self.share = np.zeros(self.a.columns)
        self.prices = pricing.zero()
        self.bound = pricing.bound(self.prices)

    def run(self) -> Generated:
        if self.a.parties > EXACT_PARTIES:
            self.approach()
        else:
            self.solve()
        return Generated(self.bound, self.support, self.share)

    def solve(self) -> None:
        """Exact relaxations over a growing set of columns, until none outside is worth adding."""
        a = self.a
        sub, _ = a.with_columns(self.active)
        self.keep(self._anneal(Pricing(sub)))
        self.active = cheapest(a, self.bound.slack, FIRST_EACH)
        self.active[self.chosen[self.chosen >= 0]] = True
        for _ in range(TURNS):
            sub, old = a.with_columns(self.active)
            small = Pricing(sub)
            exact = relax(sub, small, limit_s=self.deadline - time.monotonic())
            if exact is None:
                break
            inside = small.bound(exact[0]).value
            self.support[old[exact[1] > 1e-6]] = True
            self.share = np.zeros(a.columns)
            self.share[old] = exact[1]
            for tried in (exact[0], self.prices.mixed(exact[0])):
                self.keep(tried)
                self.active |= self._worth_adding(small, tried)
            if (
                inside - self.bound.value <= CLOSE_ENOUGH * abs(inside)
                or sub.columns == self.active.sum()
            ):
                break

    def approach(self) -> None:
        """The same by ascent alone, where exact relaxations would take all the time."""
        a = self.a
        scale = max(1.0, float(np.median(a.skip_cost)) / 20)
        start: Prices | None = None
        settled = False  # nothing to add: one long ascent from zero over these columns
        for turn in range(TURNS):
            sub, _ = a.with_columns(self.active)
            small = Pricing(sub)
            long = turn == 0 or settled
            start = ascend(
                small,
                steps=(3 if long else 1) * STEPS,
                deadline=self.deadline,
                start=None if long else start,
                scale=scale if long else scale / 10,
            )
            self.keep(start)
            adding = self._worth_adding(small, start)
            if settled or time.monotonic() > self.deadline:
                break
            settled = not adding.any()
            self.active |= adding

    def keep(self, tried: Prices) -> None:
        """Remember prices that prove more than those before."""
        bound = self.pricing.bound(tried)
        if bound.value > self.bound.value:
            self.bound, self.prices = bound, tried

    def _anneal(self, small: Pricing) -> Prices:
        """Ascent with the first step that suits the instance best."""
        a = self.a
        scales = {max(1.0, float(np.median(a.skip_cost)) / part) for part in (2, 10, 50)}
        scales.add(max(1.0, float(np.median(a.cost))))
        tries = [
            ascend(small, steps=STEPS // 5, deadline=self.deadline, scale=scale)
            for scale in sorted(scales)
        ]
        values = [small.bound(prices).value for prices in tries]
        scale = sorted(scales)[int(np.argmax(values))]
        long = ascend(small, steps=2 * STEPS, deadline=self.deadline, scale=scale)
        return max([*tries, long], key=lambda prices: small.bound(prices).value)

    def _worth_adding(self, small: Pricing, prices: Prices) -> Bools:
        """(m,) for each party the columns that are most cheaper than all it has."""
        a = self.a
        paid = self.pricing.charge(prices)
        gain = small.cheapest(small.charge(prices))[a.party] - paid
        better = np.flatnonzero((gain > 1e-6) & ~self.active)
        order = better[np.lexsort((-gain[better], a.party[better]))]
        adding = np.zeros(a.columns, dtype=np.bool_)
        adding[order[_rank(a.party[order]) < 8]] = True
        return adding


def _rank(party: Ints) -> Ints:
    """(k,) place of each item among those of its party; items of a party stand together."""
    starts = (
        np.flatnonzero(np.concatenate(([True], party[1:] != party[:-1]))) if len(party) else party
    )
    sizes = np.diff(np.concatenate((starts, [len(party)])))
    return np.asarray(np.arange(len(party)) - np.repeat(starts, sizes))


def cheapest(a: Assignment, paid: Floats, each: int) -> Bools:
    """(m,) whether a column is among the ``each`` cheapest of its party."""
    keep = np.zeros(a.columns, dtype=np.bool_)
    ends = np.searchsorted(a.party, np.arange(a.parties + 1)).tolist()
    for party in range(a.parties):  # a partition of each is quicker than one sort of all
        begin, end = ends[party], ends[party + 1]
        if end - begin <= each:
            keep[begin:end] = True
        else:
            keep[begin + np.argpartition(paid[begin:end], each)[:each]] = True
    return keep
