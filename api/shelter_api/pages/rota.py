"""The rota of a service: a week of shifts, gaps in plain words, and changing it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from litestar import Response, get, post
from litestar.params import FromPath

from shelter.domain.errors import FieldProblem, Invalid, NotFound, ShelterError
from shelter.domain.rota import (
    LINES,
    DayPart,
    Span,
    by_day,
    local_instant,
    local_span,
    week_of,
)
from shelter.domain.sides import Role
from shelter.services import rota_gaps, shifts, swaps
from shelter.services.context import Tx
from shelter.services.holidays import public_holidays
from shelter.services.shifts import ShiftInput, ShiftView
from shelter_api.access import only
from shelter_api.language import language_of
from shelter_api.pages.common import Call, Notice, write_once
from shelter_api.pages.forms import Form, Posted
from shelter_api.pages.rendering import show

PLANNERS = tuple(sorted(shifts.PLANNERS))
#: weeks that can be looked at
_FIRST, _LAST = date(2000, 1, 3), date(2990, 1, 1)


@dataclass(frozen=True, slots=True)
class Piece:
    """What of a shift or of a gap (``view`` None) stands under one day."""

    span: Span
    part: DayPart
    view: ShiftView | None = None


@dataclass(frozen=True, slots=True)
class DayView:
    day: date
    holiday: str | None
    today: bool
    #: by line, then the gaps
    lines: Mapping[int, Sequence[Piece]]
    gaps: Sequence[Piece]


def _week(tx: Tx, service: str, monday: date, language: str) -> tuple[list[DayView], list[int]]:
    """The seven days of a week, and the lines that somebody is on in it."""
    zone = tx.network.timezone
    sunday = monday + timedelta(days=7)
    start, end = (local_instant(day, time(), zone) for day in (monday, sunday))
    rows = shifts.shifts_between(tx, (service,), start, end)
    views = {row.shift.id: row for row in shifts.viewed(tx, rows)}
    pieces: dict[date, dict[int, list[Piece]]] = {}
    for row in rows:
        for day, parts in by_day([Span(row.starts_at, row.ends_at)], zone).items():
            on_line = pieces.setdefault(day, {}).setdefault(row.line, [])
            on_line += [Piece(span, part, views[row.id]) for span, part in parts]
    coming = rota_gaps.coming_gaps(tx, (service,))[service]
    empty = by_day([gap for gap in coming if gap.start < end and gap.end > start], zone)
    holidays = public_holidays(monday, sunday, language)
    today = tx.now.astimezone(zone).date()
    used = sorted({1, *(row.line for row in rows)})
    days = [
        DayView(
            day,
            holidays.get(day),
            day == today,
            {line: pieces.get(day, {}).get(line, ()) for line in used},
            [Piece(span, part) for span, part in empty.get(day, ())],
        )
        for day in (monday + timedelta(days=n) for n in range(7))
    ]
    return days, used


def _asked_week(given: str | None, tx: Tx) -> date:
    try:
        day = date.fromisoformat(given or "")
    except ValueError:
        day = tx.now.astimezone(tx.network.timezone).date()
    return week_of(min(max(day, _FIRST), _LAST))


def show_rota(
    request: Call,
    *,
    service: str | None = None,
    week: str | None = None,
    form: Form | None = None,
    notice: Notice | None = None,
) -> Response[Any]:
    """The page; after a refusal with what was typed."""

    def look(tx: Tx) -> dict[str, Any]:
        key = shifts.planned_service(tx, service)
        monday = _asked_week(week, tx)
        days, used = _week(tx, key, monday, language_of(request))
        today = tx.now.astimezone(tx.network.timezone).date()
        return {
            "service": key,
            "services": _services(tx),
            "monday": monday,
            "sunday": monday + timedelta(days=6),
            "before": monday - timedelta(days=7),
            "after": monday + timedelta(days=7),
            "this_week": monday == week_of(today),
            "default_day": max(monday, today) if monday + timedelta(days=6) >= today else today,
            "days": days,
            "used": used,
            "all_lines": LINES,
            "gaps": rota_gaps.coming_gaps(tx, (key,))[key],
            "swaps": swaps.waiting_swaps(tx),
            "people": shifts.colleagues(tx, key),
        }

    return show(
        request,
        "rota/week.html",
        look,
        status=notice.status if notice is not None else 200,
        form=form or Form(),
        notice=notice,
        done=request.query_params.get("done"),
        left_out=request.query_params.get("left", ""),
        came_from="/rota",
    )


def _services(tx: Tx) -> Sequence[tuple[str, str]]:
    """For a coordinator, who writes all rotas, which ones there are."""
    if tx.actor.role is not Role.COORDINATOR:
        return ()
    return [(service.key, service.name) for service in tx.network.services]


def rota_path(service: str, at: date) -> str:
    return f"/rota?service={service}&week={week_of(at).isoformat()}"


def _local_day(tx: Tx, at: datetime) -> date:
    return at.astimezone(tx.network.timezone).date()


@get("/rota", sync_to_thread=True, include_in_schema=False, **only(*PLANNERS))
def rota(request: Call) -> Response[Any]:
    return show_rota(
        request,
        service=request.query_params.get("service") or None,
        week=request.query_params.get("week"),
    )


@post("/rota/shifts", sync_to_thread=True, include_in_schema=False, **only(*PLANNERS))
def add_shift(request: Call, form: Posted) -> Response[Any]:
    def work(tx: Tx) -> str:
        service = shifts.planned_service(tx, form.optional("service"))
        given, repeat = _shift_input(tx, form), form.optional_day("repeat_until")
        form.check()
        added = shifts.add_shift(tx, service, given, repeat_until=repeat)
        return f"{rota_path(service, _local_day(tx, added[0].starts_at))}&done=added"

    try:
        return write_once(request, form, work)
    except ShelterError as error:
        return show_rota(
            request,
            service=form.optional("service"),
            week=form.text("week"),
            form=form,
            notice=Notice(error),
        )


@post("/rota/copy", sync_to_thread=True, include_in_schema=False, **only(*PLANNERS))
def copy_week(request: Call, form: Posted) -> Response[Any]:
    """Fill the week that is shown as the one before it."""

    def work(tx: Tx) -> str:
        service = shifts.planned_service(tx, form.optional("service"))
        monday = form.day("week")
        form.check()
        copied = shifts.copy_week(tx, service, week_of(monday))
        return f"{rota_path(service, monday)}&done=copied&left={copied.left_out}"

    try:
        return write_once(request, form, work)
    except ShelterError as error:
        return show_rota(
            request,
            service=form.optional("service"),
            week=form.text("week"),
            notice=Notice(error),
        )


# --- one shift ------------------------------------------------------------------------------------


@get(
    "/rota/shifts/{shift_id:uuid}", sync_to_thread=True, include_in_schema=False, **only(*PLANNERS)
)
def shift_page(request: Call, shift_id: FromPath[UUID]) -> Response[Any]:
    return _shift_page(request, shift_id)


def _shift_page(
    request: Call, shift_id: UUID, form: Form | None = None, notice: Notice | None = None
) -> Response[Any]:
    def look(tx: Tx) -> dict[str, Any]:
        row = shifts.planned_shift(tx, shift_id)
        (view,) = shifts.viewed(tx, [row])
        asked = [each for each in swaps.waiting_swaps(tx) if each.shift.id == row.id]
        return {
            "it": view,
            "form": form or _filled(tx, view),
            "over": row.ends_at <= tx.now,
            "people": shifts.colleagues(tx, row.service),
            "all_lines": LINES,
            "swaps": asked,
            "back": rota_path(row.service, _local_day(tx, row.starts_at)),
        }

    return show(
        request,
        "rota/shift.html",
        look,
        status=notice.status if notice is not None else 200,
        notice=notice,
        came_from=f"/rota/shifts/{shift_id}",
    )


@post(
    "/rota/shifts/{shift_id:uuid}", sync_to_thread=True, include_in_schema=False, **only(*PLANNERS)
)
def edit_shift(request: Call, shift_id: FromPath[UUID], form: Posted) -> Response[Any]:
    def work(tx: Tx) -> str:
        shifts.planned_shift(tx, shift_id)
        given, version = _shift_input(tx, form), form.whole("version")
        form.check()
        row = shifts.edit_shift(tx, shift_id, given, version)
        return f"{rota_path(row.service, _local_day(tx, row.starts_at))}&done=changed"

    try:
        return write_once(request, form, work)
    except ShelterError as error:
        return _shift_page(request, shift_id, form, Notice(error))


@post(
    "/rota/shifts/{shift_id:uuid}/remove",
    sync_to_thread=True,
    include_in_schema=False,
    **only(*PLANNERS),
)
def remove_shift(request: Call, shift_id: FromPath[UUID], form: Posted) -> Response[Any]:
    def work(tx: Tx) -> str:
        row = shifts.planned_shift(tx, shift_id)
        to = rota_path(row.service, _local_day(tx, row.starts_at))
        shifts.remove_shift(tx, shift_id, form.whole("version"))
        return f"{to}&done=removed"

    try:
        return write_once(request, form, work)
    except ShelterError as error:
        return _shift_page(request, shift_id, None, Notice(error))


@post(
    "/rota/shifts/{shift_id:uuid}/swap",
    sync_to_thread=True,
    include_in_schema=False,
    **only(*PLANNERS),
)
def ask_swap(request: Call, shift_id: FromPath[UUID], form: Posted) -> Response[Any]:
    """Ask a colleague to take this shift over."""

    def work(tx: Tx) -> str:
        (to_user,) = form.identifiers("user_id") or (None,)
        if to_user is None:
            raise Invalid(FieldProblem("user_id", "missing"))
        swap = swaps.ask_swap(tx, shift_id, to_user)
        return f"/rota/shifts/{swap.shift_id}"

    try:
        return write_once(request, form, work)
    except ShelterError as error:
        return _shift_page(request, shift_id, None, Notice(error))


#: what can be answered to a swap, by the last part of the path
_DECISIONS = {
    "agree": swaps.agree_swap,
    "decline": swaps.decline_swap,
    "withdraw": swaps.withdraw_swap,
}


@post(
    "/rota/swaps/{swap_id:uuid}/{decision:str}",
    sync_to_thread=True,
    include_in_schema=False,
    **only(*PLANNERS),
)
def answer_swap(
    request: Call, swap_id: FromPath[UUID], decision: FromPath[str], form: Posted
) -> Response[Any]:
    """Agree, decline, or take one's own question back."""
    if decision not in _DECISIONS:
        raise NotFound("not_found", what="page")

    def work(tx: Tx) -> str:
        _DECISIONS[decision](tx, swap_id)
        return f"/rota?done={decision}"

    try:
        return write_once(request, form, work)
    except ShelterError as error:
        return show_rota(request, notice=Notice(error))


# --- the form -------------------------------------------------------------------------------------


def _shift_input(tx: Tx, form: Form) -> ShiftInput:
    """What was typed, in local time. Raises Invalid with every field that cannot be read."""
    people = form.identifiers("user_id")
    if not people:
        form.wrong("user_id", "missing")
    line = form.whole("line", 1)
    day, last = form.day("starts_at"), form.optional_day("last_day")
    begins, ends = _clock(form, "begins"), _clock(form, "ends_at")
    form.check()
    days = 0 if last is None else (last - day).days
    if not 0 <= days <= 31:
        form.wrong("last_day", "shift_length")
    if not _FIRST <= day <= _LAST:
        form.wrong("starts_at", "shift_far")
    form.check()
    span = local_span(day, begins, ends, tx.network.timezone, days=days)
    return ShiftInput(people[0], span.start, span.end, line)


def _clock(form: Form, name: str) -> time:
    typed = form.text(name).strip()
    if not typed:
        form.wrong(name, "missing")
        return time()
    try:
        at = time.fromisoformat(typed.zfill(5) if ":" in typed else f"{int(typed):02}:00")
    except ValueError:
        form.wrong(name, "time")
        return time()
    if at.tzinfo is not None:
        form.wrong(name, "time")
    return at.replace(tzinfo=None, second=0, microsecond=0)


def _filled(tx: Tx, view: ShiftView) -> Form:
    row = view.shift
    start, end = (at.astimezone(tx.network.timezone) for at in (row.starts_at, row.ends_at))
    next_morning = end.date() == start.date() + timedelta(days=1) and end.time() <= start.time()
    same_day = end.date() == start.date()
    return Form(
        {
            "user_id": [str(row.user_id)],
            "line": [str(row.line)],
            "starts_at": [start.date().isoformat()],
            "begins": [f"{start:%H:%M}"],
            "ends_at": [f"{end:%H:%M}"],
            "last_day": ["" if same_day or next_morning else end.date().isoformat()],
            "version": [str(row.version)],
        }
    )


route_handlers = (
    rota,
    add_shift,
    copy_week,
    shift_page,
    edit_shift,
    remove_shift,
    ask_swap,
    answer_swap,
)
