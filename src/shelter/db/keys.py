"""Keys: what is encrypted at rest, and the keyed hash that stands for a case reference."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCMSIV

from shelter.domain.codes import normalise_code

_NONCE_BYTES = 12
_TAG_BYTES = 16
_KEY_BYTES = 32


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

    def encrypt(self, table: str, row: UUID, column: str, plain: str) -> bytes:
        """AES-256-GCM-SIV (RFC 8452); the associated data tie the result to its place."""
        nonce = os.urandom(_NONCE_BYTES)
        sealed = AESGCMSIV(self.keys[self.current]).encrypt(
            nonce, plain.encode(), _associated(table, row, column, self.current)
        )
        name = self.current.encode()
        return bytes([len(name)]) + name + nonce + sealed

    def decrypt(self, table: str, row: UUID, column: str, sealed: bytes) -> str:
        """Raises KeyProblem when the key is unknown or the bytes do not belong to this place."""
        length = sealed[0] if sealed else 0
        key_id = sealed[1 : 1 + length].decode("ascii", "replace")
        rest = sealed[1 + length :]
        if len(rest) < _NONCE_BYTES + _TAG_BYTES:
            raise KeyProblem(f"{table}.{column} of {row} was cut off")
        if key_id not in self.keys:
            raise KeyProblem(f"no key {key_id!r} for {table}.{column}; add it to the key file")
        try:
            return (
                AESGCMSIV(self.keys[key_id])
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


def _associated(table: str, row: UUID, column: str, key_id: str) -> bytes:
    return f"{table}|{row}|{column}|{key_id}".encode()


def load_keyring(path: Path, *, create: bool) -> Keyring:
    """Read the key file, or with ``create`` make one that only its owner may read.

    Raises KeyProblem when it is missing, unreadable or malformed.
    """
    if create and not path.exists():
        _create(path)
    try:
        data = json.loads(path.read_text())
        current = str(data["current"])
        keys = {name: _key(value) for name, value in data["keys"].items()}
        case_key = _key(data["case_key"])
    except FileNotFoundError:
        raise KeyProblem(
            f"no key file at {path}; `shelter keys create` makes one, or set SHELTER_KEY_FILE"
        ) from None
    except OSError as error:
        raise KeyProblem(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise KeyProblem(f"{path} is not a key file") from None
    if current not in keys or any(len(key) != _KEY_BYTES for key in [*keys.values(), case_key]):
        raise KeyProblem(f"{path}: every key has {_KEY_BYTES} bytes, and current names one of them")
    if not all(name.isascii() and 0 < len(name) < 256 for name in keys):
        raise KeyProblem(f"{path}: a key's name is 1 to 255 ASCII characters")
    return Keyring(current=current, keys=keys, case_key=case_key)


def _key(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


def _create(path: Path) -> None:
    def key() -> str:
        return base64.b64encode(secrets.token_bytes(_KEY_BYTES)).decode()

    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    content = json.dumps({"current": "k1", "keys": {"k1": key()}, "case_key": key()}, indent=1)
    # not named after the process id: in containers every process has the same
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):  # another process was first: theirs is kept
            os.link(temporary, path)
    finally:
        temporary.unlink()
    # the name must survive a power cut, too, before anything is encrypted with these keys
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
