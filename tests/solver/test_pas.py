"""The public benchmark is read strictly and counted by its definition."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks import pas
from benchmarks.pas_format import FormatError, Instance, parse
from benchmarks.pas_model import rooms_chosen, stay_cost, to_assignment, value

#: two departments; room 1 is a double for one gender a night, room 2 a single, room 3 for men
SMALL = """ARTICLE BENCHMARK DATA SET
Rooms: 3
Roomproperties: 2
Beds: 5
Departments: 2
Specialisms: 2
Patients: 3
Planning horizon: 4

SPECIALISMS:
1 Heart
2 Bones

DEPARTMENTS:
1 East 0 0 | 1 1
2 West 16 80 | 1 2 2 1

ROOMPROPERTIES:
1 telemetry
2 oxygen

ROOMS:
1 e1 | 2 | 1 | D | 1 1 3 2 | 1 0
2 w1 | 1 | 2 | N | 1 2 | 0 1
3 w2 | 2 | 2 | M | 1 1 | 0 0

BEDS:
1 1
2 1
3 2
4 3
5 3

PATIENTS:
1 Anna 40 F | 0 2 | 1 1 2 | 1 | 1 0 | 0 1
2 Bert 30 M | 1 9 | 2 2 1 1 7 | 0 | 0 0 | 0 0
3 Cleo 12 F | 2 2 | 1 1 0 | 2 | 0 0 | 0 0

END.
"""


@pytest.fixture
def small() -> Instance:
    return parse(SMALL)


def test_nights_beyond_the_horizon_and_patients_without_a_night_do_not_count(
    small: Instance,
) -> None:
    assert [patient.id for patient in small.patients] == [1, 2]
    bert = small.patients[1]
    assert (bert.first, bert.end, bert.specialisms) == (1, 4, (2, 1, 1))


@pytest.mark.parametrize(
    ("patient", "room", "tenths"),
    [
        # Anna, 2 nights, heart: likes a single (8), would like oxygen (20); e1 has her telemetry
        (0, 0, 2 * (8 + 20)),
        # a single with oxygen, but no telemetry (50) and no heart in the room (20)
        (0, 1, 2 * (50 + 20)),
        # a room for men (50), a double (8), neither property (50 + 20)
        (0, 2, 2 * (50 + 8 + 50 + 20)),
        # Bert, bones then heart twice: East has no bones (10) and the room third (20)
        (1, 0, 10 + 20),
        # w1 has bones first; heart is not in the room (20 each)
        (1, 1, 2 * 20),
        # w2 has heart first; bones are not in the room
        (1, 2, 20),
    ],
)
def test_a_stay_costs_what_the_definition_says(
    small: Instance, patient: int, room: int, tenths: int
) -> None:
    assert stay_cost(small, small.patients[patient], small.rooms[room]) == tenths


def test_who_mixes_costs_fifty_for_each_of_the_minority_and_night(small: Instance) -> None:
    apart = value(small, {1: 1, 2: 3})
    together = value(small, {1: 1, 2: 1})
    assert apart == 56 + 20
    assert together == 56 + 30 + 50  # both are there in night 1 alone


@pytest.mark.parametrize(
    ("rooms", "what"),
    [({1: 1}, "no room"), ({1: 2, 2: 2}, "2 patients")],
)
def test_a_choice_that_breaks_a_hard_rule_has_no_value(
    small: Instance, rooms: dict[int, int], what: str
) -> None:
    with pytest.raises(ValueError, match=what):
        value(small, rooms)


def test_an_age_out_of_bounds_has_no_value_and_no_column(small: Instance) -> None:
    child = replace(small, patients=(replace(small.patients[0], age=12), small.patients[1]))
    with pytest.raises(ValueError, match="age"):
        value(child, {1: 2, 2: 1})
    columns = to_assignment(child)
    assert columns.unit[columns.party == 0].tolist() == [0]


def test_the_assignment_costs_what_the_definition_says(small: Instance) -> None:
    given = to_assignment(small)
    for first in np.flatnonzero(given.party == 0):
        for second in np.flatnonzero(given.party == 1):
            chosen = np.array([first, second])
            rooms = rooms_chosen(small, given, chosen)
            mixed = rooms == {1: 1, 2: 1}
            full = rooms == {1: 2, 2: 2}
            if not full:
                assert value(small, rooms) == given.value(chosen) + 50 * mixed
    assert (given.skip_cost > [given.cost[given.party == p].max() for p in (0, 1)]).all()


@pytest.mark.parametrize(
    ("old", "new", "line", "what"),
    [
        ("Rooms: 3", "Rooms: many", 2, "not a whole number"),
        ("Rooms: 3", "Rooms: 4", 27, "fields"),
        ("1 East 0 0 | 1 1", "1 East 0 0 | 1 1 2", 15, "pairs"),
        ("1 East 0 0 | 1 1", "1 East 0 0 | 1 7", 15, "no specialism 7"),
        ("| D |", "| X |", 23, "gender policy"),
        ("| 2 | 1 | D", "| 2 | 9 | D", 23, "no department 9"),
        ("3 2\n", "3 7\n", 30, "no room 7"),
        ("4 3\n", "4 2\n", 32, "beds, not"),
        ("Anna 40 F", "Anna 40 X", 35, "F or M"),
        ("| 0 2 | 1 1 2 |", "| 0 2 | 1 1 3 |", 35, "2 nights, but specialisms for 3"),
        ("| 1 | 1 0 | 0 1", "| 1 | 1 2 | 0 1", 35, "0 or 1"),
        ("| 1 | 1 0 | 0 1", "| 1 | 1 | 0 1", 35, "expected 2 numbers"),
        ("END.", "", 40, "ends too early"),
    ],
)
def test_a_wrong_line_is_named(old: str, new: str, line: int, what: str) -> None:
    assert old in SMALL
    with pytest.raises(FormatError, match=what) as error:
        parse(SMALL.replace(old, new, 1))
    assert error.value.line == line


@pytest.mark.parametrize("length", range(0, len(SMALL) - 6, 37))
def test_a_text_cut_off_is_an_error_and_nothing_else(length: int) -> None:
    with pytest.raises(FormatError):
        parse(SMALL[:length])


def test_control_the_whole_text_is_no_error() -> None:
    assert len(parse(SMALL).rooms) == 3


def test_without_data_it_says_so_and_measures_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SHELTER_DATA", str(tmp_path))
    found = pas.run()
    assert (found["measured"], found["rows"], found["ratios"]) == (False, [], {})
    assert "NOT MEASURED" in capsys.readouterr().err
    assert "not measured" in pas.table(found)


def test_the_published_instances_are_read() -> None:
    folder = pas.data_folder()
    if folder is None:
        pytest.skip("the instances are not here: set SHELTER_DATA to the folder with pas/ in it")
    sizes = {}
    for number in pas.KNOWN:
        given = parse((folder / f"testdata{number:02}.txt").read_text(encoding="ascii"))
        sizes[number] = (len(given.rooms), len(given.patients))
        assert given.horizon == 14
        assert all(patient.end <= 14 for patient in given.patients)
    # of 693, 778, 757, 782, 631 and 726 in the text some leave on the day on which they arrive
    assert sizes == {
        1: (98, 652),
        2: (151, 755),
        3: (131, 708),
        4: (155, 746),
        5: (102, 587),
        6: (104, 685),
    }
