"""Room by one or two moves: every ejection chain and every pair, in plain code.

With one move, somebody in the way goes to a free place. With two, either two in the way both go,
or one goes to the place of a second, who goes to a free place or to the place of the first. In the
smallest set of moves everybody is in the way of the asking party or of another mover; so walking
from who is in the way to who is in *their* way meets every such set.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby

from shelter_solver.candidates import Plan
from shelter_solver.fits import bits
from shelter_solver.moving.exchange import Bid, Exchange, OutOfTimeError
from shelter_solver.moving.neighbours import Crowd
from shelter_solver.result import Status

#: how many moves are searched completely
DEPTH = 2


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """The bid that the asking party gets, and the bids of those who move for it."""

    wanted: Bid
    moves: tuple[Bid, ...]

    @property
    def placements(self) -> dict[str, Plan]:
        """The new stays of everybody, by party id."""
        return {bid.party.id: bid.stays for bid in (self.wanted, *self.moves)}

    @property
    def km(self) -> int:
        return sum(bid.cost for bid in self.moves)

    @property
    def value(self) -> tuple[int, int, int]:
        """Moves, rank of the asking party's goals, kilometres: smaller is better, in this order."""
        return len(self.moves), self.wanted.cost, self.km


@dataclass(frozen=True, slots=True, eq=False)
class Verdict:
    """``OPTIMAL`` and ``INFEASIBLE`` are proven.

    ``FEASIBLE``: the limit came before the proof, or ``verify`` contradicted something that seemed
    better. ``UNKNOWN``: for one of these reasons nothing is found.
    """

    status: Status
    found: Found | None = None


def best_chain(exchange: Exchange, moves: int, confirms: Callable[[Found], bool]) -> Verdict:
    """The best room with exactly so many moves (0, 1 or 2), given that fewer make none.

    What ``confirms`` denies is passed over: the next best is looked for. When the limit of the
    exchange comes, the best so far is the answer.
    """
    search = (_none, _one, _two)[moves]
    is_proven = in_time = True
    for _, same in groupby(exchange.wanted, key=lambda bid: bid.cost):
        best: Found | None = None
        try:
            for wanted in same:
                exchange.check_time()
                for chain in search(exchange, wanted):
                    found = Found(wanted, chain)
                    if (best is None or found.km < best.km) and exchange.holds((*chain, wanted)):
                        if confirms(found):
                            best = found
                        else:
                            is_proven = False
                            exchange.check_time()
        except OutOfTimeError:
            in_time = False
        if best is not None:
            return Verdict(Status.OPTIMAL if is_proven and in_time else Status.FEASIBLE, best)
        if not in_time:
            return Verdict(Status.UNKNOWN)
    return Verdict(Status.INFEASIBLE if is_proven else Status.UNKNOWN)


def _none(_exchange: Exchange, wanted: Bid) -> Iterator[tuple[Bid, ...]]:
    if not wanted.must and not wanted.crowds:
        yield ()


def _one(exchange: Exchange, wanted: Bid) -> Iterator[tuple[Bid, ...]]:
    for number in bits(_closers(exchange, wanted.must, wanted.crowds, 0)):
        for move in exchange.leaving_to(number, 0):
            if _agree(exchange, wanted, move):
                yield (move,)


def _two(exchange: Exchange, wanted: Bid) -> Iterator[tuple[Bid, ...]]:
    if wanted.must.bit_count() > DEPTH:
        return
    for number in bits(_first_to_leave(wanted)):
        one = 1 << number
        for move in exchange.bids(number):
            exchange.check_time()
            if move.must.bit_count() > 1 or not _agree(exchange, wanted, move):
                continue
            must, crowds = wanted.must | move.must, wanted.crowds + move.crowds
            if _share(exchange, wanted, move):
                mine, theirs = (
                    exchange.demand_beside(wanted, move),
                    exchange.demand_beside(move, wanted),
                )
                if mine is None or theirs is None:
                    continue
                must, crowds = mine[0] | theirs[0], mine[1] + theirs[1]
            for other in bits(_closers(exchange, must & ~one, crowds, one) & ~one):
                for reply in exchange.leaving_to(other, one):
                    if _agree(exchange, wanted, reply) and _agree(exchange, move, reply):
                        yield (move, reply)


def _first_to_leave(wanted: Bid) -> int:
    """Households of which one, at least, is in every set of moves that opens the bid."""
    if wanted.must:
        return wanted.must & -wanted.must
    found = 0
    for bit, _ in wanted.crowds[0].weights if wanted.crowds else ():
        found |= bit
    return found


def _closers(exchange: Exchange, must: int, crowds: tuple[Crowd, ...], gone: int) -> int:
    """Bits of the households each of which, with those gone, is all that has to leave."""
    if must & (must - 1):
        return 0
    open_crowds = [crowd for crowd in crowds if not crowd.met_by(gone)]
    if not must and not open_crowds:
        return 0  # nobody else has to leave: that would be a smaller set of moves
    found = must or exchange.everybody
    for crowd in open_crowds:
        found &= crowd.closers(gone)
    return found


def _agree(exchange: Exchange, one: Bid, two: Bid) -> bool:
    if not one.units & two.units and not (one.kept_apart and two.kept_apart):
        return True
    return not exchange.clash(one, two)


def _share(exchange: Exchange, one: Bid, two: Bid) -> bool:
    """Both come to a unit that several share, where the beds of both count."""
    return bool(one.units & two.units & exchange.shared)
