"""Closures that repeat: every weekend, or the same days each year, as blocks up to a day."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from uuid import UUID

from shelter.db.session import lock_units
from shelter.domain.availability import BlockReason
from shelter.domain.errors import Conflict, FieldProblem, Invalid
from shelter.domain.nights import each_night
from shelter.services.availability import block_unit
from shelter.services.context import Tx
from shelter.services.sites import managed_site

#: how far ahead, and how many blocks at once: what is repeated by mistake can still be undone
LONGEST = timedelta(days=366)
MOST_BLOCKS = 200
#: what somebody plans ahead; that others are in it, or that it is broken, is told when it happens
REASONS = (BlockReason.CLOSED, BlockReason.KEPT_BACK, BlockReason.CLEANING)


class Repeats(StrEnum):
    WEEKLY = "weekly"
    YEARLY = "yearly"


@dataclass(frozen=True, slots=True)
class Closure:
    """``until`` is the last night that may be closed."""

    reason: BlockReason
    repeats: Repeats
    until: date
    #: weekly: nights by the day on which they begin, 0 is Monday
    weekdays: frozenset[int] = frozenset()
    #: yearly: from the night of ``first`` to the night of ``last``, whatever the year
    first: date | None = None
    last: date | None = None


@dataclass(frozen=True, slots=True)
class Closed:
    """What came of it. ``left`` are times at which somebody is expected: they stay open."""

    blocks: int
    left: int


def close_repeatedly(tx: Tx, site_id: UUID, unit_ids: Collection[UUID], closure: Closure) -> Closed:
    """Close units of a site as often as ``closure`` says, all of it or nothing.

    Raises Invalid with every wrong field. A time at which a unit is promised is left as it is.
    """
    site = managed_site(tx, site_id)
    units = [unit for unit in tx.rows.units([site.id]) if unit.id in set(unit_ids)]
    _check(tx, closure)
    times = list(_times(closure, tx.tonight))
    problems = []
    if not units:
        problems.append(FieldProblem("unit", "missing"))
    if not times:
        problems.append(FieldProblem("until", "no_such_night"))
    if len(times) * len(units) > MOST_BLOCKS:
        problems.append(FieldProblem("until", "too_many", (("max", MOST_BLOCKS),)))
    if problems:
        raise Invalid(*problems)
    lock_units(tx.session, [unit.id for unit in units])
    left = 0
    for unit in units:
        for first, end in times:
            try:
                block_unit(tx, unit.id, closure.reason, first, end, via="repeat")
            except Conflict:  # refused before anything was written
                left += 1
    return Closed(len(times) * len(units) - left, left)


def _check(tx: Tx, closure: Closure) -> None:
    problems = []
    if closure.reason not in REASONS:
        problems.append(FieldProblem("reason", "choice"))
    if not tx.tonight <= closure.until <= tx.tonight + LONGEST:
        last = tx.tonight + LONGEST
        between = (("first", tx.tonight.isoformat()), ("last", last.isoformat()))
        problems.append(FieldProblem("until", "night_between", between))
    if closure.repeats is Repeats.WEEKLY and not closure.weekdays:
        problems.append(FieldProblem("weekday", "missing"))
    if closure.repeats is Repeats.YEARLY:
        if closure.first is None or closure.last is None:
            problems.append(FieldProblem("first" if closure.first is None else "last", "missing"))
        elif not timedelta() <= closure.last - closure.first < timedelta(days=365):
            problems.append(FieldProblem("last", "end_after_first"))
    if problems:
        raise Invalid(*problems)


def _times(closure: Closure, tonight: date) -> Iterator[tuple[date, date]]:
    """Neighbouring nights as one time [first, end), from tonight to ``until``."""
    start: date | None = None
    for night in each_night(tonight, closure.until + timedelta(days=2)):
        closed = night <= closure.until and _is_closed(closure, night)
        if closed and start is None:
            start = night
        elif not closed and start is not None:
            yield start, night
            start = None


def _is_closed(closure: Closure, night: date) -> bool:
    if closure.repeats is Repeats.WEEKLY:
        return night.weekday() in closure.weekdays
    assert closure.first is not None
    assert closure.last is not None
    # by day and month: a time that goes over New Year begins late in the year and ends early
    first, last, this = (_of_year(day) for day in (closure.first, closure.last, night))
    return first <= this <= last if first <= last else this >= first or this <= last


def _of_year(day: date) -> tuple[int, int]:
    return day.month, day.day
