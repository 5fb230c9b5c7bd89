"""What two-sided people decided about one case. Rows of the victim side: the other finds none."""

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
from shelter.domain.decisions import GlassReason, OverrideReason, OverrideState
from shelter.domain.sides import Side


class BreakGlass(OneSided, SQLModel, table=True):
    """A coordinator opened the other side of one case, for a reason and an hour."""

    __tablename__ = "break_glass"
    __table_args__ = (sa.CheckConstraint("side = 'victims'", name="victim_side"),)
    id: uuid.UUID = identifier()
    #: who may know of it, whichever side it was opened from
    side: Side = side_column("side")
    #: from which request
    request_id: uuid.UUID = Field(foreign_key="request.id", ondelete="CASCADE", index=True)
    case_hash: str
    reason: GlassReason = Field(sa_column=enum_column(GlassReason, "reason"))
    opened_by: uuid.UUID = Field(foreign_key="app_user.id")
    opened_at: datetime = instant()
    until: datetime = instant()
    #: closed before its hour was over
    closed_at: datetime | None = instant(nullable=True)


class Override(OneSided, SQLModel, table=True):
    """Two people allow one request a site, although somebody of another case is too near.

    It covers the places that those people had when it was asked for (``against``), as long as they
    were to have them, and where both sites were; not where they go afterwards.
    """

    __tablename__ = "override"
    __table_args__ = (
        sa.CheckConstraint("side = 'victims'", name="victim_side"),
        # the last line: nobody approves their own question
        sa.CheckConstraint("decided_by <> asked_by", name="two_people"),
        sa.CheckConstraint("state <> 'approved' OR decided_by IS NOT NULL", name="approved_by"),
    )
    id: uuid.UUID = identifier()
    side: Side = side_column("side")
    request_id: uuid.UUID = Field(foreign_key="request.id", ondelete="CASCADE", index=True)
    #: the case from which the request is kept apart; its own: the other side of it
    other_case_hash: str
    site_id: uuid.UUID = Field(foreign_key="site.id", ondelete="CASCADE")
    #: the day on which the last night must have ended
    until: date
    #: placements of that case, as they were when it was asked, with a mark of where the sites were
    against: list[str] = Field(sa_column=sa.Column(json_column(), nullable=False))
    reason: OverrideReason = Field(sa_column=enum_column(OverrideReason, "reason"))
    state: OverrideState = Field(sa_column=enum_column(OverrideState, "state"))
    asked_by: uuid.UUID = Field(foreign_key="app_user.id")
    asked_at: datetime = instant(index=True)
    #: approved or declined by
    decided_by: uuid.UUID | None = Field(default=None, foreign_key="app_user.id")
    decided_at: datetime | None = instant(nullable=True)
    withdrawn_by: uuid.UUID | None = Field(default=None, foreign_key="app_user.id")
    withdrawn_at: datetime | None = instant(nullable=True)
