"""Links that were sent to a site's contact, to say in one tap whether what is known is true."""

from __future__ import annotations

import uuid
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from shelter.db.tables.columns import OneSided, identifier, instant, side_column
from shelter.domain.sides import Side


class AvailabilityLink(OneSided, SQLModel, table=True):
    """The link of a question about a unit; the next question ends it."""

    __tablename__ = "availability_link"
    id: uuid.UUID = identifier()
    side: Side = side_column("side")
    #: what it is for: all units of this site
    site_id: uuid.UUID = Field(
        sa_column=sa.Column(
            sa.Uuid(), sa.ForeignKey("site.id", ondelete="CASCADE"), nullable=False, index=True
        )
    )
    #: which unit was asked about
    unit_id: uuid.UUID = Field(
        sa_column=sa.Column(
            sa.Uuid(), sa.ForeignKey("unit.id", ondelete="CASCADE"), nullable=False, index=True
        )
    )
    #: SHA-256 of what the link says; that itself is in the message alone
    token_hash: str = Field(unique=True)
    expires_at: datetime = instant(index=True)
    #: answers that were given by it
    uses: int = 0
