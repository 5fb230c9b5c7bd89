"""No count that points at somebody can be read, nor worked out from what stands beside it."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shelter.domain.quarters import Quarter
from shelter.domain.small_numbers import LEAST, Told, tell, tellable

#: as many as make every way of hiding happen, and few enough to enumerate
counts = st.dictionaries(st.sampled_from("abcd"), st.integers(0, 9), min_size=1)


def consistent(told: Told[str]) -> list[dict[str, int]]:
    """Every table that would be told so, by somebody who knows the method."""
    found = []
    for values in product(range(10), repeat=len(told.counts)):
        table = dict(zip(told.counts, values, strict=True))
        if all(told.counts[key] in {None, value} for key, value in table.items()):
            found.append(table)
    return [table for table in found if tell(table) == told]


@given(counts)
def test_who_knows_the_method_cannot_work_out_a_hidden_count(table: dict[str, int]) -> None:
    told = tell(table)
    tables = consistent(told)
    assert table in tables
    for key, value in told.counts.items():
        if value is None:
            assert len({each[key] for each in tables}) > 1, (told, tables)


@given(counts)
def test_what_is_told_is_true_and_nothing_small_is_told(table: dict[str, int]) -> None:
    told = tell(table)
    for key, value in told.counts.items():
        assert value in {None, table[key]}
        assert value is None or not 0 < value < LEAST
    assert told.total in {None, sum(table.values())}
    assert told.total is None or not 0 < told.total < LEAST
    assert told.hides or not any(0 < value < LEAST for value in table.values())


def test_hiding_the_small_ones_alone_would_not_do() -> None:
    """The control: one hidden count beside a total is a subtraction."""
    table = {"a": 3, "b": 20, "c": 7}
    naive = {key: tellable(value) for key, value in table.items()}
    assert sum(table.values()) - sum(value or 0 for value in naive.values()) == table["a"]
    assert tell(table) == Told({"a": None, "b": 20, "c": None}, 30)


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ({"a": 0, "b": 12}, Told({"a": 0, "b": 12}, 12)),
        ({"a": 2}, Told({"a": None}, None)),
        ({"a": 2, "b": 0}, Told({"a": None, "b": 0}, None)),
        ({"a": 2, "b": 3, "c": 9, "d": 10}, Told(dict.fromkeys("abc") | {"d": 10}, 24)),
        ({"a": 2, "b": 9, "c": 9}, Told(dict.fromkeys("abc"), 20)),
    ],
)
def test_examples(table: dict[str, int], told: Told[str]) -> None:
    assert tell(table) == told


# --- quarters ------------------------------------------------------------------------------------


@given(st.dates(min_value=date(2, 1, 1), max_value=date(9998, 1, 1)))
def test_a_day_is_in_its_quarter_and_in_no_other(day: date) -> None:
    quarter = Quarter.of(day)
    assert quarter.first_day <= day < quarter.end
    assert quarter.after(1).first_day == quarter.end
    assert quarter.after(1).after(-1) == quarter
    assert Quarter.parse(str(quarter)) == quarter or day.year < 1000
    assert f"{day:%Y-%m}" in quarter.months or day.year < 1000
    assert quarter.end - quarter.first_day in {timedelta(days=n) for n in (90, 91, 92)}


@pytest.mark.parametrize("text", ["", "2026", "2026-Q5", "2026-Q0", "0000-Q1", "2026-q1", "x"])
def test_what_is_no_quarter_is_none(text: str) -> None:
    assert Quarter.parse(text) is None
