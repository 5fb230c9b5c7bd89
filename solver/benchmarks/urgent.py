"""One urgent request in a nearly full network: how long until the answer, and is it the best.

Run with ``python -m benchmarks.urgent [seed] [cases]`` from ``solver/``. Each case is a network of
120 units on 30 sites, 112 of them taken, about 80 of the households movable. The instant answer is
``place`` and, when it refuses, ``make_room`` by chains, for one ``Asking``, with ``verify`` and all
reasons and changes. CP-SAT (``referee.decide`` without anything from the chains) must come to
the same optimum in every case. A subset is solved again as one model of all bids with CP-SAT's
default parameters. Times are of the clock; those named ``cpu`` of the process.
"""

from __future__ import annotations

import gc
import json
import random
import statistics
import sys
import time
from collections import Counter
from dataclasses import dataclass
from typing import Any

from benchmarks.full_house import cases
from shelter_solver.asking import Asking
from shelter_solver.moving.chains import DEPTH, Verdict
from shelter_solver.moving.exchange import Exchange
from shelter_solver.moving.referee import decide
from shelter_solver.problem import Problem
from shelter_solver.result import Answer, Room, Status
from shelter_solver.room import make_room, room_for
from shelter_solver.solve import answer, warm_up
from shelter_solver.world import World

#: moves, ranked goals of the asking party, kilometres of the movers
Value = tuple[int, tuple[int, ...], int]
#: a limit that no model of this size comes near
PLENTY_S = 60.0


@dataclass(frozen=True, slots=True)
class Case:
    """Seconds, and what came out."""

    outcome: str
    instant_s: float
    instant_cpu_s: float
    judge_s: float
    judge_cpu_s: float
    same: bool
    default_s: float | None


def run(cases_: int = 1000, seed: int = 1, defaults: int = 100) -> dict[str, Any]:
    """Measure ``cases_`` generated cases; the first ``defaults`` also with default parameters."""
    warm_up()
    for problem in cases(10, seed + 1):  # warm caches, allocator and branch predictors
        _measure(problem, with_default=False)
    results = []
    for number, problem in enumerate(cases(cases_, seed)):
        gc.collect()
        results.append(_measure(problem, with_default=number < defaults))
    instant = [case.instant_s for case in results]
    judge = [case.judge_s for case in results]
    compared = [case for case in results if case.default_s is not None]
    figures: dict[str, Any] = {
        "cases": cases_,
        "seed": seed,
        "outcomes": dict(sorted(Counter(case.outcome for case in results).items())),
        "instant_ms": _spread(instant),
        "instant_cpu_ms": _spread([case.instant_cpu_s for case in results]),
        "judge_ms": _spread(judge),
        "judge_cpu_ms": _spread([case.judge_cpu_s for case in results]),
        "same_optimum": sum(case.same for case in results),
        "refused_instant_ms": _spread(
            [case.instant_s for case in results if case.outcome != "0 moves"] or [0.0]
        ),
    }
    if compared:
        default = [case.default_s for case in compared if case.default_s is not None]
        mine = statistics.median(case.instant_s for case in compared)
        tuned = statistics.median(case.judge_s for case in compared)
        figures["default_ms"] = _spread(default)
        figures["default_cases"] = len(compared)
        figures["default_over_instant"] = round(statistics.median(default) / mine, 1)
        figures["default_over_judge"] = round(statistics.median(default) / tuned, 1)
    return figures


def _spread(seconds: list[float]) -> dict[str, float]:
    ordered = sorted(seconds)
    return {
        "median": round(1000 * statistics.median(ordered), 2),
        "p95": round(1000 * ordered[int(0.95 * (len(ordered) - 1))], 2),
        "max": round(1000 * ordered[-1], 2),
    }


def _measure(problem: Problem, *, with_default: bool) -> Case:
    begin, begin_cpu = time.perf_counter(), time.process_time()
    asking = Asking(problem, "new", limit_s=PLENTY_S)
    given = answer(asking)
    # two moves is what chains prove; what they cannot is timed as the judge's work
    room = None if given.options else room_for(asking, max_moves=DEPTH)
    instant_s, instant_cpu_s = time.perf_counter() - begin, time.process_time() - begin_cpu

    gc.collect()
    begin, begin_cpu = time.perf_counter(), time.process_time()
    exchange, verdict = _judged(problem, tuned=True)
    judge_s, judge_cpu_s = time.perf_counter() - begin, time.process_time() - begin_cpu
    outcome, same = _compare(problem, given, room, exchange, verdict)
    default_s = None
    if with_default:
        begin = time.perf_counter()
        by_default = _judged(problem, tuned=False)
        default_s = time.perf_counter() - begin
        same = same and _value(*by_default) == _value(exchange, verdict)
    return Case(outcome, instant_s, instant_cpu_s, judge_s, judge_cpu_s, same, default_s)


def _judged(problem: Problem, *, tuned: bool) -> tuple[Exchange, Verdict]:
    """Build and solve with nothing from the chains."""
    party = problem.parties[-1]
    seen = problem.seen_by(party.side)
    exchange = Exchange(World(seen), party, time.monotonic() + PLENTY_S)
    verdict = decide(exchange, tuned=tuned)
    return exchange, verdict


def _compare(
    problem: Problem, answer: Answer, room: Room | None, exchange: Exchange, verdict: Verdict
) -> tuple[str, bool]:
    """What came out, and whether the full model came to the same moves, goals and kilometres."""
    judged = _value(exchange, verdict)
    if room is None:
        option = answer.options[0]
        return "0 moves", judged == (0, option.score[:-1], 0)
    if room.option is not None:
        return f"{len(room.moves)} moves", judged == _value_of(room)
    # the chains found no room by one or two moves: the whole door goes on to CP-SAT
    whole = make_room(problem, "new", limit_s=PLENTY_S)
    if whole.option is not None:
        return "3 moves or more (CP-SAT)", judged == _value_of(whole)
    proven = whole.status is verdict.status is Status.INFEASIBLE
    return "none, proven", proven


def _value(exchange: Exchange, verdict: Verdict) -> Value | None:
    best = verdict.found
    if best is None:
        return None
    return len(best.moves), exchange.scores[best.wanted.cost][:-1], best.km


def _value_of(room: Room) -> Value | None:
    if room.option is None:
        return None
    return len(room.moves), room.option.score[:-1], sum(move.km for move in room.moves)


def main() -> None:
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else random.SystemRandom().randrange(10**6)
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 1000
    figures = run(count, seed)
    for name, value in figures.items():
        print(f"{name:22} {json.dumps(value)}")


if __name__ == "__main__":
    main()
