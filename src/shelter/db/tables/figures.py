"""What is left of requests and stays that were purged: figures without persons."""

from __future__ import annotations

import uuid

import sqlalchemy as sa
from sqlmodel import SQLModel

from shelter.db.tables.columns import OneSided, identifier, side_column
from shelter.domain.sides import Side


class Figure(OneSided, SQLModel, table=True):
    """How many requests of a month ended how, and the nights that were given to them."""

    __tablename__ = "figure"
    __table_args__ = (sa.UniqueConstraint("side", "month", "service", "outcome", "urgency"),)
    id: uuid.UUID = identifier()
    side: Side = side_column("side")
    #: of the asking, "2026-11", in the network's time zone
    month: str
    service: str
    #: an Outcome, or "" of a request that nobody closed
    outcome: str
    urgency: int
    requests: int = 0
    nights: int = 0
