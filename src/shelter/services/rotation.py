"""Putting everything that is encrypted under the current key, while people work.

What is to be done is stored nowhere: it is every value that names another key. So a rotation that
was killed goes on where it was, and two at once do each value once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from shelter.db.key_file import KeyText
from shelter.db.keys import KeyProblem, Keyring, key_id_of, key_prefix
from shelter.db.sealed import SEALED, SealedColumn
from shelter.db.session import Database
from shelter.domain.sides import BOTH_SIDES, SYSTEM
from shelter.services.context import Shelter, Tx

#: values that one transaction rewrites: a few milliseconds in which their rows are locked
BATCH = 200
#: over everything again, for values that were locked or written under the old key meanwhile
ROUNDS = 100

Value = tuple[UUID, bytes]
#: row, what was read, what it becomes
Change = tuple[UUID, bytes, bytes]


@dataclass(frozen=True, slots=True)
class Rotated:
    """What a rotation did."""

    key_id: str
    #: values that are now under ``key_id`` and were not
    values: int
    #: values that somebody else changed in between; they were looked at again
    overtaken: int
    #: values that no key opens, by table, column and row; they stay as they are
    unreadable: tuple[str, ...]


def rotate(system: Shelter, *, tell: Callable[[int], None] = lambda _done: None) -> Rotated:
    """Encrypt everything anew that is not under the current key. May be killed and run again.

    Nobody waits longer than for one small batch: values are read without a lock, encrypted outside
    any transaction, and written only over what was read.
    """
    ring = system.keyring.fresh()
    done = overtaken = 0
    unreadable: dict[str, None] = {}
    for _ in range(ROUNDS):
        left = 0
        unreadable.clear()
        for column in SEALED:
            for batch in _not_under(system.database, column, ring.current):
                changes = []
                for value in batch:
                    try:
                        changes.append((*value, _resealed(ring, column, value)))
                    except KeyProblem as error:
                        unreadable[str(error)] = None
                written = system.database.run(
                    partial(_write, column=column, changes=changes), sides=BOTH_SIDES
                )
                done += written
                left += len(changes) - written
                tell(done)
        overtaken += left
        if not left:
            break
    else:
        raise KeyProblem("some values kept changing; run `shelter keys rotate` again")
    if done:
        system.run(SYSTEM, lambda tx: tx.record("keys.rotate", f"key:{ring.current}", values=done))
    return Rotated(ring.current, done, overtaken, tuple(unreadable))


def _not_under(database: Database, column: SealedColumn, key_id: str) -> Iterator[Sequence[Value]]:
    """Batches of the values that name another key, each read as it is when its turn comes."""
    table, last = column.table, None
    while True:
        query = (
            sa.select(table.c.id, table.c[column.column])
            .where(_other_key(column, key_id))
            .order_by(table.c.id)
            .limit(BATCH)
        )
        if last is not None:
            query = query.where(table.c.id > last)
        batch = database.run(
            lambda session, query=query: [  # type: ignore[misc]
                (row[0], row[1]) for row in session.connection().execute(query)
            ],
            read_only=True,
            sides=BOTH_SIDES,
        )
        if not batch:
            return
        yield batch
        last = batch[-1][0]


def _other_key(column: SealedColumn, key_id: str) -> sa.ColumnElement[bool]:
    prefix, value = key_prefix(key_id), column.table.c[column.column]
    # an empty value was never encrypted: a site is written before its place is known
    return sa.and_(
        value.is_not(None),
        sa.func.length(value) > 0,
        sa.func.substr(value, 1, len(prefix), type_=sa.LargeBinary) != prefix,
    )


def _resealed(ring: Keyring, column: SealedColumn, value: Value) -> bytes:
    row, sealed = value
    plain = ring.decrypt(column.table.name, row, column.column, sealed)
    return ring.encrypt(column.table.name, row, column.column, plain)


def _write(session: Session, *, column: SealedColumn, changes: Sequence[Change]) -> int:
    """Write each value over the one that it was made from; returns how many.

    Rows that somebody is working on are left for the next round: waiting for them while holding
    others would be half of a deadlock.
    """
    table = column.table
    connection = session.connection()
    now = {
        row[0]: row[1]
        for row in connection.execute(
            sa.select(table.c.id, table.c[column.column])
            .where(table.c.id.in_([row for row, _, _ in changes]))
            .with_for_update(skip_locked=True)
        )
    }
    due = [
        {"row": row, "new": new}
        for row, read, new in changes
        if row in now and _unchanged(read, now[row])
    ]
    if due:
        change = sa.update(table).where(table.c.id == sa.bindparam("row"))
        connection.execute(change.values({column.column: sa.bindparam("new")}), due)
    return len(due)


def _unchanged(read: bytes, now: bytes | None) -> bool:
    """Whether what was read still stands there: an edit in between is never overwritten."""
    return read == now


def use_of_keys(session: Session, ring: Keyring) -> dict[str, Counter[str]]:
    """How many values of each encrypted column each key opens; "" counts those that none does."""
    found: dict[str, Counter[str]] = {}
    for column in SEALED:
        value = column.table.c[column.column]
        counts: Counter[str] = Counter()
        longest = max(len(key_prefix(key_id)) for key_id in ring.keys)
        start = sa.func.substr(value, 1, longest, type_=sa.LargeBinary)
        query = sa.select(start, sa.func.count()).where(value.is_not(None)).group_by(start)
        # grouped by more bytes than a short name has, so several groups may be one key's
        for prefix, count in session.connection().execute(query):
            key_id = key_id_of(bytes(prefix))
            if prefix:
                counts[key_id if key_id in ring.keys else ""] += count
        found[column.name] = counts
    return found


def refuse_to_retire(tx: Tx, keys: KeyText, key_id: str) -> None:
    """Raise KeyProblem while anything, or a backup that is still kept, needs this key."""
    ring = keys.ring("the keys")
    keys.without(key_id)  # refuses the current key and one that is not there
    in_use = sum(counts[key_id] for counts in use_of_keys(tx.session, ring).values())
    if in_use:
        raise KeyProblem(f"{in_use} values are under {key_id}; run `shelter keys rotate`")
    last = keys.last_current(key_id)
    if last is None:
        return  # it was never current: nothing was encrypted with it
    kept = timedelta(days=tx.network.retention.backups)
    if tx.now < last + kept:
        raise KeyProblem(
            f"{key_id} was current until {last:%Y-%m-%d}, and backups are kept for {kept.days} days"
            f": a backup may need it until {last + kept:%Y-%m-%d}"
        )
