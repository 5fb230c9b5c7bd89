"""Transactions: one door, ``Database.run``, and the locks that nothing is given out without."""

from __future__ import annotations

import random
import sqlite3
import time
from collections.abc import Callable, Collection, Iterable
from functools import cache
from typing import Any, TypeVar
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import with_loader_criteria
from sqlalchemy.sql.base import ExecutableOption
from sqlmodel import Session

from shelter.db.tables import OneSided, PartlySided
from shelter.domain.sides import Side

T = TypeVar("T")

#: serialization failure, deadlock, exclusion violation, lock not available: the server took the
#: transaction back, and the same work may succeed when run again
_RETRY_SQLSTATES = frozenset({"40001", "40P01", "23P01", "55P03"})
_ATTEMPTS = 6
_WAL_ATTEMPTS = 200


class Database:
    """An engine set up so that concurrent writers neither lose updates nor see half of one."""

    def __init__(self, url: str, *, pool_size: int = 20) -> None:
        self.url = url
        self.is_sqlite = url.startswith("sqlite")
        if self.is_sqlite:
            self.engine = sa.create_engine(
                url,
                poolclass=sa.pool.QueuePool,
                pool_size=pool_size,
                max_overflow=20,
                connect_args={"timeout": 10, "check_same_thread": False},
            )
            sa.event.listen(self.engine, "connect", _sqlite_connect)
            sa.event.listen(self.engine, "begin", _sqlite_begin)
        else:
            self.engine = sa.create_engine(
                url, pool_size=pool_size, max_overflow=20, pool_pre_ping=True
            )
        self._reading = self.engine.execution_options(
            **(
                {"shelter_read_only": True}
                if self.is_sqlite
                # one snapshot for the whole transaction; never a serialization failure
                else {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
            )
        )

    def run(
        self,
        work: Callable[[Session], T],
        *,
        read_only: bool = False,
        sides: Collection[Side] = (),
    ) -> T:
        """Run ``work`` in one transaction and commit it; on any error nothing has happened.

        Repeated, with a short random pause, when the database says that concurrent work was in
        the way, or when the connection was lost before the commit. ``work`` therefore has no
        effect but through its session. A connection lost *during* the commit is not repeated:
        nobody knows whether it happened, and twice is worse than an error.

        ``read_only`` work sees one moment of the database, waits for no writer, and cannot write.

        ``work`` finds rows of ``sides`` only, whatever it asks for (of a table that is one-sided);
        so by default none. On PostgreSQL row-level security says the same of plain SQL, too.
        """
        for attempt in range(_ATTEMPTS):
            committing = False
            try:
                with Session(
                    self._reading if read_only else self.engine, expire_on_commit=False
                ) as session:
                    self._open_for(session, frozenset(sides))
                    result = work(session)
                    session.flush()
                    committing = True
                    session.commit()
                    return result
            except DBAPIError as error:
                lost_before_commit = error.connection_invalidated and not committing
                if attempt == _ATTEMPTS - 1 or not (lost_before_commit or _was_in_the_way(error)):
                    raise
                time.sleep(random.uniform(0.005, 0.03) * 2**attempt)  # noqa: S311
        raise AssertionError("unreachable")

    def _open_for(self, session: Session, sides: frozenset[Side]) -> None:
        session.info["sides"] = tuple(sorted(sides))
        if not self.is_sqlite:
            # until the end of the transaction; the policies are in migration 0002
            session.execute(
                sa.text("SELECT set_config('shelter.sides', :sides, true)"),
                {"sides": ",".join(sorted(sides))},
            )

    def is_above_row_security(self) -> bool:
        """Whether the role that connects may pass over the policies, as a superuser does."""
        if self.is_sqlite:
            return False
        with self._reading.connect() as connection:
            return bool(
                connection.scalar(
                    sa.text(
                        "SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user"
                    )
                )
            )

    def dispose(self) -> None:
        self.engine.dispose()


@sa.event.listens_for(Session, "do_orm_execute")
def _only_rows_of_these_sides(asked: sa.orm.ORMExecuteState) -> None:
    """Narrow every query to the sides that the transaction was opened for."""
    if asked.is_column_load or not (asked.is_select or asked.is_update or asked.is_delete):
        return
    asked.statement = asked.statement.options(*_of_sides(asked.session.info["sides"]))


@cache
def _of_sides(sides: tuple[Side, ...]) -> tuple[ExecutableOption, ...]:
    return (
        with_loader_criteria(OneSided, lambda table: table.side.in_(sides), include_aliases=True),
        with_loader_criteria(
            PartlySided,
            lambda table: sa.or_(table.side.is_(None), table.side.in_(sides)),
            include_aliases=True,
        ),
    )


def _sqlite_connect(connection: Any, _record: Any) -> None:
    # The driver must not begin transactions by itself: with its defaults concurrent increments
    # were lost silently. We begin them in _sqlite_begin.
    connection.isolation_level = None
    # secure_delete: what was purged is overwritten in the file, not only forgotten
    for pragma in ("busy_timeout=10000", "foreign_keys=ON", "synchronous=FULL", "secure_delete=ON"):
        connection.execute(f"PRAGMA {pragma}")
    # the first switch of a new file needs it alone, and SQLite then fails without any waiting
    for attempt in range(_WAL_ATTEMPTS):
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or attempt == _WAL_ATTEMPTS - 1:
                raise
            time.sleep(0.05)
        else:
            return


def _sqlite_begin(connection: sa.Connection) -> None:
    # IMMEDIATE takes the write lock first, so that what was read is still true when it is written
    read_only = connection.get_execution_options().get("shelter_read_only", False)
    connection.exec_driver_sql(f"PRAGMA query_only={'ON' if read_only else 'OFF'}")
    connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")


def _was_in_the_way(error: DBAPIError) -> bool:
    """Whether the database itself said that the transaction was undone for somebody else's."""
    if isinstance(error.orig, sqlite3.OperationalError):
        return "locked" in str(error.orig)
    return getattr(error.orig, "sqlstate", None) in _RETRY_SQLSTATES


def is_double_booking(error: IntegrityError) -> bool:
    """Whether the last line against double booking held: somebody else has that night."""
    text = str(error.orig)  # PostgreSQL names the index, SQLite the columns
    return (
        "uq_occupied_night_unit_night_bed" in text
        or "UNIQUE constraint failed: occupied_night.unit_id" in text
    )


def lock_units(session: Session, unit_ids: Iterable[UUID]) -> None:
    """Lock units until the transaction ends, in one order for everybody, so never a deadlock.

    On SQLite the transaction already is the only writer.
    """
    _lock(session, "unit", sorted(str(unit_id) for unit_id in set(unit_ids)))


def lock_idempotency_key(session: Session, user_id: UUID, key: str) -> None:
    """Lock one user's key: two copies of one request run one after the other. Always first."""
    _lock(session, "once", [f"{user_id}:{key}"])


def lock_request(session: Session, request_id: UUID) -> None:
    """Lock one request; always before any unit."""
    _lock(session, "request", [str(request_id)])


def lock_cases(session: Session, side: str, case_hashes: Iterable[str]) -> None:
    """Lock cases on one side, so that parties kept apart are not placed past each other.

    Per side: a wait on the perpetrator side must not tell that a victim is being placed.
    """
    _lock(session, f"case:{side}", sorted(set(case_hashes)))


def lock_rota(session: Session, service: str) -> None:
    """Lock one service's rota: who is there twice, or not at all, is seen by one writer at a time.

    A service acts on one side, so nobody waits for the other.
    """
    _lock(session, "rota", [service])


def lock_tries(session: Session, key: str) -> None:
    """Lock the count of guesses at one secret, whether it has a row yet or not."""
    _lock(session, "tries", [key])


def lock_audit_chain(session: Session) -> None:
    """Lock the end of the audit chain; always last, just before the commit."""
    _lock(session, "audit", ["chain"])


def _lock(session: Session, kind: str, names: list[str]) -> None:
    if session.get_bind().dialect.name != "postgresql":
        return
    for name in names:
        session.execute(
            sa.text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"),
            {"name": f"{kind}:{name}"},
        )
