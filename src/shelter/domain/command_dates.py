"""The dates of a command by SMS: day first, the year mostly left out, the last night counts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

#: a date without a year that was so long ago at most is one that is past, not one of next year
_JUST_PAST = timedelta(days=60)
_A_YEAR = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class Day:
    """A day as somebody wrote it; ``year`` None when they did not say."""

    day: int
    month: int
    year: int | None = None


@dataclass(frozen=True, slots=True)
class SaidNights:
    """Nights as somebody wrote them. ``first`` None: from tonight; ``last`` None: no end is said.

    "12/3" is one night, "12-15/3" four, "until 15/3" those from tonight to that of the 15th.
    """

    first: Day | None
    last: Day | None


class ImpossibleDates(ValueError):
    """There is no such day, it is past, or the end comes before the beginning."""


def nights(said: SaidNights, tonight: date) -> tuple[date, date | None]:
    """The half-open range of nights that is meant. Raises ImpossibleDates."""
    first = tonight if said.first is None else _near(said.first, tonight)
    if said.last is None:
        last = None
    elif said.last == said.first:
        last = first
    else:
        last = _after(said.last, first) if said.first is not None else _near(said.last, tonight)
    if last is None:
        return max(first, tonight), None
    if last < max(first, tonight):
        raise ImpossibleDates("it is past, or ends before it begins")
    return max(first, tonight), last + timedelta(days=1)


def _near(day: Day, tonight: date) -> date:
    """The next such day, or one that has only just gone by."""
    if day.year is not None:
        return _date(day, day.year)
    for year in (tonight.year - 1, tonight.year, tonight.year + 1):
        try:
            found = _date(day, year)
        except ImpossibleDates:  # 29 February
            continue
        if -_JUST_PAST <= found - tonight <= _A_YEAR:
            return found
    raise ImpossibleDates("there is no such day")


def _after(day: Day, first: date) -> date:
    """The end of a range; without a year it may lie beyond the turn of one, in another month."""
    if day.year is not None:
        return _date(day, day.year)
    rolls_over = day.month < first.month
    return _date(day, first.year + rolls_over)


def _date(day: Day, year: int) -> date:
    try:
        return date(year, day.month, day.day)
    except ValueError:
        raise ImpossibleDates("there is no such day") from None
