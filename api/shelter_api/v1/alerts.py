"""Alerts and their acknowledgement."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from litestar import Response, get, post
from litestar.params import FromPath, FromQuery

from shelter.db.tables import Alert, Request
from shelter.domain.alerts import AlertKind
from shelter.domain.sides import Role, Side
from shelter.services import alerts
from shelter.services.context import Tx
from shelter_api.access import only
from shelter_api.v1.common import (
    Call,
    Cursor,
    IdempotencyKey,
    Out,
    limit_of,
    page_of,
    place_of,
    read,
    write_once,
)

READERS = (Role.ON_CALL, Role.COMMUNE_STAFF, Role.SAPV, Role.COORDINATOR)


class AlertOut(Out):
    id: UUID
    kind: AlertKind
    side: Side
    service: str
    #: the reference that its SMS names
    reference: str | None
    created_at: datetime
    acknowledged_at: datetime | None
    acknowledged_via: str | None


class AlertList(Out):
    items: list[AlertOut]
    #: give it as ``cursor`` to get the next page; None on the last
    next: str | None


def _out(tx: Tx, alert: Alert) -> AlertOut:
    request = tx.rows.get(Request, alert.request_id) if alert.request_id is not None else None
    return AlertOut(
        id=alert.id,
        kind=alert.kind,
        side=alert.side,
        service=alert.service,
        reference=request.code if request is not None else None,
        created_at=alert.created_at,
        acknowledged_at=alert.acknowledged_at,
        acknowledged_via=alert.acknowledged_via,
    )


@get("/alerts", sync_to_thread=True, **only(*READERS))
def list_alerts(
    request: Call,
    open_only: FromQuery[bool] = False,
    after: Cursor = None,
    limit: FromQuery[int] = 50,
) -> AlertList:
    """Your service's alerts, newest first, in pages."""
    place, size = place_of(after), limit_of(limit)

    def look(tx: Tx) -> AlertList:
        answered = False if open_only else None
        rows = alerts.list_alerts(tx, answered=answered, after=place, limit=size + 1)
        page, following = page_of(rows, size)
        return AlertList(items=[_out(tx, alert) for alert in page], next=following)

    return read(request, look)


@post("/alerts/{alert_id:uuid}/acknowledgement", sync_to_thread=True, **only(*READERS))
def acknowledge(
    request: Call, alert_id: FromPath[UUID], idempotency_key: IdempotencyKey
) -> Response[AlertOut]:
    """Say that somebody is dealing with it."""
    return write_once(
        request, idempotency_key, None, lambda tx: _out(tx, alerts.acknowledge(tx, alert_id))
    )


route_handlers = (list_alerts, acknowledge)
