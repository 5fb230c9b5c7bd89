"""Looking into a database from above its rules, as whoever holds the server or a backup could."""

from __future__ import annotations

from functools import cache

import sqlalchemy as sa

from shelter.db.session import Database
from support.postgres import ROLE


@cache
def _engine(url: str) -> sa.Engine:
    return sa.create_engine(url, poolclass=sa.pool.NullPool)


def all_seeing(database: Database) -> sa.Engine:
    """An engine on the same database that row-level security does not narrow."""
    return _engine(database.url.replace(f"//{ROLE}@", "//postgres@"))
