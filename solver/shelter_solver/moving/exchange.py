"""What a household could get if others moved: bids, and who has to leave for each.

A *bid* is a set of new stays for one household. It has passed every rule that looks at the
household and the unit alone. What the rules about other people say is kept as a demand on those
who may be asked to move: ``must`` all leave, and of each ``Crowd`` enough must leave. A bid in the
way of which is somebody who stays is no bid.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

from shelter_solver import constraints
from shelter_solver.candidates import Plan, ranges
from shelter_solver.constraints import Ask, first_block
from shelter_solver.fits import bits
from shelter_solver.moving.neighbours import Arrival, Crowd, Demand, Neighbours
from shelter_solver.moving.shifts import shifts
from shelter_solver.objective import Judge, Score
from shelter_solver.problem import Agreement, Party, Stay, Unit
from shelter_solver.world import World, history

#: the rules that look at the second unit of two
BESIDE = frozenset({"together", "beds", "cots"})


class OutOfTimeError(Exception):
    """The limit came before the search was complete."""


@dataclass(frozen=True, slots=True, eq=False)
class Bid:
    """New stays for one household, and who has to leave for them."""

    party: Party
    stays: Plan
    #: of the asking party the rank of its goals, of a mover the kilometres; smaller is better
    cost: int
    #: the household's own bit, 0 for the asking party
    own: int
    #: bits of the households that must all leave
    must: int
    crowds: tuple[Crowd, ...]
    #: bits of the units
    units: int
    #: whether pairs of bids must be looked at even when they have no unit in common
    kept_apart: bool


class Exchange:
    """All bids of one asking party and of the households that may be asked to move for it.

    Movable are households of the same side with an agreement and a stay from tonight on. Each may
    get other units for its stays from tonight on, one or all, for exactly the same nights.
    """

    def __init__(self, world: World, party: Party, deadline: float) -> None:
        self.party = party
        self.deadline = deadline
        asked = ranges(world.problem, party)
        #: everybody where they are, the asking party only where it stays in any case
        self.around = world.moved({party.id: history(party, asked[0][0])})
        self.fits = world.fits
        self.movers = [
            other
            for other in sorted(world.problem.parties, key=lambda other: other.id)
            if other.id != party.id
            and other.side is party.side
            and other.move_agreement is not Agreement.NONE
            and any(stay.end_night > 0 for stay in other.present)
        ]
        self.neighbours = Neighbours(self.around, self.movers)
        self.everybody = (1 << len(self.movers)) - 1
        #: bits of the units that several households share
        self.shared = self.fits.everywhere & ~self.fits.private
        self._bids: dict[int, list[Bid]] = {}
        self._leaving_to: dict[tuple[int, int], list[Bid]] = {}
        #: the scores in the order of the ranks, and the bids of the asking party, best first
        self.scores: list[Score] = []
        self.wanted = self._ranked(world, asked)

    @property
    def left_s(self) -> float:
        """Seconds until the limit."""
        return self.deadline - time.monotonic()

    def check_time(self) -> None:
        if self.left_s <= 0:
            raise OutOfTimeError

    def _ranked(self, world: World, asked: list[tuple[int, int]]) -> list[Bid]:
        """One unit before two, then the ranked goals as they are before anybody moves."""
        demands = {}
        for plan in self._plans(asked):
            demand = self._demand(self.party, plan)
            if demand is not None:
                demands[plan] = demand
        ranked = sorted(
            ((len(plan) > 1, *score), plan)
            for score, plan in Judge(world, self.party).ranked(demands)
        )
        bids: list[Bid] = []
        for (_, *score), plan in ranked:
            key = (len(plan), *score[:-1])
            if not self.scores or (len(bids[-1].stays), *self.scores[-1][:-1]) != key:
                self.scores.append(tuple(score))
            bids.append(self._bid(self.party, plan, len(self.scores) - 1, *demands[plan]))
        return bids

    def _plans(self, asked: list[tuple[int, int]]) -> Iterator[Plan]:
        """One unit, or two side by side. Nobody is asked to move for a stay cut in two."""
        for first, end in asked:
            fit = self.fits.suits(self.around, self.party, first, end)
            for number in bits(fit):
                yield (Stay(self.fits.units[number].id, first, end),)
        if not self.party.may_use_two_units:
            return
        rules = [rule for code, rule in constraints.RULES if code in BESIDE]
        for first, end in asked:
            suit = self.fits.suits(
                self.around, self.party, first, end, but=frozenset({"beds", "cots"})
            )
            by_site: dict[str, list[Unit]] = {}
            for number in bits(suit & self.fits.private):
                unit = self.fits.units[number]
                if self.neighbours.demand(self.party, Stay(unit.id, first, end)) is not None:
                    by_site.setdefault(unit.site, []).append(unit)
            for units in by_site.values():
                for one, two in combinations(units, 2):
                    asks = (
                        Ask(self.party, one, first, end, beside=two),
                        Ask(self.party, two, first, end, beside=one),
                    )
                    if not any(rule(ask, self.around) for ask in asks for rule in rules):
                        yield tuple(Stay(unit.id, first, end) for unit in (one, two))

    def bids(self, number: int) -> list[Bid]:
        """The bids of a mover, shortest way first."""
        if number not in self._bids:
            self.check_time()
            self._bids[number] = list(self._bids_of(self.movers[number], 1 << number))
        return self._bids[number]

    def leaving_to(self, number: int, gone: int) -> list[Bid]:
        """The bids of a mover for which nobody but those gone has to leave, shortest way first."""
        key = (number, gone)
        if key not in self._leaving_to:
            own = 1 << number
            if number in self._bids:
                offered: Iterable[Bid] = self._bids[number]
            else:  # few units are free, or become free: looking at them alone is quick
                self.check_time()
                offered = self._bids_of(self.movers[number], own, self._open_to(number, gone))
            self._leaving_to[key] = [
                bid
                for bid in offered
                if not bid.must & ~gone and all(crowd.met_by(gone) for crowd in bid.crowds)
            ]
        return self._leaving_to[key]

    def _open_to(self, number: int, gone: int) -> int:
        """Bits of the units that nobody, or only those gone, have; shared ones are among them."""
        mover = self.movers[number]
        stays = [stay for stay in mover.present if stay.end_night > 0]
        if len(stays) > 1:
            return -1
        first, end = max(0, stays[0].first_night), stays[0].end_night
        left = self.fits.mask(
            stay.unit for other in bits(gone) for stay in self.movers[other].present
        )
        # one who has been nowhere else never gets the own unit again: so one answer does for all
        own = mover if len(mover.present) > 1 else None
        return left | ~self.around.taken.units(own, first, end)

    def _bids_of(self, mover: Party, own: int, among: int = -1) -> Iterator[Bid]:
        past = history(mover, 0)
        now = [
            Stay(stay.unit, max(0, stay.first_night), stay.end_night)
            for stay in sorted(
                mover.present, key=lambda stay: (stay.first_night, stay.end_night, stay.unit)
            )
            if stay.end_night > 0
        ]
        found = []
        for plan in shifts(self.around, self.fits, self.neighbours, mover, past, now, among):
            demand = self._demand(mover, plan)
            if demand is not None:
                km = sum(
                    self.neighbours.km(old.unit, new.unit)
                    for old, new in zip(now, plan, strict=True)
                    if old.unit != new.unit
                )
                found.append((km, plan, demand))
        found.sort(key=lambda bid: (bid[0], [stay.unit for stay in bid[1]]))
        for km, plan, demand in found:
            yield self._bid(mover, plan, km, *demand, own)

    def _demand(self, party: Party, plan: Plan) -> Demand | None:
        must = 0
        crowds: tuple[Crowd, ...] = ()
        for stay in plan:
            demand = self.neighbours.demand(party, stay)
            if demand is None:
                return None
            must |= demand[0]
            crowds += demand[1]
        return must, crowds

    # --- two bids ---

    def clash(self, one: Bid, two: Bid) -> bool:
        """No set of moves holds both bids. Call it for two different households."""
        return any(
            self.neighbours.clash(one.party, stay, two.party, other)
            for stay in one.stays
            for other in two.stays
        )

    def demand_beside(self, bid: Bid, other: Bid) -> Demand | None:
        """Who must leave for the bid when the other household comes too; None when nothing helps"""
        must = 0
        crowds: tuple[Crowd, ...] = ()
        for stay in bid.stays:
            also = [
                Arrival(other.party, there.first_night, there.end_night)
                for there in other.stays
                if there.unit == stay.unit
            ]
            demand = self.neighbours.demand(bid.party, stay, also)
            if demand is None:
                return None
            must |= demand[0]
            crowds += demand[1]
        return must, crowds

    def holds(self, bids: Sequence[Bid], last: int = 0) -> bool:
        """Every rule allows the bids together, asked again of the rules themselves.

        With ``last`` only so many of the last bids are asked about; the others are there already.
        """
        world = self.around.moved({bid.party.id: (*self._kept(bid), *bid.stays) for bid in bids})
        return all(
            first_block(ask, world) is None for bid in bids[-last:] for ask in _asks(bid, world)
        )

    def _kept(self, bid: Bid) -> Plan:
        return history(bid.party, 0) if bid.own else self.around.stays_of[bid.party.id]

    def _bid(
        self,
        party: Party,
        plan: Plan,
        cost: int,
        must: int,
        crowds: tuple[Crowd, ...],
        own: int = 0,
    ) -> Bid:
        units = 0
        for stay in plan:
            units |= 1 << self.fits.number[stay.unit]
        return Bid(party, plan, cost, own, must, crowds, units, bool(self.around.apart(party.id)))


def _asks(bid: Bid, world: World) -> Iterator[Ask]:
    """What the rules are asked about a bid, range of nights by range of nights."""
    breaks = sorted({night for stay in bid.stays for night in (stay.first_night, stay.end_night)})
    before: list[str] = []
    for first, end in pairwise(breaks):
        there = [stay.unit for stay in bid.stays if stay.first_night <= first < stay.end_night]
        for unit in there:
            others = [world.units[other] for other in there if other != unit]
            yield Ask(
                bid.party,
                world.units[unit],
                first,
                end,
                beside=others[0] if others else None,
                arriving=not before,
                changing=bool(before and there) and sorted(before) != sorted(there),
            )
        before = there
