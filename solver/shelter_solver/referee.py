"""The CP-SAT model of room by any number of moves: it proves what plain chains cannot.

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

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from shelter_solver.chains import Found, Verdict
from shelter_solver.constraints import genders
from shelter_solver.exchange import Bid, Exchange
from shelter_solver.fits import bits
from shelter_solver.problem import Party, Sharing, Stay
from shelter_solver.result import Status

#: steps that cost more than they save on models of this size: with them a solve takes twice as long
TUNED = {
    "symmetry_level": 0,
    "cp_model_probing_level": 0,
    "linearization_level": 0,
    "merge_at_most_one_work_limit": 0,
}


#: so many moves are tried one number after the other, each with the few bids that can matter
SHALLOW = 3


def decide(
    exchange: Exchange,
    *,
    at_least: int = 0,
    at_most: int | None = None,
    seed: int = 0,
    tuned: bool = True,
    confirms: Callable[[Found], bool] = lambda _: True,
) -> Verdict:
    """The best room of all, until the deadline of the exchange.

    ``at_least`` and ``at_most`` bound the moves: what is known already need not be proven again.
    What ``confirms`` denies is ruled out, and the next best is looked for. ``tuned`` False leaves
    the solver's parameters at their defaults, for comparison.
    """
    is_proven = True
    levels = range(at_least, SHALLOW + 1) if tuned else ()
    for moves in levels:
        if at_most is None or moves <= at_most:
            verdict = _solve(exchange, within(exchange, moves), moves, moves, seed, tuned, confirms)
            if verdict.found is not None:
                return verdict if is_proven else Verdict(Status.FEASIBLE, verdict.found)
            is_proven = is_proven and verdict.status is Status.INFEASIBLE
    if tuned:
        at_least = max(at_least, SHALLOW + 1)
    if at_most is None or at_least <= at_most:
        verdict = _solve(exchange, alive(exchange), at_least, at_most, seed, tuned, confirms)
        if verdict.found is not None:
            return verdict if is_proven else Verdict(Status.FEASIBLE, verdict.found)
        is_proven = is_proven and verdict.status is Status.INFEASIBLE
    return Verdict(Status.INFEASIBLE if is_proven else Status.UNKNOWN)


def _solve(
    exchange: Exchange,
    bids: tuple[list[Bid], dict[int, list[Bid]]],
    at_least: int,
    at_most: int | None,
    seed: int,
    tuned: bool,
    confirms: Callable[[Found], bool],
) -> Verdict:
    wanted, offered = bids
    if not wanted:
        return Verdict(Status.INFEASIBLE)
    if exchange.left_s <= 0:
        return Verdict(Status.UNKNOWN)
    from ortools.sat.python import cp_model  # half a second to import: only when needed

    model = _Model(cp_model.CpModel(), exchange, wanted, offered)
    model.restrict(at_least, at_most)
    is_proven = True
    while (left_s := exchange.left_s) > 0:
        solver = cp_model.CpSolver()
        solver.parameters.max_time_in_seconds = left_s
        # by default CP-SAT takes Ctrl-C for itself and leaves no handler of Python behind
        solver.parameters.catch_sigint_signal = False
        solver.parameters.random_seed = seed
        if tuned:
            solver.parameters.num_workers = 1
            for name, value in TUNED.items():
                setattr(solver.parameters, name, value)
        status = solver.solve(model.model)
        if status == cp_model.INFEASIBLE:
            return Verdict(Status.INFEASIBLE if is_proven else Status.UNKNOWN)
        if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
            break
        chosen = [bid for bid, used in model.variables.items() if solver.boolean_value(used)]
        found = Found(
            next(bid for bid in chosen if not bid.own), tuple(bid for bid in chosen if bid.own)
        )
        if confirms(found):
            best = is_proven and status == cp_model.OPTIMAL
            return Verdict(Status.OPTIMAL if best else Status.FEASIBLE, found)
        is_proven = False
        model.rule_out(chosen)
    return Verdict(Status.UNKNOWN)


def within(exchange: Exchange, moves: int) -> tuple[list[Bid], dict[int, list[Bid]]]:
    """The bids that can be part of a set of exactly so many moves, where no smaller set makes room.

    In such a set a path of ``far`` movers, each in the way of the one before, leads from the asking
    party to a mover that is ``far`` away: all nearer than that but the mover itself. So at most
    ``moves - far`` of those for whom it waits are as far as it or farther.
    """
    wanted = [
        bid
        for bid in exchange.wanted
        if bid.must.bit_count() <= moves and (moves or not bid.crowds)
    ]
    reached, ring = 0, _together(wanted)
    offered: dict[int, list[Bid]] = {}
    for far in range(1, moves + 1):
        ring &= ~reached
        for number in bits(ring):
            others = ~reached & ~(1 << number)
            offered[number] = [
                bid
                for bid in exchange.bids(number)
                if (bid.must & others).bit_count() <= moves - far
                and (bid.must | bid.own).bit_count() <= moves
            ]
        reached |= ring
        ring = _together(bid for number in bits(ring) for bid in offered[number])
    return _settled(wanted, offered)


def _together(asked: Iterable[Bid]) -> int:
    """Everybody who is in the way of one of the bids."""
    found = 0
    for bid in asked:
        found |= _in_the_way(bid)
    return found


def load() -> None:
    """Load and start OR-Tools, about half a second."""
    from ortools.sat.python import cp_model

    model = cp_model.CpModel()
    model.maximize(model.new_bool_var(""))
    solver = cp_model.CpSolver()
    solver.parameters.catch_sigint_signal = False
    solver.solve(model)


def alive(exchange: Exchange) -> tuple[list[Bid], dict[int, list[Bid]]]:
    """The bids that can be part of a smallest set of moves: of the asking party, and by mover."""
    return _settled(exchange.wanted, {n: exchange.bids(n) for n in range(len(exchange.movers))})


def _settled(
    wanted: list[Bid], offered: dict[int, list[Bid]]
) -> tuple[list[Bid], dict[int, list[Bid]]]:
    """Without the bids that wait for somebody who has none, and without who is in nobody's way."""
    gone = 0
    leaving = sum(1 << n for n, bids in offered.items() if bids)
    while gone != leaving:
        gone = leaving
        for number, bids in offered.items():
            offered[number] = [bid for bid in bids if _can_leave(bid, gone)]
        leaving = sum(1 << n for n, bids in offered.items() if bids)
    wanted = [bid for bid in wanted if _can_leave(bid, gone)]
    reached = 0
    asked = list(wanted)
    while asked:
        bid = asked.pop()
        for number in bits(_in_the_way(bid) & gone & ~reached):
            reached |= 1 << number
            asked.extend(offered[number])
    return wanted, {n: bids for n, bids in offered.items() if reached >> n & 1}


def _can_leave(bid: Bid, gone: int) -> bool:
    return not bid.must & ~gone and all(crowd.met_by(gone) for crowd in bid.crowds)


def _in_the_way(bid: Bid) -> int:
    found = bid.must
    for crowd in bid.crowds:
        for bit, _ in crowd.weights:
            found |= bit
    return found


class _Model:
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
