"""Loading a network: all of it or nothing, and never one that what exists contradicts."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from shelter import networks
from shelter.db.session import Database
from shelter.db.tables import NetworkRow, Request
from shelter.domain.errors import Conflict
from shelter.domain.network import Network
from shelter.domain.sides import SYSTEM
from shelter.domain.toml_reader import NetworkFileError
from shelter.services.context import Tx
from shelter.services.networks import load_network
from support.world import World, empty_world, secova_world

TEXT = networks.bundled("secova")


@pytest.fixture
def world(database: Database) -> World:
    return secova_world(database)


def load(world: World, text: str) -> Network:
    return world.do(SYSTEM, load_network, text)


def present(world: World) -> Network:
    return world.system.run(SYSTEM, lambda tx: tx.network, read_only=True)


def test_before_a_network_is_loaded_nothing_works_and_it_is_said(database: Database) -> None:
    world = empty_world(database)
    with pytest.raises(Conflict) as refusal:
        present(world)
    assert refusal.value.code == "no_network"
    load(world, TEXT)
    assert present(world).key == "secova"


def test_transactions_wait_for_each_other_in_the_database_only(world: World) -> None:
    """Found broken: a lock of ``cached_property`` held one up until SQLite gave up, 10 s later."""
    has_written, begins = threading.Event(), threading.Event()

    def writer(tx: Tx) -> None:
        tx.session.execute(sa.text("UPDATE site SET description = 'x'"))
        has_written.set()
        begins.wait(timeout=5)
        time.sleep(0.2)  # the other one now waits for this one's write
        _ = tx.tonight

    def other() -> None:
        has_written.wait(timeout=5)
        begins.set()
        world.system.run(SYSTEM, lambda tx: tx.tonight)

    start = time.monotonic()
    with ThreadPoolExecutor(2) as pool:
        waiting = pool.submit(other)
        pool.submit(world.system.run, SYSTEM, writer).result(timeout=30)
        waiting.result(timeout=30)
    assert time.monotonic() - start < 5


def test_a_newer_edition_is_in_force_at_once(world: World) -> None:
    assert present(world).defaults.separation_m == 5000
    load(world, TEXT.replace("separation_m = 5000", "separation_m = 7000"))
    assert present(world).defaults.separation_m == 7000
    [row] = world.all(NetworkRow)
    assert row.version == 2


def test_a_bad_file_changes_nothing(world: World) -> None:
    with pytest.raises(NetworkFileError):
        load(world, TEXT.replace("separation_m = 5000", "separation_m = -1"))
    assert present(world).defaults.separation_m == 5000
    [row] = world.all(NetworkRow)
    assert (row.version, row.text) == (1, TEXT)


def test_another_network_is_refused(world: World) -> None:
    with pytest.raises(Conflict) as refusal:
        load(world, networks.bundled("rezone-midi"))
    assert refusal.value.code == "other_network"


def test_a_service_that_somebody_works_for_cannot_vanish(world: World) -> None:
    block = '[[services]]\nkey = "cpas-trooz"\nkind = "cpas"\nname = "CPAS de Trooz"\n'
    assert block in TEXT
    without = TEXT.replace(block + 'commune = "62122"\n', "")
    with pytest.raises(Conflict) as refusal:
        load(world, without)
    assert (refusal.value.code, refusal.value.params["service"]) == ("service_in_use", "cpas-trooz")
    block = '[[services]]\nkey = "cpas-sprimont"\nkind = "cpas"\nname = "CPAS de Sprimont"\n'
    load(world, TEXT.replace(block + 'commune = "62100"\n', ""))  # control: nobody does


def test_what_was_asked_under_the_old_edition_stays(world: World) -> None:
    request = world.ask(world.user("garde.aywaille"))
    load(world, TEXT.replace("hold_minutes = 20", "hold_minutes = 5"))
    [row] = world.all(Request)
    assert row.code == request.code
    held = world.hold_first(world.user("garde.aywaille"), request)
    assert (held.hold_expires_at - held.held_at).total_seconds() == 300
