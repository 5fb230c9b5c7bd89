"""Prices of nights, and the bound that they prove over all columns.

The rows of capacity, gender, conflict and budget are priced (Lagrangian relaxation): with prices
λ ≥ 0 every party takes by itself what is cheapest for it, cost and prices together, and

    L(λ) = Σ_p min(skip_p, min_c cost_c + λ·row_c) − Σ_r λ_r·limit_r  ≤  the optimum,

whatever λ is. A column that costs its party s more than its cheapest way is in no choice of value
below L(λ) + s, so every column with s > best − L(λ) can be left out (reduced-cost fixing).
Source: Fisher, "The Lagrangian relaxation method for solving integer programming problems",
Management Science 27 (1981); the step follows Kingma and Ba, "Adam" (2015), projected to λ ≥ 0.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shelter_solver.assign.assignment import Assignment, Ints
from shelter_solver.assign.rows import clique_nights

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Prices:
    """λ: (u, h) of a night's beds and cots, (3, u, h) of a gender, of conflicts and budgets."""

    beds: Floats
    cots: Floats
    gender: Floats
    conflict: Floats
    budget: Floats

    def parts(self) -> tuple[Floats, Floats, Floats, Floats, Floats]:
        return self.beds, self.cots, self.gender, self.conflict, self.budget

    def mixed(self, other: Prices) -> Prices:
        """Half way between: duals of a relaxation jump, their means prove more (Wentges 1997)."""
        pairs = zip(self.parts(), other.parts(), strict=True)
        return Prices(*((one + two) / 2 for one, two in pairs))


@dataclass(frozen=True)
class Bound:
    """What the prices prove: no choice costs less than ``value``."""

    value: float
    #: (m,) how much more a column costs its party, prices included, than its cheapest way
    slack: Floats
    #: (n,) the same for being skipped
    skip_slack: Floats


class Pricing:
    """The parts of an assignment that pricing needs, prepared once."""

    def __init__(self, a: Assignment) -> None:
        self.a = a
        units, nights = a.bed_room.shape
        self.shape = units, nights
        wide = nights + 1
        self.at_first = a.unit * wide + np.maximum(a.first, 0)
        self.at_end = a.unit * wide + np.minimum(a.end, nights)
        self.at_gone = a.unit * wide + np.minimum(a.gone, nights)
        self.one_use = len(a.column) == a.columns
        self.has_cots = bool(a.cots.any())
        self.has_gender = bool(a.one_gender.any() and len(a.gender) and (a.gender > 0).any())
        self.plain = bool((a.beds == 1).all())
        count = np.bincount(a.party, minlength=a.parties)
        self.having = np.flatnonzero(count)
        self.starts = np.searchsorted(a.party, self.having)
        self.group = np.repeat(np.arange(len(a.conflict_starts) - 1), np.diff(a.conflict_starts))
        self.nights_kept = clique_nights(a)
        if self.has_gender:
            self.gendered = a.one_gender[:, None] & np.ones((1, nights), dtype=np.bool_)

    def zero(self) -> Prices:
        units, nights = self.shape
        return Prices(
            np.zeros((units, nights)),
            np.zeros((units, nights) if self.has_cots else (0, 0)),
            np.zeros((3, units, nights) if self.has_gender else (0, 0, 0)),
            np.zeros(len(self.a.conflict_starts) - 1),
            np.zeros(len(self.a.budget_limit)),
        )

    def charge(self, prices: Prices) -> Floats:
        """(m,) cost of each column, prices of all its rows included."""
        a = self.a
        paid = self._along(prices.beds)
        if not self.plain:
            paid *= a.beds
        if self.has_cots:
            paid += self._along(prices.cots) * a.cots
        if self.has_gender:
            for code in range(3):
                mine = a.gender == code + 1
                paid += self._along(prices.gender[code], self.at_gone) * (a.beds * mine)
        if not self.one_use:
            paid = np.bincount(a.column, weights=paid, minlength=a.columns).astype(np.float64)
        paid += a.cost
        if len(a.conflict):
            paid += np.bincount(
                a.conflict, weights=prices.conflict[self.group], minlength=a.columns
            )
        if len(a.budget_limit):
            paid += prices.budget @ a.budget
        return paid

    def _along(self, grid: Floats, until: Ints | None = None) -> Floats:
        """(k,) sum of the grid over the nights of each use."""
        units, nights = self.shape
        total = np.zeros((units, nights + 1))
        np.cumsum(grid, axis=1, out=total[:, 1:])
        flat = total.ravel()
        end = self.at_end if until is None else until
        return np.asarray(flat[end] - flat[self.at_first])

    def rent(self, prices: Prices) -> float:
        """Σ λ·limit: what the rows would take in when full."""
        a = self.a
        rent = float((prices.beds * a.bed_room).sum())
        if self.has_cots:
            rent += float((prices.cots * a.cot_room).sum())
        if self.has_gender:
            rent += float((prices.gender.max(axis=0) * a.bed_room).sum())
        rent += float(prices.conflict.sum())
        if len(a.budget_limit):
            rent += float(prices.budget @ a.budget_limit)
        return rent

    def cheapest(self, paid: Floats) -> Floats:
        """(n,) the least a party can pay, being skipped included."""
        least = self.a.skip_cost.astype(np.float64)
        if len(self.having):
            columns = np.minimum.reduceat(paid, self.starts)
            least[self.having] = np.minimum(least[self.having], columns)
        return least

    def bound(self, prices: Prices) -> Bound:
        paid = self.charge(prices)
        least = self.cheapest(paid)
        value = float(least.sum()) - self.rent(prices)
        return Bound(value, paid - least[self.a.party], self.a.skip_cost - least)

    def excess(self, chosen: Ints, prices: Prices) -> Prices:
        """How far a choice of columns overfills each row (negative: room left)."""
        a = self.a
        use = np.flatnonzero(np.isin(a.column, chosen)) if not self.one_use else chosen
        beds = self._load(use, a.beds[use]) - a.bed_room
        zero = self.zero()
        cots = self._load(use, a.cots[use]) - a.cot_room if self.has_cots else zero.cots
        gender = zero.gender
        if self.has_gender:
            winner = prices.gender.argmax(axis=0)
            for code in range(3):
                mine = use[a.gender[use] == code + 1]
                gender[code] = self._load(mine, a.beds[mine], self.at_gone)
                gender[code] -= a.bed_room * (winner == code)
        conflict = zero.conflict
        if len(a.conflict):
            on = np.zeros(a.columns)
            on[chosen] = 1
            full = np.bincount(self.group, weights=on[a.conflict], minlength=len(conflict))
            conflict = (full - 1.0).astype(np.float64)
        budget = zero.budget
        if len(budget):
            budget = (a.budget[:, chosen].sum(axis=1) - a.budget_limit).astype(np.float64)
        return Prices(beds, cots, gender, conflict, budget)

    def _load(self, use: Ints, weight: Ints, until: Ints | None = None) -> Floats:
        units, nights = self.shape
        size = units * (nights + 1)
        change = np.bincount(self.at_first[use], weights=weight, minlength=size)
        end = self.at_end if until is None else until
        change -= np.bincount(end[use], weights=weight, minlength=size)
        return np.asarray(np.cumsum(change.reshape(units, nights + 1), axis=1)[:, :nights])


def ascend(
    pricing: Pricing,
    *,
    steps: int,
    deadline: float,
    start: Prices | None = None,
    scale: float | None = None,
) -> Prices:
    """Prices whose bound is the best found in so many steps of projected Adam ascent.

    ``scale`` is the first step's length in units of cost; it shrinks to a thousandth.
    ``deadline`` is in seconds of the monotonic clock.
    """
    a = pricing.a
    prices = start or pricing.zero()
    best, best_value = prices, -np.inf
    top = scale if scale is not None else max(1.0, float(np.median(a.skip_cost)) / 10)
    momentum = [np.zeros_like(part) for part in prices.parts()]
    square = [np.zeros_like(part) for part in prices.parts()]
    open_rows = [
        pricing.nights_kept,
        np.True_,
        pricing.gendered if pricing.has_gender else np.True_,
        np.True_,
        np.True_,
    ]
    for step in range(steps):
        if time.monotonic() > deadline:
            break
        paid = pricing.charge(prices)
        least = pricing.cheapest(paid)
        value = float(least.sum()) - pricing.rent(prices)
        if value > best_value:
            best, best_value = prices, value
        tied = np.flatnonzero(paid <= least[a.party])
        _, firsts = np.unique(a.party[tied], return_index=True)
        excess = pricing.excess(tied[firsts], prices)
        rate = top * 0.001 ** (step / steps)
        new = []
        for number, (part, grown) in enumerate(zip(prices.parts(), excess.parts(), strict=True)):
            momentum[number] += 0.03 * (grown - momentum[number]) if step else grown
            square[number] += 0.01 * (grown * grown - square[number]) if step else grown * grown
            move = rate * momentum[number] / (np.sqrt(square[number]) + 1e-3)
            new.append(np.maximum(0.0, part + move * open_rows[number]))
        if pricing.has_gender and a.mixing_cost >= 0:
            total = np.maximum(new[2].sum(axis=0), 1e-9)
            new[2] *= np.minimum(1.0, a.mixing_cost / total)
        prices = Prices(*new)
    return best
