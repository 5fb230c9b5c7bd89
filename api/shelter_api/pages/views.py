"""Rows put together for a template: a placement with its parts, what is known of a unit."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from shelter.db.tables import Alert, Block, PlacementRow, Request, Site, Unit
from shelter.domain.availability import Freshness, freshness
from shelter.domain.placements import Action, PlacementState, actions_for
from shelter.domain.sides import Role
from shelter.services import availability
from shelter.services.addresses import may_open
from shelter.services.context import Tx, found
from shelter.services.lifecycle import sites_of


@dataclass(frozen=True, slots=True)
class Part:
    unit: Unit
    site: Site
    first_night: date
    end_night: date


@dataclass(frozen=True, slots=True)
class Placed:
    """A placement, where it is, and what the reader may do about it now."""

    row: PlacementRow
    request: Request
    parts: tuple[Part, ...]
    actions: tuple[Action, ...]
    #: the reader may open the page that reveals the address
    may_reveal: bool
    nights_left: int

    @property
    def nights(self) -> int:
        return (self.row.end_night - self.row.first_night).days


@dataclass(frozen=True, slots=True)
class UnitNow:
    unit: Unit
    freshness: Freshness
    #: blocks from tonight on
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Told:
    """An alert with the reference that its SMS named."""

    alert: Alert
    request: Request | None
    may_open: bool


def placed(tx: Tx, row: PlacementRow, request: Request) -> Placed:
    return next(iter(all_placed(tx, [row], {request.id: request})))


def all_placed(
    tx: Tx, rows: Iterable[PlacementRow], requests: dict[UUID, Request]
) -> tuple[Placed, ...]:
    return tuple(
        Placed(
            row=row,
            request=requests[row.request_id],
            parts=parts_of(tx, row),
            actions=actions_for(row.state, tx.actor.role) if tx.actor.role else (),
            may_reveal=may_open(tx, row),
            nights_left=(row.end_night - tx.tonight).days,
        )
        for row in rows
    )


def parts_of(tx: Tx, row: PlacementRow) -> tuple[Part, ...]:
    """Where a placement is, as far as the reader works there.

    Staff see their own site and not the name of another; a site that the household was moved away
    from, or that serves the other side by now, is nobody's to see here.
    """
    staff = tx.actor.role is Role.COMMUNE_STAFF
    return tuple(
        Part(found(tx.rows.get(Unit, stay.unit_id), "unit"), site, stay.first_night, stay.end_night)
        for stay, site in sites_of(tx, row)
        if not staff or site.service == tx.actor.service
    )


def placed_at(tx: Tx, sites: Collection[Site]) -> tuple[Placed, ...]:
    """Live placements in these sites that the reader works on, first arrivals first."""
    units = {unit.id for unit in tx.rows.units([site.id for site in sites])}
    live = [
        row
        for row in tx.rows.live_placements()
        if row.state is not PlacementState.HELD
        and (tx.actor.role is not Role.ON_CALL or row.service == tx.actor.service)
    ]
    here = {
        stay.placement_id
        for stay in tx.rows.stays([p.id for p in live])
        if stay.unit_id in units and stay.left_at is None
    }
    rows = sorted((p for p in live if p.id in here), key=lambda p: (p.first_night, str(p.id)))
    requests = {r.id: r for r in tx.rows.requests([row.request_id for row in rows])}
    return all_placed(tx, rows, requests)


def units_now(tx: Tx, units: Iterable[Unit]) -> tuple[UnitNow, ...]:
    units = list(units)
    blocks = availability.current_blocks(tx, [unit.id for unit in units])
    limit = tx.network.defaults.stale_after
    return tuple(
        UnitNow(
            unit,
            freshness(unit.confirmed_at, tx.now, limit),
            tuple(blocks.get(unit.id, ())),
        )
        for unit in units
    )


def stalest(units: Iterable[UnitNow]) -> UnitNow | None:
    """The unit whose word is oldest: a site is known as well as its least known unit."""
    return min(units, key=lambda each: each.unit.confirmed_at, default=None)


def told(tx: Tx, alerts: Iterable[Alert]) -> tuple[Told, ...]:
    views = []
    for alert in alerts:
        request = tx.rows.get(Request, alert.request_id) if alert.request_id else None
        may_open = request is not None and (
            tx.actor.role is Role.COORDINATOR
            or (tx.actor.role is Role.ON_CALL and request.service == tx.actor.service)
        )
        views.append(Told(alert, request, may_open))
    return tuple(views)


def ends_soon(placement: Placed) -> bool:
    return placement.row.state is PlacementState.ARRIVED and placement.nights_left <= 1
