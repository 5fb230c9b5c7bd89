"""What every route of the API shares: models that refuse unknown fields, keys, versions, pages."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from typing import Annotated, Any, TypeVar
from uuid import UUID

from litestar import Request, Response
from litestar.exceptions import ClientException, HTTPException, SerializationException
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import HeaderParameter, QueryParameter
from pydantic import BaseModel, ConfigDict, Field, field_validator

from shelter.domain.errors import FieldProblem, Invalid, PreconditionRequired, Stale
from shelter.domain.sides import Actor
from shelter.services.context import Shelter, Tx
from shelter.services.idempotency import once
from shelter.services.paging import Place

T = TypeVar("T")
R = TypeVar("R")
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
Cursor = Annotated[
    str | None,
    QueryParameter(name="cursor", description="``next`` of the page before; without it the first."),
]
IfMatch = Annotated[
    str | None,
    HeaderParameter(name="If-Match", description="The ETag of what was read before the edit."),
]

#: dates that can be calculated with, whatever is added to them
Day = Annotated[date, Field(ge=date(2000, 1, 1), lt=date(3000, 1, 1))]


async def check_body(request: Request[Any, Any, Any]) -> None:
    """A body is JSON, says that it is, and is not nested deeper than anything we ask for.

    A page of somebody else's can make a browser send any text without asking us first, but not
    with this content type.
    """
    if not await request.body():
        return
    if request.content_type[0] != "application/json":
        raise HTTPException(status_code=415)
    try:
        await request.json()
    except (SerializationException, RecursionError):
        raise ClientException from None


class In(BaseModel):
    """A request body: closed, immutable."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_max_length=500)

    @field_validator("*", mode="before")
    @classmethod
    def _no_nul(cls, value: Any) -> Any:
        """PostgreSQL's text cannot hold it."""
        for text in value if isinstance(value, list) else (value,):
            if isinstance(text, str) and "\0" in text:
                raise ValueError("may not contain the character U+0000")
        return value


class Out(BaseModel):
    """An answer: only the fields named here ever leave, whatever the row holds."""

    model_config = ConfigDict(extra="forbid", frozen=True, from_attributes=True)


class FieldErrorOut(Out):
    field: str
    code: str
    detail: str


class Problem(BaseModel):
    """A refusal (RFC 9457), its words in the caller's language."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    errors: list[FieldErrorOut] | None = None


#: what any operation may answer besides its own answer
REFUSALS = {
    status: ResponseSpec(
        Problem, description=text, media_type="application/problem+json", generate_examples=False
    )
    for status, text in {
        400: "The request cannot be read, or has not the described shape",
        401: "Nobody is signed in",
        403: "Not for this role, or from another site",
        404: "Nothing there, as far as this user may know",
        409: "The state of things does not permit it (any more)",
        412: "It was changed since it was read",
        413: "The body is larger than 256 kB",
        415: "The body is not JSON",
        422: "The fields have the right shape and a value that cannot be",
        428: "A protecting header is missing",
        429: "Too many at once: see Retry-After",
    }.items()
}


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
) -> Response[Any]:
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


def limit_of(limit: int) -> int:
    """The length of a page. Raises Invalid when it is not 1 to 100."""
    if not 1 <= limit <= 100:
        raise Invalid(FieldProblem("limit", "range", (("min", 1), ("max", 100))))
    return limit


def page_of(rows: Sequence[R], limit: int) -> tuple[Sequence[R], str | None]:
    """The rows of a page, and the cursor of the next, from a query for one row more."""
    page = rows[:limit]
    if len(rows) <= limit:
        return page, None
    last: Any = page[-1]
    return page, cursor(last.created_at, last.id)


def cursor(at: datetime, row_id: UUID) -> str:
    """Where a page of a list ended. Says nothing that the row itself does not say."""
    return base64.urlsafe_b64encode(f"{at.isoformat()}|{row_id}".encode()).decode()


def place_of(text: str | None) -> Place | None:
    """Raises Invalid on a cursor that this API did not give."""
    if text is None:
        return None
    try:
        at, row_id = base64.urlsafe_b64decode(text.encode()).decode().split("|")
        moment = datetime.fromisoformat(at)
        if moment.tzinfo is None:
            raise ValueError
        return moment.astimezone(UTC), UUID(row_id)
    except (ValueError, OverflowError, binascii.Error):
        raise Invalid(FieldProblem("cursor", "cursor")) from None
