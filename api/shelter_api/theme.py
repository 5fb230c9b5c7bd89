"""Light or dark: what was chosen on this device, else what the device itself prefers."""

from __future__ import annotations

from typing import Any, Literal

from litestar.connection import ASGIConnection

COOKIE = "theme"
Theme = Literal["auto", "light", "dark"]
THEMES: tuple[Theme, ...] = ("auto", "light", "dark")


def theme_of(connection: ASGIConnection[Any, Any, Any, Any]) -> Theme:
    chosen = connection.cookies.get(COOKIE)
    return next((theme for theme in THEMES if theme == chosen), "auto")
