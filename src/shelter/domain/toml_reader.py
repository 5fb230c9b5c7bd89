"""Reading a TOML document without stopping at the first mistake.

``Document`` and ``Table`` hand out checked values and note every problem with its line; at the
end ``NetworkFileError`` carries them all.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path
from typing import Protocol, TypeVar

from shelter.domain.toml_lines import KeyPath, line_index, line_of, shown, written

MAX_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to repair: ``path`` is a key path such as ``communes[2].nis``."""

    file: str
    line: int
    path: str
    what: str
    do: str

    def __str__(self) -> str:
        where = f"{self.path}: " if self.path else ""
        return f"{self.file}:{self.line}: {where}{self.what}; {self.do}"


class NetworkFileError(ValueError):
    """The file cannot be used; ``problems`` is never empty and sorted by line."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


def read_text(path: Path) -> str:
    """The text of a UTF-8 file of at most 1 MB. Raises NetworkFileError when it is not one."""

    def refuse(line: int, what: str, do: str) -> NetworkFileError:
        return NetworkFileError((Problem(path.name, line, "", what, do),))

    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        reason = (error.strerror or "unknown reason").lower()
        raise refuse(1, f"cannot be read ({reason})", "check the path and its rights") from error
    if len(raw) > MAX_BYTES:
        raise refuse(1, "is larger than 1 MB", "check that it is a network file")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise refuse(line, "is not UTF-8 text", "save the file in the UTF-8 encoding") from error


# --- the forms that a text may have ---------------------------------------------------------


class Form(Protocol):
    def wrong(self, text: str) -> tuple[str, str] | None:
        """What is wrong with ``text`` and what to do, or None."""
        ...


@dataclass(frozen=True, slots=True)
class Pattern:
    regex: str
    noun: str
    do: str

    def wrong(self, text: str) -> tuple[str, str] | None:
        if re.fullmatch(self.regex, text, re.ASCII):
            return None
        return f"{shown(text)} is not {self.noun}", self.do


@dataclass(frozen=True, slots=True)
class OneOf:
    options: Collection[str]
    noun: str
    #: advice; None names the nearest option
    do: str | None = None

    def wrong(self, text: str) -> tuple[str, str] | None:
        if text in self.options:
            return None
        return f"{shown(text)} is not {self.noun}", self.do or nearest(text, self.options)


LINE = Pattern(
    r"(?! )[^\x00-\x1f\x7f-\x9f]{1,120}(?<! )",
    "a line of text",
    "write 1 to 120 characters without spaces at the ends",
)


# --- reading a document without stopping at the first mistake -------------------------------

E = TypeVar("E", bound=StrEnum)


def nearest(text: str, options: Collection[str]) -> str:
    """Advice for somebody who wrote ``text`` where one of ``options`` belongs."""
    close = get_close_matches(text[:60], options, n=1, cutoff=0.5)
    if close:
        return f"did you mean {shown(close[0])}?"
    if not options:
        return "there is none in this file"
    some = ", ".join(list(options)[:10])
    return f"choose among {some}" + (" …" if len(options) > 10 else "")


class Document:
    """A parsed file, its root table, and what was found wrong with it."""

    def __init__(self, text: str, name: str) -> None:
        self._name = name
        self._text = text.replace("\r\n", "\n")
        self._found: list[tuple[KeyPath, str, str]] = []
        self._tables: list[Table] = []
        if len(text) > MAX_BYTES:
            raise self._refused(1, "is larger than 1 MB", "check that it is a network file")
        try:
            values = tomllib.loads(self._text)
        except RecursionError as error:
            raise self._refused(1, "is nested too deeply", "remove the nested lists") from error
        except ValueError as error:
            raise self._not_toml(error) from error
        self.root = Table(self, (), values)

    def add(self, path: KeyPath, what: str, do: str) -> None:
        self._found.append((path, what, do))

    def sound(self, path: KeyPath) -> bool:
        return all(found[: len(path)] != path for found, _, _ in self._found)

    def opened(self, table: Table) -> None:
        self._tables.append(table)

    def finish(self) -> None:
        """Raises NetworkFileError when anything was wrong, keys that nobody asked for included."""
        for table in self._tables:
            table.refuse_unknown_keys()
        if not self._found:
            return
        lines = line_index(self._text)
        problems = {
            Problem(self._name, line_of(path, lines), written(path), what, do)
            for path, what, do in self._found
        }
        order = sorted(problems, key=lambda p: (p.line, p.path, p.what))
        raise NetworkFileError(tuple(order))

    def _refused(self, line: int, what: str, do: str) -> NetworkFileError:
        return NetworkFileError((Problem(self._name, line, "", what, do),))

    def _not_toml(self, error: ValueError) -> NetworkFileError:
        # tomllib ends its messages with "(at line 3, column 5)" or "(at end of document)"
        message = re.sub(r"\s*\(at [^()]*\)$", "", str(error))
        at = re.search(r"\(at line (\d+), column \d+\)$", str(error))
        line = int(at[1]) if at else self._text.rstrip("\n").count("\n") + 1
        what = message if message.isprintable() else ascii(message)
        return self._refused(line, f"not TOML: {what}", "correct this line or the one above")


class Table:
    """One table of a document, read key by key.

    A wrong value is noted and a harmless one of the right type takes its place, so that reading
    goes on and one look finds every problem; ``Document.finish`` keeps the harmless values from
    ever leaving. A key that nobody read is unknown.
    """

    def __init__(self, document: Document, path: KeyPath, values: Mapping[str, object]) -> None:
        self._document = document
        self._path = path
        self._values = values
        self._known: list[str] = []
        document.opened(self)

    def problem(self, key: str, what: str, do: str) -> None:
        self._document.add((*self._path, key), what, do)

    @property
    def names(self) -> tuple[str, ...]:
        """The keys that the file gives, in its order."""
        return tuple(self._values)

    @property
    def sound(self) -> bool:
        """Nothing wrong was noted in here so far: checks that compare values make sense."""
        return self._document.sound(self._path)

    def require(self, key: str, do: str) -> bool:
        if key in self._values:
            return True
        self.problem(key, "is missing", do)
        return False

    def check(self, key: str, text: str, form: Form) -> bool:
        wrong = form.wrong(text)
        if wrong:
            self.problem(key, *wrong)
        return wrong is None

    def once(self, key: str, value: str, seen: set[str]) -> str:
        """``value``, noted as a problem when ``seen`` has it already."""
        if value and value in seen:
            self.problem(key, f"{shown(value)} is there twice", "keep one of the two")
        seen.add(value)
        return value

    def optional_text(self, key: str, form: Form = LINE) -> str | None:
        """The text, or None when the key is absent or wrong."""
        self._known.append(key)
        value = self._values.get(key)
        if value is None:
            return None
        if not isinstance(value, str):
            self.problem(key, f"{shown(value)} is not a text", "put it between double quotes")
            return None
        return value if self.check(key, value, form) else None

    def text(self, key: str, form: Form = LINE) -> str:
        """The text; "" when it is missing or wrong."""
        self.require(key, "add it")
        return self.optional_text(key, form) or ""

    def texts(self, key: str, form: Form) -> list[str]:
        """A list of at least one text, none twice; wrong ones are left out."""
        self._known.append(key)
        if not self.require(key, "add a list of texts"):
            return []
        value = self._values[key]
        if not isinstance(value, list) or not value:
            self.problem(key, f"{shown(value)} is not a list of texts", 'write ["…", "…"]')
            return []
        good: list[str] = []
        for number, item in enumerate(value):
            here = (*self._path, key, number)
            if not isinstance(item, str):
                what = f"{shown(item)} is not a text"
                self._document.add(here, what, "put it between double quotes")
            elif wrong := form.wrong(item):
                self._document.add(here, *wrong)
            elif item in good:
                self._document.add(here, f"{shown(item)} is there twice", "keep one of the two")
            else:
                good.append(item)
        return good

    def number(self, key: str, low: float, high: float, default: float | None = None) -> float:
        """A number from ``low`` to ``high``; required when there is no default."""
        self._known.append(key)
        do = f"write a number from {low:g} to {high:.10g}"
        if key not in self._values and default is not None:
            return default
        if not self.require(key, do):
            return low
        value = self._values[key]
        if isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high:
            return float(value)
        self.problem(key, f"{shown(value)} is not possible here", do)
        return low

    def integer(self, key: str, low: int, high: int, default: int | None = None) -> int:
        """A whole number from ``low`` to ``high``; required when there is no default."""
        value = self._values.get(key)
        if isinstance(value, float):
            self._known.append(key)
            do = f"write a number from {low} to {high} without a point"
            self.problem(key, f"{shown(value)} is not a whole number", do)
            return low
        return int(self.number(key, low, high, default))

    def flag(self, key: str, default: bool) -> bool:
        self._known.append(key)
        value = self._values.get(key, default)
        if isinstance(value, bool):
            return value
        self.problem(key, f"{shown(value)} is neither true nor false", "write true or false")
        return default

    def day(self, key: str) -> str | None:
        """An ISO date, from a TOML date."""
        self._known.append(key)
        value = self._values.get(key)
        if value is None:
            return None
        if isinstance(value, date) and not isinstance(value, datetime):
            return value.isoformat()
        do = "write it as 2024-03-15, without quotes"
        self.problem(key, f"{shown(value)} is not a date", do)
        return None

    def member(self, key: str, kinds: type[E]) -> E:
        """One of the values of an enumeration; its first when the key is missing or wrong."""
        options = [kind.value for kind in kinds]
        text = self.text(key, OneOf(options, "a word that belongs here"))
        return kinds(text) if text else next(iter(kinds))

    def table(self, key: str) -> Table:
        """A table inside this one; an absent one reads as empty."""
        self._known.append(key)
        value = self._values.get(key, {})
        if not isinstance(value, dict):
            do = f"write [{written((*self._path, key))}] and its keys below"
            self.problem(key, f"{shown(value)} is not a table", do)
            value = {}
        return Table(self._document, (*self._path, key), value)

    def tables(self, key: str, *, needed: bool = True) -> list[Table]:
        """A list of tables: at least one when ``needed``."""
        self._known.append(key)
        names = (part for part in (*self._path, key) if isinstance(part, str))
        do = f"write [[{'.'.join(names)}]] and its keys below"
        if key not in self._values and not needed:
            return []
        if not self.require(key, do):
            return []
        value = self._values[key]
        if not isinstance(value, list):
            self.problem(key, f"{shown(value)} is not a list of tables", do)
            return []
        good: list[Table] = []
        for number, item in enumerate(value):
            here = (*self._path, key, number)
            if isinstance(item, dict):
                good.append(Table(self._document, here, item))
            else:
                self._document.add(here, f"{shown(item)} is not a table", do)
        if needed and not value:
            self.problem(key, "is empty", do)
        return good

    def refuse_unknown_keys(self) -> None:
        for key in self._values:
            if key not in self._known:
                self.problem(key, "is not a known key", nearest(key, self._known))
