"""The running system, and one transaction in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import partial
from threading import Lock
from typing import Any, TypeVar
from uuid import UUID

from sqlmodel import Session

from shelter.db.keys import Keyring
from shelter.db.rows import Rows
from shelter.db.session import Database
from shelter.db.tables import NetworkRow, ServiceRow
from shelter.domain.clock import Clock
from shelter.domain.errors import Conflict, NotFound, ShelterError
from shelter.domain.network import Network
from shelter.domain.network_file import parse_network
from shelter.domain.nights import tonight
from shelter.domain.sides import Actor, Side, may_depend_on
from shelter.services.audit import Entry, append
from shelter.settings import Settings

T = TypeVar("T")


class _WriteNeeded(Exception):
    """Read-only work came to something that has to be recorded."""


class Tx:
    """One transaction of one actor: its session, its instant, the rows that it may read."""

    def __init__(
        self, system: Shelter, session: Session, actor: Actor, *, read_only: bool = False
    ) -> None:
        self.system = system
        self.read_only = read_only
        self.session = session
        self.actor = actor
        self.now: datetime = system.clock.now()
        self.rows = Rows(session, actor.sides)
        self.keyring = system.keyring
        self._entries: list[Entry] = []
        #: what is done in a transaction of its own when this one ends in a refusal
        self.if_refused: list[Callable[[Tx], None]] = []
        # not a cached_property: in Python 3.11 its lock is shared by all transactions, and one
        # that waited for the database inside it would stop the one that the database waits for
        self._network: Network | None = None

    @property
    def network(self) -> Network:
        """The network as this transaction found it. Raises Conflict while none is loaded."""
        if self._network is None:
            self._network = self.system.network(self.session)
        return self._network

    @property
    def tonight(self) -> date:
        network = self.network
        return tonight(self.now, network.timezone, network.defaults.night_rolls_over_at)

    def duty_phone(self, service: str) -> str | None:
        """The present duty phone: as set in the database, else as in the network file."""
        row = self.session.get(ServiceRow, service)
        if row is not None and row.duty_phone:
            return row.duty_phone
        try:
            return self.network.service(service).duty_phone
        except KeyError:
            return None

    def second_phone(self, service: str) -> str | None:
        """The number to try when nobody answers at the duty phone."""
        row = self.session.get(ServiceRow, service)
        if row is not None and row.second_phone:
            return row.second_phone
        try:
            return self.network.service(service).second_phone
        except KeyError:
            return None

    def record(
        self,
        action: str,
        subject: str,
        *,
        side: Side | None = None,
        request_id: UUID | None = None,
        **detail: Any,
    ) -> None:
        """Note for the audit log what is being done; written just before the commit."""
        if self.read_only:
            raise _WriteNeeded
        self._entries.append(Entry(action, subject, side, request_id, detail))

    def finish(self) -> None:
        """Write the noted entries. Last in the transaction: their lock is everybody's."""
        if self._entries:
            self.session.flush()
            append(self.session, self.now, self.actor, self._entries)
            self._entries = []


@dataclass(slots=True)
class Shelter:
    """The parts of a running system."""

    settings: Settings
    database: Database
    keyring: Keyring
    clock: Clock
    _networks: dict[int, Network] = field(default_factory=dict)
    _networks_lock: Lock = field(default_factory=Lock)

    def run(self, actor: Actor, work: Callable[[Tx], T], *, read_only: bool = False) -> T:
        """Do ``work`` in one transaction as ``actor``; all of it happens, or nothing.

        ``read_only`` work that has something to record for the audit log is done again in a
        transaction that may write: nothing is shown that was to be noted and was not.
        """

        latest: Tx | None = None

        def in_session(session: Session, *, reading: bool) -> T:
            nonlocal latest
            latest = tx = Tx(self, session, actor, read_only=reading)
            result = work(tx)
            tx.finish()
            return result

        sides = may_depend_on(actor.sides)
        if read_only:
            try:
                return self.database.run(
                    partial(in_session, reading=True), read_only=True, sides=sides
                )
            except _WriteNeeded:
                pass
        try:
            return self.database.run(partial(in_session, reading=False), sides=sides)
        except ShelterError:
            for note in latest.if_refused if latest is not None else ():
                self.run(actor, note)
            raise

    def network(self, session: Session) -> Network:
        row = session.get(NetworkRow, 1)
        if row is None:
            raise Conflict("no_network")
        with self._networks_lock:
            if row.version not in self._networks:
                self._networks.clear()
                self._networks[row.version] = parse_network(row.text, name=row.key)
            return self._networks[row.version]


def found(row: T | None, what: str) -> T:
    """The row, or the refusal that says no more than that there is nothing for this user."""
    if row is None:
        raise NotFound("not_found", what=what)
    return row
