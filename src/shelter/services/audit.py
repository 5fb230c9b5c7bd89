"""The audit log: append-only, hash-chained, written in the transaction that it tells about."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col, delete, select

from shelter.db.session import lock_audit_chain
from shelter.db.tables import AuditEntry, AuditHead
from shelter.domain.sides import BOTH_SIDES, Actor, Side, may_depend_on

if TYPE_CHECKING:
    from shelter.services.context import Tx

GENESIS = "0" * 64
CUT = "audit.cut"
#: what an entry's hash is taken over, in this order
CONTENT = (
    "seq",
    "at",
    "actor_id",
    "actor_name",
    "side",
    "action",
    "subject",
    "request_id",
    "detail",
    "previous_hash",
)
#: somebody looked, and changed nothing: told on a page of its own, not in the history
PLAIN_LOOKS = frozenset(
    {"request.look", "history.look", "placement.look", "looks.look", "glass.look"}
)
Line = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Entry:
    action: str
    subject: str
    side: Side | None
    request_id: UUID | None
    detail: dict[str, Any]


@dataclass(frozen=True, slots=True)
class End:
    """A place in the chain: an entry's number and its hash."""

    seq: int
    hash: str


def append(session: Session, at: datetime, actor: Actor, entries: Sequence[Entry]) -> None:
    """Add entries to the chain. Takes the chain's lock, so it comes last in a transaction."""
    lock_audit_chain(session)
    head = session.get(AuditHead, 1, with_for_update=True, populate_existing=True)
    if head is None:
        head = AuditHead(seq=0, hash=GENESIS, cut_hash=GENESIS)
    seq, previous = head.seq, head.hash
    for entry in entries:
        seq += 1
        row = AuditEntry(
            seq=seq,
            at=at,
            actor_id=actor.user_id,
            actor_name=actor.name,
            side=entry.side,
            action=entry.action,
            subject=entry.subject,
            request_id=entry.request_id,
            detail=entry.detail,
            previous_hash=previous,
            hash="",
        )
        row.hash = previous = hash_of(line_of(row))
        session.add(row)
    head.seq, head.hash = seq, previous
    session.add(head)
    session.flush()


def cut_before(tx: Tx, instant: datetime) -> int:
    """Remove the entries that are older than ``instant``; how many. Alone in its transaction.

    What remains can still be verified: the head row keeps the end of what was cut, and an entry
    about the cut says the same. The chain's lock, which comes last, is taken at once.
    """
    if tx.actor.sides != BOTH_SIDES or tx.actor.user_id is not None:
        raise PermissionError("only the system cuts the audit log")
    lock_audit_chain(tx.session)
    head = tx.session.get(AuditHead, 1, with_for_update=True, populate_existing=True)
    if head is None:
        return 0
    kept = tx.session.exec(
        select(sa.func.min(AuditEntry.seq)).where(col(AuditEntry.at) >= instant)
    ).one()
    last = head.seq if kept is None else kept - 1
    if last <= head.cut_seq:
        return 0
    hashed = tx.session.exec(select(AuditEntry.hash).where(col(AuditEntry.seq) == last)).one()
    removed = last - head.cut_seq
    head.cut_seq, head.cut_hash = last, hashed
    tx.session.add(head)
    tx.session.flush()  # the database deletes only what this row says was cut
    tx.session.exec(delete(AuditEntry).where(col(AuditEntry.seq) <= last))
    tx.record(CUT, "audit", seq=last, hash=hashed, removed=removed)
    return removed


def line_of(row: Any) -> dict[str, Any]:
    """An entry as it is hashed and exported: JSON types alone."""
    return {
        "seq": row.seq,
        "at": row.at.isoformat(),
        "actor_id": None if row.actor_id is None else str(row.actor_id),
        "actor_name": row.actor_name,
        "side": row.side.value if row.side else None,
        "action": row.action,
        "subject": row.subject,
        "request_id": None if row.request_id is None else str(row.request_id),
        "detail": row.detail,
        "previous_hash": row.previous_hash,
        "hash": row.hash,
    }


def hash_of(line: Line) -> str:
    """SHA-256 over the entry's content and the hash before it, in canonical JSON."""
    return hashlib.sha256(canonical([line[name] for name in CONTENT]).encode()).hexdigest()


def canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def of_request(session: Session, request_id: UUID, reader: Actor) -> Sequence[AuditEntry]:
    """What is noted about one request that this reader may depend on, oldest first."""
    return session.exec(
        select(AuditEntry)
        .where(
            col(AuditEntry.request_id) == request_id,
            sa.or_(
                col(AuditEntry.side).is_(None),
                col(AuditEntry.side).in_(may_depend_on(reader.sides)),
            ),
        )
        .order_by(col(AuditEntry.seq))
    ).all()


def history(session: Session, request_id: UUID, reader: Actor) -> Sequence[AuditEntry]:
    """What was done about one request, oldest first; the caller has checked who asks.

    To a one-sided reader the alerts of other services are left out: how fast a two-sided person
    answers one may depend on what the other side is doing.
    """
    entries = [
        entry
        for entry in of_request(session, request_id, reader)
        if entry.action not in PLAIN_LOOKS
    ]
    if reader.sides == BOTH_SIDES:
        return entries
    return [
        entry
        for entry in entries
        if not entry.action.startswith("alert.") or entry.detail.get("service") == reader.service
    ]
