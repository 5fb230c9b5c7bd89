"""What became of a message: noted from an answer, a report or a question, always forwards.

Each of them may come first, late, twice or never, and in any order. Whatever is learned passes
through ``learn`` under the lock of the message's row.
"""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from sqlmodel import col, select

from shelter.db.tables import Message, Request
from shelter.domain.alerts import AlertKind
from shelter.domain.carrier_codes import Remedy, remedy_of
from shelter.domain.messages import LOST, MessageState, supersedes
from shelter.messaging.gateway import Receipt
from shelter.services import escalation
from shelter.services.alerts import raise_alert
from shelter.services.context import Tx
from shelter.services.deaf import phone_is_deaf

#: until a telephone that was out of reach may be within it again
ONCE_MORE_AFTER = timedelta(seconds=60)
#: reports come within seconds; after this the provider is asked
REPORT_WITHIN = timedelta(minutes=2)

_S = MessageState
#: it may be at the provider, or on its way there: nobody knows its provider's id yet
_ON_ITS_WAY = frozenset({_S.PENDING, _S.LEASED, _S.UNCERTAIN})


def learn(tx: Tx, row: Message, receipt: Receipt) -> None:
    """Note what the provider has of a message; what it says of an earlier state changes nothing.

    A message that was sent once more has another id there than the first time: what comes late
    about the first counts if it was delivered after all, and else is history.
    """
    if row.state in _ON_ITS_WAY:
        is_of_before = row.provider_id == receipt.provider_id
    else:
        is_of_before = row.provider_id not in {None, receipt.provider_id}
    if is_of_before and receipt.state is not _S.DELIVERED:
        return
    if receipt.price_micros is not None:
        row.price_micros, row.currency = receipt.price_micros, receipt.currency
        tx.session.add(row)
    if supersedes(receipt.state, row.state):
        row.provider_id = receipt.provider_id
        enter(tx, row, receipt.state, receipt.error_code)


def enter(tx: Tx, row: Message, state: MessageState, error_code: str | None) -> None:
    """Move a locked row to a state that the provider is the source of."""
    remedy = remedy_of(error_code)
    row.error_code, row.changed_at = error_code, tx.now
    row.lease_owner = row.lease_until = None
    tx.session.add(row)
    if state in LOST and remedy is Remedy.ONCE_MORE and not row.second_try:
        row.second_try, row.state = True, _S.PENDING
        row.due_at = tx.now + ONCE_MORE_AFTER
        return
    row.state = state
    row.due_at = tx.now + REPORT_WITHIN
    if row.accepted_at is None and row.provider_id is not None:
        row.accepted_at = tx.now
    if state is _S.DELIVERED:
        row.delivered_at = tx.now
    if remedy is Remedy.OPTED_OUT:
        phone_is_deaf(tx, row.recipient)
    if state in LOST:
        tell_lost(tx, row)


def status_report(
    tx: Tx,
    provider_id: str,
    state: MessageState,
    error_code: str | None,
    message_id: UUID | None = None,
) -> bool:
    """What the provider reports later; False when it is about nothing of ours.

    ``message_id`` is ours, which the address of the report carries: a report may come before the
    provider's id was noted, or after the process that would have noted it died.
    """
    query = select(Message).with_for_update()
    if message_id is not None:
        row = tx.session.exec(query.where(col(Message.id) == message_id)).first()
    else:
        row = tx.session.exec(query.where(col(Message.provider_id) == provider_id)).first()
    if row is None or not provider_id:
        return False
    learn(tx, row, Receipt(provider_id, state, error_code))
    return True


def tell_lost(tx: Tx, message: Message) -> None:
    """A message that reached nobody is told on the screens, once: somebody has to call."""
    service = message.service or tx.network.coordinator
    if message.alert_id is not None:
        if escalation.goes_on(tx, message.alert_id):
            return
        # an alert stands on its service's screens, which nobody may be looking at: the coordinator
        # is called. The coordinator's own lost alerts have nobody above them
        if service == tx.network.coordinator:
            return
        service = tx.network.coordinator
    request = tx.session.get(Request, message.request_id) if message.request_id else None
    raise_alert(
        tx,
        AlertKind.MESSAGE_FAILED,
        service,
        request,
        unit_id=message.unit_id,
        side=message.side,
        occasion=f"message:{message.id}",
    )
