"""Clashes, gaps, and repeats that keep local time through both clock changes."""

from __future__ import annotations

import itertools
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shelter.domain.rota import (
    Clash,
    Duty,
    Span,
    clash,
    days_of,
    first_clash,
    gaps,
    local_instant,
    local_span,
    merged,
    moved_by_days,
    usual_hours,
    week_of,
    weekly,
)

BRUSSELS = ZoneInfo("Europe/Brussels")
ANNE, BEN = UUID(int=1), UUID(int=2)
START = datetime(2026, 11, 21, 18, 0, tzinfo=UTC)


def hours(first: float, last: float) -> Span:
    return Span(START + timedelta(hours=first), START + timedelta(hours=last))


def duty(user: UUID, first: float, last: float, line: int = 1) -> Duty:
    return Duty(user, line, hours(first, last))


def on_the_clock(span: Span) -> tuple[str, str]:
    start, end = (at.astimezone(BRUSSELS) for at in (span.start, span.end))
    return f"{start:%Y-%m-%d %H:%M}", f"{end:%Y-%m-%d %H:%M}"


# --- clashes --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("other", "why"),
    [
        (duty(ANNE, 0, 8, line=2), Clash.SAME_PERSON),
        (duty(ANNE, 7, 9, line=3), Clash.SAME_PERSON),
        (duty(BEN, 7, 9), Clash.SAME_LINE),
        (duty(BEN, -2, 20), Clash.SAME_LINE),
        (duty(BEN, 0, 8, line=2), None),
        (duty(BEN, 8, 16), None),
        (duty(ANNE, 8, 16), None),
        (duty(ANNE, -8, 0), None),
    ],
)
def test_one_person_is_there_once_and_one_is_called_first(other: Duty, why: Clash | None) -> None:
    assert clash(duty(ANNE, 0, 8), other) is why
    assert clash(other, duty(ANNE, 0, 8)) is why


def test_the_earliest_clash_is_told() -> None:
    later, sooner = duty(BEN, 6, 9), duty(ANNE, 1, 2, line=2)
    assert first_clash(duty(ANNE, 0, 8), [later, sooner]) == (Clash.SAME_PERSON, sooner)
    assert first_clash(duty(ANNE, 0, 8), []) is None


# --- gaps -----------------------------------------------------------------------------------------


def test_nobody_on_the_first_line_is_a_gap_whoever_is_on_the_others() -> None:
    there = [duty(ANNE, 2, 6), duty(BEN, 0, 24, line=2), duty(BEN, 10, 12)]
    assert gaps(there, hours(0, 24).start, hours(0, 24).end) == [
        hours(0, 2),
        hours(6, 10),
        hours(12, 24),
    ]


def test_what_begins_before_and_ends_after_leaves_no_gap() -> None:
    assert gaps([duty(ANNE, -5, 30)], START, START + timedelta(hours=24)) == []
    assert gaps([], START, START + timedelta(hours=24)) == [hours(0, 24)]
    assert gaps([duty(ANNE, -9, 0), duty(BEN, 24, 30)], START, START + timedelta(hours=24)) == [
        hours(0, 24)
    ], "what only touches covers nothing"


shifts = st.builds(
    lambda first, length, line: duty(ANNE, first, first + length, line),
    st.integers(-10, 60),
    st.integers(1, 30),
    st.sampled_from((1, 1, 2)),
)


@given(there=st.lists(shifts, max_size=8))
def test_every_hour_is_either_covered_or_in_exactly_one_gap(there: list[Duty]) -> None:
    end = START + timedelta(hours=48)
    found = gaps(there, START, end)
    assert found == sorted(found, key=lambda gap: gap.start)
    for hour in range(48):
        at = Span(START + timedelta(hours=hour), START + timedelta(hours=hour + 1))
        covered = any(each.line == 1 and each.span.overlaps(at) for each in there)
        assert sum(gap.overlaps(at) for gap in found) == (0 if covered else 1)


def test_hours_that_are_usually_covered_are_expected_again() -> None:
    """Nights of last week: the nights of the coming week, and not its days."""
    nights = [
        Duty(ANNE, 1, local_span(date(2026, 11, day), time(22), time(7), BRUSSELS))
        for day in range(9, 16)
    ]
    start = datetime(2026, 11, 23, 12, tzinfo=BRUSSELS).astimezone(UTC)
    expected = usual_hours(nights, start, start + timedelta(days=2), BRUSSELS)
    assert [on_the_clock(span) for span in expected] == [
        ("2026-11-23 22:00", "2026-11-24 07:00"),
        ("2026-11-24 22:00", "2026-11-25 07:00"),
    ]
    assert usual_hours([duty(ANNE, 0, 8, line=2)], START, START + timedelta(days=9), BRUSSELS) == []


def test_hours_that_are_usually_covered_are_the_same_on_the_clock_after_a_change() -> None:
    week_before = Duty(ANNE, 1, local_span(date(2026, 10, 19), time(22), time(7), BRUSSELS))
    start = datetime(2026, 10, 26, 12, tzinfo=BRUSSELS).astimezone(UTC)
    (expected,) = usual_hours([week_before], start, start + timedelta(days=2), BRUSSELS)
    assert on_the_clock(expected) == ("2026-10-26 22:00", "2026-10-27 07:00")


@given(there=st.lists(shifts, max_size=8))
def test_merging_changes_no_hour(there: list[Duty]) -> None:
    spans = [each.span for each in there]
    one = merged(spans)
    assert all(a.end < b.start for a, b in itertools.pairwise(one))
    for hour in range(-12, 96):
        at = Span(START + timedelta(hours=hour), START + timedelta(hours=hour + 1))
        assert any(s.overlaps(at) for s in spans) == any(s.overlaps(at) for s in one)


# --- both clock changes ---------------------------------------------------------------------------

#: the nights of a change, this year and the next ones, and how long 22:00 to 07:00 then is
CHANGES = [
    (date(2026, 3, 28), 8),
    (date(2026, 10, 24), 10),
    (date(2027, 3, 27), 8),
    (date(2027, 10, 30), 10),
    (date(2028, 3, 25), 8),
    (date(2028, 10, 28), 10),
]


@pytest.mark.parametrize(("evening", "long"), CHANGES)
def test_a_night_shift_keeps_its_hours_on_the_clock_when_the_clocks_change(
    evening: date, long: int
) -> None:
    span = local_span(evening, time(22), time(7), BRUSSELS)
    morning = evening + timedelta(days=1)
    assert on_the_clock(span) == (f"{evening} 22:00", f"{morning} 07:00")
    assert span.end - span.start == timedelta(hours=long)
    usual = local_span(evening - timedelta(days=1), time(22), time(7), BRUSSELS)
    assert usual.end - usual.start == timedelta(hours=9), "control: an ordinary night"


@pytest.mark.parametrize(("evening", "long"), CHANGES)
def test_a_weekly_repeat_keeps_its_hours_on_the_clock_over_a_change(
    evening: date, long: int
) -> None:
    first = evening - timedelta(days=14)
    span = local_span(first, time(22), time(7), BRUSSELS)
    spans = list(weekly(span, evening + timedelta(days=14), BRUSSELS))
    assert [on_the_clock(span) for span in spans] == [
        (f"{first + timedelta(days=n)} 22:00", f"{first + timedelta(days=n + 1)} 07:00")
        for n in (0, 7, 14, 21, 28)
    ]
    lengths = [(span.end - span.start) / timedelta(hours=1) for span in spans]
    assert lengths == [9, 9, long, 9, 9]
    added = [spans[0].start + timedelta(days=7 * n) for n in range(5)]
    assert [span.start for span in spans] != added, "control: adding weeks in UTC is wrong"


def test_a_repeat_ends_on_its_last_day_and_one_before_its_first_is_once() -> None:
    span = local_span(date(2026, 11, 21), time(22), time(7), BRUSSELS)
    for until, count in ((21, 1), (27, 1), (28, 2), (30, 2), (1, 1)):
        assert len(list(weekly(span, date(2026, 11, until), BRUSSELS))) == count


@pytest.mark.parametrize(("evening", "long"), CHANGES)
def test_shifts_that_meet_at_any_hour_of_that_night_leave_no_gap_and_do_not_clash(
    evening: date, long: int
) -> None:
    """Also at half past two, which the spring skips and the autumn repeats."""
    morning = evening + timedelta(days=1)
    for quarter in range(24 * 4):
        meet = time(quarter // 4, quarter % 4 * 15)
        at = local_instant(morning, meet, BRUSSELS)
        before = Span(local_instant(evening, time(12), BRUSSELS), at)
        after = Span(at, local_instant(morning + timedelta(days=1), time(12), BRUSSELS))
        assert clash(Duty(ANNE, 1, before), Duty(BEN, 1, after)) is None
        assert gaps([Duty(ANNE, 1, before), Duty(BEN, 1, after)], before.start, after.end) == []


def test_hours_that_there_are_none_or_twice_have_one_meaning() -> None:
    skipped = local_instant(date(2026, 3, 29), time(2, 30), BRUSSELS)
    assert skipped == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    twice = local_instant(date(2026, 10, 25), time(2, 30), BRUSSELS)
    assert twice == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


@given(
    start=st.integers(0, 6 * 365 * 24 * 4).map(lambda n: START + timedelta(minutes=15 * n)),
    length=st.integers(1, 14 * 24),
    days=st.integers(-400, 400),
)
def test_moving_by_days_moves_the_clock_by_nothing(start: datetime, length: int, days: int) -> None:
    span = Span(start, start + timedelta(hours=length))
    moved = moved_by_days(span, days, BRUSSELS)
    for before, after in ((span.start, moved.start), (span.end, moved.end)):
        then, now = before.astimezone(BRUSSELS), after.astimezone(BRUSSELS)
        assert now.date() == then.date() + timedelta(days=days)
        skipped = now.time() != then.time()
        assert not skipped or now.hour == then.hour + 1 == 3, "only an hour that there is not"


def test_a_shift_that_ends_no_later_than_it_begins_ends_the_next_day() -> None:
    assert on_the_clock(local_span(date(2026, 11, 21), time(8), time(8), BRUSSELS)) == (
        "2026-11-21 08:00",
        "2026-11-22 08:00",
    )
    assert on_the_clock(local_span(date(2026, 11, 21), time(18), time(8), BRUSSELS, days=2)) == (
        "2026-11-21 18:00",
        "2026-11-23 08:00",
    )


# --- days -----------------------------------------------------------------------------------------


def test_a_shift_stands_under_every_day_that_it_touches() -> None:
    parts = days_of(local_span(date(2026, 11, 21), time(18), time(8), BRUSSELS, days=2), BRUSSELS)
    assert [(part.day.day, part.begins, part.ends) for part in parts] == [
        (21, True, False),
        (22, False, False),
        (23, False, True),
    ]
    until_midnight = local_span(date(2026, 11, 21), time(18), time(0), BRUSSELS)
    assert [part.day.day for part in days_of(until_midnight, BRUSSELS)] == [21]


def test_a_week_begins_on_monday() -> None:
    assert week_of(date(2026, 11, 22)) == week_of(date(2026, 11, 16)) == date(2026, 11, 16)
