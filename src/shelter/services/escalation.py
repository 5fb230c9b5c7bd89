"""Escalation: an alert goes from number to number, by SMS and by call, until somebody answers.

All steps are written with the alert. Each is taken in one transaction with the message that it
sends, under the lock of the alert's row, so that however often the job is killed or run at once,
each step happens exactly once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import aliased
from sqlmodel import col, select
from sqlmodel.sql.expression import SelectOfScalar

from shelter.db.tables import Alert, AlertStep, Message
from shelter.domain.alerts import URGENT, StepEnd, Tell
from shelter.domain.messages import LOST, Channel, MessageState
from shelter.domain.sides import SYSTEM, Side
from shelter.services import rota
from shelter.services.context import Shelter, Tx
from shelter.services.outbox import queue

#: alerts that one transaction takes a step of
BATCH = 50


def begin(tx: Tx, alert: Alert) -> None:
    """Write the steps of a new alert, and take those that are due at once."""
    for number, step in enumerate(tx.network.escalation.steps_of(alert.kind)):
        tx.session.add(
            AlertStep(
                side=alert.side,
                alert_id=alert.id,
                number=number,
                tell=step.tell,
                channel=step.channel,
                due_at=tx.now + step.after,
            )
        )
    tx.session.flush()
    advance(tx, alert)


def advance(tx: Tx, alert: Alert) -> int:
    """Take the steps of an alert that are due, for how many; its row is locked, or new."""
    steps = steps_of(tx, alert.id)
    taken = 0
    for step in steps:
        if step.ended is not None:
            continue
        if step.due_at > tx.now:
            break
        _take(tx, alert, step, steps)
        taken += 1
        if step.ended is StepEnd.NOBODY and alert.kind in URGENT:
            _hurry(tx, steps)
    return taken


def hand_on(tx: Tx, alert: Alert, *, via: str) -> bool:
    """ "Not me": the next step is taken at once. False when there is none: somebody has to call.

    The alert's row is locked. Nothing happens once somebody answered.
    """
    if alert.acknowledged_at is not None:
        return False
    steps = steps_of(tx, alert.id)
    waits = any(step.ended is None for step in steps)
    tx.record(
        "alert.hand_on",
        f"alert:{alert.id}",
        side=alert.side,
        request_id=alert.request_id,
        service=alert.service,
        via=via,
    )
    if waits:
        _hurry(tx, steps)
        advance(tx, alert)
    return waits


def stop(tx: Tx, alert: Alert) -> None:
    """Somebody answered: the steps that wait are not taken."""
    for step in steps_of(tx, alert.id):
        if step.ended is None:
            step.ended, step.ended_at = StepEnd.ANSWERED, tx.now
            tx.session.add(step)


def goes_on(tx: Tx, alert_id: UUID) -> bool:
    """Whether a lost message of this alert needs no other care: the next step comes at once."""
    alert = tx.session.get(Alert, alert_id)
    if alert is None or alert.acknowledged_at is not None:
        return True
    return alert.kind in URGENT and any(step.ended is None for step in steps_of(tx, alert_id))


def steps_of(tx: Tx, alert_id: UUID) -> Sequence[AlertStep]:
    return tx.session.exec(
        select(AlertStep).where(col(AlertStep.alert_id) == alert_id).order_by(col(AlertStep.number))
    ).all()


def escalate(system: Shelter, side: Side) -> int:
    """The job: every step of one side's alerts that is due, or whose message reached nobody."""
    taken = 0
    while True:
        batch = system.run(SYSTEM, lambda tx: _one_batch(tx, side))
        taken += batch
        if batch < BATCH:
            return taken


def _one_batch(tx: Tx, side: Side) -> int:
    waiting = [
        *tx.session.exec(_due(tx, side).limit(BATCH)).all(),
        *tx.session.exec(_unheard(tx, side).limit(BATCH)).all(),
    ]
    if not waiting:
        return 0
    alerts = tx.session.exec(
        select(Alert)
        .where(col(Alert.id).in_(waiting), col(Alert.acknowledged_at).is_(None))
        .order_by(col(Alert.created_at), col(Alert.id))
        .limit(BATCH)
        .with_for_update(skip_locked=True)
    ).all()
    # what was found before the locks may have been done by another worker since
    unheard = set(tx.session.exec(_unheard(tx, side).where(col(Alert.id).in_(waiting))).all())
    for alert in alerts:
        if alert.id in unheard:
            _hurry(tx, steps_of(tx, alert.id))
        advance(tx, alert)
    return len(alerts)


def _due(tx: Tx, side: Side) -> SelectOfScalar[UUID]:
    found: SelectOfScalar[UUID] = (
        select(Alert.id)
        .join(AlertStep, col(AlertStep.alert_id) == col(Alert.id))
        .where(
            col(Alert.side) == side,
            col(Alert.acknowledged_at).is_(None),
            col(AlertStep.ended).is_(None),
            col(AlertStep.due_at) <= tx.now,
        )
        .order_by(col(AlertStep.due_at))
    )
    return found


def _unheard(tx: Tx, side: Side) -> SelectOfScalar[UUID]:
    """Urgent alerts whose latest message was lost, or has not arrived in time."""
    told, following = aliased(AlertStep), aliased(AlertStep)
    late = tx.now - tx.network.defaults.delivered_within
    found: SelectOfScalar[UUID] = (
        select(Alert.id)
        .join(told, col(told.alert_id) == col(Alert.id))
        .join(
            following,
            sa.and_(
                col(following.alert_id) == col(Alert.id),
                col(following.number) == col(told.number) + 1,
            ),
        )
        .join(Message, col(Message.id) == col(told.message_id))
        .where(
            col(Alert.side) == side,
            col(Alert.kind).in_(URGENT),
            col(Alert.acknowledged_at).is_(None),
            col(following.ended).is_(None),
            col(following.due_at) > tx.now,
            sa.or_(
                col(Message.state).in_(LOST),
                sa.and_(
                    col(Message.state) != MessageState.DELIVERED,
                    col(Message.channel) != Channel.MAIL,  # nobody says when a mail arrived
                    col(told.ended_at) <= late,
                ),
            ),
        )
    )
    return found


def _hurry(tx: Tx, steps: Sequence[AlertStep]) -> None:
    """The next step that waits is due now; those behind it keep their distance to it."""
    waiting = [step for step in steps if step.ended is None]
    if not waiting or waiting[0].due_at <= tx.now:
        return
    sooner = waiting[0].due_at - tx.now
    for step in waiting:
        step.due_at -= sooner
        tx.session.add(step)


def _take(tx: Tx, alert: Alert, step: AlertStep, steps: Sequence[AlertStep]) -> None:
    """Tell whom the step names, if there is such a number; the end of it is written either way."""
    step.ended_at = tx.now
    service = alert.service
    if step.tell is Tell.COORDINATOR:
        service = tx.network.coordinator
    # the coordinator's own alerts have nobody above
    again = step.tell is Tell.COORDINATOR and service == alert.service
    told = None if again else _whom(tx, service, step, steps)
    if told is None:
        step.ended = StepEnd.NOBODY
    else:
        step.ended = StepEnd.TOLD
        step.message_id = _send(tx, alert, step.channel, told)
        if told.copy_to is not None:
            _send(tx, alert, Channel.MAIL, Told(told.copy_to, told.language))
    tx.session.add(step)
    tx.session.flush()


@dataclass(frozen=True, slots=True)
class Told:
    """Where a step's message goes, and where a copy, for somebody who chose that."""

    recipient: str
    language: str
    copy_to: str | None = None


def _whom(tx: Tx, service: str, step: AlertStep, steps: Sequence[AlertStep]) -> Told | None:
    people = {each.user_id: each for each in rota.on_duty(tx, service)}
    if step.channel is Channel.MAIL:
        reached = [Told(each.mail, each.language) for each in people.values() if each.mail]
    else:
        reached = [
            Told(
                each.number,
                each.language,
                people[each.user_id].mail if each.user_id in people else None,
            )
            for each in rota.numbers(tx, service)
        ]
    if step.tell is Tell.NEXT:
        # the first of them is for "duty", even before it was called
        tried = _tried(tx, step.channel, steps)
        reached = [each for each in reached[1:] if each.recipient not in tried]
    return reached[0] if reached else None


def _tried(tx: Tx, channel: Channel, steps: Sequence[AlertStep]) -> set[str]:
    """The numbers that earlier steps used in this way."""
    sent = [step.message_id for step in steps if step.channel is channel and step.message_id]
    return set(tx.session.exec(select(Message.recipient).where(col(Message.id).in_(sent))).all())


def _send(tx: Tx, alert: Alert, channel: Channel, told: Told) -> UUID:
    return queue(
        tx,
        f"{channel}.alert",
        to=told.recipient,
        language=told.language,
        reference=alert.reference,
        side=alert.side,
        service=alert.service,
        channel=channel,
        request_id=alert.request_id,
        alert_id=alert.id,
        urgent=alert.kind in URGENT,
    ).id
