"""A real server with the sample network, and people who sit before a real Chromium.

Every page is watched: a request to another origin, an error on the console or an exception in a
script fails the test in which it happens.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ViewportSize, expect

from e2e.browser import chromium, chromium_path
from e2e.people import DESK, PHONE, People
from shelter.domain.sides import SYSTEM
from support.server import Server, running_server
from support.world import MovableClock, World

expect.set_options(timeout=10_000)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.e2e)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The demonstration, with its worker inside."""
    folder = tmp_path_factory.mktemp("e2e")
    with running_server(folder, SHELTER_WORKER_INSIDE="1") as running:
        yield running


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = chromium_path()
    if path is None:
        pytest.skip("no Chromium was found, so nothing was tested in a browser")
    with chromium(path) as running:
        yield running


@pytest.fixture(params=[PHONE, DESK], ids=["390px", "1280px"])
def size(request: pytest.FixtureRequest) -> ViewportSize:
    """A telephone in the hand, and a screen on the desk."""
    given: ViewportSize = request.param
    return given


@pytest.fixture
def world(server: Server) -> World:
    """The services on the server's own database, to prepare what a test is not about."""
    return World(server.system, MovableClock())


@pytest.fixture
def tonight(server: Server) -> date:
    return server.system.run(SYSTEM, lambda tx: tx.tonight, read_only=True)


#: the first nights are left to those who arrive tonight
_pairs = itertools.count(2)


@pytest.fixture
def night(tonight: date) -> date:
    """A first night for this test alone: no other test asks for it or the night after it."""
    return tonight + timedelta(days=2 * next(_pairs))


@pytest.fixture
def people(browser: Browser, server: Server, size: ViewportSize) -> Iterator[People]:
    """``people("garde.aywaille")`` is a screen at which she is signed in."""
    everybody = People(browser, server, size)
    yield everybody
    faults = everybody.leave()
    assert not faults, "pages misbehaved:\n" + "\n".join(faults)
