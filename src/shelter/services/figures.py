"""What is counted of requests and stays, and stays true when they are purged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import col, select

from shelter.db.tables import Figure, OccupiedNight, PlacementRow, Request, StayRow
from shelter.domain.sides import Side
from shelter.services.context import Tx


@dataclass(frozen=True, slots=True, order=True)
class Heading:
    """What is counted together: no person, and no place."""

    side: Side
    month: str
    service: str
    outcome: str
    urgency: int


@dataclass(frozen=True, slots=True)
class Count:
    requests: int
    #: nights that households slept in a place, each once however many beds they had
    nights: int


def keep_requests(tx: Tx, requests: Sequence[UUID]) -> None:
    """Count these requests among those that are gone, in the transaction that removes them."""
    _add(tx, _requests_by_heading(tx, requests), Counter())


def keep_nights(tx: Tx, placements: Sequence[UUID]) -> None:
    """Likewise the nights of these placements."""
    _add(tx, Counter(), _nights_by_heading(tx, placements))


def totals(tx: Tx) -> dict[Heading, Count]:
    """Requests and nights of the reader's sides: what is still here and what is gone, as one."""
    requests: Counter[Heading] = Counter()
    nights: Counter[Heading] = Counter()
    for row in tx.session.exec(tx.rows.select(Figure)):
        heading = Heading(row.side, row.month, row.service, row.outcome, row.urgency)
        requests[heading] += row.requests
        nights[heading] += row.nights
    requests += _requests_by_heading(tx, None)
    nights += _nights_by_heading(tx, None)
    return {
        heading: Count(requests[heading], nights[heading])
        for heading in sorted({*requests, *nights})
    }


def _requests_by_heading(tx: Tx, only: Sequence[UUID] | None) -> Counter[Heading]:
    query = tx.rows.select(Request)
    if only is not None:
        query = query.where(col(Request.id).in_(only))
    return Counter(_heading(tx, request) for request in tx.session.exec(query))


def _nights_by_heading(tx: Tx, only: Sequence[UUID] | None) -> Counter[Heading]:
    query = (
        select(Request, sa.func.count(sa.distinct(col(OccupiedNight.night))))
        .join(PlacementRow, col(PlacementRow.request_id) == Request.id)
        .join(StayRow, col(StayRow.placement_id) == PlacementRow.id)
        .join(OccupiedNight, col(OccupiedNight.stay_id) == StayRow.id)
        .where(
            col(Request.side).in_(tx.actor.sides),
            col(PlacementRow.arrived_at).is_not(None),
            col(OccupiedNight.night) < tx.tonight,
        )
        .group_by(col(Request.id), col(PlacementRow.id))
    )
    if only is not None:
        query = query.where(col(PlacementRow.id).in_(only))
    found: Counter[Heading] = Counter()
    for request, nights in tx.session.exec(query):
        found[_heading(tx, request)] += nights
    return found


def _heading(tx: Tx, request: Request) -> Heading:
    month = request.created_at.astimezone(tx.network.timezone).strftime("%Y-%m")
    outcome = "" if request.outcome is None else request.outcome.value
    return Heading(request.side, month, request.service, outcome, request.urgency)


def _add(tx: Tx, requests: Counter[Heading], nights: Counter[Heading]) -> None:
    for heading in sorted({*requests, *nights}):
        row = tx.session.exec(
            select(Figure)
            .where(
                col(Figure.side) == heading.side,
                col(Figure.month) == heading.month,
                col(Figure.service) == heading.service,
                col(Figure.outcome) == heading.outcome,
                col(Figure.urgency) == heading.urgency,
            )
            .with_for_update()
            .execution_options(populate_existing=True)
        ).first() or Figure(
            side=heading.side,
            month=heading.month,
            service=heading.service,
            outcome=heading.outcome,
            urgency=heading.urgency,
        )
        row.requests += requests[heading]
        row.nights += nights[heading]
        tx.session.add(row)
        tx.session.flush()
