"""Patient admission scheduling: the text format of the KU Leuven benchmark, read strictly.

Source: Demeester, Souffriau, De Causmaecker and Vanden Berghe, "A hybrid tabu search algorithm for
automatically assigning patients to beds", Artificial Intelligence in Medicine 48 (2010). Nights
are whole numbers from 0, ranges half-open; what lies beyond the planning horizon does not count.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass


class FormatError(ValueError):
    """The text is not an instance; ``line`` is counted from 1."""

    def __init__(self, line: int, what: str) -> None:
        super().__init__(f"line {line}: {what}")
        self.line = line


@dataclass(frozen=True, slots=True)
class Department:
    id: int
    #: years, both included; 0 means no limit
    youngest: int
    oldest: int
    #: specialism to level, 1 is best
    specialisms: Mapping[int, int]

    def admits(self, age: int) -> bool:
        return self.youngest <= age and (self.oldest == 0 or age <= self.oldest)


@dataclass(frozen=True, slots=True)
class Room:
    id: int
    capacity: int
    department: int
    #: F or M: that gender only; D: one gender in a night; N: anybody
    policy: str
    specialisms: Mapping[int, int]
    properties: frozenset[int]


@dataclass(frozen=True, slots=True)
class Patient:
    id: int
    age: int
    #: F or M
    gender: str
    #: nights first … end − 1, cut at the horizon; equal when the patient occupies no night
    first: int
    end: int
    #: (end − first,) specialism needed in each night
    specialisms: tuple[int, ...]
    #: the largest room that the patient would like; 0 for no wish
    capacity: int
    needed: frozenset[int]
    preferred: frozenset[int]


@dataclass(frozen=True, slots=True)
class Instance:
    horizon: int
    departments: Mapping[int, Department]
    rooms: tuple[Room, ...]
    #: those who occupy at least one night
    patients: tuple[Patient, ...]


SIZES = ("Rooms", "Roomproperties", "Beds", "Departments", "Specialisms", "Patients")


def parse(text: str) -> Instance:
    """Read an instance.

    Raises
    ------
    FormatError
        Whatever is wrong, with its line.
    """
    return _Reader(text).instance()


class _Reader:
    def __init__(self, text: str) -> None:
        self.lines = text.splitlines()
        self.at = 0

    def instance(self) -> Instance:
        self._take("ARTICLE BENCHMARK DATA SET")
        sizes = {name: self._size(name) for name in SIZES}
        horizon = self._size("Planning horizon")
        if horizon < 1:
            raise self._error("the planning horizon has no night")
        specialisms = {
            self._numbers(line.split()[:1])[0] for line in self._part("SPECIALISMS", sizes)
        }
        departments = [
            self._department(line, specialisms) for line in self._part("DEPARTMENTS", sizes)
        ]
        properties = len(list(self._part("ROOMPROPERTIES", sizes)))
        known = {department.id: department for department in departments}
        if len(known) < len(departments):
            raise self._error("a department is given twice")
        rooms = tuple(
            self._room(line, known, specialisms, properties) for line in self._part("ROOMS", sizes)
        )
        beds = dict.fromkeys((room.id for room in rooms), 0)
        if len(beds) < len(rooms):
            raise self._error("a room is given twice")
        for line in self._part("BEDS", sizes):
            _, home = self._numbers(line.split(), 2)
            if home not in beds:
                raise self._error(f"no room {home}")
            beds[home] += 1
        for room in rooms:
            if beds[room.id] != room.capacity:
                raise self._error(f"room {room.id}: {beds[room.id]} beds, not {room.capacity}")
        patients = [
            self._patient(line, horizon, specialisms, properties)
            for line in self._part("PATIENTS", sizes)
        ]
        self._take("END.")
        staying = tuple(patient for patient in patients if patient.first < patient.end)
        return Instance(horizon, known, rooms, staying)

    # --- lines ---

    def _error(self, what: str) -> FormatError:
        return FormatError(self.at, what)

    def _next(self) -> str:
        while self.at < len(self.lines):
            self.at += 1
            line = self.lines[self.at - 1].strip()
            if line:
                return line
        self.at += 1
        raise self._error("the text ends too early")

    def _take(self, wanted: str) -> None:
        line = self._next()
        if line != wanted:
            raise self._error(f"expected {wanted!r}, found {line!r}")

    def _size(self, name: str) -> int:
        line = self._next()
        key, _, value = line.partition(":")
        if key != name:
            raise self._error(f"expected {name!r}, found {line!r}")
        return self._numbers([value.strip()])[0]

    def _part(self, name: str, sizes: Mapping[str, int]) -> Iterator[str]:
        self._take(f"{name}:")
        for _ in range(sizes[name.capitalize()]):
            yield self._next()

    def _numbers(self, words: list[str], count: int | None = None) -> list[int]:
        if count is not None and len(words) != count:
            raise self._error(f"expected {count} numbers, found {len(words)}")
        for word in words:
            if not re.fullmatch(r"[0-9]{1,9}", word):
                raise self._error(f"{word!r} is not a whole number")
        return [int(word) for word in words]

    def _fields(self, line: str, count: int) -> list[list[str]]:
        fields = [field.split() for field in line.split("|")]
        if len(fields) != count:
            raise self._error(f"expected {count} fields between |, found {len(fields)}")
        return fields

    # --- one line ---

    def _department(self, line: str, specialisms: set[int]) -> Department:
        name, levels = self._fields(line, 2)
        if len(name) != 4:
            raise self._error("expected id, name, youngest and oldest age")
        number, youngest, oldest = self._numbers([name[0], *name[2:]])
        return Department(number, youngest, oldest, self._levels(levels, specialisms))

    def _levels(self, words: list[str], specialisms: set[int]) -> dict[int, int]:
        """Pairs of level and specialism; specialism 0 means none."""
        numbers = self._numbers(words)
        if len(numbers) % 2:
            raise self._error("levels and specialisms come in pairs")
        levels = dict(zip(numbers[1::2], numbers[::2], strict=True))
        levels.pop(0, None)
        self._known(levels, specialisms)
        return levels

    def _known(self, found: Mapping[int, int] | list[int], specialisms: set[int]) -> None:
        for specialism in found:
            if specialism not in specialisms:
                raise self._error(f"no specialism {specialism}")

    def _flags(self, words: list[str], count: int) -> frozenset[int]:
        numbers = self._numbers(words, count)
        if any(number > 1 for number in numbers):
            raise self._error("a property is 0 or 1")
        return frozenset(index for index, number in enumerate(numbers) if number)

    def _room(
        self, line: str, departments: Mapping[int, Department], specialisms: set[int], count: int
    ) -> Room:
        name, capacity, department, policy, levels, properties = self._fields(line, 6)
        number, beds, home = self._numbers([*name[:1], *capacity, *department], 3)
        if home not in departments:
            raise self._error(f"no department {home}")
        if policy not in (["F"], ["M"], ["D"], ["N"]):
            raise self._error(f"{' '.join(policy)!r} is no gender policy")
        known = self._levels(levels, specialisms)
        return Room(number, beds, home, policy[0], known, self._flags(properties, count))

    def _patient(self, line: str, horizon: int, specialisms: set[int], count: int) -> Patient:
        name, nights, treatment, capacity, needed, preferred = self._fields(line, 6)
        if len(name) != 4 or name[3] not in ("F", "M"):
            raise self._error("expected id, name, age and F or M")
        number, age, first, end, wish = self._numbers([name[0], name[2], *nights, *capacity], 5)
        parts = self._numbers(treatment)
        if len(parts) != 1 + 2 * parts[0]:
            raise self._error(f"expected {parts[0]} pairs of specialism and nights")
        needs = [
            one for one, length in zip(parts[1::2], parts[2::2], strict=True) for _ in range(length)
        ]
        if len(needs) != end - first:
            raise self._error(f"{end - first} nights, but specialisms for {len(needs)}")
        self._known(needs, specialisms)
        last = max(first, min(end, horizon))
        return Patient(
            number,
            age,
            name[3],
            first,
            last,
            tuple(needs[: last - first]),
            wish,
            self._flags(needed, count),
            self._flags(preferred, count),
        )
