"""The board: sites × nights of one side."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from litestar import Request, Response, get

from shelter.domain.sides import Role, Side
from shelter.services import board as boards
from shelter.services.board import Cell, Night
from shelter.services.context import Tx
from shelter_api.access import only
from shelter_api.pages.common import Call
from shelter_api.pages.rendering import show

NIGHTS = (7, 14, 28)
#: told night by night; everything else is one bar over its nights
SINGLE = frozenset({Cell.FREE, Cell.PART_FREE})


@dataclass(frozen=True, slots=True)
class Bar:
    """Consecutive nights that tell the same; one cell of the table."""

    first: Night
    nights: int


def bars(nights: Iterable[Night]) -> list[Bar]:
    found: list[Bar] = []
    for night in nights:
        before = found[-1] if found else None
        if (
            before is not None
            and night.cell not in SINGLE
            and (night.cell, night.references) == (before.first.cell, before.first.references)
        ):
            found[-1] = Bar(before.first, before.nights + 1)
        else:
            found.append(Bar(night, 1))
    return found


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
            "bars": bars,
            "sides": tuple(Side) if tx.actor.role is Role.COORDINATOR else (),
            "opens_requests": tx.actor.role in {Role.ON_CALL, Role.COORDINATOR},
        }

    return show(request, "board.html", look)


def _asked(request: Request[Any, Any, Any]) -> tuple[Side | None, date | None, int]:
    """What the address names; what it names wrongly is as if it were not there."""
    params = request.query_params
    named = params.get("side")
    first: date | None
    try:
        first = date.fromisoformat(params.get("first") or "")
    except ValueError:
        first = None
    nights = params.get("nights", "")
    return (
        Side(named) if named in set(Side) else None,
        first,
        int(nights) if nights in {str(each) for each in NIGHTS} else 14,
    )


route_handlers = (board,)
