"""What every route of the API shares: models that refuse unknown fields, keys, versions, pages."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, TypeVar
from uuid import UUID

from litestar import Request, Response
from litestar.params import HeaderParameter
from pydantic import BaseModel, ConfigDict

from shelter.domain.errors import FieldProblem, Invalid, PreconditionRequired, Stale
from shelter.domain.sides import Actor
from shelter.services.context import Shelter, Tx
from shelter.services.idempotency import once

T = TypeVar("T")
Call = Request[Actor, str, Any]

IdempotencyKey = Annotated[
    str,
    HeaderParameter(
        name="Idempotency-Key",
        min_length=1,
        max_length=128,
        description="Random, chosen by the caller: a repeated call gets the same answer.",
    ),
]
IfMatch = Annotated[
    str | None,
    HeaderParameter(name="If-Match", description="The ETag of what was read before the edit."),
]


class In(BaseModel):
    """A request body: closed, immutable."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_max_length=500)


class Out(BaseModel):
    """An answer: only the fields named here ever leave, whatever the row holds."""

    model_config = ConfigDict(extra="forbid", frozen=True, from_attributes=True)


def system_of(request: Call) -> Shelter:
    system: Shelter = request.app.state.system
    return system


def read(request: Call, work: Callable[[Tx], T]) -> T:
    """Answer from one read-only transaction."""
    return system_of(request).run(request.user, work, read_only=True)


def write(request: Call, work: Callable[[Tx], T]) -> T:
    return system_of(request).run(request.user, work)


def write_once(
    request: Call, key: str, body: Any, work: Callable[[Tx], Out], *, status: int = 201
) -> Response[dict[str, Any]]:
    """Do ``work`` once for this key; a repetition gets the stored answer."""
    what = [request.method, request.url.path, body]
    answer = write(
        request, lambda tx: once(tx, key, what, lambda: work(tx).model_dump(mode="json"))
    )
    return Response(answer, status_code=status, headers=_etag(answer))


def tagged(out: Out) -> Response[Any]:
    """An answer with its version as ETag."""
    answer = out.model_dump(mode="json")
    return Response(answer, headers=_etag(answer))


def _etag(answer: dict[str, Any]) -> dict[str, str]:
    return {"ETag": f'"{answer["version"]}"'} if "version" in answer else {}


def version_of(if_match: str | None) -> int:
    """The version in an If-Match header."""
    if if_match is None:
        raise PreconditionRequired("if_match_missing")
    try:
        return int(if_match.strip().removeprefix("W/").strip('"'))
    except ValueError:
        raise Stale("stale") from None


def cursor(at: str, row_id: UUID) -> str:
    """Where a page of a list ended. Says nothing that the row itself does not say."""
    return base64.urlsafe_b64encode(f"{at}|{row_id}".encode()).decode()


def place_of(text: str | None) -> tuple[str, UUID] | None:
    """Raises Invalid on a cursor that this API did not give."""
    if text is None:
        return None
    try:
        at, row_id = base64.urlsafe_b64decode(text.encode()).decode().split("|")
        if datetime.fromisoformat(at).tzinfo is None:
            raise ValueError
        return at, UUID(row_id)
    except (ValueError, binascii.Error):
        raise Invalid(FieldProblem("cursor", "cursor")) from None
