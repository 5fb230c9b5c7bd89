"""How the messages are doing: what waits, what arrived, what it cost, and whether anything does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlmodel import col, select

from shelter.db.tables import Message
from shelter.domain.alerts import AlertKind
from shelter.domain.messages import Channel, MessageState
from shelter.domain.sides import SYSTEM, Role, Side
from shelter.services.alerts import raise_alert
from shelter.services.context import Shelter, Tx

_S = MessageState
#: handed over, and not heard of since
_ON_THE_WAY = (_S.ACCEPTED, _S.SENT)
_NOT_HANDED_OVER = (_S.PENDING, _S.LEASED, _S.UNCERTAIN)
#: a message that is due for so long shows that no worker runs, or no provider answers
STUCK_AFTER = timedelta(minutes=5)
#: of so many SMS that were handed over in this time, and had as long to arrive, none did
SILENT_FOR = timedelta(hours=2)
TIME_TO_ARRIVE = timedelta(minutes=10)
SILENT_AFTER = 3


@dataclass(frozen=True, slots=True)
class Cost:
    """What messages cost, in millionths of a currency."""

    currency: str
    micros: int


@dataclass(frozen=True, slots=True)
class Health:
    """What somebody who relies on messages has to know; all empty when all is well."""

    #: since when the longest waiting message has been due, if that is too long
    stuck_since: datetime | None
    #: since when nothing has arrived, if that is too long
    silent_since: datetime | None


def health(tx: Tx) -> Health:
    """Of the messages that the actor may read."""
    oldest = tx.session.execute(
        _readable(tx, sa.func.min(Message.due_at)).where(
            col(Message.state).in_(_NOT_HANDED_OVER), col(Message.expires_at) > tx.now
        )
    ).scalar_one()
    stuck = oldest is not None and oldest <= tx.now - STUCK_AFTER
    return Health(oldest if stuck else None, silent_since(tx))


def silent_since(tx: Tx, side: Side | None = None) -> datetime | None:
    """When the first of several SMS was handed over since which none has arrived."""
    recent = (
        col(Message.channel) == Channel.SMS,
        col(Message.accepted_at) > tx.now - SILENT_FOR,
        *(() if side is None else (col(Message.side) == side,)),
    )
    count, first = tx.session.execute(
        _readable(tx, sa.func.count(), sa.func.min(Message.accepted_at)).where(
            *recent,
            col(Message.accepted_at) <= tx.now - TIME_TO_ARRIVE,
            col(Message.state).in_(_ON_THE_WAY),
        )
    ).one()
    arrived = tx.session.execute(
        _readable(tx, sa.func.count()).where(*recent, col(Message.state) == _S.DELIVERED)
    ).scalar_one()
    found: datetime | None = first
    return found if count >= SILENT_AFTER and not arrived else None


def costs(tx: Tx, since: datetime) -> tuple[Cost, ...]:
    """What the readable messages since then cost, a sum for each currency; prices come late."""
    rows = tx.session.execute(
        _readable(tx, col(Message.currency), sa.func.sum(Message.price_micros))
        .where(col(Message.created_at) >= since, col(Message.price_micros).is_not(None))
        .group_by(col(Message.currency))
        .order_by(col(Message.currency))
    ).all()
    return tuple(Cost(currency, int(micros)) for currency, micros in rows if currency)


def watch_silence(system: Shelter, side: Side) -> bool:
    """The job: tell the coordinator, once in so many hours, that nothing arrives any more."""

    def tell(tx: Tx) -> bool:
        since = silent_since(tx, side)
        if since is None:
            return False
        turn = int(tx.now.timestamp() // SILENT_FOR.total_seconds())
        alert = raise_alert(
            tx,
            AlertKind.NOTHING_DELIVERED,
            tx.network.coordinator,
            side=side,
            occasion=f"silent:{side}:{turn}",
        )
        return alert is not None

    return system.run(SYSTEM, tell)


@dataclass(frozen=True, slots=True)
class Gauges:
    """For who runs the system: no person, no side, no number."""

    #: messages by channel and state, of the last day
    states: Mapping[tuple[str, str], int]
    #: messages of the last day that ended with a code, by channel and code
    codes: Mapping[tuple[str, str], int]
    #: seconds for which the oldest waiting message has been due; 0 when none waits
    queue_age_s: float
    silent: bool


def gauges(tx: Tx) -> Gauges:
    day = col(Message.created_at) > tx.now - timedelta(days=1)
    states = tx.session.exec(
        select(Message.channel, Message.state, sa.func.count())
        .where(day)
        .group_by(col(Message.channel), col(Message.state))
    ).all()
    codes = tx.session.exec(
        select(Message.channel, Message.error_code, sa.func.count())
        .where(day, col(Message.error_code).is_not(None))
        .group_by(col(Message.channel), col(Message.error_code))
    ).all()
    oldest = tx.session.exec(
        select(sa.func.min(Message.due_at)).where(
            col(Message.state).in_(_NOT_HANDED_OVER), col(Message.due_at) <= tx.now
        )
    ).one()
    return Gauges(
        states={(str(channel), str(state)): count for channel, state, count in states},
        codes={(str(channel), str(code)): count for channel, code, count in codes},
        queue_age_s=(tx.now - oldest).total_seconds() if oldest is not None else 0.0,
        silent=any(silent_since(tx, side) is not None for side in Side),
    )


def _readable(tx: Tx, *columns: Any) -> sa.Select[Any]:
    """``columns`` of the messages that ``list_messages`` shows to the actor."""
    query = sa.select(*columns).where(col(Message.side).in_(tx.actor.sides))
    if tx.actor.role not in {None, Role.COORDINATOR}:
        query = query.where(col(Message.service) == tx.actor.service)
    return query
