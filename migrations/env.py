"""Alembic's entry: migrations run through the same engine and hooks as everything else."""

from __future__ import annotations

import sqlite3
from typing import Any, Literal

import sqlalchemy as sa
from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlalchemy.dialects import postgresql
from sqlmodel import SQLModel
from sqlmodel.sql.sqltypes import AutoString

import shelter.db.tables
from shelter.db.session import Database

#: any number, known to nothing else: who holds it migrates
_MIGRATION_LOCK = 7234987234


def render_item(kind: str, item: Any, autogen_context: AutogenContext) -> str | Literal[False]:
    """Write columns with SQLAlchemy's own types: a migration must outlive the code's types."""
    if kind == "type" and isinstance(item, shelter.db.tables.UtcDateTime):
        return "sa.DateTime(timezone=True)"
    if kind == "type" and isinstance(item, AutoString):
        return "sa.String()"
    if kind == "type" and isinstance(item, sa.JSON) and not isinstance(item, postgresql.JSONB):
        autogen_context.imports.add("from sqlalchemy.dialects import postgresql")
        return "sa.JSON().with_variant(postgresql.JSONB(), 'postgresql')"
    return False


def run() -> None:
    database: Database = context.config.attributes["database"]
    with database.engine.connect() as connection:
        on_postgres = connection.dialect.name == "postgresql"
        if on_postgres:
            # two replicas that start together: the second waits and finds nothing to do
            connection.execute(sa.text(f"SELECT pg_advisory_lock({_MIGRATION_LOCK})"))
            connection.commit()
        else:
            # Batch operations copy tables, which must not cascade. Inside a transaction SQLite
            # ignores this, hence not through SQLAlchemy, which would begin one.
            raw = connection.connection.driver_connection
            assert isinstance(raw, sqlite3.Connection)
            raw.execute("PRAGMA foreign_keys=OFF")
        context.configure(
            connection=connection,
            target_metadata=SQLModel.metadata,
            render_as_batch=not on_postgres,
            render_item=render_item,
            compare_type=True,
            # all or nothing on both: our BEGIN hook makes SQLite's DDL transactional, too
            transactional_ddl=True,
            transaction_per_migration=False,
        )
        try:
            with context.begin_transaction():
                context.run_migrations()
                if not on_postgres:
                    _refuse_dangling_references(connection)
        finally:
            if on_postgres:
                connection.rollback()
                connection.execute(sa.text(f"SELECT pg_advisory_unlock({_MIGRATION_LOCK})"))
                connection.commit()
            else:
                connection.rollback()
                connection.invalidate()  # the next connection checks references again


def _refuse_dangling_references(connection: sa.Connection) -> None:
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
    if broken:
        raise RuntimeError(f"the migration would break references, and was undone: {broken[:5]}")


run()
