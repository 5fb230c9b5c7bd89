"""Room by moves as a CP-SAT model.

Variables: one boolean for each bid of the asking party and of each mover; who has none true stays.

    minimise    (moves, rank of the asking party's goals, kilometres), in this order
    subject to  exactly one bid of the asking party, at most one of each mover
                a bid ⇒ everybody who is in its way moves, and enough of each crowd
                private unit: of the bids that meet in a night (or in its cleaning), at most one
                shared unit, each arrival: beds and cots of who stays and of who comes ≤ the unit's
                same-gender unit, each arrival: who comes is of one gender
                kept apart: of two bids too near in the same nights, at most one

The three parts of the objective are one sum, for a step of a higher part is larger than all that
the lower ones can add up to.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from shelter_solver.constraints import genders
from shelter_solver.fits import bits
from shelter_solver.moving.exchange import Bid, Exchange
from shelter_solver.problem import Party, Sharing, Stay


class RoomModel:
    # OR-Tools has no types that mypy reads, hence Any
    def __init__(
        self, model: Any, exchange: Exchange, wanted: list[Bid], offered: dict[int, list[Bid]]
    ) -> None:
        self.model = model
        self.exchange = exchange
        self.variables: dict[Bid, Any] = {}
        self.moved: dict[int, Any] = {}
        for bid in wanted:
            self.variables[bid] = model.new_bool_var("")
        model.add_exactly_one(self.variables.values())
        for number, bids in offered.items():
            own = [model.new_bool_var("") for _ in bids]
            self.variables.update(zip(bids, own, strict=True))
            self.moved[1 << number] = moved = model.new_bool_var("")
            model.add_exactly_one([*own, moved.negated()])
        self._leave()
        self._meet()
        self._apart()
        self._objective(wanted, offered)

    def restrict(self, at_least: int, at_most: int | None) -> None:
        moves = sum(self.moved.values())
        if at_least:
            self.model.add(moves >= at_least)
        if at_most is not None:
            self.model.add(moves <= at_most)

    def rule_out(self, chosen: list[Bid]) -> None:
        self.model.add_bool_or([self.variables[bid].negated() for bid in chosen])

    def _objective(self, wanted: list[Bid], offered: dict[int, list[Bid]]) -> None:
        km = 1 + sum(max(bid.cost for bid in bids) for bids in offered.values())
        ranks = km * (1 + max(bid.cost for bid in wanted))
        terms = [variable * ranks for variable in self.moved.values()]
        terms += [
            variable * (bid.cost if bid.own else bid.cost * km)
            for bid, variable in self.variables.items()
        ]
        self.model.minimize(sum(terms))

    def _leave(self) -> None:
        for bid, variable in self.variables.items():
            for number in bits(bid.must):
                self.model.add_implication(variable, self.moved[1 << number])
            for crowd in bid.crowds:
                leaving = [(self.moved[b], w) for b, w in crowd.weights if b in self.moved]
                self.model.add(
                    sum(moved * weight for moved, weight in leaving) >= crowd.excess
                ).only_enforce_if(variable)

    def _meet(self) -> None:
        """Of one unit: each moment at which a new stay begins."""
        comers: dict[str, list[tuple[Stay, Bid]]] = {}
        for bid in self.variables:
            for stay in bid.stays:
                comers.setdefault(stay.unit, []).append((stay, bid))
        for unit_id, coming in comers.items():
            unit = self.exchange.around.units[unit_id]
            gap = unit.cleaning_nights
            shared = unit.sharing is not Sharing.PRIVATE
            moments = {stay.first_night for stay, _ in coming}
            if shared:
                moments |= {r.first for r in self.exchange.neighbours.residents.get(unit_id, ())}
            for moment in sorted(moments):
                there = dict.fromkeys(
                    bid for stay, bid in coming if stay.first_night <= moment < stay.end_night + gap
                )
                if not shared:
                    self._at_most_one(list(there))
                elif there:
                    self._beds(unit_id, moment, list(there))
            if unit.sharing is Sharing.SHARED_SAME_GENDER:
                for moment in sorted(moments):
                    asleep = [b for s, b in coming if s.first_night <= moment < s.end_night]
                    self._one_gender(asleep)

    def _at_most_one(self, bids: list[Bid]) -> None:
        if len(bids) > 1:
            self.model.add_at_most_one(self.variables[bid] for bid in bids)

    def _beds(self, unit_id: str, moment: int, coming: list[Bid]) -> None:
        """Who is there stays or moves; the past of a household needs its beds in any case."""
        unit = self.exchange.around.units[unit_id]
        there: dict[str, tuple[Party, int]] = {}
        for r in self.exchange.neighbours.residents.get(unit_id, ()):
            if r.first <= moment < r.end + unit.cleaning_nights:
                bit = r.bit if r.bit in self.moved else 0
                known = there.get(r.party.id)
                there[r.party.id] = (r.party, bit if known is None else min(bit, known[1]))
        for room, need in ((unit.beds, _beds_of), (unit.cots, _cots_of)):
            now = sum(need(party) for party, _ in there.values())
            new = [(bid, need(bid.party)) for bid in coming]
            if now + sum(n for _, n in new) <= room:
                continue
            used: list[Any] = [self.variables[bid] * n for bid, n in new]
            used += [(1 - self.moved[bit]) * need(party) for party, bit in there.values() if bit]
            fixed = sum(need(party) for party, bit in there.values() if not bit)
            row = sum(used) + fixed <= room
            if now <= room:
                self.model.add(row)
            else:  # too many are there now; that is wrong for nobody but those who come
                for bid, _ in new:
                    self.model.add(row).only_enforce_if(self.variables[bid])

    def _one_gender(self, asleep: list[Bid]) -> None:
        by_gender: dict[str, list[Bid]] = {}
        for bid in dict.fromkeys(asleep):
            for gender in sorted(genders(bid.party)):
                by_gender.setdefault(gender, []).append(bid)
        if len(by_gender) < 2:
            return
        one = []
        for bids in by_gender.values():
            used = self.model.new_bool_var("")
            one.append(used)
            for bid in bids:
                self.model.add_implication(self.variables[bid], used)
        self.model.add_at_most_one(one)

    def _apart(self) -> None:
        kept: dict[str, list[Bid]] = {}
        for bid in self.variables:
            if bid.kept_apart:
                kept.setdefault(bid.party.id, []).append(bid)
        for one, two in self._pairs(kept):
            for bid in kept[one]:
                near = [other for other in kept[two] if self.exchange.clash(bid, other)]
                self._at_most_one([bid, *near] if near else [])

    def _pairs(self, kept: dict[str, list[Bid]]) -> Iterator[tuple[str, str]]:
        for one in kept:
            for two in dict.fromkeys(other for other, _, _ in self.exchange.around.apart(one)):
                if one < two and two in kept:
                    yield one, two


def _beds_of(party: Party) -> int:
    return party.beds


def _cots_of(party: Party) -> int:
    return party.cots
