"""Bringing a household somewhere else: the places of today, and one tap to go there."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from litestar import Response, get, post
from litestar.params import FromPath

from shelter.domain.errors import ShelterError
from shelter.domain.sides import Role
from shelter.services import placements, replans
from shelter.services.context import Tx
from shelter_api.access import only
from shelter_api.pages.common import Call, Notice, system_of, write_once
from shelter_api.pages.forms import Form, Posted
from shelter_api.pages.rendering import show


@get(
    "/placements/{placement_id:uuid}/move",
    sync_to_thread=True,
    include_in_schema=False,
    **only(Role.ON_CALL, Role.COORDINATOR),
)
def move_page(request: Call, placement_id: FromPath[UUID]) -> Response[Any]:
    return _page(request, placement_id)


@post(
    "/placements/{placement_id:uuid}/move",
    sync_to_thread=True,
    include_in_schema=False,
    **only(Role.ON_CALL),
)
def move(request: Call, placement_id: FromPath[UUID], form: Posted) -> Response[Any]:
    """Bring them there. Whoever comes too late sees at once what is free now."""

    def work(tx: Tx) -> str:
        return f"/requests/{placements.move(tx, placement_id, choice).request_id}"

    try:
        choice = stays_of(form)
        return write_once(request, form, work)
    except ShelterError as error:
        return _page(request, placement_id, Notice(error))


def _page(request: Call, placement_id: UUID, notice: Notice | None = None) -> Response[Any]:
    """The places of today; computed again each time, with what was just refused above."""
    plan = replans.replan(system_of(request), request.user, placement_id)
    return show(
        request,
        "placements/move.html",
        lambda tx: {"works_on_it": tx.actor.role is Role.ON_CALL},
        status=notice.status if notice is not None else 200,
        plan=plan,
        notice=notice,
        came_from=f"/placements/{placement_id}/move",
    )


def stays_of(form: Form) -> list[placements.StayChoice]:
    """``stay=UNIT|FIRST|END``, once for each part of an option."""
    choice = []
    for part in form.texts("stay")[: placements.MAX_PARTS]:
        try:
            unit, first, end = part.split("|")
            choice.append(
                placements.StayChoice(
                    UUID(unit), date.fromisoformat(first), date.fromisoformat(end)
                )
            )
        except ValueError:
            form.wrong("stays", "choice")
    form.check()
    return choice


route_handlers = (move_page, move)
