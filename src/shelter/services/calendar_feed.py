"""Calendar feeds: an address that nobody can guess, at which a calendar program reads a rota.

Whoever has the address reads it without signing in, so it tells the service's name, the line and
the hours, and nothing else. Only a hash of the address is kept.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import icalendar
from sqlmodel import col, select

from shelter import i18n
from shelter.db.tables import CalendarFeed, Shift, User
from shelter.domain.errors import Conflict, NotAllowed
from shelter.domain.rota import HORIZON
from shelter.domain.sides import SYSTEM
from shelter.services.context import Shelter, Tx, found
from shelter.services.sessions import actor_of, token_hash
from shelter.services.shifts import PLANNERS, shifts_between

MOST_FEEDS = 5
#: how far back a feed goes
_PAST = timedelta(days=28)
#: that it is read is noted no more often
_NOTED_EVERY = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class _Read:
    user: User
    whole_service: bool
    due: bool


def feeds_of(tx: Tx) -> Sequence[CalendarFeed]:
    query = select(CalendarFeed).where(col(CalendarFeed.user_id) == tx.actor.user_id)
    return tx.session.exec(query.order_by(col(CalendarFeed.created_at))).all()


def make_feed(tx: Tx, *, whole_service: bool) -> str:
    """A new address of the actor's rota; its secret part is told this once."""
    if tx.actor.user_id is None or tx.actor.role not in PLANNERS:
        raise NotAllowed("not_allowed")
    if len(feeds_of(tx)) >= MOST_FEEDS:
        raise Conflict("feeds_too_many", max=MOST_FEEDS)
    token = secrets.token_urlsafe(32)
    tx.session.add(
        CalendarFeed(
            token_hash=token_hash(token),
            user_id=tx.actor.user_id,
            whole_service=whole_service,
            created_at=tx.now,
        )
    )
    tx.record("feed.make", f"user:{tx.actor.user_id}", side=tx.actor.side)
    return token


def revoke_feed(tx: Tx, hashed: str) -> None:
    """The address tells nothing any more."""
    feed = tx.session.get(CalendarFeed, hashed)
    if feed is not None and feed.user_id != tx.actor.user_id:
        feed = None
    tx.session.delete(found(feed, "feed"))
    tx.record("feed.revoke", f"user:{tx.actor.user_id}", side=tx.actor.side)


def read_feed(system: Shelter, token: str) -> bytes:
    """The calendar at an address. Raises NotFound for one that there is not, whatever the reason.

    Read with the rights of the person who made it.
    """

    def look(tx: Tx) -> _Read:
        feed = found(tx.session.get(CalendarFeed, token_hash(token)), "page")
        user = tx.session.get(User, feed.user_id)
        active = user is not None and user.active and user.role in PLANNERS
        noted = feed.read_at is not None and feed.read_at > tx.now - _NOTED_EVERY
        return _Read(found(user if active else None, "page"), feed.whole_service, not noted)

    read = system.run(SYSTEM, look, read_only=True)
    if read.due:
        system.run(SYSTEM, lambda tx: _note_read(tx, token))
    return system.run(
        actor_of(read.user), lambda tx: _calendar(tx, read.whole_service), read_only=True
    )


def _note_read(tx: Tx, token: str) -> None:
    feed = tx.session.get(CalendarFeed, token_hash(token))
    if feed is not None:
        feed.read_at = tx.now
        tx.session.add(feed)


def _calendar(tx: Tx, whole_service: bool) -> bytes:
    actor = tx.actor
    service = str(actor.service)
    rows = [
        row
        for row in shifts_between(tx, (service,), tx.now - _PAST, tx.now + HORIZON)
        if whole_service or row.user_id == actor.user_id
    ]
    calendar = icalendar.Calendar()
    calendar.add("prodid", "-//Shelter//rota//")
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    calendar.add("refresh-interval", timedelta(hours=1), parameters={"VALUE": "DURATION"})
    name = tx.network.service(service).name
    for row in rows:
        calendar.add_component(_event(tx, row, name))
    return bytes(calendar.to_ical())


def _event(tx: Tx, row: Shift, name: str) -> icalendar.Event:
    event = icalendar.Event()
    event.add("uid", f"{row.id}@shelter")
    event.add("dtstamp", tx.now)
    event.add("sequence", row.version)
    event.add("dtstart", row.starts_at)
    event.add("dtend", row.ends_at)
    event.add(
        "summary", i18n.text(tx.actor.language, "rota.feed.event", service=name, line=row.line)
    )
    event.add("x-shelter-line", str(row.line))
    return event
