"""The door: make room for one party by the fewest agreed moves."""

from __future__ import annotations

import time

from shelter_solver.chains import DEPTH, Found, best_chain
from shelter_solver.exchange import Bid, Exchange, OutOfTimeError
from shelter_solver.objective import GOALS, Judge
from shelter_solver.offers import Limits, asking_party, offers
from shelter_solver.problem import Problem
from shelter_solver.reasons import reasons
from shelter_solver.referee import decide
from shelter_solver.result import HouseholdMove, Option, Room, Status
from shelter_solver.verify import verify
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
        ``OPTIMAL`` and ``INFEASIBLE`` are proven, ``FEASIBLE`` is verified only. ``UNKNOWN``: the
        limit came before any room was found, or ``verify`` contradicted what was found.
        ``moves`` can be made one by one in their order, each into a unit that is free by then;
        where households swap places, those of the circle leave in the same night.

    Raises
    ------
    ProblemError
        The problem has no such party.
    ValueError
        ``max_moves`` is negative.
    """
    if max_moves is not None and max_moves < 0:
        raise ValueError("max_moves: ask for at least 0")
    party = asking_party(problem, party_id)
    limits = Limits(deadline=time.monotonic() + limit_s, seed=seed)
    seen = problem.seen_by(party.side)
    world = World(seen)
    free = offers(world, party, 1, limits)
    if free.options:
        return Room(free.status, free.options[0])
    if free.status is not Status.INFEASIBLE:
        return Room(free.status)
    if max_moves == 0:
        return Room(Status.INFEASIBLE)
    try:
        exchange = Exchange(world, party, limits.deadline)
        found = fewest_moves(exchange, 1, DEPTH if max_moves is None else min(DEPTH, max_moves))
        status = Status.INFEASIBLE if found is None else Status.OPTIMAL
        if found is None and (max_moves is None or max_moves > DEPTH):
            verdict = decide(exchange, at_least=DEPTH + 1, at_most=max_moves, seed=seed)
            status, found = verdict.status, verdict.found
    except OutOfTimeError:
        return Room(Status.UNKNOWN)
    if found is None:
        return Room(status)
    return _room(exchange, world, status, found)


def fewest_moves(exchange: Exchange, least: int, most: int) -> Found | None:
    """The best room by chains of ``least`` to ``most`` moves."""
    for moves in range(least, most + 1):
        found = best_chain(exchange, moves)
        if found is not None:
            return found
    return None


def _room(exchange: Exchange, world: World, status: Status, found: Found) -> Room:
    if verify(world.problem, found.placements):
        return Room(Status.UNKNOWN)
    return Room(status, option_of(exchange, world, found.wanted), in_order(exchange, found))


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
