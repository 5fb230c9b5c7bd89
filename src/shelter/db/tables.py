"""The tables. Never used as request or response models: those live in the API.

Every row about a person, place or message carries its ``side``, so that what a side may read is
one condition on one column. Identifiers are random: no count or order crosses the wall.
"""

from __future__ import annotations

import uuid
from datetime import UTC, date, datetime
from enum import Enum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from shelter.domain.alerts import AlertKind
from shelter.domain.availability import BlockReason, Sharing
from shelter.domain.messages import MessageState
from shelter.domain.placements import LIVE, PlacementState
from shelter.domain.requests import Outcome, RequestState
from shelter.domain.sides import Role, Side

SQLModel.metadata.naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class UtcDateTime(sa.types.TypeDecorator[datetime]):
    """An instant: aware and in UTC on both databases; a naive value is a mistake."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a naive datetime reached the database")
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:  # noqa: ARG002
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _json() -> sa.JSON:
    return sa.JSON().with_variant(JSONB(), "postgresql")


def _enum(kind: type[Enum], name: str) -> sa.Enum:
    return sa.Enum(
        kind,
        native_enum=False,
        values_callable=lambda members: [member.value for member in members],
        create_constraint=True,
        name=name,
        length=32,
    )


def _at(*, nullable: bool = False, index: bool = False) -> Any:
    column: sa.Column[Any] = sa.Column(UtcDateTime(), nullable=nullable, index=index)
    return Field(default=None, sa_column=column) if nullable else Field(sa_column=column)


def _id() -> Any:
    return Field(default_factory=uuid.uuid4, primary_key=True)


def _side(name: str) -> Any:
    return Field(sa_column=sa.Column(_enum(Side, name), nullable=False, index=True))


class NetworkRow(SQLModel, table=True):
    """The one network that this database serves: the text that was loaded."""

    __tablename__ = "network"
    __table_args__ = (sa.CheckConstraint("id = 1", name="only_one"),)
    id: int = Field(default=1, primary_key=True, sa_column_kwargs={"autoincrement": False})
    key: str
    text: str
    version: int = 1
    loaded_at: datetime = _at()


class ServiceRow(SQLModel, table=True):
    """What the network file cannot know of a service: its present duty phone."""

    __tablename__ = "service"
    key: str = Field(primary_key=True)
    duty_phone: str | None = None
    updated_at: datetime = _at()


class User(SQLModel, table=True):
    __tablename__ = "app_user"
    id: uuid.UUID = _id()
    login: str = Field(unique=True)
    name: str
    password_hash: str
    role: Role = Field(sa_column=sa.Column(_enum(Role, "role"), nullable=False))
    side: Side | None = Field(default=None, sa_column=sa.Column(_enum(Side, "side")))
    service: str | None = None
    phone: str | None = None
    language: str = "fr"
    active: bool = True
    created_at: datetime = _at()


class UserSession(SQLModel, table=True):
    """A signed-in device. Only a hash of its token is kept."""

    __tablename__ = "user_session"
    token_hash: str = Field(primary_key=True)
    user_id: uuid.UUID = Field(foreign_key="app_user.id", index=True)
    created_at: datetime = _at()
    seen_at: datetime = _at()
    expires_at: datetime = _at(index=True)


class Site(SQLModel, table=True):
    __tablename__ = "site"
    id: uuid.UUID = _id()
    side: Side = _side("side")
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
    opened_at: datetime | None = _at(nullable=True)
    version: int = 1
    created_at: datetime = _at()


class Unit(SQLModel, table=True):
    __tablename__ = "unit"
    __table_args__ = (
        sa.UniqueConstraint("site_id", "label"),
        sa.CheckConstraint("beds >= 1 AND cots >= 0", name="beds_and_cots"),
        sa.CheckConstraint("cleaning_nights >= 0", name="cleaning_nights"),
    )
    id: uuid.UUID = _id()
    site_id: uuid.UUID = Field(foreign_key="site.id", index=True)
    side: Side = _side("side")
    label: str
    #: what its messages call it; a label could say too much on a phone
    code: str = Field(unique=True)
    beds: int
    cots: int = 0
    sharing: Sharing = Field(sa_column=sa.Column(_enum(Sharing, "sharing"), nullable=False))
    admits: list[str] = Field(sa_column=sa.Column(_json(), nullable=False))
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
    confirmed_at: datetime = _at(index=True)
    confirmed_by: uuid.UUID | None = None
    retired: bool = False
    version: int = 1


class Block(SQLModel, table=True):
    """Nights in which a unit cannot be given out. ``end_night`` None: until further notice."""

    __tablename__ = "block"
    __table_args__ = (
        sa.CheckConstraint("end_night IS NULL OR end_night > first_night", name="nights"),
    )
    id: uuid.UUID = _id()
    unit_id: uuid.UUID = Field(foreign_key="unit.id", index=True)
    side: Side = _side("side")
    reason: BlockReason = Field(sa_column=sa.Column(_enum(BlockReason, "reason"), nullable=False))
    first_night: date
    end_night: date | None = None
    created_at: datetime = _at()
    created_by: uuid.UUID | None = None


class Request(SQLModel, table=True):
    """Somebody needs a place. No name, birth date, national number or address, ever."""

    __tablename__ = "request"
    __table_args__ = (sa.Index("ix_request_service_state", "service", "state"),)
    id: uuid.UUID = _id()
    side: Side = _side("side")
    #: what people say on the phone
    code: str = Field(unique=True)
    state: RequestState = Field(sa_column=sa.Column(_enum(RequestState, "state"), nullable=False))
    outcome: Outcome | None = Field(default=None, sa_column=sa.Column(_enum(Outcome, "outcome")))
    service: str
    created_by: uuid.UUID = Field(foreign_key="app_user.id")
    created_at: datetime = _at(index=True)
    closed_at: datetime | None = _at(nullable=True)
    #: keyed hash of the reference that the services share; None: no complaint is needed for help
    case_hash: str | None = Field(default=None, index=True)
    household: dict[str, int] = Field(sa_column=sa.Column(_json(), nullable=False))
    first_night: date
    nights: int
    arrival_hour: int | None = None
    urgency: int
    step_free: bool = False
    pets: bool = False
    quiet: bool = False
    pregnancy: bool = False
    own_transport: bool = False
    languages: list[str] = Field(sa_column=sa.Column(_json(), nullable=False))
    min_supervision: int = 0
    #: cots that come with the household
    own_cots: int = 0
    may_use_two_units: bool = False
    may_change_unit: bool = False
    #: whose consent a move to another unit would need, once housed
    move_agreement: str = "none"
    avoid_communes: list[str] = Field(sa_column=sa.Column(_json(), nullable=False))
    avoid_sites: list[str] = Field(sa_column=sa.Column(_json(), nullable=False))
    prefer_communes: list[str] = Field(sa_column=sa.Column(_json(), nullable=False))
    #: AES-GCM-SIV of {"zones", "near"}: places of somebody's life
    places: bytes
    version: int = 1


class SeparationRow(SQLModel, table=True):
    """``request`` is kept apart from every party of another case (or of its own other side)."""

    __tablename__ = "separation"
    id: uuid.UUID = _id()
    request_id: uuid.UUID = Field(foreign_key="request.id", index=True)
    side: Side = _side("side")
    other_case_hash: str = Field(index=True)
    min_distance_m: float


class PlacementRow(SQLModel, table=True):
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
        sa.CheckConstraint("end_night > first_night", name="nights"),
    )
    id: uuid.UUID = _id()
    side: Side = Field(sa_column=sa.Column(_enum(Side, "side"), nullable=False))
    request_id: uuid.UUID = Field(foreign_key="request.id", index=True)
    #: what its messages call it
    code: str = Field(unique=True)
    state: PlacementState = Field(
        sa_column=sa.Column(_enum(PlacementState, "state"), nullable=False)
    )
    service: str
    first_night: date
    end_night: date
    held_by: uuid.UUID = Field(foreign_key="app_user.id")
    held_at: datetime = _at()
    hold_expires_at: datetime = _at()
    confirmed_by: uuid.UUID | None = None
    confirmed_at: datetime | None = _at(nullable=True)
    arrived_at: datetime | None = _at(nullable=True)
    ended_at: datetime | None = _at(nullable=True)
    version: int = 1


class StayRow(SQLModel, table=True):
    __tablename__ = "stay"
    __table_args__ = (sa.CheckConstraint("end_night > first_night", name="nights"),)
    id: uuid.UUID = _id()
    side: Side = _side("side")
    placement_id: uuid.UUID = Field(foreign_key="placement.id", index=True)
    unit_id: uuid.UUID = Field(foreign_key="unit.id", index=True)
    first_night: date
    end_night: date


class OccupiedNight(SQLModel, table=True):
    """The last line against double booking: a bed of a unit in a night, once.

    A private unit is one bed 0, given out whole; a shared unit has a row for each bed or cot used
    (cots count on after the beds).
    """

    __tablename__ = "occupied_night"
    __table_args__ = (
        sa.Index("uq_occupied_night_unit_night_bed", "unit_id", "night", "bed", unique=True),
    )
    id: uuid.UUID = _id()
    unit_id: uuid.UUID = Field(foreign_key="unit.id")
    night: date
    bed: int
    stay_id: uuid.UUID = Field(foreign_key="stay.id", index=True)


class Message(SQLModel, table=True):
    """An SMS that was promised in the same transaction as the fact that it tells."""

    __tablename__ = "message"
    __table_args__ = (sa.Index("ix_message_state_due", "state", "due_at"),)
    id: uuid.UUID = _id()
    side: Side = _side("side")
    #: random, in the text: finds the message again, and is echoed by answers that change state
    code: str = Field(unique=True)
    to_phone: str
    service: str | None = None
    body: str
    state: MessageState = Field(sa_column=sa.Column(_enum(MessageState, "state"), nullable=False))
    urgent: bool = True
    request_id: uuid.UUID | None = Field(default=None, index=True)
    alert_id: uuid.UUID | None = Field(default=None, index=True)
    unit_id: uuid.UUID | None = None
    created_at: datetime = _at(index=True)
    due_at: datetime = _at()
    expires_at: datetime = _at()
    attempts: int = 0
    lease_owner: str | None = None
    lease_until: datetime | None = _at(nullable=True)
    provider_id: str | None = Field(default=None, index=True)
    error_code: str | None = None
    changed_at: datetime = _at()
    #: names the occasion, so that it is told once however often it is noticed
    occasion: str | None = Field(default=None, unique=True)


class LocalInboxMessage(SQLModel, table=True):
    """The embedded stand-in for phones when no Twilio account is configured."""

    __tablename__ = "local_inbox"
    id: uuid.UUID = _id()
    to_phone: str
    body: str
    received_at: datetime = _at(index=True)


class InboundSeen(SQLModel, table=True):
    """Webhooks that were dealt with: a signed request can be replayed for ever."""

    __tablename__ = "inbound_seen"
    provider_id: str = Field(primary_key=True)
    at: datetime = _at()


class Alert(SQLModel, table=True):
    __tablename__ = "alert"
    __table_args__ = (sa.Index("ix_alert_service_created", "service", "created_at"),)
    id: uuid.UUID = _id()
    #: whose data it tells about
    side: Side = _side("side")
    kind: AlertKind = Field(sa_column=sa.Column(_enum(AlertKind, "kind"), nullable=False))
    #: the service whose duty person must answer
    service: str
    request_id: uuid.UUID | None = Field(default=None, index=True)
    placement_id: uuid.UUID | None = None
    unit_id: uuid.UUID | None = None
    created_at: datetime = _at()
    acknowledged_at: datetime | None = _at(nullable=True)
    acknowledged_by: uuid.UUID | None = None
    #: screen or sms
    acknowledged_via: str | None = None
    #: names the occasion, so that it is told once however often it is noticed
    occasion: str | None = Field(default=None, unique=True)


class IdempotencyKey(SQLModel, table=True):
    """The answer that a POST got, so that a repeated one gets the same and does nothing."""

    __tablename__ = "idempotency_key"
    __table_args__ = (sa.UniqueConstraint("user_id", "key"),)
    id: uuid.UUID = _id()
    user_id: uuid.UUID
    key: str
    fingerprint: str
    answer: dict[str, Any] = Field(sa_column=sa.Column(_json(), nullable=False))
    created_at: datetime = _at(index=True)


class AuditEntry(SQLModel, table=True):
    """Append-only, hash-chained: who did or looked at what. Also the history on the screens."""

    __tablename__ = "audit_entry"
    __table_args__ = (sa.Index("ix_audit_entry_request_id_seq", "request_id", "seq"),)
    #: place in the chain; never shown across the wall
    seq: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    at: datetime = _at()
    actor_id: uuid.UUID | None = None
    actor_name: str
    side: Side | None = Field(default=None, sa_column=sa.Column(_enum(Side, "side")))
    action: str
    subject: str
    request_id: uuid.UUID | None = None
    detail: dict[str, Any] = Field(sa_column=sa.Column(_json(), nullable=False))
    previous_hash: str
    hash: str
