"""The board: sites × nights of one side."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from litestar import Request, Response, get

from shelter.domain.sides import Role, Side
from shelter.services import board as boards
from shelter.services.board import Cell
from shelter.services.context import Tx
from shelter_api.access import only
from shelter_api.pages.common import Call
from shelter_api.pages.rendering import show

NIGHTS = (7, 14, 28)


@get(
    "/board",
    sync_to_thread=True,
    include_in_schema=False,
    **only(Role.ON_CALL, Role.COMMUNE_STAFF, Role.COORDINATOR),
)
def board(request: Call) -> Response[Any]:
    side, first, nights = _asked(request)

    def look(tx: Tx) -> dict[str, Any]:
        it = boards.board(tx, side=side, first_night=first, nights=nights)
        step = timedelta(days=nights)
        return {
            "board": it,
            "nights": nights,
            "all_nights": NIGHTS,
            "earlier": it.first_night - step,
            "later": it.first_night + step,
            "cells": tuple(Cell),
            "sides": tuple(Side) if tx.actor.role is Role.COORDINATOR else (),
            "opens_requests": tx.actor.role in {Role.ON_CALL, Role.COORDINATOR},
        }

    return show(request, "board.html", look)


def _asked(request: Request[Any, Any, Any]) -> tuple[Side | None, date | None, int]:
    """What the address names; what it names wrongly is as if it were not there."""
    params = request.query_params
    named = params.get("side")
    try:
        first = date.fromisoformat(params.get("first") or "")
        if not 2000 < first.year < 2200:
            first = None  # type: ignore[assignment]
    except ValueError:
        first = None  # type: ignore[assignment]
    nights = params.get("nights", "")
    return (
        Side(named) if named in set(Side) else None,
        first,
        int(nights) if nights in {str(each) for each in NIGHTS} else 14,
    )


route_handlers = (board,)
