"""The door: make room for one party by the fewest agreed moves."""

from __future__ import annotations

from shelter_solver.asking import Asking
from shelter_solver.moving.chains import DEPTH, Found, Verdict
from shelter_solver.moving.exchange import Bid, Exchange
from shelter_solver.moving.referee import decide
from shelter_solver.objective import GOALS, Judge
from shelter_solver.problem import Problem
from shelter_solver.reasons import reasons
from shelter_solver.result import HouseholdMove, Option, Room, Status
from shelter_solver.world import World


def make_room(
    problem: Problem,
    party_id: str,
    *,
    max_moves: int | None = None,
    limit_s: float = 2.0,
    seed: int = 0,
) -> Room:
    """Find a place for one party by moving as few other households as can be.

    Only households of the same side that may be asked move (``move_agreement``), each for exactly
    the nights that it was promised from tonight on. No safety rule is relaxed for anybody. The
    fewest moves come first, then the party's own ranked goals (as they are before anybody moves;
    one unit before two), then the fewest kilometres of those who move, then ids. Without a move
    the answer is the first option of ``place``. Nobody is asked to move for a stay that changes
    unit midway.

    Parameters
    ----------
    problem
        The network and all parties. An answer for a perpetrator depends on nothing of the victim
        side but its sites: see ``Problem.seen_by``.
    party_id
        The party to place. Its present stays from its first night on are given up for the answer.
    max_moves
        The most households that are asked, None for any number.
    limit_s
        Seconds. Up to two moves are searched completely in plain code, in milliseconds; CP-SAT
        decides the rest. When the time is over the best room found is given as ``FEASIBLE``.
    seed
        Same data, same seed: same answer.

    Returns
    -------
    Room
        ``OPTIMAL`` and ``INFEASIBLE`` are proven, ``FEASIBLE`` is verified only: the limit came
        before the proof, or ``verify`` contradicted something that seemed better. ``UNKNOWN``: for
        one of these reasons no room is found.
        ``moves`` can be made one by one in their order, each into a unit that is free by then;
        where households swap places, those of the circle leave in the same night.

    Raises
    ------
    ProblemError
        The problem has no such party.
    ValueError
        ``max_moves`` is negative.
    """
    return room_for(Asking(problem, party_id, limit_s=limit_s, seed=seed), max_moves=max_moves)


def room_for(asking: Asking, *, max_moves: int | None = None) -> Room:
    """``make_room`` for a request that may have had its answer from ``place`` already."""
    if max_moves is not None and max_moves < 0:
        raise ValueError("max_moves: ask for at least 0")
    free = asking.offers(1)
    if free.options:
        return Room(free.status, free.options[0])
    if free.status is not Status.INFEASIBLE:
        return Room(free.status)
    verdict = _fewest_moves(asking, max_moves)
    if verdict.found is None:
        return Room(verdict.status)
    option = option_of(asking.exchange, asking.world, verdict.found.wanted)
    return Room(verdict.status, option, in_order(asking.exchange, verdict.found))


def _fewest_moves(asking: Asking, most: int | None) -> Verdict:
    """By chains as far as they go, then by the full model."""
    is_proven = True
    for moves in range(1, DEPTH + 1 if most is None else min(DEPTH, most) + 1):
        verdict = asking.chain(moves)
        is_proven = is_proven and verdict.status is not Status.UNKNOWN
        if verdict.found is not None:
            return verdict if is_proven else Verdict(Status.FEASIBLE, verdict.found)
    if most is None or most > DEPTH:
        verdict = decide(
            asking.exchange,
            at_least=DEPTH + 1,
            at_most=most,
            seed=asking.limits.seed,
            confirms=asking.is_right,
        )
        if verdict.found is not None:
            return verdict if is_proven else Verdict(Status.FEASIBLE, verdict.found)
        is_proven = is_proven and verdict.status is Status.INFEASIBLE
    return Verdict(Status.INFEASIBLE if is_proven else Status.UNKNOWN)


def option_of(exchange: Exchange, world: World, wanted: Bid) -> Option:
    """The asking party's place, with its goals and reasons as they are before anybody moves."""
    score = exchange.scores[wanted.cost]
    judge = Judge(world, exchange.party)
    place = [name for name, _ in GOALS].index("scarcity")
    least = min(other[place] for other in exchange.scores)
    return Option(wanted.stays, reasons(judge, wanted.stays, score, least), score)


def in_order(exchange: Exchange, found: Found) -> tuple[HouseholdMove, ...]:
    """The moves, each after those that free its units; in a circle the lowest id goes first."""
    waiting = sorted(found.moves, key=lambda bid: bid.party.id)
    order: list[HouseholdMove] = []
    made: tuple[Bid, ...] = ()
    while waiting:
        bid = next((bid for bid in waiting if exchange.holds((*made, bid), last=1)), waiting[0])
        waiting.remove(bid)
        made = (*made, bid)
        order.append(HouseholdMove(bid.party.id, bid.stays, bid.party.move_agreement, bid.cost))
    return tuple(order)
