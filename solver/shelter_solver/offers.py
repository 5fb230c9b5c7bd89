"""The best verified options for one party, everybody else staying where they are."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

from shelter_solver.candidates import Plan, plans
from shelter_solver.objective import GOALS, Judge, Score, decided_by
from shelter_solver.problem import Party, Problem, ProblemError
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


def asking_party(problem: Problem, party_id: str) -> Party:
    """The party of that id, else ``ProblemError``."""
    for party in problem.parties:
        if party.id == party_id:
            return party
    raise ProblemError("parties", f"no party {party_id!r}")


def offers(world: World, party: Party, count: int, limits: Limits) -> Offers:
    """Up to ``count`` options of different units, other sites first; every one is verified.

    All plans that the rules allow are listed, so sorting them proves the best one, and an empty
    list proves that nothing fits: the time limit plays no part. ``party`` may ask for something
    else than in the data of ``world``. An option that ``verify`` does not confirm is never given:
    it is dropped, and nothing is called proven then.
    """
    found = plans(world, party, limits.among)
    if not found:
        return Offers(Status.INFEASIBLE)
    judge = Judge(world, party)
    problem = world.asked_by(party)
    left = _best_per_units(judge.ranked(found))
    status = Status.OPTIMAL
    chosen: list[tuple[Score, Plan]] = []
    sites: set[str] = set()
    while left and len(chosen) < count:
        number = next(
            (
                number
                for number, (_, plan) in enumerate(left)
                if not any(unit.site in sites for unit in judge.units(plan))
            ),
            0,
        )
        score, plan = left.pop(number)
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
