"""Alerts, and the steps by which they look for somebody who answers."""

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
from shelter.domain.alerts import AlertKind, StepEnd, Tell
from shelter.domain.messages import Channel
from shelter.domain.sides import Side


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
    #: what its messages call it
    reference: str
    created_at: datetime = instant()
    acknowledged_at: datetime | None = instant(nullable=True)
    acknowledged_by: uuid.UUID | None = None
    #: screen, sms or voice
    acknowledged_via: str | None = None
    #: names the occasion, so that it is told once however often it is noticed
    occasion: str | None = Field(default=None, unique=True)


class AlertStep(OneSided, SQLModel, table=True):
    """One step of an alert's escalation. All are written with the alert; each is done once."""

    __tablename__ = "alert_step"
    __table_args__ = (
        sa.UniqueConstraint("alert_id", "number"),
        sa.Index("ix_alert_step_ended_due", "ended", "due_at"),
    )
    id: uuid.UUID = identifier()
    side: Side = side_column("side")
    alert_id: uuid.UUID = Field(
        sa_column=sa.Column(
            sa.Uuid(), sa.ForeignKey("alert.id", ondelete="CASCADE"), nullable=False
        )
    )
    #: from 0, in the order of the network file
    number: int
    tell: Tell = Field(sa_column=enum_column(Tell, "tell"))
    channel: Channel = Field(sa_column=enum_column(Channel, "channel"))
    due_at: datetime = instant()
    #: None while it waits
    ended: StepEnd | None = Field(
        default=None, sa_column=enum_column(StepEnd, "ended", nullable=True)
    )
    ended_at: datetime | None = instant(nullable=True)
    #: what was sent; rows of messages are purged sooner than alerts, so no foreign key
    message_id: uuid.UUID | None = None
