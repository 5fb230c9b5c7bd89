"""Several goals in their order: each is settled before the next may speak (lexicographic order).

Goals whose ranges multiply to less than ``MERGED`` are settled in one run, weighted so that one
step of the higher outweighs everything that the lower ones can do: w_k = w_{k+1}·(range_{k+1} + 1).
A goal that comes to the sum of everybody's own best is proven at sight; from then on only columns
that are best for their party stay. Any other settled goal becomes a budget of the later runs.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass, replace

import numpy as np

from shelter_solver.assign.assignment import Assignment, Bools, Ints
from shelter_solver.assign.parts import Part, split
from shelter_solver.assign.search import search

#: product of the ranges of goals that are settled in one run: at 2^40 the same 60 requests that
#: took half a second were not proven in ten, for such costs blunt the relaxation
MERGED = 2**26


@dataclass(frozen=True)
class Ranked:
    """(n,) chosen column of each party or −1; (g,) values of the goals and what is proven."""

    chosen: Ints
    values: Ints
    bounds: Ints


@dataclass(frozen=True)
class Goals:
    """(g, m) values of each column and (g, n) of a party without one; smaller is better."""

    columns: Ints
    skipped: Ints

    def of(self, chosen: Ints) -> Ints:
        """(g,) values of a choice."""
        given = chosen >= 0
        return np.asarray(
            self.columns[:, chosen[given]].sum(axis=1) + self.skipped[:, ~given].sum(axis=1)
        )

    def part(self, part: Part) -> Goals:
        return Goals(self.columns[:, part.columns], self.skipped[:, part.parties])


#: called with the part's number and how many there are, the goal's number, its value and bound
Report = Callable[[int, int, int, int, int], None]


def rank(
    a: Assignment,
    goals: Goals,
    start: Ints,
    *,
    limit_s: float,
    seed: int = 0,
    executor: Executor | None = None,
    report: Report | None = None,
) -> Ranked:
    """Settle all goals in their order, part by part.

    ``start`` (n,) is a choice that keeps every row. With an ``executor`` (processes, a cluster)
    the parts go there, the largest first; without one they are solved here, one after the other.
    ``limit_s`` is shared out by size.
    """
    parts = split(a)
    chosen = np.full(a.parties, -1, dtype=np.int64)
    values = np.zeros(len(goals.skipped), dtype=np.int64)
    bounds = values.copy()
    ended = time.monotonic() + limit_s
    weight = float(sum(_weight(part) for part in parts))
    waiting: list[tuple[Part, Ranked | Future[Ranked]]] = []
    for number, part in enumerate(sorted(parts, key=_weight, reverse=executor is not None)):
        left = ended - time.monotonic() if executor is None else limit_s
        share = max(0.0, left * _weight(part) / max(1.0, weight))
        begun = _own(start, part)
        own = goals.part(part)
        if executor is not None:
            waiting.append(
                (part, executor.submit(settle, part.assignment, own, begun, share, seed))
            )
            continue
        weight -= _weight(part)
        waiting.append(
            (part, settle(part.assignment, own, begun, share, seed, (number, len(parts)), report))
        )
    for part, outcome in waiting:
        done = outcome.result() if isinstance(outcome, Future) else _ranked(outcome)
        given = done.chosen >= 0
        chosen[part.parties[given]] = part.columns[done.chosen[given]]
        values += done.values
        bounds += done.bounds
    return Ranked(chosen, values, bounds)


def _ranked(outcome: object) -> Ranked:
    """The result of a future that is not of the standard library (Dask has its own)."""
    if isinstance(outcome, Ranked):
        return outcome
    result = outcome.result()  # type: ignore[attr-defined]
    assert isinstance(result, Ranked)
    return result


def _weight(part: Part) -> int:
    return part.assignment.columns + 1 if part.assignment.parties > 1 else 0


def _own(start: Ints, part: Part) -> Ints:
    """The part's columns of a choice, by their numbers in the part."""
    mine = start[part.parties]
    place = np.searchsorted(part.columns, mine)
    return np.where(mine >= 0, place, -1)


def settle(
    a: Assignment,
    goals: Goals,
    start: Ints,
    limit_s: float,
    seed: int = 0,
    number: tuple[int, int] = (0, 1),
    report: Report | None = None,
) -> Ranked:
    """One part. ``limit_s`` seconds from now; ``number`` is the part's, and of how many."""
    return _Settling(a, goals, start, limit_s, seed, number, report).run()


class _Settling:
    def __init__(
        self,
        a: Assignment,
        goals: Goals,
        start: Ints,
        limit_s: float,
        seed: int,
        number: tuple[int, int],
        report: Report | None,
    ) -> None:
        self.whole, self.goals = a, goals
        self.ended = time.monotonic() + limit_s
        self.seed, self.number, self.report = seed, number, report
        self.chosen = start
        #: columns and skips that are still allowed
        self.open: Bools = np.ones(a.columns, dtype=np.bool_)
        self.may_skip: Bools = np.ones(a.parties, dtype=np.bool_)
        self.budgets: list[tuple[Ints, int]] = []
        self.bounds = np.zeros(len(goals.skipped), dtype=np.int64)

    def run(self) -> Ranked:
        level, levels = 0, len(self.bounds)
        if self.whole.parties == 1 and not len(self.whole.conflict):
            return self._alone()
        while level < levels:
            if self._at_sight(level):
                level += 1
                continue
            level = self._together(level)
        return Ranked(self.chosen, self.goals.of(self.chosen), self.bounds)

    def _alone(self) -> Ranked:
        """One party with nobody in its way: its best column that is not over-full by itself."""
        ways = np.concatenate((self.goals.columns, self.goals.skipped), axis=1)
        best = int(np.lexsort(ways[::-1])[0])
        self.chosen = np.array([best if best < self.whole.columns else -1], dtype=np.int64)
        values = self.goals.of(self.chosen)
        return Ranked(self.chosen, values, values)

    def _least(self, level: int) -> Ints:
        """(n,) the best that each party can do by itself, among what is still allowed."""
        far = np.iinfo(np.int64).max
        least = np.where(self.may_skip, self.goals.skipped[level], far)
        mine = np.flatnonzero(self.open)
        np.minimum.at(least, self.whole.party[mine], self.goals.columns[level, mine])
        return least

    def _at_sight(self, level: int) -> bool:
        """Everybody has its own best: proven; only ways as good as that stay."""
        least = self._least(level)
        total = int(least.sum())
        if int(self.goals.of(self.chosen)[level]) > total:
            return False
        self.open &= self.goals.columns[level] <= least[self.whole.party]
        self.may_skip &= self.goals.skipped[level] <= least
        self.bounds[level] = total
        self._tell(level)
        return True

    def _together(self, level: int) -> int:
        """Settle this goal and as many of the next as fit into one run. The next open goal."""
        last = level
        product = 1
        spans: list[int] = []
        while last < len(self.bounds):
            span = self._span(last)
            if spans and product * (span + 1) > MERGED:
                break
            product *= span + 1
            spans.append(span)
            last += 1
        weights = [1] * len(spans)
        for place in range(len(spans) - 2, -1, -1):
            weights[place] = weights[place + 1] * (spans[place + 1] + 1)
        group = slice(level, last)
        w = np.array(weights, dtype=np.int64)
        least = np.stack([self._least(number) for number in range(level, last)])
        cost = w @ (self.goals.columns[group] - least[:, self.whole.party])
        skip = w @ (self.goals.skipped[group] - least)
        skip = np.where(self.may_skip, skip, product + 1)
        a = replace(self.whole, cost=cost, skip_cost=skip)
        if self.budgets:
            a = replace(
                a,
                budget=np.stack([coefficients for coefficients, _ in self.budgets]),
                budget_limit=np.array([limit for _, limit in self.budgets], dtype=np.int64),
            )
        sub, old = a.with_columns(self.open)
        number = np.full(self.whole.columns, -1, dtype=np.int64)
        number[old] = np.arange(len(old))
        begun = np.where(self.chosen >= 0, number[self.chosen], -1)
        left = max(0.0, self.ended - time.monotonic())
        share = left if last == len(self.bounds) else left / 2
        found = search(
            sub,
            deadline=time.monotonic() + share,
            seed=self.seed,
            start=begun,
            on_value=lambda: self._tell(level),
        )
        self.chosen = np.where(found.chosen >= 0, old[found.chosen], -1)
        self._prove(level, weights, least.sum(axis=1), found.value, found.bound)
        values = self.goals.of(self.chosen)
        for settled in range(level, last):
            if not self._at_sight(settled):
                self._limit(settled, int(values[settled]))
        return last

    def _span(self, level: int) -> int:
        """How far the goal's value can be from everybody's own best."""
        least = self._least(level)
        most = np.where(self.may_skip, self.goals.skipped[level], least)
        mine = np.flatnonzero(self.open)
        np.maximum.at(most, self.whole.party[mine], self.goals.columns[level, mine])
        return int((most - least).sum())

    def _prove(self, level: int, weights: list[int], least: Ints, value: int, bound: int) -> None:
        """Bounds of the goals of one run: each holds given the values before it."""
        values = self.goals.of(self.chosen)
        rest = bound
        for place, weight in enumerate(weights):
            here = level + place
            got = int(values[here] - least[place])
            proven = got if value <= bound else min(got, max(0, rest // weight))
            self.bounds[here] = int(least[place]) + proven
            if proven < got:
                self.bounds[here + 1 : level + len(weights)] = least[place + 1 :]
                break
            rest -= got * weight
            self._tell(here)

    def _limit(self, level: int, value: int) -> None:
        """The goal may not come out worse in later runs."""
        skipped = self.goals.skipped[level]
        coefficients = self.goals.columns[level] - skipped[self.whole.party]
        self.budgets.append((coefficients, value - int(skipped.sum())))

    def _tell(self, level: int) -> None:
        if self.report is not None:
            value = int(self.goals.of(self.chosen)[level])
            self.report(*self.number, level, value, int(self.bounds[level]))
