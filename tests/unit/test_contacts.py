"""When a message to a housed person may arrive, in both nights in which the clocks change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shelter import i18n
from shelter.domain.contacts import TEMPLATES, next_window
from shelter.domain.messages import Channel, septets, text_problems

BRUSSELS = ZoneInfo("Europe/Brussels")
MOMENTS = st.integers(0, 3_000_000).map(
    lambda minutes: datetime(2024, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
)


def local(*parts: int, fold: int = 0) -> datetime:
    return datetime(*parts, tzinfo=BRUSSELS, fold=fold)  # type: ignore[misc,arg-type]


def window(now: datetime, hour_from: int, hour_until: int) -> tuple[str, str]:
    found = next_window(now.astimezone(UTC), hour_from, hour_until, BRUSSELS)
    return written(found.opens), written(found.closes)


def written(at: datetime) -> str:
    return at.astimezone(BRUSSELS).strftime("%d %H:%M")


@pytest.mark.parametrize(
    ("now", "hours", "expected"),
    [
        # inside: at once, until they end
        (local(2026, 11, 21, 10), (9, 17), ("21 10:00", "21 17:00")),
        # before and after
        (local(2026, 11, 21, 8, 59), (9, 17), ("21 09:00", "21 17:00")),
        (local(2026, 11, 21, 17), (9, 17), ("22 09:00", "22 17:00")),
        # across midnight: before it, after it, and outside
        (local(2026, 11, 21, 23), (22, 6), ("21 23:00", "22 06:00")),
        (local(2026, 11, 22, 3), (22, 6), ("22 03:00", "22 06:00")),
        (local(2026, 11, 22, 6), (22, 6), ("22 22:00", "23 06:00")),
        (local(2026, 11, 21, 20), (0, 6), ("22 00:00", "22 06:00")),
        (local(2026, 11, 21, 20), (20, 0), ("21 20:00", "22 00:00")),
        # the clocks go back on the 25th: 02:00 to 03:00 is open twice
        (local(2026, 10, 25, 2, 30), (2, 3), ("25 02:30", "25 03:00")),
        (local(2026, 10, 25, 2, 30, fold=1), (2, 3), ("25 02:30", "25 03:00")),
        (local(2026, 10, 25, 2, 30, fold=1), (1, 2), ("26 01:00", "26 02:00")),
        (local(2026, 10, 24, 23), (22, 6), ("24 23:00", "25 06:00")),
        # the clocks go forward on the 28th: that hour does not exist, the next day's does
        (local(2027, 3, 27, 12), (2, 3), ("29 02:00", "29 03:00")),
        (local(2027, 3, 27, 23), (2, 5), ("28 03:00", "28 05:00")),
        (local(2027, 3, 28, 1, 59), (1, 2), ("28 01:59", "28 03:00")),
    ],
)
def test_the_agreed_hours_are_those_on_the_person_s_clock(
    now: datetime, hours: tuple[int, int], expected: tuple[str, str]
) -> None:
    assert window(now, *hours) == expected


def test_equal_hours_are_the_whole_day() -> None:
    now = local(2026, 11, 21, 3).astimezone(UTC)
    assert next_window(now, 8, 8, BRUSSELS).opens == now


@given(
    MOMENTS,
    st.integers(0, 23),
    st.integers(0, 23),
)
def test_no_message_arrives_outside_the_agreed_hours(
    now: datetime, hour_from: int, hour_until: int
) -> None:
    found = next_window(now, hour_from, hour_until, BRUSSELS)
    assert now <= found.opens < found.closes
    if hour_from == hour_until:
        return
    # looked at from outside: by the hour on the wall, at its two ends and in the middle
    last = found.closes - timedelta(microseconds=1)
    for at in (found.opens, found.opens + (last - found.opens) / 2, last):
        hour = at.astimezone(BRUSSELS).hour
        inside = (
            hour_from <= hour < hour_until
            if hour_from < hour_until
            else hour >= hour_from or hour < hour_until
        )
        assert inside, at


@pytest.mark.parametrize("language", i18n.LANGUAGES)
@pytest.mark.parametrize("template", sorted(t for t in TEMPLATES if t.startswith("sms.")))
def test_what_is_sent_to_a_person_tells_nothing_and_asks_for_nothing(
    language: str, template: str
) -> None:
    body = i18n.text(language, template, ref="WWWWW", code="MMMMM")
    assert text_problems(body) == ()
    assert septets(body) <= 160
    assert "MMMMM" in body, "found again by it, when nobody knows whether it was sent"
    # no reference, and no answer that would make the telephone's owner ask what this is
    assert "WWWWW" not in body
    for asked in ("OUI", "JA ", "YES", "Code", "code"):
        assert asked not in body


@pytest.mark.parametrize("language", i18n.LANGUAGES)
@pytest.mark.parametrize("template", sorted(t for t in TEMPLATES if t.startswith("voice.")))
def test_what_is_read_aloud_to_whoever_answers_tells_nothing(language: str, template: str) -> None:
    body = i18n.text(language, template, ref="WWWWW", code="MMMMM")
    assert text_problems(body, Channel.VOICE) == ()
    assert "WWWWW" not in body
    assert "MMMMM" not in body
