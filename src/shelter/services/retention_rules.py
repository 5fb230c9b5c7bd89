"""What is due to be purged of each kind of data, and how it goes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import col, delete, select, update

from shelter.db.tables import (
    Alert,
    AudienceChange,
    BarringOrder,
    IdempotencyKey,
    InboundSeen,
    KnownAddress,
    LocalInboxMessage,
    Message,
    OccupiedNight,
    PlacementRow,
    Request,
    SafeContact,
    SeparationRow,
    Shift,
    SignInStep,
    SignInTries,
    StayRow,
    UserSession,
)
from shelter.domain.messages import MessageState
from shelter.domain.placements import LIVE
from shelter.domain.requests import Outcome, RequestState
from shelter.domain.retention import Kind
from shelter.services import figures
from shelter.services.context import Tx
from shelter.services.person_messages import forget_messages

#: the outbox is not done with these
_UNSETTLED = (MessageState.PENDING, MessageState.LEASED, MessageState.UNCERTAIN)

#: what is due: the row's name, and the instant from which its days were counted
Due = tuple[str, datetime]


@dataclass(frozen=True, slots=True)
class Rule:
    """How one kind of data goes. ``due`` finds at most so many, ``remove`` takes these away."""

    kind: Kind
    #: purged side by side; else it is of no side
    by_side: bool
    due: Callable[[Tx, datetime, int], list[Due]]
    remove: Callable[[Tx, Sequence[str]], None]


# --- what is due ---------------------------------------------------------------------------------


def _ours(tx: Tx, model: Any) -> sa.ColumnElement[bool]:
    """Rows of the side that is being purged; the victim side could find the others, too."""
    return col(model.side).in_(tx.actor.sides)


def _closed(tx: Tx, before: datetime, *outcomes: sa.ColumnElement[bool]) -> list[Due]:
    rows = tx.session.exec(
        select(Request.id, Request.closed_at)
        .where(
            _ours(tx, Request),
            col(Request.state) == RequestState.CLOSED,
            col(Request.closed_at) < before,
            *outcomes,
        )
        .order_by(col(Request.closed_at), col(Request.id))
    ).all()
    return [(str(row), at) for row, at in rows if at is not None]


def _forgotten(tx: Tx, before: datetime, *narrower: sa.ColumnElement[bool]) -> list[Due]:
    """Requests that nobody closed, whose nights are over since before ``before``."""
    rows = tx.session.exec(
        select(Request).where(
            _ours(tx, Request),
            col(Request.state) == RequestState.OPEN,
            col(Request.first_night) < before.date(),
            *narrower,
        )
    ).all()
    ended = [(str(row.id), _start_of(row.first_night + timedelta(days=row.nights))) for row in rows]
    return sorted(((row, at) for row, at in ended if at < before), key=lambda due: (due[1], due[0]))


def _start_of(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _notes_due(tx: Tx, before: datetime, most: int) -> list[Due]:
    noted = col(Request.note).is_not(None)
    return (_closed(tx, before, noted) + _forgotten(tx, before, noted))[:most]


def _with_stay_due(tx: Tx, before: datetime, most: int) -> list[Due]:
    return _closed(tx, before, col(Request.outcome) == Outcome.HOUSED)[:most]


def _without_stay_due(tx: Tx, before: datetime, most: int) -> list[Due]:
    without = sa.or_(col(Request.outcome).is_(None), col(Request.outcome) != Outcome.HOUSED)
    return (_closed(tx, before, without) + _forgotten(tx, before))[:most]


def _of_closed_request(model: Any) -> sa.ColumnElement[bool]:
    """Whether no request that is still worked on needs this row."""
    return ~(
        sa.exists()
        .where(col(Request.id) == model.request_id, col(Request.state) != RequestState.CLOSED)
        .correlate(model)
    )


def _placements_due(tx: Tx, before: datetime, most: int) -> list[Due]:
    ended = sa.func.coalesce(col(PlacementRow.ended_at), col(PlacementRow.hold_expires_at))
    rows = tx.session.exec(
        select(PlacementRow)
        .where(
            _ours(tx, PlacementRow),
            col(PlacementRow.state).not_in(LIVE),
            ended < before,
            _of_closed_request(PlacementRow),
        )
        .order_by(ended, col(PlacementRow.id))
        .limit(most)
    ).all()
    return [(str(row.id), row.ended_at or row.hold_expires_at) for row in rows]


def _safe_contacts_due(tx: Tx, before: datetime, most: int) -> list[Due]:
    rows = tx.session.exec(
        select(SafeContact.id, Request.closed_at)
        .join(Request, col(Request.id) == SafeContact.request_id)
        .where(
            _ours(tx, SafeContact),
            col(Request.state) == RequestState.CLOSED,
            col(Request.closed_at) < before,
        )
        .order_by(col(Request.closed_at), col(SafeContact.id))
        .limit(most)
    ).all()
    return [(str(row), at) for row, at in rows if at is not None]


def _separations_due(tx: Tx, before: datetime, most: int) -> list[Due]:
    rows = tx.session.exec(
        select(SeparationRow.id, Request.closed_at)
        .join(Request, col(Request.id) == SeparationRow.request_id)
        .where(
            _ours(tx, SeparationRow),
            col(Request.state) == RequestState.CLOSED,
            col(Request.closed_at) < before,
        )
        .order_by(col(Request.closed_at), col(SeparationRow.id))
        .limit(most)
    ).all()
    return [(str(row), at) for row, at in rows if at is not None]


def _known_addresses_due(tx: Tx, before: datetime, most: int) -> list[Due]:
    rows = tx.session.exec(
        select(KnownAddress)
        .where(
            _ours(tx, KnownAddress),
            col(KnownAddress.last_night) < before.date(),
            # a live placement keeps what is known of its site, however long it lasts
            ~sa.exists().where(
                col(PlacementRow.id) == KnownAddress.placement_id,
                col(PlacementRow.state).in_(LIVE),
            ),
        )
        .order_by(col(KnownAddress.last_night), col(KnownAddress.id))
        .limit(most)
    ).all()
    return [(str(row.id), _start_of(row.last_night)) for row in rows]


def _older(
    name: Any,
    at: Any,
    *narrower: Callable[[Tx], sa.ColumnElement[bool]],
) -> Callable[[Tx, datetime, int], list[Due]]:
    def due(tx: Tx, before: datetime, most: int) -> list[Due]:
        rows = tx.session.execute(
            sa.select(name, at)
            .where(at < before, *(each(tx) for each in narrower))
            .order_by(at, name)
            .limit(most)
        ).all()
        return [(str(row), instant) for row, instant in rows]

    return due


# --- how it goes ---------------------------------------------------------------------------------


def _identifiers(names: Sequence[str]) -> list[UUID]:
    return [UUID(name) for name in names]


def _rows_of(model: Any) -> Callable[[Tx, Sequence[str]], None]:
    def remove(tx: Tx, names: Sequence[str]) -> None:
        tx.session.exec(delete(model).where(col(model.id).in_(_identifiers(names))))

    return remove


def _named_rows_of(model: Any, name: Any) -> Callable[[Tx, Sequence[str]], None]:
    def remove(tx: Tx, names: Sequence[str]) -> None:
        tx.session.exec(delete(model).where(col(name).in_(names)))

    return remove


def remove_notes(tx: Tx, names: Sequence[str]) -> None:
    tx.session.exec(
        update(Request).where(col(Request.id).in_(_identifiers(names))).values(note=None)
    )


def remove_contacts(tx: Tx, names: Sequence[str]) -> None:
    """With the numbers in the messages that went there."""
    contacts = _identifiers(names)
    requests = tx.session.exec(
        select(SafeContact.request_id).where(col(SafeContact.id).in_(contacts))
    ).all()
    forget_messages(tx, requests)
    tx.session.exec(delete(SafeContact).where(col(SafeContact.id).in_(contacts)))


def remove_placements(tx: Tx, names: Sequence[str]) -> None:
    """With their stays and nights; the nights that were slept go into the figures."""
    figures.keep_nights(tx, _identifiers(names))
    _drop_placements(tx, _identifiers(names))


def _drop_placements(tx: Tx, placements: Sequence[UUID]) -> None:
    stays = list(
        tx.session.exec(select(StayRow.id).where(col(StayRow.placement_id).in_(placements)))
    )
    tx.session.exec(delete(OccupiedNight).where(col(OccupiedNight.stay_id).in_(stays)))
    tx.session.exec(delete(StayRow).where(col(StayRow.id).in_(stays)))
    tx.session.exec(delete(PlacementRow).where(col(PlacementRow.id).in_(placements)))


def remove_requests(tx: Tx, names: Sequence[str]) -> None:
    """With everything that belongs to them; what is left of them are figures."""
    requests = _identifiers(names)
    placements = list(
        tx.session.exec(select(PlacementRow.id).where(col(PlacementRow.request_id).in_(requests)))
    )
    figures.keep_nights(tx, placements)
    figures.keep_requests(tx, requests)
    _drop_placements(tx, placements)
    # safe contacts, steps of alerts and what two-sided people decided go along (ON DELETE CASCADE)
    for model in (Message, Alert, SeparationRow):
        tx.session.exec(delete(model).where(col(model.request_id).in_(requests)))
    tx.session.exec(delete(Request).where(col(Request.id).in_(requests)))


#: in this order: free text first, what belongs to something before that
RULES: tuple[Rule, ...] = (
    Rule(Kind.NOTES, True, _notes_due, remove_notes),
    Rule(Kind.SAFE_CONTACTS, True, _safe_contacts_due, remove_contacts),
    Rule(
        Kind.MESSAGES,
        True,
        _older(
            col(Message.id),
            col(Message.created_at),
            lambda tx: _ours(tx, Message),
            lambda _tx: col(Message.state).not_in(_UNSETTLED),
            lambda _tx: _of_closed_request(Message),
        ),
        _rows_of(Message),
    ),
    Rule(
        Kind.ALERTS,
        True,
        _older(
            col(Alert.id),
            col(Alert.created_at),
            lambda tx: _ours(tx, Alert),
            lambda _tx: _of_closed_request(Alert),
        ),
        _rows_of(Alert),
    ),
    Rule(Kind.SEPARATIONS, True, _separations_due, _rows_of(SeparationRow)),
    Rule(Kind.PLACEMENTS, True, _placements_due, remove_placements),
    Rule(Kind.REQUESTS_WITHOUT_STAY, True, _without_stay_due, remove_requests),
    Rule(Kind.REQUESTS_WITH_STAY, True, _with_stay_due, remove_requests),
    Rule(Kind.KNOWN_ADDRESSES, True, _known_addresses_due, _rows_of(KnownAddress)),
    Rule(
        Kind.BARRING_ORDERS,
        True,
        _older(
            col(BarringOrder.id),
            col(BarringOrder.closed_at),
            lambda tx: _ours(tx, BarringOrder),
        ),
        _rows_of(BarringOrder),
    ),
    Rule(
        Kind.SHIFTS,
        False,
        _older(col(Shift.id), col(Shift.ends_at)),
        _rows_of(Shift),
    ),
    Rule(
        Kind.AUDIENCE_CHANGES,
        False,
        _older(col(AudienceChange.id), col(AudienceChange.decided_at)),
        _rows_of(AudienceChange),
    ),
    Rule(
        Kind.INBOUND_MESSAGES,
        False,
        _older(col(InboundSeen.provider_id), col(InboundSeen.at)),
        _named_rows_of(InboundSeen, InboundSeen.provider_id),
    ),
    Rule(
        Kind.INBOUND_MESSAGES,
        False,
        _older(col(LocalInboxMessage.id), col(LocalInboxMessage.received_at)),
        _rows_of(LocalInboxMessage),
    ),
    Rule(
        Kind.IDEMPOTENCY_KEYS,
        False,
        _older(col(IdempotencyKey.id), col(IdempotencyKey.created_at)),
        _rows_of(IdempotencyKey),
    ),
    Rule(
        Kind.SESSIONS,
        False,
        _older(col(UserSession.token_hash), col(UserSession.expires_at)),
        _named_rows_of(UserSession, UserSession.token_hash),
    ),
    Rule(
        Kind.SESSIONS,
        False,
        _older(col(SignInStep.token_hash), col(SignInStep.expires_at)),
        _named_rows_of(SignInStep, SignInStep.token_hash),
    ),
    Rule(
        Kind.SIGN_IN_GUESSES,
        False,
        _older(
            col(SignInTries.key),
            col(SignInTries.last_at),
            lambda tx: col(SignInTries.next_at) < tx.now,
        ),
        _named_rows_of(SignInTries, SignInTries.key),
    ),
)

#: every table that holds something about a person, and the kind that it goes with
KIND_OF: dict[str, Kind] = {
    "request": Kind.REQUESTS_WITH_STAY,
    "separation": Kind.SEPARATIONS,
    "placement": Kind.PLACEMENTS,
    "stay": Kind.PLACEMENTS,
    "occupied_night": Kind.PLACEMENTS,
    "message": Kind.MESSAGES,
    "alert": Kind.ALERTS,
    "alert_step": Kind.ALERTS,
    "safe_contact": Kind.SAFE_CONTACTS,
    "barring_order": Kind.BARRING_ORDERS,
    "shift": Kind.SHIFTS,
    "shift_swap": Kind.SHIFTS,
    "break_glass": Kind.REQUESTS_WITH_STAY,
    "override": Kind.REQUESTS_WITH_STAY,
    "known_address": Kind.KNOWN_ADDRESSES,
    "audience_change": Kind.AUDIENCE_CHANGES,
    "inbound_seen": Kind.INBOUND_MESSAGES,
    "local_inbox": Kind.INBOUND_MESSAGES,
    "idempotency_key": Kind.IDEMPOTENCY_KEYS,
    "user_session": Kind.SESSIONS,
    "sign_in_step": Kind.SESSIONS,
    "sign_in_tries": Kind.SIGN_IN_GUESSES,
    "audit_entry": Kind.AUDIT_ENTRIES,
}
#: tables that no purge touches, and why
KEPT: dict[str, str] = {
    "network": "the network file",
    "service": "duty phones of services",
    "site": "places, as long as the network has them",
    "unit": "places, as long as the network has them",
    "block": "nights in which a unit is closed; names a colleague's account alone",
    "figure": "figures without persons",
    "audit_head": "the two ends of the audit log",
    "deaf_phone": "numbers of services that opted out, until they opt in",
    "calendar_feed": "goes with its account",
    "app_user": "accounts, until an administrator removes them",
    "passkey": "goes with its account",
    "recovery_code": "goes with its account",
    "linked_identity": "goes with its account",
}
