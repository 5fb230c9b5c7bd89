"""Writing a rota: adding, changing, removing, repeating and copying shifts of one service."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import col, select

from shelter.db.session import lock_rota
from shelter.db.tables import Shift, ShiftSwap, User
from shelter.domain.errors import Conflict, FieldProblem, Invalid, NotAllowed, Stale
from shelter.domain.rota import (
    HORIZON,
    LINES,
    LONGEST,
    SHORTEST,
    Clash,
    Duty,
    Span,
    SwapState,
    first_clash,
    local_instant,
    moved_by_days,
    weekly,
)
from shelter.domain.sides import Role
from shelter.services.context import Tx, found

#: who writes rotas: a coordinator all, the others their own service's
PLANNERS = frozenset({Role.ON_CALL, Role.COMMUNE_STAFF, Role.SAPV, Role.COORDINATOR})


@dataclass(frozen=True, slots=True)
class ShiftInput:
    user_id: UUID
    starts_at: datetime
    ends_at: datetime
    line: int = 1

    @property
    def span(self) -> Span:
        return Span(self.starts_at, self.ends_at)


@dataclass(frozen=True, slots=True)
class ShiftView:
    shift: Shift
    #: of the person who is on duty
    name: str
    #: the reader is that person
    mine: bool


@dataclass(frozen=True, slots=True)
class Copied:
    """What was copied, and how many shifts were left out because somebody is there already."""

    shifts: list[Shift]
    left_out: int


def planned_service(tx: Tx, service: str | None = None) -> str:
    """The service whose rota is meant: one's own, or for a coordinator any. Raises NotFound."""
    actor = tx.actor
    if actor.role not in PLANNERS or actor.service is None:
        raise NotAllowed("not_allowed")
    if service is None or service == actor.service:
        return actor.service
    known = any(each.key == service for each in tx.network.services)
    return str(found(service if actor.role is Role.COORDINATOR and known else None, "service"))


def colleagues(tx: Tx, service: str) -> Sequence[User]:
    """Who may be on duty for a service, by name."""
    query = select(User).where(col(User.service) == service, col(User.active).is_(True))
    return tx.session.exec(query.order_by(col(User.name), col(User.id))).all()


def shifts_between(
    tx: Tx, services: Collection[str], start: datetime, end: datetime
) -> Sequence[Shift]:
    """The shifts of these services that touch [start, end), in order."""
    query = select(Shift).where(
        col(Shift.service).in_(services),
        _of_readers_sides(tx),
        col(Shift.starts_at) < end,
        col(Shift.ends_at) > start,
    )
    return tx.session.exec(
        query.order_by(col(Shift.starts_at), col(Shift.line), col(Shift.id))
    ).all()


def viewed(tx: Tx, rows: Sequence[Shift]) -> list[ShiftView]:
    query = select(User.id, User.name).where(col(User.id).in_({row.user_id for row in rows}))
    names = dict(tx.session.exec(query).all())
    return [
        ShiftView(row, names.get(row.user_id, "–"), row.user_id == tx.actor.user_id) for row in rows
    ]


def planned_shift(tx: Tx, shift_id: UUID, *, locked: bool = False) -> Shift:
    """A shift that the actor may change; ``locked`` with its whole rota. Raises NotFound."""
    query = select(Shift).where(col(Shift.id) == shift_id, _of_readers_sides(tx))
    shift: Shift = found(tx.session.exec(query).first(), "shift")
    try:
        planned_service(tx, shift.service)
    except NotAllowed:
        found(None, "shift")
    if locked:
        lock_rota(tx.session, shift.service)
        again = query.with_for_update().execution_options(populate_existing=True)
        shift = found(tx.session.exec(again).first(), "shift")
    return shift


def add_shift(
    tx: Tx, service: str, given: ShiftInput, *, repeat_until: date | None = None
) -> list[Shift]:
    """Put somebody on duty, once or at the same local hours every week until a day.

    All of it or nothing. Raises Invalid, and Conflict naming the shift that is in the way.
    """
    service = planned_service(tx, service)
    lock_rota(tx.session, service)
    user = check_shift(tx, service, given)
    spans = [given.span]
    if repeat_until is not None:
        _check_repeat(tx, given, repeat_until)
        spans = list(weekly(given.span, repeat_until, tx.network.timezone))
    added = []
    for span in spans:
        check_shift(tx, service, ShiftInput(user.id, span.start, span.end, given.line))
        duty = Duty(user.id, given.line, span)
        refuse_clash(tx, service, duty)
        added.append(add_row(tx, service, user, duty))
    tx.session.flush()
    return added


def edit_shift(tx: Tx, shift_id: UUID, given: ShiftInput, version: int) -> Shift:
    """Change a shift that is not over. What was asked of colleagues about it is taken back."""
    shift = planned_shift(tx, shift_id, locked=True)
    if shift.version != version:
        raise Stale("stale")
    refuse_over(tx, shift)
    user = check_shift(tx, shift.service, given)
    refuse_clash(tx, shift.service, Duty(user.id, given.line, given.span), but=shift.id)
    withdraw_swaps(tx, shift.id)
    shift.user_id, shift.side, shift.line = user.id, user.side, given.line
    shift.starts_at, shift.ends_at = given.starts_at, given.ends_at
    save_changed(tx, shift)
    return shift


def remove_shift(tx: Tx, shift_id: UUID, version: int) -> None:
    """Take a shift that is not over out of the rota; nobody takes its place."""
    shift = planned_shift(tx, shift_id, locked=True)
    if shift.version != version:
        raise Stale("stale")
    refuse_over(tx, shift)
    remove_row(tx, shift)


def copy_week(tx: Tx, service: str, monday: date) -> Copied:
    """Fill a week as the one before it, at the same local hours, where nobody is there yet.

    Raises Conflict when nothing could be copied.
    """
    service = planned_service(tx, service)
    lock_rota(tx.session, service)
    if not tx.now - timedelta(days=7) <= local_instant(monday, time(), tx.network.timezone):
        raise Invalid(FieldProblem("week", "shift_past"))
    if local_instant(monday, time(), tx.network.timezone) > tx.now + HORIZON:
        raise Invalid(FieldProblem("week", "shift_far"))
    there = {user.id: user for user in colleagues(tx, service)}
    added, left_out = [], 0
    for shift in _begun_in_week(tx, service, monday - timedelta(days=7)):
        user = there.get(shift.user_id)
        span = moved_by_days(Span(shift.starts_at, shift.ends_at), 7, tx.network.timezone)
        if user is None or span.end <= tx.now or span.end - span.start < SHORTEST:
            left_out += 1
            continue
        duty = Duty(user.id, shift.line, span)
        if _clash(tx, service, duty) is not None:
            left_out += 1
            continue
        added.append(add_row(tx, service, user, duty))
    if not added:
        raise Conflict("nothing_to_copy")
    tx.session.flush()
    return Copied(added, left_out)


# --- what every change of a rota does -------------------------------------------------------------


def check_shift(tx: Tx, service: str, given: ShiftInput) -> User:
    """The person, when the shift can be at all. Raises Invalid with every wrong field."""
    problems = []
    if given.line not in LINES:
        problems.append(FieldProblem("line", "choice"))
    user = tx.session.get(User, given.user_id)
    if user is None or not user.active or user.service != service:
        problems.append(FieldProblem("user_id", "colleague"))
    # between the bounds first: an instant at the end of the calendar cannot be calculated with
    if given.starts_at > tx.now + HORIZON:
        problems.append(FieldProblem("starts_at", "shift_far"))
    elif not SHORTEST <= given.ends_at - given.starts_at <= LONGEST:
        problems.append(FieldProblem("ends_at", "shift_length"))
    elif given.ends_at <= tx.now:
        problems.append(FieldProblem("ends_at", "shift_past"))
    if problems or user is None:
        raise Invalid(*problems)
    return user


def refuse_clash(tx: Tx, service: str, duty: Duty, *, but: UUID | None = None) -> None:
    """Raises Conflict naming who is there already. The rota is locked."""
    if (clashing := _clash(tx, service, duty, but=but)) is None:
        return
    why, other = clashing
    user = tx.session.get(User, other.user_id)
    name = user.name if user is not None else "–"
    start, end = told(tx, other.span.start), told(tx, other.span.end)
    if why is Clash.SAME_PERSON:
        raise Conflict("shift_clash_person", name=name, start=start, end=end)
    raise Conflict("shift_clash_line", name=name, line=other.line, start=start, end=end)


def refuse_over(tx: Tx, shift: Shift) -> None:
    if shift.ends_at <= tx.now:
        raise Conflict("shift_over")


def add_row(
    tx: Tx, service: str, user: User, duty: Duty, *, calendar_uid: str | None = None
) -> Shift:
    shift = Shift(
        side=user.side,
        service=service,
        user_id=user.id,
        line=duty.line,
        starts_at=duty.span.start,
        ends_at=duty.span.end,
        created_at=tx.now,
        created_by=tx.actor.user_id,
        calendar_uid=calendar_uid,
    )
    tx.session.add(shift)
    record(tx, "shift.add", shift)
    return shift


def save_changed(tx: Tx, shift: Shift) -> None:
    shift.version += 1
    tx.session.add(shift)
    record(tx, "shift.edit", shift)
    tx.session.flush()


def remove_row(tx: Tx, shift: Shift) -> None:
    record(tx, "shift.remove", shift)
    tx.session.delete(shift)
    tx.session.flush()


def withdraw_swaps(tx: Tx, shift_id: UUID, *, but: UUID | None = None) -> None:
    """Nobody is asked any more to take this shift over."""
    query = select(ShiftSwap).where(
        col(ShiftSwap.shift_id) == shift_id, col(ShiftSwap.state) == SwapState.ASKED
    )
    for swap in tx.session.exec(query.with_for_update()):
        if swap.id != but:
            swap.state, swap.decided_at = SwapState.WITHDRAWN, tx.now
            tx.session.add(swap)


def record(tx: Tx, action: str, shift: Shift) -> None:
    tx.record(
        action,
        f"shift:{shift.id}",
        side=shift.side,
        service=shift.service,
        user=str(shift.user_id),
        line=shift.line,
        starts_at=shift.starts_at.isoformat(),
        ends_at=shift.ends_at.isoformat(),
    )


def told(tx: Tx, at: datetime) -> str:
    """An instant as figures that every language here reads alike."""
    return f"{at.astimezone(tx.network.timezone):%d/%m/%Y %H:%M}"


def _clash(
    tx: Tx, service: str, duty: Duty, *, but: UUID | None = None
) -> tuple[Clash, Duty] | None:
    query = select(Shift).where(
        sa.or_(col(Shift.service) == service, col(Shift.user_id) == duty.user_id),
        col(Shift.starts_at) < duty.span.end,
        col(Shift.ends_at) > duty.span.start,
    )
    return first_clash(
        duty,
        [
            Duty(row.user_id, row.line, Span(row.starts_at, row.ends_at))
            for row in tx.session.exec(query)
            if row.id != but and (row.service == service or row.user_id == duty.user_id)
        ],
    )


def _begun_in_week(tx: Tx, service: str, monday: date) -> Sequence[Shift]:
    zone = tx.network.timezone
    start, end = (local_instant(day, time(), zone) for day in (monday, monday + timedelta(days=7)))
    rows = shifts_between(tx, (service,), start, end)
    return [row for row in rows if row.starts_at >= start]


def _check_repeat(tx: Tx, given: ShiftInput, until: date) -> None:
    zone = tx.network.timezone
    if until < given.starts_at.astimezone(zone).date():
        raise Invalid(FieldProblem("repeat_until", "repeat_before"))
    if until > (tx.now + HORIZON).astimezone(zone).date():
        raise Invalid(FieldProblem("repeat_until", "shift_far"))


def _of_readers_sides(tx: Tx) -> sa.ColumnElement[bool]:
    """Shifts of the actor's sides, and of services that act on both."""
    return sa.or_(col(Shift.side).is_(None), col(Shift.side).in_(tx.actor.sides))
