"""The judge of room by any number of moves: CP-SAT proves what plain chains cannot.

Up to ``SHALLOW`` moves one number is tried after the other, each in a model of the few bids that
can matter for it; then comes the model of all bids. Every one is solved to the proof.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from shelter_solver.moving.chains import Found, Verdict
from shelter_solver.moving.exchange import Exchange, OutOfTimeError
from shelter_solver.moving.reach import Bids, alive, within
from shelter_solver.moving.room_model import RoomModel
from shelter_solver.result import Status

#: steps that cost more than they save on models of this size: with them a solve takes twice as long
TUNED = {
    "symmetry_level": 0,
    "cp_model_probing_level": 0,
    "linearization_level": 0,
    "merge_at_most_one_work_limit": 0,
}


#: so many moves are tried one number after the other, each with the few bids that can matter
SHALLOW = 3


def decide(
    exchange: Exchange,
    *,
    at_least: int = 0,
    at_most: int | None = None,
    seed: int = 0,
    tuned: bool = True,
    confirms: Callable[[Found], bool] = lambda _: True,
) -> Verdict:
    """The best room of all, until the deadline of the exchange.

    ``at_least`` and ``at_most`` bound the moves: what is known already need not be proven again.
    What ``confirms`` denies is ruled out, and the next best is looked for. ``tuned`` False leaves
    the solver's parameters at their defaults, for comparison.
    """
    is_proven = True
    try:
        for bids, least, most in _stages(exchange, at_least, at_most, tuned):
            verdict = _solved(exchange, bids, (least, most), _parameters(seed, tuned), confirms)
            if verdict.found is not None:
                return verdict if is_proven else Verdict(Status.FEASIBLE, verdict.found)
            is_proven = is_proven and verdict.status is Status.INFEASIBLE
    except OutOfTimeError:
        is_proven = False
    return Verdict(Status.INFEASIBLE if is_proven else Status.UNKNOWN)


def _stages(
    exchange: Exchange, at_least: int, at_most: int | None, tuned: bool
) -> Iterator[tuple[Bids, int, int | None]]:
    """Bids, and the least and the most moves."""
    for moves in range(at_least, SHALLOW + 1) if tuned else ():
        if at_most is None or moves <= at_most:
            yield within(exchange, moves), moves, moves
    if tuned:
        at_least = max(at_least, SHALLOW + 1)
    if at_most is None or at_least <= at_most:
        yield alive(exchange), at_least, at_most


def _parameters(seed: int, tuned: bool) -> dict[str, int | bool]:
    # by default CP-SAT takes Ctrl-C for itself and leaves no handler of Python behind
    common = {"random_seed": seed, "catch_sigint_signal": False}
    return {**common, "num_workers": 1, **TUNED} if tuned else common


def _solved(
    exchange: Exchange,
    bids: Bids,
    moves: tuple[int, int | None],
    parameters: dict[str, int | bool],
    confirms: Callable[[Found], bool],
) -> Verdict:
    if not bids[0]:
        return Verdict(Status.INFEASIBLE)
    exchange.check_time()
    from ortools.sat.python import cp_model  # half a second to import: only when needed

    model = RoomModel(cp_model.CpModel(), exchange, *bids)
    model.restrict(*moves)
    is_proven = True
    while (left_s := exchange.left_s) > 0:
        solver: Any = cp_model.CpSolver()
        solver.parameters.max_time_in_seconds = left_s
        for name, value in parameters.items():
            setattr(solver.parameters, name, value)
        status = solver.solve(model.model)
        if status == cp_model.INFEASIBLE:
            return Verdict(Status.INFEASIBLE if is_proven else Status.UNKNOWN)
        if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
            break
        chosen = [bid for bid, used in model.variables.items() if solver.boolean_value(used)]
        found = Found(
            next(bid for bid in chosen if not bid.own), tuple(bid for bid in chosen if bid.own)
        )
        if confirms(found):
            best = is_proven and status == cp_model.OPTIMAL
            return Verdict(Status.OPTIMAL if best else Status.FEASIBLE, found)
        is_proven = False
        model.rule_out(chosen)
    return Verdict(Status.UNKNOWN)


def load() -> None:
    """Load and start OR-Tools, about half a second."""
    from ortools.sat.python import cp_model

    model = cp_model.CpModel()
    model.maximize(model.new_bool_var(""))
    solver = cp_model.CpSolver()
    solver.parameters.catch_sigint_signal = False
    solver.solve(model)
