"""Signing in and out, who I am, and where else I am signed in."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from litestar import Request, Response, delete, get, post
from litestar.params import FromPath, JSONBody
from pydantic import Field

from shelter.domain.sides import Actor, Role, Side
from shelter.services import sessions, steps
from shelter.services import sign_in as signing
from shelter_api.access import public, signed_in
from shelter_api.auth import HALF, cookies_of, ended_cookies, kept, visit_of
from shelter_api.v1.common import Call, In, Out, read, system_of, write


class Credentials(In):
    login: str
    password: str
    code: Annotated[
        str | None, Field(description="Of the code app, or a recovery code, where one is needed.")
    ] = None
    shared: Annotated[
        bool, Field(description="A computer that others use: ends after 30 idle minutes.")
    ] = False


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


class Device(Out):
    id: UUID
    device: Annotated[str, Field(description="``Firefox, Android``; empty for a program.")]
    shared: bool
    created_at: datetime
    seen_at: datetime
    expires_at: datetime
    this: Annotated[bool, Field(description="The session that asks.")]


class Devices(Out):
    items: list[Device]


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
    """Sign in. The token goes into ``Authorization: Bearer``; browsers get it as a cookie too.

    Roles that need a second factor, and accounts that have one, send its ``code`` along; without
    it the refusal is ``code_needed``. It is set up on the pages.
    """
    system = request.app.state.system
    started = signing.with_password_and_code(
        system, data.login, data.password, data.code, visit_of(request, shared=data.shared)
    )
    return Response(
        Session(token=started.token, expires_at=started.expires_at, user=_me(started.actor)),
        status_code=201,
        cookies=cookies_of(system, started),
    )


@delete("/session", sync_to_thread=True, status_code=204, **signed_in())
def sign_out(request: Call) -> Response[None]:
    """End this session."""
    write(request, lambda tx: sessions.sign_out(tx, request.auth))
    system = system_of(request)
    steps.give_up(system, kept(request, HALF))
    return Response(None, status_code=204, cookies=ended_cookies(system))


@get("/sessions", sync_to_thread=True, **signed_in())
def list_sessions(request: Call) -> Devices:
    """Where I am signed in, the newest first."""
    rows = read(request, sessions.own)
    return Devices(
        items=[
            Device(
                id=row.id,
                device=row.device,
                shared=row.shared,
                created_at=row.created_at,
                seen_at=row.seen_at,
                expires_at=row.expires_at,
                this=sessions.is_this(row, request.auth),
            )
            for row in rows
        ]
    )


@delete("/sessions/{session_id:uuid}", sync_to_thread=True, status_code=204, **signed_in())
def end_session(request: Call, session_id: FromPath[UUID]) -> None:
    """End one of my sessions, on a device that was lost, say."""
    write(request, lambda tx: sessions.end(tx, session_id))


@get("/me", sync_to_thread=False, **signed_in())
def me(request: Call) -> Me:
    """Who is signed in."""
    return _me(request.user)


route_handlers = (sign_in, sign_out, list_sessions, end_session, me)
