"""Every rule that blocks each unit for a party, for each night on which the stay may begin."""

from __future__ import annotations

from shelter_solver import constraints
from shelter_solver.candidates import ranges
from shelter_solver.constraints import FIXED, RELATIONAL, Ask
from shelter_solver.fits import bits
from shelter_solver.problem import Party
from shelter_solver.world import World, history

#: for each unit of the party's audience, by id, and each first night: the numbers in ``RULES`` of
#: the rules that block it, as bits
Blocks = dict[str, list[int]]


def every_block(world: World, party: Party) -> Blocks:
    """All blocking rules, not only the first. Units of the other audience are no candidates."""
    fits = world.fits
    order = {code: number for number, (code, _) in enumerate(constraints.RULES)}
    others = [(code, rule) for code, rule in constraints.RULES if code in RELATIONAL]
    asked = ranges(world.problem, party)
    around = world.moved({party.id: history(party, asked[0][0])})
    mine = fits.mask(unit.id for unit in world.units_of(party.side))
    shared = mine & ~fits.private
    sites = fits.sites if world.apart(party.id) else []
    blocks: Blocks = {fits.units[number].id: [] for number in bits(mine)}
    for first, end in asked if mine else ():
        masks = [0] * len(fits.units)

        def block(code: str, units: int, masks: list[int] = masks) -> None:
            for number in bits(units & mine):
                masks[number] |= 1 << order[code]

        for code, blocked in fits.blocked(around, party, first, end):
            block(code, blocked)
        occupied, cleaning = world.taken.by_others(party, first, end)
        block("occupied", occupied)
        block("cleaning", cleaning)
        for code, rule in others:  # of private units all is said but who is kept apart
            if code == "separation":
                for unit, there in sites:
                    if rule(Ask(party, unit, first, end), around):
                        block(code, there)
                continue
            for number in bits(shared):
                if rule(Ask(party, fits.units[number], first, end), around):
                    masks[number] |= 1 << order[code]
        for number in bits(mine):
            blocks[fits.units[number].id].append(masks[number])
    return blocks


def blocked_units(blocks: Blocks) -> dict[str, int]:
    """How many units each rule blocks, in the order of ``RULES``.

    A unit counts once, under the first rule that blocks it; with a window of arrival, on the day
    on which it gets furthest through the rules.
    """
    codes = [code for code, _ in constraints.RULES]
    counts: dict[int, int] = {}
    for masks in blocks.values():
        if all(masks):
            furthest = max((mask & -mask).bit_length() - 1 for mask in masks)
            counts[furthest] = counts.get(furthest, 0) + 1
    return {codes[number]: counts[number] for number in sorted(counts)}


def openable_units(blocks: Blocks) -> frozenset[str]:
    """Units that some change might open: no rule of ``FIXED`` blocks them."""
    fixed = sum(1 << number for number, (code, _) in enumerate(constraints.RULES) if code in FIXED)
    return frozenset(unit_id for unit_id, masks in blocks.items() if not masks[0] & fixed)
