"""One part, from a first choice to a proof: greedy, prices, neighbourhoods, closing."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np

from shelter_solver.assign.assignment import Assignment, Bools, Ints
from shelter_solver.assign.cpsat import Solved, solve
from shelter_solver.assign.generation import cheapest, generate
from shelter_solver.assign.mixing import mixing
from shelter_solver.assign.neighbourhoods import Neighbourhoods
from shelter_solver.assign.occupancy import Occupancy, greedy
from shelter_solver.assign.prices import Bound, Floats, Pricing

#: up to so many columns CP-SAT gets all of them first, with so much deterministic effort
SMALL, SMALL_EFFORT = 8_000, 10.0
#: columns of a party that neighbourhoods choose from
NEAR = 16
#: columns of a party that the first greedy choice is made from
GREEDY_EACH = 600
#: the share of the time that pricing gets at most
PRICING_SHARE = 0.3
#: an attempt to close the gap: most columns in all, columns of a party that are few enough to try
#: early, and its effort
CLOSING, FEW_EACH, CLOSING_EFFORT = 80_000, 20, 100.0
#: effort for the columns that the relaxations used, where the parties are not too many
SUPPORT_EFFORT, SUPPORT_PARTIES = 10.0, 1_500
#: neighbourhoods: parties and deterministic effort, from … to
SIZES, EFFORTS = (30, 240), (0.3, 4.0)
#: neighbourhoods searched at a time; fixed, so that every machine takes the same way
WORKERS = 2


@dataclass(frozen=True)
class Found:
    """(n,) chosen column of each party or −1, its cost, and a cost that no choice is below."""

    chosen: Ints
    value: int
    bound: int

    @property
    def optimal(self) -> bool:
        return self.value <= self.bound


def total(a: Assignment, chosen: Ints) -> int:
    """What a choice costs, mixing included."""
    return a.value(chosen) + mixing(a, chosen)


def feasible(a: Assignment, chosen: Ints) -> bool:
    """Whether a choice keeps every row."""
    room = Occupancy(a)
    for column in chosen[chosen >= 0].tolist():
        if not room.fits(column):
            return False
        room.take(column)
    given = chosen[chosen >= 0]
    return not len(a.budget_limit) or bool((a.budget[:, given].sum(axis=1) <= a.budget_limit).all())


def search(
    a: Assignment,
    *,
    deadline: float,
    seed: int,
    start: Ints | None = None,
    on_value: Callable[[], None] | None = None,
) -> Found:
    """The best choice that the time allows, and a proven bound.

    ``start`` is a choice that keeps every row; it is needed when there are budgets.
    """
    return _Search(a, deadline, seed, start, on_value or (lambda: None)).run()


class _Search:
    def __init__(
        self,
        a: Assignment,
        deadline: float,
        seed: int,
        start: Ints | None,
        on_value: Callable[[], None],
    ) -> None:
        self.a = a
        self.deadline = deadline
        self.seed = seed
        self.on_value = on_value
        self.chosen = start if start is not None else np.full(a.parties, -1, dtype=np.int64)
        self.value = total(a, self.chosen)
        self.bound = _free_for_all(a)
        #: columns that any relaxation used, and how much of each the last one used
        self.support = np.zeros(a.columns, dtype=np.bool_)
        self.share = np.zeros(a.columns)
        self.size, self.effort, self.turn = float(SIZES[0]), EFFORTS[0], 0
        if a.columns:
            self.plain_greedy()

    @property
    def left_s(self) -> float:
        return self.deadline - time.monotonic()

    def offer(self, chosen: Ints) -> bool:
        """Keep a choice if it is better and allowed."""
        value = total(self.a, chosen)
        if value >= self.value:
            return False
        if len(self.a.budget_limit) and not feasible(self.a, chosen):
            return False
        self.chosen, self.value = chosen, value
        self.on_value()
        return True

    def found(self) -> Found:
        return Found(self.chosen, self.value, min(self.value, self.bound))

    @property
    def done(self) -> bool:
        return self.value <= self.bound or self.left_s <= 0

    def run(self) -> Found:
        if not self.a.columns:
            self.bound = self.value
        if not self.done and self.a.columns <= SMALL:
            self.close(np.ones(self.a.columns, dtype=np.bool_), SMALL_EFFORT)
        if self.done:
            return self.found()
        pricing = Pricing(self.a)
        priced = generate(
            pricing, self.chosen, deadline=time.monotonic() + self.left_s * PRICING_SHARE
        )
        bound, self.support, self.share = priced.bound, priced.support, priced.share
        self.raise_bound(bound.value)
        self.priced_greedy(bound)
        self.settle_support(bound)
        tried = np.inf
        while not self.done:
            self.walk(bound)
            keep = bound.slack <= self.value - bound.value + 1e-6
            count = int(keep.sum())
            few = FEW_EACH * self.a.parties
            around = self.size == SIZES[0]  # neighbourhoods of every size have been tried
            if self.done or count > (CLOSING if around else min(CLOSING, few)):
                continue
            if count <= 0.7 * tried and self.close(keep, CLOSING_EFFORT):
                break
            tried = min(tried, count)
        return self.found()

    def raise_bound(self, value: float) -> None:
        """Costs are whole, so is the bound; a millionth is left to rounding."""
        self.bound = max(self.bound, int(np.ceil(value - 1e-6 * max(1.0, abs(value) * 1e-3))))

    def plain_greedy(self) -> None:
        """Most urgent first, each into the cheapest place that is left."""
        a = self.a
        sub, old = a.with_columns(cheapest(a, a.cost.astype(np.float64), GREEDY_EACH))
        urgent = np.argsort(-a.skip_cost, kind="stable")
        paid, skip = sub.cost.astype(np.float64), a.skip_cost.astype(np.float64)
        chosen = greedy(sub, urgent, paid, skip)
        self.offer(np.where(chosen >= 0, old[chosen], -1))

    def priced_greedy(self, bound: Bound) -> None:
        """Greedy once more, dear nights avoided, in several orders."""
        a = self.a
        never = np.full(a.parties, np.inf)
        sub, old = a.with_columns(cheapest(a, bound.slack, 4 * NEAR) | self.support)
        if a.mixing_cost > 0:  # first as if nobody might mix
            sub = replace(sub, mixing_cost=-1)
        whole = np.zeros(a.parties)
        np.maximum.at(whole, a.party, self.share)
        used_first = bound.slack - self.share * (1.0 + bound.slack.max(initial=0.0))
        for order, paid in (
            (-a.skip_cost, bound.slack),
            (-bound.skip_slack, bound.slack),
            (-whole, used_first),
        ):
            chosen = greedy(sub, np.argsort(order, kind="stable"), paid[old], never)
            self.offer(np.where(chosen >= 0, old[chosen], -1))

    def settle_support(self, bound: Bound) -> None:
        """CP-SAT over the columns that the relaxations used, and the nearest to them."""
        if self.a.parties > SUPPORT_PARTIES or self.a.mixing_cost > 0:
            return
        near = self.support & (bound.slack < self.value - bound.value)
        near |= cheapest(self.a, bound.slack, 2)
        if near.any():
            self.try_columns(near, SUPPORT_EFFORT)

    def walk(self, bound: Bound) -> None:
        """Neighbourhoods of one size, until many find nothing; the next walk takes larger ones."""
        a = self.a
        keep = cheapest(a, bound.slack, NEAR) | self.support
        keep[self.chosen[self.chosen >= 0]] = True
        sub, old = a.with_columns(keep)
        number = np.full(a.columns, -1, dtype=np.int64)
        number[old] = np.arange(len(old))
        around = Neighbourhoods(sub, bound.slack[old])
        chosen = np.where(self.chosen >= 0, number[self.chosen], -1)
        rng = np.random.default_rng([self.seed, self.turn])
        size, effort = self.size, self.effort
        quiet = 0
        with ThreadPoolExecutor(WORKERS) as pool:
            while not self.done:
                pay = np.where(chosen >= 0, around.slack[chosen], bound.skip_slack)
                freed = [
                    around.grow(_seed(pay, chosen, rng), int(size), chosen, rng)
                    for _ in range(WORKERS)
                ]
                jobs = [
                    pool.submit(
                        around.improve,
                        group,
                        chosen,
                        effort=effort,
                        limit_s=max(0.01, min(self.left_s, 8 * effort)),
                        seed=self.seed + self.turn + number,
                    )
                    for number, group in enumerate(freed)
                ]
                self.turn += WORKERS
                better = moved = False
                for group, job in zip(freed, jobs, strict=True):
                    columns = job.result()
                    if columns is None:
                        continue
                    new = chosen.copy()
                    new[group] = columns
                    whole = np.where(new >= 0, old[new], -1)
                    worth = total(a, whole)
                    if worth > self.value or (moved and not feasible(sub, new)):
                        continue
                    if worth == self.value:  # a step aside: it may open another way
                        self.chosen, chosen = whole, new
                        moved = True
                    elif self.offer(whole):
                        chosen = new
                        better = moved = True
                quiet = 0 if better else quiet + WORKERS
                if quiet > max(8, 2 * a.parties / size):
                    break
        if size >= min(SIZES[1], a.parties):
            self.size, self.effort = float(SIZES[0]), EFFORTS[0]
        else:
            self.size, self.effort = size * 1.6, min(EFFORTS[1], effort * 1.6)

    def try_columns(self, keep: Bools, effort: float) -> Solved:
        """CP-SAT over some columns and those of the present choice."""
        a = self.a
        keep = keep.copy()
        keep[self.chosen[self.chosen >= 0]] = True
        sub, old = a.with_columns(keep)
        number = np.full(a.columns, -1, dtype=np.int64)
        number[old] = np.arange(len(old))
        hint = np.where(self.chosen >= 0, number[self.chosen], -1)
        solved = solve(sub, limit_s=self.left_s, effort=effort, seed=self.seed, hint=hint)
        if solved.chosen is not None:
            self.offer(np.where(solved.chosen >= 0, old[solved.chosen], -1))
        return solved

    def close(self, keep: Bools, effort: float = np.inf) -> bool:
        """The same over every column that a better choice may use: True when that is proven."""
        solved = self.try_columns(keep, effort)
        if solved.optimal:
            self.bound = self.value
        else:
            self.raise_bound(min(solved.bound, self.value))
        return solved.optimal


def _free_for_all(a: Assignment) -> int:
    """The cost when everybody takes what is cheapest and nobody is in the way."""
    pricing = Pricing(a)
    return int(pricing.cheapest(a.cost.astype(np.float64)).sum())


def _seed(pay: Floats, chosen: Ints, rng: np.random.Generator) -> int:
    """A party to begin with: one without a place half of the time, else one that pays much."""
    without = np.flatnonzero(chosen < 0)
    if len(without) and rng.random() < 0.5:
        return int(rng.choice(without))
    weight = np.sqrt(np.maximum(pay, 1e-3))
    return int(rng.choice(len(pay), p=weight / weight.sum()))
