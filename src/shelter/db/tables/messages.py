"""Messages to people, and what came back from them."""

from __future__ import annotations

import uuid
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from shelter.db.tables.columns import (
    OneSided,
    enum_column,
    identifier,
    instant,
    side_column,
)
from shelter.domain.messages import Channel, MessageState
from shelter.domain.sides import Side


class Message(OneSided, SQLModel, table=True):
    """An SMS, call or mail, promised in the same transaction as the fact that it tells."""

    __tablename__ = "message"
    __table_args__ = (
        sa.Index("ix_message_state_due", "state", "due_at"),
        sa.UniqueConstraint("side", "code"),
    )
    id: uuid.UUID = identifier()
    side: Side = side_column("side")
    #: random, in the text: finds the message again, and is echoed by answers that change state
    code: str
    channel: Channel = Field(default=Channel.SMS, sa_column=enum_column(Channel, "channel"))
    #: E.164 number, or a mail address
    recipient: str
    language: str = "fr"
    service: str | None = None
    #: key of its text in the language files
    template: str
    #: what is sent or read aloud
    body: str
    state: MessageState = Field(sa_column=enum_column(MessageState, "state"))
    urgent: bool = True
    request_id: uuid.UUID | None = Field(default=None, index=True)
    alert_id: uuid.UUID | None = Field(default=None, index=True)
    unit_id: uuid.UUID | None = None
    created_at: datetime = instant(index=True)
    #: when it is to be handed over; afterwards, when the provider is to be asked about it
    due_at: datetime = instant()
    expires_at: datetime = instant()
    attempts: int = 0
    #: a carrier could not deliver it for a reason that passes: it is sent once more
    second_try: bool = False
    lease_owner: str | None = None
    lease_until: datetime | None = instant(nullable=True)
    provider_id: str | None = Field(default=None, index=True)
    error_code: str | None = None
    #: when the provider had it, and when it reached the device
    accepted_at: datetime | None = instant(nullable=True)
    delivered_at: datetime | None = instant(nullable=True)
    #: when the provider was last asked what became of it
    asked_at: datetime | None = instant(nullable=True)
    #: what the provider took for it, in millionths of ``currency``; known some time afterwards
    price_micros: int | None = None
    currency: str | None = None
    changed_at: datetime = instant()
    #: names the occasion, so that it is told once however often it is noticed
    occasion: str | None = Field(default=None, unique=True)


class LocalInboxMessage(SQLModel, table=True):
    """The embedded stand-in for phones and mailboxes when no Twilio account is configured."""

    __tablename__ = "local_inbox"
    id: uuid.UUID = identifier()
    channel: Channel = Field(default=Channel.SMS, sa_column=enum_column(Channel, "channel"))
    recipient: str
    body: str
    received_at: datetime = instant(index=True)


class InboundSeen(SQLModel, table=True):
    """Webhooks that were dealt with: a signed request can be replayed for ever."""

    __tablename__ = "inbound_seen"
    provider_id: str = Field(primary_key=True)
    at: datetime = instant()
    #: what was understood, and what was answered: the same post again gets the same answer
    command: str | None = None
    answer: str = ""


class DeafPhone(SQLModel, table=True):
    """A number that opted out of our messages: nothing reaches it until it opts in again."""

    __tablename__ = "deaf_phone"
    number: str = Field(primary_key=True)
    since: datetime = instant()
