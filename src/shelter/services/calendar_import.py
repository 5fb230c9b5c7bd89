"""Bringing a calendar file into a rota: shown first, then applied as it was shown.

An event keeps its UID: brought again it changes its shift, and makes no second one. What is no
longer in the file, of a UID that is, goes. What cannot be is left out, with the reason.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlmodel import col, select

from shelter.db.session import lock_rota
from shelter.db.tables import Shift, User
from shelter.domain.errors import Conflict, Invalid
from shelter.domain.rota import Duty, Span, first_clash
from shelter.services.calendar_file import CalendarEvent, read_calendar, uid_of
from shelter.services.context import Tx
from shelter.services.shifts import (
    ShiftInput,
    add_row,
    check_shift,
    colleagues,
    planned_service,
    remove_row,
    save_changed,
    shifts_between,
    withdraw_swaps,
)


class Change(StrEnum):
    NEW = "new"
    CHANGED = "changed"
    SAME = "same"
    REMOVED = "removed"
    LEFT_OUT = "left_out"


class LeftOut(StrEnum):
    """Why an event is left out."""

    NOBODY = "nobody"  # it names none of the service's logins or mail addresses
    SEVERAL = "several"
    LENGTH = "length"
    SAME_PERSON = "same_person"
    SAME_LINE = "same_line"


@dataclass(frozen=True, slots=True)
class ImportLine:
    change: Change
    span: Span
    line: int
    summary: str
    #: of the person; None while nobody is found
    name: str | None = None
    why: LeftOut | None = None


@dataclass(frozen=True, slots=True)
class ImportPlan:
    service: str
    lines: tuple[ImportLine, ...]
    #: of what would be done: another one means that the rota changed meanwhile
    fingerprint: str

    def count(self, change: Change) -> int:
        return sum(line.change is change for line in self.lines)

    @property
    def changes_anything(self) -> bool:
        return any(
            line.change in {Change.NEW, Change.CHANGED, Change.REMOVED} for line in self.lines
        )


@dataclass(slots=True)
class _Wish:
    """What one event asks for; ``row`` is the shift that it made before."""

    event: CalendarEvent
    row: Shift | None
    user: User | None
    why: LeftOut | None = None

    @property
    def change(self) -> Change:
        if self.why is not None:
            return Change.LEFT_OUT
        if self.row is None:
            return Change.NEW
        return Change.SAME if _duty_of(self.row) == self.duty else Change.CHANGED

    @property
    def duty(self) -> Duty:
        assert self.user is not None
        return Duty(self.user.id, self.event.line, self.event.span)


@dataclass(frozen=True, slots=True)
class _Work:
    wishes: list[_Wish]
    removed: list[Shift]
    plan: ImportPlan


def plan_import(tx: Tx, service: str | None, text: str) -> ImportPlan:
    """What bringing the file in would do. Raises Invalid on a file that cannot be read."""
    return _work(tx, planned_service(tx, service), text).plan


def apply_import(tx: Tx, service: str | None, text: str, fingerprint: str) -> ImportPlan:
    """Do what was shown. Raises Conflict when it would do something else by now."""
    service = planned_service(tx, service)
    lock_rota(tx.session, service)
    work = _work(tx, service, text)
    if work.plan.fingerprint != fingerprint:
        raise Conflict("import_changed")
    for row in work.removed:
        remove_row(tx, row)
    for wish in work.wishes:
        if wish.change is Change.CHANGED and wish.row is not None and wish.user is not None:
            row, duty = wish.row, wish.duty
            withdraw_swaps(tx, row.id)
            row.user_id, row.side, row.line = duty.user_id, wish.user.side, duty.line
            row.starts_at, row.ends_at = duty.span.start, duty.span.end
            save_changed(tx, row)
    for wish in work.wishes:
        if wish.change is Change.NEW and wish.user is not None:
            add_row(tx, service, wish.user, wish.duty, calendar_uid=wish.event.key)
    tx.session.flush()
    return work.plan


def _work(tx: Tx, service: str, text: str) -> _Work:
    people = colleagues(tx, service)
    events = read_calendar(text, tx.now, tx.network.timezone)
    rows = _rows_of(tx, service, {uid_of(event.key) for event in events})
    wishes = [_wish(tx, service, event, rows.get(event.key), people) for event in events]
    wishes = [wish for wish in wishes if not wish.event.cancelled]
    kept = {wish.event.key for wish in wishes}
    removed = [row for key, row in rows.items() if key not in kept]
    _leave_out_clashes(tx, service, wishes, rows)
    names = {user.id: user.name for user in people}
    lines = [
        ImportLine(
            wish.change,
            wish.event.span,
            wish.event.line,
            wish.event.summary,
            wish.user.name if wish.user is not None else None,
            wish.why,
        )
        for wish in wishes
    ] + [
        ImportLine(
            Change.REMOVED,
            Span(row.starts_at, row.ends_at),
            row.line,
            "–",
            names.get(row.user_id, "–"),
        )
        for row in removed
    ]
    lines.sort(key=lambda line: (line.span.start, line.line))
    mark = hashlib.sha256("\n".join(map(repr, lines)).encode()).hexdigest()
    return _Work(wishes, removed, ImportPlan(service, tuple(lines), mark))


def _rows_of(tx: Tx, service: str, uids: set[str]) -> dict[str, Shift]:
    """The shifts that are not over and came from these UIDs, by their key."""
    query = select(Shift).where(
        col(Shift.service) == service,
        col(Shift.calendar_uid).is_not(None),
        col(Shift.ends_at) > tx.now,
    )
    return {
        row.calendar_uid: row
        for row in tx.session.exec(query)
        if row.calendar_uid is not None and uid_of(row.calendar_uid) in uids
    }


def _wish(
    tx: Tx, service: str, event: CalendarEvent, row: Shift | None, people: Sequence[User]
) -> _Wish:
    meant = {
        user.id: user
        for user in people
        if {user.login, (user.mail or user.login).lower()} & event.names
    }
    if len(meant) != 1:
        return _Wish(event, row, None, LeftOut.SEVERAL if meant else LeftOut.NOBODY)
    (user,) = meant.values()
    try:
        check_shift(tx, service, ShiftInput(user.id, event.span.start, event.span.end, event.line))
    except Invalid:
        return _Wish(event, row, user, LeftOut.LENGTH)
    return _Wish(event, row, user)


def _leave_out_clashes(
    tx: Tx, service: str, wishes: list[_Wish], rows: Mapping[str, Shift]
) -> None:
    """Leave out what cannot be beside the rest; the shift that it made before then stays as it is.

    Until nothing clashes: at the latest when all is as it was, which did not.
    """
    if not wishes:
        return
    first = min(wish.event.span.start for wish in wishes)
    last = max(wish.event.span.end for wish in wishes)
    ours = {row.id for row in rows.values()}
    others = [
        _duty_of(row) for row in shifts_between(tx, (service,), first, last) if row.id not in ours
    ]
    again = True
    while again:
        again = False
        fixed = [*others, *_staying(wishes)]
        for wish in wishes:
            if wish.change not in {Change.NEW, Change.CHANGED}:
                continue
            near = [each for each in fixed if each.span.overlaps(wish.event.span)]
            if (found := first_clash(wish.duty, near)) is None:
                fixed.append(wish.duty)
                continue
            wish.why = LeftOut(found[0].value)
            again = again or wish.row is not None


def _staying(wishes: Iterable[_Wish]) -> list[Duty]:
    """What stays as it is: shifts that did not change, and those whose event is left out."""
    return [
        _duty_of(wish.row)
        for wish in wishes
        if wish.row is not None and wish.change in {Change.SAME, Change.LEFT_OUT}
    ]


def _duty_of(row: Shift) -> Duty:
    return Duty(row.user_id, row.line, Span(row.starts_at, row.ends_at))
