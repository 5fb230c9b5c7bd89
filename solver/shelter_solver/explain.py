"""Why nothing fits, and the smallest changes that would help, each checked by solving it.

What may be changed is what a person can change tonight: the night, the length, cots, units, an
agreed move, a reserve, a commune that the party would reconsider. Never relaxed: audience, zoning,
excluded sites and places, danger zones, separations.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from shelter_solver import constraints
from shelter_solver.asking import Asking
from shelter_solver.candidates import plans
from shelter_solver.fits import bits
from shelter_solver.minimal import minimal_hitting_sets
from shelter_solver.obstacles import Blocks, blocked_units, every_block, openable_units
from shelter_solver.offers import Limits, offers
from shelter_solver.problem import Party
from shelter_solver.result import Change, Reason, Refusal
from shelter_solver.room import option_of
from shelter_solver.world import World

#: how many nights later than asked are tried
LATER_NIGHTS = 7


#: how many minimal sets of rules are told, smallest first
MOST_TOGETHER = 8


def refusal(asking: Asking) -> Refusal:
    """The rules that block, by units and together, and the changes that open a place."""
    world, party = asking.world, asking.party
    blocks = every_block(world, party)
    together, cut = _together(blocks)
    counts = blocked_units(blocks)
    blocked = tuple(Reason(code, {"units": units}) for code, units in counts.items())
    limits = replace(asking.limits, among=openable_units(blocks))
    changes: list[Change] = []
    for kind in CHANGES:
        if limits.left_s <= 0 or not limits.among:
            break
        changes.extend(kind(asking, limits))
    return Refusal(blocked or (Reason("no_units", {"units": 0}),), tuple(changes), together, cut)


def _together(blocks: Blocks) -> tuple[tuple[tuple[str, ...], ...], bool]:
    codes = [code for code, _ in constraints.RULES]
    sets, cut = minimal_hitting_sets(
        (mask for masks in blocks.values() for mask in masks), MOST_TOGETHER
    )
    return tuple(tuple(codes[number] for number in bits(mask)) for mask in sets if mask), cut


def bring_cots(asking: Asking, limits: Limits) -> Iterator[Change]:
    """The fewest cots that somebody would have to bring."""
    world, party = asking.world, asking.party
    for cots in range(1, party.cots + 1):
        equipped = replace(party, own_cots=party.own_cots + cots)
        change = next(_if_the_party(world, equipped, "bring_cots", limits, {"cots": cots}), None)
        if change:
            yield change
            return


def two_units(asking: Asking, limits: Limits) -> Iterator[Change]:
    """Two private units of one site, if the household would agree."""
    world, party = asking.world, asking.party
    if not party.may_use_two_units:
        yield from _if_the_party(world, replace(party, may_use_two_units=True), "two_units", limits)


def change_unit(asking: Asking, limits: Limits) -> Iterator[Change]:
    """One change of unit during the stay, if the household would agree."""
    world, party = asking.world, asking.party
    if not party.may_change_unit:
        yield from _if_the_party(world, replace(party, may_change_unit=True), "change_unit", limits)


def _if_the_party(
    world: World,
    party: Party,
    code: str,
    limits: Limits,
    params: Mapping[str, str | int | float] | None = None,
) -> Iterator[Change]:
    for option in offers(world, party, 1, limits).options:
        yield Change(code, params or {}, option)


def move_one(asking: Asking, _: Limits) -> Iterator[Change]:
    """One other household of the same side moves, with the agreement that it needs."""
    found = asking.chain(1).found
    if found is not None:
        (move,) = found.moves
        params = {"agreement": move.party.move_agreement.value, "km": move.cost}
        option = option_of(asking.exchange, asking.world, found.wanted)
        yield Change("move_one", params, option, moved_party=move.party.id, moved_to=move.stays)


def release_kept_back(asking: Asking, limits: Limits) -> Iterator[Change]:
    """Nights held in reserve, if whoever keeps them lets them go."""
    world, party = asking.world, asking.party
    kept_back = any(world.units[unit].kept_back for unit in limits.among or ())
    if kept_back and party.urgency < world.problem.kept_back_urgency:
        released = world.with_reserve_for(party.urgency)
        yield from _if_the_party(released, party, "release_kept_back", limits)


def another_night(asking: Asking, limits: Limits) -> Iterator[Change]:
    """The first later night from which a place is free for the whole stay."""
    world, party = asking.world, asking.party
    last = party.first_night if party.latest_first_night is None else party.latest_first_night
    for first in range(last + 1, last + 1 + LATER_NIGHTS):
        later = replace(party, first_night=first, latest_first_night=None)
        world.fits.knows_as(world, later, party)
        params = {"days": first - party.first_night, "first_night": first}
        change = next(_if_the_party(world, later, "another_night", limits, params), None)
        if change:
            yield change
            return


def shorter_stay(asking: Asking, limits: Limits) -> Iterator[Change]:
    """The most nights that can be given from the first asked night on."""
    world, party = asking.world, asking.party

    def cut(nights: int) -> Party:
        shorter = replace(party, nights=nights, latest_first_night=None)
        world.fits.knows_as(world, shorter, party)
        return shorter

    # fewer nights never break a rule that more nights keep: halve the range
    least = max(0, -party.first_night)
    low, high = least, party.nights - 1
    while low < high:
        middle = (low + high + 1) // 2
        if plans(world, cut(middle), limits.among):
            low = middle
        else:
            high = middle - 1
    if least < low:
        yield from _if_the_party(world, cut(low), "shorter_stay", limits, {"nights": low})


def widen_communes(asking: Asking, limits: Limits) -> Iterator[Change]:
    """Each excluded commune that would open a place if the party reconsidered it."""
    world, party = asking.world, asking.party
    for commune in sorted(party.excluded_communes):
        wider = replace(party, excluded_communes=party.excluded_communes - {commune})
        yield from _if_the_party(world, wider, "widen_communes", limits, {"commune": commune})


#: The changes in the order in which they are offered: the least trouble for people first.
CHANGES: tuple[Callable[[Asking, Limits], Iterator[Change]], ...] = (
    bring_cots,
    two_units,
    change_unit,
    move_one,
    release_kept_back,
    another_night,
    shorter_stay,
    widen_communes,
)
