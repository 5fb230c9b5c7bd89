"""Reading an iCalendar file that somebody brings: bounded, and never trusted.

What would take long to expand is refused, not tried: rules by the second, by set positions or from
a distant past. Time zones are ours, not those that the file describes.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import icalendar
import recurring_ical_events
from icalendar.timezone import tzp

from shelter.domain.errors import FieldProblem, Invalid
from shelter.domain.rota import HORIZON, Span, local_instant

MAX_CHARACTERS = 200_000
MAX_EVENTS = 500
MAX_REPEATING = 100
MAX_SHIFTS = 1000
MAX_UID = 200
#: a rule that began before is refused: all of its past would be gone through
_OLDEST_RULE = timedelta(days=5 * 366)
#: of a rule; with these every step of it is a date
_RULE_PARTS = frozenset({"FREQ", "INTERVAL", "COUNT", "UNTIL", "BYDAY", "WKST"})
_RULE_FREQUENCIES = frozenset({"DAILY", "WEEKLY", "MONTHLY"})
_ZONES = re.compile(r"BEGIN:VTIMEZONE\b.*?END:VTIMEZONE[^\n]*\n?", re.DOTALL | re.IGNORECASE)
_ZONE_NAME = re.compile(r';TZID=("?)([^";:\n]+)\1', re.IGNORECASE)
_LINE = re.compile(r"\b(?:ligne|lijn|linie|line)\s*([1-3])\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class CalendarEvent:
    """One stretch of time in a file, and what it says of who is meant."""

    #: the same each time that this event is exported, wherever it was moved to
    key: str
    span: Span
    summary: str
    #: logins and mail addresses, in lower case
    names: frozenset[str]
    line: int
    cancelled: bool


def uid_of(key: str) -> str:
    """The UID that a key was made from."""
    return key.rsplit("#", 1)[0]


def read_calendar(text: str, now: datetime, zone: ZoneInfo) -> list[CalendarEvent]:
    """The events of a file from now on, a year ahead, in order.

    Raises Invalid about ``file``, naming what to do.
    """
    if len(text) > MAX_CHARACTERS:
        raise _wrong("calendar_large", max=MAX_CHARACTERS // 1000)
    if not re.match(r"\ufeff?\s*BEGIN:VCALENDAR\b", text, re.IGNORECASE):
        raise _wrong("calendar")
    if len(re.findall(r"^BEGIN:VEVENT\b", text, re.IGNORECASE | re.MULTILINE)) > MAX_EVENTS:
        raise _wrong("calendar_many", max=MAX_EVENTS)
    plain = _ZONES.sub("", text.lstrip("\ufeff \r\n\t").replace("\r\n", "\n"))
    for _, name in _ZONE_NAME.findall(plain.replace("\n ", "").replace("\n\t", "")):
        if tzp.timezone(name.strip()) is None:
            raise _wrong("calendar_zone", zone=name.strip()[:40])
    try:
        calendar = icalendar.Calendar.from_ical(plain)
        components = list(calendar.walk("VEVENT"))
        repeating = _repeating(components, now, zone)
        events = list(_events(calendar, repeating, now, zone))
    except Invalid:
        raise
    except Exception as error:  # a stranger's file breaks the library in ways that it does not name
        raise _wrong("calendar") from error
    if len(events) > MAX_SHIFTS:
        raise _wrong("calendar_many", max=MAX_SHIFTS)
    return sorted(events, key=lambda event: (event.span.start, event.key))


def _repeating(components: Collection[Any], now: datetime, zone: ZoneInfo) -> set[str]:
    """The UIDs of events that repeat. Raises Invalid on a rule that is refused."""
    found = set()
    rules = 0
    for component in components:
        uid = str(component.get("UID", ""))
        if component.get("EXRULE") is not None:
            raise _wrong("calendar_rule", event=_title(component))
        given = component.get("RRULE")
        if given is not None:
            for rule in given if isinstance(given, list) else (given,):
                rules += 1
                _check_rule(component, rule, now, zone)
            found.add(uid)
        if component.get("RDATE") is not None or component.get("RECURRENCE-ID") is not None:
            found.add(uid)
    if rules > MAX_REPEATING:
        raise _wrong("calendar_many", max=MAX_REPEATING)
    return found


def _check_rule(component: Any, rule: Any, now: datetime, zone: ZoneInfo) -> None:
    parts = {str(name).upper(): values for name, values in rule.items()}
    frequency = {str(each).upper() for each in parts.get("FREQ", ())}
    positive = all(
        int(value) >= 1 for name in ("INTERVAL", "COUNT") for value in parts.get(name, ())
    )
    begins = _instant(component["DTSTART"].dt, zone)
    if (
        not set(parts) <= _RULE_PARTS
        or not frequency <= _RULE_FREQUENCIES
        or len(frequency) != 1
        or not positive
        or begins < now - _OLDEST_RULE
    ):
        raise _wrong("calendar_rule", event=_title(component))


def _events(
    calendar: Any, repeating: Collection[str], now: datetime, zone: ZoneInfo
) -> Iterator[CalendarEvent]:
    query = recurring_ical_events.of(calendar, components=["VEVENT"])
    for each in query.between(now - timedelta(days=1), now + HORIZON):
        uid = str(each.get("UID", ""))
        if not 1 <= len(uid) <= MAX_UID or not uid.isprintable():
            raise _wrong("calendar_uid", event=_title(each))
        start, end = (_instant(each[name].dt, zone) for name in ("DTSTART", "DTEND"))
        if end <= now:
            continue
        key = uid
        if uid in repeating:
            original = each.get("RECURRENCE-ID") or each["DTSTART"]
            key = f"{uid}#{_instant(original.dt, zone):%Y%m%dT%H%MZ}"
        summary = _title(each)
        yield CalendarEvent(
            key=key,
            span=Span(start, end),
            summary=summary,
            names=frozenset(_names(each, summary)),
            line=_line(each, summary),
            cancelled=str(each.get("STATUS", "")).upper() == "CANCELLED",
        )


def _instant(value: date | datetime, zone: ZoneInfo) -> datetime:
    """In UTC; a day is its local midnight, an hour without a zone is local."""
    if not isinstance(value, datetime):
        return local_instant(value, time(), zone)
    return (value if value.tzinfo else value.replace(tzinfo=zone)).astimezone(UTC)


def _names(event: Any, summary: str) -> Iterator[str]:
    """Whom an event names: the first of these that says anything."""
    if login := str(event.get("X-SHELTER-LOGIN", "")).strip():
        yield login.lower()
        return
    attendees = event.get("ATTENDEE", [])
    for attendee in attendees if isinstance(attendees, list) else [attendees]:
        yield re.sub(r"^mailto:", "", str(attendee).strip(), flags=re.IGNORECASE).lower()
    yield from (word.lower().strip(".") for word in re.split(r"[\s,;:()<>\[\]|/]+", summary))


def _line(event: Any, summary: str) -> int:
    given = str(event.get("X-SHELTER-LINE", "")).strip()
    if given in {"1", "2", "3"}:
        return int(given)
    named = _LINE.search(summary)
    return int(named[1]) if named else 1


def _title(event: Any) -> str:
    text = " ".join(str(event.get("SUMMARY", "")).split())
    return "".join(c for c in text if c.isprintable())[:80] or "–"


def _wrong(code: str, **params: str | int) -> Invalid:
    return Invalid(FieldProblem("file", code, tuple(params.items())))
