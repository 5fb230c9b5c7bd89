"""What was done for a placement beside its nights: ticked steps, and what went wrong."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from shelter.db.tables.columns import OneSided, enum_column, identifier, instant, side_column
from shelter.domain.handover import Checklist
from shelter.domain.incidents import IncidentKind, Severity
from shelter.domain.sides import Side


def _of_placement() -> Any:
    return Field(
        sa_column=sa.Column(
            sa.Uuid(),
            sa.ForeignKey("placement.id", ondelete="CASCADE"),
            nullable=False,
            index=True,
        )
    )


class HandoverStep(OneSided, SQLModel, table=True):
    """A step of a checklist that somebody ticked, or took back; without a row nobody did."""

    __tablename__ = "handover_step"
    __table_args__ = (sa.UniqueConstraint("placement_id", "checklist", "step"),)
    id: uuid.UUID = identifier()
    side: Side = side_column("side")
    placement_id: uuid.UUID = _of_placement()
    checklist: Checklist = Field(sa_column=enum_column(Checklist, "checklist"))
    #: a value of ``Handover``, or the key of a protocol's step in the network file
    step: str
    done: bool
    #: when it was ticked or taken back, and by whom
    changed_at: datetime = instant()
    changed_by: uuid.UUID = Field(foreign_key="app_user.id")


class Incident(OneSided, SQLModel, table=True):
    __tablename__ = "incident"
    id: uuid.UUID = identifier()
    side: Side = side_column("side")
    placement_id: uuid.UUID = _of_placement()
    kind: IncidentKind = Field(sa_column=enum_column(IncidentKind, "kind"))
    severity: Severity = Field(sa_column=enum_column(Severity, "severity"))
    #: AES-GCM-SIV of a few words for colleagues; purged with the notes of requests
    note: bytes | None = None
    recorded_at: datetime = instant()
    recorded_by: uuid.UUID = Field(foreign_key="app_user.id")
