"""The best verified options for one party, everybody else staying where they are."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

from shelter_solver.candidates import Plan, plans
from shelter_solver.model import choose
from shelter_solver.objective import GOALS, Judge, Score, decided_by
from shelter_solver.problem import Party, Problem
from shelter_solver.reasons import reasons
from shelter_solver.result import Option, Status
from shelter_solver.verify import verify
from shelter_solver.world import World


@dataclass(frozen=True, slots=True)
class Limits:
    """How long, with which seed, and among which units to search."""

    #: seconds of the monotonic clock
    deadline: float
    seed: int
    #: None for all
    among: frozenset[str] | None = None

    @property
    def left_s(self) -> float:
        return self.deadline - time.monotonic()


@dataclass(frozen=True, slots=True)
class Offers:
    """Options, best first, and how much is proven about them."""

    status: Status
    options: tuple[Option, ...] = ()


def offers(problem: Problem, party: Party, count: int, limits: Limits) -> Offers:
    """Up to ``count`` options of different units, other sites first; every one is verified.

    The plans that the rules allow are listed completely, so an empty list proves that nothing
    fits. When the time is over the order of the list itself gives the answer (``FEASIBLE``). An
    option that ``verify`` does not confirm is never given: it is dropped, and nothing is called
    proven then.
    """
    judge = Judge(World(problem), party)
    columns = _best_per_units(judge.ranked(plans(judge.world, party, limits.among)))
    if not columns:
        return Offers(Status.INFEASIBLE)
    status = Status.OPTIMAL
    chosen: list[tuple[Score, Plan]] = []
    sites: set[str] = set()
    while columns and len(chosen) < count:
        ranks = [
            rank + len(columns) * any(unit.site in sites for unit in judge.units(plan))
            for rank, (_, plan) in enumerate(columns)
        ]
        choice = choose(ranks, limit_s=limits.left_s, seed=limits.seed)
        if choice.status is not Status.OPTIMAL:
            status = Status.FEASIBLE
        number = ranks.index(min(ranks)) if choice.plan is None else choice.plan
        score, plan = columns.pop(number)
        if verify(problem, {party.id: plan}):
            status = Status.FEASIBLE
            continue
        chosen.append((score, plan))
        sites.update(unit.site for unit in judge.units(plan))
    if not chosen:
        return Offers(Status.UNKNOWN)
    return Offers(status, _options(judge, sorted(chosen)))


def _best_per_units(ranked: list[tuple[Score, Plan]]) -> list[tuple[Score, Plan]]:
    """For each set of units the best plan: two plans of the same units are one option."""
    best: dict[frozenset[str], tuple[Score, Plan]] = {}
    for score, plan in ranked:
        best.setdefault(frozenset(stay.unit for stay in plan), (score, plan))
    return list(best.values())


def _options(judge: Judge, chosen: list[tuple[Score, Plan]]) -> tuple[Option, ...]:
    place = [name for name, _ in GOALS].index("scarcity")
    least = min(score[place] for score, _ in chosen)
    options = [
        Option(stays=plan, reasons=reasons(judge, plan, score, least), score=score)
        for score, plan in chosen
    ]
    return tuple(
        option
        if number == 0
        else replace(option, decided_by=decided_by(options[number - 1].score, option.score))
        for number, option in enumerate(options)
    )
