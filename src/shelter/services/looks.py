"""Who looked at what: noted when somebody looks, and told to those who answer for the person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlmodel import col, select

from shelter.db.tables import AuditEntry, PlacementRow, Request, User
from shelter.domain.sides import BOTH_SIDES, Role, Side
from shelter.services import audit
from shelter.services.context import Tx
from shelter.services.intake import readable_request

#: a page that is opened again within this time is one look
ONE_LOOK = timedelta(hours=1)
#: everything that shows something of a person; those that change nothing and those on purpose
LOOKS = audit.PLAIN_LOOKS | {"address.look", "contact.look", "glass.open"}
MOST = 500


@dataclass(frozen=True, slots=True)
class Look:
    """One look, as far as this reader may know who it was."""

    at: datetime
    action: str
    #: None: somebody of another side, told by role and service
    name: str | None
    role: Role | None
    service: str | None


def note(
    tx: Tx, action: str, subject: str, request: Request, *, every_time: bool = False, **detail: Any
) -> None:
    """Record that the actor looks at something of a request: once an hour for each thing.

    A look of two-sided people belongs to the victim side, whatever they look at: when and how
    often they look may depend on victims, and the perpetrator side is not told (SAFETY.md §1).
    """
    if not every_time and _was_noted(tx, action, subject, request.id):
        return
    two_sided = tx.actor.sides == BOTH_SIDES
    tx.record(
        action,
        subject,
        side=Side.VICTIMS if two_sided else request.side,
        request_id=request.id,
        **detail,
    )


def _was_noted(tx: Tx, action: str, subject: str, request_id: UUID) -> bool:
    """Two looks in one moment may both be noted; none is lost."""
    return (
        tx.session.exec(
            select(AuditEntry.seq)
            .where(
                col(AuditEntry.request_id) == request_id,
                col(AuditEntry.actor_id) == tx.actor.user_id,
                col(AuditEntry.action) == action,
                col(AuditEntry.subject) == subject,
                col(AuditEntry.at) > tx.now - ONE_LOOK,
            )
            .limit(1)
        ).first()
        is not None
    )


def request_looked_at(tx: Tx, request: Request) -> None:
    """Somebody opens a request."""
    note(tx, "request.look", f"request:{request.id}", request)


def placement_looked_at(tx: Tx, placement: PlacementRow, request: Request) -> None:
    """Somebody opens a placement."""
    note(tx, "placement.look", f"placement:{placement.id}", request)


def who_looked(tx: Tx, request_id: UUID) -> tuple[Request, Sequence[Look]]:
    """Who looked at a request and its places, newest first; looking at this is a look, too.

    For the workers of its service and for coordinators. The names are those of the reader's own
    side; others are told by role and service. On the perpetrator side nobody is told of the looks
    of two-sided people: such an entry is of the victim side.
    """
    request = readable_request(tx, request_id)
    entries = [
        entry
        for entry in audit.of_request(tx.session, request.id, tx.actor)
        if entry.action in LOOKS
    ][-MOST:]
    people = {
        user.id: user
        for user in tx.session.exec(
            select(User).where(col(User.id).in_({entry.actor_id for entry in entries}))
        )
    }
    looks = []
    for entry in reversed(entries):
        user = people.get(entry.actor_id) if entry.actor_id is not None else None
        theirs = user is not None and _is_of_their_side(tx, user)
        looks.append(
            Look(
                at=entry.at,
                action=entry.action,
                name=entry.actor_name if theirs else None,
                role=user.role if user is not None else None,
                service=user.service if user is not None else None,
            )
        )
    note(tx, "looks.look", f"request:{request.id}", request)
    return request, looks


def _is_of_their_side(tx: Tx, user: User) -> bool:
    return tx.actor.sides == BOTH_SIDES or (user.side is not None and user.side is tx.actor.side)
