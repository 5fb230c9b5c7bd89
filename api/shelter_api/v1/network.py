"""The network's static configuration, as far as forms need it."""

from __future__ import annotations

from datetime import date

from litestar import get

from shelter.services.context import Tx
from shelter_api.access import signed_in
from shelter_api.v1.common import Call, Out, read


class CommuneOut(Out):
    nis: str
    name: str
    postal_codes: list[str]


class NetworkOut(Out):
    key: str
    name: str
    timezone: str
    languages: list[str]
    tonight: date
    hold_minutes: int
    communes: list[CommuneOut]


@get("/network", sync_to_thread=True, **signed_in())
def network(request: Call) -> NetworkOut:
    """The network that this installation serves."""

    def look(tx: Tx) -> NetworkOut:
        it = tx.network
        return NetworkOut(
            key=it.key,
            name=it.name,
            timezone=str(it.timezone),
            languages=list(it.languages),
            tonight=tx.tonight,
            hold_minutes=int(it.defaults.hold.total_seconds() // 60),
            communes=[
                CommuneOut(
                    nis=commune.nis,
                    name=commune.name(tx.actor.language),
                    postal_codes=list(commune.postal_codes),
                )
                for commune in it.communes
            ],
        )

    return read(request, look)


route_handlers = (network,)
