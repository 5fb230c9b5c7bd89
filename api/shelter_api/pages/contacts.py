"""The section of a request's page by which a housed person may be reached, as they agreed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from litestar import Response, get, post
from litestar.params import FromPath

from shelter.db.tables import Request
from shelter.domain.contacts import CHANNELS, LONGEST, PersonMessage
from shelter.domain.errors import ShelterError
from shelter.domain.messages import Channel
from shelter.domain.requests import RequestState
from shelter.domain.sides import Role
from shelter.services import contacts, intake
from shelter.services.context import Tx
from shelter_api.access import only
from shelter_api.pages.common import Call, Notice, system_of, write_once
from shelter_api.pages.forms import Form, Posted
from shelter_api.pages.rendering import show


def section(tx: Tx, row: Request) -> dict[str, Any]:
    """What the section shows; nothing to those who do not work on the request."""
    if tx.actor.role is not Role.ON_CALL:
        return {"contact_shown": False}
    contact = contacts.contact_of(tx, row.id)
    latest = contacts.latest_recheck(tx)
    return {
        "contact_shown": contact is not None or row.state is not RequestState.CLOSED,
        "contact": contact,
        "contact_over": contact is not None and contact.recheck_on < latest - LONGEST,
        "contact_window": None if contact is None else contacts.sending_window(tx, contact),
        "contact_channels": CHANNELS,
        "contact_messages": tuple(PersonMessage),
        "contact_languages": tx.network.languages,
        "contact_latest": latest,
        # usual: a month, so that it is asked while somebody still remembers
        "contact_recheck": latest - timedelta(days=60),
    }


def _back(request: Call, request_id: UUID, error: ShelterError, form: Form) -> Response[Any]:
    from shelter_api.pages.requests import show_request  # which shows this section

    return show_request(request, request_id, Notice(error), form)


@post(
    "/requests/{request_id:uuid}/contact",
    sync_to_thread=True,
    include_in_schema=False,
    **only(Role.ON_CALL),
)
def agree(request: Call, request_id: FromPath[UUID], form: Posted) -> Response[Any]:
    def work(tx: Tx) -> str:
        given = contacts.Consent(
            phone="".join(form.text("phone").split()),
            channel=form.required_choice("channel", Channel),
            language=form.text("language"),
            hour_from=form.whole("hour_from"),
            hour_until=form.whole("hour_until"),
            recheck_on=form.day("recheck_on"),
        )
        version = form.optional_whole("contact_version")
        form.check()
        contacts.agree(tx, request_id, given, version)
        return f"/requests/{request_id}#h-contact"

    try:
        return write_once(request, form, work)
    except ShelterError as error:
        return _back(request, request_id, error, form)


@post(
    "/requests/{request_id:uuid}/contact/withdraw",
    sync_to_thread=True,
    include_in_schema=False,
    **only(Role.ON_CALL),
)
def withdraw(request: Call, request_id: FromPath[UUID], form: Posted) -> Response[Any]:
    def work(tx: Tx) -> str:
        contacts.withdraw(tx, request_id)
        return f"/requests/{request_id}#h-contact"

    return write_once(request, form, work)


@post(
    "/requests/{request_id:uuid}/contact/send",
    sync_to_thread=True,
    include_in_schema=False,
    **only(Role.ON_CALL),
)
def send(request: Call, request_id: FromPath[UUID], form: Posted) -> Response[Any]:
    def work(tx: Tx) -> str:
        which = form.required_choice("message", PersonMessage)
        form.check()
        contacts.send(tx, request_id, which)
        return f"/requests/{request_id}#h-contact"

    try:
        return write_once(request, form, work)
    except ShelterError as error:
        return _back(request, request_id, error, form)


@get(
    "/requests/{request_id:uuid}/contact/number",
    sync_to_thread=True,
    include_in_schema=False,
    **only(Role.ON_CALL),
)
def number_page(request: Call, request_id: FromPath[UUID]) -> Response[Any]:
    """Says what a look is, and asks for it. Nothing is revealed by coming here."""
    return _number(request, request_id, None)


@post(
    "/requests/{request_id:uuid}/contact/number",
    sync_to_thread=True,
    include_in_schema=False,
    status_code=200,
    **only(Role.ON_CALL),
)
def reveal_number(request: Call, request_id: FromPath[UUID]) -> Response[Any]:
    """The number. Every look is written down, so each is a transaction of its own."""
    phone = system_of(request).run(request.user, lambda tx: contacts.reveal_phone(tx, request_id))
    return _number(request, request_id, phone)


def _number(request: Call, request_id: UUID, phone: str | None) -> Response[Any]:
    return show(
        request,
        "requests/contact.html",
        lambda tx: {
            "it": intake.readable_request(tx, request_id),
            "contact": contacts.contact_of(tx, request_id),
        },
        phone=phone,
        came_from=f"/requests/{request_id}/contact/number",
    )


route_handlers = (agree, withdraw, send, number_page, reveal_number)
