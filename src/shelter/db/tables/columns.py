"""Column types that every table shares, and the naming of constraints."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from enum import Enum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from shelter.domain.sides import Side

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


class OneSided:
    """A table whose rows belong to one side each.

    ``Database.run`` returns no row of another side than it was opened for, whatever the query.
    """

    side: Side


class PartlySided:
    """A table whose rows belong to one side each, or to none."""

    side: Side | None


def json_column() -> sa.JSON:
    return sa.JSON().with_variant(JSONB(), "postgresql")


def enum_type(kind: type[Enum], name: str) -> sa.Enum:
    return sa.Enum(
        kind,
        native_enum=False,
        values_callable=lambda members: [member.value for member in members],
        create_constraint=True,
        name=name,
        length=32,
    )


def enum_column(kind: type[Enum], name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(enum_type(kind, name), nullable=nullable)


def instant(*, nullable: bool = False, index: bool = False) -> Any:
    column: sa.Column[Any] = sa.Column(UtcDateTime(), nullable=nullable, index=index)
    return Field(default=None, sa_column=column) if nullable else Field(sa_column=column)


def identifier() -> Any:
    return Field(default_factory=uuid.uuid4, primary_key=True)


def side_column(name: str) -> Any:
    return Field(sa_column=sa.Column(enum_type(Side, name), nullable=False, index=True))
