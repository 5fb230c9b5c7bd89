"""Who looked at a request."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from litestar import get
from litestar.params import FromPath

from shelter.domain.sides import Role
from shelter.services import looks
from shelter.services.context import Tx
from shelter_api.access import only
from shelter_api.v1.common import Call, Out, read


class LookOut(Out):
    at: datetime
    action: str
    #: None: somebody of another side, told by role and service
    name: str | None
    role: Role | None
    service: str | None


class LookList(Out):
    items: list[LookOut]


@get(
    "/requests/{request_id:uuid}/looks",
    sync_to_thread=True,
    **only(Role.ON_CALL, Role.COORDINATOR),
)
def who_looked(request: Call, request_id: FromPath[UUID]) -> LookList:
    """Who looked at a request and its places, newest first. Looking at this is noted, too."""

    def look(tx: Tx) -> LookList:
        _, seen = looks.who_looked(tx, request_id)
        return LookList(items=[LookOut.model_validate(each) for each in seen])

    return read(request, look)


route_handlers = (who_looked,)
