"""Exact prices: the duals of the linear relaxation over some columns, by GLOP through MathOpt.

``prices.ascend`` comes near them in a moment on any number of columns; the last per cent, which is
what a proof needs, is cheaper here once the columns are well chosen.
"""

from __future__ import annotations

from datetime import timedelta

import numpy as np

from shelter_solver.assign.assignment import Assignment
from shelter_solver.assign.prices import Floats, Prices, Pricing
from shelter_solver.assign.rows import BEDS, BUDGET, CONFLICT, COTS, GENDER, Rows, rows


def relax(a: Assignment, pricing: Pricing, *, limit_s: float) -> tuple[Prices, Floats] | None:
    """Prices of the relaxation over the columns of ``a``, and (m,) the value of each column in it.

    None when the time was over first. ``pricing`` is that of ``a``.
    """
    if limit_s <= 0 or not a.columns:
        return None
    from ortools.math_opt import model_pb2
    from ortools.math_opt.python import mathopt

    made = rows(a)
    model = mathopt.Model.from_model_proto(_proto(model_pb2.ModelProto(), a, made))
    parameters = mathopt.SolveParameters(time_limit=timedelta(seconds=limit_s))
    solved = mathopt.solve(model, mathopt.SolverType.GLOP, params=parameters)
    if solved.termination.reason != mathopt.TerminationReason.OPTIMAL:
        return None
    duals = np.array(solved.dual_values(list(model.linear_constraints())))
    values = np.array(solved.variable_values(list(model.variables())))
    return _prices(pricing, made, np.maximum(0.0, -duals[a.parties :])), values[: a.columns]


def _proto(proto: object, a: Assignment, made: Rows) -> object:
    """The relaxation: columns 0 … ∞ (parties keep them under 1), extras 0 … their limits."""
    extras, columns, parties = len(made.extra_cost), a.columns, a.parties
    count, height = columns + extras, parties + len(made)
    variables = proto.variables  # type: ignore[attr-defined]
    variables.ids.extend(range(count))
    variables.lower_bounds.extend([0.0] * count)
    upper = np.concatenate((np.full(columns, np.inf), made.extra_limit.astype(np.float64)))
    variables.upper_bounds.extend(upper.tolist())
    variables.integers.extend([False] * count)
    gain = np.concatenate((a.cost - a.skip_cost[a.party], made.extra_cost)).astype(np.float64)
    objective = proto.objective  # type: ignore[attr-defined]
    objective.linear_coefficients.ids.extend(range(count))
    objective.linear_coefficients.values.extend(gain.tolist())
    constraints = proto.linear_constraints  # type: ignore[attr-defined]
    constraints.ids.extend(range(height))
    constraints.lower_bounds.extend([-np.inf] * height)
    limits = np.concatenate((np.ones(parties), made.limit)).astype(np.float64)
    constraints.upper_bounds.extend(limits.tolist())
    row = np.concatenate((a.party, parties + np.repeat(np.arange(len(made)), np.diff(made.starts))))
    variable = np.concatenate((np.arange(columns), made.variable))
    coefficient = np.concatenate((np.ones(columns), made.coefficient)).astype(np.float64)
    order = np.lexsort((variable, row))
    matrix = proto.linear_constraint_matrix  # type: ignore[attr-defined]
    matrix.row_ids.extend(row[order].tolist())
    matrix.column_ids.extend(variable[order].tolist())
    matrix.coefficients.extend(coefficient[order].tolist())
    return proto


def _prices(pricing: Pricing, made: Rows, dual: Floats) -> Prices:
    prices = pricing.zero()

    def of(kind: int) -> tuple[np.ndarray, np.ndarray, Floats]:
        mine = made.kind == kind
        return made.place[0, mine], made.place[1, mine], dual[mine]

    unit, night, value = of(BEDS)
    prices.beds[unit, night] = value
    if pricing.has_cots:
        unit, night, value = of(COTS)
        prices.cots[unit, night] = value
    if pricing.has_gender:
        for code in range(3):
            unit, night, value = of(GENDER + code)
            prices.gender[code, unit, night] = value
    group, _, value = of(CONFLICT)
    prices.conflict[group] = value
    number, _, value = of(BUDGET)
    prices.budget[number] = value
    return prices
