"""The network, its sites and their units."""

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
from shelter.domain.availability import BlockReason, Sharing
from shelter.domain.sides import Side


class NetworkRow(SQLModel, table=True):
    """The one network that this database serves: the text that was loaded."""

    __tablename__ = "network"
    __table_args__ = (sa.CheckConstraint("id = 1", name="only_one"),)
    id: int = Field(default=1, primary_key=True, sa_column_kwargs={"autoincrement": False})
    key: str
    text: str
    version: int = 1
    loaded_at: datetime = instant()


class ServiceRow(SQLModel, table=True):
    """What the network file cannot know of a service: its present duty phones."""

    __tablename__ = "service"
    key: str = Field(primary_key=True)
    duty_phone: str | None = None
    #: tried when nobody answers at the first
    second_phone: str | None = None
    updated_at: datetime = instant()


class Site(OneSided, SQLModel, table=True):
    __tablename__ = "site"
    id: uuid.UUID = identifier()
    side: Side = side_column("side")
    #: a code name; never an address
    name: str
    commune: str
    service: str = Field(index=True)
    #: AES-GCM-SIV of {"address", "lat", "lon", "places"}: where it is, in all its forms
    location: bytes
    contact_phone: str | None = None
    contact_language: str = "fr"
    description: str = ""
    #: a site is given out once the zoning check has passed; on the perpetrator side that check is
    #: a coordinator's act, because its result depends on where victim sites are
    opened_at: datetime | None = instant(nullable=True)
    version: int = 1
    created_at: datetime = instant()


class Unit(OneSided, SQLModel, table=True):
    __tablename__ = "unit"
    __table_args__ = (
        sa.UniqueConstraint("site_id", "label"),
        sa.UniqueConstraint("side", "code"),
        sa.CheckConstraint("beds >= 1 AND cots >= 0", name="beds_and_cots"),
        sa.CheckConstraint("cleaning_nights >= 0", name="cleaning_nights"),
    )
    id: uuid.UUID = identifier()
    site_id: uuid.UUID = Field(foreign_key="site.id", index=True)
    side: Side = side_column("side")
    label: str
    #: what its messages call it; a label could say too much on a phone
    code: str
    beds: int
    cots: int = 0
    sharing: Sharing = Field(sa_column=enum_column(Sharing, "sharing"))
    admits: list[str] = Field(sa_column=sa.Column(json_column(), nullable=False))
    step_free: bool = False
    pets: bool = False
    quiet: bool = False
    supervision: int = 0
    intake_from: int = 0
    intake_until: int = 0
    cleaning_nights: int = 0
    max_stay_nights: int | None = None
    #: how often a stay may be renewed by max_stay_nights more
    renewals: int = 0
    #: when somebody last said that what is known of this unit is true
    confirmed_at: datetime = instant(index=True)
    confirmed_by: uuid.UUID | None = None
    retired: bool = False
    version: int = 1


class Block(OneSided, SQLModel, table=True):
    """Nights in which a unit cannot be given out. ``end_night`` None: until further notice."""

    __tablename__ = "block"
    __table_args__ = (
        sa.CheckConstraint("end_night IS NULL OR end_night > first_night", name="nights"),
    )
    id: uuid.UUID = identifier()
    unit_id: uuid.UUID = Field(foreign_key="unit.id", index=True)
    side: Side = side_column("side")
    reason: BlockReason = Field(sa_column=enum_column(BlockReason, "reason"))
    first_night: date
    end_night: date | None = None
    created_at: datetime = instant()
    created_by: uuid.UUID | None = None
