"""Frozen data to and from plain JSON values, by their type hints. One reader for every file.

What does not fit is an error that names its place, e.g. ``$.units[3].beds``. A key that is not
known is one too: a misspelt ``excluded_sites`` must not pass in silence.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import date
from enum import StrEnum
from functools import cache
from types import NoneType, UnionType
from typing import Any, cast, get_args, get_origin, get_type_hints

from shelter_solver.problem import ProblemError

#: numbers beyond ± this are refused: other programs that read JSON would round whole ones
LARGEST = 2**53 - 1


@cache
def hints(kind: type) -> dict[str, Any]:
    """The types of a dataclass's fields, by name."""
    return get_type_hints(kind)


def is_required(field: Any) -> bool:
    """The dataclass field has no default."""
    return field.default is MISSING and field.default_factory is MISSING


# --- writing --------------------------------------------------------------------------------------


def to_plain(value: Any) -> Any:
    """The value as what ``json.dumps`` takes; sets are sorted, so equal data give equal text."""
    if is_dataclass(value):
        return {field.name: to_plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): to_plain(item) for key, item in value.items()}
    if isinstance(value, frozenset):
        return sorted(to_plain(item) for item in value)
    if isinstance(value, tuple):
        return [to_plain(item) for item in value]
    if isinstance(value, date):
        return value.isoformat()
    return value


# --- reading --------------------------------------------------------------------------------------


class _Repeated(dict[str, Any]):
    """An object in which a key is given twice; refused where it is met, for there is the path."""

    def __init__(self, twice: str) -> None:
        super().__init__()
        self.twice = twice


def object_of(text: str | bytes) -> dict[str, Any]:
    """The JSON object that the text holds."""
    try:
        data = json.loads(text, object_pairs_hook=_pairs, parse_int=_whole)
    except RecursionError:
        raise ProblemError("$", "is nested too deeply") from None
    except (ValueError, TypeError) as error:
        raise ProblemError("$", f"is not JSON: {error}") from None
    return cast(dict[str, Any], _expect(dict, data, "$"))


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    counts = Counter(key for key, _ in pairs)
    return _Repeated(next(key for key, count in counts.items() if count > 1))


def _whole(digits: str) -> int | float:
    # Python refuses to read thousands of digits, without saying where: keep it for the reader
    return int(digits) if len(digits) < 20 else float(digits)


def read(kind: Any, value: Any, path: str) -> Any:
    """The JSON value as a value of this type, or a ``ProblemError`` at its path."""
    origin = get_origin(kind)
    if origin is UnionType:
        return _read_union(get_args(kind), value, path)
    if origin in (tuple, frozenset):
        items = _expect(list, value, path)
        return origin(read(get_args(kind)[0], item, f"{path}[{i}]") for i, item in enumerate(items))
    if origin is Mapping:
        key_kind, value_kind = get_args(kind)
        return {
            read(key_kind, key, f"{path}.{key}"): read(value_kind, item, f"{path}.{key}")
            for key, item in _expect(dict, value, path).items()
        }
    if is_dataclass(kind):
        return read_object(cast(type, kind), _expect(dict, value, path), path)
    if kind is date:
        return _read_date(_expect(str, value, path), path)
    if issubclass(kind, StrEnum):
        if _expect(str, value, path) not in list(kind):
            raise ProblemError(path, "must be one of " + ", ".join(kind))
        return kind(value)
    return _SCALARS[kind](value, path)


def read_object(kind: type, data: Mapping[str, Any], path: str) -> Any:
    """A dataclass from a JSON object whose keys are its fields."""
    known = {field.name: field for field in fields(kind)}
    for key in data:
        if key not in known:
            raise ProblemError(f"{path}.{key}", "is not a known key")
    for name, field in known.items():
        if is_required(field) and name not in data:
            raise ProblemError(f"{path}.{name}", "is missing")
    values = {name: read(hints(kind)[name], item, f"{path}.{name}") for name, item in data.items()}
    try:
        return kind(**values)
    except ProblemError as error:
        raise ProblemError(f"{path} {error.where}", error.what) from None


def _read_union(kinds: tuple[Any, ...], value: Any, path: str) -> Any:
    """``X | None``, or one of the scalars ``str | int | float``."""
    if NoneType in kinds:
        inner = next(kind for kind in kinds if kind is not NoneType)
        return None if value is None else read(inner, value, path)
    kind = next((kind for kind in kinds if type(value) is kind), None)
    if kind is None:
        raise ProblemError(path, "must be " + " or ".join(_NAMES[kind] for kind in kinds))
    return read(kind, value, path)


def _read_date(text: str, path: str) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = None
    if day is None or day.isoformat() != text:  # Python reads 20261121 and 2026-W47-6 too
        raise ProblemError(path, "must be a date such as 2026-11-21")
    return day


def _read_whole(value: Any, path: str) -> int:
    if isinstance(value, float) and not math.isnan(value) and abs(value) > LARGEST:
        raise ProblemError(path, "is too large")
    if isinstance(value, float) and value.is_integer():
        return int(value)  # 4.0 is a whole number
    number = cast(int, _expect(int, value, path))
    if abs(number) > LARGEST:
        raise ProblemError(path, "is too large")
    return number


def _read_number(value: Any, path: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or math.isnan(value):
        raise ProblemError(path, "must be a number")
    if abs(value) > LARGEST:
        raise ProblemError(path, "is too large")
    return float(value)


def _read_text(value: Any, path: str) -> str:
    text = _expect(str, value, path)
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        raise ProblemError(path, "holds half a character: no file could be written with it")
    return cast(str, text)


def _read_flag(value: Any, path: str) -> bool:
    return cast(bool, _expect(bool, value, path))


_SCALARS: dict[type, Callable[[Any, str], Any]] = {
    str: _read_text,
    int: _read_whole,
    float: _read_number,
    bool: _read_flag,
}

_NAMES: dict[type, str] = {
    str: "a text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    list: "a list",
    dict: "an object",
}


def _expect(kind: type, value: Any, path: str) -> Any:
    if isinstance(value, _Repeated):
        raise ProblemError(path, f"the key {value.twice!r} is given twice in one object")
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise ProblemError(path, f"must be {_NAMES[kind]}")
    return value
