"""Messages and alerts."""

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
from shelter.domain.alerts import AlertKind
from shelter.domain.messages import MessageState
from shelter.domain.sides import Side


class Message(OneSided, SQLModel, table=True):
    """An SMS that was promised in the same transaction as the fact that it tells."""

    __tablename__ = "message"
    __table_args__ = (
        sa.Index("ix_message_state_due", "state", "due_at"),
        sa.UniqueConstraint("side", "code"),
    )
    id: uuid.UUID = identifier()
    side: Side = side_column("side")
    #: random, in the text: finds the message again, and is echoed by answers that change state
    code: str
    to_phone: str
    service: str | None = None
    body: str
    state: MessageState = Field(sa_column=enum_column(MessageState, "state"))
    urgent: bool = True
    request_id: uuid.UUID | None = Field(default=None, index=True)
    alert_id: uuid.UUID | None = Field(default=None, index=True)
    unit_id: uuid.UUID | None = None
    created_at: datetime = instant(index=True)
    due_at: datetime = instant()
    expires_at: datetime = instant()
    attempts: int = 0
    lease_owner: str | None = None
    lease_until: datetime | None = instant(nullable=True)
    provider_id: str | None = Field(default=None, index=True)
    error_code: str | None = None
    changed_at: datetime = instant()
    #: names the occasion, so that it is told once however often it is noticed
    occasion: str | None = Field(default=None, unique=True)


class LocalInboxMessage(SQLModel, table=True):
    """The embedded stand-in for phones when no Twilio account is configured."""

    __tablename__ = "local_inbox"
    id: uuid.UUID = identifier()
    to_phone: str
    body: str
    received_at: datetime = instant(index=True)


class InboundSeen(SQLModel, table=True):
    """Webhooks that were dealt with: a signed request can be replayed for ever."""

    __tablename__ = "inbound_seen"
    provider_id: str = Field(primary_key=True)
    at: datetime = instant()


class Alert(OneSided, SQLModel, table=True):
    __tablename__ = "alert"
    __table_args__ = (sa.Index("ix_alert_service_created", "service", "created_at"),)
    id: uuid.UUID = identifier()
    #: whose data it tells about
    side: Side = side_column("side")
    kind: AlertKind = Field(sa_column=enum_column(AlertKind, "kind"))
    #: the service whose duty person must answer
    service: str
    request_id: uuid.UUID | None = Field(default=None, index=True)
    placement_id: uuid.UUID | None = None
    unit_id: uuid.UUID | None = None
    created_at: datetime = instant()
    acknowledged_at: datetime | None = instant(nullable=True)
    acknowledged_by: uuid.UUID | None = None
    #: screen or sms
    acknowledged_via: str | None = None
    #: names the occasion, so that it is told once however often it is noticed
    occasion: str | None = Field(default=None, unique=True)
