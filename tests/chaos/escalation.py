"""Alerts that nobody answers, and a leader that is killed again and again: each step once, in time.

``make chaos-alerts`` runs it with 1 000 alerts and 50 kills on PostgreSQL; the suite a small one.
"""

from __future__ import annotations

import argparse
import multiprocessing
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from multiprocessing.context import ForkServerProcess
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import col, select

from shelter.db.migrate import upgrade
from shelter.db.session import Database
from shelter.db.tables import AlertStep, Message, ServiceRow
from shelter.domain.alerts import AlertKind, StepEnd
from shelter.domain.clock import SystemClock
from shelter.domain.sides import BOTH_SIDES, SYSTEM, Side
from shelter.jobs.ticker import _LEADER_LOCK, Ticker
from shelter.services.alerts import raise_alert
from shelter.services.context import Shelter, Tx
from shelter.services.local_inbox import LocalInbox
from support.postgres import running_server
from support.world import keyring, secova_world, settings_for

#: seconds after the alert at which each step is due, in one run of a few minutes
DUE = (0, 8, 16, 24)
LATE_S = 5.0
WORKERS = 3
SERVICE = "cpas-aywaille"
STEPS = """[[escalation.no_show]]
after_minutes = 0
tell = "duty"
by = "sms"

[[escalation.no_show]]
after_minutes = 1
tell = "next"
by = "sms"

[[escalation.no_show]]
after_minutes = 2
tell = "duty"
by = "voice"

[[escalation.no_show]]
after_minutes = 3
tell = "coordinator"
by = "sms"

[convention]"""

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["chaos.escalation"])


@dataclass(frozen=True)
class Outcome:
    """What happened. ``twice`` and ``skipped`` are promises: 0 both; ``late`` at most five."""

    alerts: int
    steps: int
    kills: int
    #: kills that hit the leader
    leaders: int
    twice: int
    skipped: int
    #: seconds between when a step was due and when it was taken, sorted
    late: tuple[float, ...]

    @property
    def kept(self) -> bool:
        return not self.twice and not self.skipped and self.late[-1] <= LATE_S

    def __str__(self) -> str:
        median, most = self.late[len(self.late) // 2], self.late[-1]
        p99 = self.late[int(0.99 * (len(self.late) - 1))]
        return (
            f"{self.alerts} alerts, {self.steps} steps, {self.kills} × kill -9 of a worker, "
            f"{self.leaders} of them the leader: {self.twice} twice, {self.skipped} skipped; "
            f"late by {median:.2f} s (median), {p99:.2f} s (99 %), {most:.2f} s at most"
        )


def escalate_under_fire(
    url: str, *, alerts: int, kills: int, seconds: float, locked: bool = True
) -> Outcome:
    """Raise ``alerts`` over so many ``seconds`` while a worker dies again and again.

    ``url`` is a migrated, empty PostgreSQL database. ``locked`` False is the control: every worker
    believes that it leads, and takes steps without the lock of the alert's row.
    """
    database = Database(url)
    try:
        system = Shelter(settings_for(database), database, keyring(), SystemClock())
        secova_world(database, edited=lambda text: text.replace("[convention]", STEPS))
        system.run(SYSTEM, _second_phone)
        fire = _Fire(url, database, locked=locked)
        with fire.working():
            began = time.monotonic()
            raised, killed = 0, 0
            while raised < alerts or killed < kills:
                gone = (time.monotonic() - began) / seconds
                due = min(alerts, int(alerts * gone) + 1)
                if due > raised:
                    system.run(SYSTEM, lambda tx, a=raised, b=due: _raise(tx, range(a, b)))  # type: ignore[misc]
                    raised = due
                if killed < min(kills, int(kills * gone)):
                    fire.kill_leader()
                    killed += 1
                time.sleep(0.05)
            deadline = time.monotonic() + DUE[-1] + 60
            while fire.waiting() and time.monotonic() < deadline:
                time.sleep(0.5)
        return fire.outcome(alerts, killed)
    finally:
        database.dispose()


def _second_phone(tx: Tx) -> None:
    row = tx.session.get(ServiceRow, SERVICE)
    assert row is not None
    row.second_phone = "+447700900399"
    tx.session.add(row)


def _raise(tx: Tx, numbers: range) -> None:
    for number in numbers:
        side = tuple(Side)[number % 2]
        alert = raise_alert(
            tx,
            AlertKind.NO_SHOW,
            SERVICE,
            side=side,
            reference="BCDFG",
            occasion=f"chaos:{number}",
        )
        assert alert is not None
        tx.session.flush()
        # a network file counts in minutes; nobody wants to wait for them here
        for step in tx.session.exec(select(AlertStep).where(col(AlertStep.alert_id) == alert.id)):
            step.due_at = tx.now + timedelta(seconds=DUE[step.number])
            tx.session.add(step)


class _Fire:
    """Workers that tick, and die."""

    def __init__(self, url: str, database: Database, *, locked: bool) -> None:
        self._url, self._database, self._locked = url, database, locked
        self._workers: dict[str, ForkServerProcess] = {}
        self._names = count()
        self._leaders = 0

    @contextmanager
    def working(self) -> Iterator[None]:
        for _ in range(WORKERS):
            self._start()
        try:
            yield
        finally:
            for process in self._workers.values():
                process.kill()
                process.join()

    def kill_leader(self) -> None:
        """SIGKILL whoever leads, as soon as somebody does; another worker comes at once."""
        patience = time.monotonic() + 30
        while (leader := self._leader()) is None and time.monotonic() < patience:
            time.sleep(0.05)
        self._leaders += leader is not None
        process = self._workers.pop(leader or next(iter(self._workers)))
        process.kill()
        process.join()
        self._start()

    def waiting(self) -> bool:
        return any(step.ended is None for step in self._steps())

    def outcome(self, alerts: int, kills: int) -> Outcome:
        steps = self._steps()
        sent = self._database.run(
            lambda s: list(s.exec(select(Message.alert_id)).all()),
            read_only=True,
            sides=BOTH_SIDES,
        )
        told = Counter(step.alert_id for step in steps if step.ended is StepEnd.TOLD)
        messages: Counter[UUID | None] = Counter(sent)
        return Outcome(
            alerts=alerts,
            steps=len(steps),
            kills=kills,
            leaders=self._leaders,
            twice=sum(max(0, number - len(DUE)) for number in messages.values()),
            skipped=sum(len(DUE) - told[alert] for alert in {step.alert_id for step in steps})
            + len(DUE) * (alerts - len({step.alert_id for step in steps})),
            late=tuple(
                sorted(
                    (step.ended_at - step.due_at).total_seconds()
                    for step in steps
                    if step.ended_at is not None
                )
            ),
        )

    def _start(self) -> None:
        name = f"chaos-{next(self._names)}"
        process = _context.Process(target=_work, args=(self._url, name, self._locked), daemon=True)
        process.start()
        self._workers[name] = process

    def _leader(self) -> str | None:
        with self._database.engine.connect() as connection:
            name: str | None = connection.scalar(
                sa.text(
                    "SELECT application_name FROM pg_stat_activity JOIN pg_locks USING (pid) "
                    "WHERE locktype = 'advisory' AND granted "
                    "AND (classid::bigint << 32) | objid::bigint = :lock"
                ),
                {"lock": _LEADER_LOCK},
            )
        return name if name in self._workers else None

    def _steps(self) -> list[AlertStep]:
        return self._database.run(
            lambda s: list(s.exec(select(AlertStep)).all()), read_only=True, sides=BOTH_SIDES
        )


def _work(url: str, name: str, locked: bool) -> None:
    database = Database(f"{url}&application_name={name}", pool_size=4)
    system = Shelter(settings_for(database), database, keyring(), SystemClock())
    if not locked:
        _unlock()
    Ticker(system, LocalInbox(system)).start()
    while True:
        signal.pause()


def _unlock() -> None:
    from sqlmodel.sql.expression import SelectOfScalar

    from shelter.jobs import ticker

    ticker.Leadership.held = lambda self: True  # type: ignore[method-assign]
    SelectOfScalar.with_for_update = lambda self, **_: self  # type: ignore[method-assign]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make chaos-alerts", description=__doc__)
    parser.add_argument("--alerts", type=int, default=1000)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=200)
    given = parser.parse_args(arguments)
    with running_server() as server:
        outcomes = []
        for locked in (True, False):
            url = server.url(server.create_database())
            database = Database(url)
            upgrade(database)
            database.dispose()
            share = 1.0 if locked else 0.1
            outcome = escalate_under_fire(
                url,
                alerts=int(given.alerts * share),
                kills=int(given.kills * share),
                seconds=given.seconds * share,
                locked=locked,
            )
            outcomes.append(outcome)
            print(f"{'this build' if locked else 'control, no locks'}: {outcome}", flush=True)
    real, control = outcomes
    print(f"  {'kept  ' if real.kept else 'BROKEN'}  each step once, none skipped, ≤ {LATE_S:g} s")
    print(f"  {'kept  ' if control.twice else 'BROKEN'}  the control takes steps twice")
    return 0 if real.kept and control.twice else 1


if __name__ == "__main__":
    sys.exit(main())
