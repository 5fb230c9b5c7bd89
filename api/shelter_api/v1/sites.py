"""Sites, units, and keeping their availability true."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from litestar import Response, delete, get, patch, post
from litestar.params import FromPath, JSONBody
from pydantic import Field

from shelter.db.tables import Block, Site, Unit
from shelter.domain.availability import BlockReason, Freshness, Sharing, freshness
from shelter.domain.household import EVERYONE, Person
from shelter.domain.sides import Role, Side
from shelter.services import availability, sites
from shelter.services import units as unit_service
from shelter.services.context import Tx
from shelter_api.access import only
from shelter_api.v1.common import (
    Call,
    IdempotencyKey,
    IfMatch,
    In,
    Out,
    read,
    tagged,
    version_of,
    write,
    write_once,
)

MANAGERS = (Role.COMMUNE_STAFF, Role.COORDINATOR)
READERS = (Role.COMMUNE_STAFF, Role.COORDINATOR, Role.ON_CALL)


class SiteIn(In):
    name: str
    commune: str
    address: str
    lat: float | None = None
    lon: float | None = None
    places: Annotated[list[str], Field(max_length=20)] = []
    contact_phone: str | None = None
    contact_language: str = "fr"
    description: str = ""
    #: a coordinator names both; others act for their own
    side: Side | None = None
    service: str | None = None


class UnitIn(In):
    label: str
    beds: int
    cots: int = 0
    sharing: Sharing = Sharing.PRIVATE
    admits: Annotated[list[Person], Field(max_length=20)] = sorted(EVERYONE)
    step_free: bool = False
    pets: bool = False
    quiet: bool = False
    supervision: int = 0
    intake_from: int = 0
    intake_until: int = 0
    cleaning_nights: int = 0
    max_stay_nights: int | None = None
    renewals: int = 0


class BlockIn(In):
    reason: BlockReason
    first_night: date
    end_night: date | None = None


class BlockOut(Out):
    id: UUID
    reason: BlockReason
    first_night: date
    end_night: date | None


class UnitOut(Out):
    id: UUID
    site_id: UUID
    label: str
    code: str
    beds: int
    cots: int
    sharing: Sharing
    admits: list[Person]
    step_free: bool
    pets: bool
    quiet: bool
    supervision: int
    intake_from: int
    intake_until: int
    cleaning_nights: int
    max_stay_nights: int | None
    renewals: int
    confirmed_at: datetime
    freshness: Freshness
    blocks: list[BlockOut]
    version: int


class SiteOut(Out):
    """A site without its address, which is on one page only and for few."""

    id: UUID
    side: Side
    name: str
    commune: str
    service: str
    contact_phone: str | None
    contact_language: str
    description: str
    open: bool
    units: list[UnitOut]
    version: int


class SiteList(Out):
    items: list[SiteOut]


def unit_out(tx: Tx, unit: Unit, blocks: list[Block]) -> UnitOut:
    columns = {
        name: getattr(unit, name)
        for name in UnitOut.model_fields
        if name not in {"freshness", "blocks"}
    }
    limit = tx.network.defaults.stale_after
    return UnitOut(
        **columns,
        freshness=freshness(unit.confirmed_at, tx.now, limit),
        blocks=[BlockOut.model_validate(block) for block in blocks],
    )


def _site_out(tx: Tx, site: Site, units: tuple[Unit, ...]) -> SiteOut:
    blocks = availability.current_blocks(tx, [unit.id for unit in units])
    return SiteOut(
        id=site.id,
        side=site.side,
        name=site.name,
        commune=site.commune,
        service=site.service,
        contact_phone=site.contact_phone,
        contact_language=site.contact_language,
        description=site.description,
        open=site.opened_at is not None,
        units=[unit_out(tx, unit, blocks.get(unit.id, [])) for unit in units],
        version=site.version,
    )


def _whole(tx: Tx, site_id: UUID) -> SiteOut:
    view = sites.site_view(tx, site_id)
    return _site_out(tx, view.site, view.units)


def _unit(tx: Tx, unit: Unit) -> UnitOut:
    tx.session.flush()
    return unit_out(tx, unit, availability.current_blocks(tx, [unit.id]).get(unit.id, []))


def _site_input(data: SiteIn) -> sites.SiteInput:
    given = data.model_dump(exclude={"side", "service", "places"})
    return sites.SiteInput(**given, places=tuple(data.places))


def _unit_input(data: UnitIn) -> unit_service.UnitInput:
    given = data.model_dump(exclude={"admits"})
    return unit_service.UnitInput(**given, admits=frozenset(data.admits))


@get("/sites", sync_to_thread=True, **only(*READERS))
def list_sites(request: Call) -> SiteList:
    """The sites that you may see. Never with an address."""
    return read(
        request,
        lambda tx: SiteList(
            items=[_site_out(tx, view.site, view.units) for view in sites.list_sites(tx)]
        ),
    )


@post("/sites", sync_to_thread=True, **only(*MANAGERS))
def add_site(
    request: Call, data: JSONBody[SiteIn], idempotency_key: IdempotencyKey
) -> Response[SiteOut]:
    """Add a site, with its point. On the perpetrator side it waits for a coordinator."""

    def add(tx: Tx) -> SiteOut:
        site = sites.add_site(tx, _site_input(data), side=data.side, service=data.service)
        return _site_out(tx, site, ())

    return write_once(request, idempotency_key, data.model_dump(mode="json"), add)


@get("/sites/{site_id:uuid}", sync_to_thread=True, **only(*READERS))
def get_site(request: Call, site_id: FromPath[UUID]) -> Response[SiteOut]:
    """One site with its units."""
    return tagged(read(request, lambda tx: _whole(tx, site_id)))


@patch("/sites/{site_id:uuid}", sync_to_thread=True, **only(*MANAGERS))
def edit_site(
    request: Call, site_id: FromPath[UUID], data: JSONBody[SiteIn], if_match: IfMatch = None
) -> Response[SiteOut]:
    """Change a site (all its fields). Its side and service stay."""
    version = version_of(if_match)

    def edit(tx: Tx) -> SiteOut:
        sites.edit_site(tx, site_id, _site_input(data), version)
        tx.session.flush()
        return _whole(tx, site_id)

    return tagged(write(request, edit))


@post("/sites/{site_id:uuid}/opening", sync_to_thread=True, **only(Role.COORDINATOR))
def open_site(
    request: Call, site_id: FromPath[UUID], idempotency_key: IdempotencyKey
) -> Response[SiteOut]:
    """Open a site that waits, after the zoning check."""

    def approve(tx: Tx) -> SiteOut:
        sites.approve_site(tx, site_id)
        return _whole(tx, site_id)

    return write_once(request, idempotency_key, None, approve)


@post("/sites/{site_id:uuid}/confirmation", sync_to_thread=True, **only(*MANAGERS))
def confirm_site(
    request: Call, site_id: FromPath[UUID], idempotency_key: IdempotencyKey
) -> Response[SiteOut]:
    """Say that everything known of the site's units is still true."""

    def confirm(tx: Tx) -> SiteOut:
        availability.confirm_site(tx, site_id)
        tx.session.flush()
        return _whole(tx, site_id)

    return write_once(request, idempotency_key, None, confirm)


@post("/sites/{site_id:uuid}/units", sync_to_thread=True, **only(*MANAGERS))
def add_unit(
    request: Call,
    site_id: FromPath[UUID],
    data: JSONBody[UnitIn],
    idempotency_key: IdempotencyKey,
) -> Response[UnitOut]:
    """Add a unit to a site. It is free from tonight on."""
    return write_once(
        request,
        idempotency_key,
        data.model_dump(mode="json"),
        lambda tx: _unit(tx, unit_service.add_unit(tx, site_id, _unit_input(data))),
    )


@patch("/units/{unit_id:uuid}", sync_to_thread=True, **only(*MANAGERS))
def edit_unit(
    request: Call, unit_id: FromPath[UUID], data: JSONBody[UnitIn], if_match: IfMatch = None
) -> Response[UnitOut]:
    """Change a unit (all its fields)."""
    version = version_of(if_match)
    return tagged(
        write(
            request,
            lambda tx: _unit(tx, unit_service.edit_unit(tx, unit_id, _unit_input(data), version)),
        )
    )


@post("/units/{unit_id:uuid}/confirmation", sync_to_thread=True, **only(*MANAGERS))
def confirm_unit(
    request: Call, unit_id: FromPath[UUID], idempotency_key: IdempotencyKey
) -> Response[UnitOut]:
    """Say that what is known of this unit is still true."""
    return write_once(
        request,
        idempotency_key,
        None,
        lambda tx: _unit(tx, availability.confirm_unit(tx, unit_id)),
    )


@post("/units/{unit_id:uuid}/blocks", sync_to_thread=True, **only(*MANAGERS))
def block_unit(
    request: Call,
    unit_id: FromPath[UUID],
    data: JSONBody[BlockIn],
    idempotency_key: IdempotencyKey,
) -> Response[BlockOut]:
    """Close nights, or mark a unit occupied, being cleaned, out of service or kept back."""

    def block(tx: Tx) -> BlockOut:
        made = availability.block_unit(tx, unit_id, data.reason, data.first_night, data.end_night)
        return BlockOut.model_validate(made)

    return write_once(request, idempotency_key, data.model_dump(mode="json"), block)


@delete("/units/{unit_id:uuid}/blocks/{block_id:uuid}", sync_to_thread=True, **only(*MANAGERS))
def unblock_unit(request: Call, unit_id: FromPath[UUID], block_id: FromPath[UUID]) -> None:
    """Open the nights again, from tonight on."""
    write(request, lambda tx: availability.unblock_unit(tx, unit_id, block_id))


route_handlers = (
    list_sites,
    add_site,
    get_site,
    edit_site,
    open_site,
    confirm_site,
    add_unit,
    edit_unit,
    confirm_unit,
    block_unit,
    unblock_unit,
)
