"""The first page: what waits for this person now."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from litestar import Response, get

from shelter.db.tables import PlacementRow, Request
from shelter.domain.placements import PlacementState
from shelter.domain.requests import RequestState
from shelter.domain.sides import Role
from shelter.services import alerts, intake, sites
from shelter.services import board as boards
from shelter.services.context import Tx
from shelter_api.access import signed_in
from shelter_api.pages import views
from shelter_api.pages.common import Call
from shelter_api.pages.duty import on_home
from shelter_api.pages.rendering import show

MANY = 50


def _alerts(tx: Tx) -> tuple[views.Told, ...]:
    return views.told(tx, alerts.list_alerts(tx, answered=False, limit=20))


def _latest_placements(tx: Tx) -> list[tuple[Request, PlacementRow]]:
    """Requests that have a place, with their present placement."""
    return [
        (request, row)
        for request in intake.list_requests(tx, state=RequestState.PLACED, after=None, limit=MANY)
        for row in intake.placements_of(tx, request)[:1]
    ]


def _on_call(tx: Tx) -> dict[str, Any]:
    running = [views.placed(tx, row, request) for request, row in _latest_placements(tx)]
    running.sort(key=lambda view: (view.row.first_night, view.row.held_at))
    return {
        "open_requests": intake.list_requests(tx, state=RequestState.OPEN, after=None, limit=MANY),
        "held": [v for v in running if v.row.state is PlacementState.HELD],
        "expected": [
            v
            for v in running
            if v.row.state in {PlacementState.CONFIRMED, PlacementState.AWAITING_REVIEW}
        ],
        "ending": [v for v in running if views.ends_soon(v)],
        "housed": [
            v for v in running if v.row.state is PlacementState.ARRIVED and not views.ends_soon(v)
        ],
        "alerts": _alerts(tx),
        **on_home(tx),
    }


def _commune_staff(tx: Tx) -> dict[str, Any]:
    mine = sites.list_sites(tx)
    lines = [line for rows in boards.board(tx, nights=1).sites for line in rows.units]
    return {
        "tonight_in": {line.unit.id: line.nights[0].cell for line in lines},
        "sites": [(view.site, views.units_now(tx, view.units)) for view in mine],
        "stalest": views.stalest,
        "placements": views.placed_at(tx, [view.site for view in mine]),
        "alerts": _alerts(tx),
        **on_home(tx),
    }


def _sapv(tx: Tx) -> dict[str, Any]:
    return {"alerts": _alerts(tx), **on_home(tx)}


def _coordinator(tx: Tx) -> dict[str, Any]:
    return {
        "alerts": _alerts(tx),
        **on_home(tx),
        "to_review": [
            views.placed(tx, row, request)
            for request, row in _latest_placements(tx)
            if row.state is PlacementState.AWAITING_REVIEW
        ],
        "to_open": [view for view in sites.list_sites(tx) if view.site.opened_at is None],
    }


def _administrator(_tx: Tx) -> dict[str, Any]:
    return {}


PAGES: Mapping[Role, tuple[str, Callable[[Tx], dict[str, Any]]]] = {
    Role.ON_CALL: ("home/on_call.html", _on_call),
    Role.COMMUNE_STAFF: ("home/commune_staff.html", _commune_staff),
    Role.SAPV: ("home/sapv.html", _sapv),
    Role.COORDINATOR: ("home/coordinator.html", _coordinator),
    Role.ADMINISTRATOR: ("home/administrator.html", _administrator),
}


@get("/", sync_to_thread=True, include_in_schema=False, **signed_in())
def home(request: Call) -> Response[Any]:
    assert request.user.role is not None
    template, work = PAGES[request.user.role]
    return show(request, template, work)


route_handlers = (home,)
