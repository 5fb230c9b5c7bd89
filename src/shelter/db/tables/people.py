"""Accounts, and the devices on which they are signed in."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlmodel import Field, SQLModel

from shelter.db.tables.columns import (
    enum_column,
    identifier,
    instant,
)
from shelter.domain.sides import Role, Side


class User(SQLModel, table=True):
    __tablename__ = "app_user"
    id: uuid.UUID = identifier()
    login: str = Field(unique=True)
    name: str
    password_hash: str
    role: Role = Field(sa_column=enum_column(Role, "role"))
    side: Side | None = Field(default=None, sa_column=enum_column(Side, "side", nullable=True))
    service: str | None = None
    phone: str | None = None
    #: where copies of alerts go, while ``wants_mail``
    mail: str | None = None
    wants_mail: bool = False
    language: str = "fr"
    active: bool = True
    created_at: datetime = instant()
    #: the key of the code app, sealed; ``totp_step`` is the last half minute whose code was used
    totp_secret: bytes | None = None
    totp_step: int | None = None
    totp_since: datetime | None = instant(nullable=True)
    #: a key that was shown to be set up, and has not been proved yet
    totp_pending: bytes | None = None


class UserSession(SQLModel, table=True):
    """A signed-in device. Only a hash of its token is kept."""

    __tablename__ = "user_session"
    token_hash: str = Field(primary_key=True)
    #: by which its owner ends it from elsewhere; opens nothing
    id: uuid.UUID = Field(default_factory=uuid.uuid4, unique=True)
    #: "Firefox, Android", or empty: never what the browser said of itself in full
    device: str = ""
    #: on a computer that others use: ends sooner
    shared: bool = False
    user_id: uuid.UUID = Field(foreign_key="app_user.id", index=True)
    created_at: datetime = instant()
    seen_at: datetime = instant()
    expires_at: datetime = instant(index=True)
