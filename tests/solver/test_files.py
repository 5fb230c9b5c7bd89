"""Files: what was written is read back; whatever else comes in, one clear error goes out."""

from __future__ import annotations

import contextlib
import json
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shelter_solver import (
    ProblemError,
    answer_to_json,
    place,
    problem_from_json,
    problem_to_json,
)
from shelter_solver.tools.files import ResultFile, result_from_json, result_to_json
from solver.network import party, problem, random_problem, unit
from solver.results import random_result


def test_a_problem_comes_back_as_it_was() -> None:
    for seed in range(100):
        before = random_problem(seed)
        assert problem_from_json(problem_to_json(before)) == before


def test_what_has_a_default_may_be_left_out() -> None:
    text = '{"version": 1, "start": "2026-11-21", "horizon": 3}'
    assert problem_from_json(text).units == ()


def test_the_same_problem_gives_the_same_text() -> None:
    assert problem_to_json(random_problem(7)) == problem_to_json(random_problem(7))


def test_an_answer_is_plain_json() -> None:
    answer = json.loads(answer_to_json(place(problem(party(), unit()), "anna")))
    assert answer["version"] == 1
    assert answer["status"] == "optimal"
    assert answer["options"][0]["stays"] == [{"unit": "room", "first_night": 0, "end_night": 7}]
    assert answer["refusal"] is None


def test_a_result_comes_back_as_it_was() -> None:
    for seed in range(90):
        before = random_result(seed)
        assert result_from_json(result_to_json(before, "new")) == ResultFile(before, "new")


def test_a_result_file_says_what_it_holds_and_who_asked() -> None:
    answer = place(problem(party(), unit()), "anna")
    written = json.loads(result_to_json(answer, "anna"))
    assert list(written)[:3] == ["version", "kind", "party"]
    assert (written["kind"], written["party"]) == ("answer", "anna")
    assert result_from_json(answer_to_json(answer)) == ResultFile(answer)


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (lambda d: d.update(version=0), "$.version"),
        (lambda d: d.pop("kind"), "$.kind"),
        (lambda d: d.update(kind="plan"), "$.kind"),
        (lambda d: d.update(kind=["schedule"]), "$.kind"),
        (lambda d: d.update(party=3), "$.party"),
        (lambda d: d.update(status="good"), "$.status"),
        (lambda d: d.update(options=[]), "$.options"),
        (lambda d: d["levels"][0].update(value=None), "$.levels[0].value"),
        (lambda d: d["placements"].update(eve=[{"unit": "u", "first_night": 0}]),
         "$.placements.eve[0].end_night"),
        (lambda d: d["placements"].update(eve=[{"unit": "u", "first_night": 0, "end_night": 0}]),
         "$.placements.eve[0] stay[u]"),
    ],
)  # fmt: skip
def test_an_error_in_a_result_names_its_place(change: Any, where: str) -> None:
    data = json.loads(result_to_json(random_result(0)))
    change(data)
    with pytest.raises(ProblemError) as caught:
        result_from_json(json.dumps(data))
    assert caught.value.where == where


def test_a_problem_is_no_result_and_a_result_no_problem() -> None:
    with pytest.raises(ProblemError, match=r"^\$\.kind: must be one of answer, schedule, room$"):
        result_from_json(problem_to_json(random_problem(1)))
    with pytest.raises(ProblemError, match=r"^\$\.kind: is not a known key$"):
        problem_from_json(result_to_json(random_result(0)))


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('"beds": 4', '"beds": NaN', "$.units[0].beds: must be a whole number"),
        ('"lat": 50.85', '"lat": NaN', "$.sites[0].point.lat: must be a number"),
        ('"lat": 50.85', '"lat": Infinity', "$.sites[0].point.lat: is too large"),
        ('"beds": 4', '"beds": 1' + "0" * 5000, "$.units[0].beds: is too large"),
        ('"beds": 4', '"beds": 9007199254740992', "$.units[0].beds: is too large"),
        ('"beds": 4', '"beds": 4, "beds": 5',
         "$.units[0]: the key 'beds' is given twice in one object"),
        ('"id": "room"', '"id": "\\ud800"',
         "$.units[0].id: holds half a character: no file could be written with it"),
        ('"2026-11-21"', '"20261121"', "$.start: must be a date such as 2026-11-21"),
        ('"2026-11-21"', '"2026-02-30"', "$.start: must be a date such as 2026-11-21"),
    ],
    ids=lambda text: text[:24],
)  # fmt: skip
def test_what_json_lets_through_is_refused_at_its_place(old: str, new: str, told: str) -> None:
    text = problem_to_json(problem(party(), unit()))
    assert text.count(old) == 1
    with pytest.raises(ProblemError) as caught:
        problem_from_json(text.replace(old, new))
    assert str(caught.value) == told


def test_a_whole_number_may_be_written_with_a_point() -> None:
    """Some languages know one kind of number only, and JSON Schema calls 4.0 an integer."""
    text = problem_to_json(problem(party(), unit()))
    assert problem_from_json(text.replace('"beds": 4', '"beds": 4.0')) == problem_from_json(text)


def document() -> dict[str, Any]:
    written: dict[str, Any] = json.loads(problem_to_json(problem(party(), unit())))
    return written


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (lambda d: d.update(version=2), "$.version"),
        (lambda d: d.update(version=True), "$.version"),
        (lambda d: d.pop("start"), "$.start"),
        (lambda d: d.update(start="21/11/2026"), "$.start"),
        (lambda d: d.update(horizon=-1), "$ horizon"),
        (lambda d: d.update(horizon=1.5), "$.horizon"),
        (lambda d: d.update(horizon=10**9), "$.horizon"),
        (lambda d: d.update(horizon=True), "$.horizon"),
        (lambda d: d.update(excluded=[]), "$.excluded"),
        (lambda d: d["units"][0].update(beds="4"), "$.units[0].beds"),
        (lambda d: d["units"][0].update(beds=-1), "$.units[0] units[room].beds"),
        (lambda d: d["units"][0].update(site="attic"), "$ units[room].site"),
        (lambda d: d["units"][0].update(sharing="open"), "$.units[0].sharing"),
        (lambda d: d["units"][0].update(closed=[{"first_night": 2, "end_night": 2}]),
         "$.units[0].closed[0] nights"),
        (lambda d: d["parties"][0].update(people={"dog": 1}), "$.parties[0].people.dog"),
        (lambda d: d["parties"][0].update(people={"woman": None}), "$.parties[0].people.woman"),
        (lambda d: d["parties"][0].update(exluded_sites=["home"]), "$.parties[0].exluded_sites"),
        (lambda d: d["sites"][0]["point"].update(lat=91), "$.sites[0].point point.lat"),
        (lambda d: d["sites"][0]["point"].update(lat=10**400), "$.sites[0].point.lat"),
        (lambda d: d["sites"].append(d["sites"][0]), "$ sites[home]"),
    ],
)  # fmt: skip
def test_an_error_names_its_place(change: Any, where: str) -> None:
    data = document()
    change(data)
    with pytest.raises(ProblemError) as caught:
        problem_from_json(json.dumps(data))
    assert caught.value.where == where


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "null",
        "{",
        "[" * 100_000,
        b"\xff\xfe\x00",
        '{"version": 1, "start": "2026-11-21", "horizon": NaN}',
        '{"version": 1, "start": "2026-11-21", "horizon": 1' + "0" * 5000 + "}",
        '{"version": 1, "version": 1, "start": "2026-11-21", "horizon": 1}',
    ],
    ids=lambda text: repr(text[:20]),
)
def test_what_is_no_problem_is_refused(text: str | bytes) -> None:
    with pytest.raises(ProblemError):
        problem_from_json(text)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.integers(0, 10**9), JSON)
def test_nothing_but_a_problem_error_escapes(seed: int, foreign: object) -> None:
    """A written problem with one value, anywhere, replaced by something else."""
    rng = random.Random(seed)
    data = json.loads(problem_to_json(random_problem(seed % 50)))
    node: Any = data
    while True:
        key = rng.choice(list(node) if isinstance(node, dict) else range(len(node)))
        if not isinstance(node[key], (dict, list)) or not node[key] or rng.random() < 0.3:
            node[key] = foreign
            break
        node = node[key]
    with contextlib.suppress(ProblemError):
        problem_from_json(json.dumps(data))


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.binary(max_size=60) | st.text(max_size=60))
def test_noise_is_refused(noise: str | bytes) -> None:
    with pytest.raises(ProblemError):
        problem_from_json(noise)
    with pytest.raises(ProblemError):
        result_from_json(noise)
