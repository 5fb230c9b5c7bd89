"""One party that asks, and what both doors would otherwise work out twice."""

from __future__ import annotations

import time

from shelter_solver.moving.chains import Found, Verdict, best_chain
from shelter_solver.moving.exchange import Exchange
from shelter_solver.offers import Limits, Offers, asking_party, offers
from shelter_solver.problem import Problem
from shelter_solver.verify import verify
from shelter_solver.world import World


class Asking:
    """A request in its world, for ``answer`` and ``room_for`` in any order.

    Parameters
    ----------
    problem, party_id
        The network, and the party that asks. ``ProblemError`` when there is no such party.
    limit_s
        Seconds from now, for all that is asked of it.
    seed
        Same data, same seed: same answers.
    """

    def __init__(
        self, problem: Problem, party_id: str, *, limit_s: float = 2.0, seed: int = 0
    ) -> None:
        self.party = asking_party(problem, party_id)
        self.limits = Limits(deadline=time.monotonic() + limit_s, seed=seed)
        self.world = World(problem.seen_by(self.party.side))
        self._offers: dict[int, Offers] = {}
        self._exchange: list[Exchange] = []
        self._chains: dict[int, Verdict] = {}

    def offers(self, count: int) -> Offers:
        """Up to ``count`` verified options without any move."""
        least = self._offers.get(min(self._offers, default=0))
        if least is not None and not least.options:
            return least  # where nothing fits, more of it does not fit either
        if count not in self._offers:
            self._offers[count] = offers(self.world, self.party, count, self.limits)
        return self._offers[count]

    @property
    def exchange(self) -> Exchange:
        """What everybody could get if others moved."""
        if not self._exchange:
            self._exchange.append(Exchange(self.world, self.party, self.limits.deadline))
        return self._exchange[0]

    def chain(self, moves: int) -> Verdict:
        """The best verified room with exactly so many moves, given that fewer make none."""
        if moves not in self._chains:
            self._chains[moves] = best_chain(self.exchange, moves, self.is_right)
        return self._chains[moves]

    def is_right(self, found: Found) -> bool:
        """``verify`` has nothing against it."""
        return not verify(self.world.problem, found.placements)
