"""What the network file says, in words: read by coordinators and administrators, changed by none.

It depends on the file alone. The duty phones that a service has set since are rows about a side's
services, and an administrator is of no side.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from babel.units import format_unit
from litestar import Response, get

from shelter.db.tables import NetworkRow
from shelter.domain.alerts import URGENT, AlertKind
from shelter.domain.network import Network
from shelter.domain.network_file import PLACE_KINDS
from shelter.domain.retention import Kind
from shelter.domain.sides import Role
from shelter.services.context import Tx, found
from shelter_api.access import only
from shelter_api.language import language_of
from shelter_api.pages.common import Call
from shelter_api.pages.rendering import show

READERS = (Role.COORDINATOR, Role.ADMINISTRATOR)
#: of ``Legal``: what people are told when they ask what is held about them
LEGAL = ("controller", "contact", "basis_victims", "basis_perpetrators")
#: of ``Defaults``: how long something lasts
TIMES = ("hold", "stale_after", "delivered_within", "missed_arrival_after")
#: the longest length that is said in this unit
_UNITS = (
    (timedelta(hours=2), timedelta(minutes=1), "duration-minute"),
    (timedelta(hours=72), timedelta(hours=1), "duration-hour"),
    (timedelta.max, timedelta(days=1), "duration-day"),
)


def span_text(language: str, span: timedelta) -> str:
    """ "20 minutes", "24 heures", "5 jours" """
    length, unit = next((length, unit) for most, length, unit in _UNITS if span <= most)
    return format_unit(round(span / length, 1), unit, locale=f"{language}_BE")


def missing_texts(network: Network) -> tuple[str, ...]:
    return tuple(name for name in LEGAL if not (getattr(network.legal, name) or "").strip())


@get("/settings", sync_to_thread=True, include_in_schema=False, **only(*READERS))
def view(request: Call) -> Response[Any]:
    language = language_of(request)

    def look(tx: Tx) -> dict[str, Any]:
        network = tx.network
        ladders = [("urgent", network.escalation.urgent), ("calm", network.escalation.calm)]
        return {
            "row": found(tx.session.get(NetworkRow, 1), "network"),
            "missing": missing_texts(network),
            "times": [(name, getattr(network.defaults, name)) for name in TIMES],
            "shared": [each for each in PLACE_KINDS if each in network.zoning.place_kinds],
            "ladders": ladders,
            "own_ladders": sorted(network.escalation.kinds.items()),
            "urgent": URGENT,
            "alert_kinds": tuple(AlertKind),
            "kinds": tuple(Kind),
        }

    return show(
        request,
        "network_settings.html",
        look,
        span=lambda length: span_text(language, length),
        came_from="/settings",
    )


route_handlers = (view,)
