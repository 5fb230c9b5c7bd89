"""Keys: what is encrypted at rest, and the keyed hash that stands for a case reference."""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCMSIV

from shelter.domain.codes import normalise_code

_NONCE_BYTES = 12
_TAG_BYTES = 16
KEY_BYTES = 32


class KeyProblem(RuntimeError):
    """A key is missing or wrong; the text names its id, never its value."""


@dataclass(frozen=True, slots=True)
class Keyring:
    """Named 256-bit keys. ``current`` encrypts; all of them decrypt."""

    current: str
    #: shown in no repr, so in no log or traceback either
    keys: Mapping[str, bytes] = field(repr=False)
    #: keys the hash of case references; not rotated, or cases would no longer meet
    case_key: bytes = field(repr=False)
    #: the keys as they are now where they are kept; None: they do not change while this runs
    again: Callable[[], Keyring] | None = field(default=None, repr=False, compare=False)

    def fresh(self) -> Keyring:
        """The keys as they are now: another process may have made another one current."""
        return self if self.again is None else self.again()

    def encrypt(self, table: str, row: UUID, column: str, plain: str) -> bytes:
        """AES-256-GCM-SIV (RFC 8452); the associated data tie the result to its place."""
        now = self.fresh()
        nonce = os.urandom(_NONCE_BYTES)
        sealed = AESGCMSIV(now.keys[now.current]).encrypt(
            nonce, plain.encode(), _associated(table, row, column, now.current)
        )
        return key_prefix(now.current) + nonce + sealed

    def decrypt(self, table: str, row: UUID, column: str, sealed: bytes) -> str:
        """Raises KeyProblem when the key is unknown or the bytes do not belong to this place."""
        key_id = key_id_of(sealed)
        rest = sealed[len(key_prefix(key_id)) :]
        if len(rest) < _NONCE_BYTES + _TAG_BYTES:
            raise KeyProblem(f"{table}.{column} of {row} was cut off")
        keys = self.keys if key_id in self.keys else self.fresh().keys
        if key_id not in keys:
            raise KeyProblem(f"no key {key_id!r} for {table}.{column}; add it to the key file")
        try:
            return (
                AESGCMSIV(keys[key_id])
                .decrypt(
                    rest[:_NONCE_BYTES],
                    rest[_NONCE_BYTES:],
                    _associated(table, row, column, key_id),
                )
                .decode()
            )
        except InvalidTag:
            raise KeyProblem(f"{table}.{column} of {row} was altered or moved") from None

    def case_hash(self, reference: str) -> str:
        """What is stored of a case reference: HMAC-SHA256 of its letters and digits.

        Raises ValueError when it has none: all such references would be one case.
        """
        normal = normalise_code(reference)
        if not normal:
            raise ValueError("a case reference has at least one letter or digit")
        return hmac.new(self.case_key, normal.encode(), hashlib.sha256).hexdigest()

    def keyed_hash(self, text: str) -> str:
        """HMAC-SHA256 of any text, apart from the hashes of case references."""
        return hmac.new(self.case_key, b"text\0" + text.encode(), hashlib.sha256).hexdigest()


def key_prefix(key_id: str) -> bytes:
    """How everything begins that was encrypted with this key."""
    return bytes([len(key_id)]) + key_id.encode("ascii", "replace")


def key_id_of(sealed: bytes) -> str:
    """The key that something was encrypted with, as it says itself."""
    length = sealed[0] if sealed else 0
    return sealed[1 : 1 + length].decode("ascii", "replace")


def _associated(table: str, row: UUID, column: str, key_id: str) -> bytes:
    return f"{table}|{row}|{column}|{key_id}".encode()
