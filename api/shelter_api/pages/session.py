"""Signing in and out, and the language of the screens."""

from __future__ import annotations

from functools import cache
from typing import Any

from litestar import Request, Response, get, post
from litestar.datastructures import Cookie
from litestar.params import FromPath
from litestar.response import Redirect

from shelter import i18n, networks
from shelter.cli import DEMO_PASSWORD
from shelter.domain.errors import NotFound, NotSignedIn, TooMany
from shelter.domain.network_file import parse_network
from shelter.domain.sample_file import SampleUser, parse_sample
from shelter.services import access
from shelter_api.access import public, signed_in
from shelter_api.auth import ended_cookie, session_cookie
from shelter_api.language import COOKIE
from shelter_api.pages.common import Call, Notice, local_path, system_of
from shelter_api.pages.forms import Posted
from shelter_api.pages.rendering import render

YEAR_S = 365 * 24 * 3600


@cache
def _demo_users() -> tuple[SampleUser, ...]:
    network = parse_network(networks.bundled("secova"))
    sample = parse_sample(networks.bundled("secova.sample"), network, name="secova.sample")
    return sample.users


def _page(request: Request[Any, Any, Any], login: str, notice: Notice | None) -> Response[Any]:
    demo = system_of(request).settings.demo
    return render(
        "sign_in.html",
        status=notice.status if notice is not None else 200,
        login=login,
        notice=notice,
        demo_users=_demo_users() if demo else (),
        demo_password=DEMO_PASSWORD if demo else None,
        came_from="/sign-in",
    )


@get("/sign-in", sync_to_thread=True, include_in_schema=False, **public())
def sign_in_page(request: Request[Any, Any, Any]) -> Response[Any]:
    if request.scope.get("user") is not None:
        return Redirect("/", status_code=303)
    return _page(request, "", None)


@post("/sign-in", sync_to_thread=True, include_in_schema=False, **public())
def sign_in(request: Request[Any, Any, Any], form: Posted) -> Response[Any]:
    system = system_of(request)
    try:
        started = access.sign_in(system, form.text("login"), form.text("password"))
    except (NotSignedIn, TooMany) as error:
        return _page(request, form.text("login"), Notice(error))
    return Redirect("/", status_code=303, cookies=[session_cookie(system, started.token)])


@post("/sign-out", sync_to_thread=True, include_in_schema=False, **signed_in())
def sign_out(request: Call) -> Response[Any]:
    system = system_of(request)
    system.run(request.user, lambda tx: access.sign_out(tx, request.auth))
    return Redirect("/sign-in", status_code=303, cookies=[ended_cookie(system)])


@get("/language/{code:str}", sync_to_thread=False, include_in_schema=False, **public())
def choose_language(request: Request[Any, Any, Any], code: FromPath[str]) -> Response[Any]:
    """Remember the language on this device, and go back to the page."""
    if code not in i18n.LANGUAGES:
        raise NotFound("not_found", what="page")
    cookie = Cookie(
        key=COOKIE,
        value=code,
        max_age=YEAR_S,
        path="/",
        secure=system_of(request).settings.secure,
        httponly=True,
        samesite="lax",
    )
    to = local_path(request.query_params.get("to"))
    return Redirect(to, status_code=303, cookies=[cookie])


route_handlers = (sign_in_page, sign_in, sign_out, choose_language)
