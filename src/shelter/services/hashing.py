"""Password hashes: Argon2, and how many are made at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from shelter.domain.errors import TooMany

_hasher = PasswordHasher()
#: one hash takes half a second and 64 MiB: more at once would starve the people already inside
_hashing = BoundedSemaphore(2)
#: how many may stand in line for it; the next is told to come back, and no thread waits with them
PLACES = 5
#: places beside those for whoever signed in here before, so that a flood from nowhere fills none
KEPT_PLACES = 3
_line = BoundedSemaphore(PLACES)
_kept = BoundedSemaphore(KEPT_PLACES)
#: hashed when the login is unknown, so that both refusals take the same time
_DUMMY = "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHRzb21lc2FsdA$" + "A" * 43


def hash_password(password: str) -> str:
    with _hashing:
        return _hasher.hash(password)


@contextmanager
def place_in_line(*, known: bool) -> Iterator[None]:
    """Stand in line for a hash; ``known``: on a device where this login signed in before.

    Raises TooMany when too many already wait. Nothing has been tried then, so nothing is counted.
    """
    lines = (_kept, _line) if known else (_line,)
    line = next((line for line in lines if line.acquire(blocking=False)), None)
    if line is None:
        raise TooMany("busy", seconds=5)
    try:
        yield
    finally:
        line.release()


def is_right(stored: str | None, password: str) -> bool:
    """Whether this is the password; without a stored one it takes as long, and never is.

    Whoever calls has a place in line.
    """
    try:
        with _hashing:
            _hasher.verify(stored or _DUMMY, password)
    except (VerificationError, InvalidHashError):
        return False
    return stored is not None
