"""Who is calling: a cookie for browsers, a bearer token for programs, both of one session table."""

from __future__ import annotations

from typing import Any

from anyio import to_thread
from litestar.connection import ASGIConnection
from litestar.datastructures import Cookie
from litestar.middleware import AbstractAuthenticationMiddleware, AuthenticationResult

from shelter.domain.errors import NotAllowed
from shelter.services.access import SESSION_LENGTH, actor_of_token
from shelter.services.context import Shelter

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def cookie_name(system: Shelter) -> str:
    """``__Host-``: sent over TLS only, to this host only, and settable by nobody else."""
    return "__Host-session" if system.settings.secure else "session"


def session_cookie(system: Shelter, token: str) -> Cookie:
    return Cookie(
        key=cookie_name(system),
        value=token,
        httponly=True,
        secure=system.settings.secure,
        samesite="lax",
        path="/",
        max_age=int(SESSION_LENGTH.total_seconds()),
    )


def ended_cookie(system: Shelter) -> Cookie:
    cookie = session_cookie(system, "")
    cookie.max_age = 0
    return cookie


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

    A browser says where a request comes from; a cookie without any such word is refused.
    """
    if connection.scope.get("method") in SAFE_METHODS:
        return True
    headers = connection.headers
    if (site := headers.get("sec-fetch-site")) is not None:
        return site in {"same-origin", "none"}
    if (origin := headers.get("origin")) is not None:
        # "null", or something that is no origin at all, has no host
        host = origin.partition("://")[2]
        return bool(host) and host == headers.get("host", "")
    return not from_cookie
