"""Neutral messages to a housed person: which there are, and in which hours one may arrive."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from shelter.domain.messages import Channel


class PersonMessage(StrEnum):
    """All that may ever be sent to a housed person. None says who sends it, or why."""

    CALL = "person_call"  # please call me back
    MESSAGE = "person_message"  # a message is waiting
    TOMORROW = "person_tomorrow"  # an appointment, tomorrow

    def template(self, channel: Channel) -> str:
        """The key of its text."""
        return f"{channel.value}.{self.value}"


#: ways to a person; mail can be read by whoever has the password
CHANNELS = (Channel.SMS, Channel.VOICE)
#: keys of the texts that go to persons, not to professionals
TEMPLATES = frozenset(message.template(way) for message in PersonMessage for way in CHANNELS)
#: a contact that was safe may be no more: it is asked again within so many days
LONGEST = timedelta(days=90)
#: the service is reminded so long before
REMIND = timedelta(days=3)


@dataclass(frozen=True, slots=True)
class Window:
    """From when until when a message may arrive (UTC)."""

    opens: datetime
    closes: datetime


def next_window(now: datetime, hour_from: int, hour_until: int, zone: ZoneInfo) -> Window:
    """The agreed hours that run now, or come next; ``opens`` is never before ``now``.

    Local hours, across midnight where ``hour_until`` is the smaller one; equal hours are the whole
    day. In the night in which the clocks skip an hour, a window of that hour alone does not exist,
    and the next day's is taken; an hour that comes twice is open twice.
    """
    if hour_from == hour_until:
        return Window(now, now + timedelta(days=1))
    today = now.astimezone(zone).date()
    for day in (today + timedelta(days=n) for n in range(-1, 4)):
        opens = _at(day, hour_from, zone)
        closes = _at(day + timedelta(days=hour_until < hour_from), hour_until, zone)
        if opens < closes and now < closes:
            return Window(max(now, opens), closes)
    raise AssertionError("no hours in five days")  # a zone skips one day's hour at most


def end_of_day(day: date, zone: ZoneInfo) -> datetime:
    """The instant at which a local day is over (UTC)."""
    return _at(day + timedelta(days=1), 0, zone)


def _at(day: date, hour: int, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(hour), zone).astimezone(UTC)
