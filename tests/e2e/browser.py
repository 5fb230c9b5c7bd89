"""Chromium, and a watch over what its pages ask for and complain about."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Request,
    Response,
    WebError,
    sync_playwright,
)

ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def chromium_path() -> str | None:
    """The program that the Makefile chose, or the first that is installed."""
    given = os.environ.get("SHELTER_CHROMIUM")
    return given or next((path for name in NAMES if (path := shutil.which(name))), None)


@contextmanager
def chromium(path: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        try:
            yield browser
        finally:
            browser.close()


class Watch:
    """What the pages of one browser context did that they must not do.

    A refusal (4xx) of a page or a form is no fault, though Chromium writes it to the console.
    """

    def __init__(self, context: BrowserContext, origin: str) -> None:
        self.origin = origin
        #: addresses of every request
        self.asked: list[str] = []
        #: requests to another origin
        self.strangers: list[str] = []
        #: console errors and exceptions
        self.complaints: list[str] = []
        self._refused: set[str] = set()
        context.on("request", self._on_request)
        context.on("response", self._on_response)
        context.on("console", self._on_console)
        context.on("weberror", self._on_error)

    @property
    def faults(self) -> list[str]:
        return [*self.strangers, *self.complaints]

    def _on_request(self, request: Request) -> None:
        address = urlsplit(request.url)
        self.asked.append(request.url)
        if address.scheme != "data" and f"{address.scheme}://{address.netloc}" != self.origin:
            self.strangers.append(f"{request.method} {request.url}")

    def _on_response(self, response: Response) -> None:
        if response.request.is_navigation_request() and 400 <= response.status < 500:
            self._refused.add(response.url)

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type not in {"error", "warning"}:
            return
        address = message.location["url"]
        if message.text.startswith("Failed to load resource") and address in self._refused:
            return
        self.complaints.append(f"{message.type}: {message.text} ({address})")

    def _on_error(self, error: WebError) -> None:
        self.complaints.append(f"exception: {error.error}")
