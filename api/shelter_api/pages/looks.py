"""Who looked at a request: for the workers of its service, and for coordinators."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Response, get
from litestar.params import FromPath

from shelter.domain.sides import Role
from shelter.services import looks
from shelter.services.context import Tx
from shelter_api.access import only
from shelter_api.pages.common import Call
from shelter_api.pages.rendering import show

READERS = (Role.ON_CALL, Role.COORDINATOR)


@get(
    "/requests/{request_id:uuid}/looks",
    sync_to_thread=True,
    include_in_schema=False,
    **only(*READERS),
)
def looks_page(request: Call, request_id: FromPath[UUID]) -> Response[Any]:
    def look(tx: Tx) -> dict[str, Any]:
        it, seen = looks.who_looked(tx, request_id)
        return {"it": it, "looks": seen}

    return show(request, "requests/looks.html", look)


route_handlers = (looks_page,)
