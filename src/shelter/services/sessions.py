"""Signed-in devices: how long each stays so, and how its owner ends it from elsewhere."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlmodel import Session, col, delete, select

from shelter.db.tables import User, UserSession
from shelter.domain.errors import NotSignedIn
from shelter.domain.sides import Actor
from shelter.services.context import Shelter, Tx, found

LENGTH = timedelta(hours=12)
IDLE = timedelta(hours=2)
#: on a computer that others use
SHARED_IDLE = timedelta(minutes=30)
#: how old a sign-in may be to change what signs in
FRESH = timedelta(minutes=15)
#: not a write for every page
_TOUCH_EVERY = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Visit:
    """From where somebody signs in."""

    #: "Firefox, Android", or empty
    device: str = ""
    #: a computer that others use: a short session, and nothing stays behind on it
    shared: bool = False
    #: the cookie of a device on which somebody has signed in before, as it came
    known_device: str | None = None
    #: the page to go to afterwards
    to: str = "/"


@dataclass(frozen=True, slots=True)
class SignedIn:
    #: the session's secret, given to the device once and never stored
    token: str
    actor: Actor
    expires_at: datetime
    shared: bool
    #: the cookie by which this device is known again; None on a shared one
    known_device: str | None
    to: str = "/"


def start(tx: Tx, user: User, visit: Visit, *, how: str) -> tuple[str, datetime]:
    """A new session and its token. Only sign-in calls this, when everything has been shown."""
    token = secrets.token_urlsafe(32)
    expires = tx.now + LENGTH
    tx.session.add(
        UserSession(
            token_hash=token_hash(token),
            user_id=user.id,
            device=visit.device,
            shared=visit.shared,
            created_at=tx.now,
            seen_at=tx.now,
            expires_at=expires,
        )
    )
    tx.record("session.start", f"user:{user.id}", how=how)
    return token, expires


def actor_of_token(system: Shelter, token: str) -> Actor | None:
    """Who holds this token; None when the session has ended, idled out or never was."""
    now = system.clock.now()

    def look(session: Session) -> tuple[User, UserSession] | None:
        row = session.get(UserSession, token_hash(token))
        if row is None:
            return None
        user = session.get(User, row.user_id)
        return (user, row) if user is not None else None

    both = system.database.run(look, read_only=True)
    if both is None:
        return None
    user, row = both
    if not user.active or not _runs(row, now):
        return None
    if now - row.seen_at > _TOUCH_EVERY:
        system.database.run(lambda session: _touch(session, row.token_hash, now))
    return actor_of(user)


def actor_of(user: User) -> Actor:
    return Actor(user.id, user.name, user.role, user.side, user.service, user.language)


def _runs(row: UserSession, now: datetime) -> bool:
    idle = SHARED_IDLE if row.shared else IDLE
    return now < row.expires_at and now - row.seen_at < idle


def _touch(session: Session, row_hash: str, now: datetime) -> None:
    row = session.get(UserSession, row_hash)
    if row is not None:
        row.seen_at = now
        session.add(row)


def sign_out(tx: Tx, token: str) -> None:
    row = tx.session.get(UserSession, token_hash(token))
    if row is not None:
        tx.session.delete(row)
        tx.record("session.end", f"user:{row.user_id}")


def own(tx: Tx) -> Sequence[UserSession]:
    """One's own running sessions, the newest first."""
    query = (
        select(UserSession)
        .where(col(UserSession.user_id) == tx.actor.user_id)
        .order_by(col(UserSession.created_at).desc(), col(UserSession.id))
    )
    return [row for row in tx.session.exec(query).all() if _runs(row, tx.now)]


def is_this(row: UserSession, token: str) -> bool:
    return row.token_hash == token_hash(token)


def end(tx: Tx, session_id: UUID) -> None:
    """End one of one's own sessions. Raises NotFound for anybody else's."""
    query = select(UserSession).where(
        col(UserSession.id) == session_id, col(UserSession.user_id) == tx.actor.user_id
    )
    tx.session.delete(found(tx.session.exec(query).first(), "session"))
    tx.record("session.end", f"user:{tx.actor.user_id}", elsewhere=True)


def end_all(tx: Tx, user_id: UUID, *, but: str | None = None) -> int:
    """End every session of an account, except for that of the token ``but``. How many."""
    query = select(UserSession).where(col(UserSession.user_id) == user_id)
    if but is not None:
        query = query.where(col(UserSession.token_hash) != token_hash(but))
    rows = tx.session.exec(query).all()
    for row in rows:
        tx.session.delete(row)
    if rows:
        tx.record("session.end", f"user:{user_id}", sessions=len(rows), elsewhere=True)
    return len(rows)


def require_fresh(tx: Tx, token: str) -> None:
    """Raises NotSignedIn when the sign-in is too old to change what signs in."""
    row = tx.session.get(UserSession, token_hash(token))
    if row is None or tx.now - row.created_at > FRESH:
        raise NotSignedIn("sign_in_again")


def token_hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def forget_old(tx: Tx) -> None:
    tx.session.exec(delete(UserSession).where(col(UserSession.expires_at) < tx.now))
