"""A barring order's life and its dates, in both nights in which the clocks change."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import product
from typing import TypeAlias
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shelter.domain.errors import Conflict
from shelter.domain.network_file import parse_network
from shelter.domain.orders import (
    CLOSED,
    IN_FORCE,
    OrderAct,
    OrderLaw,
    OrderState,
    acts_for,
    end_of,
    end_on,
    last_day,
    next_state,
)
from shelter.domain.toml_reader import NetworkFileError
from shelter.networks import bundled

S: TypeAlias = OrderState
A: TypeAlias = OrderAct
BRUSSELS = ZoneInfo("Europe/Brussels")
LAW = OrderLaw()

#: written out again, apart from the table, so that an edit of either is noticed
ALLOWED = {
    (S.ORDERED, A.SERVE): S.SERVED,
    (S.ORDERED, A.LIFT): S.LIFTED,
    (S.ORDERED, A.END): S.ENDED,
    (S.SERVED, A.EXTEND): S.EXTENDED,
    (S.SERVED, A.LIFT): S.LIFTED,
    (S.SERVED, A.END): S.ENDED,
    (S.EXTENDED, A.EXTEND): S.EXTENDED,
    (S.EXTENDED, A.LIFT): S.LIFTED,
    (S.EXTENDED, A.END): S.ENDED,
}


@pytest.mark.parametrize(("state", "act"), list(product(S, A)))
def test_an_order_moves_as_the_law_says_and_in_no_other_way(state: S, act: A) -> None:
    if (state, act) in ALLOWED:
        assert next_state(state, act) is ALLOWED[state, act]
        assert act in acts_for(state)
    else:
        with pytest.raises(Conflict, match="order_not_possible"):
            next_state(state, act)
        assert act not in acts_for(state)


def test_what_is_closed_stays_closed() -> None:
    assert all(acts_for(state) == () for state in CLOSED)
    assert CLOSED | IN_FORCE | {S.ORDERED} == set(S)


MOMENTS = st.integers(0, 3_000_000).map(
    lambda minutes: datetime(2024, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
)


# --- dates ---------------------------------------------------------------------------------------


def local(*parts: int, fold: int = 0) -> datetime:
    return datetime(*parts, tzinfo=BRUSSELS, fold=fold)  # type: ignore[misc,arg-type]


def written(at: datetime) -> str:
    return at.astimezone(BRUSSELS).strftime("%Y-%m-%d %H:%M")


@pytest.mark.parametrize(
    ("served", "ends", "hours"),
    [
        (local(2026, 11, 21, 22, 10), "2026-12-05 22:10", 14 * 24),
        # the clocks went back in between: an hour more than 14 × 24
        (local(2026, 10, 20, 22, 10), "2026-11-03 22:10", 14 * 24 + 1),
        # they went forward: an hour less
        (local(2027, 3, 20, 22, 10), "2027-04-03 22:10", 14 * 24 - 1),
        # 02:30 comes twice on that Sunday: the first is meant, so that no hour counts as protected
        # that may not be
        (local(2026, 10, 11, 2, 30), "2026-10-25 02:30", 14 * 24),
        # 02:30 does not exist on that Sunday: the clock on the wall says 03:30
        (local(2027, 3, 14, 2, 30), "2027-03-28 03:30", 14 * 24),
        # notified in the second 02:30
        (local(2026, 10, 25, 2, 30, fold=1), "2026-11-08 02:30", 14 * 24),
    ],
)
def test_fourteen_days_later_the_wall_clock_shows_the_same(
    served: datetime, ends: str, hours: int
) -> None:
    end = end_of(served, LAW.days, BRUSSELS)
    assert written(end) == ends
    assert end - served.astimezone(UTC) == timedelta(hours=hours)
    assert end.tzinfo is UTC


def test_of_an_hour_that_comes_twice_the_first_ends_it() -> None:
    end = end_of(local(2026, 10, 11, 2, 30), 14, BRUSSELS)
    assert end == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


@given(
    MOMENTS,
    st.integers(1, 92),
)
def test_an_order_lasts_its_days_but_for_the_hour_of_a_clock_change(
    served: datetime, days: int
) -> None:
    lasts = end_of(served, days, BRUSSELS) - served
    assert abs(lasts - timedelta(days=days)) <= timedelta(hours=1)


def test_an_extension_runs_to_the_last_minute_of_its_day() -> None:
    assert written(end_on(date(2027, 3, 28), BRUSSELS)) == "2027-03-28 23:59"
    assert written(end_on(date(2026, 10, 25), BRUSSELS)) == "2026-10-25 23:59"


@pytest.mark.parametrize(
    ("served", "last"),
    [
        (local(2026, 11, 21, 22, 10), date(2027, 3, 5)),  # 14 days to 5 December, and 3 months
        (local(2026, 11, 16, 12), date(2027, 2, 28)),  # from 30 November: February is shorter
        (local(2026, 12, 25, 12), date(2027, 4, 8)),  # over the end of a year
    ],
)
def test_the_court_extends_by_three_months_at_most(served: datetime, last: date) -> None:
    assert last_day(served, LAW, BRUSSELS) == last


# --- the network file ----------------------------------------------------------------------------


def test_the_law_s_figures_stand_in_the_network_file() -> None:
    text = bundled("secova")
    assert parse_network(text).orders == OrderLaw()
    changed = text.replace("order_days = 14", "order_days = 28").replace(
        "extension_months = 3", "extension_months = 6"
    )
    law = parse_network(changed).orders
    assert (law.days, law.extension_months) == (28, 6)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("order_days = 14", "order_days = 0", "orders.order_days"),
        ("extension_months = 3", "extension_months = 2.5", "orders.extension_months"),
        ("told_before_days = 3", "told_before_day = 3", "did you mean"),
    ],
)
def test_a_slip_in_them_is_named(old: str, new: str, problem: str) -> None:
    with pytest.raises(NetworkFileError, match=problem):
        parse_network(bundled("secova").replace(old, new))
