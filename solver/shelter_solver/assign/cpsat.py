"""The assignment as a CP-SAT model, one boolean per column, built from arrays."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shelter_solver.assign.assignment import Assignment, Ints
from shelter_solver.assign.rows import Rows, rows

Objects = NDArray[np.object_]


@dataclass(frozen=True)
class Solved:
    """(n,) chosen columns or None, their value, and what CP-SAT proved about these columns."""

    chosen: Ints | None
    value: int
    bound: int
    optimal: bool


def solve(
    a: Assignment,
    *,
    limit_s: float,
    effort: float = float("inf"),
    seed: int = 0,
    hint: Ints | None = None,
) -> Solved:
    """Solve over all columns of ``a`` in one thread, led by its linear relaxation.

    One worker is deterministic, and with the full relaxation it closed gaps that the default mix of
    two workers left open (``make bench-solver``). ``effort`` limits CP-SAT's deterministic time.
    ``hint``: (n,) columns to begin with. Every party has exactly one column or none of them, at a
    price: costs that are gains below zero took ten times as long.
    """
    from ortools.sat.python import cp_model

    if limit_s <= 0:
        return Solved(None, 0, 0, optimal=False)
    started = time.monotonic()
    made = rows(a)
    model = cp_model.CpModel()
    x = [model.new_bool_var("") for _ in range(a.columns)]
    without = [model.new_bool_var("") for _ in range(a.parties)]
    extras = [model.new_int_var(0, int(limit), "") for limit in made.extra_limit]
    ends = np.searchsorted(a.party, np.arange(a.parties + 1)).tolist()
    for party in range(a.parties):
        model.add_exactly_one([*x[ends[party] : ends[party + 1]], without[party]])
    _add_rows(model, made, np.array(x + extras, dtype=object), a.columns)
    costs = np.concatenate((a.cost, made.extra_cost, a.skip_cost))
    objective = cp_model.LinearExpr.weighted_sum([*x, *extras, *without], costs.tolist())
    model.minimize(objective)
    if hint is not None:
        hinted = np.zeros(a.columns, dtype=np.bool_)
        hinted[hint[hint >= 0]] = True
        for variable, value in zip(x, hinted.tolist(), strict=True):
            model.add_hint(variable, value)
        for variable, column in zip(without, hint.tolist(), strict=True):
            model.add_hint(variable, column < 0)
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = seed
    solver.parameters.linearization_level = 2
    solver.parameters.catch_sigint_signal = False
    solver.parameters.max_time_in_seconds = max(0.01, limit_s - (time.monotonic() - started))
    if effort < float("inf"):
        solver.parameters.max_deterministic_time = effort
    status = solver.solve(model)
    if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return Solved(None, 0, int(solver.best_objective_bound), optimal=False)
    values = np.fromiter(solver.response_proto.solution, dtype=np.int64)
    given = np.flatnonzero(values[: a.columns])
    chosen: Ints = np.full(a.parties, -1, dtype=np.int64)
    chosen[a.party[given]] = given
    return Solved(
        chosen,
        round(solver.objective_value),
        int(np.ceil(solver.best_objective_bound - 1e-6)),
        optimal=status == cp_model.OPTIMAL,
    )


def _add_rows(model: Any, made: Rows, variables: Objects, columns: int) -> None:
    """Rows of ones become "at most one"; a switch that opens a row lets each of its columns in."""
    from ortools.sat.python import cp_model

    starts, limits = made.starts.tolist(), made.limit.tolist()
    ones = made.coefficient == 1
    for row, limit in enumerate(limits):
        begin, end = starts[row], starts[row + 1]
        if begin == end:
            continue
        members = variables[made.variable[begin:end]].tolist()
        weights = made.coefficient[begin:end].tolist()
        if ones[begin:end].all() and limit == 1:
            model.add_at_most_one(members)
            continue
        model.add(cp_model.LinearExpr.weighted_sum(members, weights) <= limit)
        switches = [place for place, weight in enumerate(weights) if weight < 0]
        if len(switches) != 1:
            continue
        extra = int(made.variable[begin + switches[0]]) - columns
        if extra >= 0 and made.extra_limit[extra] == 1:
            switch = members[switches[0]]
            for place, member in enumerate(members):
                if place != switches[0]:
                    model.add_implication(member, switch)
