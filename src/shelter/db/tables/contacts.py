"""How a housed person may be reached without danger, if at all."""

from __future__ import annotations

import uuid
from datetime import date, datetime

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from shelter.db.tables.columns import OneSided, enum_column, identifier, instant, side_column
from shelter.domain.messages import Channel
from shelter.domain.sides import Side


class SafeContact(OneSided, SQLModel, table=True):
    """The recorded consent of a person to neutral messages; without a row nothing is sent."""

    __tablename__ = "safe_contact"
    __table_args__ = (
        sa.CheckConstraint("hour_from BETWEEN 0 AND 23", name="hour_from"),
        sa.CheckConstraint("hour_until BETWEEN 0 AND 23", name="hour_until"),
    )
    id: uuid.UUID = identifier()
    side: Side = side_column("side")
    request_id: uuid.UUID = Field(
        sa_column=sa.Column(
            sa.Uuid(),
            sa.ForeignKey("request.id", ondelete="CASCADE"),
            nullable=False,
            unique=True,
        )
    )
    channel: Channel = Field(sa_column=enum_column(Channel, "channel"))
    #: AES-GCM-SIV of the number
    phone: bytes
    language: str
    #: local hours in which a message may arrive; equal hours mean the whole day
    hour_from: int
    hour_until: int
    consented_at: datetime = instant()
    recorded_by: uuid.UUID = Field(foreign_key="app_user.id")
    #: after this day nothing is sent until somebody has asked again
    recheck_on: date
    version: int = 1
