"""Problems to and from JSON, answers to JSON.

The text is one object: ``{"version": 1, "start": "2026-11-21", "horizon": 30, "sites": […], …}``,
with the field names of ``problem.py``; fields with a default may be left out. Dates are ISO 8601,
sets are lists, people are an object of counts. A key that is not known is an error: a misspelt
``excluded_sites`` must not pass in silence.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import date
from enum import StrEnum
from functools import cache
from types import NoneType, UnionType
from typing import Any, NoReturn, cast, get_args, get_origin, get_type_hints

from shelter_solver.problem import Problem, ProblemError
from shelter_solver.result import Answer

VERSION = 1


def problem_to_json(problem: Problem) -> str:
    """The problem as JSON text; ``problem_from_json`` gives an equal problem back."""
    return json.dumps({"version": VERSION, **_plain(problem)}, ensure_ascii=False, indent=1)


def answer_to_json(answer: Answer) -> str:
    """The answer as JSON text, with the field names of ``result.py``."""
    return json.dumps({"version": VERSION, **_plain(answer)}, ensure_ascii=False, indent=1)


def problem_from_json(text: str | bytes) -> Problem:
    """Read a problem.

    Raises
    ------
    ProblemError
        Whatever is wrong; ``where`` is the path, e.g. ``$.units[3].beds``. Nothing else escapes.
    """
    try:
        data = json.loads(text, parse_constant=_no_constant, object_pairs_hook=_no_duplicates)
    except ProblemError:
        raise
    except RecursionError:
        raise ProblemError("$", "is nested too deeply") from None
    except (ValueError, TypeError) as error:
        raise ProblemError("$", f"is not JSON: {error}") from None
    if not isinstance(data, dict):
        raise ProblemError("$", "must be an object")
    version = data.pop("version", None)
    if version != VERSION or isinstance(version, bool):
        raise ProblemError("$.version", f"must be {VERSION}")
    return cast(Problem, _read(Problem, data, "$"))


def _no_constant(name: str) -> NoReturn:
    raise ProblemError("$", f"{name} is not a number")


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(key for i, (key, _) in enumerate(pairs) if key in dict(pairs[:i]))
        raise ProblemError("$", f"the key {twice!r} is given twice in one object")
    return found


# --- writing --------------------------------------------------------------------------------------


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, frozenset):
        return sorted(_plain(item) for item in value)
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, date):
        return value.isoformat()
    return value


# --- reading --------------------------------------------------------------------------------------


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def _read(kind: Any, value: Any, path: str) -> Any:
    """The JSON value as a value of this type, or a ``ProblemError`` at its path."""
    origin = get_origin(kind)
    if origin is UnionType:  # only ``X | None`` occurs
        inner = next(arg for arg in get_args(kind) if arg is not NoneType)
        return None if value is None else _read(inner, value, path)
    if origin in (tuple, frozenset):
        items = _expect(list, value, path)
        made = [_read(get_args(kind)[0], item, f"{path}[{i}]") for i, item in enumerate(items)]
        return origin(made)
    if origin is Mapping:
        key_kind, value_kind = get_args(kind)
        return {
            _read(key_kind, key, f"{path}.{key}"): _read(value_kind, item, f"{path}.{key}")
            for key, item in _expect(dict, value, path).items()
        }
    if is_dataclass(kind):
        return _read_object(cast(type, kind), _expect(dict, value, path), path)
    if kind is date or issubclass(kind, StrEnum):
        parse: Callable[[str], Any] = date.fromisoformat if kind is date else kind
        try:
            return parse(_expect(str, value, path))
        except ValueError:
            wanted = "a date" if kind is date else "one of " + ", ".join(kind)
            raise ProblemError(path, f"must be {wanted}") from None
    if kind is float:
        return _read_float(value, path)
    return _expect(kind, value, path)


def _read_float(value: Any, path: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ProblemError(path, "must be a number")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ProblemError(path, "is too large")
    return number


def _read_object(kind: type, data: dict[str, Any], path: str) -> Any:
    known = {field.name: field for field in fields(kind)}
    for key in data:
        if key not in known:
            raise ProblemError(f"{path}.{key}", "is not a known key")
    for name, field in known.items():
        required = field.default is MISSING and field.default_factory is MISSING
        if required and name not in data:
            raise ProblemError(f"{path}.{name}", "is missing")
    values = {
        name: _read(_hints(kind)[name], item, f"{path}.{name}") for name, item in data.items()
    }
    try:
        return kind(**values)
    except ProblemError as error:
        raise ProblemError(f"{path} {error.where}", error.what) from None


_NAMES: dict[type, str] = {
    str: "a text",
    int: "a whole number",
    bool: "true or false",
    list: "a list",
    dict: "an object",
}


def _expect(kind: type, value: Any, path: str) -> Any:
    right = isinstance(value, kind) and (kind is bool or not isinstance(value, bool))
    if not right:
        raise ProblemError(path, f"must be {_NAMES[kind]}")
    return value
