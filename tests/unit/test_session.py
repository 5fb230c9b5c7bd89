"""Concurrent work loses nothing, half of nothing is kept, and each guard has its control."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlmodel import Session

from shelter.db.session import Database, is_double_booking, lock_units
from shelter.domain.sides import BOTH_SIDES

UNIT, OTHER_UNIT = UUID(int=1), UUID(int=2)


@pytest.fixture
def counter(empty_database: Database) -> Database:
    """A database with a number that starts at 0."""
    with empty_database.engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE counter (id INTEGER PRIMARY KEY, n INTEGER)"))
        connection.execute(sa.text("INSERT INTO counter VALUES (1, 0), (2, 0)"))
    return empty_database


def read(session: Session, row: int = 1) -> int:
    found = session.execute(sa.text("SELECT n FROM counter WHERE id = :id"), {"id": row})
    return int(found.scalar_one())


def write(session: Session, n: int, row: int = 1) -> None:
    session.execute(sa.text("UPDATE counter SET n = :n WHERE id = :id"), {"n": n, "id": row})


def value(database: Database, row: int = 1) -> int:
    return database.run(lambda session: read(session, row), read_only=True)


def in_parallel(*works: Callable[[], Any]) -> None:
    """Run all at once; the first error is raised."""
    with ThreadPoolExecutor(len(works)) as pool:
        for future in [pool.submit(work) for work in works]:
            future.result(timeout=60)


def test_concurrent_increments_under_the_unit_lock_lose_nothing(counter: Database) -> None:
    def increment(session: Session) -> None:
        lock_units(session, [UNIT])
        write(session, read(session) + 1)

    def ten_times() -> None:
        for _ in range(10):
            counter.run(increment)

    in_parallel(*[ten_times] * 6)

    assert value(counter) == 60


def test_control_default_settings_lose_an_increment(counter: Database) -> None:
    """Both read before either writes: what the drivers allow when nothing is done about it."""
    plain = sa.create_engine(counter.url)
    try:
        with Session(plain) as first, Session(plain) as second:
            seen_first, seen_second = read(first), read(second)
            write(first, seen_first + 1)
            first.commit()
            write(second, seen_second + 1)
            second.commit()
    finally:
        plain.dispose()

    assert value(counter) == 1  # of 2


@pytest.mark.postgres
def test_control_on_postgres_the_unit_lock_is_needed(postgres_database: Database) -> None:
    with postgres_database.engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE counter (id INTEGER PRIMARY KEY, n INTEGER)"))
        connection.execute(sa.text("INSERT INTO counter VALUES (1, 0)"))
    both_have_read = threading.Barrier(2)

    def increment(session: Session) -> None:
        seen = read(session)
        both_have_read.wait(timeout=10)
        write(session, seen + 1)

    in_parallel(*[lambda: postgres_database.run(increment)] * 2)

    assert value(postgres_database) == 1  # of 2


def test_an_error_after_a_write_leaves_nothing(counter: Database) -> None:
    def write_and_fail(session: Session) -> None:
        write(session, 99)
        raise LookupError("no such place")

    with pytest.raises(LookupError):
        counter.run(write_and_fail)

    assert value(counter) == 0


def test_an_error_of_the_database_leaves_nothing_and_is_not_repeated(counter: Database) -> None:
    attempts = []

    def write_twice_the_same_key(session: Session) -> None:
        attempts.append(1)
        write(session, 99)
        session.execute(sa.text("INSERT INTO counter VALUES (1, 0)"))

    with pytest.raises(IntegrityError):
        counter.run(write_twice_the_same_key)

    assert value(counter) == 0
    assert len(attempts) == 1


def test_the_result_of_the_work_is_returned_and_committed(counter: Database) -> None:
    def work(session: Session) -> str:
        write(session, 7)
        return "done"

    assert counter.run(work) == "done"
    assert value(counter) == 7


def test_read_only_work_cannot_write_and_the_next_work_can(counter: Database) -> None:
    for _ in range(3):  # the same pooled connection serves both kinds in turn
        with pytest.raises(DBAPIError):
            counter.run(lambda session: write(session, 99), read_only=True)
        assert value(counter) == 0
    counter.run(lambda session: write(session, 1))
    assert value(counter) == 1


def test_read_only_work_waits_for_no_writer_and_sees_one_moment(counter: Database) -> None:
    def read_while_another_writes(session: Session) -> tuple[int, int]:
        first = read(session)
        counter.run(lambda other: write(other, first + 1, row=1))
        counter.run(lambda other: write(other, first + 1, row=2))
        return first, read(session, row=2)

    assert counter.run(read_while_another_writes, read_only=True) == (0, 0)
    assert (value(counter), value(counter, row=2)) == (1, 1)


def test_on_sqlite_a_second_writer_waits_for_the_first(sqlite_database: Database) -> None:
    order: list[str] = []
    first_is_in = threading.Event()

    def first(session: Session) -> None:
        session.connection()  # begins
        first_is_in.set()
        threading.Event().wait(0.2)
        order.append("first")

    def second(session: Session) -> None:
        session.connection()
        order.append("second")

    def second_when_first_is_in() -> None:
        first_is_in.wait(10)
        sqlite_database.run(second)

    in_parallel(lambda: sqlite_database.run(first), second_when_first_is_in)

    assert order == ["first", "second"]


def test_on_sqlite_work_is_repeated_when_waiting_was_not_enough(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'busy.db'}")
    sa.event.listen(
        database.engine, "connect", lambda raw, _: raw.execute("PRAGMA busy_timeout=20")
    )
    refusals = []
    sa.event.listen(database.engine, "handle_error", lambda _context: refusals.append(1))
    other = sqlite3.connect(tmp_path / "busy.db", isolation_level=None, check_same_thread=False)
    try:
        other.execute("PRAGMA journal_mode=WAL")
        other.execute("BEGIN IMMEDIATE")
        release = threading.Timer(0.15, other.rollback)
        release.start()
        database.run(lambda session: session.execute(sa.text("CREATE TABLE t (x)")).close())
        release.join()
    finally:
        other.close()
        database.dispose()

    assert refusals


@pytest.fixture
def attempts() -> list[str]:
    return []


def lock_one_by_one(
    database: Database, units: list[UUID], both_have_one: threading.Barrier, attempts: list[str]
) -> None:
    """Locks in the order given: what ``lock_units`` is there to prevent."""
    tries = 0

    def work(session: Session) -> None:
        nonlocal tries
        tries += 1
        attempts.append("try")
        lock_units(session, units[:1])
        if tries == 1:
            both_have_one.wait(timeout=10)
        lock_units(session, units[1:])

    database.run(work)


@pytest.mark.postgres
def test_a_real_deadlock_is_repeated_and_both_succeed(
    postgres_database: Database, attempts: list[str]
) -> None:
    barrier = threading.Barrier(2)

    in_parallel(
        lambda: lock_one_by_one(postgres_database, [UNIT, OTHER_UNIT], barrier, attempts),
        lambda: lock_one_by_one(postgres_database, [OTHER_UNIT, UNIT], barrier, attempts),
    )

    assert len(attempts) == 3  # PostgreSQL undid one of the two, once


@pytest.mark.postgres
def test_units_given_in_any_order_are_locked_in_one_and_never_deadlock(
    postgres_database: Database, attempts: list[str]
) -> None:
    units = [uuid4() for _ in range(8)]

    def work(session: Session, wanted: list[UUID]) -> None:
        attempts.append("try")
        lock_units(session, wanted)

    def many_times(wanted: list[UUID]) -> None:
        for _ in range(25):
            postgres_database.run(lambda session: work(session, wanted))

    in_parallel(
        lambda: many_times(units),
        lambda: many_times(units[::-1]),
        lambda: many_times(units[4:] + units[:4]),
        lambda: many_times(units[::2] + units[1::2]),
    )

    assert len(attempts) == 100  # nothing was ever repeated


def lose_connection(session: Session, database: Database) -> None:
    """Have the server end the session's connection, as in a restart or a failover."""
    backend = session.connection().exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
    with database.engine.begin() as other:
        other.execute(sa.text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": backend})


@pytest.mark.postgres
def test_a_connection_lost_before_the_commit_is_repeated(
    postgres_database: Database, attempts: list[str]
) -> None:
    def work(session: Session) -> int:
        attempts.append("try")
        if len(attempts) == 1:
            lose_connection(session, postgres_database)
        return int(session.execute(sa.text("SELECT 42")).scalar_one())

    assert postgres_database.run(work) == 42
    assert len(attempts) == 2


@pytest.mark.postgres
def test_a_connection_lost_during_the_commit_is_reported_and_not_repeated(
    postgres_database: Database, attempts: list[str]
) -> None:
    """Whether it was committed cannot be known, and doing it twice would be worse."""

    def work(session: Session) -> None:
        attempts.append("try")
        session.execute(sa.text("CREATE TABLE seen (x INTEGER)"))
        sa.event.listen(
            session, "before_commit", lambda _: lose_connection(session, postgres_database)
        )

    with pytest.raises(DBAPIError):
        postgres_database.run(work)

    assert len(attempts) == 1


def give_out_night(session: Session, unit: UUID) -> None:
    statement = sa.text(
        "INSERT INTO occupied_night (id, side, unit_id, night, bed, stay_id)"
        " VALUES (:id, 'victims', :unit, '2026-03-01', 0, :stay)"
    ).bindparams(*(sa.bindparam(name, type_=sa.Uuid()) for name in ("id", "unit", "stay")))
    session.execute(statement, {"id": uuid4(), "unit": unit, "stay": uuid4()})


def test_the_same_bed_in_the_same_night_is_a_double_booking(database: Database) -> None:
    look_away_from_references = (
        ["PRAGMA defer_foreign_keys=ON"]
        if database.is_sqlite
        else [
            f"ALTER TABLE occupied_night DROP CONSTRAINT fk_occupied_night_{to}"
            for to in ("unit_id_unit", "stay_id_stay")
        ]
    )

    def give_out_twice(session: Session) -> None:
        for statement in look_away_from_references:
            session.execute(sa.text(statement))
        give_out_night(session, UNIT)
        give_out_night(session, OTHER_UNIT)
        give_out_night(session, UNIT)

    with pytest.raises(IntegrityError) as refused:
        database.run(give_out_twice, sides=BOTH_SIDES)
    assert is_double_booking(refused.value)


def test_a_broken_reference_is_not_taken_for_a_double_booking(database: Database) -> None:
    with pytest.raises(IntegrityError) as refused:
        database.run(lambda session: give_out_night(session, UNIT), sides=BOTH_SIDES)
    assert not is_double_booking(refused.value)
