"""A real server with the sample network, and people who sit before a real Chromium.

Every page is watched: a request to another origin, an error on the console or an exception in a
script fails the test in which it happens.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ViewportSize, expect

from e2e.browser import Watch, chromium, chromium_path
from e2e.people import Screen
from shelter.domain.sides import SYSTEM
from support.server import Server, running_server, session_for
from support.world import MovableClock, World

PHONE: ViewportSize = {"width": 390, "height": 844}
DESK: ViewportSize = {"width": 1280, "height": 800}

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


_pairs = itertools.count(1)


@pytest.fixture
def night(server: Server) -> date:
    """A first night for this test alone: no other test asks for it or the night after it."""
    tonight = server.system.run(SYSTEM, lambda tx: tx.tonight, read_only=True)
    return tonight + timedelta(days=2 * next(_pairs))


class People:
    """Opens a screen for somebody, each in a browser context of their own."""

    def __init__(self, browser: Browser, server: Server, size: ViewportSize) -> None:
        self.browser = browser
        self.server = server
        self.size = size
        self.contexts: list[tuple[BrowserContext, Watch]] = []

    def __call__(
        self, login: str | None = None, *, language: str | None = "fr", **options: Any
    ) -> Screen:
        """Signed in as ``login`` (None: nobody), reading ``language`` (None: the account's)."""
        context = self.browser.new_context(viewport=self.size, locale="fr-BE", **options)
        self.contexts.append((context, Watch(context, self.server.url)))
        cookies = {"language": language}
        if login is not None:
            cookies["session"] = session_for(self.server.system, login)
        for name, value in cookies.items():
            if value is not None:
                context.add_cookies([{"name": name, "value": value, "url": self.server.url}])
        return Screen(context.new_page(), self.server.url)

    def watch(self, screen: Screen) -> Watch:
        return next(watch for context, watch in self.contexts if context is screen.page.context)

    def leave(self) -> list[str]:
        """Close everything; what their pages did that they must not do."""
        for context, _ in self.contexts:
            context.close()
        return [fault for _, watch in self.contexts for fault in watch.faults]


@pytest.fixture
def people(browser: Browser, server: Server, size: ViewportSize) -> Iterator[People]:
    """``people("garde.aywaille")`` is a screen at which she is signed in."""
    everybody = People(browser, server, size)
    yield everybody
    faults = everybody.leave()
    assert not faults, "pages misbehaved:\n" + "\n".join(faults)
