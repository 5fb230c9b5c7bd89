"""Places that two people allow although a separation forbids them."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from litestar import Response, get, post
from litestar.params import FromPath, JSONBody

from shelter.domain.decisions import OverrideReason, OverrideState
from shelter.domain.sides import Role
from shelter.services import overrides
from shelter.services.context import Tx
from shelter_api.access import only
from shelter_api.v1.common import Call, Day, IdempotencyKey, In, Out, read, write_once

DECIDERS = (Role.COORDINATOR, Role.SAPV)


class OverrideIn(In):
    site_id: UUID
    #: the day on which the last night must have ended
    until: Day
    reason: OverrideReason
    #: None: the separation from the other side of the request's own case
    separation_id: UUID | None = None


class AnswerIn(In):
    approve: bool


class OverrideOut(Out):
    id: UUID
    request: str
    site: str
    commune: str
    until: date
    reason: OverrideReason
    state: OverrideState
    asked_by: str
    asked_at: datetime
    decided_by: str | None
    decided_at: datetime | None
    withdrawn_at: datetime | None
    #: asked and never answered in time, or allowed until a day that is over
    over: bool
    may_answer: bool


class OverrideList(Out):
    items: list[OverrideOut]


def _out(view: overrides.OverrideView) -> OverrideOut:
    row = view.row
    return OverrideOut(
        id=row.id,
        request=view.request.code,
        site=view.site.name,
        commune=view.site.commune,
        until=row.until,
        reason=row.reason,
        state=row.state,
        asked_by=view.asked_by,
        asked_at=row.asked_at,
        decided_by=view.decided_by,
        decided_at=row.decided_at,
        withdrawn_at=row.withdrawn_at,
        over=view.over,
        may_answer=view.may_answer,
    )


@get("/overrides", sync_to_thread=True, **only(*DECIDERS))
def list_overrides(request: Call) -> OverrideList:
    """What was asked and answered, newest first."""
    return read(
        request,
        lambda tx: OverrideList(items=[_out(view) for view in overrides.list_overrides(tx)]),
    )


@post("/requests/{request_id:uuid}/overrides", sync_to_thread=True, **only(*DECIDERS))
def ask(
    request: Call,
    request_id: FromPath[UUID],
    data: JSONBody[OverrideIn],
    idempotency_key: IdempotencyKey,
) -> Response[OverrideOut]:
    """Ask a second, different person to allow one site to one request."""

    def work(tx: Tx) -> OverrideOut:
        return _out(overrides.one(tx, overrides.ask(tx, request_id, **data.model_dump())))

    return write_once(request, idempotency_key, data.model_dump(mode="json"), work)


@post("/overrides/{override_id:uuid}/answer", sync_to_thread=True, **only(*DECIDERS))
def answer(
    request: Call,
    override_id: FromPath[UUID],
    data: JSONBody[AnswerIn],
    idempotency_key: IdempotencyKey,
) -> Response[OverrideOut]:
    """Approve or decline, as the second person."""

    def work(tx: Tx) -> OverrideOut:
        return _out(overrides.one(tx, overrides.decide(tx, override_id, approve=data.approve)))

    return write_once(request, idempotency_key, data.model_dump(mode="json"), work)


@post("/overrides/{override_id:uuid}/withdrawal", sync_to_thread=True, **only(*DECIDERS))
def withdraw(
    request: Call, override_id: FromPath[UUID], idempotency_key: IdempotencyKey
) -> Response[OverrideOut]:
    """Take back a question or what was allowed."""

    def work(tx: Tx) -> OverrideOut:
        return _out(overrides.one(tx, overrides.withdraw(tx, override_id)))

    return write_once(request, idempotency_key, None, work)


route_handlers = (list_overrides, ask, answer, withdraw)
