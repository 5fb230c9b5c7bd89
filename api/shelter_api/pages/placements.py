"""A placement after the hold, and the one page that shows an address."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any
from uuid import UUID

from litestar import Response, get, post
from litestar.params import FromPath
from litestar.response import Redirect

from shelter.db.tables import PlacementRow, Request
from shelter.domain.errors import NotFound, ShelterError
from shelter.domain.sides import Role
from shelter.services import addresses, looks, placements
from shelter.services.context import Tx, found
from shelter_api.access import only
from shelter_api.pages import views
from shelter_api.pages.common import Call, Notice, read, system_of, write_once
from shelter_api.pages.forms import Form, Posted
from shelter_api.pages.rendering import show
from shelter_api.pages.requests import show_request

READERS = (Role.ON_CALL, Role.COMMUNE_STAFF, Role.COORDINATOR)
ON_SITE = (Role.ON_CALL, Role.COMMUNE_STAFF)

ACTIONS: Mapping[str, Callable[[Tx, UUID, date], PlacementRow]] = {
    "confirm": lambda tx, row, _: placements.confirm(tx, row),
    "release": lambda tx, row, _: placements.release(tx, row),
    "approve": lambda tx, row, _: placements.review(tx, row, approve=True),
    "decline": lambda tx, row, _: placements.review(tx, row, approve=False),
    "arrive": lambda tx, row, _: placements.arrive(tx, row),
    "extend": placements.extend,
    "depart": lambda tx, row, _: placements.depart(tx, row),
    "no_show": lambda tx, row, _: placements.no_show(tx, row),
    "cancel": lambda tx, row, _: placements.cancel(tx, row),
}


def _one(tx: Tx, placement_id: UUID) -> views.Placed:
    row = placements.readable_placement(tx, placement_id)
    request: Request = found(tx.rows.get(Request, row.request_id), "request")
    looks.placement_looked_at(tx, row, request)
    return views.placed(tx, row, request)


@get(
    "/placements/{placement_id:uuid}",
    sync_to_thread=True,
    include_in_schema=False,
    **only(*READERS),
)
def placement_page(request: Call, placement_id: FromPath[UUID]) -> Response[Any]:
    """For the staff of a site; others have the page of the request."""
    if request.user.role is not Role.COMMUNE_STAFF:
        row = read(request, lambda tx: placements.readable_placement(tx, placement_id))
        return Redirect(f"/requests/{row.request_id}", status_code=303)
    return _page(request, placement_id)


def _page(
    request: Call, placement_id: UUID, notice: Notice | None = None, form: Form | None = None
) -> Response[Any]:
    return show(
        request,
        "placements/view.html",
        lambda tx: {"live": _one(tx, placement_id)},
        status=notice.status if notice is not None else 200,
        notice=notice,
        form=form or Form(),
        came_from=f"/placements/{placement_id}",
    )


@post(
    "/placements/{placement_id:uuid}/do/{action:str}",
    sync_to_thread=True,
    include_in_schema=False,
    **only(*READERS),
)
def act(
    request: Call, placement_id: FromPath[UUID], action: FromPath[str], form: Posted
) -> Response[Any]:
    """One move of the table of states; the service says who may make it."""
    if action not in ACTIONS:
        raise NotFound("not_found", what="page")

    def work(tx: Tx) -> str:
        end_night = form.day("end_night") if action == "extend" else date.min
        form.check()
        row = ACTIONS[action](tx, placement_id, end_night)
        if request.user.role is Role.COMMUNE_STAFF:
            return f"/placements/{row.id}"
        return f"/requests/{row.request_id}"

    try:
        return write_once(request, form, work)
    except ShelterError as error:
        row = read(request, lambda tx: placements.readable_placement(tx, placement_id))
        if request.user.role is Role.COMMUNE_STAFF:
            return _page(request, placement_id, Notice(error), form)
        return show_request(request, row.request_id, Notice(error), form)


@get(
    "/placements/{placement_id:uuid}/address",
    sync_to_thread=True,
    include_in_schema=False,
    **only(*ON_SITE),
)
def address_page(request: Call, placement_id: FromPath[UUID]) -> Response[Any]:
    """Says what a look is, and asks for it. Nothing is revealed by coming here.

    Refused, like the look itself, to everybody who may not have the address now.
    """

    def look(tx: Tx) -> dict[str, Any]:
        live = _one(tx, placement_id)
        addresses.sites_to_open(tx, live.row)
        return {"live": live}

    return show(
        request,
        "placements/address.html",
        look,
        revealed=None,
        came_from=f"/placements/{placement_id}/address",
    )


@post(
    "/placements/{placement_id:uuid}/address",
    sync_to_thread=True,
    include_in_schema=False,
    status_code=200,
    **only(*ON_SITE),
)
def reveal_address(request: Call, placement_id: FromPath[UUID]) -> Response[Any]:
    """Where to go. Every look is written down, so each is a transaction of its own."""
    revealed = system_of(request).run(
        request.user, lambda tx: placements.reveal_address(tx, placement_id)
    )
    return show(
        request,
        "placements/address.html",
        lambda tx: {"live": _one(tx, placement_id)},
        revealed=[(site, location.address) for site, location in revealed],
        came_from=f"/placements/{placement_id}/address",
    )


route_handlers = (placement_page, act, address_page, reveal_address)
