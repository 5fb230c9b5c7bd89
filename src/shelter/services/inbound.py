"""What people answer by SMS. A phone number alone proves nothing: the code of a message does."""

from __future__ import annotations

import re
import unicodedata

from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select

from shelter import i18n
from shelter.db.tables import Alert, InboundSeen, Message, Site, Unit, User
from shelter.domain.sides import SYSTEM
from shelter.services.alerts import mark_acknowledged
from shelter.services.context import Shelter, Tx

YES = frozenset({"OUI", "JA", "YES", "OK", "OKAY"})
_CODE_LENGTH = 5


def receive(system: Shelter, sender: str, text: str, provider_id: str) -> str:
    """Deal with one incoming SMS and give the words to answer; the same one twice does nothing.

    Only a text with the code of a message that went to this very number changes anything.
    """

    def handle(tx: Tx) -> str:
        if tx.session.get(InboundSeen, provider_id) is not None:
            return ""
        try:
            with tx.session.begin_nested():
                tx.session.add(InboundSeen(provider_id=provider_id, at=tx.now))
        except IntegrityError:  # its copy is being dealt with in this moment
            return ""
        words = _words(text)
        message = _message(tx, sender, words)
        language = _language(tx, message)
        if message is None or not YES & set(words):
            return i18n.text(language, "sms.reply_unknown")
        if message.alert_id is not None:
            alert = tx.session.get(Alert, message.alert_id, with_for_update=True)
            if alert is not None:
                mark_acknowledged(tx, alert, via="sms")
        elif message.unit_id is not None:
            unit = tx.session.get(Unit, message.unit_id, with_for_update=True)
            if unit is not None:
                unit.confirmed_at, unit.confirmed_by = tx.now, None
                tx.session.add(unit)
                tx.record("unit.still_true", f"unit:{unit.id}", side=unit.side, via="sms")
            return i18n.text(language, "sms.reply_still_true", code=message.code)
        else:
            tx.record(
                "message.answer",
                f"message:{message.id}",
                side=message.side,
                request_id=message.request_id,
                via="sms",
            )
        return i18n.text(language, "sms.reply_acknowledged", code=message.code)

    return system.run(SYSTEM, handle)


def _words(text: str) -> list[str]:
    """Upper-case words without accents: what a tired thumb may have meant."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return re.findall(r"[A-Z0-9]+", plain.upper())[:40]


def _message(tx: Tx, sender: str, words: list[str]) -> Message | None:
    codes = [word for word in words if len(word) == _CODE_LENGTH]
    if not codes:
        return None
    return tx.session.exec(
        select(Message)
        .where(col(Message.code).in_(codes), col(Message.recipient) == sender)
        .order_by(col(Message.created_at).desc())
    ).first()


def _language(tx: Tx, message: Message | None) -> str:
    """As the message's own side knows the telephone; without a message nobody's rows are searched.

    A number may be known on both sides: the answer to one may not tell of the other.
    """
    usual = tx.network.languages[0]
    if message is None:
        return usual
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
    # a duty phone
    spoken = (each.language for each in tx.network.services if each.key == message.service)
    return next(spoken, usual)
