"""Who is on duty when, swaps of it, and the secret addresses of calendar feeds."""

from __future__ import annotations

import uuid
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from shelter.db.tables.columns import PartlySided, enum_column, enum_type, identifier, instant
from shelter.domain.rota import SwapState
from shelter.domain.sides import Side


def _side_or_none() -> sa.Column[Side | None]:
    return sa.Column(enum_type(Side, "side"), nullable=True, index=True)


class Shift(PartlySided, SQLModel, table=True):
    """One person of a service is on duty for [starts_at, ends_at)."""

    __tablename__ = "shift"
    __table_args__ = (
        sa.CheckConstraint("ends_at > starts_at", name="ends_later"),
        sa.CheckConstraint("line BETWEEN 1 AND 3", name="line"),
        sa.Index("ix_shift_service_ends", "service", "ends_at"),
        sa.UniqueConstraint("service", "calendar_uid", "starts_at"),
    )
    id: uuid.UUID = identifier()
    #: of the person; None for services that act on both sides
    side: Side | None = Field(default=None, sa_column=_side_or_none())
    service: str
    user_id: uuid.UUID = Field(foreign_key="app_user.id", index=True)
    #: 1 is called first, 2 when nobody answers
    line: int = 1
    starts_at: datetime = instant()
    ends_at: datetime = instant()
    created_at: datetime = instant()
    created_by: uuid.UUID | None = None
    #: UID of the event that it was imported from
    calendar_uid: str | None = None
    version: int = 1


class ShiftSwap(PartlySided, SQLModel, table=True):
    """Somebody asks a colleague of the same service to take a shift over."""

    __tablename__ = "shift_swap"
    id: uuid.UUID = identifier()
    side: Side | None = Field(default=None, sa_column=_side_or_none())
    service: str = Field(index=True)
    shift_id: uuid.UUID = Field(
        sa_column=sa.Column(
            sa.Uuid(), sa.ForeignKey("shift.id", ondelete="CASCADE"), nullable=False
        )
    )
    from_user: uuid.UUID = Field(foreign_key="app_user.id")
    to_user: uuid.UUID = Field(foreign_key="app_user.id")
    state: SwapState = Field(sa_column=enum_column(SwapState, "state"))
    asked_at: datetime = instant()
    decided_at: datetime | None = instant(nullable=True)


class CalendarFeed(SQLModel, table=True):
    """The secret address at which a person's calendar program reads a rota. A hash of it."""

    __tablename__ = "calendar_feed"
    token_hash: str = Field(primary_key=True)
    user_id: uuid.UUID = Field(
        sa_column=sa.Column(
            sa.Uuid(), sa.ForeignKey("app_user.id", ondelete="CASCADE"), nullable=False, index=True
        )
    )
    #: the whole service's shifts, not only the person's own
    whole_service: bool = False
    created_at: datetime = instant()
    read_at: datetime | None = instant(nullable=True)
