"""Messages to housed persons that wait, and the numbers in those that have gone.

Beside ``contacts`` because whatever ends a request ends them, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlmodel import col, delete, update

from shelter.db.tables import Message
from shelter.domain.contacts import TEMPLATES
from shelter.domain.messages import MessageState
from shelter.services.context import Tx

#: stands where a person's number was, or may not be shown
NO_NUMBER = "-"
#: the provider may have to be asked about it, by its number
_UNSETTLED = (MessageState.PENDING, MessageState.LEASED, MessageState.UNCERTAIN)


def shown_recipient(message: Message) -> str:
    """What a list of messages may show: a person's own number is revealed on its own page alone."""
    return NO_NUMBER if message.template in TEMPLATES else message.recipient


def drop_waiting(tx: Tx, request_id: UUID) -> None:
    """What waits for the agreed hours is not sent any more."""
    tx.session.exec(
        delete(Message).where(
            col(Message.request_id) == request_id,
            col(Message.template).in_(TEMPLATES),
            col(Message.state) == MessageState.PENDING,
        )
    )


def forget_messages(tx: Tx, request_ids: Sequence[UUID]) -> None:
    """Send nothing that waits, and keep no number in what is done with.

    One that a worker is handing over this very moment, or whose fate is not known yet, keeps its
    number, by which the provider is asked; it goes with the retention of messages.
    """
    for request_id in request_ids:
        drop_waiting(tx, request_id)
    tx.session.exec(
        update(Message)
        .where(
            col(Message.request_id).in_(request_ids),
            col(Message.template).in_(TEMPLATES),
            col(Message.state).not_in(_UNSETTLED),
        )
        .values(recipient=NO_NUMBER)
    )
