"""Who is calling: a cookie for browsers, a bearer token for programs, both of one session table."""

from __future__ import annotations

from typing import Any, Literal

from anyio import to_thread
from litestar.connection import ASGIConnection
from litestar.datastructures import Cookie
from litestar.middleware import AbstractAuthenticationMiddleware, AuthenticationResult

from shelter.domain.devices import device_name
from shelter.domain.errors import NotAllowed
from shelter.services import steps
from shelter.services.context import Shelter
from shelter.services.sessions import LENGTH, SignedIn, Visit, actor_of_token

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


#: the name of each cookie, without its prefix
SESSION, HALF, SINGLE, DEVICE = "session", "sign-in", "single-sign-on", "device"
DEVICE_DAYS = 180


def cookie_name(system: Shelter, name: str = SESSION) -> str:
    """``__Host-``: sent over TLS only, to this host only, and settable by nobody else."""
    return f"__Host-{name}" if system.settings.secure else name


def host_cookie(
    system: Shelter,
    name: str,
    value: str,
    max_age: int | None,
    *,
    samesite: Literal["lax", "strict"] = "lax",
) -> Cookie:
    """A cookie for this host that scripts cannot read; ``max_age`` None: until the browser closes.

    ``lax`` where somebody comes back from the identity provider or from a link in a message.
    """
    return Cookie(
        key=cookie_name(system, name),
        value=value,
        httponly=True,
        secure=system.settings.secure,
        samesite=samesite,
        path="/",
        max_age=max_age,
    )


def session_cookie(system: Shelter, token: str, *, shared: bool = False) -> Cookie:
    """On a shared computer it ends with the browser, and nothing is left behind."""
    return host_cookie(system, SESSION, token, None if shared else int(LENGTH.total_seconds()))


def cookies_of(system: Shelter, entered: SignedIn) -> list[Cookie]:
    """What a browser keeps of a sign-in; what the steps before it needed goes."""
    cookies = [
        session_cookie(system, entered.token, shared=entered.shared),
        host_cookie(system, HALF, "", 0),
    ]
    if entered.known_device is not None:
        age = DEVICE_DAYS * 24 * 3600
        cookies.append(host_cookie(system, DEVICE, entered.known_device, age, samesite="strict"))
    return cookies


def half_cookie(system: Shelter, token: str) -> Cookie:
    return host_cookie(system, HALF, token, int(steps.LENGTH.total_seconds()))


def single_cookie(system: Shelter, secret: str) -> Cookie:
    """The browser's part of a single sign-on; an empty one takes it away."""
    return host_cookie(system, SINGLE, secret, int(steps.LENGTH.total_seconds()) if secret else 0)


def kept(connection: ASGIConnection[Any, Any, Any, Any], name: str) -> str | None:
    """The value of one of our cookies, if it came and may be one."""
    value = connection.cookies.get(cookie_name(connection.app.state.system, name))
    return value if value and len(value) <= 200 else None


def visit_of(
    request: ASGIConnection[Any, Any, Any, Any], *, shared: bool = False, to: str = "/"
) -> Visit:
    """From where somebody signs in."""
    return Visit(
        device=device_name(request.headers.get("user-agent", "")),
        shared=shared,
        known_device=kept(request, DEVICE),
        to=to,
    )


def ended_cookies(system: Shelter) -> list[Cookie]:
    """Out: the session goes, and so does a sign-in that was halfway."""
    return [host_cookie(system, name, "", 0) for name in (SESSION, HALF, SINGLE)]


def token_of(connection: ASGIConnection[Any, Any, Any, Any]) -> tuple[str | None, bool]:
    """The session token that came with a request, and whether it came as a cookie."""
    header = connection.headers.get("authorization", "")
    if header.lower().startswith("bearer "):
        return header[7:].strip(), False
    token = connection.cookies.get(cookie_name(connection.app.state.system))
    return token or None, token is not None


class Authentication(AbstractAuthenticationMiddleware):
    async def authenticate_request(
        self, connection: ASGIConnection[Any, Any, Any, Any]
    ) -> AuthenticationResult:
        token, from_cookie = token_of(connection)
        if not _same_site(connection, from_cookie):
            raise NotAllowed("other_site")
        actor = None
        if token is not None and len(token) <= 200:
            system: Shelter = connection.app.state.system
            actor = await to_thread.run_sync(actor_of_token, system, token)
        return AuthenticationResult(user=actor, auth=token if actor is not None else None)


def _same_site(connection: ASGIConnection[Any, Any, Any, Any], from_cookie: bool) -> bool:
    """Whether a changing request may come from where it says (cross-site request forgery).

    A browser says where a request comes from; a cookie without any such word is refused. The
    origin is the one that is configured: what the request calls its host is the caller's word.
    """
    if connection.scope.get("method") in SAFE_METHODS:
        return True
    headers = connection.headers
    if (site := headers.get("sec-fetch-site")) is not None:
        return site in {"same-origin", "none"}
    if (origin := headers.get("origin")) is not None:
        system: Shelter = connection.app.state.system
        return origin == system.settings.public_url
    return not from_cookie
