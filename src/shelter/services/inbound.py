"""What comes by SMS: understood, dealt with once, answered.

A telephone number alone proves nothing: only a text with the code of a message that went to this
very number changes anything (``sms_answers``).

What may concern the perpetrator side is settled in a transaction that reads that side alone, before
the victim side is looked at: whatever is true there, the answer is the same (SAFETY.md §1).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from sqlalchemy.exc import IntegrityError
from sqlmodel import select

from shelter import i18n
from shelter.db.tables import InboundSeen
from shelter.domain.command_words import Verb
from shelter.domain.commands import Command, Doubt, understand
from shelter.domain.sides import SYSTEM, Side
from shelter.services import deaf, sms_answers, who_is_on_call
from shelter.services.context import Shelter, Tx
from shelter.services.sms_answers import Said


def receive(
    system: Shelter, sender: str, text: str, provider_id: str, opted: str | None = None
) -> str:
    """Deal with one incoming SMS and give the words to answer; "" where the carrier answers itself.

    ``provider_id`` names the SMS: the same one again gets the same answer and has no other effect.
    ``opted`` is what the carrier made of the text (Twilio's OptOutType), when it says so.
    """
    command = understand(text, opted)
    if opted is not None or command.verb in {Verb.OPT_OUT, Verb.OPT_IN}:
        return system.run(SYSTEM, lambda tx: _carriers_own(tx, sender, command, provider_id))
    for side in (Side.PERPETRATORS, Side.VICTIMS):
        answer = system.run(
            replace(SYSTEM, side=side),
            lambda tx: _on_this_side(tx, sender, command, provider_id),
        )
        if answer is not None:
            return answer
    raise AssertionError("the last side answers everybody")


def _carriers_own(tx: Tx, sender: str, command: Command, provider_id: str) -> str:
    """The carrier has answered: nothing is said, but who opted out will hear nothing any more."""

    def note() -> Said:
        if command.verb is Verb.OPT_OUT:
            deaf.phone_is_deaf(tx, sender)
        elif command.verb is Verb.OPT_IN:
            deaf.phone_hears(tx, sender)
        return Said(command.verb.value if command.verb else "carrier", "")

    return _once(tx, provider_id, note)


def _on_this_side(tx: Tx, sender: str, command: Command, provider_id: str) -> str | None:
    """The answer, if the text is this side's business; None leaves it to the next one."""
    message = sms_answers.answered_message(tx, sender, command.codes)
    asker = who_is_on_call.known(tx, sender) if command.verb is Verb.WHO else None
    if message is None and asker is None and tx.actor.side is Side.PERPETRATORS:
        return None

    def deal() -> Said:
        if asker is not None:
            return who_is_on_call.answer(tx, asker, command)
        if message is not None:
            return sms_answers.answer(tx, message, command)
        return _of_no_message(tx, command)

    return _once(tx, provider_id, deal)


def _of_no_message(tx: Tx, command: Command) -> Said:
    """Whoever this is, nothing changes, and no row has a part in the answer."""
    language = command.language or tx.network.languages[0]
    if command.verb is Verb.HELP:
        return Said("help", i18n.text(language, "sms.reply_help"))
    if command.doubt is Doubt.TWO_CODES:
        return Said("two_codes", i18n.text(language, "sms.reply_two_codes"))
    if command.codes:
        return Said("wrong_code", i18n.text(language, "sms.reply_wrong_code"))
    return Said(
        command.doubt.value if command.doubt else "unknown_sender",
        i18n.text(language, "sms.reply_unknown"),
    )


def _once(tx: Tx, provider_id: str, deal: Callable[[], Said]) -> str:
    """Deal with an SMS, or give the answer that its copy got."""
    row = tx.session.get(InboundSeen, provider_id)
    if row is None:
        row = InboundSeen(provider_id=provider_id, at=tx.now)
        try:
            with tx.session.begin_nested():
                tx.session.add(row)
        except IntegrityError:  # its copy was being dealt with in this moment
            query = select(InboundSeen).where(InboundSeen.provider_id == provider_id)
            return tx.session.exec(query.execution_options(populate_existing=True)).one().answer
        said = deal()
        row.command, row.answer = said.what, said.words
        tx.session.add(row)
    return row.answer
