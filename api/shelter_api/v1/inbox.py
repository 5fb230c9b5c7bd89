"""Messages that were sent, and the local inbox that stands in for phones."""

from __future__ import annotations

import secrets
from datetime import datetime
from uuid import UUID

from litestar import Response, get, post
from litestar.params import FromQuery, JSONBody

from shelter.db.tables import Message
from shelter.domain.errors import NotFound
from shelter.domain.messages import Channel, MessageState
from shelter.domain.sides import Role
from shelter.services import inbound, local_inbox, outbox
from shelter.services.context import Tx
from shelter.services.person_messages import shown_recipient
from shelter_api.access import only, signed_in
from shelter_api.v1.common import (
    Call,
    Cursor,
    In,
    Out,
    limit_of,
    page_of,
    place_of,
    read,
    system_of,
)

READERS = (Role.ON_CALL, Role.COMMUNE_STAFF, Role.SAPV, Role.COORDINATOR)


class MessageOut(Out):
    id: UUID
    state: MessageState
    #: of a housed person never the number
    recipient: str
    body: str
    created_at: datetime
    attempts: int
    error_code: str | None


class MessageList(Out):
    items: list[MessageOut]
    #: give it as ``cursor`` to get the next page; None on the last
    next: str | None


class InboxMessage(Out):
    id: UUID
    channel: Channel
    recipient: str
    body: str
    received_at: datetime


class Inbox(Out):
    items: list[InboxMessage]


class ReplyIn(In):
    from_phone: str
    text: str


class ReplyOut(Out):
    answer: str


def message_out(row: Message) -> MessageOut:
    columns = {name: getattr(row, name) for name in MessageOut.model_fields}
    return MessageOut(**(columns | {"recipient": shown_recipient(row)}))


@get("/messages", sync_to_thread=True, **only(*READERS))
def messages(request: Call, after: Cursor = None, limit: FromQuery[int] = 50) -> MessageList:
    """What was sent to your service's phones and about its requests, in pages."""
    place, size = place_of(after), limit_of(limit)

    def look(tx: Tx) -> MessageList:
        rows = outbox.list_messages(tx, after=place, limit=size + 1)
        page, following = page_of(rows, size)
        return MessageList(items=[message_out(row) for row in page], next=following)

    return read(request, look)


def _refuse_unless_demo(request: Call) -> None:
    """It shows everybody's phone: for demonstrations only."""
    settings = system_of(request).settings
    if settings.twilio is not None or not settings.demo:
        raise NotFound("not_found", what="page")


@get("/inbox", sync_to_thread=True, **signed_in())
def read_inbox(request: Call) -> Inbox:
    """The local inbox of a demonstration: no SMS is sent to anybody."""
    _refuse_unless_demo(request)
    return read(
        request,
        lambda tx: Inbox(items=[InboxMessage.model_validate(row) for row in local_inbox.read(tx)]),
    )


@post("/inbox/replies", sync_to_thread=True, status_code=200, **signed_in())
def reply(request: Call, data: JSONBody[ReplyIn]) -> Response[ReplyOut]:
    """Answer as one of the phones of a demonstration."""
    _refuse_unless_demo(request)
    answer = inbound.receive(
        system_of(request), data.from_phone[:20], data.text, f"local-{secrets.token_hex(16)}"
    )
    return Response(ReplyOut(answer=answer), status_code=200)


route_handlers = (messages, read_inbox, reply)
