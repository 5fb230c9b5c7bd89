"""Calendar feeds, and bringing a calendar file into a rota."""

from __future__ import annotations

from typing import Any

from litestar import Request, Response, get, post
from litestar.datastructures import UploadFile
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath

from shelter.domain.errors import Conflict, FieldProblem, Invalid, NotFound, ShelterError
from shelter.services import calendar_feed, calendar_import, shifts
from shelter.services.context import Tx
from shelter_api.access import only, public
from shelter_api.pages.common import Call, Notice, system_of, write_once
from shelter_api.pages.forms import Posted
from shelter_api.pages.rendering import show

PLANNERS = tuple(sorted(shifts.PLANNERS))
HOME = "/rota/calendar"
#: the text of a file, None when there is none that is text
Uploaded = NamedDependency[str | None]


async def _upload_of(request: Request[Any, Any, Any]) -> str | None:
    """The dependency ``upload``: the file of a multipart form, whose size the server bounds."""
    given = (await request.form()).get("file")
    if not isinstance(given, UploadFile):
        return None
    try:
        return (await given.read()).decode("utf-8")
    except UnicodeDecodeError:
        return None


def _page(
    request: Call,
    service: str | None,
    *,
    notice: Notice | None = None,
    made: str | None = None,
) -> Response[Any]:
    def look(tx: Tx) -> dict[str, Any]:
        return {
            "service": shifts.planned_service(tx, service),
            "feeds": calendar_feed.feeds_of(tx),
        }

    return show(
        request,
        "rota/calendar.html",
        look,
        status=notice.status if notice is not None else 200,
        notice=notice,
        made=made,
        done=request.query_params.get("done"),
        came_from=HOME,
    )


@get(HOME, sync_to_thread=True, include_in_schema=False, **only(*PLANNERS))
def calendar_page(request: Call) -> Response[Any]:
    return _page(request, request.query_params.get("service") or None)


# --- feeds ----------------------------------------------------------------------------------------


@post(
    f"{HOME}/feeds",
    status_code=200,
    sync_to_thread=True,
    include_in_schema=False,
    **only(*PLANNERS),
)
def make_feed(request: Call, form: Posted) -> Response[Any]:
    """Make an address and show it: this once, so nothing of it is kept for a repeated call."""
    system = system_of(request)
    whole = form.text("whole") == "service"
    try:
        token = system.run(
            request.user, lambda tx: calendar_feed.make_feed(tx, whole_service=whole)
        )
    except ShelterError as error:
        return _page(request, None, notice=Notice(error))
    return _page(request, None, made=f"{system.settings.public_url}/calendar/{token}.ics")


@post(
    f"{HOME}/feeds/revoke",
    sync_to_thread=True,
    include_in_schema=False,
    **only(*PLANNERS),
)
def revoke_feed(request: Call, form: Posted) -> Response[Any]:
    def work(tx: Tx) -> str:
        calendar_feed.revoke_feed(tx, form.text("feed"))
        return f"{HOME}?done=revoked"

    return write_once(request, form, work)


@get("/calendar/{name:str}", sync_to_thread=True, include_in_schema=False, **public())
def read_feed(request: Call, name: FromPath[str]) -> Response[bytes]:
    """The calendar, for whoever has its address."""
    token = name.removesuffix(".ics")
    if token == name:
        raise NotFound("not_found", what="page")
    return Response(
        calendar_feed.read_feed(system_of(request), token),
        media_type="text/calendar",
    )


# --- import ---------------------------------------------------------------------------------------


@post(
    f"{HOME}/import",
    status_code=200,
    sync_to_thread=True,
    include_in_schema=False,
    dependencies={"upload": Provide(_upload_of)},
    **only(*PLANNERS),
)
def preview(request: Call, form: Posted, upload: Uploaded) -> Response[Any]:
    """Show what the file would change; nothing has happened yet."""
    if upload is None:
        code = "missing" if not form.has("sent", "file") else "calendar"
        refused = Notice(Invalid(FieldProblem("file", code)))
        return _page(request, form.optional("service"), notice=refused)
    return _preview(request, form.optional("service"), upload)


def _preview(
    request: Call, service: str | None, text: str, notice: Notice | None = None
) -> Response[Any]:
    try:
        return show(
            request,
            "rota/import.html",
            lambda tx: {"plan": calendar_import.plan_import(tx, service, text)},
            status=notice.status if notice is not None else 200,
            calendar=text,
            changes=tuple(calendar_import.Change),
            notice=notice,
            came_from=HOME,
        )
    except ShelterError as error:
        return _page(request, service, notice=Notice(error))


@post(f"{HOME}/apply", sync_to_thread=True, include_in_schema=False, **only(*PLANNERS))
def apply(request: Call, form: Posted) -> Response[Any]:
    """Do what was shown; when it would be something else by now, show that first."""
    service, text = form.optional("service"), form.text("calendar")

    def work(tx: Tx) -> str:
        plan = calendar_import.apply_import(tx, service, text, form.text("fingerprint"))
        return f"/rota?service={plan.service}&done=imported"

    try:
        return write_once(request, form, work)
    except Conflict as error:
        return _preview(request, service, text, Notice(error))
    except ShelterError as error:
        return _page(request, service, notice=Notice(error))


route_handlers = (calendar_page, make_feed, revoke_feed, read_feed, preview, apply)
