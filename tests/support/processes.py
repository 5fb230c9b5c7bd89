"""A worker in a process of its own, which a test kills at any moment.

The children come from a fork server that has everything imported, so each is a fresh process and
still begins within milliseconds.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Literal
from uuid import UUID

from shelter.db.session import Database
from shelter.domain.errors import Conflict
from shelter.domain.household import Person
from shelter.domain.messages import Channel, MessageState
from shelter.messaging.gateway import Gateway, Outgoing, Receipt
from shelter.services.context import Shelter
from shelter.services.delivery import deliver
from shelter.services.local_inbox import LocalInbox
from shelter.services.placements import StayChoice
from support.world import EVENING, TONIGHT, MovableClock, World, keyring, settings_for

GatewayKind = Literal["file", "inbox"]

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["support.processes"])


class FileGateway:
    """A provider whose memory is a file: what it accepted survives every kill."""

    name = "file"
    settles_after_s = 0.0

    def __init__(self, path: Path, *, dies_after_accepting: bool = False) -> None:
        self.path = path
        self._dies = dies_after_accepting

    def send(self, out: Outgoing) -> Receipt:
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            # one write, so that a kill leaves a whole line or none
            os.write(descriptor, f"{out.to} {out.code}\n".encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if self._dies:
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(0.002)  # the way back from a provider takes longer than the way to a file
        return Receipt(f"F{out.code}", MessageState.ACCEPTED)

    def find(self, out: Outgoing, since: datetime) -> Receipt | None:
        if (out.to, out.code) in self.accepted():
            return Receipt(f"F{out.code}", MessageState.ACCEPTED)
        return None

    def look(self, provider_id: str, channel: Channel) -> Receipt:
        return Receipt(provider_id, MessageState.ACCEPTED)

    def accepted(self) -> list[tuple[str, str]]:
        """Every acceptance, in order, as (phone, code)."""
        if not self.path.exists():
            return []
        return [(to, code) for to, code in map(str.split, self.path.read_text().splitlines())]


@dataclass(frozen=True)
class Work:
    """What a child does until it is killed: ask, hold, confirm, acknowledge, deliver."""

    database_url: str
    #: where the ids of the placements that the user was told of are appended
    acknowledged: Path
    gateway: GatewayKind
    gateway_file: Path
    number: int
    #: pairs of units that one household takes together
    pairs: tuple[tuple[UUID, UUID], ...]
    dies_after_accepting: bool = False

    @property
    def starts_at(self) -> datetime:
        """Each process begins after the leases of the one before have run out."""
        return EVENING + timedelta(minutes=2 * self.number)


def gateway_of(system: Shelter, work: Work) -> Gateway:
    if work.gateway == "inbox":
        return LocalInbox(system)
    return FileGateway(work.gateway_file, dies_after_accepting=work.dies_after_accepting)


def start(work: Work) -> ForkServerProcess:
    process = _context.Process(target=_work, args=(work,), daemon=True)
    process.start()
    return process


def kill(process: ForkServerProcess) -> None:
    """SIGKILL: no handler, no farewell to the database."""
    process.kill()
    process.join(timeout=20)


def _work(work: Work) -> None:
    database = Database(work.database_url, pool_size=2)
    clock = MovableClock(work.starts_at)
    system = Shelter(settings_for(database), database, keyring(), clock)
    world = World(system, clock)
    actor = world.user("garde.aywaille")
    gateway = gateway_of(system, work)
    chance = random.Random(work.number)
    acknowledged = os.open(work.acknowledged, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    while True:
        first = TONIGHT + timedelta(days=chance.randrange(85))
        pair = chance.choice(work.pairs)
        request = world.ask(
            actor, people={Person.WOMAN: 1, Person.CHILD: 2}, may_use_two_units=True
        )
        choice = [StayChoice(unit, first, first + timedelta(days=2)) for unit in pair]
        try:
            placement = world.confirm(actor, world.hold(actor, request, choice))
        except Conflict:
            continue  # those nights are gone
        os.write(acknowledged, f"{placement.id}\n".encode())
        os.fsync(acknowledged)
        deliver(system, gateway, f"child-{work.number}")
