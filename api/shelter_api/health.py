"""Is the process alive, and can it do its work?"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from litestar import Request, Response, get

from shelter.db.migrate import is_current
from shelter.services.context import Shelter
from shelter_api.access import public


@get("/health/live", sync_to_thread=False, include_in_schema=False, **public())
def live() -> dict[str, str]:
    return {"status": "alive"}


@get("/health/ready", sync_to_thread=True, include_in_schema=False, **public())
def ready(request: Request[Any, Any, Any]) -> Response[dict[str, str]]:
    """503 until the database answers and has the schema that this code expects."""
    system: Shelter = request.app.state.system
    try:
        current = is_current(system.database)
    except sa.exc.SQLAlchemyError:
        return Response({"status": "no database"}, status_code=503)
    if not current:
        return Response({"status": "wrong schema"}, status_code=503)
    return Response({"status": "ready"})


route_handlers = (live, ready)
