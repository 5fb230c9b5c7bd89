"""Sites that are to serve the other side: asking, and the second person's yes or no."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from litestar import Response, get, post
from litestar.params import FromPath

from shelter.db.tables import AudienceChange
from shelter.domain.audience import AudienceReason, AudienceState
from shelter.domain.errors import NotFound, ShelterError
from shelter.domain.sides import Role, other_side
from shelter.services import audience, sites
from shelter.services.context import Tx
from shelter_api.access import only
from shelter_api.pages.common import Call, Notice, write_once
from shelter_api.pages.forms import Form, Posted
from shelter_api.pages.rendering import show

DECIDERS = tuple(sorted(audience.DECIDERS))
DECISIONS: dict[str, Callable[[Tx, UUID], AudienceChange]] = {
    "agree": audience.agree_audience,
    "withdraw": audience.withdraw_audience,
}


@get("/audience", sync_to_thread=True, include_in_schema=False, **only(*DECIDERS))
def list_changes(request: Call) -> Response[Any]:
    return _list_page(request)


def _list_page(request: Call, notice: Notice | None = None) -> Response[Any]:
    def look(tx: Tx) -> dict[str, Any]:
        views = audience.list_changes(tx)
        return {
            "waiting": [v for v in views if v.change.state is AudienceState.ASKED],
            "decided": [v for v in views if v.change.state is not AudienceState.ASKED],
        }

    return show(
        request,
        "audience/list.html",
        look,
        status=notice.status if notice is not None else 200,
        notice=notice,
        came_from="/audience",
    )


@post(
    "/audience/{change_id:uuid}/do/{decision:str}",
    sync_to_thread=True,
    include_in_schema=False,
    **only(*DECIDERS),
)
def decide(
    request: Call, change_id: FromPath[UUID], decision: FromPath[str], form: Posted
) -> Response[Any]:
    """Agree, or take it back; what is in the way is said above the list."""
    if decision not in DECISIONS:
        raise NotFound("not_found", what="page")

    def work(tx: Tx) -> str:
        DECISIONS[decision](tx, change_id)
        return "/audience"

    try:
        return write_once(request, form, work)
    except ShelterError as error:
        return _list_page(request, Notice(error))


@get(
    "/sites/{site_id:uuid}/audience",
    sync_to_thread=True,
    include_in_schema=False,
    **only(Role.COORDINATOR),
)
def ask_page(request: Call, site_id: FromPath[UUID]) -> Response[Any]:
    return _ask_page(request, site_id, Form(), None)


@post(
    "/sites/{site_id:uuid}/audience",
    sync_to_thread=True,
    include_in_schema=False,
    **only(Role.COORDINATOR),
)
def ask(request: Call, site_id: FromPath[UUID], form: Posted) -> Response[Any]:
    def work(tx: Tx) -> str:
        reason = form.required_choice("reason", AudienceReason)
        form.check()
        audience.ask_audience(tx, site_id, form.text("service"), reason)
        return "/audience"

    try:
        return write_once(request, form, work)
    except ShelterError as error:
        return _ask_page(request, site_id, form, Notice(error))


def _ask_page(request: Call, site_id: UUID, form: Form, notice: Notice | None) -> Response[Any]:
    def look(tx: Tx) -> dict[str, Any]:
        site = sites.managed_site(tx, site_id)
        return {
            "site": site,
            "to_side": other_side(site.side),
            "services": audience.services_to_take(tx, site),
            "reasons": tuple(AudienceReason),
        }

    return show(
        request,
        "audience/ask.html",
        look,
        status=notice.status if notice is not None else 200,
        form=form,
        notice=notice,
        came_from=f"/sites/{site_id}/audience",
    )


route_handlers = (list_changes, decide, ask_page, ask)
