"""Handing messages over: leased, sent, noted; whoever dies in between leaves no doubt behind.

pending ─claim▶ leased ─▶ accepted ─▶ sent ─▶ delivered
   ▲               ├─▶ failed            └─▶ undelivered ─may pass▶ pending, once more
   │ known unsent  └─▶ uncertain ─ask the provider▶ accepted, or pending again

Every worker does this at once: a lease is one worker's, and no message is without one while it is
being handed over. No transaction or connection is held while the provider is spoken to.

Each side has rounds of its own: how long one side's messages wait must not depend on how many the
other side has.
"""

from __future__ import annotations

import os
import random
import socket
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

import sqlalchemy as sa
from sqlmodel import col, select

from shelter.db.tables import Message
from shelter.domain.messages import MessageState
from shelter.domain.sides import SYSTEM, Side
from shelter.messaging.gateway import (
    Gateway,
    GatewayError,
    OutcomeUnknown,
    Receipt,
    Refused,
    TryLater,
)
from shelter.services import inquiries
from shelter.services.context import Shelter, Tx
from shelter.services.hands import work_through
from shelter.services.outbox import after_quiet_hours, outgoing
from shelter.services.outcomes import enter, learn, tell_lost

#: begins just before its one call, which takes half of it at most
LEASE = timedelta(seconds=30)
MAX_ATTEMPTS = 40
#: calls that one worker has under way for one side; most of their time is waiting
AT_ONCE = 8
_SWEEP = 200

_S = MessageState


@dataclass(frozen=True, slots=True)
class Delivery:
    """What one round did."""

    handed_over: int = 0
    reconciled: int = 0
    expired: int = 0


def deliver(
    system: Shelter, gateway: Gateway, owner: str, sides: Collection[Side] = tuple(Side)
) -> Delivery:
    """One round of everything, one message after the other. The worker runs the parts by turns."""
    handed_over = reconciled = expired = 0
    for side in sides:
        expired += sweep(system, gateway, side)
        reconciled += inquiries.reconcile(system, gateway, side)
        handed_over += hand_over(system, gateway, owner, side)
        inquiries.look_up(system, gateway, side)
    return Delivery(handed_over, reconciled, expired)


def sweep(system: Shelter, gateway: Gateway, side: Side) -> int:
    """Leases of the dead become questions; what is too old is told. How many were too old."""
    gone = _gone(system.run(SYSTEM, lambda tx: _owners(tx, side), read_only=True))

    def due(tx: Tx) -> bool:
        query = select(Message.id).where(
            col(Message.side) == side,
            _is_left_behind(tx, gone)
            | ((col(Message.state) == _S.PENDING) & (col(Message.expires_at) <= tx.now)),
        )
        return tx.session.exec(query.limit(1)).first() is not None

    if not system.run(SYSTEM, due, read_only=True):
        return 0
    settles = timedelta(seconds=gateway.settles_after_s)
    system.run(SYSTEM, lambda tx: _left_behind(tx, side, gone, settles))
    return system.run(SYSTEM, lambda tx: _expire(tx, side))


def owner_name() -> str:
    """What this process writes on its leases."""
    return f"{socket.gethostname()}:{os.getpid()}"


def _owners(tx: Tx, side: Side) -> list[str]:
    query = select(Message.lease_owner).where(
        col(Message.side) == side, col(Message.state) == _S.LEASED
    )
    return [owner for owner in tx.session.exec(query.distinct()).all() if owner]


def _gone(owners: Collection[str]) -> list[str]:
    """Those who were processes of this machine and are no more: nobody waits for their leases.

    Where two machines share a name this may be wrong, which does no harm: the message is asked
    about later than any call takes, and an answer that comes back meanwhile counts.
    """
    gone = []
    for owner in owners:
        host, _, number = owner.rpartition(":")
        if host == socket.gethostname() and number.isdigit():
            try:
                os.kill(int(number), 0)  # asks only whether there is such a process
            except ProcessLookupError:
                gone.append(owner)
            except PermissionError:
                pass  # somebody else's, so there is one
    return gone


def hand_over(
    system: Shelter,
    gateway: Gateway,
    owner: str,
    side: Side,
    *,
    at_once: int = 1,
    enough: Callable[[], bool] = lambda: False,
) -> int:
    """Hand over what is due, so many ``at_once``, until nothing is or ``enough`` says so.

    A message is leased when a hand is free for it, so no lease runs while its message waits.
    """
    if not system.run(SYSTEM, lambda tx: _is_due(tx, side), read_only=True):
        return 0
    return work_through(
        lambda room: system.run(SYSTEM, lambda tx: _claim(tx, owner, side, room)),
        partial(_hand_over, system, gateway),
        at_once=at_once,
        enough=enough,
    )


def _is_due(tx: Tx, side: Side) -> bool:
    query = select(Message.id).where(
        col(Message.side) == side,
        col(Message.state) == _S.PENDING,
        col(Message.due_at) <= tx.now,
    )
    return tx.session.exec(query.limit(1)).first() is not None


def _claim(tx: Tx, owner: str, side: Side, limit: int) -> list[Message]:
    """Lease what is most urgent. What can wait and is held up waits for the morning."""
    quiet = after_quiet_hours(tx.now, tx.network.defaults, tx) > tx.now
    claimed: list[Message] = []
    for urgent in (True,) if quiet else (True, False):
        if len(claimed) < limit:
            claimed += tx.session.exec(
                select(Message)
                .where(
                    col(Message.side) == side,
                    col(Message.state) == _S.PENDING,
                    col(Message.due_at) <= tx.now,
                    col(Message.expires_at) > tx.now,
                    col(Message.urgent) == urgent,
                )
                .order_by(col(Message.due_at))
                .limit(limit - len(claimed))
                .with_for_update(skip_locked=True)
            ).all()
    for message in claimed:
        message.state, message.lease_owner = _S.LEASED, owner
        message.lease_until, message.changed_at = tx.now + LEASE, tx.now
        message.attempts += 1
        tx.session.add(message)
    return claimed


def _hand_over(system: Shelter, gateway: Gateway, message: Message) -> None:
    result: Receipt | GatewayError
    try:
        result = gateway.send(outgoing(message))
    except GatewayError as problem:
        result = problem
    settles = timedelta(seconds=gateway.settles_after_s)
    system.run(SYSTEM, lambda tx: _note(tx, message, result, settles))


def _note(tx: Tx, sent: Message, result: Receipt | GatewayError, settles: timedelta) -> None:
    row = tx.session.get(Message, sent.id, with_for_update=True)
    if row is None or row.attempts != sent.attempts:
        return  # the lease ran out meanwhile, and somebody has sent it again since
    if isinstance(result, Receipt):
        learn(tx, row, result)  # even now that the lease ran out: it need not be asked about
    elif row.state in {_S.LEASED, _S.UNCERTAIN}:
        _note_problem(tx, row, result, settles)


def _note_problem(tx: Tx, row: Message, problem: GatewayError, settles: timedelta) -> None:
    row.lease_owner = row.lease_until = None
    row.changed_at = tx.now
    tx.session.add(row)
    match problem:
        case TryLater() if row.attempts < MAX_ATTEMPTS:
            row.state, row.due_at = _S.PENDING, tx.now + _pause(row.attempts, problem.retry_after_s)
        case TryLater():
            enter(tx, row, _S.FAILED, "attempts")
        case Refused():
            enter(tx, row, _S.FAILED, problem.error_code)
        case OutcomeUnknown() | _:
            row.state, row.due_at = _S.UNCERTAIN, tx.now + settles


def _pause(attempts: int, asked_for_s: float | None) -> timedelta:
    """As long as the provider asked for, else doubling from 2 s to 5 min; with jitter."""
    if asked_for_s is not None:
        return timedelta(seconds=asked_for_s + random.uniform(0, min(5, asked_for_s / 4)))  # noqa: S311
    return timedelta(seconds=min(300, 2 ** min(attempts, 9)) * random.uniform(0.75, 1.25))  # noqa: S311


def _is_left_behind(tx: Tx, gone: Collection[str]) -> sa.ColumnElement[bool]:
    return sa.and_(
        col(Message.state) == _S.LEASED,
        sa.or_(col(Message.lease_until) < tx.now, col(Message.lease_owner).in_(gone)),
    )


def _left_behind(tx: Tx, side: Side, gone: Collection[str], settles: timedelta) -> None:
    for message in tx.session.exec(
        select(Message)
        .where(col(Message.side) == side, _is_left_behind(tx, gone))
        .limit(_SWEEP)
        .with_for_update(skip_locked=True)
    ).all():
        message.state, message.changed_at = _S.UNCERTAIN, tx.now
        message.due_at = tx.now + settles
        message.lease_owner = message.lease_until = None
        tx.session.add(message)


def _expire(tx: Tx, side: Side) -> int:
    late = tx.session.exec(
        select(Message)
        .where(
            col(Message.side) == side,
            col(Message.state) == _S.PENDING,
            col(Message.expires_at) <= tx.now,
        )
        .limit(_SWEEP)
        .with_for_update(skip_locked=True)
    ).all()
    for message in late:
        message.state, message.changed_at = _S.EXPIRED, tx.now
        tx.session.add(message)
        tell_lost(tx, message)
    return len(late)
