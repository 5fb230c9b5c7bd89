"""Messages that were sent, and the local inbox that stands in for phones in a demonstration."""

from __future__ import annotations

import secrets
from typing import Any

from litestar import Response, get, post

from shelter.domain.errors import NotFound
from shelter.domain.sides import Role
from shelter.services import inbound, local_inbox, outbox
from shelter.services.person_messages import shown_recipient
from shelter_api.access import only, signed_in
from shelter_api.pages.common import Call, system_of
from shelter_api.pages.forms import Form, Posted
from shelter_api.pages.rendering import show

READERS = (Role.ON_CALL, Role.COMMUNE_STAFF, Role.SAPV, Role.COORDINATOR)


@get("/messages", sync_to_thread=True, include_in_schema=False, **only(*READERS))
def messages(request: Call) -> Response[Any]:
    return show(
        request,
        "messages.html",
        lambda tx: {"messages": outbox.list_messages(tx), "recipient": shown_recipient},
    )


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
