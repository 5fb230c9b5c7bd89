"""Alerts and their acknowledgement."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from litestar import Response, get, post
from litestar.params import FromPath, FromQuery

from shelter.domain.alerts import AlertKind, StepEnd, Tell
from shelter.domain.messages import Channel
from shelter.domain.sides import Role, Side
from shelter.services import alerts, replans
from shelter.services.context import Tx
from shelter_api.access import only
from shelter_api.language import language_of
from shelter_api.v1.common import (
    Call,
    Cursor,
    IdempotencyKey,
    Out,
    limit_of,
    page_of,
    place_of,
    read,
    system_of,
    write_once,
)
from shelter_api.v1.moves import ReplanOut, replan_out

READERS = (Role.ON_CALL, Role.COMMUNE_STAFF, Role.SAPV, Role.COORDINATOR)


class AlertOut(Out):
    id: UUID
    kind: AlertKind
    side: Side
    service: str
    #: what its messages call it; "-" without a request or a unit
    reference: str
    created_at: datetime
    acknowledged_at: datetime | None
    acknowledged_via: str | None


class StepOut(Out):
    """One step of the escalation."""

    tell: Tell
    channel: Channel
    due_at: datetime
    #: None while it waits
    ended: StepEnd | None
    ended_at: datetime | None


class AlertDetail(AlertOut):
    #: who was told, and who will be if nobody answers
    steps: list[StepOut]
    #: of a broken separation: where they are now is (still) not safe; None: nobody is there now
    is_broken: bool | None
    #: how many other places there are today, whoever reads this
    other_places: int | None
    #: the service that must act
    acts: str | None
    #: the places themselves, for those who work on the household
    replan: ReplanOut | None


class AlertList(Out):
    items: list[AlertOut]
    #: give it as ``cursor`` to get the next page; None on the last
    next: str | None


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
        return AlertList(items=[AlertOut.model_validate(alert) for alert in page], next=following)

    return read(request, look)


@get("/alerts/{alert_id:uuid}", sync_to_thread=True, **only(*READERS))
def get_alert(request: Call, alert_id: FromPath[UUID]) -> AlertDetail:
    """One alert; of a broken separation with the re-plan, computed now.

    The police see that there is one and whose turn it is, and not where.
    """
    detail = replans.alert_detail(system_of(request), request.user, alert_id)
    plan, about = detail.replan, detail.request
    return AlertDetail(
        **AlertOut.model_validate(detail.alert).model_dump(),
        steps=[StepOut.model_validate(step) for step in detail.steps],
        is_broken=plan.is_broken if plan is not None else None,
        other_places=len(plan.options) if plan is not None else None,
        acts=about.service if plan is not None and about is not None else None,
        replan=replan_out(plan, language_of(request))
        if plan is not None and detail.may_see_places
        else None,
    )


@post("/alerts/{alert_id:uuid}/acknowledgement", sync_to_thread=True, **only(*READERS))
def acknowledge(
    request: Call, alert_id: FromPath[UUID], idempotency_key: IdempotencyKey
) -> Response[AlertOut]:
    """Say that somebody is dealing with it."""
    return write_once(
        request,
        idempotency_key,
        None,
        lambda tx: AlertOut.model_validate(alerts.acknowledge(tx, alert_id)),
    )


@post("/alerts/{alert_id:uuid}/hand-on", sync_to_thread=True, **only(*READERS))
def hand_on(
    request: Call, alert_id: FromPath[UUID], idempotency_key: IdempotencyKey
) -> Response[AlertOut]:
    """ "Not me": whoever is next is told at once. 409 when there is nobody left."""
    return write_once(
        request,
        idempotency_key,
        None,
        lambda tx: AlertOut.model_validate(alerts.hand_on(tx, alert_id)),
    )


route_handlers = (list_alerts, get_alert, acknowledge, hand_on)
