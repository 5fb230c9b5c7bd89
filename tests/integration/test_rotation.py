"""Keys change while people work: nothing becomes unreadable, and nobody's edit is lost."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlmodel import SQLModel

from chaos.rotation import rotate_under_load
from shelter.db import sealed
from shelter.db.key_file import VARIABLE, change_file, load_keyring, read_key_text
from shelter.db.keys import KeyProblem, key_id_of
from shelter.db.session import Database
from shelter.db.tables import AuditEntry, Request, Site
from shelter.domain.sides import SYSTEM
from shelter.services import intake, rotation
from support.raw import all_seeing
from support.server import As, running_server
from support.world import World, secova_world


def encoded(byte: bytes) -> str:
    return base64.b64encode(byte * 32).decode()


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    """The key of the tests' worlds, in a file."""
    path = tmp_path / "keys.json"
    content = {"current": "k1", "keys": {"k1": encoded(b"1")}, "case_key": encoded(b"c")}
    path.write_text(json.dumps(content))
    path.chmod(0o600)
    return path


@pytest.fixture
def world(database: Database, key_file: Path) -> World:
    made = secova_world(database)
    made.system.keyring = load_keyring(key_file, create=False)
    return made


def use_new_key(world: World, path: Path) -> str:
    def add_and_use(keys: Any) -> Any:
        more, key_id = keys.with_new_key()
        return more.with_current(key_id, world.clock.now())

    change_file(path, add_and_use)
    return world.system.keyring.fresh().current


def sealed_values(world: World) -> list[bytes]:
    """Every encrypted value, from above all rules."""
    with all_seeing(world.system.database).connect() as connection:
        return [
            bytes(value)
            for column in sealed.SEALED
            for value in connection.execute(sa.select(column.table.c[column.column])).scalars()
            if value
        ]


def key_ids(world: World) -> set[str]:
    return {key_id_of(value) for value in sealed_values(world)}


def values_of(world: World) -> int:
    return len(sealed_values(world))


def note_of(world: World, request_id: UUID) -> str | None:
    worker = world.user("garde.aywaille")
    return world.system.run(
        worker,
        lambda tx: intake.note_of(tx, intake.readable_request(tx, request_id)),
        read_only=True,
    )


def test_every_column_of_bytes_is_rotated_or_is_no_secret() -> None:
    registered = {column.name for column in sealed.SEALED}
    of_bytes = {
        f"{table.name}.{column.name}"
        for table in SQLModel.metadata.tables.values()
        for column in table.columns
        if isinstance(column.type, sa.LargeBinary)
    }
    assert registered | set(sealed.OPEN) == of_bytes
    assert not registered & set(sealed.OPEN)


def test_everything_is_under_the_new_key_and_says_what_it_said(
    world: World, key_file: Path
) -> None:
    request = world.ask(world.user("garde.aywaille"), note="Chien calme")
    assert key_ids(world) == {"k1"}
    new = use_new_key(world, key_file)

    done = rotation.rotate(world.system)

    assert key_ids(world) == {new}
    assert done.values == values_of(world)
    assert (done.overtaken, done.unreadable) == (0, ())
    assert note_of(world, request.id) == "Chien calme"
    assert rotation.rotate(world.system).values == 0
    [entry] = [e for e in world.all(AuditEntry) if e.action == "keys.rotate"]
    assert entry.detail == {"values": done.values}


def _edited_in_between(world: World, key_file: Path, monkeypatch: pytest.MonkeyPatch) -> str | None:
    """A worker changes the note after the rotation has read it and before it writes."""
    worker = world.user("garde.aywaille")
    request = world.ask(worker, note="Chien calme")
    use_new_key(world, key_file)
    reseal = rotation._resealed
    edited: list[Request] = []

    def slow(ring: Any, column: Any, value: Any) -> bytes:
        result: bytes = reseal(ring, column, value)
        if column.name == "request.note" and not edited:
            change = intake.Amendment(note="Deux chiens")
            edited.append(world.do(worker, intake.amend, request.id, change, request.version))
        return result

    monkeypatch.setattr(rotation, "_resealed", slow)
    rotation.rotate(world.system)
    assert edited
    return note_of(world, request.id)


def test_an_edit_between_reading_and_writing_is_kept(
    world: World, key_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _edited_in_between(world, key_file, monkeypatch) == "Deux chiens"
    assert len(key_ids(world)) == 1


def test_control_without_the_comparison_that_edit_is_lost(
    world: World, key_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rotation, "_unchanged", lambda _read, _now: True)
    assert _edited_in_between(world, key_file, monkeypatch) == "Chien calme"


def test_a_value_that_no_key_opens_stops_nothing_and_is_named(world: World, key_file: Path) -> None:
    [first, second, *_] = sorted(world.all(Site), key=lambda site: site.name)
    with all_seeing(world.system.database).begin() as connection:  # moved to another row
        connection.execute(
            sa.update(Site.__table__)  # type: ignore[attr-defined]
            .where(sa.column("id") == first.id)
            .values(location=second.location)
        )
    use_new_key(world, key_file)
    done = rotation.rotate(world.system)
    assert [str(first.id) in problem for problem in done.unreadable] == [True]
    assert done.values == values_of(world) - 1


def test_a_key_is_taken_out_once_nothing_and_no_backup_needs_it(
    world: World, key_file: Path
) -> None:
    def retire() -> None:
        keys = read_key_text(key_file, None)
        world.system.run(SYSTEM, lambda tx: rotation.refuse_to_retire(tx, keys, "k1"))

    with pytest.raises(KeyProblem, match="current key"):
        retire()
    use_new_key(world, key_file)
    with pytest.raises(KeyProblem, match="values are under k1"):
        retire()
    rotation.rotate(world.system)
    with pytest.raises(KeyProblem, match="backups are kept for 35 days"):
        retire()
    world.clock.at += timedelta(days=35)
    retire()


# --- the command, and servers that run meanwhile -------------------------------------------------


def shelter(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    variables = {n: v for n, v in os.environ.items() if not n.startswith("SHELTER_")}
    return subprocess.run(
        [sys.executable, "-m", "shelter.cli", *words],
        env=variables | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_running_server_reads_and_writes_on_through_a_rotation(
    database_url: str, tmp_path: Path
) -> None:
    with running_server(tmp_path, database_url) as server, server.client() as client:
        keys = tmp_path / "keys.json"
        worker = As(client, server.system, "garde.aywaille")
        asked = worker.post("/requests", {"people": {"woman": 1}, "note": "Chien calme"}).json()
        assert worker.get(f"/requests/{asked['id']}").json()["note"] == "Chien calme"

        done = shelter(
            "keys",
            "rotate",
            SHELTER_DATABASE_URL=database_url,
            SHELTER_KEY_FILE=str(keys),
            SHELTER_DATA_DIR=str(tmp_path),
        )

        assert done.returncode == 0, done.stderr
        assert "values are now under" in done.stdout
        assert worker.get(f"/requests/{asked['id']}").json()["note"] == "Chien calme"
        assert worker.get(f"/requests/{asked['id']}/options").json()["options"]
        after = worker.post("/requests", {"people": {"woman": 1}, "note": "Deux lits"}).json()
        rows = {row.id: row for row in World(server.system, None).all(Request)}  # type: ignore[arg-type]
        current = json.loads(keys.read_text())["current"]
        assert current != "k1"
        assert {key_id_of(row.places) for row in rows.values()} == {current}
        assert key_id_of(rows[UUID(after["id"])].note or b"") == current


def test_control_a_server_that_never_reads_its_keys_again_stops_reading(
    database_url: str, tmp_path: Path
) -> None:
    keys = tmp_path / "keys.json"
    load_keyring(keys, create=True)
    given = keys.read_text()
    with (
        running_server(tmp_path, database_url, SHELTER_KEYS=given) as server,
        server.client() as client,
    ):
        worker = As(client, server.system, "garde.aywaille")
        asked = worker.post("/requests", {"people": {"woman": 1}}).json()
        done = shelter(
            "keys",
            "rotate",
            SHELTER_DATABASE_URL=database_url,
            SHELTER_KEY_FILE=str(keys),
            SHELTER_DATA_DIR=str(tmp_path),
        )
        assert done.returncode == 0, done.stderr
        assert worker.get(f"/requests/{asked['id']}/options").status_code == 500


@pytest.mark.slow
def test_killed_again_and_again_under_load_nothing_is_unreadable_and_no_edit_lost(
    database_url: str, tmp_path: Path
) -> None:
    outcome = rotate_under_load(database_url, tmp_path, rows=1000, kills=2)
    assert (outcome.unreadable, outcome.lost, outcome.left) == (0, 0, 0)
    assert outcome.rows == 1000
    assert outcome.kills >= 1
    assert outcome.reads > 0
    assert outcome.edits > 0


def test_keys_from_a_secret_manager_are_printed_not_written(tmp_path: Path) -> None:
    load_keyring(tmp_path / "first.json", create=True)
    given = (tmp_path / "first.json").read_text()
    environment = {
        VARIABLE: given,
        "SHELTER_DATA_DIR": str(tmp_path),
        "SHELTER_DATABASE_URL": f"sqlite:///{tmp_path}/shelter.db",
    }
    assert shelter("migrate", **environment).returncode == 0
    added = shelter("keys", "add", **environment)
    data = json.loads(added.stdout)
    [new] = set(data["keys"]) - {"k1"}
    assert data["current"] == "k1"
    used = shelter("keys", "use", new, **(environment | {VARIABLE: added.stdout}))
    assert json.loads(used.stdout)["current"] == new
    assert set(json.loads(used.stdout)["until"]) == {"k1"}
    assert not (tmp_path / "keys.json").exists()
    status = shelter("keys", "status", **(environment | {VARIABLE: used.stdout}))
    assert f"{new}: current" in status.stdout
