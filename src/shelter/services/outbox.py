"""Messages are promised in the transaction of the fact that they tell; ``delivery`` keeps it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, time, timedelta
from uuid import UUID

from sqlmodel import col

from shelter import i18n
from shelter.db.tables import Message
from shelter.domain.messages import Channel, MessageState, text_problems
from shelter.domain.network import Defaults
from shelter.domain.sides import Role, Side
from shelter.messaging.gateway import Outgoing
from shelter.services.codes import unused_code
from shelter.services.context import Tx
from shelter.services.paging import Place, newest_first

#: a message that nobody could hand over for so long would only confuse when it arrived
USEFUL_FOR = timedelta(hours=6)
USEFUL_WHEN_CALM = timedelta(hours=24)

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


def outgoing(message: Message) -> Outgoing:
    """What a gateway is told of a message."""
    return Outgoing(
        message_id=message.id,
        channel=message.channel,
        to=message.recipient,
        body=message.body,
        code=message.code,
        language=message.language,
        useful_until=message.expires_at,
    )


def list_messages(
    tx: Tx,
    *,
    states: Collection[MessageState] = tuple(MessageState),
    after: Place | None = None,
    limit: int = 100,
) -> Sequence[Message]:
    """What was sent to and about the actor's service (a coordinator: to all), newest first."""
    query = tx.rows.select(Message).where(col(Message.state).in_(states))
    if tx.actor.role is not Role.COORDINATOR:
        query = query.where(col(Message.service) == tx.actor.service)
    return newest_first(
        tx.session, query, col(Message.created_at), col(Message.id), after=after, limit=limit
    )
