"""Requests: the list, the form, and the page on which a place is chosen."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Response, get, post
from litestar.params import FromPath

from shelter.db.tables import Site
from shelter.domain.errors import Conflict, Invalid, ShelterError
from shelter.domain.placements import LIVE
from shelter.domain.requests import STATED_OUTCOMES, Outcome, RequestState, Urgency
from shelter.domain.sides import Role
from shelter.services import allocate, intake, looks, orders, overrides, placements
from shelter.services.context import Tx, found
from shelter_api.access import only
from shelter_api.pages import contacts, request_form, views
from shelter_api.pages.common import Call, Notice, read, system_of, write_once
from shelter_api.pages.forms import Form, Posted
from shelter_api.pages.moves import stays_of
from shelter_api.pages.rendering import show
from shelter_api.v1.common import cursor, place_of

READERS = (Role.ON_CALL, Role.COORDINATOR)
PAGE = 30


@get("/requests", sync_to_thread=True, include_in_schema=False, **only(*READERS))
def list_requests(request: Call) -> Response[Any]:
    named = request.query_params.get("state")
    state = RequestState(named) if named in set(RequestState) else None
    after = place_of(request.query_params.get("after"))

    def look(tx: Tx) -> dict[str, Any]:
        rows = intake.list_requests(tx, state=state, after=after, limit=PAGE + 1)
        page = rows[:PAGE]
        live = {
            row.id: next((p for p in intake.placements_of(tx, row) if p.state in LIVE), None)
            for row in page
            if row.state is RequestState.PLACED
        }
        more = len(rows) > PAGE
        return {
            "requests": page,
            "live": live,
            "state": state,
            "states": tuple(RequestState),
            "next": cursor(page[-1].created_at, page[-1].id) if more else None,
            "later": after is not None,
            "two_sided": tx.actor.side is None,
        }

    return show(request, "requests/list.html", look)


@get("/requests/new", sync_to_thread=True, include_in_schema=False, **only(Role.ON_CALL))
def new_request(request: Call) -> Response[Any]:
    return _form_page(request, None, None)


@post("/requests", sync_to_thread=True, include_in_schema=False, **only(Role.ON_CALL))
def ask(request: Call, form: Posted) -> Response[Any]:
    if form.text("more"):  # another row, without a script
        return _form_page(request, form, None)
    try:
        given = request_form.request_input(form)
        return write_once(request, form, lambda tx: f"/requests/{intake.ask(tx, given).id}")
    except Invalid as error:
        return _form_page(request, form, Notice(error))


def _form_page(request: Call, form: Form | None, notice: Notice | None) -> Response[Any]:
    def look(tx: Tx) -> dict[str, Any]:
        filled = form if form is not None else request_form.first_form(tx)
        return {
            "form": filled,
            "rows": request_form.with_rows(filled),
            **request_form.choices(tx),
        }

    return show(
        request,
        "requests/new.html",
        look,
        status=notice.status if notice is not None else 200,
        notice=notice,
        came_from="/requests/new",
    )


@get("/requests/{request_id:uuid}", sync_to_thread=True, include_in_schema=False, **only(*READERS))
def request_page(request: Call, request_id: FromPath[UUID]) -> Response[Any]:
    return show_request(request, request_id)


def show_request(
    request: Call, request_id: UUID, notice: Notice | None = None, form: Form | None = None
) -> Response[Any]:
    """The page of a request, with what was just refused on it (if something was)."""

    def look(tx: Tx) -> dict[str, Any]:
        row = intake.readable_request(tx, request_id)
        looks.request_looked_at(tx, row)
        every = [views.placed(tx, each, row) for each in intake.placements_of(tx, row)]
        return {
            "it": row,
            "note": intake.note_of(tx, row),
            "live": next((view for view in every if view.row.state in LIVE), None),
            "past": [view for view in every if view.row.state not in LIVE],
            "history": intake.history(tx, request_id),
            "allowances": [
                (found(tx.rows.get(Site, each.site_id), "site").name, each.until)
                for each in overrides.in_force(tx, row)
            ],
            "orders": orders.orders_of(tx, row),
            "is_past": orders.is_past,
            **contacts.section(tx, row),
            "works_on_it": tx.actor.role is Role.ON_CALL,
            "outcomes": [each for each in Outcome if each in STATED_OUTCOMES],
            "urgencies": tuple(reversed(Urgency)),
            "last_night": tx.tonight.fromordinal(
                tx.tonight.toordinal() + tx.network.defaults.horizon_nights
            ),
        }

    offer = None
    if read(request, lambda tx: intake.readable_request(tx, request_id).state) is RequestState.OPEN:
        try:
            offer = allocate.offer(system_of(request), request.user, request_id)
        except Conflict as error:
            notice = notice or Notice(error)
    return show(
        request,
        "requests/view.html",
        look,
        status=notice.status if notice is not None and request.method != "GET" else 200,
        offer=offer,
        notice=notice,
        form=form or Form(),
        came_from=f"/requests/{request_id}",
    )


@post(
    "/requests/{request_id:uuid}/hold",
    sync_to_thread=True,
    include_in_schema=False,
    **only(Role.ON_CALL),
)
def hold(request: Call, request_id: FromPath[UUID], form: Posted) -> Response[Any]:
    """Keep the chosen option. Whoever comes too late sees at once what is free now."""

    def work(tx: Tx) -> str:
        placements.hold(tx, request_id, choice)
        return f"/requests/{request_id}"

    try:
        choice = stays_of(form)
        return write_once(request, form, work)
    except ShelterError as error:
        return show_request(request, request_id, Notice(error))


@post(
    "/requests/{request_id:uuid}/change",
    sync_to_thread=True,
    include_in_schema=False,
    **only(Role.ON_CALL),
)
def change(request: Call, request_id: FromPath[UUID], form: Posted) -> Response[Any]:
    """Change what the person agreed to change, and look again."""

    def work(tx: Tx) -> str:
        given, version = _amendment(form)
        intake.amend(tx, request_id, given, version)
        return f"/requests/{request_id}"

    try:
        return write_once(request, form, work)
    except ShelterError as error:
        return show_request(request, request_id, Notice(error), form)


def _amendment(form: Form) -> tuple[intake.Amendment, int]:
    """What stands in the form; a field that is not there stays as it is."""
    asked = form.texts("changes")

    def flag(name: str) -> bool | None:
        return form.has(name) if name in asked else None

    urgency = None
    if form.text("urgency"):
        urgency = form.choice("urgency", Urgency, Urgency.TONIGHT)
    given = intake.Amendment(
        first_night=form.optional_day("first_night"),
        nights=form.optional_whole("nights"),
        arrival_hour=form.optional_whole("arrival_hour"),
        own_cots=form.optional_whole("own_cots"),
        urgency=urgency,
        avoid_communes=tuple(form.texts("avoid_communes")) if "avoid_communes" in asked else None,
        may_use_two_units=flag("may_use_two_units"),
        may_change_unit=flag("may_change_unit"),
        move_agreement=form.optional("move_agreement"),
        note=form.text("note").strip() if "note" in asked else None,
    )
    version = form.whole("version")
    form.check()
    return given, version


@post(
    "/requests/{request_id:uuid}/close",
    sync_to_thread=True,
    include_in_schema=False,
    **only(Role.ON_CALL),
)
def close(request: Call, request_id: FromPath[UUID], form: Posted) -> Response[Any]:
    """End a request without a stay, with the outcome that the worker states."""

    def work(tx: Tx) -> str:
        outcome = form.required_choice("outcome", Outcome)
        form.check()
        intake.close(tx, request_id, outcome)
        return f"/requests/{request_id}"

    try:
        return write_once(request, form, work)
    except ShelterError as error:
        return show_request(request, request_id, Notice(error), form)


route_handlers = (list_requests, new_request, ask, request_page, hold, change, close)
