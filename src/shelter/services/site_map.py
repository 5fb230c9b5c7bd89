"""The map: how many sites and free units each commune has, as far as the reader may see sites.

A site is counted at its commune. Its own point is opened nowhere here, so the picture says no more
of where it is than the board does. What is counted is one side's, by that side's rows alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from shelter.domain.boundaries import Rings
from shelter.domain.network import Commune
from shelter.domain.sides import Side
from shelter.services import boundaries
from shelter.services.board import Cell, board
from shelter.services.context import Tx
from shelter_solver.problem import distance_m


@dataclass(frozen=True, slots=True)
class Mark:
    """A commune, what it has, and how far its centre is from that of the chosen one."""

    commune: Commune
    sites: int
    free: int
    km: float


@dataclass(frozen=True, slots=True)
class SiteMap:
    side: Side
    #: every commune of the network, the nearest to the chosen one first
    marks: tuple[Mark, ...]
    chosen: Commune
    rings: Mapping[str, Rings]

    @property
    def with_sites(self) -> tuple[Mark, ...]:
        return tuple(mark for mark in self.marks if mark.sites)


def site_map(tx: Tx, side: Side | None = None, chosen: str | None = None) -> SiteMap:
    """One side's map, seen from a commune: the one that is named, else that of one's service.

    Raises NotAllowed for those who may not see sites.
    """
    tonight = board(tx, side=side, nights=1)
    sites = Counter(rows.site.commune for rows in tonight.sites)
    free = Counter(
        rows.site.commune
        for rows in tonight.sites
        for line in rows.units
        if line.nights[0].cell in {Cell.FREE, Cell.PART_FREE}
    )
    start = _chosen(tx, chosen)
    marks = [
        Mark(each, sites[each.nis], free[each.nis], distance_m(start.centre, each.centre) / 1000)
        for each in tx.network.communes
    ]
    marks.sort(key=lambda mark: (mark.km, mark.commune.nis))
    return SiteMap(tonight.side, tuple(marks), start, boundaries.of_network(tx))


def _chosen(tx: Tx, named: str | None) -> Commune:
    """By the address and the network file alone: no row has a say in it."""
    network = tx.network
    own = next((each.commune for each in network.services if each.key == tx.actor.service), None)
    for nis in (named, own):
        found = next((each for each in network.communes if each.nis == nis), None)
        if found is not None:
            return found
    return min(network.communes, key=lambda each: each.nis)
