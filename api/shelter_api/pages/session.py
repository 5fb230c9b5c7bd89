"""Signing in, step by step, and out; and the language of the screens."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from litestar import MediaType, Request, Response, get, post
from litestar.datastructures import Cookie
from litestar.params import FromPath
from litestar.response import Redirect

from shelter import i18n, networks
from shelter.cli import DEMO_PASSWORD
from shelter.domain.errors import NotAllowed, NotFound, NotSignedIn, TooMany
from shelter.domain.network_file import parse_network
from shelter.domain.sample_file import SampleUser, parse_sample
from shelter.services import passkeys, sessions, single_sign_on, steps
from shelter.services import sign_in as signing
from shelter.services.sessions import SignedIn
from shelter.services.sign_in import HalfSignedIn
from shelter_api.access import public, signed_in
from shelter_api.auth import (
    HALF,
    SINGLE,
    cookies_of,
    ended_cookies,
    half_cookie,
    kept,
    single_cookie,
    visit_of,
)
from shelter_api.language import COOKIE
from shelter_api.pages.common import Call, Notice, local_path, system_of
from shelter_api.pages.forms import Form, Posted
from shelter_api.pages.qr import grouped, qr_code
from shelter_api.pages.rendering import render

YEAR_S = 365 * 24 * 3600
SECOND = "/sign-in/second"
AnyCall = Request[Any, Any, Any]


@cache
def _demo_users() -> tuple[SampleUser, ...]:
    network = parse_network(networks.bundled("secova"))
    sample = parse_sample(networks.bundled("secova.sample"), network, name="secova.sample")
    return sample.users


def _page(request: AnyCall, form: Form, notice: Notice | None, to: str = "/") -> Response[Any]:
    settings = system_of(request).settings
    return render(
        "sign_in.html",
        status=notice.status if notice is not None else 200,
        form=form,
        to=to,
        notice=notice,
        passkeys=passkeys.offered(settings),
        provider=settings.single_sign_on.name if settings.single_sign_on else None,
        demo_users=_demo_users() if settings.demo else (),
        demo_password=DEMO_PASSWORD if settings.demo else None,
        came_from="/sign-in",
    )


def _told(notice: Notice, answer: Response[Any]) -> Response[Any]:
    if isinstance(notice.error, TooMany):
        answer.headers["Retry-After"] = str(notice.error.params["seconds"])
    return answer


def _to(request: AnyCall, form: Form | None = None) -> str:
    given = form.text("to") if form is not None else request.query_params.get("to")
    return local_path(given)


def _next(request: AnyCall, result: SignedIn | HalfSignedIn) -> Response[Any]:
    """Where a step leads: to the next one, or in."""
    system = system_of(request)
    if isinstance(result, HalfSignedIn):
        return Redirect(SECOND, status_code=303, cookies=[half_cookie(system, result.token)])
    _leave_behind(request)
    return Redirect(local_path(result.to), status_code=303, cookies=cookies_of(system, result))


def _leave_behind(request: AnyCall) -> None:
    """Somebody who signs in again has a new session; the one before it ends."""
    if (actor := request.scope.get("user")) is not None:
        system_of(request).run(actor, lambda tx: sessions.sign_out(tx, request.auth))


# --- the first step -------------------------------------------------------------------------------


@get("/sign-in", sync_to_thread=True, include_in_schema=False, **public())
def sign_in_page(request: AnyCall) -> Response[Any]:
    again = "again" in request.query_params
    if request.scope.get("user") is not None and not again:
        return Redirect("/", status_code=303)
    notice = Notice(NotSignedIn("sign_in_again")) if again else None
    answer = _page(request, Form(), notice, _to(request))
    answer.status_code = 200
    return answer


@post("/sign-in", sync_to_thread=True, include_in_schema=False, **public())
def sign_in(request: AnyCall, form: Posted) -> Response[Any]:
    visit = visit_of(request, shared=form.has("shared"), to=_to(request, form))
    try:
        result = signing.with_password(
            system_of(request), form.text("login"), form.text("password"), visit
        )
    except (NotSignedIn, TooMany) as error:
        notice = Notice(error)
        return _told(notice, _page(request, form, notice, visit.to))
    return _next(request, result)


@post("/sign-in/passkey/options", sync_to_thread=True, include_in_schema=False, **public())
def passkey_options(request: AnyCall) -> Response[bytes]:
    """For the script of the passkey button."""
    _require_passkeys(request)
    made = signing.passkey_options(system_of(request), None)
    return Response(made.encode(), status_code=200, media_type=MediaType.JSON)


@post("/sign-in/passkey", sync_to_thread=True, include_in_schema=False, **public())
def sign_in_with_passkey(request: AnyCall, form: Posted) -> Response[Any]:
    visit = visit_of(request, shared=form.has("shared"), to=_to(request, form))
    try:
        result = signing.with_passkey(system_of(request), form.text("credential"), visit)
    except NotSignedIn as error:
        return _page(request, Form(), Notice(error), visit.to)
    return _next(request, result)


def _require_passkeys(request: AnyCall) -> None:
    if not passkeys.offered(system_of(request).settings):
        raise NotFound("not_found", what="page")


# --- single sign-on -------------------------------------------------------------------------------


@get("/sign-in/single", sync_to_thread=True, include_in_schema=False, **public())
def single(request: AnyCall) -> Response[Any]:
    """To the provider. A link and no form: a form's answer may not lead to another origin."""
    system = system_of(request)
    visit = visit_of(request, shared="shared" in request.query_params, to=_to(request))
    try:
        url, secret = single_sign_on.begin(system, visit)
    except NotSignedIn as error:
        return _page(request, Form(), Notice(error))
    return Redirect(url, status_code=303, cookies=[single_cookie(system, secret)])


@get(single_sign_on.RETURN_PATH, sync_to_thread=True, include_in_schema=False, **public())
def single_return(request: AnyCall) -> Response[Any]:
    """Back from the provider."""
    answer = {name: value for name, value in request.query_params.items() if len(value) < 4000}
    try:
        result = single_sign_on.finish(system_of(request), answer, kept(request, SINGLE))
    except NotSignedIn as error:
        page = _page(request, Form(), Notice(error))
    else:
        page = _next(request, result)
    page.set_cookie(single_cookie(system_of(request), ""))
    return page


# --- the second step ------------------------------------------------------------------------------


def _second_page(request: AnyCall, notice: Notice | None) -> Response[Any]:
    token = kept(request, HALF)
    step = signing.second_step(system_of(request), token) if token else None
    if step is None:
        return _page(request, Form(), notice or Notice(NotSignedIn("half_over")))
    uri = step.offered_app[1] if step.offered_app else None
    return render(
        "account/second.html",
        status=notice.status if notice is not None else 200,
        step=step,
        notice=notice,
        set_up=not (step.app or step.passkey),
        qr=qr_code(uri) if uri else None,
        secret=grouped(step.offered_app[0]) if step.offered_app else None,
        passkeys=passkeys.offered(system_of(request).settings),
        came_from=SECOND,
    )


def _second(request: AnyCall, work: Callable[[str], Response[Any]]) -> Response[Any]:
    token = kept(request, HALF)
    try:
        if token is None:
            raise NotSignedIn("half_over")
        return work(token)
    except (NotSignedIn, NotAllowed, TooMany) as error:
        notice = Notice(error)
        return _told(notice, _second_page(request, notice))


@get(SECOND, sync_to_thread=True, include_in_schema=False, **public())
def second_page(request: AnyCall) -> Response[Any]:
    return _second_page(request, None)


@post(SECOND, sync_to_thread=True, include_in_schema=False, **public())
def second(request: AnyCall, form: Posted) -> Response[Any]:
    system = system_of(request)
    return _second(
        request, lambda token: _next(request, signing.with_code(system, token, form.text("code")))
    )


@post(f"{SECOND}/passkey/options", sync_to_thread=True, include_in_schema=False, **public())
def second_options(request: AnyCall) -> Response[bytes]:
    _require_passkeys(request)
    token = kept(request, HALF)
    if token is None:
        raise NotSignedIn("half_over")
    made = signing.passkey_options(system_of(request), token)
    return Response(made.encode(), status_code=200, media_type=MediaType.JSON)


@post(f"{SECOND}/passkey", sync_to_thread=True, include_in_schema=False, **public())
def second_passkey(request: AnyCall, form: Posted) -> Response[Any]:
    system = system_of(request)
    return _second(
        request,
        lambda token: _next(
            request, signing.second_with_passkey(system, token, form.text("credential"))
        ),
    )


@post(f"{SECOND}/app", sync_to_thread=True, include_in_schema=False, **public())
def set_up_app(request: AnyCall, form: Posted) -> Response[Any]:
    system = system_of(request)
    return _second(
        request,
        lambda token: _codes(request, *signing.set_up_app(system, token, form.text("code"))),
    )


@post(f"{SECOND}/new-passkey", sync_to_thread=True, include_in_schema=False, **public())
def set_up_passkey(request: AnyCall, form: Posted) -> Response[Any]:
    system = system_of(request)
    name = visit_of(request).device
    return _second(
        request,
        lambda token: _codes(
            request, *signing.set_up_passkey(system, token, form.text("credential"), name)
        ),
    )


def _codes(request: AnyCall, entered: SignedIn, codes: list[str]) -> Response[Any]:
    """The recovery codes, once: they are in this answer and nowhere else."""
    _leave_behind(request)
    return render(
        "account/recovery_codes.html",
        codes=codes,
        to=entered.to,
        came_from="/account",
        cookies=cookies_of(system_of(request), entered),
    )


# --- out, and the language ------------------------------------------------------------------------


@post("/sign-out", sync_to_thread=True, include_in_schema=False, **signed_in())
def sign_out(request: Call) -> Response[Any]:
    system = system_of(request)
    system.run(request.user, lambda tx: sessions.sign_out(tx, request.auth))
    steps.give_up(system, kept(request, HALF))
    return Redirect("/sign-in", status_code=303, cookies=ended_cookies(system))


@get("/language/{code:str}", sync_to_thread=False, include_in_schema=False, **public())
def choose_language(request: AnyCall, code: FromPath[str]) -> Response[Any]:
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


route_handlers = (
    sign_in_page,
    sign_in,
    passkey_options,
    sign_in_with_passkey,
    single,
    single_return,
    second_page,
    second,
    second_options,
    second_passkey,
    set_up_app,
    set_up_passkey,
    sign_out,
    choose_language,
)
