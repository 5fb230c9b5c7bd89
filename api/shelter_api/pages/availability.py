"""The page behind a link of a message: is what is known of these units still true?

Open to whoever has the link, and as narrow as that: names of units, and no place or person. What
is asked for is read again after each answer, so nothing here needs a key against repeating.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.params import FromPath
from litestar.response import Redirect

from shelter.domain.errors import Conflict, FieldProblem, Invalid, NotFound, ShelterError
from shelter.domain.sides import SYSTEM
from shelter.services import availability_links as links
from shelter.services.context import Tx
from shelter_api.access import public
from shelter_api.pages.common import Notice, system_of
from shelter_api.pages.forms import Form, Posted
from shelter_api.pages.rendering import render

AnyCall = Request[Any, Any, Any]
#: longer is no token of ours
LONGEST = 64


@get("/a/{token:str}", sync_to_thread=True, include_in_schema=False, **public())
def asked(request: AnyCall, token: FromPath[str]) -> Response[Any]:
    """Looking changes nothing: mail and message programs follow links before anybody does."""
    return _page(request, token)


@post("/a/{token:str}/still-true", sync_to_thread=True, include_in_schema=False, **public())
def still_true(request: AnyCall, token: FromPath[str]) -> Response[Any]:
    try:
        links.still_true(system_of(request), token[:LONGEST])
    except links.LinkOver as error:
        return _over(request, error)
    return Redirect(f"/a/{token[:LONGEST]}?said", status_code=303)


@post("/a/{token:str}/units", sync_to_thread=True, include_in_schema=False, **public())
def change(request: AnyCall, token: FromPath[str], form: Posted) -> Response[Any]:
    """One unit is free, occupied or closed from tonight on."""
    try:
        unit_id = _unit_of(form)
        said, until = form.required_choice("said", links.Said), form.optional_day("until")
        form.check()
        links.change(system_of(request), token[:LONGEST], unit_id, said, until)
    except links.LinkOver as error:
        return _over(request, error)
    except Invalid as error:
        problems = [
            FieldProblem("until" if each.field == "end_night" else each.field, each.code)
            for each in error.problems
        ]
        return _page(request, token, Notice(Invalid(*problems)), form)
    except Conflict as error:
        return _page(request, token, Notice(error), form)
    return Redirect(f"/a/{token[:LONGEST]}?said", status_code=303)


def _unit_of(form: Form) -> UUID:
    named = form.identifiers("unit")
    if not named:
        raise NotFound("not_found", what="unit")
    return named[0]


def _page(
    request: AnyCall, token: str, notice: Notice | None = None, form: Form | None = None
) -> Response[Any]:
    system = system_of(request)
    try:
        shown = links.look(system, token[:LONGEST])
    except links.LinkOver as error:
        return _over(request, error)
    return render(
        "availability/asked.html",
        status=notice.status if notice is not None else 200,
        **_facts(request),
        shown=shown,
        token=token[:LONGEST],
        said="said" in request.query_params and notice is None,
        choices=tuple(links.Said),
        notice=notice,
        form=form or Form(),
        blank=Form(),
        came_from="/",
    )


def _over(request: AnyCall, error: ShelterError) -> Response[Any]:
    """Whom to call instead; by number only for a link that was one of ours."""
    known = isinstance(error, links.LinkOver) and error.known
    facts = _facts(request)
    return render(
        "availability/over.html",
        status=404,
        **facts,
        phone=facts["coordinator_phone"] if known else None,
        came_from="/",
    )


def _facts(request: AnyCall) -> dict[str, Any]:
    def look(tx: Tx) -> dict[str, Any]:
        return {
            "network": tx.network,
            "now": tx.now,
            "tonight": tx.tonight,
            "coordinator_phone": tx.duty_phone(tx.network.coordinator),
        }

    return system_of(request).run(SYSTEM, look, read_only=True)


route_handlers = (asked, still_true, change)
