"""Every plan that the rules allow for one party, everybody else staying where they are.

A *plan* is a tuple of stays that covers the asked nights: one unit; or two private units of one
site together; or two units one after the other. The last two are made only when no single unit
covers, and at most one change of unit is made: a third unit is not a home.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from shelter_solver.constraints import Ask, first_block
from shelter_solver.fits import bits
from shelter_solver.problem import Party, Problem, Stay, Unit
from shelter_solver.taken import Taken
from shelter_solver.world import World, history

Plan = tuple[Stay, ...]


def ranges(problem: Problem, party: Party) -> list[tuple[int, int]]:
    """The ranges of nights (first, end) that answer the request, earliest first.

    A party that has been housed since before tonight needs only the nights that are left.
    """
    if party.first_night < 0 < party.first_night + party.nights and _was_housed(party):
        return [(0, party.first_night + party.nights)]
    last = party.first_night if party.latest_first_night is None else party.latest_first_night
    last = max(party.first_night, min(last, problem.horizon))
    begin = min(max(party.first_night, 0), last)
    return [(first, first + party.nights) for first in range(begin, last + 1)]


def _was_housed(party: Party) -> bool:
    """The present stays cover every night from the asked first one up to tonight."""
    reached = party.first_night
    for stay in sorted(party.present, key=lambda stay: stay.first_night):
        if stay.first_night <= reached:
            reached = max(reached, stay.end_night)
    return reached >= 0


def plans(world: World, party: Party, among: frozenset[str] | None = None) -> list[Plan]:
    """All plans of the fewest units: single ones if there is any, else two-unit ones.

    ``among`` names the only units to look at; the others are known to be blocked.
    """
    asked = ranges(world.problem, party)
    around = world.moved({party.id: history(party, asked[0][0])})
    taken = world.taken
    found = [
        plan
        for first, end in asked
        for plan in _in_one_unit(around, taken, party, among, first, end)
    ]
    if found:
        return found
    for first, end in asked:
        found.extend(_in_two_units(around, taken, party, among, first, end))
        found.extend(_with_a_change(around, taken, party, among, first, end))
    return found


def _in_one_unit(
    world: World,
    taken: Taken,
    party: Party,
    among: frozenset[str] | None,
    first: int,
    end: int,
) -> Iterator[Plan]:
    """Plans of one unit for all nights; the party's own later stays are already out of the world"""
    fits = world.fits
    suit = fits.suits(world, party, first, end, among=among)
    for number in bits(suit & ~taken.units(party, first, end) if suit else 0):
        ask = Ask(party, fits.units[number], first, end)
        if not any(rule(ask, world) for rule in fits.about_others):
            yield (Stay(ask.unit.id, first, end),)


def _in_two_units(
    world: World,
    taken: Taken,
    party: Party,
    among: frozenset[str] | None,
    first: int,
    end: int,
) -> Iterator[Plan]:
    """Plans of two private units of one site, side by side."""
    fits = world.fits
    if "together" in fits.codes and not party.may_use_two_units:
        return
    suit = fits.suits(world, party, first, end, among=among, but=frozenset({"beds", "cots"}))
    suit &= fits.private & ~taken.units(party, first, end)
    by_site: dict[str, list[Unit]] = {}
    for number in bits(suit):
        ask = Ask(party, fits.units[number], first, end)
        if not any(rule(ask, world) for rule in fits.about_others):  # most are taken
            by_site.setdefault(ask.unit.site, []).append(ask.unit)
    for on_site in by_site.values():
        for one, two in combinations(on_site, 2):
            if (
                first_block(Ask(party, one, first, end, beside=two), world) is None
                and first_block(Ask(party, two, first, end, beside=one), world) is None
            ):
                yield (Stay(one.id, first, end), Stay(two.id, first, end))


def _with_a_change(
    world: World,
    taken: Taken,
    party: Party,
    among: frozenset[str] | None,
    first: int,
    end: int,
) -> Iterator[Plan]:
    """Plans of one unit until some night and another from then on.

    Fewer nights never break a rule that more nights keep, so for each unit the longest beginning
    and the longest ending tell everything. The change is made as late as the first unit allows.
    """
    if end - first < 2 or end > world.problem.horizon:
        return
    fits = world.fits
    if "change_of_unit" in fits.codes and not party.may_change_unit:
        return
    suit = fits.needs(world, party)
    if among is not None:
        suit &= fits.mask(among)

    def longest(begin: int, *, head: bool) -> list[tuple[Unit, int]]:
        """Of the units that nobody else is in in the first (or last) night."""
        free = [fits.units[n] for n in bits(suit & ~taken.units(party, begin, begin + 1))]
        lengths = [(unit, _longest(world, party, unit, first, end, head=head)) for unit in free]
        return [(unit, length) for unit, length in lengths if length]

    heads = longest(first, head=True)
    tails = longest(end - 1, head=False) if heads else []
    for one, head in heads:
        for two, tail in tails:
            if one.id != two.id and head + tail >= end - first:
                night = min(first + head, end - 1)
                yield (Stay(one.id, first, night), Stay(two.id, night, end))


def _longest(world: World, party: Party, unit: Unit, first: int, end: int, *, head: bool) -> int:
    """The most nights at the beginning (or end) of the range that the unit can give, 0 for none."""

    def allowed(length: int) -> bool:
        ask = (
            Ask(party, unit, first, first + length, changing=True)
            if head
            else Ask(party, unit, end - length, end, changing=True, arriving=False)
        )
        return first_block(ask, world) is None

    if not allowed(1):
        return 0
    low, high = 1, end - first
    while low < high:
        middle = (low + high + 1) // 2
        if allowed(middle):
            low = middle
        else:
            high = middle - 1
    return low
