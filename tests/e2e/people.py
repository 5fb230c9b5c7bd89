"""Somebody at a screen: what the people of the network do in a browser, in their own words."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Locator, Page, ViewportSize, expect

from e2e.browser import Watch
from shelter import i18n
from shelter.domain.household import Person as Kind
from support.server import Server, session_for

PHONE: ViewportSize = {"width": 390, "height": 844}
DESK: ViewportSize = {"width": 1280, "height": 800}


def t(key: str, language: str = "fr", **params: object) -> str:
    """A text as the catalogue of a language has it."""
    return i18n.text(language, key, **params)


class Screen:
    """A page, the address of its server, and what a person can do there."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url

    # --- moving about ---

    def go(self, path: str) -> None:
        self.page.goto(f"{self.url}{path}")

    @property
    def path(self) -> str:
        return self.page.url.removeprefix(self.url)

    def button(self, key: str, within: Locator | None = None) -> Locator:
        return (within or self.page).get_by_role("button", name=t(key))

    def link(self, key: str, within: Locator | None = None) -> Locator:
        return (within or self.page).get_by_role("link", name=t(key))

    def press(self, key: str, within: Locator | None = None) -> None:
        self.button(key, within).first.click()

    def unfold(self, key: str, within: Locator | None = None) -> Locator:
        """Open the folded part with this title."""
        fold = (
            (within or self.page)
            .locator("details")
            .filter(has=self.page.locator("summary", has_text=t(key)))
        )
        fold.last.locator("summary").first.click()
        return fold.last

    def sure(self, action: str) -> None:
        """Do something that asks back first."""
        self.page.locator("summary").filter(has_text=t(f"action.{action}")).click()
        self.button(f"action.{action}.yes").click()

    def reads(self, *keys: str) -> None:
        """The page shows these texts."""
        for key in keys:
            expect(self.main.get_by_text(t(key)).first).to_be_visible()

    @property
    def main(self) -> Locator:
        return self.page.locator("main")

    @property
    def notice(self) -> Locator:
        return self.page.locator("#notice")

    # --- signing in ---

    def sign_in(self, login: str, password: str) -> None:
        self.go("/sign-in")
        self.page.locator("#login").fill(login)
        self.page.locator("#password").fill(password)
        self.page.locator("form.form.card button.main").click()

    def show_code(self, code: str) -> None:
        """The second step: a code of the app, or from the paper."""
        expect(self.page).to_have_url(f"{self.url}/sign-in/second")
        self.page.locator("#code").fill(code)
        self.page.locator("form.form.card button.main").click()

    # --- a request ---

    def more(self, kind: Kind, times: int = 1) -> None:
        """Tap the plus of a stepper."""
        for _ in range(times):
            self.page.get_by_role(
                "button", name=t("form.more", what=t(f"person.{kind.value}")), exact=True
            ).click()

    def ask(self, people: dict[Kind, int], first_night: date | None = None, nights: int = 2) -> str:
        """Fill the form as one does on the telephone. The path of the request."""
        self.go("/requests/new")
        for kind, number in people.items():
            self.more(kind, number)
        if first_night is not None:
            self.page.locator("#f-first_night").fill(first_night.isoformat())
        self.page.locator("#f-nights").fill(str(nights))
        self.page.locator(".submit-bar button").click()
        expect(self.page).to_have_url(re.compile("/requests/[0-9a-f-]{36}$"))
        return self.path

    @property
    def code(self) -> str:
        """The reference of the request or the placement that is open."""
        title = self.page.locator("h1").inner_text()
        return title.split()[-1]

    @property
    def options(self) -> Locator:
        return self.page.locator("article.option.card")

    def hold_first(self) -> None:
        self.press("offer.hold", self.options.first)
        expect(self.page.locator(".hold-clock")).to_be_visible()

    def confirm(self) -> None:
        self.button("action.confirm").click()
        expect(self.state("confirmed")).to_be_visible()

    def state(self, name: str) -> Locator:
        return self.page.locator(f".live .badge.state-{name}")

    @property
    def history(self) -> list[str]:
        """What was done, oldest first, as the page words it."""
        lines = self.page.locator(".history .timeline li > span:first-child")
        return [text.strip() for text in lines.all_text_contents()]

    def in_history(self, action: str) -> int:
        words = t(f"history.{action}")
        return sum(line == words or line.startswith(f"{words} – ") for line in self.history)


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
