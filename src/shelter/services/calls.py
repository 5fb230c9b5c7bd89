"""What a voice says on a call about an alert, and what the key that is pressed does."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.exc import IntegrityError

from shelter import i18n
from shelter.db.tables import Alert, InboundSeen, Message
from shelter.services import escalation
from shelter.services.alerts import mark_acknowledged
from shelter.services.context import Tx, found

TAKE, HAND_ON = "1", "2"


@dataclass(frozen=True, slots=True)
class Words:
    """What a voice says, and whether it then waits for a key."""

    text: str
    language: str
    takes_key: bool = False


def words(tx: Tx, message_id: UUID) -> Words:
    """What to say now: the message, or that somebody answered the alert meanwhile."""
    message = _call(tx, message_id)
    alert = _alert(tx, message)
    if alert is not None and alert.acknowledged_at is not None:
        return Words(i18n.text(message.language, "voice.over"), message.language)
    return Words(message.body, message.language, takes_key=alert is not None)


def key_pressed(tx: Tx, message_id: UUID, key: str, call_id: str) -> Words | None:
    """Do what the key says, once for a call, and give the words to answer.

    None for a key that means nothing: the words are to be read again.
    """
    message = _call(tx, message_id)
    if key not in {TAKE, HAND_ON}:
        return None
    language = message.language
    if (before := _first_time(tx, f"{call_id}:{key}")) is not None:
        return Words(before, language)
    text = i18n.text(language, f"voice.{_done(tx, message, key)}")
    seen = tx.session.get(InboundSeen, f"{call_id}:{key}")
    assert seen is not None
    seen.command, seen.answer = "voice", text
    tx.session.add(seen)
    return Words(text, language)


def _done(tx: Tx, message: Message, key: str) -> str:
    alert = _alert(tx, message, for_update=True)
    if alert is None or alert.acknowledged_at is not None:
        return "over"
    if key == TAKE:
        mark_acknowledged(tx, alert, via="voice")
        return "taken"
    return "handed_on" if escalation.hand_on(tx, alert, via="voice") else "nobody_next"


def _first_time(tx: Tx, name: str) -> str | None:
    """None the first time; else what was answered then. A signed request can be replayed."""
    seen = tx.session.get(InboundSeen, name)
    if seen is None:
        try:
            with tx.session.begin_nested():
                tx.session.add(InboundSeen(provider_id=name, at=tx.now))
            return None
        except IntegrityError:  # its copy is being dealt with in this moment
            return ""
    return seen.answer


def _call(tx: Tx, message_id: UUID) -> Message:
    message: Message = found(tx.session.get(Message, message_id), "message")
    return message


def _alert(tx: Tx, message: Message, *, for_update: bool = False) -> Alert | None:
    if message.alert_id is None:
        return None
    return tx.session.get(Alert, message.alert_id, with_for_update=for_update)
