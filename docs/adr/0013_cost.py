"""What the condition of ADR 0013 costs: ``PYTHONPATH=tests python docs/adr/0013_cost.py``.

Reads a thousand rows one by one and all at once, with the conditions and without, in turn, in one
process, on SQLite and on PostgreSQL; prints medians and their ratio.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from unittest import mock

from sqlmodel import Session, col, select

from shelter.db import session as doors
from shelter.db.migrate import upgrade
from shelter.db.session import Database
from shelter.db.tables import Site
from shelter.domain.sides import BOTH_SIDES, Side
from support.postgres import running_server

ROWS, ROUNDS = 1000, 7


def fill(session: Session) -> None:
    for number in range(ROWS):
        session.add(
            Site(
                side=list(Side)[number % 2],
                name=f"site {number}",
                commune="62009",
                service=f"service-{number % 9}",
                location=b"x" * 120,
                created_at=datetime.now(UTC),
            )
        )


def one_by_one(session: Session) -> None:
    ids = session.exec(select(Site.id)).all()
    session.expire_all()
    for each in ids[:200]:
        session.exec(select(Site).where(col(Site.id) == each)).first()


def all_at_once(session: Session) -> None:
    session.exec(select(Site).order_by(col(Site.name))).all()


@contextmanager
def without_condition() -> Iterator[None]:
    with mock.patch.object(doors, "_of_sides", return_value=()):
        yield


def measure(database: Database) -> None:
    database.run(fill, sides=BOTH_SIDES)
    for work in (one_by_one, all_at_once):
        took: dict[bool, list[float]] = {True: [], False: []}
        for _ in range(ROUNDS):
            for guarded in (True, False):
                started = time.perf_counter()
                if guarded:
                    database.run(work, read_only=True, sides=BOTH_SIDES)
                else:
                    with without_condition():
                        database.run(work, read_only=True, sides=BOTH_SIDES)
                took[guarded].append((time.perf_counter() - started) * 1000)
        with_it, without = statistics.median(took[True]), statistics.median(took[False])
        kind = "SQLite" if database.is_sqlite else "PostgreSQL"
        print(
            f"{kind:10} {work.__name__:12} {with_it:7.1f} ms, "
            f"without {without:7.1f} ms: {with_it / without:.2f}"
        )


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, running_server() as server:
        for url in (
            f"sqlite:///{Path(folder) / 'cost.db'}",
            server.url(server.create_database()),
        ):
            database = Database(url)
            upgrade(database)
            measure(database)
            database.dispose()


if __name__ == "__main__":
    sys.exit(main())
