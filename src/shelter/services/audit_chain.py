"""Is the audit log whole? Checked in the database, in an export, and against heads noted elsewhere.

Every entry carries the hash of the one before it, so an edit, a deletion, an insertion or a
reordering does not fit where it happened. A cut-off end is missed by the head row, and when that
was edited, too, by a head that somebody noted elsewhere.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TextIO

import sqlalchemy as sa
from sqlmodel import Session

from shelter.db.tables import AuditEntry, AuditHead
from shelter.domain.sides import BOTH_SIDES
from shelter.services.audit import CONTENT, CUT, GENESIS, End, Line, canonical, hash_of, line_of
from shelter.services.context import Shelter, Tx

FORMAT = 1
BEGINNING = End(0, GENESIS)


@dataclass(frozen=True, slots=True)
class ChainReport:
    """``broken_at`` is the first entry that does not fit; None when the chain is whole."""

    #: the number of the last entry that fits
    entries: int
    head: str
    broken_at: int | None
    #: noted heads that lie before the oldest entry that is kept, so that nothing can be said
    too_old: int = 0


def check(
    lines: Iterable[Line],
    start: End,
    end: End | None,
    noted: Sequence[End] = (),
    expected_head: str | None = None,
) -> ChainReport:
    """Walk from ``start`` to ``end``; every noted head must lie on the way.

    A ``start`` that is not the beginning must be what the last recorded cut left.
    """
    at, last_cut = start, BEGINNING
    seen = expected_head in (None, GENESIS, start.hash)
    wanted: dict[int, set[str]] = {}
    for head in noted:
        wanted.setdefault(head.seq, set()).add(head.hash)
    too_old = sum(head.seq < start.seq for head in noted)
    if wanted.get(start.seq, {start.hash}) != {start.hash}:
        return ChainReport(at.seq, at.hash, start.seq + 1, too_old)
    for line in lines:
        expected = at.seq + 1
        if (
            line["seq"] != expected
            or line["previous_hash"] != at.hash
            or hash_of(line) != line["hash"]
            or wanted.get(expected, {line["hash"]}) != {line["hash"]}
        ):
            return ChainReport(at.seq, at.hash, expected, too_old)
        at = End(expected, line["hash"])
        seen = seen or at.hash == expected_head
        if line["action"] == CUT:
            last_cut = End(line["detail"]["seq"], line["detail"]["hash"])
    if start not in (BEGINNING, last_cut):
        return ChainReport(at.seq, at.hash, start.seq + 1, too_old)
    if end not in (None, at) or max(wanted, default=0) > at.seq or not seen:
        return ChainReport(at.seq, at.hash, at.seq + 1, too_old)
    return ChainReport(at.seq, at.hash, None, too_old)


def verify_chain(
    session: Session, *, expected_head: str | None = None, noted: Sequence[End] = ()
) -> ChainReport:
    """Walk the whole log of this database, from the last cut to the head row.

    ``expected_head`` is a hash that was noted without its number: it must be somewhere in the log.
    """
    start, end = ends(session)
    return check(lines(session), start, end, noted, expected_head)


def lines(session: Session) -> Iterator[Line]:
    """The entries in their order. Needs a transaction that was opened for both sides."""
    table: sa.Table = AuditEntry.__table__  # type: ignore[attr-defined]
    with session.connection().execute(
        sa.select(table).order_by(table.c.seq).execution_options(yield_per=1000)
    ) as rows:
        for row in rows:
            yield line_of(row)


def ends(session: Session) -> tuple[End, End]:
    """Where the kept log begins (the last entry that was cut) and where it ends."""
    head = session.get(AuditHead, 1, populate_existing=True)
    if head is None:
        return BEGINNING, BEGINNING
    return End(head.cut_seq, head.cut_hash), End(head.seq, head.hash)


# --- outside the database -----------------------------------------------------------------------


def export(session: Session) -> Iterator[str]:
    """The log as lines of canonical JSON: its beginning, every entry, its end."""
    start, end = ends(session)
    yield canonical({"format": FORMAT, "cut_seq": start.seq, "cut_hash": start.hash})
    for line in lines(session):
        yield canonical(line)
    yield canonical({"entries": end.seq, "head": end.hash})


def write_export(tx: Tx, file: TextIO) -> None:
    """Write the log to a file; that somebody did is in the log from then on."""
    for line in export(tx.session):
        file.write(f"{line}\n")
    tx.record("audit.export", "audit")


def verify_export(
    text: Iterable[str], *, expected_head: str | None = None, noted: Sequence[End] = ()
) -> ChainReport:
    """Check an export without any database. Raises ValueError when it is none."""
    parts = (json.loads(line) for line in text if line.strip())
    first = next(parts, None)
    if not isinstance(first, dict) or first.get("format") != FORMAT:
        raise ValueError("this is no export of the audit log")
    start = End(first["cut_seq"], first["cut_hash"])
    end: End | None = None

    def entries() -> Iterator[Line]:
        nonlocal end
        for part in parts:
            if not isinstance(part, dict) or end is not None:
                raise ValueError("something stands after the end of the export")
            if "seq" not in part:
                end = End(part["entries"], part["head"])
                continue
            if set(part) != {*CONTENT, "hash"}:
                raise ValueError(f"entry {part['seq']} has other fields than an export has")
            yield part

    report = check(entries(), start, None, noted, expected_head)
    if report.broken_at is None and end != End(report.entries, report.head):
        return ChainReport(report.entries, report.head, report.entries + 1, report.too_old)
    return report


def head_line(session: Session, at: datetime) -> str:
    """Where the chain ends now, in one line to be kept somewhere else."""
    _, end = ends(session)
    return canonical({"at": at.isoformat(), "entries": end.seq, "head": end.hash})


def noted_heads(text: str) -> tuple[End, ...]:
    """The heads in a file of such lines. Raises ValueError on anything else."""
    try:
        noted = [json.loads(line) for line in text.splitlines() if line.strip()]
        heads = tuple(End(int(one["entries"]), str(one["head"])) for one in noted)
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError("this file holds no heads of the audit log") from error
    if not heads:
        raise ValueError("this file holds no heads of the audit log")
    return heads


def append_line(path: Path, line: str) -> None:
    """Add a line to a file that nobody else reads."""
    with open(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "a") as file:
        file.write(f"{line}\n")


def note_head_daily(system: Shelter) -> bool:
    """Add today's head to ``SHELTER_AUDIT_HEAD_FILE``, where that is set. Whether it was due."""
    path = system.settings.audit_head_file
    if path is None:
        return False
    now = system.clock.now()
    written = path.read_text().splitlines() if path.exists() else []
    if written and json.loads(written[-1])["at"][:10] == now.isoformat()[:10]:
        return False
    line = system.database.run(
        lambda session: head_line(session, now), read_only=True, sides=BOTH_SIDES
    )
    append_line(path, line)
    return True
