"""The board as data."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from litestar import get
from litestar.params import FromQuery

from shelter.domain.availability import Freshness
from shelter.domain.sides import Role, Side
from shelter.services import board as boards
from shelter.services.board import Cell
from shelter.services.context import Tx
from shelter_api.access import only
from shelter_api.v1.common import Call, Out, read


class NightOut(Out):
    night: date
    cell: Cell
    free_beds: int
    references: list[str]


class UnitLineOut(Out):
    unit_id: UUID
    label: str
    known_at: datetime
    freshness: Freshness
    nights: list[NightOut]


class SiteRowsOut(Out):
    site_id: UUID
    name: str
    commune: str
    units: list[UnitLineOut]


class BoardOut(Out):
    side: Side
    first_night: date
    free_tonight: int
    sites: list[SiteRowsOut]


@get("/board", sync_to_thread=True, **only(Role.ON_CALL, Role.COMMUNE_STAFF, Role.COORDINATOR))
def board(
    request: Call,
    side: FromQuery[Side | None] = None,
    first_night: FromQuery[date | None] = None,
    nights: FromQuery[int] = 14,
) -> BoardOut:
    """One side's sites × nights. A two-sided reader names the side."""

    def look(tx: Tx) -> BoardOut:
        it = boards.board(tx, side=side, first_night=first_night, nights=nights)
        return BoardOut(
            side=it.side,
            first_night=it.first_night,
            free_tonight=it.free_tonight,
            sites=[
                SiteRowsOut(
                    site_id=rows.site.id,
                    name=rows.site.name,
                    commune=rows.site.commune,
                    units=[
                        UnitLineOut(
                            unit_id=line.unit.id,
                            label=line.unit.label,
                            known_at=line.known_at,
                            freshness=line.freshness,
                            nights=[
                                NightOut(
                                    night=night.night,
                                    cell=night.cell,
                                    free_beds=night.free_beds,
                                    references=list(night.references),
                                )
                                for night in line.nights
                            ],
                        )
                        for line in rows.units
                    ],
                )
                for rows in it.sites
            ],
        )

    return read(request, look)


route_handlers = (board,)
