"""Bring a database to the present schema."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from alembic import command
from alembic.config import Config

from shelter.db.session import Database


def config(database: Database) -> Config:
    """Alembic's configuration, from the wheel or from a checkout; no ini file."""
    packaged = Path(str(resources.files("shelter"))) / "_migrations"
    checkout = Path(__file__).resolve().parents[3] / "migrations"
    settings = Config()
    folder = packaged if packaged.is_dir() else checkout
    settings.set_main_option("script_location", str(folder).replace("%", "%%"))
    settings.attributes["database"] = database
    return settings


def upgrade(database: Database, revision: str = "head") -> None:
    """Run the migrations that are missing. Safe to call by several processes at once."""
    command.upgrade(config(database), revision)


def is_current(database: Database) -> bool:
    """Whether the database has exactly the schema that this code expects."""
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    head = ScriptDirectory.from_config(config(database)).get_current_head()
    # read only: a health check must not wait for, or be, SQLite's one writer
    reading = database.engine.execution_options(shelter_read_only=True)
    with reading.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision() == head
