"""Nights are local dates: the night of the 20th ends on the morning of the 21st."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo


def tonight(now: datetime, zone: ZoneInfo, rolls_over_at: int) -> date:
    """The night that a caller means by "tonight".

    Before ``rolls_over_at`` (local hour) the night of the day before is still running: somebody
    who calls at 3 a.m. wants a bed now, not nineteen hours later.
    """
    local = now.astimezone(zone)
    return local.date() - timedelta(days=1) if local.hour < rolls_over_at else local.date()


def each_night(first: date, end: date) -> Iterator[date]:
    """The nights of the half-open range [first, end)."""
    for offset in range((end - first).days):
        yield first + timedelta(days=offset)
