"""What a result says about itself beside its stays: who moves, who agreed, who gets nothing.

``verify`` knows stays and rules. That nobody is moved who may not be asked, and that nobody is
moved or left out unsaid, is a promise of the result.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from shelter_solver.problem import Agreement, Party, Problem, Stay
from shelter_solver.result import Room, Schedule
from shelter_solver.tools.words import printable
from shelter_solver.world import history


def false_claims(problem: Problem, result: Schedule | Room) -> Iterator[str]:
    """What is not as the result says, each in one sentence."""
    parties = {party.id: party for party in problem.parties}
    if isinstance(result, Room):
        for move in result.moves:
            if move.party in parties:
                yield from _may_move(parties[move.party])
        return
    for name in result.moved:
        if name not in result.placements:
            yield f"{printable(name)} is said to move, and gets no other place"
        elif name in parties:
            yield from _may_move(parties[name])
    for name in result.unplaced:
        if name in result.placements:
            yield f"{printable(name)} is said to get nothing, and gets a place"
    for name, stays in result.placements.items():
        party = parties.get(name)
        if party and name not in result.moved and _loses_promised(problem, party, stays):
            yield f"{printable(name)} loses nights that it was promised, and is not said to move"


def _may_move(party: Party) -> Iterator[str]:
    if party.move_agreement is Agreement.NONE:
        yield f"{printable(party.id)} moves, and may not be asked to"


def _loses_promised(problem: Problem, party: Party, stays: tuple[Stay, ...]) -> bool:
    promised = _nights(party.present, problem.horizon)
    begin = min((stay.first_night for stay in stays), default=0)
    return not promised <= _nights((*history(party, begin), *stays), problem.horizon)


def _nights(stays: Iterable[Stay], horizon: int) -> set[tuple[str, int]]:
    """Each unit and night from tonight to the horizon."""
    return {
        (stay.unit, number)
        for stay in stays
        for number in range(max(0, stay.first_night), min(horizon, stay.end_night))
    }
