"""Purging what is no longer needed, proving what went, and keeping figures without persons.

A side's purge is run as that side, so that when something of perpetrators goes depends on their
data alone. What is live is never touched, whatever the dates: a request that has a place or still
looks for one, and everything that belongs to it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID, uuid4

from sqlmodel import col, select

from shelter.db.session import Database
from shelter.db.tables import AuditEntry, Request
from shelter.domain.retention import Kind
from shelter.domain.sides import SYSTEM, Actor, Role, Side
from shelter.services import audit
from shelter.services.context import Shelter, Tx
from shelter.services.retention_rules import RULES, Due, Rule, remove_requests

#: rows that one transaction removes
BATCH = 200
ALL = 10_000_000


@dataclass(frozen=True, slots=True)
class Purged:
    """One kind of one side: what went in a run, or would go now."""

    kind: Kind
    side: Side | None
    count: int
    oldest: datetime | None
    newest: datetime | None


def run(system: Shelter) -> list[Purged]:
    """Purge everything that is due, free text first. May be killed and run again at any moment.

    Each batch is one transaction: rows, figures and the entry that proves it, or nothing.
    """
    run_id = str(uuid4())
    gone: list[Purged] = []
    for rule, side in _turns():
        batches: list[list[Due]] = []
        while True:
            batch = system.run(_as(side), lambda tx, rule=rule: _one_batch(tx, rule, run_id))  # type: ignore[misc]
            batches.append(batch)
            if len(batch) < BATCH:
                break
        gone.append(_summary(rule.kind, side, [due for each in batches for due in each]))
    cut = system.run(SYSTEM, _cut_audit)
    gone.append(Purged(Kind.AUDIT_ENTRIES, None, cut, None, None))
    if any(each.count for each in gone):
        _forget_free_pages(system.database)
    return [each for each in gone if each.count]


def due_now(system: Shelter) -> list[Purged]:
    """What a run would remove now; nothing is touched."""

    found = [
        _summary(
            rule.kind,
            side,
            system.run(_as(side), lambda tx, rule=rule: _due(tx, rule, ALL), read_only=True),  # type: ignore[misc]
        )
        for rule, side in _turns()
    ]
    return [each for each in found if each.count]


def _turns() -> Iterator[tuple[Rule, Side | None]]:
    for rule in RULES:
        for side in tuple(Side) if rule.by_side else (None,):
            yield rule, side


def _as(side: Side | None) -> Actor:
    """The system, on one side: it finds no row of the perpetrators' but by their own data."""
    return SYSTEM if side is None else replace(SYSTEM, role=Role.ON_CALL, side=side)


def _due(tx: Tx, rule: Rule, most: int) -> list[Due]:
    return rule.due(tx, tx.network.retention.cutoff(rule.kind, tx.now), most)


def _one_batch(tx: Tx, rule: Rule, run_id: str) -> list[Due]:
    batch = _due(tx, rule, BATCH)
    if rule.remove is remove_requests:
        # somebody may just be taking up a request that nobody closed: locked, and looked at again
        found = {UUID(name) for name, _ in batch}
        tx.session.exec(select(Request.id).where(col(Request.id).in_(found)).with_for_update())
        still = set(_due(tx, rule, BATCH))
        batch = [due for due in batch if due in still]
    if not batch:
        return []
    names = sorted(name for name, _ in batch)
    rule.remove(tx, names)
    summary = _summary(rule.kind, tx.actor.side, batch)
    assert summary.oldest is not None
    assert summary.newest is not None
    tx.record(
        "retention.purge",
        f"retention:{rule.kind}",
        side=tx.actor.side,
        run=run_id,
        count=summary.count,
        oldest=summary.oldest.isoformat(),
        newest=summary.newest.isoformat(),
        # whoever has a list of names, from a backup for instance, can check that it was these
        digest=tx.keyring.keyed_hash("\n".join(names)),
    )
    return batch


def _summary(kind: Kind, side: Side | None, due: Sequence[Due]) -> Purged:
    instants = [at for _, at in due]
    return Purged(kind, side, len(due), min(instants, default=None), max(instants, default=None))


def _cut_audit(tx: Tx) -> int:
    before = tx.network.retention.cutoff(Kind.AUDIT_ENTRIES, tx.now)
    oldest = tx.session.exec(
        select(AuditEntry.seq).where(col(AuditEntry.at) < before).limit(1)
    ).first()
    return 0 if oldest is None else audit.cut_before(tx, before)


def _forget_free_pages(database: Database) -> None:
    """On SQLite what was deleted stands on in the write-ahead log until that is emptied."""
    if not database.is_sqlite:
        return
    raw = database.engine.raw_connection()  # outside any transaction, in which it cannot be done
    try:
        cursor = raw.cursor()
        # nobody who is working waits for this: where it cannot be done now, a later run does it
        cursor.execute("PRAGMA busy_timeout=200")
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        cursor.execute("PRAGMA busy_timeout=10000")
    finally:
        raw.close()
