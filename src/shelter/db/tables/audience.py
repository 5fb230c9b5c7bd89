"""Who knows where a site is, and sites that are to serve the other side."""

from __future__ import annotations

import uuid
from datetime import date, datetime

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from shelter.db.tables.columns import (
    OneSided,
    enum_column,
    identifier,
    instant,
    json_column,
    side_column,
)
from shelter.domain.audience import AudienceReason, AudienceState
from shelter.domain.sides import Side


class KnownAddress(OneSided, SQLModel, table=True):
    """Somebody was promised a place on a site, and so knows where it is. Outlives the placement."""

    __tablename__ = "known_address"
    __table_args__ = (sa.UniqueConstraint("placement_id", "site_id"),)
    id: uuid.UUID = identifier()
    side: Side = side_column("side")
    site_id: uuid.UUID = Field(foreign_key="site.id", index=True)
    #: the placement by which they know it; no foreign key, for it may be purged long before
    placement_id: uuid.UUID
    #: as of the request; None: nobody can say who it was
    case_hash: str | None = Field(default=None, index=True)
    #: the cases that they were to be kept apart from then; what stated it may be purged long before
    apart_from: list[str] = Field(sa_column=sa.Column(json_column(), nullable=False))
    since: datetime = instant()
    #: the first night that the last promise did not cover
    last_night: date


class AudienceChange(SQLModel, table=True):
    """A site is to serve the other side, through another service. Read by two-sided people only."""

    __tablename__ = "audience_change"
    __table_args__ = (
        # one question a site at a time
        sa.Index(
            "uq_audience_change_site_asked",
            "site_id",
            unique=True,
            sqlite_where=sa.text("state = 'asked'"),
            postgresql_where=sa.text("state = 'asked'"),
        ),
        sa.CheckConstraint(
            "decided_by IS NULL OR state <> 'agreed' OR decided_by <> asked_by", name="two_people"
        ),
    )
    id: uuid.UUID = identifier()
    #: what its messages call it
    code: str = Field(unique=True)
    site_id: uuid.UUID = Field(foreign_key="site.id", index=True)
    to_side: Side = Field(sa_column=enum_column(Side, "to_side"))
    to_service: str
    reason: AudienceReason = Field(sa_column=enum_column(AudienceReason, "reason"))
    state: AudienceState = Field(sa_column=enum_column(AudienceState, "state"))
    asked_by: uuid.UUID = Field(foreign_key="app_user.id")
    asked_at: datetime = instant()
    decided_by: uuid.UUID | None = Field(default=None, foreign_key="app_user.id")
    decided_at: datetime | None = instant(nullable=True)
