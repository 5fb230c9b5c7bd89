"""The other side of one case: opened by a coordinator, for a reason and an hour."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from litestar import Response, get, post
from litestar.params import FromPath, JSONBody

from shelter.domain.decisions import GlassReason
from shelter.domain.placements import PlacementState
from shelter.domain.requests import RequestState
from shelter.domain.sides import Role, Side
from shelter.services import break_glass
from shelter.services.context import Tx
from shelter_api.access import only
from shelter_api.v1.common import Call, IdempotencyKey, In, Out, read, write_once


class GlassIn(In):
    reason: GlassReason


class OtherPlacementOut(Out):
    state: PlacementState
    first_night: date
    end_night: date
    communes: list[str]
    services: list[str]


class OtherRequestOut(Out):
    code: str
    side: Side
    state: RequestState
    service: str
    duty_phone: str | None
    placements: list[OtherPlacementOut]


class GlassOut(Out):
    #: None: nothing is open, and nothing is shown
    open_until: datetime | None
    reason: GlassReason | None
    others: list[OtherRequestOut]


def _out(tx: Tx, request_id: UUID) -> GlassOut:
    opened = break_glass.look_through(tx, request_id)
    glass = opened.glass
    return GlassOut(
        open_until=glass.until if glass is not None else None,
        reason=glass.reason if glass is not None else None,
        others=[
            OtherRequestOut(
                code=other.request.code,
                side=other.request.side,
                state=other.request.state,
                service=other.request.service,
                duty_phone=other.duty_phone,
                placements=[
                    OtherPlacementOut(
                        state=each.state,
                        first_night=each.first_night,
                        end_night=each.end_night,
                        communes=list(each.communes),
                        services=list(each.services),
                    )
                    for each in other.placements
                ],
            )
            for other in opened.others
        ],
    )


@get("/requests/{request_id:uuid}/glass", sync_to_thread=True, **only(Role.COORDINATOR))
def look_through(request: Call, request_id: FromPath[UUID]) -> GlassOut:
    """What the glass shows while it is open; every look is written down."""
    return read(request, lambda tx: _out(tx, request_id))


class GlassOpenedOut(Out):
    open_until: datetime


@post("/requests/{request_id:uuid}/glass", sync_to_thread=True, **only(Role.COORDINATOR))
def open_glass(
    request: Call,
    request_id: FromPath[UUID],
    data: JSONBody[GlassIn],
    idempotency_key: IdempotencyKey,
) -> Response[GlassOpenedOut]:
    """Open the other side of this case for an hour. The services of the victim side are told."""

    def work(tx: Tx) -> GlassOpenedOut:
        # not what it shows: a repeated call would show it from the store after the hour
        return GlassOpenedOut(open_until=break_glass.open_glass(tx, request_id, data.reason).until)

    return write_once(request, idempotency_key, data.model_dump(mode="json"), work)


class GlassClosedOut(Out):
    open_until: None = None


@post("/requests/{request_id:uuid}/glass/closing", sync_to_thread=True, **only(Role.COORDINATOR))
def close_glass(
    request: Call, request_id: FromPath[UUID], idempotency_key: IdempotencyKey
) -> Response[GlassClosedOut]:
    """Close it before its hour is over."""

    def work(tx: Tx) -> GlassClosedOut:
        break_glass.close_glass(tx, request_id)
        return GlassClosedOut()

    answer: Response[Any] = write_once(request, idempotency_key, None, work)
    return answer


route_handlers = (look_through, open_glass, close_glass)
