"""Keys rotate under load, killed again and again: nothing unreadable, no edit lost.

``make chaos`` runs it with 100 000 rows on both databases; the suite with a thousand.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from uuid import UUID, uuid4

import sqlalchemy as sa
from sqlmodel import Session, SQLModel, col, select

from shelter.db.key_file import load_keyring
from shelter.db.keys import KeyProblem, Keyring
from shelter.db.migrate import upgrade
from shelter.db.session import Database
from shelter.db.tables import Request
from shelter.domain.requests import RequestState
from shelter.domain.sides import BOTH_SIDES, Side
from shelter.services import rotation
from support.server import fill
from support.world import EVENING, TONIGHT, empty_world

READERS, WRITERS = 2, 2


@dataclass(frozen=True)
class Outcome:
    """What happened. ``unreadable`` and ``lost`` are the promises: 0 both."""

    rows: int
    values: int
    seconds: float
    kills: int
    reads: int
    edits: int
    unreadable: int
    lost: int
    #: values under another key than the new one, at the end
    left: int

    def __str__(self) -> str:
        return (
            f"{self.rows} rows, {self.values} values in {self.seconds:.1f} s, "
            f"killed -9 {self.kills} times; meanwhile {self.reads} reads, {self.unreadable} "
            f"unreadable; {self.edits} edits, {self.lost} lost; {self.left} left under an old key"
        )


def rotate_under_load(url: str, folder: Path, *, rows: int, kills: int, seed: int = 4) -> Outcome:
    """Fill ``url`` (migrated, empty) with ``rows`` requests, and rotate while people work."""
    key_file = folder / "keys.json"
    ring = load_keyring(key_file, create=True)
    database = Database(url)
    try:
        ids = _filled(database, ring, rows)
        load = _Load(database, ring, ids, seed)
        started = time.monotonic()
        with load.running():
            killed = _rotated(url, key_file, folder, kills, rows / 100_000, random.Random(seed))
            seconds = time.monotonic() - started
        return _outcome(database, ring, load, killed, seconds)
    finally:
        database.dispose()


def _filled(database: Database, ring: Keyring, rows: int) -> Sequence[UUID]:
    world = empty_world(database)
    world.system.keyring = ring
    fill(world.system)
    worker = world.user("garde.aywaille")
    ids = [uuid4() for _ in range(rows)]

    def one(number: int, row: UUID) -> dict[str, object]:
        return {
            "id": row,
            "side": Side.VICTIMS,
            "code": f"{number:06}",
            "state": RequestState.OPEN,
            "service": worker.service,
            "created_by": worker.user_id,
            "created_at": EVENING,
            "household": {"woman": 1},
            "first_night": TONIGHT if number % 2 else date(2026, 11, 22),
            "nights": 1,
            "urgency": 2,
            "languages": [],
            "avoid_communes": [],
            "avoid_sites": [],
            "prefer_communes": [],
            "places": _sealed(ring, row, 0),
        }

    for start in range(0, rows, 5000):
        batch = [one(n, row) for n, row in enumerate(ids[start : start + 5000], start)]
        database.run(
            lambda session, batch=batch: session.connection().execute(  # type: ignore[misc]
                sa.insert(SQLModel.metadata.tables["request"]), batch
            ),
            sides=BOTH_SIDES,
        )
    return ids


def _sealed(ring: Keyring, row: UUID, edits: int) -> bytes:
    return ring.encrypt("request", row, "places", json.dumps({"row": str(row), "edits": edits}))


class _Load:
    """People at work: readers and writers with the keys of a running server."""

    def __init__(self, database: Database, ring: Keyring, ids: Sequence[UUID], seed: int) -> None:
        self.database, self.ring, self.ids, self.seed = database, ring, ids, seed
        self.reads = self.unreadable = 0
        self.edits: Counter[UUID] = Counter()
        self.errors: list[BaseException] = []
        self._count = threading.Lock()
        self._stop = threading.Event()

    @contextmanager
    def running(self) -> Iterator[None]:
        threads = [
            threading.Thread(target=self._until_stopped, args=(work, random.Random(self.seed + n)))
            for n, work in enumerate([self._read] * READERS + [self._write] * WRITERS)
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._stop.set()
            for thread in threads:
                thread.join()
        if self.errors:
            raise self.errors[0]

    def _until_stopped(self, work, chance: random.Random) -> None:  # type: ignore[no-untyped-def]
        try:
            while not self._stop.is_set():
                work(chance)
                time.sleep(0.005)
        except BaseException as error:
            self.errors.append(error)

    def _read(self, chance: random.Random) -> None:
        chosen = chance.sample(self.ids, min(100, len(self.ids)))
        rows = self.database.run(
            lambda session: session.exec(
                select(Request.id, Request.places).where(col(Request.id).in_(chosen))
            ).all(),
            read_only=True,
            sides=BOTH_SIDES,
        )
        wrong = 0
        for row, sealed in rows:
            try:
                plain = self.ring.decrypt("request", row, "places", sealed)
            except KeyProblem:
                wrong += 1
            else:
                wrong += json.loads(plain)["row"] != str(row)
        with self._count:
            self.reads += len(rows)
            self.unreadable += wrong + len(chosen) - len(rows)

    def _write(self, chance: random.Random) -> None:
        chosen = chance.choice(self.ids)

        def edit(session: Session) -> None:
            request = session.exec(
                select(Request).where(col(Request.id) == chosen).with_for_update()
            ).one()
            plain = self.ring.decrypt("request", chosen, "places", request.places)
            request.places = _sealed(self.ring, chosen, json.loads(plain)["edits"] + 1)
            session.add(request)

        self.database.run(edit, sides=BOTH_SIDES)
        with self._count:
            self.edits[chosen] += 1


def _rotated(
    url: str, key_file: Path, folder: Path, kills: int, pause: float, chance: random.Random
) -> int:
    """``shelter keys rotate``, killed at random moments of its work, and at last let be."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("SHELTER_")},
        "SHELTER_DATABASE_URL": url,
        "SHELTER_KEY_FILE": str(key_file),
        "SHELTER_DATA_DIR": str(folder),
    }
    command = [sys.executable, "-m", "shelter.cli", "keys", "rotate"]
    killed = 0
    while True:
        with subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process:
            if killed == kills:
                out, err = process.communicate()
                if process.returncode:
                    raise AssertionError(f"the rotation failed: {out!r} {err!r}")
                return killed
            assert process.stdout is not None
            while process.stdout.read(1) not in {b"\r", b""}:  # its first batch is told
                pass
            time.sleep(chance.uniform(0, pause))
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
            if process.wait() != -signal.SIGKILL:
                kills = killed  # it was faster: nothing is left to kill
            else:
                killed += 1


def _outcome(database: Database, ring: Keyring, load: _Load, kills: int, seconds: float) -> Outcome:
    rows = database.run(
        lambda session: session.exec(select(Request.id, Request.places)).all(),
        read_only=True,
        sides=BOTH_SIDES,
    )
    unreadable = lost = 0
    for row, sealed in rows:
        try:
            found = json.loads(ring.decrypt("request", row, "places", sealed))
        except KeyProblem:
            unreadable += 1
        else:
            lost += load.edits[row] - found["edits"]
    now = ring.fresh()
    use = database.run(
        lambda session: rotation.use_of_keys(session, now), read_only=True, sides=BOTH_SIDES
    )
    values = sum(sum(counts.values()) for counts in use.values())
    under = sum(counts[now.current] for counts in use.values())
    return Outcome(
        rows=len(rows),
        values=values,
        seconds=seconds,
        kills=kills,
        reads=load.reads,
        edits=sum(load.edits.values()),
        unreadable=load.unreadable + unreadable,
        lost=lost,
        left=values - under,
    )


def main() -> int:
    from support.postgres import running_server

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--only", choices=["sqlite", "postgresql"])
    chosen = parser.parse_args()
    bad = 0
    with tempfile.TemporaryDirectory() as folder, running_server() as server:
        for name, url in (
            ("sqlite", f"sqlite:///{folder}/chaos.db"),
            ("postgresql", server.url(server.create_database())),
        ):
            if chosen.only not in (None, name):
                continue
            here = Path(folder) / name
            here.mkdir()
            database = Database(url)
            upgrade(database)
            database.dispose()
            outcome = rotate_under_load(url, here, rows=chosen.rows, kills=chosen.kills)
            print(f"{name}: {outcome}", flush=True)
            bad += outcome.unreadable + outcome.lost + outcome.left
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
