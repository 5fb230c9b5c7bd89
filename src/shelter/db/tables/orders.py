"""Temporary barring orders (interdiction temporaire de résidence, law of 15 May 2012)."""

from __future__ import annotations

import uuid
from datetime import date, datetime

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from shelter.db.tables.columns import OneSided, enum_column, identifier, instant, side_column
from shelter.domain.orders import OrderState
from shelter.domain.sides import Side


class BarringOrder(OneSided, SQLModel, table=True):
    """An order against somebody of the perpetrator side of a case. It frees no place by itself.

    A fact about the perpetrator side, so its rows are that side's; the victim side may depend on
    them. No name, court file or address: the case is a keyed hash.
    """

    __tablename__ = "barring_order"
    __table_args__ = (sa.UniqueConstraint("side", "code"),)
    id: uuid.UUID = identifier()
    side: Side = side_column("side")
    #: what people say on the phone
    code: str
    case_hash: str = Field(index=True)
    #: the service that recorded it
    service: str
    state: OrderState = Field(sa_column=enum_column(OrderState, "state"))
    #: when it was notified: the fourteen days run from here, not from the incident
    served_at: datetime | None = instant(nullable=True)
    #: the last instant in force, as of the latest decision
    ends_at: datetime | None = instant(nullable=True)
    #: the family court's hearing
    hearing_on: date | None = None
    #: when it was lifted, or said to be over
    closed_at: datetime | None = instant(nullable=True)
    recorded_by: uuid.UUID | None = None
    created_at: datetime = instant()
    version: int = 1
