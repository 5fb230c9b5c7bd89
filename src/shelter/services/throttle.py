"""How often a secret may be guessed at: counted in the database, per account, not per address.

Addresses cost an attacker nothing, so they are not looked at. After a few wrong guesses at one
account only a slow trickle is tried; the rest is refused before anything is hashed. Whoever has
signed in on this device before has a count of their own there (a signed cookie), and so is not
kept out by somebody else's guesses. A login that nobody has is counted like any other.
"""

from __future__ import annotations

import hmac
import math
import secrets
from datetime import timedelta
from uuid import UUID

from sqlmodel import col, delete

from shelter.db.keys import Keyring
from shelter.db.session import lock_tries
from shelter.db.tables import SignInTries, User
from shelter.domain.errors import TooMany
from shelter.domain.sides import SYSTEM
from shelter.services.context import Shelter, Tx

#: wrong guesses in a row that cost nothing but themselves
FREE = 5
#: the wait after the next ones; the last is the longest that its owner is ever kept waiting
WAITS = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=15))
FORGOTTEN_AFTER = timedelta(hours=24)


def password_key(keyring: Keyring, login: str, known_device: str | None = None) -> str:
    """What is counted for guesses at a password: from anywhere, or from one known device."""
    device = _device_of(keyring, login, known_device)
    return keyring.keyed_hash(f"tries|password|{login}|{device or ''}")


def second_key(keyring: Keyring, user: User, known_device: str | None = None) -> str:
    """As for the password: who has that alone does not keep its owner out where she is known."""
    device = _device_of(keyring, user.login, known_device)
    return keyring.keyed_hash(f"tries|second|{user.id}|{device or ''}")


def present_key(keyring: Keyring, user_id: UUID) -> str:
    """What is counted for guesses at the password by whoever is in already."""
    return keyring.keyed_hash(f"tries|present|{user_id}")


def refuse_early(system: Shelter, key: str) -> None:
    """Raises TooMany where that was told before: most of an attack ends here, unhashed."""
    now = system.clock.now()
    row = system.database.run(lambda session: session.get(SignInTries, key), read_only=True)
    if row is not None and row.told and now < row.next_at:
        raise too_many((row.next_at - now).total_seconds())


def take_a_try(system: Shelter, key: str, subject: str) -> None:
    """Count a guess before it is tried, so that many at once get no further than few.

    Raises TooMany while nothing is tried. The first refusal of each window is in the audit log.
    """

    def take(tx: Tx) -> float:
        wait = seconds_to_wait(tx, key, subject)
        if not wait:
            count(tx, key)
        return wait

    if wait := system.run(SYSTEM, take):
        raise too_many(wait)


def seconds_to_wait(tx: Tx, key: str, subject: str) -> float:
    """How long until the next guess is tried; 0 when it may be now. Locks the count."""
    lock_tries(tx.session, key)
    row = tx.session.get(SignInTries, key, populate_existing=True)
    if row is None or tx.now >= row.next_at:
        return 0
    if not row.told:
        row.told = True
        tx.session.add(row)
        tx.record("sign_in.throttled", subject)
    return (row.next_at - tx.now).total_seconds()


def count(tx: Tx, key: str) -> None:
    """Note a guess that is wrong, or not known to be right yet. The count is locked."""
    row = tx.session.get(SignInTries, key)
    if row is None:
        row = SignInTries(key=key, failed=0, last_at=tx.now, next_at=tx.now)
    if tx.now - row.last_at >= FORGOTTEN_AFTER:
        row.failed = 0
    row.failed += 1
    row.last_at = tx.now
    row.next_at = tx.now + wait_after(row.failed)
    row.told = False
    tx.session.add(row)


def forget(tx: Tx, key: str) -> None:
    """The secret was shown: its count begins anew."""
    tx.session.exec(delete(SignInTries).where(col(SignInTries.key) == key))


def wait_after(failed: int) -> timedelta:
    """How long nothing is tried after so many wrong guesses in a row."""
    if failed < FREE:
        return timedelta()
    return WAITS[min(failed - FREE, len(WAITS) - 1)]


def too_many(seconds: float) -> TooMany:
    return TooMany(
        "too_many_tries",
        seconds=max(1, math.ceil(seconds)),
        minutes=max(1, math.ceil(seconds / 60)),
    )


# --- devices on which somebody signed in before ---------------------------------------------------


def new_device(keyring: Keyring, login: str) -> str:
    """The value of a cookie that says: this login signed in here. Good for no other login."""
    name = secrets.token_urlsafe(16)
    return f"{name}.{_mark(keyring, login, name)}"


def knows(keyring: Keyring, login: str, known_device: str | None) -> bool:
    return _device_of(keyring, login, known_device) is not None


def _device_of(keyring: Keyring, login: str, known_device: str | None) -> str | None:
    name, _, mark = (known_device or "").partition(".")
    right = _mark(keyring, login, name)
    return name if hmac.compare_digest(mark.encode(), right.encode()) else None


def _mark(keyring: Keyring, login: str, name: str) -> str:
    return keyring.keyed_hash(f"device|{login}|{name}")


def forget_old(tx: Tx) -> None:
    tx.session.exec(delete(SignInTries).where(col(SignInTries.last_at) < tx.now - FORGOTTEN_AFTER))
