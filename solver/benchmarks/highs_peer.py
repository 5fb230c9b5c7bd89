"""HiGHS on the same rows. Must never share a process with OR-Tools: the two crash each other."""

from __future__ import annotations

import sys

import numpy as np

from benchmarks.peer_rows import chosen_of, peer_rows
from shelter_solver.assign.assignment import Assignment, Ints

THREADS = 2


def solve(a: Assignment, limit_s: float, seed: int, hint: Ints | None) -> tuple[Ints | None, float]:
    """The choice found in this time, None when there is none, and a lower bound."""
    import highspy  # here, so that other peers do without

    if "ortools" in sys.modules:
        raise RuntimeError("OR-Tools is loaded in this process: HiGHS would crash")
    r = peer_rows(a)
    model = highspy.HighsLp()
    model.num_col_, model.num_row_ = a.columns, len(r.limit)
    model.offset_ = float(r.offset)
    model.col_cost_ = r.gain.astype(np.float64)
    model.col_lower_, model.col_upper_ = np.zeros(a.columns), np.ones(a.columns)
    model.row_lower_ = np.full(len(r.limit), -highspy.kHighsInf)
    model.row_upper_ = r.limit.astype(np.float64)
    model.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    model.a_matrix_.start_ = r.starts.astype(np.int32)
    model.a_matrix_.index_ = r.column.astype(np.int32)
    model.a_matrix_.value_ = r.coefficient.astype(np.float64)
    model.integrality_ = [highspy.HighsVarType.kInteger] * a.columns
    highs = highspy.Highs()  # type: ignore[no-untyped-call]
    for option, value in {
        "output_flag": False,
        "threads": THREADS,
        "random_seed": seed,
        "time_limit": float(limit_s),
        # costs are whole numbers: within less than 1 of the bound is proven
        "mip_rel_gap": 0.0,
        "mip_abs_gap": 0.999,
    }.items():
        highs.setOptionValue(option, value)
    highs.passModel(model)
    del model, r
    if hint is not None:
        start = highspy.HighsSolution()
        x = np.zeros(a.columns)
        x[hint[hint >= 0]] = 1.0
        start.col_value = x.tolist()
        highs.setSolution(start)
    highs.run()
    info = highs.getInfo()
    bound = float(info.mip_dual_bound)
    if info.primal_solution_status != int(highspy.SolutionStatus.kSolutionStatusFeasible):
        return None, bound
    x = np.rint(np.array(highs.getSolution().col_value)).astype(np.int64)
    return chosen_of(a, x), bound
