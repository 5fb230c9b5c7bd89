"""Networks from TOML: ``parse_network`` is the door; a bad file is refused with every problem.

An administrator reads the problems at a terminal, so each says where (line and key path, list
items counted from 0), what is wrong and what to write instead.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path
from typing import Protocol, TypeVar
from zoneinfo import ZoneInfo

from shelter.domain.network import (
    Commune,
    Convention,
    Defaults,
    Fallback,
    Network,
    PoliceZone,
    Service,
    ServiceKind,
)
from shelter_solver.problem import Point, Zoning

MAX_BYTES = 1_000_000
#: languages that screens and messages exist in
LANGUAGES = ("fr", "nl", "de", "en")
#: kinds of shared place; a closed list, because a misspelt kind would silently switch a rule off
PLACE_KINDS = (
    "building",
    "entrance",
    "caretaker",
    "service",
    "bus",
    "train",
    "school",
    "workplace",
    "waiting_room",
)
FALLBACK_KINDS = (
    "cpas",
    "refuge",
    "reception_house",
    "night_shelter",
    "hotel",
    "helpline",
    "emergency",
    "partner",
)


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


def read_network_file(path: Path) -> Network:
    """The network in a UTF-8 file of at most 1 MB. Raises NetworkFileError."""
    return parse_network(read_text(path), name=path.name)


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


def parse_network(text: str, *, name: str = "network file") -> Network:
    """The network that ``text`` describes; ``name`` stands in front of each problem.

    Raises NetworkFileError, and nothing else, on any text.
    """
    document = Document(text, name)
    root = document.root
    communes = _communes(root)
    commune = commune_of(communes)
    services = _services(root, commune)
    service = OneOf([s.key for s in services], "a service of this network")
    network = Network(
        key=root.text("key", KEY),
        name=root.text("name"),
        timezone=_timezone(root),
        languages=tuple(root.texts("languages", OneOf(LANGUAGES, "a language of the system"))),
        coordinator=root.text("coordinator", service),
        communes=communes,
        services=services,
        police_zones=_police_zones(root, commune, services),
        zoning=_zoning(root.table("zoning")),
        defaults=_defaults(root.table("defaults")),
        convention=_convention(root.table("convention"), commune),
        fallbacks=_fallbacks(root),
    )
    document.finish()
    return network


def _communes(root: Table) -> tuple[Commune, ...]:
    communes: list[Commune] = []
    seen: set[str] = set()
    for table in root.tables("communes"):
        names = table.table("names")
        spoken = {language: names.optional_text(language) for language in LANGUAGES}
        names.require("fr", "write the French name")
        communes.append(
            Commune(
                nis=table.once("nis", table.text("nis", NIS), seen),
                names={language: name for language, name in spoken.items() if name},
                postal_codes=tuple(table.texts("postal_codes", POSTAL_CODE)),
                centre=point(table),
                population=table.integer("population", 1, 2_000_000),
            )
        )
    return tuple(communes)


def commune_of(communes: Iterable[Commune]) -> OneOf:
    """One of ``communes``. The nearest code is no advice: similar codes lie far apart."""
    do = "correct the NIS code, or add its [[communes]] to the network"
    return OneOf([c.nis for c in communes], "a commune of this network", do)


def point(table: Table) -> Point:
    """``lat`` and ``lon`` in degrees, inside a box around Belgium."""
    return Point(table.number("lat", 49, 52), table.number("lon", 2, 7))


def _services(root: Table, commune: OneOf) -> tuple[Service, ...]:
    seen: set[str] = set()
    return tuple(
        Service(
            key=table.once("key", table.text("key", KEY), seen),
            kind=table.member("kind", ServiceKind),
            name=table.text("name"),
            commune=table.optional_text("commune", commune),
            duty_phone=table.optional_text("duty_phone", PHONE),
            language=table.optional_text("language", LANGUAGE) or "fr",
        )
        for table in root.tables("services")
    )


def _police_zones(
    root: Table, commune: OneOf, services: Iterable[Service]
) -> tuple[PoliceZone, ...]:
    assistance = OneOf(
        [s.key for s in services if s.kind is ServiceKind.POLICE_VICTIM_ASSISTANCE],
        "a service of the kind police_victim_assistance",
    )
    zones: list[PoliceZone] = []
    codes: set[str] = set()
    covered: set[str] = set()
    for table in root.tables("police_zones", needed=False):
        communes = tuple(table.texts("communes", commune))
        for nis in communes:
            table.once("communes", nis, covered)
        zones.append(
            PoliceZone(
                code=table.once("code", table.text("code", ZONE_CODE), codes),
                name=table.text("name"),
                communes=communes,
                victim_assistance=table.text("victim_assistance", assistance),
            )
        )
    return tuple(zones)


def _timezone(root: Table) -> ZoneInfo:
    key = root.text("timezone")
    try:
        return ZoneInfo(key)
    except (KeyError, ValueError, OSError):
        if key:
            do = 'write a name such as "Europe/Brussels"'
            root.problem("timezone", f"{shown(key)} is not a time zone", do)
        return ZoneInfo("UTC")


def _zoning(table: Table) -> Zoning:
    return Zoning(
        min_distance_m=table.number("min_distance_m", 0, 50_000),
        place_kinds=frozenset(table.texts("place_kinds", OneOf(PLACE_KINDS, "a kind of place"))),
    )


def _defaults(table: Table) -> Defaults:
    usual = Defaults()
    minute, hour = timedelta(minutes=1), timedelta(hours=1)
    return Defaults(
        hold=minute * table.integer("hold_minutes", 1, 240, usual.hold // minute),
        quiet_from=_hour(table, "quiet_from", usual.quiet_from),
        quiet_until=_hour(table, "quiet_until", usual.quiet_until),
        review_perpetrator_placements=table.flag(
            "review_perpetrator_placements", usual.review_perpetrator_placements
        ),
        separation_m=table.number("separation_m", 0, 100_000, usual.separation_m),
        stale_after=hour * table.integer("stale_after_hours", 1, 336, usual.stale_after // hour),
        night_rolls_over_at=table.integer("night_rolls_over_at", 0, 23, usual.night_rolls_over_at),
        missed_arrival_after=minute
        * table.integer(
            "missed_arrival_after_minutes", 15, 1440, usual.missed_arrival_after // minute
        ),
        horizon_nights=table.integer("horizon_nights", 1, 366, usual.horizon_nights),
    )


def _hour(table: Table, key: str, usual: time) -> time:
    text = table.optional_text(key, CLOCK_TIME)
    return time.fromisoformat(text) if text else usual


def _convention(table: Table, commune: OneOf) -> Convention:
    shares = table.table("load_shares")
    for nis in shares.names:
        shares.check(nis, nis, commune)
    workers = table.integer("reference_workers", 0, 10_000, -1)
    return Convention(
        signed_on=table.day("signed_on"),
        load_shares={nis: shares.number(nis, 0, 1_000_000) for nis in shares.names},
        reference_workers=None if workers < 0 else workers,
        family_places_per_10000=table.number(
            "family_places_per_10000", 0, 100, Convention().family_places_per_10000
        ),
    )


def _fallbacks(root: Table) -> tuple[Fallback, ...]:
    fallbacks: list[Fallback] = []
    for table in root.tables("fallbacks", needed=False):
        fallback = Fallback(
            name=table.text("name"),
            phone=table.optional_text("phone", PUBLIC_PHONE),
            kind=table.optional_text("kind", OneOf(FALLBACK_KINDS, "a kind of fallback"))
            or "partner",
            for_victims=table.flag("for_victims", True),
            for_perpetrators=table.flag("for_perpetrators", False),
        )
        if not (fallback.for_victims or fallback.for_perpetrators):
            table.problem("for_victims", "this fallback helps nobody", "say whom, or remove it")
        fallbacks.append(fallback)
    return tuple(fallbacks)


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
KEY = Pattern(
    r"[a-z][a-z0-9-]{0,39}", "a key", "write small letters, digits and dashes, a letter first"
)
NIS = Pattern(r"[0-9]{5}", "a NIS code", "write five digits")
POSTAL_CODE = Pattern(r"[1-9][0-9]{3}", "a Belgian postal code", "write four digits")
ZONE_CODE = Pattern(r"[0-9]{4}", "the code of a police zone", "write four digits")
PHONE = Pattern(
    r"\+[1-9][0-9]{6,14}",
    "an international (E.164) number",
    'write "+", the country code and the number, without spaces',
)
#: national short numbers and 0800 lines are public and cannot be written in E.164
PUBLIC_PHONE = Pattern(
    rf"{PHONE.regex}|1[0-9]{{2,3}}|0800( ?[0-9]){{5,6}}",
    "a telephone number",
    "write an E.164 number, a short number such as 112, or an 0800 number",
)
CLOCK_TIME = Pattern(r"([01][0-9]|2[0-3]):[0-5][0-9]", "an hour", 'write it as "22:00"')
LANGUAGE = OneOf(LANGUAGES, "a language of the system")


# --- reading a document without stopping at the first mistake -------------------------------

KeyPath = tuple[str | int, ...]
E = TypeVar("E", bound=StrEnum)


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
            Problem(self._name, _line_of(path, lines), written(path), what, do)
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


# --- where things stand ---------------------------------------------------------------------


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


def _line_of(path: KeyPath, lines: Mapping[KeyPath, int]) -> int:
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
