"""Which night "tonight" is, over midnight, the rollover and both clock changes."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shelter.domain.nights import each_night, tonight

BRUSSELS = ZoneInfo("Europe/Brussels")


@pytest.mark.parametrize(
    ("local", "night"),
    [
        (datetime(2024, 5, 20, 23, 0, tzinfo=BRUSSELS), date(2024, 5, 20)),
        (datetime(2024, 5, 21, 0, 0, tzinfo=BRUSSELS), date(2024, 5, 20)),
        (datetime(2024, 5, 21, 3, 0, tzinfo=BRUSSELS), date(2024, 5, 20)),
        (datetime(2024, 5, 21, 9, 59, tzinfo=BRUSSELS), date(2024, 5, 20)),
        (datetime(2024, 5, 21, 10, 0, tzinfo=BRUSSELS), date(2024, 5, 21)),
        (datetime(2024, 1, 1, 3, 0, tzinfo=BRUSSELS), date(2023, 12, 31)),
        (datetime(2024, 3, 1, 3, 0, tzinfo=BRUSSELS), date(2024, 2, 29)),
    ],
)
def test_before_the_rollover_tonight_is_the_night_still_running(
    local: datetime, night: date
) -> None:
    assert tonight(local.astimezone(UTC), BRUSSELS, 10) == night


@pytest.mark.parametrize(
    ("utc", "night"),
    [
        # 31 March 2024, 02:00 → 03:00: 07:59 UTC is 09:59 in summer time, not 08:59
        (datetime(2024, 3, 31, 0, 59, tzinfo=UTC), date(2024, 3, 30)),
        (datetime(2024, 3, 31, 1, 0, tzinfo=UTC), date(2024, 3, 30)),
        (datetime(2024, 3, 31, 7, 59, tzinfo=UTC), date(2024, 3, 30)),
        (datetime(2024, 3, 31, 8, 0, tzinfo=UTC), date(2024, 3, 31)),
        # 27 October 2024, 03:00 → 02:00: both passes of the hour 2 belong to the same night
        (datetime(2024, 10, 27, 0, 30, tzinfo=UTC), date(2024, 10, 26)),
        (datetime(2024, 10, 27, 1, 30, tzinfo=UTC), date(2024, 10, 26)),
        (datetime(2024, 10, 27, 8, 59, tzinfo=UTC), date(2024, 10, 26)),
        (datetime(2024, 10, 27, 9, 0, tzinfo=UTC), date(2024, 10, 27)),
    ],
)
def test_the_rollover_keeps_local_time_when_the_clocks_change(utc: datetime, night: date) -> None:
    assert tonight(utc, BRUSSELS, 10) == night


def test_a_rollover_at_midnight_makes_nights_plain_dates() -> None:
    assert tonight(datetime(2024, 5, 20, 22, 0, tzinfo=UTC), BRUSSELS, 0) == date(2024, 5, 21)


@given(
    hours=st.integers(0, 15 * 365 * 24),
    rolls=st.integers(0, 23),
)
def test_tonight_never_goes_back_and_never_skips_a_night(hours: int, rolls: int) -> None:
    now = datetime(2020, 1, 1, 0, 30, tzinfo=UTC) + timedelta(hours=hours)
    earlier = tonight(now, BRUSSELS, rolls)
    later = tonight(now + timedelta(hours=1), BRUSSELS, rolls)
    assert later - earlier in (timedelta(0), timedelta(days=1))


@pytest.mark.parametrize(
    ("first", "end", "count"),
    [
        (date(2024, 3, 30), date(2024, 4, 1), 2),  # the night of 23 hours
        (date(2024, 10, 26), date(2024, 10, 28), 2),  # the night of 25 hours
        (date(2024, 2, 28), date(2024, 3, 1), 2),
        (date(2024, 5, 1), date(2024, 5, 1), 0),
        (date(2024, 5, 2), date(2024, 5, 1), 0),
    ],
)
def test_each_night_is_given_once_and_the_end_is_left_out(
    first: date, end: date, count: int
) -> None:
    nights = list(each_night(first, end))
    assert len(nights) == len(set(nights)) == count
    assert end not in nights
