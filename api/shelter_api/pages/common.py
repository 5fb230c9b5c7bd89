"""What every page does: read once, write once, say what is wrong where the user is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from litestar import Request
from litestar.response import Redirect

from shelter.domain.errors import FieldProblem, Invalid, ShelterError
from shelter.domain.sides import Actor
from shelter.services.context import Shelter, Tx
from shelter.services.idempotency import once
from shelter_api.errors import status_of
from shelter_api.pages.forms import Form

T = TypeVar("T")
Call = Request[Actor, str, Any]


def system_of(request: Request[Any, Any, Any]) -> Shelter:
    system: Shelter = request.app.state.system
    return system


def read(request: Call, work: Callable[[Tx], T]) -> T:
    """Answer from one read-only transaction."""
    return system_of(request).run(request.user, work, read_only=True)


def write_once(request: Call, form: Form, work: Callable[[Tx], str]) -> Redirect:
    """Do ``work`` once for the form's key and go to the page that it names."""
    what = [request.url.path, form.content]
    answer = system_of(request).run(
        request.user, lambda tx: once(tx, form.text("key"), what, lambda: {"to": work(tx)})
    )
    return Redirect(answer["to"], status_code=303)


def local_path(given: str | None, otherwise: str = "/") -> str:
    """``given`` if it is a path on this server, else ``otherwise``: never somebody else's site."""
    if given is None or len(given) > 500 or not given.startswith("/") or given.startswith("//"):
        return otherwise
    if "\\" in given or not given.isascii() or not given.isprintable():
        return otherwise
    return given


@dataclass(frozen=True, slots=True)
class Notice:
    """A refusal, told on the page where the user is."""

    error: ShelterError

    @property
    def status(self) -> int:
        return status_of(self.error)

    @property
    def problems(self) -> tuple[FieldProblem, ...]:
        return self.error.problems if isinstance(self.error, Invalid) else ()
