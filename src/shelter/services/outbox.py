"""Messages: promised in the transaction of the fact, handed over by the worker, never twice.

pending ─claim▶ leased ─▶ accepted ─▶ sent ─▶ delivered
   ▲               ├─▶ failed            └─▶ undelivered
   │ known unsent  └─▶ uncertain ─ask the provider▶ accepted, or pending again
"""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import col, select

from shelter import i18n
from shelter.db.tables import Message, Request
from shelter.domain.messages import Channel, MessageState, supersedes, text_problems
from shelter.domain.network import Defaults
from shelter.domain.sides import SYSTEM, Role, Side
from shelter.messaging.gateway import (
    Gateway,
    OutcomeUnknown,
    Outgoing,
    Receipt,
    Refused,
    TryLater,
)
from shelter.services.codes import unused_code
from shelter.services.context import Shelter, Tx
from shelter.services.paging import Place, newest_first

LEASE = timedelta(seconds=60)
#: a message that nobody could hand over for so long would only confuse when it arrived
USEFUL_FOR = timedelta(hours=6)
USEFUL_WHEN_CALM = timedelta(hours=24)
BATCH = 20
MAX_ATTEMPTS = 40

_S = MessageState


def queue(
    tx: Tx,
    template: str,
    *,
    to: str,
    language: str,
    reference: str,
    side: Side,
    service: str | None,
    channel: Channel = Channel.SMS,
    request_id: UUID | None = None,
    alert_id: UUID | None = None,
    unit_id: UUID | None = None,
    urgent: bool = True,
    occasion: str | None = None,
) -> Message:
    """Promise a message. Raises ValueError when its text says what a phone may never show."""
    code = unused_code(tx.session, col(Message.code))
    # a voice that says it as a word is not understood
    spoken = ", ".join(reference) if channel is Channel.VOICE else reference
    body = i18n.text(language, template, ref=spoken, code=code)
    if problems := text_problems(body, channel):
        raise ValueError(f"{template} in {language}: {'; '.join(problems)}")
    due = tx.now if urgent else after_quiet_hours(tx.now, tx.network.defaults, tx)
    message = Message(
        side=side,
        code=code,
        channel=channel,
        recipient=to,
        language=language,
        service=service,
        template=template,
        body=body,
        state=_S.PENDING,
        urgent=urgent,
        request_id=request_id,
        alert_id=alert_id,
        unit_id=unit_id,
        created_at=tx.now,
        due_at=due,
        expires_at=due + (USEFUL_FOR if urgent else USEFUL_WHEN_CALM),
        changed_at=tx.now,
        occasion=occasion,
    )
    tx.session.add(message)
    return message


def after_quiet_hours(now: datetime, defaults: Defaults, tx: Tx) -> datetime:
    """``now``, or the end of the quiet hours that it lies in (local time, across midnight)."""
    local = now.astimezone(tx.network.timezone)
    start, end = defaults.quiet_from, defaults.quiet_until
    at = local.time().replace(tzinfo=None)
    quiet = start <= at < end if start <= end else (at >= start or at < end)
    if not quiet:
        return now
    day = local.date() if at < end else local.date() + timedelta(days=1)
    # fold: in the hour that a clock change repeats, the end that comes after ``now``
    ends = datetime.combine(day, time(end.hour, end.minute, fold=local.fold), tx.network.timezone)
    return ends.astimezone(UTC)


@dataclass(frozen=True, slots=True)
class Delivery:
    """What one round did."""

    handed_over: int = 0
    reconciled: int = 0
    expired: int = 0


def deliver(
    system: Shelter, gateway: Gateway, owner: str, sides: Collection[Side] = tuple(Side)
) -> Delivery:
    """One round: lease what is due, hand it over, note what happened; then ask about the uncertain.

    No transaction or connection is held while the provider is spoken to. A process that dies in
    between leaves a lease that runs out, and its message is asked about before it is sent again.

    Each side has batches of its own, and in the worker a round of its own: how long one side's
    messages wait must not depend on how many the other side has.
    """
    system.run(SYSTEM, _leases_that_ran_out)
    expired = system.run(SYSTEM, _expire)
    reconciled = handed_over = 0
    for side in sides:
        reconciled += _reconcile(system, gateway, side)
        for message in system.run(SYSTEM, lambda tx, s=side: _claim(tx, owner, s)):  # type: ignore[misc]
            # a batch may take longer than a lease: each message's is renewed before its own call
            if system.run(SYSTEM, lambda tx, m=message: _renew(tx, owner, m)):  # type: ignore[misc]
                _hand_over(system, gateway, owner, message)
                handed_over += 1
    return Delivery(handed_over, reconciled, expired)


def _claim(tx: Tx, owner: str, side: Side) -> Sequence[Message]:
    due: Sequence[Message] = tx.session.exec(
        select(Message)
        .where(
            col(Message.side) == side,
            col(Message.state) == _S.PENDING,
            col(Message.due_at) <= tx.now,
            col(Message.expires_at) > tx.now,
        )
        .order_by(col(Message.urgent).desc(), col(Message.due_at))
        .limit(BATCH)
        .with_for_update(skip_locked=True)
    ).all()
    if any(not message.urgent for message in due):
        # due before the quiet hours, and held up: it waits for the morning now
        calm_from = after_quiet_hours(tx.now, tx.network.defaults, tx)
        for message in due:
            if not message.urgent and calm_from > tx.now:
                message.due_at = calm_from
                tx.session.add(message)
        due = [message for message in due if message.due_at <= tx.now]
    for message in due:
        message.state, message.lease_owner = _S.LEASED, owner
        message.lease_until, message.changed_at = tx.now + LEASE, tx.now
        message.attempts += 1
        tx.session.add(message)
    return due


def _renew(tx: Tx, owner: str, message: Message) -> bool:
    """Whether the lease is still this owner's; it then begins anew."""
    row = tx.session.get(Message, message.id, with_for_update=True)
    if row is None or not _is_leased_to(row, owner, message):
        return False
    row.lease_until = tx.now + LEASE
    tx.session.add(row)
    return True


def _is_leased_to(row: Message, owner: str, claimed: Message) -> bool:
    return row.state is _S.LEASED and row.lease_owner == owner and row.attempts == claimed.attempts


def _hand_over(system: Shelter, gateway: Gateway, owner: str, message: Message) -> None:
    state, provider_id, error_code, wait = _S.UNCERTAIN, None, None, None
    try:
        receipt = gateway.send(_outgoing(message))
        state, provider_id = receipt.state, receipt.provider_id
        error_code = receipt.error_code
    except TryLater as later:
        state, wait = _S.PENDING, later.retry_after_s
    except Refused as refused:
        state, error_code = _S.FAILED, refused.error_code
    except OutcomeUnknown:
        pass

    def note(tx: Tx) -> None:
        row = tx.session.get(Message, message.id, with_for_update=True)
        if row is None or not _is_leased_to(row, owner, message):
            return  # the lease ran out meanwhile: whoever took it over decides
        if state is _S.PENDING:
            pause = wait if wait is not None else _pause(row.attempts)
            row.due_at = tx.now + timedelta(seconds=pause)
            if row.attempts >= MAX_ATTEMPTS:
                row.state, row.error_code = _S.FAILED, "attempts"
            else:
                row.state = _S.PENDING
        else:
            row.state, row.provider_id, row.error_code = state, provider_id, error_code
        row.lease_owner = row.lease_until = None
        row.changed_at = tx.now
        tx.session.add(row)
        _tell_if_lost(tx, row)

    system.run(SYSTEM, note)


def _outgoing(message: Message) -> Outgoing:
    return Outgoing(
        message_id=message.id,
        channel=message.channel,
        to=message.recipient,
        body=message.body,
        code=message.code,
        language=message.language,
        useful_until=message.expires_at,
    )


def _pause(attempts: int) -> float:
    """Seconds before the next attempt: doubling from 2 s to 5 min, with jitter."""
    return float(min(300, 2 ** min(attempts, 9)) * random.uniform(0.75, 1.25))  # noqa: S311


def _leases_that_ran_out(tx: Tx) -> None:
    for message in tx.session.exec(
        select(Message)
        .where(col(Message.state) == _S.LEASED, col(Message.lease_until) < tx.now)
        .with_for_update(skip_locked=True)
    ):
        message.state, message.changed_at = _S.UNCERTAIN, tx.now
        message.lease_owner = message.lease_until = None
        tx.session.add(message)


def _expire(tx: Tx) -> int:
    late = tx.session.exec(
        select(Message)
        .where(col(Message.state) == _S.PENDING, col(Message.expires_at) <= tx.now)
        .with_for_update(skip_locked=True)
    ).all()
    for message in late:
        message.state, message.changed_at = _S.EXPIRED, tx.now
        tx.session.add(message)
        _tell_if_lost(tx, message)
    return len(late)


def _tell_if_lost(tx: Tx, message: Message) -> None:
    """A message that reached nobody is told on the screens, once: somebody has to call."""
    from shelter.domain.alerts import AlertKind
    from shelter.services.alerts import raise_alert

    if message.state not in {_S.EXPIRED, _S.FAILED, _S.UNDELIVERED}:
        return
    service = message.service or tx.network.coordinator
    if message.alert_id is not None:
        # an alert stands on its service's screens, which nobody may be looking at: the coordinator
        # is called. The coordinator's own lost alerts have nobody above them
        if service == tx.network.coordinator:
            return
        service = tx.network.coordinator
    request = tx.session.get(Request, message.request_id) if message.request_id else None
    raise_alert(
        tx,
        AlertKind.MESSAGE_FAILED,
        service,
        request,
        unit_id=message.unit_id,
        side=message.side,
        occasion=f"message:{message.id}",
    )


def _reconcile(system: Shelter, gateway: Gateway, side: Side) -> int:
    """Ask the provider about every message of unknown outcome that has had time to settle."""
    settled = timedelta(seconds=gateway.settles_after_s)

    def waiting(tx: Tx) -> Sequence[Message]:
        return tx.session.exec(
            select(Message)
            .where(
                col(Message.side) == side,
                col(Message.state) == _S.UNCERTAIN,
                col(Message.changed_at) <= tx.now - settled,
            )
            # in any order, so that a few that cannot be asked about do not hold up the others
            .order_by(sa.func.random())
            .limit(BATCH)
        ).all()

    count = 0
    for message in system.run(SYSTEM, waiting, read_only=True):
        try:
            receipt = gateway.find(_outgoing(message), message.created_at)
        except (TryLater, OutcomeUnknown, Refused):
            continue  # still unknown: ask again next time
        system.run(SYSTEM, lambda tx, m=message, r=receipt: _settle(tx, m, r))  # type: ignore[misc]
        count += 1
    return count


def _settle(tx: Tx, asked: Message, receipt: Receipt | None) -> None:
    row = tx.session.get(Message, asked.id, with_for_update=True)
    if row is None or row.state is not _S.UNCERTAIN or row.attempts != asked.attempts:
        return  # the answer is about an earlier attempt: another worker has sent it since
    if receipt is None:
        row.state, row.due_at = _S.PENDING, tx.now
    else:
        row.state, row.provider_id = receipt.state, receipt.provider_id
        row.error_code = receipt.error_code
    row.changed_at = tx.now
    tx.session.add(row)
    _tell_if_lost(tx, row)


def status_report(tx: Tx, provider_id: str, state: MessageState, error_code: str | None) -> bool:
    """What the provider reports later. A report never brings a message back; False if unknown."""
    row = tx.session.exec(
        select(Message).where(col(Message.provider_id) == provider_id).with_for_update()
    ).first()
    if row is None:
        return False
    if supersedes(state, row.state):
        row.state, row.error_code, row.changed_at = state, error_code, tx.now
        tx.session.add(row)
        _tell_if_lost(tx, row)
    return True


def list_messages(tx: Tx, *, after: Place | None = None, limit: int = 100) -> Sequence[Message]:
    """What was sent to and about the actor's service (a coordinator: to all), newest first."""
    query = tx.rows.select(Message)
    if tx.actor.role is not Role.COORDINATOR:
        query = query.where(col(Message.service) == tx.actor.service)
    return newest_first(
        tx.session, query, col(Message.created_at), col(Message.id), after=after, limit=limit
    )
