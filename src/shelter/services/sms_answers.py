"""What an SMS does that echoes the code of a message which went to its sender."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

from sqlmodel import col, select

from shelter import i18n
from shelter.db.tables import Alert, Message, PlacementRow, Request, Site, Unit, User
from shelter.domain.alerts import AlertKind
from shelter.domain.availability import BlockReason
from shelter.domain.command_dates import ImpossibleDates, nights
from shelter.domain.command_words import Verb
from shelter.domain.commands import DEEDS, About, Command, Deed, Doubt
from shelter.domain.errors import Conflict, Invalid, NotFound
from shelter.domain.retention import Kind
from shelter.services import availability, escalation
from shelter.services.alerts import mark_acknowledged, raise_alert
from shelter.services.context import Tx
from shelter.services.promises import sites_concerned

VIA = "sms"
#: messages to a site that ask whether somebody can be taken in
_ASKS_A_SITE = frozenset({"sms.placement_expected", "sms.placement_extended"})


@dataclass(frozen=True, slots=True)
class Said:
    """What was understood, for the record, and the words to answer."""

    what: str
    words: str


def answered_message(tx: Tx, sender: str, codes: Collection[str]) -> Message | None:
    """The message of this side with such a code that went to this number; None unless it is one.

    A message is answered for as long as we remember what was answered: behind that a signed post
    that somebody kept could be played to us again.
    """
    if not codes:
        return None
    since = tx.network.retention.cutoff(Kind.INBOUND_MESSAGES, tx.now)
    found = tx.session.exec(
        tx.rows.select(Message)
        .where(
            col(Message.code).in_(codes),
            col(Message.recipient) == sender,
            col(Message.created_at) > since,
        )
        .limit(2)
    ).all()
    return found[0] if len(found) == 1 else None


def about(message: Message) -> About:
    if message.alert_id is not None:
        return About.ALERT
    if message.unit_id is not None:
        return About.UNIT
    return About.PLACEMENT if message.template in _ASKS_A_SITE else About.NOTICE


def answer(tx: Tx, message: Message, command: Command) -> Said:
    """Do what the text says, or say what to write instead. A refusal leaves nothing behind."""
    reply = _Reply(message, _language(tx, message))
    kind = about(message)
    if command.verb is Verb.HELP:
        return reply("help", "reply_help")
    if command.doubt is Doubt.DATES:
        return reply("dates", "reply_dates")
    deed = None
    if command.doubt is None and command.verb is not None:
        deed = DEEDS.get((kind, command.verb))
    if deed is None:
        doubt = command.doubt or "other_kind"
        return reply(doubt, f"reply_unsure_{kind}")
    return _DEEDS[deed](tx, message, command, reply)


@dataclass(frozen=True, slots=True)
class _Reply:
    """Answers to one message, in one language."""

    message: Message
    language: str

    def __call__(self, what: str, key: str, **params: str) -> Said:
        words = i18n.text(self.language, f"sms.{key}", code=self.message.code, **params)
        return Said(str(what), words)


# --- alerts -------------------------------------------------------------------------------------


def _acknowledge(tx: Tx, message: Message, _command: Command, reply: _Reply) -> Said:
    alert = _alert(tx, message)
    if alert is None:
        return reply("over", "reply_over")
    mark_acknowledged(tx, alert, via=VIA)
    return reply(Deed.ACKNOWLEDGE, "reply_acknowledged")


def _hand_on(tx: Tx, message: Message, _command: Command, reply: _Reply) -> Said:
    alert = _alert(tx, message)
    if alert is None:
        return reply("over", "reply_over")
    if alert.acknowledged_at is not None:
        return reply("taken", "reply_taken")
    if not escalation.hand_on(tx, alert, via=VIA):
        return reply("nobody_next", "reply_nobody_next")
    return reply(Deed.HAND_ON, "reply_handed_on")


def _alert(tx: Tx, message: Message) -> Alert | None:
    assert message.alert_id is not None
    return tx.rows.get(Alert, message.alert_id, for_update=True)


# --- placements ---------------------------------------------------------------------------------


def _confirm(tx: Tx, message: Message, _command: Command, reply: _Reply) -> Said:
    if _placement(tx, message) is None:
        return reply("over", "reply_over")
    _note_answer(tx, message, "yes")
    return reply(Deed.CONFIRM, "reply_acknowledged")


def _decline(tx: Tx, message: Message, _command: Command, reply: _Reply) -> Said:
    """Whoever placed them must look for another place: nothing is freed by a text."""
    found = _placement(tx, message)
    if found is None:
        return reply("over", "reply_over")
    placement, request = found
    _note_answer(tx, message, "no")
    raise_alert(
        tx,
        AlertKind.SITE_DECLINED,
        request.service,
        request,
        placement=placement,
        occasion=f"declined:{message.id}",
    )
    return reply(Deed.DECLINE, "reply_declined")


def _note(tx: Tx, message: Message, _command: Command, reply: _Reply) -> Said:
    _note_answer(tx, message, "yes")
    return reply(Deed.NOTE, "reply_acknowledged")


def _placement(tx: Tx, message: Message) -> tuple[PlacementRow, Request] | None:
    """The placement that the message was about, while it is to be in a site of this number."""
    request = tx.rows.get(Request, message.request_id) if message.request_id else None
    placement = tx.rows.live_placement_of(request.id) if request is not None else None
    if request is None or placement is None or placement.confirmed_at is None:
        return None
    phones = {site.contact_phone for site in sites_concerned(tx, placement)}
    return (placement, request) if message.recipient in phones else None


def _note_answer(tx: Tx, message: Message, said: str) -> None:
    tx.record(
        "message.answer",
        f"message:{message.id}",
        side=message.side,
        request_id=message.request_id,
        answer=said,
        via=VIA,
    )


# --- units --------------------------------------------------------------------------------------


def _still_true(tx: Tx, message: Message, _command: Command, reply: _Reply) -> Said:
    try:
        availability.confirm_unit(tx, _unit_id(message), via=VIA)
    except NotFound:
        return reply("over", "reply_over")
    return reply(Deed.STILL_TRUE, "reply_still_true")


def _change(tx: Tx, message: Message, command: Command, reply: _Reply) -> Said:
    """Free, occupied or closed for some nights, by the rules of the screens."""
    assert command.verb is not None
    unit = tx.rows.get(Unit, _unit_id(message))
    if unit is None or unit.retired:
        return reply("over", "reply_over")
    first, end = tx.tonight, None
    try:
        if command.nights is not None:
            first, end = nights(command.nights, tx.tonight)
        if command.verb is Verb.FREE:
            availability.free_unit(tx, unit.id, first, end, via=VIA)
        else:
            reason = BlockReason(command.verb.value)
            availability.block_unit(tx, unit.id, reason, first, end, via=VIA)
    except (ImpossibleDates, Invalid):
        return reply("dates", "reply_dates")
    except Conflict:
        return reply("promised", "reply_promised", ref=unit.code)
    said = _nights_text(reply.language, tx.tonight, first, end)
    return reply(command.verb, f"reply_{command.verb}", ref=unit.code, nights=said)


def _unit_id(message: Message) -> UUID:
    assert message.unit_id is not None
    return message.unit_id


def _nights_text(language: str, tonight: date, first: date, end: date | None) -> str:
    """The nights as they were understood, both ends counted."""
    if end is None:
        return i18n.text(language, f"sms_nights.{'tonight' if first == tonight else 'from'}",
                         first=_short(first))  # fmt: skip
    last = end - timedelta(days=1)
    key = "one" if first == last else "span"
    return i18n.text(language, f"sms_nights.{key}", first=_short(first), last=_short(last))


def _short(day: date) -> str:
    return f"{day.day}/{day.month}/{day.year % 100:02}"


_DEEDS: Mapping[Deed, Callable[[Tx, Message, Command, _Reply], Said]] = {
    Deed.ACKNOWLEDGE: _acknowledge,
    Deed.HAND_ON: _hand_on,
    Deed.CONFIRM: _confirm,
    Deed.DECLINE: _decline,
    Deed.NOTE: _note,
    Deed.STILL_TRUE: _still_true,
    Deed.FREE: _change,
    Deed.OCCUPIED: _change,
    Deed.CLOSED: _change,
}


def _language(tx: Tx, message: Message) -> str:
    """As the message's own side knows the telephone now, else as the message was written.

    A number may be known on both sides: the answer to one may not tell of the other.
    """
    for query in (
        select(User.language)
        .where(col(User.phone) == message.recipient, col(User.side) == message.side)
        .order_by(col(User.login)),
        select(Site.contact_language)
        .where(col(Site.contact_phone) == message.recipient, col(Site.side) == message.side)
        .order_by(col(Site.created_at), col(Site.id)),
    ):
        if (found := tx.session.exec(query).first()) is not None:
            return found
    return message.language
