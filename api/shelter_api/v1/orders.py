"""Barring orders (ITR): what is known of them, and what people say has happened."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from litestar import Response, get, post
from litestar.params import FromPath, FromQuery, JSONBody
from pydantic import AwareDatetime

from shelter.db.tables import BarringOrder
from shelter.domain.orders import OrderAct, OrderState, acts_for
from shelter.domain.sides import Role
from shelter.services import orders
from shelter.services.context import Tx
from shelter_api.access import only
from shelter_api.v1.common import (
    Call,
    Cursor,
    Day,
    IdempotencyKey,
    In,
    Out,
    limit_of,
    page_of,
    place_of,
    read,
    tagged,
    write_once,
)

#: the victim side's workers read; the service refuses them whatever they would write
PEOPLE = (Role.ON_CALL, Role.SAPV, Role.COORDINATOR)


class OrderIn(In):
    #: only its keyed hash is stored
    case_reference: str
    #: when it was notified; left out while it was not
    served_at: AwareDatetime | None = None
    #: where the prosecutor ordered fewer than the law allows
    days: int | None = None
    hearing_on: Day | None = None


class ServingIn(In):
    served_at: AwareDatetime
    days: int | None = None
    version: int


class HearingIn(In):
    #: None takes the date away
    hearing_on: Day | None = None
    version: int


class ExtensionIn(In):
    #: in force, its last minute included
    extended_until: Day
    version: int


class VersionIn(In):
    version: int


class OrderOut(Out):
    id: UUID
    code: str
    service: str
    state: OrderState
    served_at: datetime | None
    ends_at: datetime | None
    hearing_on: date | None
    closed_at: datetime | None
    created_at: datetime
    #: its end has passed, and nobody has said what became of it
    is_past: bool
    #: what you may say of it now
    acts: list[OrderAct]
    version: int


class OrderList(Out):
    items: list[OrderOut]
    #: give it as ``cursor`` to get the next page; None on the last
    next: str | None


def order_out(tx: Tx, row: BarringOrder) -> OrderOut:
    columns = {
        name: getattr(row, name)
        for name in OrderOut.model_fields
        if name not in {"is_past", "acts"}
    }
    acts = acts_for(row.state) if orders.may_write(tx.actor) else ()
    return OrderOut(**columns, is_past=orders.is_past(row, tx.now), acts=list(acts))


@get("/orders", sync_to_thread=True, **only(*PEOPLE))
def list_orders(request: Call, after: Cursor = None, limit: FromQuery[int] = 50) -> OrderList:
    """Orders that your service recorded or that are of its cases, newest first, in pages."""
    place, size = place_of(after), limit_of(limit)

    def look(tx: Tx) -> OrderList:
        page, following = page_of(orders.list_orders(tx, after=place, limit=size + 1), size)
        return OrderList(items=[order_out(tx, row) for row in page], next=following)

    return read(request, look)


@get("/orders/{order_id:uuid}", sync_to_thread=True, **only(*PEOPLE))
def get_order(request: Call, order_id: FromPath[UUID]) -> Response[OrderOut]:
    """One order, and what you may say of it now."""
    return tagged(read(request, lambda tx: order_out(tx, orders.open_order(tx, order_id))))


@post("/orders", sync_to_thread=True, **only(*PEOPLE))
def record(
    request: Call, data: JSONBody[OrderIn], idempotency_key: IdempotencyKey
) -> Response[OrderOut]:
    """Note an order of the prosecutor's, notified already or not yet."""
    return write_once(
        request,
        idempotency_key,
        data.model_dump(mode="json"),
        lambda tx: order_out(tx, orders.record(tx, **data.model_dump())),
    )


@post("/orders/{order_id:uuid}/serving", sync_to_thread=True, **only(*PEOPLE))
def serve(
    request: Call,
    order_id: FromPath[UUID],
    data: JSONBody[ServingIn],
    idempotency_key: IdempotencyKey,
) -> Response[Any]:
    """It was notified: its days run from there."""
    return write_once(
        request,
        idempotency_key,
        data.model_dump(mode="json"),
        lambda tx: order_out(
            tx, orders.serve(tx, order_id, data.served_at, data.version, days=data.days)
        ),
    )


@post("/orders/{order_id:uuid}/hearing", sync_to_thread=True, **only(*PEOPLE))
def set_hearing(
    request: Call,
    order_id: FromPath[UUID],
    data: JSONBody[HearingIn],
    idempotency_key: IdempotencyKey,
) -> Response[OrderOut]:
    """When the family court hears the case."""
    return write_once(
        request,
        idempotency_key,
        data.model_dump(mode="json"),
        lambda tx: order_out(tx, orders.set_hearing(tx, order_id, data.hearing_on, data.version)),
    )


@post("/orders/{order_id:uuid}/extension", sync_to_thread=True, **only(*PEOPLE))
def extend(
    request: Call,
    order_id: FromPath[UUID],
    data: JSONBody[ExtensionIn],
    idempotency_key: IdempotencyKey,
) -> Response[OrderOut]:
    """The court extended it to the end of a day."""
    return write_once(
        request,
        idempotency_key,
        data.model_dump(mode="json"),
        lambda tx: order_out(tx, orders.extend(tx, order_id, data.extended_until, data.version)),
    )


@post("/orders/{order_id:uuid}/lifting", sync_to_thread=True, **only(*PEOPLE))
def lift(
    request: Call,
    order_id: FromPath[UUID],
    data: JSONBody[VersionIn],
    idempotency_key: IdempotencyKey,
) -> Response[OrderOut]:
    """It was lifted before its end."""
    return write_once(
        request,
        idempotency_key,
        data.model_dump(mode="json"),
        lambda tx: order_out(tx, orders.lift(tx, order_id, data.version)),
    )


@post("/orders/{order_id:uuid}/end", sync_to_thread=True, **only(*PEOPLE))
def end(
    request: Call,
    order_id: FromPath[UUID],
    data: JSONBody[VersionIn],
    idempotency_key: IdempotencyKey,
) -> Response[OrderOut]:
    """It is over, as you say; no place is freed by that."""
    return write_once(
        request,
        idempotency_key,
        data.model_dump(mode="json"),
        lambda tx: order_out(tx, orders.end(tx, order_id, data.version)),
    )


route_handlers = (list_orders, get_order, record, serve, set_hearing, extend, lift, end)
