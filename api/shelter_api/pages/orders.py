"""Barring orders: the list, the form, and one order's dates with what may be said of it next."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from litestar import Response, get, post
from litestar.params import FromPath

from shelter.db.tables import BarringOrder
from shelter.domain.errors import NotFound, ShelterError
from shelter.domain.orders import acts_for, last_day
from shelter.domain.sides import Role
from shelter.services import orders
from shelter.services.context import Tx
from shelter_api.access import only
from shelter_api.pages.common import Call, Notice, write_once
from shelter_api.pages.forms import Form, Posted
from shelter_api.pages.rendering import show
from shelter_api.v1.common import cursor, place_of

PEOPLE = (Role.ON_CALL, Role.SAPV, Role.COORDINATOR)
PAGE = 30


def _list(request: Call, notice: Notice | None = None) -> Response[Any]:
    after = place_of(request.query_params.get("after"))

    def look(tx: Tx) -> dict[str, Any]:
        rows = orders.list_orders(tx, after=after, limit=PAGE + 1)
        page = rows[:PAGE]
        more = len(rows) > PAGE
        return {
            "orders": page,
            "is_past": orders.is_past,
            "may_write": orders.may_write(tx.actor),
            "next": cursor(page[-1].created_at, page[-1].id) if more else None,
        }

    return show(
        request,
        "orders/list.html",
        look,
        status=notice.status if notice is not None else 200,
        notice=notice,
        came_from="/orders",
    )


@get("/orders", sync_to_thread=True, include_in_schema=False, **only(*PEOPLE))
def list_orders(request: Call) -> Response[Any]:
    return _list(request)


@get("/orders/new", sync_to_thread=True, include_in_schema=False, **only(*PEOPLE))
def new_order(request: Call) -> Response[Any]:
    return _form(request)


def _form(request: Call, notice: Notice | None = None, form: Form | None = None) -> Response[Any]:
    if not orders.may_write(request.user):
        return _list(request, notice)  # who reads only gets the list
    return show(
        request,
        "orders/new.html",
        lambda tx: {"law": tx.network.orders},
        status=notice.status if notice is not None else 200,
        notice=notice,
        form=form or Form(),
        came_from="/orders/new",
    )


@post("/orders", sync_to_thread=True, include_in_schema=False, **only(*PEOPLE))
def record(request: Call, form: Posted) -> Response[Any]:
    def work(tx: Tx) -> str:
        served_at = _moment(form, "served_at", tx.network.timezone)
        days = form.optional_whole("days")
        hearing_on = form.optional_day("hearing_on")
        form.check()
        order = orders.record(
            tx,
            form.text("case_reference"),
            served_at=served_at,
            days=days if served_at is not None else None,
            hearing_on=hearing_on,
        )
        return f"/orders/{order.id}"

    try:
        return write_once(request, form, work)
    except ShelterError as error:
        return _form(request, Notice(error), form)


def _page(
    request: Call, order_id: UUID, notice: Notice | None = None, form: Form | None = None
) -> Response[Any]:
    def look(tx: Tx) -> dict[str, Any]:
        order = orders.open_order(tx, order_id)
        law, zone = tx.network.orders, tx.network.timezone
        writes = orders.may_write(tx.actor)
        return {
            "it": order,
            "law": law,
            "acts": [act.value for act in acts_for(order.state)] if writes else [],
            "is_past": orders.is_past(order, tx.now),
            "latest": None if order.served_at is None else last_day(order.served_at, law, zone),
            "writes": writes,
        }

    return show(
        request,
        "orders/view.html",
        look,
        status=notice.status if notice is not None else 200,
        notice=notice,
        form=form or Form(),
        came_from=f"/orders/{order_id}",
    )


@get("/orders/{order_id:uuid}", sync_to_thread=True, include_in_schema=False, **only(*PEOPLE))
def order_page(request: Call, order_id: FromPath[UUID]) -> Response[Any]:
    return _page(request, order_id)


def _serve(tx: Tx, order_id: UUID, form: Form) -> BarringOrder:
    served_at = _moment(form, "served_at", tx.network.timezone)
    if served_at is None:
        form.wrong("served_at", "missing")
    days, version = form.optional_whole("days"), form.whole("version")
    form.check()
    assert served_at is not None
    return orders.serve(tx, order_id, served_at, version, days=days)


def _hearing(tx: Tx, order_id: UUID, form: Form) -> BarringOrder:
    hearing_on, version = form.optional_day("hearing_on"), form.whole("version")
    form.check()
    return orders.set_hearing(tx, order_id, hearing_on, version)


def _extend(tx: Tx, order_id: UUID, form: Form) -> BarringOrder:
    until, version = form.day("extended_until"), form.whole("version")
    form.check()
    return orders.extend(tx, order_id, until, version)


#: by the last part of the path
ACTS: Mapping[str, Callable[[Tx, UUID, Form], BarringOrder]] = {
    "serve": _serve,
    "hearing": _hearing,
    "extend": _extend,
    "lift": lambda tx, order_id, form: orders.lift(tx, order_id, form.whole("version")),
    "end": lambda tx, order_id, form: orders.end(tx, order_id, form.whole("version")),
}


@post(
    "/orders/{order_id:uuid}/do/{action:str}",
    sync_to_thread=True,
    include_in_schema=False,
    **only(*PEOPLE),
)
def act(
    request: Call, order_id: FromPath[UUID], action: FromPath[str], form: Posted
) -> Response[Any]:
    if action not in ACTS:
        raise NotFound("not_found", what="page")

    def work(tx: Tx) -> str:
        ACTS[action](tx, order_id, form)
        return f"/orders/{order_id}"

    try:
        return write_once(request, form, work)
    except ShelterError as error:
        return _page(request, order_id, Notice(error), form)


def _moment(form: Form, name: str, zone: ZoneInfo) -> datetime | None:
    """A local date and time, as a browser writes it; of one that comes twice the first."""
    typed = form.text(name).strip()
    if not typed:
        return None
    try:
        at = datetime.fromisoformat(typed)
    except ValueError:
        form.wrong(name, "moment")
        return None
    if at.tzinfo is not None or not 2000 <= at.year < 3000:
        form.wrong(name, "moment")
        return None
    return at.replace(tzinfo=zone)


route_handlers = (list_orders, new_order, record, order_page, act)
