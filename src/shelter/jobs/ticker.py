"""The worker: which job runs how often, messages in every worker and the rest in one leader."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

import sqlalchemy as sa
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from shelter import logs
from shelter.domain.errors import Conflict
from shelter.domain.sides import SYSTEM, Side
from shelter.messaging.gateway import Gateway
from shelter.services import (
    audit_chain,
    contacts,
    delivery,
    escalation,
    inquiries,
    message_figures,
    order_alerts,
    retention,
    rota_gaps,
    sign_in,
    watch,
)
from shelter.services.context import Shelter

_LEADER_LOCK = 7234987235
_JOBS_AT_MOST = 40
log = logs.get("jobs")


class Leadership:
    """Who ticks. On PostgreSQL a session-level advisory lock: it ends with its connection.

    SQLite has one machine and needs no leader: every job may run twice and does its work once.
    """

    def __init__(self, system: Shelter) -> None:
        self._engine = system.database.engine
        self._alone = system.database.is_sqlite
        self._connection: sa.Connection | None = None
        self._lock = threading.Lock()

    def held(self) -> bool:
        if self._alone:
            return True
        with self._lock:
            try:
                if self._connection is None:
                    connection = self._engine.connect().execution_options(
                        isolation_level="AUTOCOMMIT"
                    )
                    if connection.scalar(sa.text(f"SELECT pg_try_advisory_lock({_LEADER_LOCK})")):
                        self._connection = connection
                    else:
                        connection.close()
                else:
                    self._connection.execute(sa.text("SELECT 1"))
            except sa.exc.DBAPIError:
                if self._connection is not None:
                    self._connection.invalidate()
                    self._connection.close()
                self._connection = None
            return self._connection is not None

    def give_up(self) -> None:
        with self._lock:
            if self._connection is not None:
                self._connection.invalidate()
                self._connection.close()
                self._connection = None


class Ticker:
    """Runs the jobs until it is stopped. ``at_once`` messages of a side are handed over at a time.

    Whatever speaks to a provider runs in every worker: leases keep them out of each other's way,
    and a leader that dies holds up no message.
    """

    def __init__(
        self, system: Shelter, gateway: Gateway, *, at_once: int = delivery.AT_ONCE
    ) -> None:
        self._system = system
        self._leadership = Leadership(system)
        self._owner = delivery.owner_name()
        self._stopping = threading.Event()
        # a round that is still at work when its next is due is no news
        logging.getLogger("apscheduler.scheduler").setLevel(logging.ERROR)
        # a thread for each job: none waits because others are waiting for a provider
        self._scheduler = BackgroundScheduler(
            timezone="UTC", executors={"default": ThreadPoolExecutor(_JOBS_AT_MOST)}
        )
        in_one = system.run
        in_each = tuple(job for side in Side for job in self._messages(gateway, side, at_once))
        jobs: tuple[tuple[str, float, Callable[[], Any]], ...] = (
            *((f"escalate_{side}", 1, partial(escalation.escalate, system, side)) for side in Side),
            ("release_expired_holds", 5, lambda: watch.release_expired_holds(system)),
            ("watch_separations", 20, lambda: watch.watch_separations(system)),
            *((f"orders_{side}", 20, partial(order_alerts.tell, system, side)) for side in Side),
            *((f"contacts_{side}", 300, partial(contacts.remind, system, side)) for side in Side),
            ("missed_arrivals", 60, lambda: watch.notice_missed_arrivals(system)),
            ("endings", 300, lambda: watch.announce_endings(system)),
            ("stale", 300, lambda: watch.chase_stale_availability(system)),
            *(
                (f"silence_{side}", 300, partial(message_figures.watch_silence, system, side))
                for side in Side
            ),
            ("note_audit_head", 900, lambda: audit_chain.note_head_daily(system)),
            ("rota_gaps", 3600, lambda: rota_gaps.watch_gaps(system)),
            ("retention", 3600, lambda: retention.run(system)),
            ("forget_sign_ins", 3600, lambda: in_one(SYSTEM, sign_in.forget_old)),
        )
        for name, seconds, work in (*in_each, *jobs):
            alone = (name, seconds, work) not in in_each
            # messages may be waiting for the worker that begins; the rest has its time
            begins = {} if alone else {"next_run_time": datetime.now(UTC)}
            self._scheduler.add_job(
                self._guarded(name, work, alone=alone),
                "interval",
                seconds=seconds,
                id=name,
                max_instances=1,
                coalesce=True,
                misfire_grace_time=None,
                **begins,
            )

    def _messages(
        self, gateway: Gateway, side: Side, at_once: int
    ) -> tuple[tuple[str, float, Callable[[], Any]], ...]:
        """One side's messages: handed over, and asked about."""
        system, enough = self._system, self._stopping.is_set
        asked = partial(inquiries.reconcile, system, gateway, side)
        handed = partial(delivery.hand_over, system, gateway, self._owner, side)
        looked = partial(inquiries.look_up, system, gateway, side)
        return (
            (f"sweep_{side}", 2, partial(delivery.sweep, system, gateway, side)),
            (f"reconcile_{side}", 1, partial(asked, at_once=at_once, enough=enough)),
            (f"hand_over_{side}", 1, partial(handed, at_once=at_once, enough=enough)),
            (f"look_up_{side}", 5, partial(looked, at_once=max(1, at_once // 4), enough=enough)),
        )

    def start(self) -> None:
        self._scheduler.start()

    def stop(self) -> None:
        """Finish the jobs that run, then stop; messages that wait are left to other workers."""
        self._stopping.set()
        self._scheduler.shutdown(wait=True)
        self._leadership.give_up()

    def _guarded(self, name: str, work: Callable[[], Any], *, alone: bool) -> Callable[[], None]:
        def run() -> None:
            try:
                if not alone or self._leadership.held():
                    work()
            except Exception as error:  # a job that fails is tried again at its next tick
                if isinstance(error, Conflict) and error.code == "no_network":
                    return  # nothing to do yet
                log.error("job.failed", job=name, error=logs.error_name(error))

        return run
