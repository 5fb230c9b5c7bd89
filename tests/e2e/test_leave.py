"""Somebody comes in: one press, or three times Shift, and nothing on the screen leads back."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, expect

from e2e.people import t
from shelter.db.tables import UserSession
from shelter.domain.household import Person
from support.server import Server, session_for
from support.world import World

LOGIN = "garde.aywaille"
ELSEWHERE = "about nothing in particular"


@pytest.fixture(params=[True, False], ids=["scripts", "no scripts"])
def scripts(request: pytest.FixtureRequest) -> bool:
    given: bool = request.param
    return given


@pytest.fixture
def token(server: Server) -> str:
    return session_for(server.system, LOGIN)


@pytest.fixture
def context(
    browser: Browser, server: Server, size: ViewportSize, scripts: bool, token: str
) -> Iterator[BrowserContext]:
    made = browser.new_context(viewport=size, java_script_enabled=scripts, locale="fr-BE")
    made.add_cookies([{"name": "session", "value": token, "url": server.url}])
    # the page about nothing is somewhere else; no test calls there
    made.route(
        f"{server.system.settings.exit_url}**",
        lambda route: route.fulfill(status=200, content_type="text/html", body=ELSEWHERE),
    )
    yield made
    made.close()


@pytest.fixture
def page(context: BrowserContext, server: Server, world: World) -> Page:
    """Somebody reads a request, having come there from the first page."""
    request = world.ask(world.user(LOGIN), people={Person.WOMAN: 1})
    opened = context.new_page()
    opened.goto(server.url)
    opened.goto(f"{server.url}/requests/{request.id}")
    expect(opened.get_by_text(request.code).first).to_be_visible()
    return opened


def sessions(world: World) -> int:
    return len(world.all(UserSession, user_id=world.user(LOGIN).user_id))


def expect_gone(page: Page, server: Server, world: World, before: int) -> None:
    expect(page.get_by_text(ELSEWHERE)).to_be_visible()
    assert page.url == server.system.settings.exit_url
    assert sessions(world) == before - 1
    for _ in range(4):  # as far back as it goes
        page.go_back()
        if page.url.startswith(server.url):
            expect(page.get_by_label(t("session.password"))).to_be_visible()
            assert re.search(r"/sign-in$", page.url)


def test_one_press_ends_the_session_and_leaves_no_way_back(
    page: Page, server: Server, world: World
) -> None:
    before = sessions(world)
    page.get_by_role("button", name=t("leave.button")).click()
    expect_gone(page, server, world, before)


@pytest.mark.parametrize("scripts", [True], indirect=True)
def test_three_times_shift_does_the_same(page: Page, server: Server, world: World) -> None:
    before = sessions(world)
    for _ in range(3):
        page.keyboard.press("Shift")
    expect_gone(page, server, world, before)


@pytest.mark.parametrize("scripts", [True], indirect=True)
def test_control_capital_letters_and_two_presses_do_not_leave(
    page: Page, server: Server, world: World
) -> None:
    before = sessions(world)
    for key in ("Shift+A", "Shift+B", "Shift+C", "Shift", "Shift"):
        page.keyboard.press(key)
    expect(page.locator("[data-leave] [aria-live]")).to_have_text(t("leave.once"))
    page.wait_for_timeout(1000)
    assert page.url.startswith(server.url)
    assert sessions(world) == before
