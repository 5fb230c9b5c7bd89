"""Where the values of a TOML text stand: tomllib tells values, not lines."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable, Mapping

KeyPath = tuple[str | int, ...]


def shown(value: object) -> str:
    """``value`` as its author wrote it, short and without control characters."""
    if isinstance(value, str):
        short = value if len(value) <= 60 else value[:59] + "…"
        return json.dumps(short, ensure_ascii=not short.isprintable())
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) and abs(value) > 10**18:
        return "a huge number"
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list):
        return "a list"
    return str(value)


def written(path: KeyPath) -> str:
    """``("communes", 2, "nis")`` as ``communes[2].nis``."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            name = part if re.fullmatch(r"[A-Za-z0-9_-]{1,60}", part) else shown(part)
            text += f".{name}" if text else name
    return text


def line_of(path: KeyPath, lines: Mapping[KeyPath, int]) -> int:
    """The line of the nearest thing that is in the file: a missing key's table, at the last 1."""
    while path and path not in lines:
        path = path[:-1]
    return lines.get(path, 1)


#: lines of one statement after which the search gives up (its cost grows with their square)
_MAX_TRIES = 1000


def line_index(text: str) -> dict[KeyPath, int]:
    """Key path → line (from 1) of every key, table and list item of a valid TOML text.

    tomllib keeps no positions, but every TOML statement is a TOML document by itself, and no
    shorter run of its lines is one: an open list or string is an error. So tomllib itself finds
    where each statement ends and what it defines, and no second grammar can disagree with it.
    """
    rows = text.split("\n")
    lines: dict[KeyPath, int] = {}
    counts: dict[KeyPath, int] = {}
    table: KeyPath = ()
    start = 0
    while start < len(rows):
        end, values = _statement(rows, start)
        if values is None:
            break  # an absurdly long statement: what follows keeps no line of its own
        if rows[start].lstrip().startswith("["):
            table = _header(rows[start].lstrip(), values, counts)
            lines.setdefault(table, start + 1)
        else:
            _note(lines, table, values, start + 1)
            _note_items(lines, table, rows[start:end], start)
        start = end
    return lines


def _statement(rows: list[str], start: int) -> tuple[int, dict[str, object] | None]:
    for end in range(start + 1, min(len(rows), start + _MAX_TRIES) + 1):
        values = _loads("\n".join(rows[start:end]))
        if values is not None:
            return end, values
    return len(rows), None


def _loads(text: str) -> dict[str, object] | None:
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError):
        return None


def _header(row: str, values: dict[str, object], counts: dict[KeyPath, int]) -> KeyPath:
    """The path that a ``[table]`` or ``[[table]]`` row opens; ``counts`` numbers the latter."""
    path: KeyPath = ()
    inner: object = values
    while isinstance(inner, dict) and inner:
        if path in counts:
            path = (*path, counts[path] - 1)
        key, inner = next(iter(inner.items()))
        path = (*path, key)
    if row.startswith("[["):
        counts[path] = counts.get(path, 0) + 1
    return (*path, counts[path] - 1) if path in counts else path


def _note(lines: dict[KeyPath, int], path: KeyPath, value: object, line: int) -> None:
    if path not in lines:
        lines[path] = line
    if isinstance(value, dict):
        for key, inner in value.items():
            _note(lines, (*path, key), inner, line)
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            _note(lines, (*path, number), inner, line)


def _note_items(lines: dict[KeyPath, int], table: KeyPath, rows: list[str], start: int) -> None:
    """Move the items of a list that is written over several rows to their own rows."""
    done = 0
    for count in range(1, len(rows)):
        values: object = _loads("\n".join(rows[:count]) + "\n]")
        path = table
        while isinstance(values, dict) and len(values) == 1:
            key, values = next(iter(values.items()))
            path = (*path, key)
        if not isinstance(values, list):
            continue
        for number in range(done, len(values)):
            for known in _under(values[number], (*path, number)):
                lines[known] = start + count
        done = len(values)


def _under(value: object, path: KeyPath) -> Iterable[KeyPath]:
    found: dict[KeyPath, int] = {}
    _note(found, path, value, 0)
    return found
