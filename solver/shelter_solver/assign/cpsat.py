"""The assignment as a CP-SAT model, one boolean per column, built from arrays."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from shelter_solver.assign.assignment import Assignment, Ints
from shelter_solver.assign.rows import rows


@dataclass(frozen=True)
class Solved:
    """(n,) chosen columns or None, their value, and what CP-SAT proved about these columns."""

    chosen: Ints | None
    value: int
    bound: int
    optimal: bool
    infeasible: bool = False


def solve(
    a: Assignment,
    *,
    limit_s: float,
    effort: float = float("inf"),
    seed: int = 0,
    hint: Ints | None = None,
    below: int | None = None,
) -> Solved:
    """Solve over all columns of ``a`` in one thread, led by its linear relaxation.

    One worker is deterministic and, led by the relaxation, closed gaps that the default mix of two
    workers left open (tests: docs/adr; ``make bench-solver``). ``below``: only values under it are
    wanted. ``effort`` limits CP-SAT's deterministic time. ``hint``: (n,) columns to begin with.
    """
    from ortools.sat.python import cp_model

    if limit_s <= 0:
        return Solved(None, 0, 0, optimal=False)
    started = time.monotonic()
    made = rows(a)
    model = cp_model.CpModel()
    x = [model.new_bool_var("") for _ in range(a.columns)]
    extras = [model.new_int_var(0, int(limit), "") for limit in made.extra_limit]
    variables = x + extras
    cells = np.array(variables, dtype=object)
    ends = np.searchsorted(a.party, np.arange(a.parties + 1)).tolist()
    for party in range(a.parties):
        if ends[party + 1] - ends[party] > 1:
            model.add_at_most_one(x[ends[party] : ends[party + 1]])
    starts = made.starts.tolist()
    limits = made.limit.tolist()
    simple = (
        np.logical_and.reduceat(
            (made.coefficient == 1) & (made.variable < a.columns), made.starts[:-1]
        )
        if len(made)
        else np.zeros(0, dtype=np.bool_)
    )
    for row, limit in enumerate(limits):
        begin, end = starts[row], starts[row + 1]
        members = cells[made.variable[begin:end]].tolist()
        if simple[row] and limit == 1:
            model.add_at_most_one(members)
        elif simple[row] and limit == 0:
            for member in members:
                model.add(member == 0)
        else:
            weights = made.coefficient[begin:end].tolist()
            model.add(cp_model.LinearExpr.weighted_sum(members, weights) <= limit)
    gain = np.concatenate((a.cost - a.skip_cost[a.party], made.extra_cost))
    base = int(a.skip_cost.sum())
    objective = cp_model.LinearExpr.weighted_sum(variables, gain.tolist()) + base
    model.minimize(objective)
    if below is not None:
        model.add(objective <= below - 1)
    if hint is not None:
        for column in np.flatnonzero(np.isin(np.arange(a.columns), hint[hint >= 0])).tolist():
            model.add_hint(x[column], True)
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = seed
    solver.parameters.linearization_level = 2
    # LPS
    solver.parameters.max_time_in_seconds = max(0.01, limit_s - (time.monotonic() - started))
    if effort < float("inf"):
        solver.parameters.max_deterministic_time = effort
    status = solver.solve(model)
    if status == cp_model.INFEASIBLE:
        return Solved(None, 0, 0, optimal=False, infeasible=True)
    if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return Solved(None, 0, int(solver.best_objective_bound), optimal=False)
    on = np.fromiter(solver.response_proto.solution, dtype=np.int64)[: a.columns] > 0
    chosen = np.full(a.parties, -1, dtype=np.int64)
    given = np.flatnonzero(on)
    chosen[a.party[given]] = given
    return Solved(
        chosen,
        round(solver.objective_value),
        int(np.ceil(solver.best_objective_bound - 1e-6)),
        optimal=status == cp_model.OPTIMAL,
    )
