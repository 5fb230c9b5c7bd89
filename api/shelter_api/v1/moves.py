"""Moving a household that has a place: where it could be, and bringing it there."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from litestar import Response, get, post
from litestar.params import FromPath, JSONBody

from shelter.domain.sides import Role
from shelter.services import placements, replans
from shelter_api.access import only
from shelter_api.language import language_of
from shelter_api.v1.common import Call, IdempotencyKey, Out, system_of, write_once
from shelter_api.v1.placements import PlacementOut, placement_out
from shelter_api.v1.requests import (
    ChangeOut,
    HoldIn,
    OptionOut,
    ReasonOut,
    change_out,
    option_out,
    reason_out,
)


class ReplanOut(Out):
    #: where they are now breaks a safety rule
    is_broken: bool
    status: str
    computed_at: datetime
    options: list[OptionOut]
    blocked: list[ReasonOut]
    changes: list[ChangeOut]


def replan_out(plan: replans.Replan, language: str) -> ReplanOut:
    return ReplanOut(
        is_broken=plan.is_broken,
        status=plan.status.value,
        computed_at=plan.computed_at,
        options=[option_out(view, language) for view in plan.options],
        blocked=[reason_out("blocked", reason, language) for reason in plan.blocked],
        changes=[change_out(change, language) for change in plan.changes],
    )


@get(
    "/placements/{placement_id:uuid}/replan",
    sync_to_thread=True,
    **only(Role.ON_CALL, Role.COORDINATOR),
)
def replan(request: Call, placement_id: FromPath[UUID]) -> ReplanOut:
    """Where else the household could be from tonight on; or why nowhere, and what would help."""
    plan = replans.replan(system_of(request), request.user, placement_id)
    return replan_out(plan, language_of(request))


@post("/placements/{placement_id:uuid}/move", sync_to_thread=True, **only(Role.ON_CALL))
def move(
    request: Call,
    placement_id: FromPath[UUID],
    data: JSONBody[HoldIn],
    idempotency_key: IdempotencyKey,
) -> Response[PlacementOut]:
    """Bring the household there, for the nights that it was promised; both sites are told."""
    choice = [placements.StayChoice(**stay.model_dump()) for stay in data.stays]
    return write_once(
        request,
        idempotency_key,
        data.model_dump(mode="json"),
        lambda tx: placement_out(tx, placements.move(tx, placement_id, choice)),
    )


route_handlers = (replan, move)
