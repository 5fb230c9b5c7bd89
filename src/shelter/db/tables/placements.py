"""Placements, their stays and the nights that they take."""

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
    side_column,
)
from shelter.domain.placements import LIVE, PlacementState
from shelter.domain.sides import Side


class PlacementRow(OneSided, SQLModel, table=True):
    __tablename__ = "placement"
    __table_args__ = (
        # one live placement a request, whatever else goes wrong
        sa.Index(
            "uq_placement_request_live",
            "request_id",
            unique=True,
            sqlite_where=sa.text(f"state IN ({', '.join(repr(s.value) for s in sorted(LIVE))})"),
            postgresql_where=sa.text(
                f"state IN ({', '.join(repr(s.value) for s in sorted(LIVE))})"
            ),
        ),
        sa.Index("ix_placement_side_state", "side", "state"),
        sa.UniqueConstraint("side", "code"),
        sa.CheckConstraint("end_night > first_night", name="nights"),
    )
    id: uuid.UUID = identifier()
    side: Side = Field(sa_column=enum_column(Side, "side"))
    request_id: uuid.UUID = Field(foreign_key="request.id", index=True)
    #: what its messages call it
    code: str
    state: PlacementState = Field(sa_column=enum_column(PlacementState, "state"))
    service: str
    first_night: date
    end_night: date
    held_by: uuid.UUID = Field(foreign_key="app_user.id")
    held_at: datetime = instant()
    hold_expires_at: datetime = instant()
    confirmed_by: uuid.UUID | None = None
    confirmed_at: datetime | None = instant(nullable=True)
    arrived_at: datetime | None = instant(nullable=True)
    ended_at: datetime | None = instant(nullable=True)
    #: they left before the last night that was promised to them
    left_early: bool = False
    #: who last moved the household to another place, and so may open its address
    moved_by: uuid.UUID | None = None
    version: int = 1


class StayRow(OneSided, SQLModel, table=True):
    __tablename__ = "stay"
    __table_args__ = (sa.CheckConstraint("end_night > first_night", name="nights"),)
    id: uuid.UUID = identifier()
    side: Side = side_column("side")
    placement_id: uuid.UUID = Field(foreign_key="placement.id", index=True)
    unit_id: uuid.UUID = Field(foreign_key="unit.id", index=True)
    first_night: date
    end_night: date
    #: when the household was moved away from here before the end of what was promised
    left_at: datetime | None = instant(nullable=True)


class OccupiedNight(OneSided, SQLModel, table=True):
    """The last line against double booking: a bed of a unit in a night, once.

    A private unit is one bed 0, given out whole; a shared unit has a row for each bed or cot used
    (cots count on after the beds).
    """

    __tablename__ = "occupied_night"
    __table_args__ = (
        sa.Index("uq_occupied_night_unit_night_bed", "unit_id", "night", "bed", unique=True),
    )
    id: uuid.UUID = identifier()
    side: Side = Field(sa_column=enum_column(Side, "side"))
    unit_id: uuid.UUID = Field(foreign_key="unit.id")
    night: date
    bed: int
    stay_id: uuid.UUID = Field(foreign_key="stay.id", index=True)
