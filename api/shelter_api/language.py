"""Which language a caller reads: chosen (cookie), else of the account, else of the browser."""

from __future__ import annotations

from typing import Any

from litestar.connection import ASGIConnection

from shelter import i18n

COOKIE = "language"


def language_of(connection: ASGIConnection[Any, Any, Any, Any]) -> str:
    chosen = connection.cookies.get(COOKIE)
    if chosen in i18n.LANGUAGES:
        return str(chosen)
    actor = connection.scope.get("user")
    if actor is not None and actor.language in i18n.LANGUAGES:
        return str(actor.language)
    return i18n.negotiate(connection.headers.get("accept-language", ""))
