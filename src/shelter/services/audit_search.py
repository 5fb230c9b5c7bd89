"""The audit log on a screen: searched, verified and exported by a coordinator, on record.

An entry holds identifiers, codes and counts: no note, no address, no number was ever written into
one, so there is nothing to open here. What two-sided people look at belongs to the victim side.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import col, select

from shelter.db.tables import AuditEntry
from shelter.domain.errors import Conflict, FieldProblem, Invalid, NotAllowed
from shelter.domain.rota import local_instant
from shelter.domain.sides import Role, Side
from shelter.services import audit_chain
from shelter.services.audit import End
from shelter.services.audit_chain import ChainReport
from shelter.services.context import Shelter, Tx
from shelter.services.looks import ONE_LOOK

LOOK = "audit.look"
EXPORT = "audit.export"
VERIFY = "audit.verify"
#: what an entry may be about: the word before the colon of its subject
SUBJECTS = (
    *("alert", "audit", "boundaries", "break_glass", "case", "duty_sheet", "key", "login"),
    *("message", "network"),
    *("order", "override", "phone", "placement", "request", "retention", "service", "shift"),
    *("site", "swap", "unit", "user"),
)
#: days that a search shows where none are named
USUAL = timedelta(days=7)
LONGEST = timedelta(days=366)
#: lines that one export holds
MOST = 20_000


@dataclass(frozen=True, slots=True)
class Search:
    """Which entries; an empty part narrows nothing. Both days are in it."""

    first: date
    last: date
    who: str = ""
    action: str = ""
    subject: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """An entry as it may be shown."""

    seq: int
    at: datetime
    #: None: the system itself
    who: str | None
    side: Side | None
    action: str
    #: the kind of what it is about, and which one; None where that would link two sides of a case
    kind: str
    which: str | None
    request_id: UUID | None
    detail: str


@dataclass(frozen=True, slots=True)
class Verified:
    """The last time that somebody verified the chain from the screen."""

    at: datetime
    who: str
    seq: int
    broken_at: int | None


@dataclass(frozen=True, slots=True)
class Chain:
    start: End
    end: End
    verified: Verified | None
    #: the last day on which the end was noted elsewhere; None: it is not noted
    noted_on: date | None


def usual(tx: Tx) -> Search:
    today = tx.now.astimezone(tx.network.timezone).date()
    return Search(today - USUAL + timedelta(days=1), today)


def search(tx: Tx, wanted: Search, *, before: int | None = None, limit: int = 50) -> Sequence[Line]:
    """Entries, newest first, before the entry ``before``. That somebody looks is noted, too."""
    _coordinator(tx)
    query = _query(tx, wanted)
    if before is not None:
        query = query.where(col(AuditEntry.seq) < before)
    rows = tx.session.exec(query.order_by(col(AuditEntry.seq).desc()).limit(limit)).all()
    _note_look(tx)
    return [_line(row) for row in rows]


def export(tx: Tx, wanted: Search) -> Sequence[Line]:
    """All entries of a search, oldest first; every export is noted with its days.

    Raises Conflict when there are more than one file should hold.
    """
    _coordinator(tx)
    query = _query(tx, wanted).order_by(col(AuditEntry.seq)).limit(MOST + 1)
    rows = tx.session.exec(query).all()
    if len(rows) > MOST:
        raise Conflict("audit_too_much", most=MOST)
    tx.record(
        EXPORT,
        "audit",
        side=Side.VICTIMS,
        lines=len(rows),
        first=wanted.first.isoformat(),
        last=wanted.last.isoformat(),
    )
    return [_line(row) for row in rows]


def chain(tx: Tx) -> Chain:
    _coordinator(tx)
    start, end = audit_chain.ends(tx.session)
    query = select(AuditEntry).where(col(AuditEntry.action) == VERIFY)
    row = tx.session.exec(query.order_by(col(AuditEntry.seq).desc()).limit(1)).first()
    verified = None
    if row is not None:
        detail = row.detail
        verified = Verified(row.at, row.actor_name, detail["seq"], detail.get("broken_at"))
    return Chain(start, end, verified, _noted_on(tx.system))


def verify(tx: Tx) -> ChainReport:
    """Walk the whole chain, and the heads noted elsewhere. Writes nothing, so nobody waits for it;
    what was found is noted by ``note_verified``."""
    _coordinator(tx)
    path = tx.system.settings.audit_head_file
    noted = audit_chain.noted_heads(path.read_text()) if path is not None and path.exists() else ()
    return audit_chain.verify_chain(tx.session, noted=noted)


def note_verified(tx: Tx, report: ChainReport) -> None:
    """Put on record that somebody verified the chain, and what they found."""
    _coordinator(tx)
    found: dict[str, Any] = {"seq": report.entries, "head": report.head}
    if report.broken_at is not None:
        found["broken_at"] = report.broken_at
    tx.record(VERIFY, "audit", side=Side.VICTIMS, **found)


def _coordinator(tx: Tx) -> None:
    if tx.actor.role is not Role.COORDINATOR:
        raise NotAllowed("not_allowed")


def _query(tx: Tx, wanted: Search) -> Any:
    if not timedelta() <= wanted.last - wanted.first < LONGEST:
        raise Invalid(FieldProblem("last", "end_after_first"))
    zone = tx.network.timezone
    query = select(AuditEntry).where(
        col(AuditEntry.at) >= local_instant(wanted.first, time(), zone),
        col(AuditEntry.at) < local_instant(wanted.last + timedelta(days=1), time(), zone),
    )
    if wanted.who:
        name = sa.func.lower(col(AuditEntry.actor_name))
        query = query.where(name.contains(wanted.who.lower(), autoescape=True))
    if wanted.action:
        query = query.where(col(AuditEntry.action) == wanted.action)
    if wanted.subject:
        about = col(AuditEntry.subject)
        kind = wanted.subject
        query = query.where(sa.or_(about == kind, about.startswith(f"{kind}:", autoescape=True)))
    return query


def _line(row: AuditEntry) -> Line:
    kind, _, which = row.subject.partition(":")
    # one glass has an entry on each side of its case, with one name: that would be the link
    glass = row.action.startswith("glass.")
    return Line(
        seq=row.seq,
        at=row.at,
        who=None if row.actor_id is None else row.actor_name,
        side=row.side,
        action=row.action,
        kind=kind,
        which=None if glass else which or None,
        request_id=row.request_id,
        detail="" if glass or not row.detail else json.dumps(row.detail, ensure_ascii=False),
    )


def _note_look(tx: Tx) -> None:
    """Once an hour for each person, as any look; an export every time."""
    before = select(AuditEntry.seq).where(
        col(AuditEntry.actor_id) == tx.actor.user_id,
        col(AuditEntry.action) == LOOK,
        col(AuditEntry.at) > tx.now - ONE_LOOK,
    )
    if tx.session.exec(before.limit(1)).first() is None:
        tx.record(LOOK, "audit", side=Side.VICTIMS)


def _noted_on(system: Shelter) -> date | None:
    path = system.settings.audit_head_file
    if path is None or not path.exists():
        return None
    written = path.read_text().splitlines()
    return datetime.fromisoformat(json.loads(written[-1])["at"]).date() if written else None
