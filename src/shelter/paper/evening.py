"""The duty sheets of every service, written into a folder each evening.

Somebody prints them, or a printer watches the folder. Each side is a job of its own: neither waits
for the other. The audit log remembers that a sheet was written, so that one that was printed and
taken away is not written again, and two workers write each once.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path

from sqlmodel import col, select

from shelter.db.tables import AuditEntry
from shelter.domain.sides import SYSTEM, Actor, Side
from shelter.paper.duty_sheet import duty_sheet_pdf
from shelter.services import duty_sheets
from shelter.services.context import Shelter, Tx

WRITTEN = "duty_sheet.write"
#: older sheets would be read as if they were true
KEPT_FOR = timedelta(days=2)
_NAME = re.compile(r"shelter-duty-(\d{4}-\d\d-\d\d)-[a-z][a-z0-9-]*\.pdf")
#: stands in every file of ours
_MARK = b"/Creator (Shelter)"


def write_in_the_evening(system: Shelter, side: Side) -> int:
    """The job: one side's sheets that this evening still lacks, for how many."""
    folder = system.settings.duty_sheet_dir
    if folder is None:
        return 0
    now = system.clock.now()
    zone = system.database.run(system.network, read_only=True).timezone
    local = now.astimezone(zone)
    remove_old(folder, local.date())
    begins = datetime.combine(local.date(), time(system.settings.duty_sheet_hour), zone)
    if now < begins:
        return 0
    return len(write_sheets(system, side, folder, since=begins))


def write_sheets(
    system: Shelter, side: Side, folder: Path, *, since: datetime | None = None
) -> list[Path]:
    """The sheets of a side's services; with ``since``, of those that got none since then."""
    everybody = Actor(None, SYSTEM.name, SYSTEM.role, side, None)
    printers = system.run(
        everybody, lambda tx: list(duty_sheets.services_of(tx, side)), read_only=True
    )
    return [
        path for printer in printers if (path := _write(system, printer, folder, since)) is not None
    ]


def remove_old(folder: Path, today: date) -> int:
    """Take away sheets of ours that are older than two days, and nothing else; how many."""
    removed = 0
    for path in _sheets_in(folder):
        named = _NAME.fullmatch(path.name)
        assert named is not None
        if date.fromisoformat(named[1]) < today - KEPT_FOR and _MARK in path.read_bytes():
            path.unlink(missing_ok=True)
            removed += 1
    return removed


def _sheets_in(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        named = _NAME.fullmatch(path.name)
        if named is None or path.is_symlink() or not path.is_file():
            continue
        try:
            date.fromisoformat(named[1])
        except ValueError:
            continue
        yield path


def _write(system: Shelter, printer: Actor, folder: Path, since: datetime | None) -> Path | None:
    """One service's sheet, made before anything is locked; None when somebody was faster."""

    def make(tx: Tx) -> tuple[bytes, str] | None:
        if since is not None and _is_written(tx, since):
            return None
        two_sided = printer.service == tx.network.coordinator
        sheet = duty_sheets.sheet(tx, two_sided=two_sided)
        day = sheet.printed_at.astimezone(sheet.timezone).date()
        which = f"-{sheet.side}" if two_sided else ""
        name = f"shelter-duty-{day}-{printer.service}{which}.pdf"
        return duty_sheet_pdf(sheet, tx.network, printer.language), name

    made = system.run(printer, make, read_only=True)
    if made is None:
        return None
    content, name = made

    def put(tx: Tx) -> Path | None:
        if since is not None and _is_written(tx, since):
            return None
        tx.record(WRITTEN, f"service:{printer.service}", side=printer.side)
        _place(folder / name, content)  # a full disk takes the record back, too
        return folder / name

    return system.run(printer, put)


def _is_written(tx: Tx, since: datetime) -> bool:
    return (
        tx.session.exec(
            select(AuditEntry.seq)
            .where(
                col(AuditEntry.action) == WRITTEN,
                col(AuditEntry.subject) == f"service:{tx.actor.service}",
                col(AuditEntry.side) == tx.actor.side,
                col(AuditEntry.at) >= since,
            )
            .limit(1)
        ).first()
        is not None
    )


def _place(path: Path, content: bytes) -> None:
    """All of it or nothing, for its owner alone: a printer never finds half a sheet."""
    descriptor, name = tempfile.mkstemp(prefix=".shelter-duty-", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise
