"""The CP-SAT model: one boolean per allowed plan of the party, exactly one of them true.

    minimise    Σ_c rank(c) · x[c]
    subject to  Σ_c x[c] = 1

A plan that breaks a hard rule against anybody who stays where they are has no boolean at all.
``rank`` is the plan's place in the lexicographic order of the ranked goals: since exactly one plan
is taken, a smaller sum *is* a better plan, and no weight can let a lower goal outvote a higher one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shelter_solver.result import Status


@dataclass(frozen=True, slots=True)
class Choice:
    """The number of the chosen plan, None when the time was over before any was found."""

    status: Status
    plan: int | None = None


def choose(ranks: Sequence[int], *, limit_s: float, seed: int) -> Choice:
    """Pick the plan with the lowest rank, of at least one.

    One worker: deterministic, and faster than several on models of this size. ``limit_s`` is in
    seconds; at 0 or less nothing is tried and the status is ``UNKNOWN``.
    """
    if limit_s <= 0:
        return Choice(Status.UNKNOWN)
    from ortools.sat.python import cp_model  # half a second to import: only when needed

    model = cp_model.CpModel()
    plans = [model.new_bool_var("") for _ in ranks]
    model.add_exactly_one(plans)
    model.minimize(cp_model.LinearExpr.weighted_sum(plans, list(ranks)))
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = seed
    solver.parameters.max_time_in_seconds = limit_s
    status = solver.solve(model)
    if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return Choice(Status.UNKNOWN)
    chosen = next(number for number, plan in enumerate(plans) if solver.boolean_value(plan))
    return Choice(Status.OPTIMAL if status == cp_model.OPTIMAL else Status.FEASIBLE, chosen)
