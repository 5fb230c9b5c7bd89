"""The JSON Schema says what the reader does, as far as a schema can say it."""

from __future__ import annotations

import json
import random
from dataclasses import fields
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shelter_solver import ProblemError, place, problem_from_json, problem_to_json
from shelter_solver import problem as problem_module
from shelter_solver import result as result_module
from shelter_solver.tools.files import result_from_json, result_to_json
from shelter_solver.tools.plain import hints
from shelter_solver.tools.schema import FIELDS, problem_schema, result_schema
from solver.network import random_problem
from solver.results import random_result

#: what the reader refuses and no schema can: how one value relates to another
ONLY_READING_TELLS = (
    "no site ",
    "no unit ",
    "no party ",
    "is named twice",
    "the range is empty",
    "has no night",
    "nobody is in the household",
    "lies before first_night",
)


def validator(schema: Any) -> Any:
    return jsonschema_rs.Draft202012Validator(schema, validate_formats=True)


PROBLEM = validator(problem_schema())
RESULT = validator(result_schema())


def refusal_of(read: Any, text: str) -> str | None:
    try:
        read(text)
    except ProblemError as error:
        return error.what
    return None


def spoil(data: Any, foreign: object, rng: random.Random) -> None:
    """Replace, drop or add one thing, anywhere in the document."""
    node = data
    while True:
        keys = list(node) if isinstance(node, dict) else list(range(len(node)))
        key = rng.choice(keys)
        inside = isinstance(node[key], (dict, list)) and node[key]
        if inside and rng.random() < 0.8:
            node = node[key]
            continue
        how = rng.random()
        if how < 0.15:
            del node[key]
        elif how < 0.3 and isinstance(node, dict):
            node[str(foreign)] = node[key]
        else:
            node[key] = foreign
        return


FOREIGN = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 25),
    st.sampled_from([2**53 - 1, 2**53, -(2**53), 10**25, 1e300, -1e300, 0.5, 4.0, -0.0]),
    st.sampled_from(["", "woman", "2026-02-30", "20261121", "2026-11-21", "victims", "optimal"]),
    st.text(max_size=3),
    st.just([]),
    st.just({}),
    st.just({"first_night": 0, "end_night": 2}),
)


def test_the_schemas_are_schemas() -> None:
    for schema in (problem_schema(), result_schema()):
        jsonschema_rs.meta.validate(schema)


def test_every_written_file_keeps_its_schema() -> None:
    for seed in range(60):
        given = random_problem(seed)
        PROBLEM.validate(json.loads(problem_to_json(given)))
        RESULT.validate(json.loads(result_to_json(place(given, "new"), "new")))
        RESULT.validate(json.loads(result_to_json(random_result(seed))))


@settings(max_examples=500, deadline=None, derandomize=True)
@given(st.integers(0, 10**9), FOREIGN)
def test_schema_and_reader_refuse_the_same_problems(seed: int, foreign: object) -> None:
    data = json.loads(problem_to_json(random_problem(seed % 50)))
    spoil(data, foreign, random.Random(seed))
    told = refusal_of(problem_from_json, json.dumps(data))
    if PROBLEM.is_valid(data):
        assert told is None or told.startswith(ONLY_READING_TELLS)
    else:
        assert told is not None


@settings(max_examples=500, deadline=None, derandomize=True)
@given(st.integers(0, 10**9), FOREIGN)
def test_schema_and_reader_refuse_the_same_results(seed: int, foreign: object) -> None:
    data = json.loads(result_to_json(random_result(seed % 50)))
    spoil(data, foreign, random.Random(seed))
    told = refusal_of(result_from_json, json.dumps(data))
    if RESULT.is_valid(data):
        assert told is None or told.startswith(ONLY_READING_TELLS)
    else:
        assert told is not None


def test_control_a_schema_without_its_limits_lets_through_what_the_reader_refuses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = json.loads(problem_to_json(random_problem(1)))
    data["units"][0]["beds"] = -1
    assert not PROBLEM.is_valid(data)
    monkeypatch.setitem(FIELDS, "Unit.beds", {})
    assert validator(problem_schema()).is_valid(data)
    assert refusal_of(problem_from_json, json.dumps(data)) == "-1 is negative"


def test_the_table_speaks_of_fields_that_exist() -> None:
    for name in FIELDS:
        kind, field = name.split(".")
        found = getattr(problem_module, kind, None) or getattr(result_module, kind)
        assert field in {each.name for each in fields(found)}, name


def test_every_number_says_what_it_counts() -> None:
    for schema in (problem_schema(), result_schema()):
        for name, definition in {**schema["$defs"], "Problem": schema}.items():
            for field, told in definition.get("properties", {}).items():
                numeric = {"integer", "number"} & set(_types(told))
                assert not numeric or "description" in told, f"{name}.{field}"


def _types(schema: dict[str, Any]) -> list[str]:
    kind = schema.get("type", [])
    return [kind] if isinstance(kind, str) else kind


def test_every_key_of_a_dataclass_is_in_the_schema() -> None:
    """One source: a field that somebody adds tomorrow is in the schema tomorrow."""
    defs = {**problem_schema()["$defs"], **result_schema()["$defs"], "Problem": problem_schema()}
    for name, definition in defs.items():
        kind = getattr(problem_module, name, None) or getattr(result_module, name)
        assert set(hints(kind)) == set(definition["properties"]) - {"version", "kind", "party"} | (
            {"party"} if name == "HouseholdMove" else set()
        )
