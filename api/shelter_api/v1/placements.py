"""Placements: from the hold to the departure."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Any
from uuid import UUID

from litestar import Response, get, post
from litestar.params import FromPath, JSONBody

from shelter.db.tables import PlacementRow, Request, Unit
from shelter.domain.placements import Action, PlacementState, actions_for
from shelter.domain.sides import Role, Side
from shelter.services import looks, placements
from shelter.services.context import Tx, found
from shelter.services.lifecycle import sites_of
from shelter_api.access import only
from shelter_api.v1.common import Call, IdempotencyKey, In, Out, read, tagged, write, write_once

READERS = (Role.ON_CALL, Role.COMMUNE_STAFF, Role.COORDINATOR)
ON_SITE = (Role.ON_CALL, Role.COMMUNE_STAFF)


class PartOut(Out):
    unit_id: UUID
    unit: str
    site: str
    commune: str
    first_night: date
    end_night: date


class PlacementOut(Out):
    id: UUID
    request_id: UUID
    side: Side
    code: str
    state: PlacementState
    first_night: date
    end_night: date
    hold_expires_at: datetime
    confirmed_at: datetime | None
    arrived_at: datetime | None
    ended_at: datetime | None
    stays: list[PartOut]
    #: what you may do now
    actions: list[Action]
    version: int


class ExtensionIn(In):
    end_night: date


class ReviewIn(In):
    approve: bool


class AddressOut(Out):
    site: str
    address: str


class AddressList(Out):
    items: list[AddressOut]


def placement_out(tx: Tx, row: PlacementRow) -> PlacementOut:
    staff = tx.actor.role is Role.COMMUNE_STAFF
    parts = []
    for stay, site in sites_of(tx, row):
        if staff and site.service != tx.actor.service:
            continue  # their own site, and not the name of another
        unit: Unit = found(tx.rows.get(Unit, stay.unit_id), "unit")
        parts.append(
            PartOut(
                unit_id=unit.id,
                unit=unit.label,
                site=site.name,
                commune=site.commune,
                first_night=stay.first_night,
                end_night=stay.end_night,
            )
        )
    columns = {
        name: getattr(row, name)
        for name in PlacementOut.model_fields
        if name not in {"stays", "actions"}
    }
    actions = actions_for(row.state, tx.actor.role) if tx.actor.role is not None else ()
    return PlacementOut(**columns, stays=parts, actions=list(actions))


def _act(
    request: Call,
    key: str,
    body: Any,
    work: Callable[[Tx], PlacementRow],
) -> Response[Any]:
    return write_once(request, key, body, lambda tx: placement_out(tx, work(tx)))


@get("/placements/{placement_id:uuid}", sync_to_thread=True, **only(*READERS))
def get_placement(request: Call, placement_id: FromPath[UUID]) -> Response[PlacementOut]:
    """One placement, and what you may do about it now."""

    def look(tx: Tx) -> PlacementOut:
        row = placements.readable_placement(tx, placement_id)
        looks.placement_looked_at(tx, row, found(tx.rows.get(Request, row.request_id), "request"))
        return placement_out(tx, row)

    return tagged(read(request, look))


@post("/placements/{placement_id:uuid}/confirmation", sync_to_thread=True, **only(Role.ON_CALL))
def confirm(
    request: Call, placement_id: FromPath[UUID], idempotency_key: IdempotencyKey
) -> Response[PlacementOut]:
    """Turn the hold into a promise; the messages go out."""
    return _act(request, idempotency_key, None, lambda tx: placements.confirm(tx, placement_id))


@post("/placements/{placement_id:uuid}/release", sync_to_thread=True, **only(Role.ON_CALL))
def release(
    request: Call, placement_id: FromPath[UUID], idempotency_key: IdempotencyKey
) -> Response[PlacementOut]:
    """Let go of the hold."""
    return _act(request, idempotency_key, None, lambda tx: placements.release(tx, placement_id))


@post("/placements/{placement_id:uuid}/review", sync_to_thread=True, **only(Role.COORDINATOR))
def review(
    request: Call,
    placement_id: FromPath[UUID],
    data: JSONBody[ReviewIn],
    idempotency_key: IdempotencyKey,
) -> Response[PlacementOut]:
    """Approve or decline, in a network that reviews every perpetrator placement."""
    return _act(
        request,
        idempotency_key,
        data.model_dump(mode="json"),
        lambda tx: placements.review(tx, placement_id, approve=data.approve),
    )


@post("/placements/{placement_id:uuid}/arrival", sync_to_thread=True, **only(*ON_SITE))
def arrive(
    request: Call, placement_id: FromPath[UUID], idempotency_key: IdempotencyKey
) -> Response[PlacementOut]:
    """They are there."""
    return _act(request, idempotency_key, None, lambda tx: placements.arrive(tx, placement_id))


@post("/placements/{placement_id:uuid}/extension", sync_to_thread=True, **only(Role.ON_CALL))
def extend(
    request: Call,
    placement_id: FromPath[UUID],
    data: JSONBody[ExtensionIn],
    idempotency_key: IdempotencyKey,
) -> Response[PlacementOut]:
    """Lengthen the stay, within the place's own durations."""
    return _act(
        request,
        idempotency_key,
        data.model_dump(mode="json"),
        lambda tx: placements.extend(tx, placement_id, data.end_night),
    )


@post("/placements/{placement_id:uuid}/departure", sync_to_thread=True, **only(*ON_SITE))
def depart(
    request: Call, placement_id: FromPath[UUID], idempotency_key: IdempotencyKey
) -> Response[PlacementOut]:
    """They have left; cleaning begins."""
    return _act(request, idempotency_key, None, lambda tx: placements.depart(tx, placement_id))


@post("/placements/{placement_id:uuid}/no-show", sync_to_thread=True, **only(*ON_SITE))
def no_show(
    request: Call, placement_id: FromPath[UUID], idempotency_key: IdempotencyKey
) -> Response[PlacementOut]:
    """Nobody came: the nights are free, the request is open again."""
    return _act(request, idempotency_key, None, lambda tx: placements.no_show(tx, placement_id))


@post("/placements/{placement_id:uuid}/cancellation", sync_to_thread=True, **only(Role.ON_CALL))
def cancel(
    request: Call, placement_id: FromPath[UUID], idempotency_key: IdempotencyKey
) -> Response[PlacementOut]:
    """Take the promise back before anybody arrived."""
    return _act(request, idempotency_key, None, lambda tx: placements.cancel(tx, placement_id))


@post(
    "/placements/{placement_id:uuid}/address-look",
    sync_to_thread=True,
    status_code=200,
    **only(*ON_SITE),
)
def look_at_address(request: Call, placement_id: FromPath[UUID]) -> Response[AddressList]:
    """Where to go. A POST, because every look is written down."""

    def look(tx: Tx) -> AddressList:
        return AddressList(
            items=[
                AddressOut(site=site.name, address=location.address)
                for site, location in placements.reveal_address(tx, placement_id)
            ]
        )

    return Response(write(request, look), status_code=200)


route_handlers = (
    get_placement,
    confirm,
    release,
    review,
    arrive,
    extend,
    depart,
    no_show,
    cancel,
    look_at_address,
)
