"""Who may call a route. Every route states it; a route that does not is refused to everybody."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from shelter.domain.errors import NotAllowed, NotSignedIn
from shelter.domain.sides import Actor, Role


@dataclass(frozen=True, slots=True)
class Access:
    """``roles`` None: anybody, signed in or not."""

    roles: frozenset[Role] | None


def public() -> dict[str, Any]:
    """``**public()`` on a route: anybody may call it."""
    return {"opt": {"access": Access(None)}}


def only(*roles: Role) -> dict[str, Any]:
    """``**only(Role.ON_CALL)`` on a route: signed-in users of these roles."""
    return {"opt": {"access": Access(frozenset(roles))}}


def signed_in() -> dict[str, Any]:
    """``**signed_in()`` on a route: every signed-in user, whatever the role."""
    return only(*Role)


def check_access(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """The guard of the whole application."""
    access: Access | None = handler.opt.get("access")
    if access is None:
        raise NotAllowed("not_allowed")
    if access.roles is None:
        return
    actor: Actor | None = connection.scope.get("user")
    if actor is None:
        raise NotSignedIn("sign_in")
    if actor.role not in access.roles:
        raise NotAllowed("not_allowed")
