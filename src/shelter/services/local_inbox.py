"""The embedded stand-in for phones: messages arrive in a table, and a page shows it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session, col, select

from shelter.db.tables import LocalInboxMessage
from shelter.domain.messages import MessageState
from shelter.messaging.gateway import Receipt
from shelter.services.context import Shelter, Tx


class LocalInbox:
    """A ``Gateway`` that needs no provider. What it accepted it can always find again."""

    name = "local"
    settles_after_s = 0.0

    def __init__(self, system: Shelter) -> None:
        self._system = system

    def send(self, to: str, body: str, code: str) -> Receipt:  # noqa: ARG002
        def put(session: Session) -> Receipt:
            row = LocalInboxMessage(recipient=to, body=body, received_at=self._system.clock.now())
            session.add(row)
            return Receipt(str(row.id), MessageState.DELIVERED, None)

        return self._system.database.run(put)

    def find(self, to: str, code: str, since: datetime) -> Receipt | None:
        def look(session: Session) -> Receipt | None:
            for row in session.exec(
                select(LocalInboxMessage).where(
                    col(LocalInboxMessage.recipient) == to,
                    col(LocalInboxMessage.received_at) >= since,
                )
            ):
                if code in row.body:
                    return Receipt(str(row.id), MessageState.DELIVERED, None)
            return None

        return self._system.database.run(look, read_only=True)


def read(tx: Tx, limit: int = 100) -> Sequence[LocalInboxMessage]:
    """Newest first. For the page that stands in for everybody's phone."""
    return tx.session.exec(
        select(LocalInboxMessage)
        .order_by(col(LocalInboxMessage.received_at).desc(), col(LocalInboxMessage.id))
        .limit(limit)
    ).all()
