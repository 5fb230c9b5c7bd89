"""Sites that are to serve the other side: asked by one two-sided person, agreed by another."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from litestar import Response, get, post
from litestar.params import FromPath, JSONBody

from shelter.db.tables import AudienceChange
from shelter.domain.audience import AudienceReason, AudienceState
from shelter.domain.sides import Role, Side
from shelter.services import audience
from shelter.services.context import Tx
from shelter_api.access import only
from shelter_api.v1.common import Call, IdempotencyKey, In, Out, read, write_once

DECIDERS = tuple(sorted(audience.DECIDERS))


class AudienceIn(In):
    #: a service of the other side, which runs the site from then on
    service: str
    reason: AudienceReason


class AudienceOut(Out):
    id: UUID
    code: str
    site_id: UUID
    site: str
    commune: str
    to_side: Side
    to_service: str
    reason: AudienceReason
    state: AudienceState
    asked_by: str
    asked_at: datetime
    decided_by: str | None
    decided_at: datetime | None
    #: you asked for it, so somebody else must agree
    is_mine: bool


class AudienceList(Out):
    items: list[AudienceOut]


def _out(view: audience.ChangeView) -> AudienceOut:
    change = view.change
    return AudienceOut(
        id=change.id,
        code=change.code,
        site_id=change.site_id,
        site=view.site.name,
        commune=view.site.commune,
        to_side=change.to_side,
        to_service=change.to_service,
        reason=change.reason,
        state=change.state,
        asked_by=view.asked_by,
        asked_at=change.asked_at,
        decided_by=view.decided_by,
        decided_at=change.decided_at,
        is_mine=view.is_mine,
    )


def _viewed(tx: Tx, change: AudienceChange) -> AudienceOut:
    tx.session.flush()
    return _out(audience.view(tx, change))


@get("/audience-changes", sync_to_thread=True, **only(*DECIDERS))
def list_changes(request: Call) -> AudienceList:
    """What waits for a second person, then what was decided last."""
    return read(
        request, lambda tx: AudienceList(items=[_out(view) for view in audience.list_changes(tx)])
    )


@post("/sites/{site_id:uuid}/audience-changes", sync_to_thread=True, **only(Role.COORDINATOR))
def ask(
    request: Call,
    site_id: FromPath[UUID],
    data: JSONBody[AudienceIn],
    idempotency_key: IdempotencyKey,
) -> Response[AudienceOut]:
    """Ask that an empty site serve the other side. Another person must agree."""
    return write_once(
        request,
        idempotency_key,
        data.model_dump(mode="json"),
        lambda tx: _viewed(tx, audience.ask_audience(tx, site_id, data.service, data.reason)),
    )


@post("/audience-changes/{change_id:uuid}/agreement", sync_to_thread=True, **only(*DECIDERS))
def agree(
    request: Call, change_id: FromPath[UUID], idempotency_key: IdempotencyKey
) -> Response[AudienceOut]:
    """Agree to what somebody else asked for: the site changes hands and opens."""
    return write_once(
        request,
        idempotency_key,
        None,
        lambda tx: _viewed(tx, audience.agree_audience(tx, change_id)),
    )


@post("/audience-changes/{change_id:uuid}/withdrawal", sync_to_thread=True, **only(*DECIDERS))
def withdraw(
    request: Call, change_id: FromPath[UUID], idempotency_key: IdempotencyKey
) -> Response[AudienceOut]:
    """Take the question back, or say no to it."""
    return write_once(
        request,
        idempotency_key,
        None,
        lambda tx: _viewed(tx, audience.withdraw_audience(tx, change_id)),
    )


route_handlers = (list_changes, ask, agree, withdraw)
