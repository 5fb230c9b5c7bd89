"""Where keys are kept: a file that only its owner reads, or a secret manager's environment."""

from __future__ import annotations

import base64
import contextlib
import fcntl
import json
import os
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Any

from shelter import logs
from shelter.db.keys import KEY_BYTES, KeyProblem, Keyring

log = logs.get("keys")
VARIABLE = "SHELTER_KEYS"


@dataclass(frozen=True, slots=True)
class KeyText:
    """What a key file says; every change gives a new one, and ``json`` its text."""

    data: dict[str, Any]

    def ring(self, name: str) -> Keyring:
        """Raises KeyProblem, which names ``name`` and shows nothing of the content."""
        try:
            current = str(self.data["current"])
            keys = {key_id: _key(value) for key_id, value in self.data["keys"].items()}
            case_key = _key(self.data["case_key"])
            for instant in self.data.get("until", {}).values():
                datetime.fromisoformat(instant)
        except (ValueError, KeyError, TypeError, AttributeError):
            raise KeyProblem(f"{name} is not a key file") from None
        if current not in keys or any(len(key) != KEY_BYTES for key in [*keys.values(), case_key]):
            raise KeyProblem(
                f"{name}: every key has {KEY_BYTES} bytes, and current names one of them"
            )
        if not all(key_id.isascii() and 0 < len(key_id) < 256 for key_id in keys):
            raise KeyProblem(f"{name}: a key's name is 1 to 255 ASCII characters")
        return Keyring(current=current, keys=keys, case_key=case_key)

    @property
    def json(self) -> str:
        return json.dumps(self.data, indent=1)

    def last_current(self, key_id: str) -> datetime | None:
        """When this key stopped being the current one; None when it never was, or still is."""
        text = self.data.get("until", {}).get(key_id)
        return None if text is None else datetime.fromisoformat(text)

    def with_new_key(self) -> tuple[KeyText, str]:
        """With one more key, which decrypts but is not yet current; and its name.

        The name is random: two machines that add a key to copies of one file name two keys.
        """
        key_id = f"k-{secrets.token_hex(4)}"
        return self._with(keys={**self.data["keys"], key_id: _new_key()}), key_id

    def with_current(self, key_id: str, now: datetime) -> KeyText:
        if key_id not in self.data["keys"]:
            raise KeyProblem(f"there is no key {key_id!r}; `shelter keys status` lists them")
        if key_id == self.data["current"]:
            return self
        until = {**self.data.get("until", {}), self.data["current"]: _text(now)}
        until.pop(key_id, None)
        return self._with(current=key_id, until=until)

    def without(self, key_id: str) -> KeyText:
        if key_id == self.data["current"]:
            raise KeyProblem(f"{key_id} is the current key; rotate first")
        if key_id not in self.data["keys"]:
            raise KeyProblem(f"there is no key {key_id!r}; `shelter keys status` lists them")
        keys, until = dict(self.data["keys"]), dict(self.data.get("until", {}))
        del keys[key_id]
        until.pop(key_id, None)
        return self._with(keys=keys, until=until)

    def _with(self, **changed: Any) -> KeyText:
        return KeyText({**self.data, **changed})


class KeyFile:
    """The key file of a running process: read again whenever it has changed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = Lock()
        self._seen = self._signature()
        self._ring = replace(_read(path).ring(str(path)), again=self.now)

    def now(self) -> Keyring:
        """The keys as the file has them. While it is away or broken: as they were."""
        with self._lock:
            try:
                seen = self._signature()
                if seen != self._seen:
                    ring = _read(self.path).ring(str(self.path))
                    if ring.case_key != self._ring.case_key:
                        raise KeyProblem(f"{self.path} has another case_key")
                    self._ring = replace(ring, again=self.now)
                    self._seen = seen
            except (KeyProblem, OSError) as error:
                # people at work can still be served with the keys that were right a moment ago
                log.error("keys.not_read_again", error=logs.error_name(error))
            return self._ring

    def _signature(self) -> tuple[int, int, int]:
        try:
            found = self.path.stat()
        except FileNotFoundError:
            raise _missing(self.path) from None
        return found.st_mtime_ns, found.st_ino, found.st_size


def load_keyring(path: Path, *, create: bool, given: str | None = None) -> Keyring:
    """The keys of the file, or with ``create`` of a new one that only its owner may read.

    ``given`` is the same content from the environment; a file beside it must say the same. Raises
    KeyProblem when the keys are missing, unreadable, malformed or contradict each other.
    """
    if given is not None:
        ring = parse(given, VARIABLE).ring(VARIABLE)
        if path.exists() and _read(path).ring(str(path)) != ring:
            raise KeyProblem(
                f"{VARIABLE} and {path} hold different keys; remove the one that is out of date"
            )
        return ring
    if create and not path.exists():
        _create(path)
    return KeyFile(path).now()


def parse(text: str, name: str) -> KeyText:
    try:
        data = json.loads(text)
    except ValueError:
        data = None
    if not isinstance(data, dict):
        raise KeyProblem(f"{name} is not a key file")
    return KeyText(data)


def read_key_text(path: Path, given: str | None) -> KeyText:
    """What the keys say, from wherever this process has them."""
    return _read(path) if given is None else parse(given, VARIABLE)


def change_file(path: Path, edit: Callable[[KeyText], KeyText]) -> None:
    """Replace the file by ``edit`` of it, in one step that survives a power cut.

    One after the other: of two that rotate in the same moment neither loses the other's key.
    """
    with _alone(path):
        after = edit(_read(path))
        after.ring(str(path))  # nothing is written that could not be read again
        temporary = _write_beside(path, after.json)
        try:
            temporary.replace(path)
        except OSError:
            temporary.unlink()
            raise
        _sync_folder(path)


def _read(path: Path) -> KeyText:
    try:
        return parse(path.read_text(), str(path))
    except FileNotFoundError:
        raise _missing(path) from None
    except UnicodeDecodeError:
        raise KeyProblem(f"{path} is not a key file") from None
    except OSError as error:
        raise KeyProblem(f"{path} cannot be read: {error.strerror}") from None


def _missing(path: Path) -> KeyProblem:
    return KeyProblem(
        f"no key file at {path}; `shelter keys create` makes one, or set SHELTER_KEY_FILE"
    )


def _key(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


def _new_key() -> str:
    return base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()


def _text(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat(timespec="seconds")


def _create(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    first = KeyText({"current": "k1", "keys": {"k1": _new_key()}, "case_key": _new_key()})
    temporary = _write_beside(path, first.json)
    try:
        with contextlib.suppress(FileExistsError):  # another process was first: theirs is kept
            os.link(temporary, path)
    finally:
        temporary.unlink()
    # the name must survive a power cut, too, before anything is encrypted with these keys
    _sync_folder(path)


def _write_beside(path: Path, content: str) -> Path:
    # not named after the process id: in containers every process has the same
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    return temporary


def _sync_folder(path: Path) -> None:
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)  # and with it the lock
