"""Units of a site: adding, changing, closing nights, and "still true"."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Response, get, post
from litestar.params import FromPath

from shelter.db.tables import Unit
from shelter.domain.availability import BlockReason, Sharing
from shelter.domain.errors import ShelterError
from shelter.domain.household import Person
from shelter.services import availability, sites, units
from shelter.services.context import Tx
from shelter_api.access import only
from shelter_api.pages.common import Call, Notice, local_path, read, write_once
from shelter_api.pages.forms import Form, Posted
from shelter_api.pages.rendering import show
from shelter_api.pages.sites import MANAGERS, show_site

FLAGS = ("step_free", "pets", "quiet")
NUMBERS = ("beds", "cots", "supervision", "intake_from", "intake_until", "cleaning_nights")


@get(
    "/sites/{site_id:uuid}/units/new",
    sync_to_thread=True,
    include_in_schema=False,
    **only(*MANAGERS),
)
def new_unit(request: Call, site_id: FromPath[UUID]) -> Response[Any]:
    form = Form(
        {
            "beds": ["2"],
            "cots": ["0"],
            "sharing": [Sharing.PRIVATE.value],
            "admits": [person.value for person in Person],
            "cleaning_nights": ["1"],
            "renewals": ["0"],
        }
    )
    return _form_page(request, site_id, None, form, None)


@post(
    "/sites/{site_id:uuid}/units",
    sync_to_thread=True,
    include_in_schema=False,
    **only(*MANAGERS),
)
def add_unit(request: Call, site_id: FromPath[UUID], form: Posted) -> Response[Any]:
    def work(tx: Tx) -> str:
        units.add_unit(tx, site_id, _unit_input(form))
        return f"/sites/{site_id}"

    try:
        return write_once(request, form, work)
    except ShelterError as error:
        return _form_page(request, site_id, None, form, Notice(error))


@get("/units/{unit_id:uuid}/edit", sync_to_thread=True, include_in_schema=False, **only(*MANAGERS))
def edit_page(request: Call, unit_id: FromPath[UUID]) -> Response[Any]:
    unit = read(request, lambda tx: units.managed_unit(tx, unit_id))
    return _form_page(request, unit.site_id, unit, _filled(unit), None)


@post("/units/{unit_id:uuid}/edit", sync_to_thread=True, include_in_schema=False, **only(*MANAGERS))
def edit_unit(request: Call, unit_id: FromPath[UUID], form: Posted) -> Response[Any]:
    def work(tx: Tx) -> str:
        unit = units.edit_unit(tx, unit_id, _unit_input(form), form.whole("version"))
        return f"/sites/{unit.site_id}"

    try:
        return write_once(request, form, work)
    except ShelterError as error:
        unit = read(request, lambda tx: units.managed_unit(tx, unit_id))
        return _form_page(request, unit.site_id, unit, form, Notice(error))


def _form_page(
    request: Call, site_id: UUID, unit: Unit | None, form: Form, notice: Notice | None
) -> Response[Any]:
    return show(
        request,
        "sites/unit_form.html",
        lambda tx: {
            "site": sites.managed_site(tx, site_id),
            "sharings": tuple(Sharing),
            "people": tuple(Person),
        },
        status=notice.status if notice is not None else 200,
        unit=unit,
        form=form,
        notice=notice,
        came_from=f"/units/{unit.id}/edit" if unit else f"/sites/{site_id}/units/new",
    )


def _filled(unit: Unit) -> Form:
    values = {name: [str(getattr(unit, name))] for name in (*NUMBERS, "renewals", "version")}
    values |= {name: ["on"] for name in FLAGS if getattr(unit, name)}
    return Form(
        {
            **values,
            "label": [unit.label],
            "sharing": [unit.sharing.value],
            "admits": list(unit.admits),
            "max_stay_nights": [str(unit.max_stay_nights or "")],
        }
    )


def _unit_input(form: Form) -> units.UnitInput:
    """Raises Invalid with every field that cannot be read."""
    numbers = {name: form.whole(name) for name in NUMBERS}
    given = units.UnitInput(
        label=form.text("label"),
        sharing=form.choice("sharing", Sharing, Sharing.PRIVATE),
        admits=frozenset(form.choices("admits", Person)),
        max_stay_nights=form.optional_whole("max_stay_nights"),
        renewals=form.whole("renewals"),
        step_free=form.has("step_free"),
        pets=form.has("pets"),
        quiet=form.has("quiet"),
        **numbers,
    )
    form.check()
    return given


@post(
    "/units/{unit_id:uuid}/still-true",
    sync_to_thread=True,
    include_in_schema=False,
    **only(*MANAGERS),
)
def still_true(request: Call, unit_id: FromPath[UUID], form: Posted) -> Response[Any]:
    def work(tx: Tx) -> str:
        unit = availability.confirm_unit(tx, unit_id)
        return local_path(form.text("back"), f"/sites/{unit.site_id}")

    return write_once(request, form, work)


@post(
    "/units/{unit_id:uuid}/blocks",
    sync_to_thread=True,
    include_in_schema=False,
    **only(*MANAGERS),
)
def block(request: Call, unit_id: FromPath[UUID], form: Posted) -> Response[Any]:
    """Close nights, or mark a unit occupied, being cleaned, out of service or kept back."""
    unit = read(request, lambda tx: units.managed_unit(tx, unit_id))

    def work(tx: Tx) -> str:
        reason = form.required_choice("reason", BlockReason)
        first, end = form.day("first_night"), form.optional_day("end_night")
        form.check()
        availability.block_unit(tx, unit_id, reason, first, end)
        return f"/sites/{unit.site_id}"

    try:
        return write_once(request, form, work)
    except ShelterError as error:
        form.values["unit"] = [str(unit_id)]
        return show_site(request, unit.site_id, Notice(error), form)


@post(
    "/units/{unit_id:uuid}/blocks/{block_id:uuid}/end",
    sync_to_thread=True,
    include_in_schema=False,
    **only(*MANAGERS),
)
def unblock(
    request: Call, unit_id: FromPath[UUID], block_id: FromPath[UUID], form: Posted
) -> Response[Any]:
    """Open the nights again, from tonight on."""

    def work(tx: Tx) -> str:
        unit = units.managed_unit(tx, unit_id)
        availability.unblock_unit(tx, unit_id, block_id)
        return f"/sites/{unit.site_id}"

    return write_once(request, form, work)


route_handlers = (
    new_unit,
    add_unit,
    edit_page,
    edit_unit,
    still_true,
    block,
    unblock,
)
