"""The measurement behind ADR 0002: 400 small transactions by 40 workers on one SQLite file.

Needs aiosqlite, which the project itself does not use: run it in an environment of its own,
``pip install 'sqlalchemy[asyncio]' aiosqlite && python docs/adr/0002_drivers.py``.
"""

import asyncio
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import create_async_engine

WORKERS, EACH, READS = 40, 10, 10
COUNT = sa.text("SELECT n FROM counter")
SET = sa.text("UPDATE counter SET n = :n")


def hooks(engine: sa.Engine) -> None:
    def connect(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        connection.isolation_level = None
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=10000"):
            cursor.execute(f"PRAGMA {pragma}")

    sa.event.listen(engine, "connect", connect)
    sa.event.listen(engine, "begin", lambda c: c.exec_driver_sql("BEGIN IMMEDIATE"))


def fresh(path: Path) -> None:
    engine = sa.create_engine(f"sqlite:///{path}")
    hooks(engine)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE counter (n INTEGER)")
        connection.exec_driver_sql("INSERT INTO counter VALUES (0)")
    engine.dispose()


def in_threads(path: Path) -> tuple[float, list[float], int]:
    engine = sa.create_engine(f"sqlite:///{path}", pool_size=WORKERS)
    hooks(engine)
    times: list[float] = []

    def one(_: int) -> None:
        started = time.perf_counter()
        with engine.begin() as connection:
            for _ in range(READS):
                n = connection.execute(COUNT).scalar_one()
            connection.execute(SET, {"n": n + 1})
        times.append(time.perf_counter() - started)

    started = time.perf_counter()
    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(one, range(WORKERS * EACH)))
    took = time.perf_counter() - started
    with engine.begin() as connection:
        return took, times, connection.execute(COUNT).scalar_one()


def in_a_loop(path: Path) -> tuple[float, list[float], int]:
    times: list[float] = []

    async def main() -> tuple[float, int]:
        engine = create_async_engine(f"sqlite+aiosqlite:///{path}", pool_size=WORKERS)
        hooks(engine.sync_engine)

        async def worker() -> None:
            for _ in range(EACH):
                started = time.perf_counter()
                async with engine.begin() as connection:
                    for _ in range(READS):
                        n = (await connection.execute(COUNT)).scalar_one()
                    await connection.execute(SET, {"n": n + 1})
                times.append(time.perf_counter() - started)

        started = time.perf_counter()
        await asyncio.gather(*(worker() for _ in range(WORKERS)))
        took = time.perf_counter() - started
        async with engine.begin() as connection:
            count = (await connection.execute(COUNT)).scalar_one()
        await engine.dispose()
        return took, count

    took, count = asyncio.run(main())
    return took, times, count


def main() -> None:
    ways: tuple[tuple[str, Callable[[Path], tuple[float, list[float], int]]], ...] = (
        ("threads", in_threads),
        ("asyncio", in_a_loop),
    )
    for name, way in ways * 3:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "counter.db"
            fresh(path)
            took, times, count = way(path)
        times.sort()
        print(
            f"{name}: {count} increments in {took:.2f} s, median "
            f"{statistics.median(times) * 1000:.1f} ms, p95 {times[int(0.95 * len(times))]:.2f} s"
        )


if __name__ == "__main__":
    main()
