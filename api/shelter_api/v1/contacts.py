"""How a housed person may be reached, as they agreed: only their own service has to do with it."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from litestar import Response, get, post
from litestar.params import FromPath, JSONBody
from pydantic import Field

from shelter.domain.contacts import PersonMessage
from shelter.domain.messages import Channel
from shelter.domain.sides import Role
from shelter.services import contacts
from shelter.services.context import Tx
from shelter_api.access import only
from shelter_api.v1.common import Call, Day, IdempotencyKey, In, Out, read, write, write_once

Hour = Annotated[int, Field(ge=0, le=23)]


class ContactIn(In):
    """What the person agreed to."""

    #: E.164; stored encrypted, and in no answer but that of ``/contact/look``
    phone: str
    channel: Channel = Channel.SMS
    language: str
    #: local hours in which a message may arrive; equal hours mean the whole day
    hour_from: Hour
    hour_until: Hour
    #: by when you ask again, at most 90 days ahead
    recheck_on: Day
    #: of the consent that you read; left out when there was none
    version: int | None = None


class ContactOut(Out):
    channel: Channel
    language: str
    hour_from: int
    hour_until: int
    consented_at: datetime
    recheck_on: date
    version: int


class ContactState(Out):
    #: None: nothing is ever sent to this person
    contact: ContactOut | None


class PhoneOut(Out):
    phone: str


class PersonMessageIn(In):
    message: PersonMessage


class SentOut(Out):
    #: moved into the agreed hours
    due_at: datetime
    expires_at: datetime


@get("/requests/{request_id:uuid}/contact", sync_to_thread=True, **only(Role.ON_CALL))
def get_contact(request: Call, request_id: FromPath[UUID]) -> ContactState:
    """What the person agreed to, if anything, without the number."""
    return read(request, lambda tx: _state(tx, request_id))


@post("/requests/{request_id:uuid}/contact", sync_to_thread=True, **only(Role.ON_CALL))
def agree(
    request: Call,
    request_id: FromPath[UUID],
    data: JSONBody[ContactIn],
    idempotency_key: IdempotencyKey,
) -> Response[ContactOut]:
    """Record what the person agreed to, or record it anew."""
    given = contacts.Consent(**data.model_dump(exclude={"version"}))
    return write_once(
        request,
        idempotency_key,
        data.model_dump(mode="json"),
        lambda tx: ContactOut.model_validate(contacts.agree(tx, request_id, given, data.version)),
    )


@post("/requests/{request_id:uuid}/contact/withdrawal", sync_to_thread=True, **only(Role.ON_CALL))
def withdraw(
    request: Call, request_id: FromPath[UUID], idempotency_key: IdempotencyKey
) -> Response[ContactState]:
    """The person wants no messages any more: the number is gone at once."""

    def work(tx: Tx) -> ContactState:
        contacts.withdraw(tx, request_id)
        return ContactState(contact=None)

    return write_once(request, idempotency_key, None, work)


@post(
    "/requests/{request_id:uuid}/contact/look",
    sync_to_thread=True,
    status_code=200,
    **only(Role.ON_CALL),
)
def look_at_phone(request: Call, request_id: FromPath[UUID]) -> Response[PhoneOut]:
    """The number. A POST, because every look is written down."""
    phone = write(request, lambda tx: contacts.reveal_phone(tx, request_id))
    return Response(PhoneOut(phone=phone), status_code=200)


@post("/requests/{request_id:uuid}/contact/messages", sync_to_thread=True, **only(Role.ON_CALL))
def send(
    request: Call,
    request_id: FromPath[UUID],
    data: JSONBody[PersonMessageIn],
    idempotency_key: IdempotencyKey,
) -> Response[SentOut]:
    """Send one of the neutral messages, in the agreed hours."""
    return write_once(
        request,
        idempotency_key,
        data.model_dump(mode="json"),
        lambda tx: SentOut.model_validate(contacts.send(tx, request_id, data.message)),
    )


def _state(tx: Tx, request_id: UUID) -> ContactState:
    row = contacts.contact_of(tx, request_id)
    return ContactState(contact=None if row is None else ContactOut.model_validate(row))


route_handlers = (get_contact, agree, withdraw, look_at_phone, send)
