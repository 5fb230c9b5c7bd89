"""The embedded stand-in for phones and mailboxes: what is sent arrives in a table with a page."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlmodel import Session, col, select

from shelter.db.tables import LocalInboxMessage
from shelter.domain.messages import Channel, MessageState
from shelter.messaging.gateway import Outgoing, Receipt, Refused
from shelter.services.context import Shelter, Tx


class LocalInbox:
    """A ``Gateway`` that needs no provider. What it accepted it can always find again."""

    name = "local"
    settles_after_s = 0.0

    def __init__(self, system: Shelter) -> None:
        self._system = system

    def send(self, out: Outgoing) -> Receipt:
        """See ``Gateway.send``."""

        def put(session: Session) -> Receipt:
            row = LocalInboxMessage(
                channel=out.channel,
                recipient=out.to,
                body=out.body,
                received_at=self._system.clock.now(),
            )
            session.add(row)
            return Receipt(str(row.id), MessageState.DELIVERED, price_micros=0)

        return self._system.database.run(put)

    def find(self, out: Outgoing, since: datetime) -> Receipt | None:
        """See ``Gateway.find``."""

        def look(session: Session) -> Receipt | None:
            for row in session.exec(
                select(LocalInboxMessage).where(
                    col(LocalInboxMessage.channel) == out.channel,
                    col(LocalInboxMessage.recipient) == out.to,
                    col(LocalInboxMessage.received_at) >= since,
                )
            ):
                if out.code in row.body:
                    return Receipt(str(row.id), MessageState.DELIVERED, price_micros=0)
            return None

        return self._system.database.run(look, read_only=True)

    def look(self, provider_id: str, channel: Channel) -> Receipt:
        """See ``Gateway.look``."""
        row = self._system.database.run(
            lambda session: session.get(LocalInboxMessage, UUID(provider_id)), read_only=True
        )
        if row is None or row.channel is not channel:
            raise Refused("not_here")
        return Receipt(provider_id, MessageState.DELIVERED, price_micros=0)


def read(tx: Tx, limit: int = 100) -> Sequence[LocalInboxMessage]:
    """Newest first. For the page that stands in for everybody's phone."""
    return tx.session.exec(
        select(LocalInboxMessage)
        .order_by(col(LocalInboxMessage.received_at).desc(), col(LocalInboxMessage.id))
        .limit(limit)
    ).all()
