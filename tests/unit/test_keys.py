"""What is encrypted belongs to one place, and a key file is made once, for its owner alone."""

from __future__ import annotations

import base64
import json
import stat
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCMSIV

from shelter.db.key_file import KeyText, change_file, load_keyring, read_key_text
from shelter.db.keys import KeyProblem, Keyring, key_id_of

ROW, OTHER_ROW = UUID(int=1), UUID(int=2)
PLAIN = "an address, with an é"


@pytest.fixture
def ring() -> Keyring:
    return Keyring(current="k1", keys={"k1": b"1" * 32}, case_key=b"c" * 32)


def key(byte: bytes, length: int = 32) -> str:
    return base64.b64encode(byte * length).decode()


def test_what_was_encrypted_is_decrypted_at_its_place(ring: Keyring) -> None:
    sealed = ring.encrypt("site", ROW, "location", PLAIN)
    assert ring.decrypt("site", ROW, "location", sealed) == PLAIN


def test_the_ciphertext_tells_nothing_and_is_new_each_time(ring: Keyring) -> None:
    first, second = (ring.encrypt("site", ROW, "location", PLAIN) for _ in range(2))
    assert b"address" not in first
    assert first != second


@pytest.mark.parametrize(
    ("table", "row", "column"),
    [
        ("site", OTHER_ROW, "location"),
        ("site", ROW, "description"),
        ("request", ROW, "location"),
    ],
    ids=["another row", "another column", "another table"],
)
def test_a_ciphertext_moved_elsewhere_is_refused(
    ring: Keyring, table: str, row: UUID, column: str
) -> None:
    sealed = ring.encrypt("site", ROW, "location", PLAIN)
    with pytest.raises(KeyProblem, match="altered or moved"):
        ring.decrypt(table, row, column, sealed)


def test_control_without_its_place_the_same_ciphertext_would_be_accepted_anywhere() -> None:
    cipher = AESGCMSIV(b"1" * 32)
    nonce = b"n" * 12
    assert cipher.decrypt(nonce, cipher.encrypt(nonce, PLAIN.encode(), None), None)


def test_every_altered_byte_and_every_cut_is_refused(ring: Keyring) -> None:
    sealed = ring.encrypt("site", ROW, "location", PLAIN)
    for index in range(len(sealed)):
        altered = bytearray(sealed)
        altered[index] ^= 1
        with pytest.raises(KeyProblem):
            ring.decrypt("site", ROW, "location", bytes(altered))
        with pytest.raises(KeyProblem):
            ring.decrypt("site", ROW, "location", sealed[:index])


def test_a_retired_key_still_decrypts_and_the_current_one_encrypts(ring: Keyring) -> None:
    sealed = ring.encrypt("site", ROW, "location", PLAIN)
    rotated = Keyring(current="k2", keys={"k1": b"1" * 32, "k2": b"2" * 32}, case_key=ring.case_key)

    assert rotated.decrypt("site", ROW, "location", sealed) == PLAIN
    with pytest.raises(KeyProblem, match="no key 'k2'"):
        ring.decrypt("site", ROW, "location", rotated.encrypt("site", ROW, "location", PLAIN))


def test_a_wrong_key_under_the_right_name_is_refused(ring: Keyring) -> None:
    sealed = ring.encrypt("site", ROW, "location", PLAIN)
    impostor = Keyring(current="k1", keys={"k1": b"x" * 32}, case_key=ring.case_key)
    with pytest.raises(KeyProblem, match="altered or moved"):
        impostor.decrypt("site", ROW, "location", sealed)


def test_no_key_is_shown_by_a_repr_or_an_error(ring: Keyring) -> None:
    assert "111" not in repr(ring)
    assert "ccc" not in repr(ring)
    with pytest.raises(KeyProblem) as refused:
        ring.decrypt("site", ROW, "location", b"\x02k9" + b"z" * 40)
    assert "111" not in str(refused.value)


def test_one_case_has_one_hash_however_its_reference_is_typed(ring: Keyring) -> None:
    typed = ["LI.37.L1.012345/2026", "li 37 l1 012345 2026", " Li-37-L1-012345-2026\n"]
    assert len({ring.case_hash(reference) for reference in typed}) == 1


def test_other_cases_and_other_keys_have_other_hashes(ring: Keyring) -> None:
    other = Keyring(current="k1", keys=ring.keys, case_key=b"d" * 32)
    hashes = {ring.case_hash("A1"), ring.case_hash("A2"), other.case_hash("A1")}
    assert len(hashes) == 3
    assert all(len(found) == 64 for found in hashes)


@pytest.mark.parametrize("reference", ["", "  ", "--/--"])
def test_a_reference_without_letters_or_digits_is_no_case(ring: Keyring, reference: str) -> None:
    with pytest.raises(ValueError, match="letter or digit"):
        ring.case_hash(reference)


def test_a_new_key_file_may_be_read_by_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "new" / "keys.json"

    ring = load_keyring(path, create=True)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert load_keyring(path, create=True) == ring
    assert [found.name for found in path.parent.iterdir()] == ["keys.json"]


def test_no_two_new_files_have_the_same_keys(tmp_path: Path) -> None:
    first = load_keyring(tmp_path / "1.json", create=True)
    second = load_keyring(tmp_path / "2.json", create=True)
    secrets = {*first.keys.values(), first.case_key, *second.keys.values(), second.case_key}
    assert len(secrets) == 4


def test_processes_that_make_the_key_file_at_once_end_with_one(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    program = (
        "import sys, pathlib\n"
        "from shelter.db.key_file import load_keyring\n"
        "sys.stdin.readline()\n"
        "print(load_keyring(pathlib.Path(sys.argv[1]), create=True).case_hash('A1'))\n"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", program, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        for _ in range(4)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write(b"go\n")
        process.stdin.flush()
    hashes = {process.communicate(timeout=30)[0].strip() for process in processes}

    assert [process.returncode for process in processes] == [0] * 4
    assert len(hashes) == 1
    assert [found.name for found in tmp_path.iterdir()] == ["keys.json"]


def test_a_crash_while_making_the_key_file_blocks_no_later_start(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    for leftover in ("keys.json.1", "keys.json.7"):  # in a container the process id is the same
        (tmp_path / leftover).write_text("{")
    load_keyring(path, create=True)


def test_a_missing_file_is_not_made_unasked(tmp_path: Path) -> None:
    with pytest.raises(KeyProblem, match="no key file"):
        load_keyring(tmp_path / "keys.json", create=False)
    assert not list(tmp_path.iterdir())


GOOD: dict[str, Any] = {"current": "k1", "keys": {"k1": key(b"1")}, "case_key": key(b"c")}


@pytest.mark.parametrize(
    "content",
    [
        "",
        "not json",
        "[]",
        "null",
        json.dumps({**GOOD, "keys": [key(b"1")]}),
        json.dumps({**GOOD, "keys": {"k1": 5}}),
        json.dumps({**GOOD, "keys": {"k1": "not base 64!"}}),
        json.dumps({**GOOD, "keys": {"k1": key(b"1", 16)}}),
        json.dumps({**GOOD, "keys": {"é": key(b"1")}, "current": "é"}),
        json.dumps({**GOOD, "current": "k2"}),
        json.dumps({**GOOD, "current": ["k1"]}),
        json.dumps({**GOOD, "case_key": ""}),
        json.dumps({**GOOD, "case_key": key(b"c", 8)}),
        json.dumps({name: GOOD[name] for name in ("current", "keys")}),
    ],
)
def test_a_malformed_key_file_is_refused_without_showing_it(tmp_path: Path, content: str) -> None:
    path = tmp_path / "keys.json"
    path.write_text(content)
    with pytest.raises(KeyProblem) as refused:
        load_keyring(path, create=True)
    assert key(b"c") not in str(refused.value)
    assert path.read_text() == content


def test_control_the_good_key_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    path.write_text(json.dumps(GOOD))
    assert load_keyring(path, create=False).current == "k1"


def test_an_unreadable_key_file_is_a_key_problem(tmp_path: Path) -> None:
    with pytest.raises(KeyProblem, match="cannot be read"):
        load_keyring(tmp_path, create=False)


# --- a file that changes while processes run -----------------------------------------------------


def rotated(keys: KeyText) -> KeyText:
    more, key_id = keys.with_new_key()
    return more.with_current(key_id, datetime(2026, 11, 21, 12, tzinfo=UTC))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "keys.json"
    load_keyring(path, create=True)
    return path


def test_a_running_process_learns_of_a_new_key(path: Path) -> None:
    ring = load_keyring(path, create=False)
    before = ring.encrypt("site", ROW, "location", PLAIN)
    change_file(path, rotated)
    other = load_keyring(path, create=False)

    assert ring.decrypt("site", ROW, "location", other.encrypt("site", ROW, "location", PLAIN))
    assert key_id_of(ring.encrypt("site", ROW, "location", PLAIN)) == other.current
    assert ring.decrypt("site", ROW, "location", before) == PLAIN


def test_while_the_file_is_away_or_broken_the_keys_stay_as_they_were(path: Path) -> None:
    ring = load_keyring(path, create=False)
    good = path.read_text()
    for bad in ("{", json.dumps({**json.loads(good), "case_key": key(b"x")})):
        path.write_text(bad)
        assert ring.fresh().keys == ring.keys
    path.unlink()
    sealed = ring.encrypt("site", ROW, "location", PLAIN)
    assert ring.decrypt("site", ROW, "location", sealed) == PLAIN
    path.write_text(good)
    assert ring.fresh() == ring


def test_another_case_key_is_never_taken_over(path: Path) -> None:
    ring = load_keyring(path, create=False)
    path.write_text(json.dumps({**json.loads(path.read_text()), "case_key": key(b"x")}))
    assert ring.fresh().case_hash("A1") == ring.case_hash("A1")


def test_of_two_that_rotate_at_once_neither_loses_the_other_s_key(path: Path) -> None:
    threads = [threading.Thread(target=change_file, args=(path, rotated)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(load_keyring(path, create=False).keys) == 9
    assert [found.name for found in path.parent.iterdir()] == ["keys.json"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_key_that_was_replaced_remembers_until_when_it_was_current(path: Path) -> None:
    change_file(path, rotated)
    keys = read_key_text(path, None)
    assert keys.last_current("k1") == datetime(2026, 11, 21, 12, tzinfo=UTC)
    [new] = set(keys.data["keys"]) - {"k1"}
    assert keys.last_current(new) is None
    with pytest.raises(KeyProblem, match="current key"):
        keys.without(new)
    assert set(keys.without("k1").data["keys"]) == {new}
    assert keys.without("k1").data["until"] == {}


def test_an_edit_that_could_not_be_read_again_is_not_written(path: Path) -> None:
    before = path.read_text()
    with pytest.raises(KeyProblem):
        change_file(path, lambda keys: KeyText({**keys.data, "current": "nobody"}))
    assert path.read_text() == before


def test_keys_come_from_the_environment_where_it_has_them(tmp_path: Path) -> None:
    ring = load_keyring(tmp_path / "none.json", create=True, given=json.dumps(GOOD))
    assert ring.current == "k1"
    assert not list(tmp_path.iterdir())


def test_a_file_beside_the_environment_must_say_the_same(path: Path) -> None:
    same = path.read_text()
    assert load_keyring(path, create=False, given=same).current == "k1"
    with pytest.raises(KeyProblem, match=r"SHELTER_KEYS and .* hold different keys") as refused:
        load_keyring(path, create=False, given=json.dumps(GOOD))
    assert key(b"1") not in str(refused.value)


def test_a_malformed_environment_is_refused_without_showing_it(tmp_path: Path) -> None:
    with pytest.raises(KeyProblem, match="SHELTER_KEYS is not a key file") as refused:
        load_keyring(tmp_path / "none.json", create=False, given="secret")
    assert "secret" not in str(refused.value)


def test_a_ciphertext_that_claims_another_key_is_refused(ring: Keyring) -> None:
    both = Keyring("k1", {"k1": b"1" * 32, "k2": b"1" * 32}, ring.case_key)
    sealed = both.encrypt("site", ROW, "location", PLAIN)
    with pytest.raises(KeyProblem, match="altered or moved"):
        both.decrypt("site", ROW, "location", sealed.replace(b"k1", b"k2", 1))
