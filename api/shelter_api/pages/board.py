"""The board: sites × nights of one side, as a picture; and the same on the wall of a duty room."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode

from litestar import Request, Response, get

from shelter.domain.sides import Role, Side
from shelter.services import board as boards
from shelter.services.board import Cell, Night, SiteRows, UnitLine
from shelter.services.context import Tx
from shelter_api.access import only
from shelter_api.pages.common import Call
from shelter_api.pages.rendering import show
from shelter_api.pages.sites import MANAGERS

NIGHTS = (7, 14, 28, 60)
#: so many nights are as narrow as a mark
DENSE = 28
WALL_NIGHTS = 7
#: told night by night; everything else is one bar over its nights
SINGLE = frozenset({Cell.FREE, Cell.PART_FREE})
#: what a unit can be filtered by, as its attributes are called
FEATURES = ("step_free", "pets", "quiet")
READERS = (Role.ON_CALL, Role.COMMUNE_STAFF, Role.COORDINATOR)


@dataclass(frozen=True, slots=True)
class Bar:
    """Consecutive nights that tell the same; one cell of the table."""

    first: Night
    nights: int


@dataclass(frozen=True, slots=True)
class Asked:
    """What the address names. What it names wrongly is as if it were not there."""

    side: Side | None = None
    first: date | None = None
    nights: int = 14
    commune: str = ""
    features: tuple[str, ...] = ()
    free_tonight: bool = False

    @property
    def filtered(self) -> bool:
        return bool(self.commune or self.features or self.free_tonight)

    def keeps(self, line: UnitLine, tonight: date) -> bool:
        free = not self.free_tonight or any(
            night.night == tonight and night.cell in SINGLE for night in line.nights
        )
        return free and all(getattr(line.unit, feature) for feature in self.features)

    def link(self, **changes: Any) -> str:
        """The address of the board with something else asked."""
        it = replace(self, **changes)
        named = {
            "side": it.side.value if it.side else "",
            "first": it.first.isoformat() if it.first else "",
            "nights": str(it.nights),
            "commune": it.commune,
            "feature": it.features,
            "free": "tonight" if it.free_tonight else "",
        }
        given = {name: value for name, value in named.items() if value}
        return f"/board?{urlencode(given, doseq=True)}"


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


def filtered(sites: Sequence[SiteRows], asked: Asked, tonight: date) -> tuple[SiteRows, ...]:
    kept = (
        SiteRows(rows.site, tuple(line for line in rows.units if asked.keeps(line, tonight)))
        for rows in sites
        if asked.commune in {"", rows.site.commune}
    )
    return tuple(rows for rows in kept if rows.units or not asked.filtered)


@get("/board", sync_to_thread=True, include_in_schema=False, **only(*READERS))
def board(request: Call) -> Response[Any]:
    asked = _asked(request)

    def look(tx: Tx) -> dict[str, Any]:
        it = boards.board(tx, side=asked.side, first_night=asked.first, nights=asked.nights)
        step = timedelta(days=asked.nights)
        return {
            "board": it,
            "sites": filtered(it.sites, asked, tx.tonight),
            "asked": asked,
            "all_nights": NIGHTS,
            "earlier": it.first_night - step,
            "later": it.first_night + step,
            "cells": tuple(Cell),
            "features": FEATURES,
            "communes": sorted(
                {rows.site.commune for rows in it.sites},
                key=lambda nis: tx.network.commune(nis).name(tx.actor.language),
            ),
            "bars": bars,
            "dense": asked.nights > DENSE,
            "sides": tuple(Side) if tx.actor.role is Role.COORDINATOR else (),
            "opens_requests": tx.actor.role in {Role.ON_CALL, Role.COORDINATOR},
            "manages": tx.actor.role in MANAGERS,
        }

    return show(request, "board.html", look)


@get("/board/wall", sync_to_thread=True, include_in_schema=False, **only(*READERS))
def wall(request: Call) -> Response[Any]:
    """For a screen that everybody in the room sees: no reference, nothing to press."""
    asked = _asked(request)

    def look(tx: Tx) -> dict[str, Any]:
        it = boards.board(tx, side=asked.side, nights=WALL_NIGHTS)
        return {"board": it, "cells": tuple(Cell)}

    return show(request, "board_wall.html", look)


def _asked(request: Request[Any, Any, Any]) -> Asked:
    params = request.query_params
    named = params.get("side")
    first: date | None
    try:
        first = date.fromisoformat(params.get("first") or "")
    except ValueError:
        first = None
    nights = params.get("nights", "")
    commune = params.get("commune", "")
    features = set(params.getall("feature", []))
    return Asked(
        side=Side(named) if named in set(Side) else None,
        first=first,
        nights=int(nights) if nights in {str(each) for each in NIGHTS} else 14,
        commune=commune if commune.isdecimal() and len(commune) == 5 else "",
        features=tuple(feature for feature in FEATURES if feature in features),
        free_tonight=params.get("free") == "tonight",
    )


route_handlers = (board, wall)
