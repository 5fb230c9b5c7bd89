"""The door: place one party."""

from __future__ import annotations

from shelter_solver.asking import Asking
from shelter_solver.explain import refusal
from shelter_solver.moving.referee import load
from shelter_solver.problem import Problem
from shelter_solver.result import Answer, Reason, Refusal, Status


def place(
    problem: Problem, party_id: str, *, options: int = 3, limit_s: float = 2.0, seed: int = 0
) -> Answer:
    """Find the best places for one party, everybody else staying where they are.

    Parameters
    ----------
    problem
        The network and all parties. An answer for a perpetrator depends on nothing of the victim
        side but its sites: see ``Problem.seen_by``.
    party_id
        The party to place. Its present stays from its first night on are given up for the answer.
    options
        The most options wanted, at least 1. They use different units, and different sites first.
    limit_s
        Seconds. Options come in any case: every plan is listed and sorted, which takes
        milliseconds. Changes that were not yet computed are left out of a refusal.
    seed
        Same data, same seed: same answer. Plans in plain code use no chance at all.

    Returns
    -------
    Answer
        ``OPTIMAL`` with options, or ``INFEASIBLE`` with a refusal; both are proven. ``FEASIBLE``
        means that ``verify`` contradicted a plan, which was dropped; ``UNKNOWN`` that it
        contradicted every one: nothing is offered then.

    Raises
    ------
    ProblemError
        The problem has no such party.
    ValueError
        ``options`` is less than 1.
    """
    return answer(Asking(problem, party_id, limit_s=limit_s, seed=seed), options=options)


def answer(asking: Asking, *, options: int = 3) -> Answer:
    """``place`` for a request for which ``room_for`` may be asked too."""
    if options < 1:
        raise ValueError("options: ask for at least 1")
    found = asking.offers(options)
    if found.options:
        return Answer(found.status, found.options)
    if found.status is Status.INFEASIBLE:
        return Answer(Status.INFEASIBLE, refusal=refusal(asking))
    return Answer(Status.UNKNOWN, refusal=Refusal((Reason("unverified"),), ()))


def warm_up() -> None:
    """Load and start the solver once (about half a second), so that the first request is fast."""
    load()
