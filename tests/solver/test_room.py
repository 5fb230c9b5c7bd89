"""Room by the fewest agreed moves: equal to trying everything, judged by ``verify`` alone."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations, product

import pytest

from shelter_solver import Agreement, Party, Problem, Sharing, Status, Stay, Unit, place, verify
from shelter_solver.chains import best_chain
from shelter_solver.exchange import Exchange
from shelter_solver.objective import Judge
from shelter_solver.referee import decide
from shelter_solver.room import make_room
from shelter_solver.world import World
from solver.network import random_problem
from solver.test_exhaustive import tonight_on

Plan = tuple[Stay, ...]
#: rank of the asking party's plan without ids, kilometres
Value = tuple[tuple[int, ...], int]
SEEDS = range(300)


def movers(given: Problem, asking: Party) -> list[Party]:
    return [
        other
        for other in given.parties
        if other.id != asking.id
        and other.side is asking.side
        and other.move_agreement is not Agreement.NONE
        and any(stay.end_night > 0 for stay in other.present)
    ]


def tonight(other: Party) -> Plan:
    return tuple(
        Stay(stay.unit, max(0, stay.first_night), stay.end_night)
        for stay in other.present
        if stay.end_night > 0
    )


def moves_of(given: Problem, other: Party) -> Iterator[tuple[Plan, int]]:
    """Other units for the same nights, with the kilometres, as ``verify`` allows them alone."""
    alone = replace(
        given,
        parties=tuple(p if p.id == other.id else replace(p, present=()) for p in given.parties),
    )
    units = {unit.id: unit for unit in given.units}
    sites = {site.id: site for site in given.sites}
    world = World(given)
    now = tonight(other)
    for new in product(units, repeat=len(now)):
        plan = tuple(replace(stay, unit=unit) for stay, unit in zip(now, new, strict=True))
        if plan != now and not verify(alone, {other.id: plan}):
            ways = [
                (sites[units[a.unit].site], sites[units[b.unit].site])
                for a, b in zip(now, plan, strict=True)
                if a.unit != b.unit
            ]
            yield plan, sum(round(world.distance(*way) / 1000) for way in ways)


def wanted(given: Problem, asking: Party) -> list[Plan]:
    """One unit, or two side by side: for other plans nobody is asked to move."""
    ids = [unit.id for unit in given.units]
    return [
        tuple(Stay(unit, first, end) for unit in units)
        for first, end in tonight_on(asking)
        for units in [*combinations(ids, 1), *combinations(ids, 2)]
    ]


def tried(given: Problem, asking: Party, moves: int) -> Value | None:
    """The best value with exactly so many moves, by trying all of them."""
    judge = Judge(World(given), asking)
    valued = [
        ((len(plan), *score[:-1]), plan) for score, plan in judge.ranked(wanted(given, asking))
    ]
    offered = {other.id: list(moves_of(given, other)) for other in movers(given, asking)}
    best: Value | None = None
    for who in combinations(offered, moves):
        for chosen in product(*(offered[other] for other in who)):
            km = sum(way for _, way in chosen)
            moved = {other: plan for other, (plan, _) in zip(who, chosen, strict=True)}
            if moved and verify(given, moved, everyone=False) and len(moved) == 1:
                pass  # the move may need the asking party's present place: only the whole counts
            for rank, plan in valued:
                if (best is None or (rank, km) < best) and not verify(
                    given, {**moved, asking.id: plan}
                ):
                    best = (rank, km)
    return best


def asked(seed: int) -> tuple[Problem, Party]:
    given = random_problem(seed)
    asking = given.parties[-1]
    return given.seen_by(asking.side), asking


def value(given: Problem, asking: Party, exchange: Exchange, rank: int, km: int) -> Value:
    bid = next(bid for bid in exchange.wanted if bid.cost == rank)
    return (len(bid.stays), *exchange.scores[rank][:-1]), km


@pytest.mark.parametrize("seed", SEEDS)
def test_the_fewest_moves_and_the_best_place_are_those_of_trying_everything(seed: int) -> None:
    given, asking = asked(seed)
    if place(given, "new").options:
        room = make_room(given, "new")
        assert (room.status, room.moves) == (Status.OPTIMAL, ())
        assert room.option is not None
        assert room.option.stays == place(given, "new").options[0].stays
        return
    exchange = Exchange(World(given), asking, time.monotonic() + 9)
    best = None
    for moves in (1, 2):
        best = tried(given, asking, moves)
        found = best_chain(exchange, moves)
        assert (found is None) == (best is None)
        if found is not None:
            assert value(given, asking, exchange, found.wanted.cost, found.km) == best
            break
    verdict = decide(exchange, at_most=2)
    assert (verdict.status is Status.INFEASIBLE) == (best is None)
    if verdict.found is not None:
        assert verdict.found.value == found.value if found else None
    room = make_room(given, "new", max_moves=2)
    assert (room.status is Status.INFEASIBLE) == (best is None)
    if room.option is not None:
        new = {move.party: move.stays for move in room.moves}
        assert not verify(given, {**new, "new": room.option.stays})
