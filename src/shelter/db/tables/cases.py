"""Requests, and whom they are kept apart from."""

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
from shelter.domain.requests import Outcome, RequestState
from shelter.domain.sides import Side


class Request(OneSided, SQLModel, table=True):
    """Somebody needs a place. No name, birth date, national number or address, ever."""

    __tablename__ = "request"
    __table_args__ = (
        sa.UniqueConstraint("side", "code"),
        sa.Index("ix_request_service_state", "service", "state"),
    )
    id: uuid.UUID = identifier()
    side: Side = side_column("side")
    #: what people say on the phone
    code: str
    state: RequestState = Field(sa_column=enum_column(RequestState, "state"))
    outcome: Outcome | None = Field(
        default=None, sa_column=enum_column(Outcome, "outcome", nullable=True)
    )
    service: str
    created_by: uuid.UUID = Field(foreign_key="app_user.id")
    created_at: datetime = instant(index=True)
    closed_at: datetime | None = instant(nullable=True)
    #: keyed hash of the reference that the services share; None: no complaint is needed for help
    case_hash: str | None = Field(default=None, index=True)
    household: dict[str, int] = Field(sa_column=sa.Column(json_column(), nullable=False))
    first_night: date
    nights: int
    arrival_hour: int | None = None
    urgency: int
    step_free: bool = False
    pets: bool = False
    quiet: bool = False
    pregnancy: bool = False
    own_transport: bool = False
    languages: list[str] = Field(sa_column=sa.Column(json_column(), nullable=False))
    min_supervision: int = 0
    #: cots that come with the household
    own_cots: int = 0
    may_use_two_units: bool = False
    may_change_unit: bool = False
    #: whose consent a move to another unit would need, once housed
    move_agreement: str = "none"
    avoid_communes: list[str] = Field(sa_column=sa.Column(json_column(), nullable=False))
    avoid_sites: list[str] = Field(sa_column=sa.Column(json_column(), nullable=False))
    prefer_communes: list[str] = Field(sa_column=sa.Column(json_column(), nullable=False))
    #: AES-GCM-SIV of {"zones", "near"}: places of somebody's life
    places: bytes
    #: AES-GCM-SIV of a few words for colleagues; the first thing to be purged
    note: bytes | None = None
    version: int = 1


class SeparationRow(OneSided, SQLModel, table=True):
    """``request`` is kept apart from every party of another case (or of its own other side)."""

    __tablename__ = "separation"
    id: uuid.UUID = identifier()
    request_id: uuid.UUID = Field(foreign_key="request.id", index=True)
    side: Side = side_column("side")
    other_case_hash: str = Field(index=True)
    min_distance_m: float
