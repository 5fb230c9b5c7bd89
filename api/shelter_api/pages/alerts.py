"""Alerts: somebody must say that they have seen them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Response, get, post
from litestar.params import FromPath

from shelter.domain.sides import Role
from shelter.services import alerts, replans
from shelter.services.context import Tx
from shelter_api.access import only
from shelter_api.pages import views
from shelter_api.pages.common import Call, local_path, system_of, write_once
from shelter_api.pages.forms import Posted
from shelter_api.pages.rendering import show

READERS = (Role.ON_CALL, Role.COMMUNE_STAFF, Role.SAPV, Role.COORDINATOR)


@get("/alerts", sync_to_thread=True, include_in_schema=False, **only(*READERS))
def list_alerts(request: Call) -> Response[Any]:
    def look(tx: Tx) -> dict[str, Any]:
        return {
            "waiting": views.told(tx, alerts.list_alerts(tx, answered=False)),
            "answered": views.told(tx, alerts.list_alerts(tx, answered=True, limit=30)),
        }

    return show(request, "alerts.html", look)


@get("/alerts/{alert_id:uuid}", sync_to_thread=True, include_in_schema=False, **only(*READERS))
def alert_page(request: Call, alert_id: FromPath[UUID]) -> Response[Any]:
    """One alert; of a broken separation with where else the household could be."""
    detail = replans.alert_detail(system_of(request), request.user, alert_id)

    def look(tx: Tx) -> dict[str, Any]:
        [told] = views.told(tx, [detail.alert])
        return {"told": told, "detail": detail, "may_move": tx.actor.role is Role.ON_CALL}

    return show(request, "alert.html", look)


@post(
    "/alerts/{alert_id:uuid}/acknowledge",
    sync_to_thread=True,
    include_in_schema=False,
    **only(*READERS),
)
def acknowledge(request: Call, alert_id: FromPath[UUID], form: Posted) -> Response[Any]:
    def work(tx: Tx) -> str:
        alerts.acknowledge(tx, alert_id)
        return local_path(form.text("back"), "/alerts")

    return write_once(request, form, work)


@post(
    "/alerts/{alert_id:uuid}/hand-on",
    sync_to_thread=True,
    include_in_schema=False,
    **only(*READERS),
)
def hand_on(request: Call, alert_id: FromPath[UUID], form: Posted) -> Response[Any]:
    def work(tx: Tx) -> str:
        alerts.hand_on(tx, alert_id)
        return local_path(form.text("back"), "/alerts")

    return write_once(request, form, work)


route_handlers = (list_alerts, alert_page, acknowledge, hand_on)
