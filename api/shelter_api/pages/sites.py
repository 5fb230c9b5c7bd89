"""Sites: the list, one site, adding and changing. Never with an address."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Response, get, post
from litestar.params import FromPath

from shelter.domain.availability import BlockReason
from shelter.domain.errors import ShelterError
from shelter.domain.sides import Role, Side
from shelter.services import availability, sites
from shelter.services.context import Tx
from shelter_api.access import only
from shelter_api.pages import views
from shelter_api.pages.common import Call, Notice, local_path, write_once
from shelter_api.pages.forms import Form, Posted
from shelter_api.pages.rendering import show

MANAGERS = (Role.COMMUNE_STAFF, Role.COORDINATOR)
READERS = (*MANAGERS, Role.ON_CALL)
PLACE_KINDS = ("building", "entrance", "caretaker", "service", "bus")


@get("/sites", sync_to_thread=True, include_in_schema=False, **only(*READERS))
def list_sites(request: Call) -> Response[Any]:
    """One side at a time: a two-sided reader names it."""
    named = request.query_params.get("side")

    def look(tx: Tx) -> dict[str, Any]:
        side = tx.actor.side or (Side(named) if named in set(Side) else Side.VICTIMS)
        mine = [view for view in sites.list_sites(tx) if view.site.side is side]
        return {
            "sites": [(view.site, views.units_now(tx, view.units)) for view in mine],
            "stalest": views.stalest,
            "side": side,
            "sides": tuple(Side) if tx.actor.role is Role.COORDINATOR else (),
            "manages": tx.actor.role in MANAGERS,
        }

    return show(request, "sites/list.html", look)


@get("/sites/new", sync_to_thread=True, include_in_schema=False, **only(*MANAGERS))
def new_site(request: Call) -> Response[Any]:
    return _form_page(request, Form({"contact_language": ["fr"]}), None)


@post("/sites", sync_to_thread=True, include_in_schema=False, **only(*MANAGERS))
def add_site(request: Call, form: Posted) -> Response[Any]:
    def work(tx: Tx) -> str:
        given = _site_input(form)
        side = form.choice("side", Side, Side.VICTIMS) if form.text("side") else None
        form.check()
        return f"/sites/{sites.add_site(tx, given, side=side, service=form.optional('service')).id}"

    try:
        return write_once(request, form, work)
    except ShelterError as error:
        return _form_page(request, form, Notice(error))


@get("/sites/{site_id:uuid}/edit", sync_to_thread=True, include_in_schema=False, **only(*MANAGERS))
def edit_page(request: Call, site_id: FromPath[UUID]) -> Response[Any]:
    return _form_page(request, None, None, site_id)


@post("/sites/{site_id:uuid}/edit", sync_to_thread=True, include_in_schema=False, **only(*MANAGERS))
def edit_site(request: Call, site_id: FromPath[UUID], form: Posted) -> Response[Any]:
    """Change a site. Where it is stays as it was unless an address is typed anew."""

    def work(tx: Tx) -> str:
        site = sites.managed_site(tx, site_id)
        where = None if form.optional("address") else sites.location_of(tx, site)
        given = _site_input(form, where)
        form.check()
        sites.edit_site(tx, site_id, given, form.whole("version"))
        return f"/sites/{site_id}"

    try:
        return write_once(request, form, work)
    except ShelterError as error:
        return _form_page(request, form, Notice(error), site_id)


def _site_input(form: Form, where: sites.Location | None = None) -> sites.SiteInput:
    """``where`` stands in for an address that was left empty; it is never shown."""
    typed = [place.strip() for place in form.text("places").splitlines() if place.strip()]
    return sites.SiteInput(
        name=form.text("name"),
        commune=form.text("commune"),
        address=where.address if where else form.text("address"),
        lat=where.lat if where and not form.optional("lat") else form.optional_decimal("lat"),
        lon=where.lon if where and not form.optional("lon") else form.optional_decimal("lon"),
        places=where.places if where else tuple(typed),
        contact_phone=form.optional("contact_phone"),
        contact_language=form.text("contact_language", "fr"),
        description=form.text("description"),
    )


def _form_page(
    request: Call, form: Posted | None, notice: Notice | None, site_id: UUID | None = None
) -> Response[Any]:
    def look(tx: Tx) -> dict[str, Any]:
        site = sites.managed_site(tx, site_id) if site_id is not None else None
        filled = form
        if filled is None:
            assert site is not None
            filled = Form(
                {
                    "name": [site.name],
                    "commune": [site.commune],
                    "contact_phone": [site.contact_phone or ""],
                    "contact_language": [site.contact_language],
                    "description": [site.description],
                    "version": [str(site.version)],
                }
            )
        return {
            "site": site,
            "form": filled,
            "communes": sorted(tx.network.communes, key=lambda c: c.name(tx.actor.language)),
            "services": tx.network.services,
            "spoken": tx.network.languages,
            "two_sided": tx.actor.role is Role.COORDINATOR,
            "sides": tuple(Side),
            "place_kinds": PLACE_KINDS,
        }

    return show(
        request,
        "sites/form.html",
        look,
        status=notice.status if notice is not None else 200,
        notice=notice,
        came_from=f"/sites/{site_id}/edit" if site_id else "/sites/new",
    )


@get("/sites/{site_id:uuid}", sync_to_thread=True, include_in_schema=False, **only(*READERS))
def site_page(request: Call, site_id: FromPath[UUID]) -> Response[Any]:
    return show_site(request, site_id)


def show_site(
    request: Call, site_id: UUID, notice: Notice | None = None, form: Form | None = None
) -> Response[Any]:
    """The page of a site, with what was just refused on it (if something was)."""

    def look(tx: Tx) -> dict[str, Any]:
        view = sites.site_view(tx, site_id)
        return {
            "site": view.site,
            "units": views.units_now(tx, view.units),
            "placements": views.placed_at(tx, [view.site]),
            "manages": tx.actor.role in MANAGERS,
            "opens": tx.actor.role is Role.COORDINATOR,
            "reasons": tuple(BlockReason),
            "last_night": tx.tonight.fromordinal(tx.tonight.toordinal() + 2 * 366),
        }

    return show(
        request,
        "sites/view.html",
        look,
        status=notice.status if notice is not None else 200,
        notice=notice,
        form=form or Form(),
        came_from=f"/sites/{site_id}",
    )


@post(
    "/sites/{site_id:uuid}/still-true",
    sync_to_thread=True,
    include_in_schema=False,
    **only(*MANAGERS),
)
def still_true(request: Call, site_id: FromPath[UUID], form: Posted) -> Response[Any]:
    """Everything known of the site's units still holds."""

    def work(tx: Tx) -> str:
        availability.confirm_site(tx, site_id)
        return local_path(form.text("back"), f"/sites/{site_id}")

    return write_once(request, form, work)


@post(
    "/sites/{site_id:uuid}/open",
    sync_to_thread=True,
    include_in_schema=False,
    **only(Role.COORDINATOR),
)
def open_site(request: Call, site_id: FromPath[UUID], form: Posted) -> Response[Any]:
    """Open a site that waits; what stands in the way is said on its page."""

    def work(tx: Tx) -> str:
        sites.approve_site(tx, site_id)
        return f"/sites/{site_id}"

    try:
        return write_once(request, form, work)
    except ShelterError as error:
        return show_site(request, site_id, Notice(error))


route_handlers = (
    list_sites,
    new_site,
    add_site,
    edit_page,
    edit_site,
    site_page,
    still_true,
    open_site,
)
