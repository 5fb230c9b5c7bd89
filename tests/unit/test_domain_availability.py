"""How much a statement about availability can be trusted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shelter.domain.availability import Freshness, freshness

NOW = datetime(2024, 5, 20, 12, 0, tzinfo=UTC)
LIMIT = timedelta(hours=24)
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("age", "expected"),
    [
        (timedelta(0), Freshness.FRESH),
        (LIMIT / 2, Freshness.FRESH),
        (LIMIT / 2 + SECOND, Freshness.AGEING),
        (LIMIT, Freshness.AGEING),
        (LIMIT + SECOND, Freshness.STALE),
        (-SECOND, Freshness.FRESH),  # another machine's clock is ahead
    ],
)
def test_a_statement_ages_at_half_the_limit_and_is_stale_after_it(
    age: timedelta, expected: Freshness
) -> None:
    assert freshness(NOW - age, NOW, LIMIT) is expected


@given(st.timedeltas(timedelta(0), timedelta(days=5)), st.timedeltas(timedelta(0), LIMIT))
def test_a_statement_never_becomes_fresher_by_itself(age: timedelta, more: timedelta) -> None:
    order = list(Freshness)
    before = freshness(NOW - age, NOW, LIMIT)
    after = freshness(NOW - age - more, NOW, LIMIT)
    assert order.index(after) >= order.index(before)
