"""A night of many messages: workers are killed while a Twilio that fails takes what they send."""

from __future__ import annotations

import os
import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from multiprocessing.context import ForkServerProcess
from unittest import mock

from sqlmodel import col, select

from chaos import worker
from chaos.worker import Pace
from shelter.db.session import Database
from shelter.db.tables import Message
from shelter.domain.clock import SystemClock
from shelter.domain.messages import MessageState
from shelter.domain.sides import BOTH_SIDES, SYSTEM, Side
from shelter.messaging.gateway import Gateway
from shelter.services import delivery
from shelter.services.context import Shelter, Tx
from shelter.services.outbox import queue
from shelter.settings import Twilio
from support.fake_twilio import FakeTwilio
from support.prism import PrismUnavailable, proxy_of
from support.world import secova_world

UNRESOLVED = (MessageState.PENDING, MessageState.LEASED, MessageState.UNCERTAIN)
SENDER = "+3242223344"


@dataclass(frozen=True)
class Plan:
    """How much of it. ``rate`` messages are promised a second, by turns on either side."""

    messages: int
    rate: float = 50.0
    kills: int = 0
    #: of all requests
    faults: float = 0.0
    workers: int = 4
    #: longer than a request of a killed worker can still be under way here, where all are busy
    pace: Pace = field(default_factory=lambda: Pace(settles_after=15.0))
    #: seconds after the last message and the last kill, in which everything is settled
    patience: float = 120.0
    seed: int = 5


@dataclass(frozen=True)
class Outcome:
    """What happened. ``lost``, ``duplicates`` and ``unresolved`` are the promises: 0 each."""

    messages: int
    kills: int
    #: kills that cut a handing over short
    cut: int
    requests: int
    resolved_after: float
    lost: int
    duplicates: int
    unresolved: int
    #: seconds between promise and handing over, sorted
    waited: Sequence[float]

    def share_within(self, seconds: float) -> float:
        return sum(each <= seconds for each in self.waited) / max(len(self.waited), 1)

    def quantile(self, share: float) -> float:
        return self.waited[min(int(share * len(self.waited)), len(self.waited) - 1)]

    def __str__(self) -> str:
        return (
            f"{self.messages} messages, {self.requests} requests; killed -9 {self.kills} times, "
            f"{self.cut} of them with messages under way; all settled {self.resolved_after:.0f} s "
            f"after the last of it: {self.lost} lost, {self.duplicates} duplicates, "
            f"{self.unresolved} unresolved. Handed over within 10 s: "
            f"{self.share_within(10):.2%}; half within {self.quantile(0.5):.2f} s, "
            f"99 % within {self.quantile(0.99):.2f} s"
        )


class Night:
    """A database, a fake Twilio behind its door, and the workers between them."""

    def __init__(self, database: Database, twilio: FakeTwilio, door: str, plan: Plan) -> None:
        self.database, self.twilio, self.plan = database, twilio, plan
        self.account = Twilio(twilio.account_sid, twilio.auth_token, SENDER, api_url=door)
        world = secova_world(database)
        self.system = Shelter(world.system.settings, database, world.system.keyring, SystemClock())
        self._workers: list[ForkServerProcess] = []

    def run(self) -> Outcome:
        """Promise, kill, wait until everything is settled, and count."""
        chance = random.Random(self.plan.seed)
        self.twilio.fail_at_random(self.plan.faults, self.plan.seed)
        self.database.dispose()
        killed = cut = 0
        with self._working(), ThreadPoolExecutor(1) as pool:
            time.sleep(2)
            promised = pool.submit(self.promise)
            duration = self.plan.messages / self.plan.rate
            for _ in range(self.plan.kills):
                time.sleep(duration / self.plan.kills * chance.uniform(0.2, 1))
                cut += self._kill_one(chance)
                killed += 1
            promised.result()
            began = time.monotonic()
            while self._unresolved() and time.monotonic() - began < self.plan.patience:
                time.sleep(0.5)
            settled = time.monotonic() - began
        return self._outcome(killed, cut, settled)

    def promise(self) -> None:
        """Messages at the plan's rate, in transactions of a tenth of a second's worth."""
        began, done = time.monotonic(), 0
        while done < self.plan.messages:
            due = min(int((time.monotonic() - began) * self.plan.rate) + 1, self.plan.messages)
            if due > done:
                numbers = range(done, due)
                self.system.run(SYSTEM, lambda tx, n=numbers: [_promise(tx, one) for one in n])  # type: ignore[misc]
                done = due
            time.sleep(0.05)

    @contextmanager
    def _working(self) -> Iterator[None]:
        self._workers = [self._start() for _ in range(self.plan.workers)]
        try:
            yield
        finally:
            for process in self._workers:
                process.kill()
                process.join()

    def _start(self) -> ForkServerProcess:
        return worker.start(str(self.database.url), self.account, self.plan.pace)

    def _kill_one(self, chance: random.Random) -> bool:
        """SIGKILL a worker, best one with messages under way; another takes its place at once."""
        until = time.monotonic() + 2
        while not (busy := self._busy()) and time.monotonic() < until:
            time.sleep(0.01)
        victim = chance.choice(busy or self._workers)
        assert victim.is_alive()
        victim.kill()
        victim.join()
        self._workers[self._workers.index(victim)] = self._start()
        return bool(self._rows(col(Message.lease_owner).endswith(f":{victim.pid}")))

    def _busy(self) -> list[ForkServerProcess]:
        """The workers that are handing something over."""
        owners = self.database.run(
            lambda s: s.exec(
                select(Message.lease_owner)
                .where(col(Message.state) == MessageState.LEASED)
                .distinct()
            ).all(),
            read_only=True,
            sides=BOTH_SIDES,
        )
        pids = {owner.rpartition(":")[2] for owner in owners if owner}
        return [process for process in self._workers if str(process.pid) in pids]

    def _unresolved(self) -> int:
        return len(self._rows(col(Message.state).in_(UNRESOLVED)))

    def _rows(self, *conditions: object) -> list[Message]:
        return self.database.run(
            lambda s: list(s.exec(select(Message).where(*conditions)).all()),  # type: ignore[arg-type]
            read_only=True,
            sides=BOTH_SIDES,
        )

    def _outcome(self, kills: int, cut: int, settled: float) -> Outcome:
        rows = self._rows()
        copies = Counter(taken.body for taken in self.twilio.accepted)
        first = {taken.body: taken.created for taken in reversed(self.twilio.accepted)}
        return Outcome(
            messages=len(rows),
            kills=kills,
            cut=cut,
            requests=len(self.twilio.requests),
            resolved_after=settled,
            lost=sum(copies[row.body] == 0 and row.state not in UNRESOLVED for row in rows),
            duplicates=sum(max(copies[row.body] - 1, 0) for row in rows),
            unresolved=sum(row.state in UNRESOLVED for row in rows),
            waited=sorted(
                (first[row.body] - row.created_at).total_seconds()
                for row in rows
                if row.body in first
            ),
        )


def _promise(tx: Tx, number: int) -> Message:
    # codes are unique on a side, and the reference is another on each: no two texts are the same
    side = tuple(Side)[number % 2]
    return queue(
        tx,
        "sms.placement_expected",
        to=f"+32470{number % 1_000_000:06}",
        language="fr",
        reference=f"{side.value[0].upper()}CDFG",
        side=side,
        service="cpas-aywaille",
    )


def without_leases(night: Night, gateway: Gateway) -> int:
    """The control: workers look what is due, and mark nothing as theirs. How many duplicates."""

    def look(tx: Tx, _owner: str, side: Side, limit: int) -> list[Message]:
        return list(
            tx.session.exec(
                select(Message)
                .where(col(Message.side) == side, col(Message.state) == MessageState.PENDING)
                .limit(limit)
            ).all()
        )

    night.promise()
    line = threading.Barrier(4)

    def work(number: int) -> None:
        line.wait()
        for side in Side:
            delivery.hand_over(night.system, gateway, f"w{number}", side)

    with mock.patch.object(delivery, "_claim", look), ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    copies = Counter(taken.body for taken in night.twilio.accepted)
    return sum(count - 1 for count in copies.values())


@contextmanager
def door_of(twilio: FakeTwilio) -> Iterator[str]:
    """Prism before the fake; where it cannot be, the fake alone, loudly. With CI=true: an error."""
    with ExitStack() as stack:
        try:
            door = stack.enter_context(proxy_of(twilio.url))
        except PrismUnavailable as reason:
            if os.environ.get("CI") == "true":
                raise
            print(
                f"\nNOT CHECKED AGAINST TWILIO'S OWN DESCRIPTION: {reason}.\n"
                "The fake Twilio stands alone.\n",
                file=sys.stderr,
                flush=True,
            )
            door = twilio.url
        yield door
