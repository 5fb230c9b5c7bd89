"""A unit night by night in a month, and closures of a site that repeat."""

from __future__ import annotations

from calendar import Calendar
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from litestar import Response, get, post
from litestar.params import FromPath

from shelter.domain.availability import BlockReason
from shelter.domain.errors import ShelterError
from shelter.services import board as boards
from shelter.services import closures, sites, units
from shelter.services.context import Tx
from shelter_api.access import only
from shelter_api.pages.common import Call, Notice, write_once
from shelter_api.pages.forms import Form, Posted
from shelter_api.pages.rendering import show
from shelter_api.pages.sites import MANAGERS, show_site

#: months that a calendar goes back and on
PAST, AHEAD = 1, 24


@get(
    "/units/{unit_id:uuid}/calendar",
    sync_to_thread=True,
    include_in_schema=False,
    **only(*MANAGERS),
)
def unit_calendar(request: Call, unit_id: FromPath[UUID]) -> Response[Any]:
    named = request.query_params.get("month", "")

    def look(tx: Tx) -> dict[str, Any]:
        unit = units.managed_unit(tx, unit_id)
        first = _month(named, tx.tonight)
        weeks = Calendar().monthdatescalendar(first.year, first.month)
        shown = boards.board(tx, side=unit.side, first_night=weeks[0][0], nights=7 * len(weeks))
        line = next(line for rows in shown.sites for line in rows.units if line.unit.id == unit.id)
        before, after = first - timedelta(days=1), first + timedelta(days=31)
        return {
            "unit": unit,
            "site": sites.managed_site(tx, unit.site_id),
            "first": first,
            "weeks": [line.nights[at : at + 7] for at in range(0, len(line.nights), 7)],
            "before": _name(before) if _is_shown(before, tx.tonight) else None,
            "after": _name(after) if _is_shown(after, tx.tonight) else None,
            "next_day": timedelta(days=1),
        }

    return show(request, "sites/calendar.html", look)


def _month(named: str, tonight: date) -> date:
    """The first of the month that is named; what is named wrongly is this month."""
    try:
        month = date.fromisoformat(f"{named}-01")
    except ValueError:
        month = tonight
    return (month if _is_shown(month, tonight) else tonight).replace(day=1)


def _is_shown(month: date, tonight: date) -> bool:
    months = 12 * (month.year - tonight.year) + month.month - tonight.month
    return -PAST <= months < AHEAD


def _name(month: date) -> str:
    return f"{month.year:04}-{month.month:02}"


@post(
    "/sites/{site_id:uuid}/closures",
    sync_to_thread=True,
    include_in_schema=False,
    **only(*MANAGERS),
)
def close_repeatedly(request: Call, site_id: FromPath[UUID], form: Posted) -> Response[Any]:
    """Close chosen units every week on the same nights, or each year on the same days."""

    def work(tx: Tx) -> str:
        closure = _closure(form)
        chosen = form.identifiers("unit")
        form.check()
        done = closures.close_repeatedly(tx, site_id, chosen, closure)
        return f"/sites/{site_id}?closed={done.blocks}&left={done.left}#closures"

    try:
        return write_once(request, form, work)
    except ShelterError as error:
        form.values["closures"] = ["on"]
        return show_site(request, site_id, Notice(error), form)


def _closure(form: Form) -> closures.Closure:
    days = [int(day) for day in form.texts("weekday") if day in set("0123456")]
    if len(days) != len(form.texts("weekday")):
        form.wrong("weekday", "choice")
    return closures.Closure(
        reason=form.required_choice("reason", BlockReason),
        repeats=form.required_choice("repeats", closures.Repeats),
        until=form.day("until"),
        weekdays=frozenset(days),
        first=form.optional_day("first"),
        last=form.optional_day("last"),
    )


route_handlers = (unit_calendar, close_repeatedly)
