"""Which bids can matter: those that can be part of a smallest set of moves."""

from __future__ import annotations

from collections.abc import Iterable

from shelter_solver.fits import bits
from shelter_solver.moving.exchange import Bid, Exchange

#: bids of the asking party, and by mover
Bids = tuple[list[Bid], dict[int, list[Bid]]]


def alive(exchange: Exchange) -> Bids:
    """The bids that can be part of a smallest set of moves: of the asking party, and by mover."""
    return _settled(
        exchange, exchange.wanted, {n: exchange.bids(n) for n in range(len(exchange.movers))}
    )


def within(exchange: Exchange, moves: int) -> Bids:
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
    reached, ring = 0, _together(exchange, wanted)
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
        ring = _together(exchange, (bid for number in bits(ring) for bid in offered[number]))
    return _settled(exchange, wanted, offered)


def _together(exchange: Exchange, asked: Iterable[Bid]) -> int:
    """Everybody who is in the way of one of the bids."""
    found = 0
    for bid in asked:
        found |= _in_the_way(exchange, bid)
    return found


def _settled(exchange: Exchange, wanted: list[Bid], offered: dict[int, list[Bid]]) -> Bids:
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
        for number in bits(_in_the_way(exchange, bid) & gone & ~reached):
            reached |= 1 << number
            asked.extend(offered[number])
    return wanted, {n: bids for n, bids in offered.items() if reached >> n & 1}


def _can_leave(bid: Bid, gone: int) -> bool:
    return not bid.must & ~gone and all(crowd.met_by(gone) for crowd in bid.crowds)


def _in_the_way(exchange: Exchange, bid: Bid) -> int:
    """Who has to leave for the bid, or may have to when others come to the same shared unit."""
    found = bid.must
    for crowd in bid.crowds:
        for bit, _ in crowd.weights:
            found |= bit
    for number in bits(bid.units & exchange.shared):
        for resident in exchange.neighbours.residents.get(exchange.fits.units[number].id, ()):
            found |= resident.bit
    return found & ~bid.own
