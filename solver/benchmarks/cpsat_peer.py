"""CP-SAT as it comes out of the box, on the same rows: two workers, no other parameter."""

from __future__ import annotations

import numpy as np

from benchmarks.peer_rows import chosen_of, peer_rows
from shelter_solver.assign.assignment import Assignment, Ints

WORKERS = 2


def solve(a: Assignment, limit_s: float, seed: int, hint: Ints | None) -> tuple[Ints | None, float]:
    """The choice found in this time, None when there is none, and a lower bound."""
    from ortools.sat.python import cp_model  # here, so that HiGHS never meets it

    r = peer_rows(a)
    model = cp_model.CpModel()
    proto = model.proto
    for _ in range(a.columns):
        proto.variables.add().domain.extend((0, 1))
    one = np.logical_and.reduceat(r.coefficient == 1, r.starts[:-1]) & (r.limit == 1)
    for row, (begin, end) in enumerate(zip(r.starts[:-1], r.starts[1:], strict=True)):
        columns = r.column[begin:end].tolist()
        if one[row]:
            proto.constraints.add().at_most_one.literals.extend(columns)
            continue
        linear = proto.constraints.add().linear
        linear.vars.extend(columns)
        linear.coeffs.extend(r.coefficient[begin:end].tolist())
        linear.domain.extend((0, int(r.limit[row])))
    proto.objective.vars.extend(range(a.columns))
    proto.objective.coeffs.extend(r.gain.tolist())
    proto.objective.offset = r.offset
    if hint is not None:
        x = np.zeros(a.columns, dtype=np.int64)
        x[hint[hint >= 0]] = 1
        proto.solution_hint.vars.extend(range(a.columns))
        proto.solution_hint.values.extend(x.tolist())
    del r
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = WORKERS
    solver.parameters.random_seed = seed
    solver.parameters.max_time_in_seconds = limit_s
    status = solver.solve(model)
    if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return None, float(solver.best_objective_bound)
    x = np.array(list(solver.response_proto.solution), dtype=np.int64)
    return chosen_of(a, x), float(solver.best_objective_bound)
