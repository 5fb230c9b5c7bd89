"""Room by moving one other household that agreed to be asked: an ejection chain of depth one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from shelter_solver.candidates import in_one_unit, ranges
from shelter_solver.constraints import RELATIONAL, Ask, first_block
from shelter_solver.objective import Judge
from shelter_solver.problem import Agreement, Party, Problem, Stay
from shelter_solver.verify import verify
from shelter_solver.world import World, history


@dataclass(frozen=True, slots=True)
class Move:
    """One household's new stays from tonight on, and how far (km) it would move."""

    party: Party
    stays: tuple[Stay, ...]
    km: int

    def made_in(self, problem: Problem) -> Problem:
        """The problem as it is once the household has moved."""
        first = min(stay.first_night for stay in self.stays)
        after = replace(self.party, present=(*history(self.party, first), *self.stays))
        return replace(
            problem,
            parties=tuple(after if p.id == self.party.id else p for p in problem.parties),
        )


def best_move(problem: Problem, party: Party) -> Move | None:
    """A verified move that makes room for the party.

    For each household the place that its own ranked goals like best; between households the
    shortest way, then the lowest id.
    """
    world = World(problem)
    asked = ranges(problem, party)
    around = world.moved({party.id: history(party, asked[0][0])})
    wanted = [
        ask
        for unit in problem.units
        for ask in (Ask(party, unit, first, end) for first, end in asked)
        if first_block(ask, around) in RELATIONAL
    ]
    in_the_way = {ask.unit.id for ask in wanted}
    kept_apart = {other for other, _, _ in world.apart(party.id)}
    moves = [
        move
        for other in problem.parties
        if other.id != party.id
        and other.side is party.side
        and other.move_agreement is not Agreement.NONE
        and (other.id in kept_apart or any(stay.unit in in_the_way for stay in other.present))
        for move in _moves_of(around, wanted, other)
    ]
    return min(moves, key=lambda move: (move.km, move.party.id, move.stays[0].unit), default=None)


def _moves_of(world: World, wanted: list[Ask], other: Party) -> Iterator[Move]:
    """For each stay of the household from tonight on: its nearest move that makes room."""
    from_tonight = [
        Stay(stay.unit, max(0, stay.first_night), stay.end_night)
        for stay in other.present
        if stay.end_night > 0
    ]
    past = history(other, 0)
    for stay in from_tonight:
        kept = [own for own in from_tonight if own is not stay]
        without = world.moved({other.id: (*past, *kept)})
        room = [ask for ask in wanted if first_block(ask, without) is None]
        if not room:
            continue
        judge = Judge(without, other)
        places = in_one_unit(
            without, other, without.problem.units, stay.first_night, stay.end_night
        )
        for _, (new,) in judge.ranked(plan for plan in places if plan[0].unit != stay.unit):
            if any(_both_fit(without, ask, other, (new, *kept)) for ask in room):
                now = without.site_of(without.units[stay.unit])
                then = without.site_of(without.units[new.unit])
                km = round(without.distance(now, then) / 1000)
                yield Move(other, (new, *kept), km)
                break


def _both_fit(without: World, ask: Ask, other: Party, stays: tuple[Stay, ...]) -> bool:
    """The asking party still fits once the other household has its new stays, and so does that."""
    after = without.moved({other.id: (*history(other, 0), *stays)})
    if first_block(ask, after) is not None:
        return False
    own = (Stay(ask.unit.id, ask.first, ask.end),)
    return not verify(without.problem, {ask.party.id: own, other.id: stays})
