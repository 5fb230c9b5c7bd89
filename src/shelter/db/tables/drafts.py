"""What somebody began to type, so that a lost line loses nothing."""

from __future__ import annotations

import uuid
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from shelter.db.tables.columns import OneSided, identifier, instant, side_column
from shelter.domain.sides import Side


class RequestDraft(OneSided, SQLModel, table=True):
    """A request that is being typed: one for each worker, whom alone it is shown to."""

    __tablename__ = "request_draft"
    __table_args__ = (sa.UniqueConstraint("user_id", "side"),)
    id: uuid.UUID = identifier()
    side: Side = side_column("side")
    user_id: uuid.UUID = Field(
        sa_column=sa.Column(
            sa.Uuid(), sa.ForeignKey("app_user.id", ondelete="CASCADE"), nullable=False
        )
    )
    #: AES-GCM-SIV of the form's fields as JSON; no free text that was refused, no case reference
    fields: bytes
    saved_at: datetime = instant(index=True)
