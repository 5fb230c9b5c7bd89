"""Duty rosters: when two shifts clash, when nobody is there, and repeats that keep local time.

Instants are aware; days and hours are local. A shift from 22:00 to 07:00 is that on the clock of
every night, so it lasts eight hours when the clocks go forward and ten when they go back.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from uuid import UUID
from zoneinfo import ZoneInfo

#: a person's line: 1 is called first, 2 and 3 when nobody answers
LINES = (1, 2, 3)
SHORTEST = timedelta(minutes=15)
LONGEST = timedelta(days=14)
#: how far ahead a rota may be written
HORIZON = timedelta(days=366)
WEEK = timedelta(days=7)


class SwapState(StrEnum):
    ASKED = "asked"
    AGREED = "agreed"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"


class Clash(StrEnum):
    """Why two shifts cannot both be."""

    SAME_PERSON = "same_person"
    SAME_LINE = "same_line"


@dataclass(frozen=True, slots=True)
class Span:
    """The half-open stretch of time [start, end)."""

    start: datetime
    end: datetime

    def overlaps(self, other: Span) -> bool:
        return self.start < other.end and other.start < self.end


@dataclass(frozen=True, slots=True)
class Duty:
    """Somebody is on a line of one service for a stretch of time."""

    user_id: UUID
    line: int
    span: Span


def clash(duty: Duty, other: Duty) -> Clash | None:
    """Why both cannot be: one person is there once, and one person is called first.

    For two shifts of one service.
    """
    if not duty.span.overlaps(other.span):
        return None
    if duty.user_id == other.user_id:
        return Clash.SAME_PERSON
    return Clash.SAME_LINE if duty.line == other.line else None


def first_clash(duty: Duty, others: Iterable[Duty]) -> tuple[Clash, Duty] | None:
    """The earliest of ``others`` that cannot be beside ``duty``, and why."""
    for other in sorted(others, key=lambda each: (each.span.start, each.line)):
        if (why := clash(duty, other)) is not None:
            return why, other
    return None


def gaps(duties: Iterable[Duty], start: datetime, end: datetime) -> list[Span]:
    """The stretches of [start, end) in which nobody is on the first line, in order."""
    found: list[Span] = []
    covered = start
    for span in sorted(
        (each.span for each in duties if each.line == 1), key=lambda span: span.start
    ):
        if span.start >= end:
            break
        if span.start > covered:
            found.append(Span(covered, span.start))
        covered = max(covered, span.end)
    if covered < end:
        found.append(Span(covered, end))
    return found


def merged(spans: Iterable[Span]) -> list[Span]:
    """The same stretches of time, those that touch or overlap as one, in order."""
    found: list[Span] = []
    for span in sorted(spans, key=lambda each: each.start):
        if found and span.start <= found[-1].end:
            found[-1] = Span(found[-1].start, max(found[-1].end, span.end))
        else:
            found.append(span)
    return found


# --- local time -----------------------------------------------------------------------------------


def local_instant(day: date, at: time, zone: ZoneInfo) -> datetime:
    """The instant at which the clocks of ``zone`` show that time, in UTC.

    An hour that the spring skips is the one after it; of an hour that the autumn repeats it is the
    first. Always the same one, so that a shift ends exactly where the next begins.
    """
    return datetime.combine(day, at, zone).astimezone(UTC)


def local_span(day: date, begins: time, ends: time, zone: ZoneInfo, *, days: int = 0) -> Span:
    """From ``begins`` on ``day`` until ``ends``, ``days`` later; when that is no later, a day more.

    Raises ValueError beyond the calendar.
    """
    last = day + timedelta(days=days)
    if days == 0 and ends <= begins:
        last += timedelta(days=1)
    return Span(local_instant(day, begins, zone), local_instant(last, ends, zone))


def moved_by_days(span: Span, days: int, zone: ZoneInfo) -> Span:
    """The same hours on the clock, so many days later."""

    def moved(at: datetime) -> datetime:
        local = at.astimezone(zone)
        # fold: the second of two equal hours stays the second one where there are two again
        return (local.replace(tzinfo=None) + timedelta(days=days)).replace(
            tzinfo=zone, fold=local.fold
        )

    return Span(moved(span.start).astimezone(UTC), moved(span.end).astimezone(UTC))


def weekly(span: Span, until: date, zone: ZoneInfo) -> Iterator[Span]:
    """``span`` and the same hours of every week after, up to the one that begins on ``until``."""
    first = span.start.astimezone(zone).date()
    for days in range(0, max((until - first).days, 0) + 1, 7):
        yield moved_by_days(span, days, zone)


def usual_hours(
    duties: Iterable[Duty], start: datetime, end: datetime, zone: ZoneInfo
) -> list[Span]:
    """The stretches of [start, end) whose hours of the week somebody covers in ``duties``.

    What a service that is not there around the clock is expected to cover again.
    """
    found: list[Span] = []
    for each in duties:
        if each.line != 1:
            continue
        weeks = max((start - each.span.end) // WEEK, -1) + 1
        while (span := moved_by_days(each.span, 7 * weeks, zone)).start < end:
            if span.end > start:
                found.append(Span(max(span.start, start), min(span.end, end)))
            weeks += 1
    return merged(found)


def week_of(day: date) -> date:
    """The Monday of a day's week."""
    return day - timedelta(days=day.weekday())


@dataclass(frozen=True, slots=True)
class DayPart:
    """What of a stretch of time falls on one local day."""

    day: date
    #: begins on this day, else on an earlier one
    begins: bool
    #: ends on this day (midnight counts to the day before), else on a later one
    ends: bool


def days_of(span: Span, zone: ZoneInfo) -> list[DayPart]:
    """The local days that a stretch of time touches, in order."""
    first = span.start.astimezone(zone).date()
    last = (span.end.astimezone(zone) - timedelta(microseconds=1)).date()
    return [
        DayPart(day, begins=day == first, ends=day == last)
        for day in (first + timedelta(days=n) for n in range(max((last - first).days, 0) + 1))
    ]


def by_day(spans: Sequence[Span], zone: ZoneInfo) -> dict[date, list[tuple[Span, DayPart]]]:
    """Stretches of time under each local day that they touch."""
    days: dict[date, list[tuple[Span, DayPart]]] = {}
    for span in spans:
        for part in days_of(span, zone):
            days.setdefault(part.day, []).append((span, part))
    return days
