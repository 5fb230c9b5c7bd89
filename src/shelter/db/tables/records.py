"""What is kept of what was done."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from shelter.db.tables.columns import (
    PartlySided,
    enum_column,
    identifier,
    instant,
    json_column,
)
from shelter.domain.sides import Side


class IdempotencyKey(SQLModel, table=True):
    """The answer that a POST got, so that a repeated one gets the same and does nothing."""

    __tablename__ = "idempotency_key"
    __table_args__ = (sa.UniqueConstraint("user_id", "key"),)
    id: uuid.UUID = identifier()
    user_id: uuid.UUID
    key: str
    fingerprint: str
    answer: dict[str, Any] = Field(sa_column=sa.Column(json_column(), nullable=False))
    created_at: datetime = instant(index=True)


class AuditEntry(PartlySided, SQLModel, table=True):
    """Append-only, hash-chained: who did or looked at what. Also the history on the screens."""

    __tablename__ = "audit_entry"
    __table_args__ = (sa.Index("ix_audit_entry_request_id_seq", "request_id", "seq"),)
    #: place in the chain; never shown across the wall
    seq: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    at: datetime = instant()
    actor_id: uuid.UUID | None = None
    actor_name: str
    side: Side | None = Field(default=None, sa_column=enum_column(Side, "side", nullable=True))
    action: str
    subject: str
    request_id: uuid.UUID | None = None
    detail: dict[str, Any] = Field(sa_column=sa.Column(json_column(), nullable=False))
    previous_hash: str
    hash: str


class AuditHead(SQLModel, table=True):
    """Both ends of the chain: an entry is added, and the oldest are cut, without reading others."""

    __tablename__ = "audit_head"
    __table_args__ = (
        sa.CheckConstraint("id = 1", name="only_one"),
        sa.CheckConstraint("cut_seq <= seq", name="cut_before_end"),
    )
    id: int = Field(default=1, primary_key=True, sa_column_kwargs={"autoincrement": False})
    seq: int
    hash: str
    #: the last entry that was cut from the oldest part; 0 and zeros while there is none
    cut_seq: int = 0
    cut_hash: str
