"""Messages that were sent, and the local inbox that stands in for phones in a demonstration."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Any

from litestar import Response, get, post

from shelter.domain.carrier_codes import remedy_of
from shelter.domain.errors import NotFound
from shelter.domain.messages import FINAL, LOST, MessageState
from shelter.domain.sides import Role
from shelter.services import inbound, local_inbox, message_figures, outbox
from shelter.services.context import Tx
from shelter.services.person_messages import shown_recipient
from shelter_api.access import only, signed_in
from shelter_api.pages.common import Call, system_of
from shelter_api.pages.forms import Form, Posted
from shelter_api.pages.rendering import show

COSTS_OF = timedelta(days=30)
READERS = (Role.ON_CALL, Role.COMMUNE_STAFF, Role.SAPV, Role.COORDINATOR)


#: the tabs of the page, and the states that each shows
SHOWN = {
    "all": frozenset(MessageState),
    "waiting": frozenset(MessageState) - FINAL,
    "lost": LOST,
}


@get("/messages", sync_to_thread=True, include_in_schema=False, **only(*READERS))
def messages(request: Call) -> Response[Any]:
    asked = request.query_params.get("show", "")
    chosen = asked if asked in SHOWN else "all"

    def look(tx: Tx) -> dict[str, Any]:
        since = tx.now - COSTS_OF
        return {
            "messages": outbox.list_messages(tx, states=SHOWN[chosen]),
            "recipient": shown_recipient,
            "remedy": remedy_of,
            "health": message_figures.health(tx),
            "costs": message_figures.costs(tx, since),
            "costs_since": since,
        }

    return show(request, "messages.html", look, tabs=tuple(SHOWN), chosen=chosen)


def _refuse_unless_demo(request: Call) -> None:
    """It shows everybody's phone: for demonstrations only."""
    settings = system_of(request).settings
    if settings.twilio is not None or not settings.demo:
        raise NotFound("not_found", what="page")


@get("/inbox", sync_to_thread=True, include_in_schema=False, **signed_in())
def inbox(request: Call) -> Response[Any]:
    _refuse_unless_demo(request)
    phone = request.query_params.get("from", "")
    return _inbox(request, Form({"from_phone": [phone]}), None)


@post("/inbox", sync_to_thread=True, include_in_schema=False, status_code=200, **signed_in())
def reply(request: Call, form: Posted) -> Response[Any]:
    """Answer as one of the phones of a demonstration."""
    _refuse_unless_demo(request)
    answer = inbound.receive(
        system_of(request),
        form.text("from_phone")[:20].strip(),
        form.text("text"),
        f"local-{secrets.token_hex(16)}",
    )
    return _inbox(request, form, answer)


def _inbox(request: Call, form: Form, answer: str | None) -> Response[Any]:
    return show(
        request,
        "inbox.html",
        lambda tx: {"messages": local_inbox.read(tx)},
        form=form,
        answer=answer,
        may_reply=True,
        came_from="/inbox",
    )


route_handlers = (messages, inbox, reply)
