"""Accounts, passwords and signed-in devices."""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import BoundedSemaphore

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError
from sqlmodel import Session, col, select

from shelter.db.tables import Site, User, UserSession
from shelter.domain.errors import Conflict, FieldProblem, Invalid, NotSignedIn, TooMany
from shelter.domain.sides import Actor, Role, Side, other_side, sides_of
from shelter.services.context import Shelter, Tx

SESSION_LENGTH = timedelta(hours=12)
SESSION_IDLE = timedelta(hours=2)
MIN_PASSWORD = 12

_hasher = PasswordHasher()
#: one hash takes half a second and 64 MiB: more at once would starve the people already inside
_hashing = BoundedSemaphore(2)
#: how many may stand in line for it; the next is told to come back, and no thread waits with them
_line = BoundedSemaphore(8)
#: hashed when the login is unknown, so that both refusals take the same time
_DUMMY = "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHRzb21lc2FsdA$" + "A" * 43


@dataclass(frozen=True, slots=True)
class SignedIn:
    #: the session's secret, given to the device once and never stored
    token: str
    actor: Actor
    expires_at: datetime


def create_user(
    tx: Tx,
    *,
    login: str,
    name: str,
    password: str,
    role: Role,
    side: Side | None,
    service: str | None,
    phone: str | None = None,
    language: str = "fr",
) -> User:
    """Add an account. Raises Invalid, naming every wrong field, and Conflict on a taken login."""
    problems: list[FieldProblem] = []
    login = login.strip().lower()
    if not re.fullmatch(r"[a-z0-9][a-z0-9._@-]{2,63}", login):
        problems.append(FieldProblem("login", "login"))
    if len(password) < MIN_PASSWORD:
        problems.append(FieldProblem("password", "too_short", (("min", MIN_PASSWORD),)))
    try:
        sides_of(role, side)
    except ValueError:
        problems.append(FieldProblem("side", "side_of_role"))
    if role is not Role.ADMINISTRATOR:
        try:
            tx.network.service(service or "")
        except KeyError:
            problems.append(FieldProblem("service", "unknown_service"))
        else:
            if side is not None and acts_on(tx, service, other_side(side)):
                problems.append(FieldProblem("service", "service_other_side"))
    if phone is not None and not re.fullmatch(r"\+[1-9]\d{6,14}", phone):
        problems.append(FieldProblem("phone", "phone"))
    if problems:
        raise Invalid(*problems)
    if tx.session.exec(select(User.id).where(col(User.login) == login)).first() is not None:
        raise Conflict("login_taken", login=login)
    user = User(
        login=login,
        name=name,
        password_hash=hash_password(password),
        role=role,
        side=side,
        service=service,
        phone=phone,
        language=language,
        created_at=tx.now,
    )
    tx.session.add(user)
    tx.record("user.create", f"user:{user.id}", login=login, role=role.value)
    return user


def acts_on(tx: Tx, service: str | None, side: Side) -> bool:
    """Whether a service already has workers or sites of a side.

    One service has one duty phone, so it may not act on both: an alert of one side would ring on
    a phone that the other side holds. SAPV and coordination are two-sided and own neither.
    """
    return any(
        tx.session.exec(
            select(table.id).where(col(table.service) == service, col(table.side) == side).limit(1)
        ).first()
        is not None
        for table in (User, Site)
    )


def hash_password(password: str) -> str:
    with _hashing:
        return _hasher.hash(password)


def sign_in(system: Shelter, login: str, password: str) -> SignedIn:
    """Check the password and start a new session. Raises NotSignedIn without saying what was wrong.

    The password is checked outside any transaction: hashing takes half a second, and on SQLite a
    transaction would hold everybody up for so long.
    """
    user = system.database.run(
        lambda session: session.exec(
            select(User).where(col(User.login) == login.strip().lower())
        ).first(),
        read_only=True,
    )
    stored = user.password_hash if user is not None and user.active else _DUMMY
    if not _line.acquire(blocking=False):
        raise TooMany("busy", seconds=5)
    try:
        with _hashing:
            _hasher.verify(stored, password)
        right = True
    except VerificationError:
        right = False
    finally:
        _line.release()
    if not right or user is None or not user.active:
        raise NotSignedIn("wrong_password")
    token = secrets.token_urlsafe(32)
    actor = actor_of(user)

    def start(tx: Tx) -> SignedIn:
        expires = tx.now + SESSION_LENGTH
        tx.session.add(
            UserSession(
                token_hash=_token_hash(token),
                user_id=user.id,
                created_at=tx.now,
                seen_at=tx.now,
                expires_at=expires,
            )
        )
        tx.record("session.start", f"user:{user.id}")
        return SignedIn(token, actor, expires)

    return system.run(actor, start)


def actor_of_token(system: Shelter, token: str) -> Actor | None:
    """Who holds this token; None when the session has ended, idled out or never was."""
    now = system.clock.now()

    def look(session: Session) -> tuple[User, UserSession] | None:
        row = session.get(UserSession, _token_hash(token))
        if row is None:
            return None
        user = session.get(User, row.user_id)
        return (user, row) if user is not None else None

    both = system.database.run(look, read_only=True)
    if both is None:
        return None
    user, row = both
    if not user.active or now >= row.expires_at or now - row.seen_at >= SESSION_IDLE:
        return None
    if now - row.seen_at > timedelta(minutes=5):  # not a write for every page
        system.database.run(lambda session: _touch(session, row.token_hash, now))
    return actor_of(user)


def _touch(session: Session, token_hash: str, now: datetime) -> None:
    row = session.get(UserSession, token_hash)
    if row is not None:
        row.seen_at = now
        session.add(row)


def sign_out(tx: Tx, token: str) -> None:
    row = tx.session.get(UserSession, _token_hash(token))
    if row is not None:
        tx.session.delete(row)
        tx.record("session.end", f"user:{row.user_id}")


def actor_of(user: User) -> Actor:
    return Actor(user.id, user.name, user.role, user.side, user.service, user.language)


def _token_hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
