"""Password hashes: Argon2, and how many are made at once."""

from __future__ import annotations

from threading import BoundedSemaphore

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from shelter.domain.errors import TooMany

_hasher = PasswordHasher()
#: one hash takes half a second and 64 MiB: more at once would starve the people already inside
_hashing = BoundedSemaphore(2)
#: how many may stand in line for it; the next is told to come back, and no thread waits with them
_line = BoundedSemaphore(8)
#: hashed when the login is unknown, so that both refusals take the same time
_DUMMY = "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHRzb21lc2FsdA$" + "A" * 43


def hash_password(password: str) -> str:
    with _hashing:
        return _hasher.hash(password)


def is_right(stored: str | None, password: str) -> bool:
    """Whether this is the password; without a stored one it takes as long, and never is.

    Raises TooMany when too many already wait for their hash.
    """
    if not _line.acquire(blocking=False):
        raise TooMany("busy", seconds=5)
    try:
        with _hashing:
            _hasher.verify(stored or _DUMMY, password)
    except (VerificationError, InvalidHashError):
        return False
    finally:
        _line.release()
    return stored is not None
