"""Which rule blocks each unit for a party, and who is there: all sides, for a full explanation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from shelter_solver.candidates import ranges
from shelter_solver.constraints import RELATIONAL, Ask, first_block, separation
from shelter_solver.problem import Party, Problem
from shelter_solver.world import World, history


@dataclass(frozen=True, slots=True)
class Block:
    """The first rule that forbids a unit when the stay begins on night ``first``."""

    unit: str
    first: int
    rule: str
    #: ids of those whose stays are in the way, sorted; none where the rule looks at no others
    parties: tuple[str, ...]


def blockers(problem: Problem, party: Party) -> Iterator[Block]:
    """For each unit of the party's audience, and each first night asked, what blocks it."""
    world = World(problem)
    asked = ranges(problem, party)
    around = world.moved({party.id: history(party, asked[0][0])})
    kept_from = sorted({other for other, _, _ in around.apart(party.id)})
    alone = {
        other: around.moved({each: () for each in kept_from if each != other})
        for other in kept_from
    }
    for unit in problem.units:
        if around.site_of(unit).audience is not party.side:
            continue
        for first, end in asked:
            ask = Ask(party, unit, first, end)
            rule = first_block(ask, around)
            if rule == "separation":
                near = (other for other, only in alone.items() if separation(ask, only))
                yield Block(unit.id, first, rule, tuple(near))
            elif rule is not None:
                there = _there(ask, around) if rule in RELATIONAL else ()
                yield Block(unit.id, first, rule, tuple(there))


def _there(ask: Ask, world: World) -> list[str]:
    """Who stays in the unit in the asked nights, or so near that it must be cleaned between."""
    gap = ask.unit.cleaning_nights
    return sorted(
        {
            party.id
            for party, stay in world.stays_in.get(ask.unit.id, ())
            if party.id != ask.party.id
            and stay.first_night < ask.end + gap
            and ask.first < stay.end_night + gap
        }
    )
