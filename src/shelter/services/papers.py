"""What the papers of a placement say. No name is on any: those are written by hand."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from shelter.db.tables import PlacementRow, Request, Unit
from shelter.domain.handover import Checklist, Transport
from shelter.domain.sides import Role
from shelter.services.addresses import may_open, reveal_address
from shelter.services.context import Tx, found
from shelter.services.durations import Length, durations_of
from shelter.services.handover import Item, checklists
from shelter.services.intake import household_of
from shelter.services.lifecycle import sites_of
from shelter.services.looks import open_placement


@dataclass(frozen=True, slots=True)
class Place:
    """Where a household is for some of its nights."""

    site: str
    unit: str
    first_night: date
    #: the day on which they leave
    end_night: date
    phone: str | None
    #: None: not for this reader
    address: str | None


@dataclass(frozen=True, slots=True)
class PlacePaper:
    """One placement, as its papers tell it to one reader."""

    code: str
    network: str
    service: str
    duty_phone: str | None
    second_phone: str | None
    people: int
    first_night: date
    end_night: date
    places: tuple[Place, ...]
    lengths: tuple[Length, ...]
    transport: Transport | None
    transport_hour: int | None
    lists: dict[Checklist, tuple[Item, ...]]
    printed_at: datetime
    timezone: ZoneInfo


def agreement(tx: Tx, placement_id: UUID, language: str) -> PlacePaper:
    """With the address, for those who may open it; that they did is noted as every look is."""
    placement, request = open_placement(tx, placement_id)
    addresses: dict[UUID, str] = {}
    if may_open(tx, placement):
        addresses = {
            site.id: location.address for site, location in reveal_address(tx, placement.id)
        }
    return _paper(tx, placement, request, language, addresses)


def handover(tx: Tx, placement_id: UUID, language: str) -> PlacePaper:
    """Never with an address: this sheet lies about while keys change hands."""
    placement, request = open_placement(tx, placement_id)
    return _paper(tx, placement, request, language, {})


def _paper(
    tx: Tx, placement: PlacementRow, request: Request, language: str, addresses: dict[UUID, str]
) -> PlacePaper:
    staff = tx.actor.role is Role.COMMUNE_STAFF
    places = []
    for stay, site in sites_of(tx, placement):
        if staff and site.service != tx.actor.service:
            continue  # their own site, and not the name of another
        unit: Unit = found(tx.rows.get(Unit, stay.unit_id), "unit")
        places.append(
            Place(
                site=site.name,
                unit=unit.label,
                first_night=stay.first_night,
                end_night=stay.end_night,
                phone=site.contact_phone,
                address=addresses.get(site.id),
            )
        )
    try:
        service = tx.network.service(placement.service).name
    except KeyError:
        service = placement.service
    return PlacePaper(
        code=request.code,
        network=tx.network.name,
        service=service,
        duty_phone=tx.duty_phone(placement.service),
        second_phone=tx.second_phone(placement.service),
        people=household_of(request).size,
        first_night=placement.first_night,
        end_night=placement.end_night,
        places=tuple(places),
        lengths=durations_of(tx, placement).lengths,
        transport=placement.transport,
        transport_hour=placement.transport_hour,
        lists=checklists(tx, placement, request, language),
        printed_at=tx.now,
        timezone=tx.network.timezone,
    )
