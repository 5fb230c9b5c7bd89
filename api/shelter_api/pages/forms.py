"""Url-encoded forms: what was typed, what it means, and what is wrong with it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import date
from enum import Enum
from typing import Any, TypeVar
from uuid import UUID

from litestar import Request
from litestar.di import NamedDependency

from shelter.domain.errors import FieldProblem, Invalid

E = TypeVar("E", bound=Enum)
MAX_TEXT = 400
MAX_VALUES = 200
#: taken as they were typed, to this length: a password that was set may hold anything, and what a
#: passkey answers is JSON; a calendar file has lines that end in its own way
AS_TYPED = {
    "password": MAX_TEXT,
    "present_password": MAX_TEXT,
    "credential": 16_000,
    "calendar": 200_000,
}


class Form:
    """Typed values by field name. Reading a field that is wrong notes a problem and goes on.

    A field is named as the service names it in its own problems (``keep_apart.0.case_reference``),
    so that either kind of problem stands beside its input.
    """

    def __init__(self, values: Mapping[str, list[str]] | None = None) -> None:
        self.values = {name: list(given) for name, given in (values or {}).items()}
        self.problems: list[FieldProblem] = []

    def text(self, name: str, default: str = "") -> str:
        given = self.values.get(name)
        return given[0] if given else default

    def texts(self, name: str) -> list[str]:
        return self.values.get(name, [])

    def has(self, name: str, value: str = "on") -> bool:
        return value in self.values.get(name, ())

    def optional(self, name: str) -> str | None:
        return self.text(name).strip() or None

    def whole(self, name: str, default: int = 0) -> int:
        number = self.optional_whole(name)
        return default if number is None else number

    def optional_whole(self, name: str) -> int | None:
        typed = self.text(name).strip()
        if not typed:
            return None
        if typed.removeprefix("-").isdecimal() and len(typed) <= 9:
            return int(typed)
        self.wrong(name, "number")
        return None

    def optional_decimal(self, name: str) -> float | None:
        typed = self.text(name).strip().replace(",", ".")
        if not typed:
            return None
        try:
            number = float(typed)
        except ValueError:
            number = math.nan
        if math.isfinite(number):
            return number
        self.wrong(name, "number")
        return None

    def optional_day(self, name: str) -> date | None:
        typed = self.text(name).strip()
        if not typed:
            return None
        try:
            return date.fromisoformat(typed)
        except ValueError:
            self.wrong(name, "date")
            return None

    def day(self, name: str) -> date:
        """A date that must be there; the day given on a problem is never used."""
        given = self.optional_day(name)
        if given is None and not self.text(name).strip():
            self.wrong(name, "missing")
        return given or date.min

    def choice(self, name: str, kind: type[E], default: E) -> E:
        typed = self.text(name)
        if not typed:
            return default
        for member in kind:
            if str(member.value) == typed:
                return member
        self.wrong(name, "choice")
        return default

    def required_choice(self, name: str, kind: type[E]) -> E:
        if not self.text(name):
            self.wrong(name, "missing")
        return self.choice(name, kind, next(iter(kind)))

    def choices(self, name: str, kind: type[E]) -> tuple[E, ...]:
        known = {str(member.value): member for member in kind}
        typed = self.texts(name)
        if any(value not in known for value in typed):
            self.wrong(name, "choice")
        return tuple(known[value] for value in dict.fromkeys(typed) if value in known)

    def identifiers(self, name: str) -> tuple[UUID, ...]:
        found = []
        for value in self.texts(name):
            try:
                found.append(UUID(value))
            except ValueError:
                self.wrong(name, "choice")
        return tuple(found)

    def wrong(self, name: str, code: str) -> None:
        if all(problem.field != name for problem in self.problems):
            self.problems.append(FieldProblem(name, code))

    def check(self) -> None:
        """Raises Invalid when something that was read is wrong."""
        if self.problems:
            raise Invalid(*self.problems)

    def rows(self, name: str, parts: Iterable[str], always: str | None = None) -> list[int]:
        """The filled rows of a repeated group, renumbered from 0 without gaps.

        A row in which only ``always`` (a field with a preset value) stands counts as empty.
        """
        columns = tuple(parts)
        filled: list[dict[str, list[str]]] = []
        for number in range(MAX_VALUES):
            row = {part: self.values.pop(f"{name}.{number}.{part}", [""]) for part in columns}
            if any(given[0].strip() for part, given in row.items() if part != always):
                filled.append(row)
        for number, row in enumerate(filled):
            for part, given in row.items():
                self.values[f"{name}.{number}.{part}"] = given
        return list(range(len(filled)))

    @property
    def content(self) -> dict[str, list[str]]:
        """What makes this form the same as another: all but its own key."""
        return {name: given for name, given in sorted(self.values.items()) if name != "key"}


#: the parameter ``form`` of a handler
Posted = NamedDependency[Form]


async def form_of(request: Request[Any, Any, Any]) -> Form:
    """The dependency ``form`` of every POST: its body, whatever it holds, as text."""
    values: dict[str, list[str]] = {}
    for name, value in (await request.form()).multi_items():
        if isinstance(value, str) and len(values) < MAX_VALUES:
            given = values.setdefault(_plain(name), [])
            if len(given) < MAX_VALUES:
                given.append(_taken(name, value))
    return Form(values)


def _taken(name: str, value: str) -> str:
    if name in AS_TYPED:
        return value[: AS_TYPED[name]]
    return _plain(value)


def _plain(text: str) -> str:
    """Text that any database can hold: no lone surrogate, no control character."""
    kept = text[:MAX_TEXT].encode(errors="replace").decode()
    return "".join(c for c in kept if c.isprintable() or c in "\n\t")
