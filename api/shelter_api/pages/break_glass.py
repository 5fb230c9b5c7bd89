"""The other side of one case, behind glass: a coordinator, a reason, an hour."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Response, get, post
from litestar.params import FromPath

from shelter.domain.decisions import GlassReason
from shelter.domain.errors import ShelterError
from shelter.domain.sides import Role
from shelter.services import break_glass
from shelter.services.context import Tx
from shelter_api.access import only
from shelter_api.pages.common import Call, Notice, write_once
from shelter_api.pages.forms import Form, Posted
from shelter_api.pages.rendering import show


def _page(
    request: Call, request_id: UUID, notice: Notice | None = None, form: Form | None = None
) -> Response[Any]:
    def look(tx: Tx) -> dict[str, Any]:
        return {"opened": break_glass.look_through(tx, request_id), "reasons": tuple(GlassReason)}

    return show(
        request,
        "requests/glass.html",
        look,
        status=notice.status if notice is not None else 200,
        notice=notice,
        form=form or Form(),
        came_from=f"/requests/{request_id}/glass",
    )


@get(
    "/requests/{request_id:uuid}/glass",
    sync_to_thread=True,
    include_in_schema=False,
    **only(Role.COORDINATOR),
)
def glass_page(request: Call, request_id: FromPath[UUID]) -> Response[Any]:
    """What breaking it means, and the reasons; or what it shows while it is open."""
    return _page(request, request_id)


@post(
    "/requests/{request_id:uuid}/glass",
    sync_to_thread=True,
    include_in_schema=False,
    **only(Role.COORDINATOR),
)
def open_glass(request: Call, request_id: FromPath[UUID], form: Posted) -> Response[Any]:
    def work(tx: Tx) -> str:
        reason = form.required_choice("reason", GlassReason)
        form.check()
        break_glass.open_glass(tx, request_id, reason)
        return f"/requests/{request_id}/glass"

    try:
        return write_once(request, form, work)
    except ShelterError as error:
        return _page(request, request_id, Notice(error), form)


@post(
    "/requests/{request_id:uuid}/glass/close",
    sync_to_thread=True,
    include_in_schema=False,
    **only(Role.COORDINATOR),
)
def close_glass(request: Call, request_id: FromPath[UUID], form: Posted) -> Response[Any]:
    def work(tx: Tx) -> str:
        break_glass.close_glass(tx, request_id)
        return f"/requests/{request_id}"

    return write_once(request, form, work)


route_handlers = (glass_page, open_glass, close_glass)
