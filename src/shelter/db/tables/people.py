"""Accounts, and how they sign in."""

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
    language: str = "fr"
    active: bool = True
    created_at: datetime = instant()


class UserSession(SQLModel, table=True):
    """A signed-in device. Only a hash of its token is kept."""

    __tablename__ = "user_session"
    token_hash: str = Field(primary_key=True)
    user_id: uuid.UUID = Field(foreign_key="app_user.id", index=True)
    created_at: datetime = instant()
    seen_at: datetime = instant()
    expires_at: datetime = instant(index=True)
