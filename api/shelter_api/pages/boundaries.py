"""Bringing the boundaries of communes onto the map: looked at first, then imported, or removed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from litestar import Request, Response, get, post
from litestar.datastructures import UploadFile
from litestar.di import NamedDependency, Provide

from shelter.domain.boundaries import MAX_BYTES, Boundaries
from shelter.domain.errors import FieldProblem, Invalid, ShelterError
from shelter.domain.sides import Role
from shelter.services import boundaries
from shelter.services.context import Tx
from shelter.services.site_map import Mark, SiteMap, site_map
from shelter_api.access import only
from shelter_api.language import language_of
from shelter_api.pages.common import Call, Notice, write_once
from shelter_api.pages.forms import Form, Posted
from shelter_api.pages.rendering import show
from shelter_api.pages.site_map import picture_of

HOME = "/map/boundaries"
#: of these routes alone: the file, and what stands around it in a form
BODY = MAX_BYTES + 64 * 1024
DONE = ("imported", "removed")
Uploaded = NamedDependency[bytes | None]


async def _upload_of(request: Request[Any, Any, Any], form: Posted) -> bytes | None:  # noqa: ARG001
    """The dependency ``upload``: the file of a multipart form; no more of it than is too much.

    After ``form``: dependencies that do not name each other are made at once, and two readers of
    one body would wait for each other.
    """
    given = (await request.form()).get("geojson")
    return await given.read(MAX_BYTES + 1) if isinstance(given, UploadFile) else None


def _text(upload: bytes | None) -> str:
    """Raises Invalid when there is no file, or none that is text."""
    if not upload:
        raise Invalid(FieldProblem("geojson", "missing"))
    if len(upload) > MAX_BYTES:
        raise Invalid(FieldProblem("geojson", "geojson_large", (("most", MAX_BYTES // 2**20),)))
    try:
        return upload.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Invalid(FieldProblem("geojson", "geojson_not_json")) from None


def _page(request: Call, form: Form | None = None, notice: Notice | None = None) -> Response[Any]:
    done = request.query_params.get("done")
    return show(
        request,
        "map/boundaries.html",
        lambda tx: {"imported": boundaries.imported(tx)},
        status=notice.status if notice is not None else 200,
        form=form or Form(),
        notice=notice,
        done=done if done in DONE else None,
        most=MAX_BYTES // 2**20,
        came_from=HOME,
    )


@get(HOME, sync_to_thread=True, include_in_schema=False, **only(Role.COORDINATOR))
def view(request: Call) -> Response[Any]:
    return _page(request)


@post(
    f"{HOME}/preview",
    status_code=200,
    sync_to_thread=True,
    include_in_schema=False,
    request_max_body_size=BODY,
    dependencies={"upload": Provide(_upload_of)},
    **only(Role.COORDINATOR),
)
def preview(request: Call, form: Posted, upload: Uploaded) -> Response[Any]:
    """Show what the file would bring; nothing has changed yet."""

    def look(tx: Tx) -> dict[str, Any]:
        given = boundaries.preview(tx, _text(upload), form.optional("property"))
        it = site_map(tx)
        drawn = SiteMap(it.side, _bare(it), it.chosen, given.rings)
        return {
            "given": given,
            "picture": picture_of(drawn, language_of(request), 0.0),
            "others": _others(given),
        }

    try:
        return show(request, "map/preview.html", look, notice=None, came_from=HOME)
    except ShelterError as error:
        return _page(request, form, Notice(error))


def _bare(it: SiteMap) -> tuple[Mark, ...]:
    """The communes without what they have: a picture of boundaries is of no side."""
    return tuple(replace(mark, sites=0, free=0) for mark in it.marks)


def _others(given: Boundaries) -> tuple[str, ...]:
    return tuple(name for name in given.could_be if name != given.by)


@post(
    HOME,
    sync_to_thread=True,
    include_in_schema=False,
    request_max_body_size=BODY,
    **only(Role.COORDINATOR),
)
def bring(request: Call, form: Posted) -> Response[Any]:
    """Import what was shown. It is read and judged as if it came for the first time."""

    def work(tx: Tx) -> str:
        boundaries.bring(tx, form.text("boundaries"))
        return f"{HOME}?done=imported"

    try:
        return write_once(request, form, work)
    except ShelterError as error:
        return _page(request, None, Notice(error))


@post(f"{HOME}/remove", sync_to_thread=True, include_in_schema=False, **only(Role.COORDINATOR))
def remove(request: Call, form: Posted) -> Response[Any]:
    def work(tx: Tx) -> str:
        boundaries.remove(tx)
        return f"{HOME}?done=removed"

    return write_once(request, form, work)


route_handlers = (view, preview, bring, remove)
