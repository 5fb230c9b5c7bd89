"""Room by the fewest agreed moves: equal to trying everything, judged by ``verify`` alone."""

from __future__ import annotations

import time

import pytest

from shelter_solver import Status, place, verify
from shelter_solver.moving import referee
from shelter_solver.moving.chains import DEPTH, Verdict, best_chain
from shelter_solver.moving.exchange import Exchange
from shelter_solver.moving.referee import decide
from shelter_solver.room import make_room
from shelter_solver.world import World
from solver.rooms import (
    Value,
    asked,
    movers,
    sum_km,
    tried,
    value,
)

SEEDS = range(300)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_fewest_moves_and_the_best_place_are_those_of_trying_everything(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    given, asking = asked(seed)
    free = place(given, "new").options
    most = 3 if len(movers(given, asking)) <= 4 else 2
    room = make_room(given, "new", max_moves=most)
    if free:
        assert (room.status, room.moves) == (Status.OPTIMAL, ())
        assert room.option is not None
        assert (room.option.stays, room.option.score) == (free[0].stays, free[0].score)
        return
    exchange = Exchange(World(given), asking, time.monotonic() + 99)
    best = found = None
    for moves in range(1, most + 1):
        best = tried(given, asking, moves)
        if moves <= DEPTH:
            found = best_chain(exchange, moves, lambda _: True).found
            assert (value(exchange, found) if found else None) == best
        if best is not None:
            break
    verdict = decide(exchange, at_most=most)
    with monkeypatch.context() as patch:
        patch.setattr(referee, "SHALLOW", -1)
        assert outcome(exchange, decide(exchange, at_most=most)) == outcome(exchange, verdict)
    assert verdict.status is (Status.INFEASIBLE if best is None else Status.OPTIMAL)
    assert room.status is verdict.status
    assert len(room.moves) == (0 if best is None else moves)
    if verdict.found is not None:
        assert (value(exchange, verdict.found), len(verdict.found.moves)) == (best, moves)
        assert room.option is not None
        assert ((len(room.option.stays), *room.option.score[:-1]), sum_km(room)) == best
        new = {move.party: move.stays for move in room.moves}
        assert not verify(given, {**new, "new": room.option.stays})


def outcome(exchange: Exchange, verdict: Verdict) -> tuple[Status, int, Value | None]:
    """Whether moves are tried number by number or all at once, this must come out."""
    if verdict.found is None:
        return verdict.status, 0, None
    return verdict.status, len(verdict.found.moves), value(exchange, verdict.found)
