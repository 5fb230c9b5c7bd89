"""Boundaries of communes: brought by a coordinator from a file, drawn on the map, taken away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import col, delete, func, select

from shelter.db.tables import CommuneBoundary, User
from shelter.domain.boundaries import Boundaries, Rings, read_boundaries
from shelter.domain.errors import NotAllowed
from shelter.domain.sides import Role
from shelter.services.context import Tx


@dataclass(frozen=True, slots=True)
class Imported:
    """What is drawn now: how many communes, since when, by whom."""

    communes: int
    at: datetime
    by: str


def preview(tx: Tx, text: str, by: str | None = None) -> Boundaries:
    """What a file would bring. Raises Invalid; nothing is kept."""
    _coordinator(tx)
    return read_boundaries(text, _communes(tx), by)


def bring(tx: Tx, text: str) -> Boundaries:
    """Draw these boundaries from now on, in the place of all that were there before."""
    given = preview(tx, text)
    assert tx.actor.user_id is not None
    tx.session.exec(delete(CommuneBoundary))
    for nis, rings in given.rings.items():
        tx.session.add(
            CommuneBoundary(
                nis=nis,
                rings=[[list(position) for position in ring] for ring in rings],
                imported_at=tx.now,
                imported_by=tx.actor.user_id,
            )
        )
    tx.record("boundaries.import", "boundaries", communes=len(given.rings), points=given.kept)
    return given


def remove(tx: Tx) -> None:
    _coordinator(tx)
    there = tx.session.exec(select(func.count()).select_from(CommuneBoundary)).one()
    if there:
        tx.session.exec(delete(CommuneBoundary))
        tx.record("boundaries.remove", "boundaries", communes=there)


def imported(tx: Tx) -> Imported | None:
    query = select(CommuneBoundary.imported_at, CommuneBoundary.imported_by)
    rows = tx.session.exec(query).all()
    if not rows:
        return None
    at, user_id = rows[0]
    user = tx.session.get(User, user_id)
    return Imported(len(rows), at, user.name if user is not None else "–")


def of_network(tx: Tx) -> dict[str, Rings]:
    """The rings of each of the network's communes that has some; a commune that left has none."""
    query = select(CommuneBoundary).where(col(CommuneBoundary.nis).in_(_communes(tx)))
    return {row.nis: _rings(row.rings) for row in tx.session.exec(query.order_by("nis"))}


def _rings(stored: Sequence[Sequence[Sequence[float]]]) -> Rings:
    return tuple(tuple((lon, lat) for lon, lat in ring) for ring in stored)


def _communes(tx: Tx) -> frozenset[str]:
    return frozenset(commune.nis for commune in tx.network.communes)


def _coordinator(tx: Tx) -> None:
    if tx.actor.role is not Role.COORDINATOR:
        raise NotAllowed("not_allowed")
