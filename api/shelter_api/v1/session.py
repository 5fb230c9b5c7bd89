"""Signing in and out, and who I am."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from litestar import Request, Response, delete, get, post
from litestar.params import JSONBody

from shelter.domain.sides import Actor, Role, Side
from shelter.services import access
from shelter_api.access import public, signed_in
from shelter_api.auth import ended_cookie, session_cookie
from shelter_api.v1.common import Call, In, Out, system_of, write


class Credentials(In):
    login: str
    password: str


class Me(Out):
    name: str
    role: Role
    side: Side | None
    service: str | None
    language: str


class Session(Out):
    token: str
    expires_at: datetime
    user: Me


def _me(actor: Actor) -> Me:
    assert actor.role is not None
    return Me(
        name=actor.name,
        role=actor.role,
        side=actor.side,
        service=actor.service,
        language=actor.language,
    )


@post("/session", sync_to_thread=True, **public())
def sign_in(request: Request[Any, Any, Any], data: JSONBody[Credentials]) -> Response[Session]:
    """Sign in. The token goes into ``Authorization: Bearer``; browsers get it as a cookie too."""
    system = request.app.state.system
    started = access.sign_in(system, data.login, data.password)
    return Response(
        Session(token=started.token, expires_at=started.expires_at, user=_me(started.actor)),
        status_code=201,
        cookies=[session_cookie(system, started.token)],
    )


@delete("/session", sync_to_thread=True, status_code=204, **signed_in())
def sign_out(request: Call) -> Response[None]:
    """End this session."""
    write(request, lambda tx: access.sign_out(tx, request.auth))
    return Response(None, status_code=204, cookies=[ended_cookie(system_of(request))])


@get("/me", sync_to_thread=False, **signed_in())
def me(request: Call) -> Me:
    """Who is signed in."""
    return _me(request.user)


route_handlers = (sign_in, sign_out, me)
