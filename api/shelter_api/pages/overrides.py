"""Places that two people allow although a separation forbids them: asking and answering."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Response, get, post
from litestar.params import FromPath

from shelter.domain.decisions import OverrideReason
from shelter.domain.errors import ShelterError
from shelter.domain.sides import Role
from shelter.services import overrides
from shelter.services.context import Tx
from shelter_api.access import only
from shelter_api.pages.common import Call, Notice, write_once
from shelter_api.pages.forms import Form, Posted
from shelter_api.pages.rendering import show

DECIDERS = (Role.COORDINATOR, Role.SAPV)
#: the separation from the other side of the request's own case has no row
OWN_CASE = "own"


def _list(request: Call, notice: Notice | None = None) -> Response[Any]:
    def look(tx: Tx) -> dict[str, Any]:
        return {"overrides": overrides.list_overrides(tx)}

    return show(
        request,
        "overrides/list.html",
        look,
        status=notice.status if notice is not None else 200,
        notice=notice,
        form=Form(),
        came_from="/overrides",
    )


@get("/overrides", sync_to_thread=True, include_in_schema=False, **only(*DECIDERS))
def list_overrides(request: Call) -> Response[Any]:
    return _list(request)


@get("/overrides/new", sync_to_thread=True, include_in_schema=False, **only(*DECIDERS))
def new_override(request: Call) -> Response[Any]:
    """The form for the request whose reference is given."""
    return _form(request, request.query_params.get("code", ""))


def _form(
    request: Call, code: str, notice: Notice | None = None, form: Form | None = None
) -> Response[Any]:
    def look(tx: Tx) -> dict[str, Any]:
        it = overrides.by_code(tx, code)
        return {
            "it": it,
            "stated": overrides.separations(tx, it),
            "sites": overrides.sites(tx),
            "reasons": tuple(OverrideReason),
        }

    try:
        return show(
            request,
            "overrides/new.html",
            look,
            status=notice.status if notice is not None else 200,
            notice=notice,
            form=form or Form(),
            own_case=OWN_CASE,
            came_from="/overrides",
        )
    except ShelterError as error:
        return _list(request, Notice(error))


@post("/overrides", sync_to_thread=True, include_in_schema=False, **only(*DECIDERS))
def ask(request: Call, form: Posted) -> Response[Any]:
    code = form.text("code")

    def work(tx: Tx) -> str:
        it = overrides.by_code(tx, code)
        site, separation = form.identifiers("site_id"), None
        if form.text("separation_id") != OWN_CASE:
            separation = next(iter(form.identifiers("separation_id")), None)
            if separation is None:
                form.wrong("separation_id", "missing")
        if not site:
            form.wrong("site_id", "missing")
        until = form.day("until")
        reason = form.required_choice("reason", OverrideReason)
        form.check()
        overrides.ask(
            tx, it.id, site_id=site[0], until=until, reason=reason, separation_id=separation
        )
        return "/overrides"

    try:
        return write_once(request, form, work)
    except ShelterError as error:
        return _form(request, code, Notice(error), form)


@post(
    "/overrides/{override_id:uuid}/answer",
    sync_to_thread=True,
    include_in_schema=False,
    **only(*DECIDERS),
)
def answer(request: Call, override_id: FromPath[UUID], form: Posted) -> Response[Any]:
    def work(tx: Tx) -> str:
        overrides.decide(tx, override_id, approve=form.text("approve") == "yes")
        return "/overrides"

    try:
        return write_once(request, form, work)
    except ShelterError as error:
        return _list(request, Notice(error))


@post(
    "/overrides/{override_id:uuid}/withdraw",
    sync_to_thread=True,
    include_in_schema=False,
    **only(*DECIDERS),
)
def withdraw(request: Call, override_id: FromPath[UUID], form: Posted) -> Response[Any]:
    def work(tx: Tx) -> str:
        overrides.withdraw(tx, override_id)
        return "/overrides"

    try:
        return write_once(request, form, work)
    except ShelterError as error:
        return _list(request, Notice(error))


route_handlers = (list_overrides, new_override, ask, answer, withdraw)
