"""The audit log: append-only, hash-chained, written in the transaction that it tells about."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlmodel import Session, col, select

from shelter.db.session import lock_audit_chain
from shelter.db.tables import AuditEntry, AuditHead
from shelter.domain.sides import BOTH_SIDES, Actor, Side

GENESIS = "0" * 64


@dataclass(frozen=True, slots=True)
class Entry:
    action: str
    subject: str
    side: Side | None
    request_id: UUID | None
    detail: dict[str, Any]


def append(session: Session, at: datetime, actor: Actor, entries: Sequence[Entry]) -> None:
    """Add entries to the chain. Takes the chain's lock, so it comes last in a transaction."""
    lock_audit_chain(session)
    head = session.get(AuditHead, 1, with_for_update=True, populate_existing=True)
    if head is None:
        head = AuditHead(seq=0, hash=GENESIS)
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
        row.hash = previous = entry_hash(row)
        session.add(row)
    head.seq, head.hash = seq, previous
    session.add(head)
    session.flush()


def entry_hash(row: AuditEntry) -> str:
    """SHA-256 over the entry's content and the hash before it, in canonical JSON."""
    content = json.dumps(
        [
            row.seq,
            row.at.isoformat(),
            str(row.actor_id),
            row.actor_name,
            row.side.value if row.side else None,
            row.action,
            row.subject,
            str(row.request_id),
            row.detail,
            row.previous_hash,
        ],
        sort_keys=True,
        ensure_ascii=False,
        separators=(",", ":"),
    )
    return hashlib.sha256(content.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class ChainReport:
    """``broken_at`` is the first entry that does not fit; None when the chain is whole."""

    entries: int
    head: str
    broken_at: int | None


def verify_chain(session: Session, *, expected_head: str | None = None) -> ChainReport:
    """Walk the whole log: edits, deletions and reorderings break it where they happened.

    Cutting off the end leaves a whole, shorter chain: give an ``expected_head`` that was noted
    elsewhere, and its absence is reported as broken after the last entry.
    """
    previous, count, seen_head = GENESIS, 0, expected_head in (None, GENESIS)
    with session.exec(
        select(AuditEntry).order_by(col(AuditEntry.seq)).execution_options(yield_per=1000)
    ) as rows:
        for row in rows:
            if row.seq != count + 1 or row.previous_hash != previous or entry_hash(row) != row.hash:
                return ChainReport(count, previous, row.seq)
            count, previous = row.seq, row.hash
            seen_head = seen_head or row.hash == expected_head
    return ChainReport(count, previous, None if seen_head else count + 1)


def history(session: Session, request_id: UUID, reader: Actor) -> Sequence[AuditEntry]:
    """What was done about one request, oldest first; the caller has checked who asks.

    To a one-sided reader the alerts of other services are left out: how fast a two-sided person
    answers one may depend on what the other side is doing.
    """
    entries = session.exec(
        select(AuditEntry)
        .where(col(AuditEntry.request_id) == request_id)
        .order_by(col(AuditEntry.seq))
    ).all()
    if reader.sides == BOTH_SIDES:
        return entries
    return [
        entry
        for entry in entries
        if not entry.action.startswith("alert.") or entry.detail.get("service") == reader.service
    ]
