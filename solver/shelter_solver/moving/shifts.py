"""Other units for a household's stays, for exactly the same nights."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise, product

from shelter_solver import constraints
from shelter_solver.candidates import Plan
from shelter_solver.constraints import RELATIONAL, Ask
from shelter_solver.fits import Fits, bits
from shelter_solver.moving.neighbours import Neighbours
from shelter_solver.problem import Party, Stay
from shelter_solver.world import World


def shifts(
    around: World,
    fits: Fits,
    neighbours: Neighbours,
    mover: Party,
    past: Plan,
    now: list[Stay],
    among: int = -1,
) -> Iterator[Plan]:
    """Every way to give the household other units for one or all of its stays from tonight on.

    ``past`` are its nights before tonight. Nothing is said about other households yet. ``among``
    are bits of the units that are looked at for a household of one stay.
    """
    if len(now) == 1:
        stay = now[0]
        world = around.moved({mover.id: past})
        for number in bits(among & fits.suits(world, mover, stay.first_night, stay.end_night)):
            unit = fits.units[number].id
            if unit != stay.unit and not (
                stay.first_night == 0 and unit in neighbours.taken_tonight
            ):
                yield (Stay(unit, stay.first_night, stay.end_night),)
        return
    pieces = _pieces(now)
    choices = [
        [
            unit.id
            for unit in fits.units
            if not any(
                rule(Ask(mover, unit, stay.first_night, stay.end_night), around)
                for code, rule in fits.rules
                if code not in _DEPENDS_ON_THE_OTHER_STAYS
            )
        ]
        for stay in now
    ]
    before = tuple(stay.unit for stay in now)
    for units in product(*choices):
        if units != before and _is_whole(around, mover, past, now, pieces, units):
            yield tuple(
                Stay(unit, stay.first_night, stay.end_night)
                for unit, stay in zip(units, now, strict=True)
            )


#: for one stay of several these are known only when the others have their units too
_DEPENDS_ON_THE_OTHER_STAYS = frozenset({"beds", "cots", "max_stay", "intake_hours"})


def _pieces(now: list[Stay]) -> list[tuple[int, int, list[int]]]:
    """Ranges of nights (first, end) and the numbers of the stays that cover each."""
    breaks = sorted({night for stay in now for night in (stay.first_night, stay.end_night)})
    return [
        (
            first,
            end,
            [n for n, stay in enumerate(now) if stay.first_night <= first < stay.end_night],
        )
        for first, end in pairwise(breaks)
    ]


def _is_whole(
    around: World,
    mover: Party,
    past: Plan,
    now: list[Stay],
    pieces: list[tuple[int, int, list[int]]],
    units: tuple[str, ...],
) -> bool:
    """The household's own rules hold in every night with these units."""
    used = [sorted(units[n] for n in numbers) for _, _, numbers in pieces]
    changes = [bool(one and two and one != two) for one, two in pairwise(used)]
    if any(changes) and not mover.may_change_unit:
        return False  # before the costly part: most combinations end here
    new = [
        Stay(unit, stay.first_night, stay.end_night) for unit, stay in zip(units, now, strict=True)
    ]
    world = around.moved({mover.id: (*past, *new)})
    rules = [rule for code, rule in constraints.RULES if code not in RELATIONAL]
    for number, (first, end, _) in enumerate(pieces):
        there = [world.units[unit] for unit in used[number]]
        if len(there) > 2:
            return False
        changing = any(changes[max(0, number - 1) : number + 1])
        for unit in there:
            beside = None
            if len(there) == 2:
                beside = there[1] if unit is there[0] else there[0]
            ask = Ask(mover, unit, first, end, beside=beside, changing=changing)
            if any(rule(ask, world) for rule in rules):
                return False
    return True
