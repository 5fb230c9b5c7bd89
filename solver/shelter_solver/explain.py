"""Why nothing fits, and the smallest changes that would help, each checked by solving it.

What may be changed is what a person can change tonight: the night, the length, cots, units, an
agreed move, a reserve, a commune that the party would reconsider. Never relaxed: audience, zoning,
excluded sites and places, danger zones, separations.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from shelter_solver.candidates import blocked_units, openable_units, plans
from shelter_solver.moves import best_move
from shelter_solver.offers import Limits, offers
from shelter_solver.problem import Party, Problem
from shelter_solver.result import Change, Option, Reason, Refusal
from shelter_solver.verify import verify
from shelter_solver.world import World

#: how many nights later than asked are tried
LATER_NIGHTS = 7


def refusal(problem: Problem, party: Party, limits: Limits) -> Refusal:
    """The rules that block, by units, and the changes that open a place."""
    world = World(problem)
    counts = blocked_units(world, party)
    limits = replace(limits, among=openable_units(world, party))
    blocked = tuple(Reason(code, {"units": units}) for code, units in counts.items())
    changes: list[Change] = []
    for kind in CHANGES:
        if limits.left_s <= 0 or not limits.among:
            break
        changes.extend(kind(problem, party, limits))
    return Refusal(blocked or (Reason("no_units", {"units": 0}),), tuple(changes))


def bring_cots(problem: Problem, party: Party, limits: Limits) -> Iterator[Change]:
    """The fewest cots that somebody would have to bring."""
    for cots in range(1, party.cots + 1):
        equipped = replace(party, own_cots=party.own_cots + cots)
        change = next(_if_the_party(problem, equipped, "bring_cots", limits, {"cots": cots}), None)
        if change:
            yield change
            return


def two_units(problem: Problem, party: Party, limits: Limits) -> Iterator[Change]:
    """Two private units of one site, if the household would agree."""
    if not party.may_use_two_units:
        yield from _if_the_party(
            problem, replace(party, may_use_two_units=True), "two_units", limits
        )


def change_unit(problem: Problem, party: Party, limits: Limits) -> Iterator[Change]:
    """One change of unit during the stay, if the household would agree."""
    if not party.may_change_unit:
        yield from _if_the_party(
            problem, replace(party, may_change_unit=True), "change_unit", limits
        )


def _if_the_party(
    problem: Problem,
    party: Party,
    code: str,
    limits: Limits,
    params: Mapping[str, str | int | float] | None = None,
) -> Iterator[Change]:
    option = _opened(_with_party(problem, party), party, limits)
    if option:
        yield Change(code, params or {}, option)


def move_one(problem: Problem, party: Party, limits: Limits) -> Iterator[Change]:
    """One other household of the same side moves, with the agreement that it needs."""
    move = best_move(problem, party)
    if move is None:
        return
    option = _opened(move.made_in(problem), party, limits)
    if option and not verify(problem, {party.id: option.stays, move.party.id: move.stays}):
        params = {"agreement": move.party.move_agreement.value, "km": move.km}
        yield Change("move_one", params, option, moved_party=move.party.id, moved_to=move.stays)


def release_kept_back(problem: Problem, party: Party, limits: Limits) -> Iterator[Change]:
    """Nights held in reserve, if whoever keeps them lets them go."""
    if party.urgency < problem.kept_back_urgency:
        option = _opened(replace(problem, kept_back_urgency=party.urgency), party, limits)
        if option:
            yield Change("release_kept_back", {}, option)


def another_night(problem: Problem, party: Party, limits: Limits) -> Iterator[Change]:
    """The first later night from which a place is free for the whole stay."""
    last = party.first_night if party.latest_first_night is None else party.latest_first_night
    for first in range(last + 1, last + 1 + LATER_NIGHTS):
        later = replace(party, first_night=first, latest_first_night=None)
        params = {"days": first - party.first_night, "first_night": first}
        change = next(_if_the_party(problem, later, "another_night", limits, params), None)
        if change:
            yield change
            return


def shorter_stay(problem: Problem, party: Party, limits: Limits) -> Iterator[Change]:
    """The most nights that can be given from the first asked night on."""

    def cut(nights: int) -> Party:
        return replace(party, nights=nights, latest_first_night=None)

    # fewer nights never break a rule that more nights keep: halve the range
    least = max(0, -party.first_night)
    low, high = least, party.nights - 1
    while low < high:
        middle = (low + high + 1) // 2
        if plans(World(_with_party(problem, cut(middle))), cut(middle), limits.among):
            low = middle
        else:
            high = middle - 1
    if least < low:
        yield from _if_the_party(problem, cut(low), "shorter_stay", limits, {"nights": low})


def widen_communes(problem: Problem, party: Party, limits: Limits) -> Iterator[Change]:
    """Each excluded commune that would open a place if the party reconsidered it."""
    for commune in sorted(party.excluded_communes):
        wider = replace(party, excluded_communes=party.excluded_communes - {commune})
        yield from _if_the_party(problem, wider, "widen_communes", limits, {"commune": commune})


def _with_party(problem: Problem, party: Party) -> Problem:
    parties = tuple(party if other.id == party.id else other for other in problem.parties)
    return replace(problem, parties=parties)


def _opened(changed: Problem, party: Party, limits: Limits) -> Option | None:
    """The best verified option in the changed problem, None when there is none."""
    return next(iter(offers(changed, party, 1, limits).options), None)


#: The changes in the order in which they are offered: the least trouble for people first.
CHANGES: tuple[Callable[[Problem, Party, Limits], Iterator[Change]], ...] = (
    bring_cots,
    two_units,
    change_unit,
    move_one,
    release_kept_back,
    another_night,
    shorter_stay,
    widen_communes,
)
