"""Neutral messages to a housed person: only with recorded consent, in the agreed hours.

The default is none: without a row nothing is ever sent to a person. The telephone may be shared or
watched, so the number is sealed, shown to the person's own service alone, and every look is noted;
what is sent is one of three texts that say neither who writes nor why.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

from sqlmodel import col, select

from shelter import logs
from shelter.db.tables import Alert, DeafPhone, Message, Request, SafeContact
from shelter.domain.alerts import AlertKind
from shelter.domain.contacts import (
    CHANNELS,
    LONGEST,
    REMIND,
    PersonMessage,
    Window,
    end_of_day,
    next_window,
)
from shelter.domain.errors import Conflict, FieldProblem, Invalid, NotAllowed, Stale
from shelter.domain.messages import Channel
from shelter.domain.requests import RequestState
from shelter.domain.sides import SYSTEM, Actor, Role, Side
from shelter.services.alerts import raise_alert
from shelter.services.context import Shelter, Tx, found
from shelter.services.intake import own_request, readable_request
from shelter.services.outbox import USEFUL_FOR, queue
from shelter.services.person_messages import forget_messages

_PHONE = re.compile(r"\+[1-9]\d{6,14}")
log = logs.get("jobs")


@dataclass(frozen=True, slots=True)
class Consent:
    """What the person agreed to."""

    phone: str
    channel: Channel
    language: str
    #: local hours; equal ones mean the whole day
    hour_from: int
    hour_until: int
    #: by when somebody asks again
    recheck_on: date


def agree(tx: Tx, request_id: UUID, given: Consent, version: int | None = None) -> SafeContact:
    """Record, or record anew, what the person agreed to. Raises Invalid with every wrong field.

    ``version`` is that of the consent which was read, None where there was none: Raises Stale when
    somebody else has recorded one since.
    """
    request = own_request(tx, request_id)
    if request.state is RequestState.CLOSED:
        raise Conflict("request_closed")
    _check(tx, given)
    assert tx.actor.user_id is not None
    contact = _contact_of(tx, request, for_update=True)
    if (None if contact is None else contact.version) != version:
        raise Stale("stale")
    row_id = uuid4() if contact is None else contact.id
    values: dict[str, Any] = {
        "channel": given.channel,
        "phone": tx.keyring.encrypt("safe_contact", row_id, "phone", given.phone),
        "language": given.language,
        "hour_from": given.hour_from,
        "hour_until": given.hour_until,
        "consented_at": tx.now,
        "recorded_by": tx.actor.user_id,
        "recheck_on": given.recheck_on,
    }
    if contact is None:
        contact = SafeContact(id=row_id, side=request.side, request_id=request.id, **values)
    else:
        # what waits was agreed to for another number or other hours
        forget_messages(tx, [request.id])
        for name, value in values.items():
            setattr(contact, name, value)
        contact.version += 1
    tx.session.add(contact)
    tx.session.flush()
    _note(tx, request, "contact.agree", until=given.recheck_on.isoformat())
    return contact


def withdraw(tx: Tx, request_id: UUID) -> None:
    """The person wants no messages any more: the number is gone, and what waited is not sent."""
    request = own_request(tx, request_id)
    contact = _contact_of(tx, request, for_update=True)
    if contact is None:
        return
    tx.session.delete(contact)
    forget_messages(tx, [request.id])
    _note(tx, request, "contact.withdraw")


def contact_of(tx: Tx, request_id: UUID) -> SafeContact | None:
    """What was agreed, for the person's own service; the number stays sealed."""
    if tx.actor.role is not Role.ON_CALL:
        raise NotAllowed("not_allowed")
    return _contact_of(tx, readable_request(tx, request_id))


def reveal_phone(tx: Tx, request_id: UUID) -> str:
    """The number, for the person's own service. Every look is in the audit log."""
    if tx.actor.role is not Role.ON_CALL:
        raise NotAllowed("not_allowed")
    request = readable_request(tx, request_id)
    contact: SafeContact = found(_contact_of(tx, request), "contact")
    _note(tx, request, "contact.look")
    return _phone_of(tx, contact)


def send(tx: Tx, request_id: UUID, which: PersonMessage) -> Message:
    """Queue a neutral message for the agreed hours. Raises Conflict where it may not be sent."""
    request = own_request(tx, request_id)
    if request.state is RequestState.CLOSED:
        raise Conflict("request_closed")
    contact = _contact_of(tx, request)
    if contact is None:
        raise Conflict("no_safe_contact")
    phone = _phone_of(tx, contact)
    # on the other side this would tell whether a number that somebody types has had our messages
    if request.side is Side.VICTIMS and tx.session.get(DeafPhone, phone) is not None:
        raise Conflict("contact_opted_out")
    window = sending_window(tx, contact)
    zone = tx.network.timezone
    today = tx.now.astimezone(zone).date()
    if contact.recheck_on < window.opens.astimezone(zone).date():
        raise Conflict("contact_recheck_due")
    closes = min(window.closes, window.opens + USEFUL_FOR, end_of_day(contact.recheck_on, zone))
    if which is PersonMessage.TOMORROW:
        if window.opens.astimezone(zone).date() != today:
            raise Conflict("contact_too_late_for_tomorrow")
        closes = min(closes, end_of_day(today, zone))
    message = queue(
        tx,
        which.template(contact.channel),
        to=phone,
        language=contact.language,
        reference=request.code,
        side=request.side,
        service=request.service,
        channel=contact.channel,
        request_id=request.id,
        # urgent, for the hours that the person named count, not those of the network
        urgent=True,
    )
    message.due_at, message.expires_at = window.opens, closes
    tx.session.add(message)
    _note(tx, request, "contact.send", which=which.value)
    return message


def sending_window(tx: Tx, contact: SafeContact) -> Window:
    """When a message to this person could arrive next."""
    return next_window(tx.now, contact.hour_from, contact.hour_until, tx.network.timezone)


def latest_recheck(tx: Tx) -> date:
    """The last day on which a consent that is recorded now may be asked again."""
    return tx.now.astimezone(tx.network.timezone).date() + LONGEST


def remind(system: Shelter, side: Side) -> int:
    """Ask the service to ask the person again, three days before the day; how many were told."""
    actor = Actor(None, SYSTEM.name, Role.ON_CALL, side, None)
    told = 0
    for contact_id in system.run(actor, _due, read_only=True):
        try:
            told += system.run(actor, partial(_remind, contact_id=contact_id))
        except Exception as error:
            log.error("contact.untold", error=logs.error_name(error))
    return told


def _due(tx: Tx) -> Sequence[UUID]:
    soon = {
        f"{_occasion(contact)}:{service}": contact.id
        for contact, service in tx.session.exec(
            select(SafeContact, Request.service)
            .join(Request, col(Request.id) == SafeContact.request_id)
            .where(
                col(SafeContact.side).in_(tx.actor.sides),
                col(SafeContact.recheck_on) <= _today(tx) + REMIND,
                col(Request.state) != RequestState.CLOSED,
            )
            .order_by(col(SafeContact.recheck_on), col(SafeContact.id))
        )
    }
    told = set(tx.session.exec(select(Alert.occasion).where(col(Alert.occasion).in_(soon))))
    return [contact_id for occasion, contact_id in soon.items() if occasion not in told]


def _occasion(contact: SafeContact) -> str:
    return f"recheck:{contact.id}:{contact.recheck_on.isoformat()}"


def _remind(tx: Tx, *, contact_id: UUID) -> bool:
    contact: SafeContact = found(tx.rows.get(SafeContact, contact_id), "contact")
    request: Request = found(tx.rows.get(Request, contact.request_id), "request")
    alert = raise_alert(
        tx,
        AlertKind.CONTACT_RECHECK,
        request.service,
        request,
        occasion=_occasion(contact),
    )
    return alert is not None


def _today(tx: Tx) -> date:
    now: datetime = tx.now.astimezone(tx.network.timezone)
    return now.date()


def _contact_of(tx: Tx, request: Request, *, for_update: bool = False) -> SafeContact | None:
    query = tx.rows.select(SafeContact).where(col(SafeContact.request_id) == request.id)
    if for_update:
        query = query.with_for_update().execution_options(populate_existing=True)
    return tx.session.exec(query).first()


def _phone_of(tx: Tx, contact: SafeContact) -> str:
    return tx.keyring.decrypt("safe_contact", contact.id, "phone", contact.phone)


def _note(tx: Tx, request: Request, action: str, **detail: str) -> None:
    tx.record(action, f"request:{request.id}", side=request.side, request_id=request.id, **detail)


def _check(tx: Tx, given: Consent) -> None:
    problems = []
    if not _PHONE.fullmatch(given.phone):
        problems.append(FieldProblem("phone", "phone"))
    if given.channel not in CHANNELS:
        problems.append(FieldProblem("channel", "choice"))
    if given.language not in tx.network.languages:
        problems.append(FieldProblem("language", "unknown_language"))
    for name, hour in (("hour_from", given.hour_from), ("hour_until", given.hour_until)):
        if not 0 <= hour <= 23:
            problems.append(FieldProblem(name, "range", (("min", 0), ("max", 23))))
    first = _today(tx) + timedelta(days=1)
    if not first <= given.recheck_on <= latest_recheck(tx):
        problems.append(
            FieldProblem(
                "recheck_on",
                "day_between",
                (("first", first.isoformat()), ("last", latest_recheck(tx).isoformat())),
            )
        )
    if problems:
        raise Invalid(*problems)
