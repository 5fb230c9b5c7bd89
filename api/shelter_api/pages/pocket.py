"""The places of one's own service in a pocket: installable, and of use without a network.

The device keeps the last page that it saw and what was said since: code names of units and whether
they are free, never anything about a household. Leaving and signing out clear both.
"""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from litestar import Response, get, post
from litestar.params import FromPath

from shelter.domain.availability import BlockReason
from shelter.domain.errors import Conflict, ShelterError
from shelter.domain.sides import Role
from shelter.services import availability, board
from shelter.services.context import Tx
from shelter_api.access import only, public
from shelter_api.pages.common import Call, Notice, write_once
from shelter_api.pages.forms import Form, Posted
from shelter_api.pages.rendering import STATIC, show

HOME = "/pocket"
ONE_NIGHT = timedelta(days=1)
VIA = "pocket"


class Said(StrEnum):
    """What a staff member says of a unit with one tap, for tonight."""

    STILL_TRUE = "still_true"
    FREE = "free"
    OCCUPIED = "occupied"
    CLOSED = "closed"


REASONS = {Said.OCCUPIED: BlockReason.OCCUPIED, Said.CLOSED: BlockReason.CLOSED}


@get(HOME, sync_to_thread=True, include_in_schema=False, **only(Role.COMMUNE_STAFF))
def pocket(request: Call) -> Response[Any]:
    return _page(request, None)


def _page(request: Call, notice: Notice | None) -> Response[Any]:
    return show(
        request,
        "pocket.html",
        lambda tx: {"board": board.board(tx, nights=1), "said": tuple(Said)},
        status=notice.status if notice is not None else 200,
        notice=notice,
        form=Form(),
        came_from=HOME,
    )


@post(
    f"{HOME}/units/{{unit_id:uuid}}",
    sync_to_thread=True,
    include_in_schema=False,
    **only(Role.COMMUNE_STAFF),
)
def say(request: Call, unit_id: FromPath[UUID], form: Posted) -> Response[Any]:
    """One word about tonight. It may come hours after it was said, but not a night later."""

    def work(tx: Tx) -> str:
        said = form.required_choice("said", Said)
        night = form.day("night")
        form.check()
        if night != tx.tonight:
            raise Conflict("said_too_late")
        if said is Said.STILL_TRUE:
            availability.confirm_unit(tx, unit_id, via=VIA)
        elif said is Said.FREE:
            availability.free_unit(tx, unit_id, night, night + ONE_NIGHT, via=VIA)
        else:
            availability.block_unit(tx, unit_id, REASONS[said], night, night + ONE_NIGHT, via=VIA)
        return HOME

    try:
        return write_once(request, form, work)
    except ShelterError as error:
        return _page(request, Notice(error))


@get(f"{HOME}/worker.js", sync_to_thread=False, include_in_schema=False, **public())
def worker() -> Response[bytes]:
    """A worker sees to the pages below its own path; the header lets it see to the one above."""
    script = (STATIC / "pocket_worker.js").read_bytes()
    return Response(script, media_type="text/javascript", headers={"Service-Worker-Allowed": HOME})


@get(f"{HOME}/manifest.webmanifest", sync_to_thread=False, include_in_schema=False, **public())
def manifest() -> Response[dict[str, Any]]:
    """What makes the page installable (W3C, Web Application Manifest)."""
    return Response(
        {
            "name": "Shelter",
            "short_name": "Shelter",
            "start_url": HOME,
            "scope": HOME,
            "display": "standalone",
            "background_color": "#f6f4ef",
            "theme_color": "#0f5e63",
            "icons": [{"src": "/static/favicon.svg", "sizes": "any", "type": "image/svg+xml"}],
        },
        media_type="application/manifest+json",
    )


route_handlers = (pocket, say, worker, manifest)
