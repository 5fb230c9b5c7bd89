"""What a device prefers: the language of its screens, and light or dark."""

from __future__ import annotations

from typing import Any

from litestar import Request, Response, get
from litestar.datastructures import Cookie
from litestar.params import FromPath
from litestar.response import Redirect

from shelter import i18n
from shelter.domain.errors import NotFound
from shelter_api import language, theme
from shelter_api.access import public
from shelter_api.pages.common import local_path, system_of

YEAR_S = 365 * 24 * 3600
AnyCall = Request[Any, Any, Any]


@get("/language/{code:str}", sync_to_thread=False, include_in_schema=False, **public())
def choose_language(request: AnyCall, code: FromPath[str]) -> Response[Any]:
    """Remember the language on this device, and go back to the page."""
    return _remember(request, language.COOKIE, code, i18n.LANGUAGES)


@get("/theme/{name:str}", sync_to_thread=False, include_in_schema=False, **public())
def choose_theme(request: AnyCall, name: FromPath[str]) -> Response[Any]:
    """Remember light or dark on this device, and go back to the page."""
    return _remember(request, theme.COOKIE, name, theme.THEMES)


def _remember(
    request: AnyCall, cookie: str, value: str, permitted: tuple[str, ...]
) -> Response[Any]:
    if value not in permitted:
        raise NotFound("not_found", what="page")
    kept = Cookie(
        key=cookie,
        value=value,
        max_age=YEAR_S,
        path="/",
        secure=system_of(request).settings.secure,
        httponly=True,
        samesite="lax",
    )
    to = local_path(request.query_params.get("to"))
    return Redirect(to, status_code=303, cookies=[kept])


route_handlers = (choose_language, choose_theme)
