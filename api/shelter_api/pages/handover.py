"""What is done for a placement on the spot: ticked steps, transport, incidents."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from litestar import Response, post
from litestar.params import FromPath

from shelter.domain.errors import ShelterError
from shelter.domain.handover import Checklist, Transport
from shelter.domain.incidents import IncidentKind, Severity
from shelter.domain.sides import Role
from shelter.services import handover, incidents
from shelter.services.context import Tx
from shelter_api.access import only
from shelter_api.pages.common import Call, Notice, write_once
from shelter_api.pages.forms import Form, Posted
from shelter_api.pages.placements import show_placement

ON_SITE = (Role.ON_CALL, Role.COMMUNE_STAFF)


def _answer(
    request: Call, placement_id: UUID, form: Form, work: Callable[[Tx], object]
) -> Response[Any]:
    def done(tx: Tx) -> str:
        work(tx)
        return f"/placements/{placement_id}"

    try:
        return write_once(request, form, done)
    except ShelterError as error:
        return show_placement(request, placement_id, Notice(error), form)


@post(
    "/placements/{placement_id:uuid}/steps",
    sync_to_thread=True,
    include_in_schema=False,
    **only(*ON_SITE),
)
def tick(request: Call, placement_id: FromPath[UUID], form: Posted) -> Response[Any]:
    """Tick a step, or take that back."""

    def work(tx: Tx) -> object:
        checklist = form.required_choice("checklist", Checklist)
        form.check()
        step, done = form.text("step"), form.has("done")
        return handover.tick(tx, placement_id, checklist, step, done=done)

    return _answer(request, placement_id, form, work)


@post(
    "/placements/{placement_id:uuid}/transport",
    sync_to_thread=True,
    include_in_schema=False,
    **only(*ON_SITE),
)
def bring(request: Call, placement_id: FromPath[UUID], form: Posted) -> Response[Any]:
    """Who brings them, and when."""

    def work(tx: Tx) -> object:
        transport = form.required_choice("transport", Transport)
        hour = form.optional_whole("transport_hour")
        form.check()
        return handover.bring(tx, placement_id, transport, hour)

    return _answer(request, placement_id, form, work)


@post(
    "/placements/{placement_id:uuid}/incidents",
    sync_to_thread=True,
    include_in_schema=False,
    **only(*ON_SITE),
)
def record(request: Call, placement_id: FromPath[UUID], form: Posted) -> Response[Any]:
    """Something went wrong: those who must know are told at once."""

    def work(tx: Tx) -> object:
        kind = form.required_choice("kind", IncidentKind)
        severity = form.required_choice("severity", Severity)
        form.check()
        return incidents.record(tx, placement_id, kind, severity, form.optional("note"))

    return _answer(request, placement_id, form, work)


route_handlers = (tick, bring, record)
