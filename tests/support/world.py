"""A whole system for a test: real services and database, a clock that the test moves."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar
from unittest import mock
from uuid import UUID

from sqlmodel import Session, SQLModel, col, select

from shelter import networks
from shelter.cli import DEMO_PASSWORD
from shelter.db.keys import Keyring
from shelter.db.session import Database
from shelter.db.tables import PlacementRow, Request, Site, Unit, User
from shelter.domain.household import Person
from shelter.domain.messages import Channel, MessageState
from shelter.domain.sample_file import parse_sample
from shelter.domain.sides import BOTH_SIDES, SYSTEM, Actor
from shelter.messaging.gateway import OutcomeUnknown, Outgoing, Receipt
from shelter.services import allocate, demo, intake, placements
from shelter.services.context import Shelter, Tx
from shelter.services.hashing import hash_password
from shelter.services.networks import load_network
from shelter.services.sessions import actor_of
from shelter.settings import Settings

#: a Saturday in November, 22:10 in Belgium: when most calls come
EVENING = datetime(2026, 11, 21, 21, 10, tzinfo=UTC)
TONIGHT = date(2026, 11, 21)

P = ParamSpec("P")
T = TypeVar("T")
R = TypeVar("R", bound=SQLModel)


@dataclass
class MovableClock:
    at: datetime = EVENING

    def now(self) -> datetime:
        return self.at

    def forward(self, **parts: float) -> None:
        self.at += timedelta(**parts)


@dataclass
class FakeGateway:
    """A provider that remembers what it accepted. ``faults`` are raised first, in order."""

    name: str = "fake"
    settles_after_s: float = 0.0
    accepted: list[tuple[str, str, str]] = field(default_factory=list)
    faults: list[Exception] = field(default_factory=list)
    #: accept, and lose the answer
    lost_replies: int = 0

    def send(self, out: Outgoing) -> Receipt:
        if self.faults:
            raise self.faults.pop(0)
        self.accepted.append((out.to, out.body, out.code))
        if self.lost_replies:
            self.lost_replies -= 1
            raise OutcomeUnknown("reply lost")
        return Receipt(f"SM{len(self.accepted)}", MessageState.ACCEPTED)

    def find(self, out: Outgoing, since: datetime) -> Receipt | None:
        for number, message in enumerate(self.accepted, 1):
            if message[0] == out.to and message[2] == out.code:
                return Receipt(f"SM{number}", MessageState.ACCEPTED)
        return None

    def look(self, provider_id: str, channel: Channel) -> Receipt:
        return Receipt(provider_id, MessageState.ACCEPTED)


def keyring() -> Keyring:
    return Keyring("k1", {"k1": b"1" * 32}, b"c" * 32)


def settings_for(database: Database, **changes: Any) -> Settings:
    given: dict[str, Any] = {
        "data_dir": Path("var"),
        "database_url": database.url,
        "public_url": "http://127.0.0.1:8000",
        "key_file": Path("var/keys.json"),
        "twilio": None,
        "worker_inside": False,
        "demo": True,
        "log_level": "warning",
    }
    return Settings(**(given | changes))


@dataclass
class World:
    """SECOVA with its sample sites and users."""

    system: Shelter
    clock: MovableClock

    def do(
        self, actor: Actor, work: Callable[Concatenate[Tx, P], T], *args: P.args, **given: P.kwargs
    ) -> T:
        """One service call in one transaction: ``world.do(staff, block_unit, unit.id, …)``."""
        return self.system.run(actor, lambda tx: work(tx, *args, **given))

    def all(self, table: type[R], **equal: Any) -> list[R]:
        """The rows of a table in which these columns have these values."""

        def look(session: Session) -> list[R]:
            return list(session.exec(select(table).filter_by(**equal)))

        return self.system.database.run(look, read_only=True, sides=BOTH_SIDES)

    def user(self, login: str) -> Actor:
        def look(session: Any) -> Actor:
            return actor_of(session.exec(select(User).where(col(User.login) == login)).one())

        return self.system.database.run(look, read_only=True, sides=BOTH_SIDES)

    def unit(self, site: str, label: str) -> Unit:
        def look(session: Any) -> Unit:
            found: Unit = session.exec(
                select(Unit)
                .join(Site, col(Site.id) == Unit.site_id)
                .where(col(Site.name) == site, col(Unit.label) == label)
            ).one()
            return found

        return self.system.database.run(look, read_only=True, sides=BOTH_SIDES)

    def ask(self, actor: Actor, **given: Any) -> Request:
        given.setdefault("people", {Person.WOMAN: 1, Person.CHILD: 1})
        return self.system.run(actor, lambda tx: intake.ask(tx, intake.RequestInput(**given)))

    def options(self, actor: Actor, request: Request) -> allocate.Offer:
        return allocate.offer(self.system, actor, request.id)

    def hold(
        self, actor: Actor, request: Request, choice: list[placements.StayChoice]
    ) -> PlacementRow:
        return self.system.run(actor, lambda tx: placements.hold(tx, request.id, choice))

    def hold_first(self, actor: Actor, request: Request) -> PlacementRow:
        option = self.options(actor, request).options[0]
        return self.hold(
            actor,
            request,
            [placements.StayChoice(s.unit.id, s.first_night, s.end_night) for s in option.stays],
        )

    def confirm(self, actor: Actor, placement: PlacementRow) -> PlacementRow:
        return self.system.run(actor, lambda tx: placements.confirm(tx, placement.id))

    def placed(self, actor: Actor, **given: Any) -> tuple[Request, PlacementRow]:
        """A confirmed placement, from the first option."""
        request = self.ask(actor, **given)
        return request, self.confirm(actor, self.hold_first(actor, request))

    def placement(self, placement_id: UUID) -> PlacementRow:
        def look(session: Any) -> PlacementRow:
            row: PlacementRow = session.get(PlacementRow, placement_id)
            return row

        return self.system.database.run(look, read_only=True, sides=BOTH_SIDES)


def empty_world(database: Database, **settings: Any) -> World:
    clock = MovableClock()
    system = Shelter(settings_for(database, **settings), database, keyring(), clock)
    return World(system, clock)


@cache
def _hashed(password: str) -> str:
    return hash_password(password)


def secova_world(
    database: Database, *, edited: Callable[[str], str] | None = None, **settings: Any
) -> World:
    """SECOVA with its sample; ``edited`` changes the text of its network file first."""
    world = empty_world(database, **settings)
    if edited is not None or not world.system.settings.demo:
        _fill(world, edited)
    elif _filled:
        world.system.database.run(_put_back, sides=BOTH_SIDES)
    else:
        _fill(world, None)
        world.system.database.run(_remember, read_only=True, sides=BOTH_SIDES)
    return world


def _fill(world: World, edited: Callable[[str], str] | None) -> None:
    text = networks.bundled("secova")
    world.do(SYSTEM, load_network, edited(text) if edited else text, name="secova")

    def fill(tx: Tx) -> None:
        sample = parse_sample(networks.bundled("secova.sample"), tx.network, name="secova.sample")
        demo.load_sample(tx, sample, DEMO_PASSWORD)

    # hashing is slow on purpose, and every world has the same password
    with mock.patch.object(demo, "hash_password", _hashed):
        world.system.run(SYSTEM, fill)


#: the rows of the first filled world of this process: filling one takes as long as many a test
_filled: dict[str, list[dict[str, Any]]] = {}


def _remember(session: Session) -> None:
    for table in SQLModel.metadata.sorted_tables:
        rows = [dict(row) for row in session.execute(table.select()).mappings()]
        if rows:
            _filled[table.name] = rows


def _put_back(session: Session) -> None:
    for table in SQLModel.metadata.sorted_tables:
        if table.name in _filled:
            session.execute(table.insert(), _filled[table.name])


def key() -> str:
    """A fresh idempotency key."""
    return secrets.token_hex(8)
