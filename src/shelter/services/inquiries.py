"""Asking the provider: about messages of unknown outcome, and about those that no report came for.

A message that is being asked about has its next question written down first, so that several
workers do not ask at once, and one that dies while asking is followed by another.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial

import sqlalchemy as sa
from sqlmodel import col, select

from shelter.db.tables import Message
from shelter.domain.messages import MessageState
from shelter.domain.sides import SYSTEM, Side
from shelter.messaging.gateway import Gateway, GatewayError, Receipt
from shelter.services.context import Shelter, Tx
from shelter.services.hands import work_through
from shelter.services.outbox import outgoing
from shelter.services.outcomes import REPORT_WITHIN, learn, tell_lost

#: between two questions about one message
ASK_AGAIN = timedelta(seconds=5)
#: … once somebody has been told that nobody knows
ASK_AGAIN_THEN = timedelta(seconds=60)
#: when nobody knows for so long whether it was sent, somebody has to call
UNKNOWN_FOR = timedelta(minutes=10)
#: what no provider has told after this will not be told
ASKED_FOR = timedelta(days=3)

_S = MessageState
_AT_PROVIDER = (_S.ACCEPTED, _S.SENT)
#: ended there, and the price comes later
_BILLED = (_S.DELIVERED, _S.UNDELIVERED)


def reconcile(
    system: Shelter,
    gateway: Gateway,
    side: Side,
    *,
    at_once: int = 1,
    enough: Callable[[], bool] = lambda: False,
) -> int:
    """Ask about messages of unknown outcome that had time to settle; how many were asked about."""
    if not system.run(SYSTEM, lambda tx: bool(_uncertain(tx, side, 1)), read_only=True):
        return 0
    return work_through(
        lambda room: system.run(SYSTEM, lambda tx: _take_uncertain(tx, side, room)),
        partial(_ask, system, gateway),
        at_once=at_once,
        enough=enough,
    )


def look_up(
    system: Shelter,
    gateway: Gateway,
    side: Side,
    *,
    at_once: int = 1,
    enough: Callable[[], bool] = lambda: False,
) -> int:
    """Ask what became of messages that the provider has, and what they cost; how many."""
    if not system.run(SYSTEM, lambda tx: bool(_unreported(tx, side, 1)), read_only=True):
        return 0
    return work_through(
        lambda room: system.run(SYSTEM, lambda tx: _take_unreported(tx, side, room)),
        partial(_look, system, gateway),
        at_once=at_once,
        enough=enough,
    )


def _ask(system: Shelter, gateway: Gateway, message: Message) -> None:
    try:
        receipt = gateway.find(outgoing(message), message.created_at)
    except GatewayError:
        system.run(SYSTEM, lambda tx: _still_unknown(tx, message))
    else:
        system.run(SYSTEM, lambda tx: _settle(tx, message, receipt))


def _look(system: Shelter, gateway: Gateway, message: Message) -> None:
    assert message.provider_id is not None
    try:
        receipt = gateway.look(message.provider_id, message.channel)
    except GatewayError:
        return  # the next question is written down already
    system.run(SYSTEM, lambda tx: _note(tx, message, receipt))


def _uncertain(tx: Tx, side: Side, limit: int, *, lock: bool = False) -> Sequence[Message]:
    query = (
        select(Message)
        .where(
            col(Message.side) == side,
            col(Message.state) == _S.UNCERTAIN,
            col(Message.due_at) <= tx.now,
        )
        .order_by(col(Message.due_at))
        .limit(limit)
    )
    return tx.session.exec(query.with_for_update(skip_locked=True) if lock else query).all()


def _take_uncertain(tx: Tx, side: Side, limit: int) -> Sequence[Message]:
    messages = _uncertain(tx, side, limit, lock=True)
    for message in messages:
        is_told = tx.now - message.changed_at >= UNKNOWN_FOR
        pause = ASK_AGAIN_THEN if is_told else ASK_AGAIN
        message.asked_at = tx.now
        message.due_at = tx.now + pause * random.uniform(1, 1.5)  # noqa: S311
        tx.session.add(message)
    return messages


def _still_unknown(tx: Tx, asked: Message) -> None:
    row = tx.session.get(Message, asked.id, with_for_update=True)
    if row is None or row.state is not _S.UNCERTAIN or tx.now - row.changed_at < UNKNOWN_FOR:
        return
    tell_lost(tx, row)


def _settle(tx: Tx, asked: Message, receipt: Receipt | None) -> None:
    row = tx.session.get(Message, asked.id, with_for_update=True)
    if row is None or row.state is not _S.UNCERTAIN or row.attempts != asked.attempts:
        return  # the answer is about an earlier attempt: another worker has sent it since
    if receipt is not None:
        learn(tx, row, receipt)
    if row.state is _S.UNCERTAIN:
        # the provider never took it, or only the first of two tries
        row.state, row.due_at, row.changed_at = _S.PENDING, tx.now, tx.now
        tx.session.add(row)


def _unreported(tx: Tx, side: Side, limit: int, *, lock: bool = False) -> Sequence[Message]:
    query = (
        select(Message)
        .where(
            col(Message.side) == side,
            sa.or_(
                col(Message.state).in_(_AT_PROVIDER),
                sa.and_(col(Message.state).in_(_BILLED), col(Message.price_micros).is_(None)),
            ),
            col(Message.due_at) <= tx.now,
            col(Message.accepted_at) > tx.now - ASKED_FOR,
            col(Message.provider_id).is_not(None),
        )
        .order_by(col(Message.due_at))
        .limit(limit)
    )
    return tx.session.exec(query.with_for_update(skip_locked=True) if lock else query).all()


def _take_unreported(tx: Tx, side: Side, limit: int) -> Sequence[Message]:
    messages = _unreported(tx, side, limit, lock=True)
    for message in messages:
        assert message.accepted_at is not None
        # each pause is as long as all of them before
        message.asked_at = tx.now
        message.due_at = tx.now + max(REPORT_WITHIN, tx.now - message.accepted_at)
        tx.session.add(message)
    return messages


def _note(tx: Tx, asked: Message, receipt: Receipt) -> None:
    row = tx.session.get(Message, asked.id, with_for_update=True)
    if row is not None:
        learn(tx, row, receipt)
