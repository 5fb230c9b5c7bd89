"""The board: sites × nights, as far as the reader may see."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from uuid import UUID

from shelter.db.rows import Rows
from shelter.db.tables import Site, Unit
from shelter.domain.availability import BlockReason, Freshness, Sharing, freshness
from shelter.domain.errors import FieldProblem, Invalid, NotAllowed
from shelter.domain.nights import each_night
from shelter.domain.placements import PlacementState, occupied_until
from shelter.domain.sides import Role, Side
from shelter.services.context import Tx


class Cell(StrEnum):
    """What a unit is in a night."""

    FREE = "free"
    PART_FREE = "part_free"  # a shared unit with beds left
    HELD = "held"
    AWAITED = "awaited"  # confirmed, nobody arrived yet
    OCCUPIED = "occupied"
    CLEANING = "cleaning"
    CLOSED = "closed"
    OUT_OF_SERVICE = "out_of_service"
    KEPT_BACK = "kept_back"
    WAITING = "waiting"  # its site is not opened yet


@dataclass(frozen=True, slots=True)
class Night:
    night: date
    cell: Cell
    free_beds: int
    #: references of the placements there that the reader works on
    references: tuple[str, ...] = ()
    request_ids: tuple[UUID, ...] = ()


@dataclass(frozen=True, slots=True)
class UnitLine:
    unit: Unit
    nights: tuple[Night, ...]
    known_at: datetime
    freshness: Freshness


@dataclass(frozen=True, slots=True)
class SiteRows:
    site: Site
    units: tuple[UnitLine, ...]


@dataclass(frozen=True, slots=True)
class Board:
    side: Side
    first_night: date
    nights: tuple[date, ...]
    sites: tuple[SiteRows, ...]
    free_tonight: int


_STATE_CELL = {
    PlacementState.HELD: Cell.HELD,
    PlacementState.AWAITING_REVIEW: Cell.HELD,
    PlacementState.CONFIRMED: Cell.AWAITED,
    PlacementState.ARRIVED: Cell.OCCUPIED,
}
_BLOCK_CELL = {
    BlockReason.CLOSED: Cell.CLOSED,
    BlockReason.OCCUPIED: Cell.OCCUPIED,
    BlockReason.CLEANING: Cell.CLEANING,
    BlockReason.OUT_OF_SERVICE: Cell.OUT_OF_SERVICE,
    BlockReason.KEPT_BACK: Cell.KEPT_BACK,
}


def board(
    tx: Tx, *, side: Side | None = None, first_night: date | None = None, nights: int = 14
) -> Board:
    """One side's board. A two-sided reader names the side: never both on one screen."""
    if tx.actor.role not in {Role.ON_CALL, Role.COMMUNE_STAFF, Role.COORDINATOR}:
        raise NotAllowed("not_allowed")
    side = tx.actor.side or side or Side.VICTIMS
    if not 1 <= nights <= 90:
        raise Invalid(FieldProblem("nights", "range", (("min", 1), ("max", 90))))
    first = first_night or tx.tonight
    if abs((first - tx.tonight).days) > 2 * 366:
        raise Invalid(FieldProblem("first_night", "night_range"))
    rows = Rows(tx.session, frozenset({side}))
    service = tx.actor.service if tx.actor.role is Role.COMMUNE_STAFF else None
    sites = rows.sites(service=service)
    units = rows.units([site.id for site in sites])
    end = first + timedelta(days=nights)
    all_nights = tuple(each_night(first, end))
    ids = [unit.id for unit in units]

    blocked: dict[UUID, list[tuple[date, date | None, BlockReason]]] = {}
    for block in rows.blocks(ids, first, end):
        blocked.setdefault(block.unit_id, []).append(
            (block.first_night, block.end_night, block.reason)
        )
    placements = {p.id: p for p in rows.live_placements()}
    stays = {stay.id: stay for stay in rows.stays(list(placements))}
    requests = {r.id: r for r in rows.requests([p.request_id for p in placements.values()])}
    taken: dict[tuple[UUID, date], list[tuple[int, UUID]]] = {}
    for row in rows.occupied(ids, first, end):
        taken.setdefault((row.unit_id, row.night), []).append((row.bed, row.stay_id))
    for stay in stays.values():
        placement = placements[stay.placement_id]
        if stay.end_night != placement.end_night:
            continue
        # still there though the last promised night is over: until somebody says that they left
        until = occupied_until(placement.state, placement.end_night, tx.tonight)
        for night in each_night(placement.end_night, until):
            taken.setdefault((stay.unit_id, night), []).append((0, stay.id))

    def night_of(unit: Unit, night: date, waiting: bool) -> Night:
        rows_here = taken.get((unit.id, night), [])
        beds_used = sum(1 for bed, _ in rows_here if bed < unit.beds)
        private = unit.sharing is Sharing.PRIVATE
        free_beds = 0 if (private and rows_here) else unit.beds - beds_used
        references, request_ids = [], []
        cell = Cell.FREE
        for stay_id in dict.fromkeys(stay_id for _, stay_id in rows_here):
            if stay_id not in stays:
                cell = Cell.OCCUPIED
                continue
            placement = placements[stays[stay_id].placement_id]
            cell = _STATE_CELL[placement.state]
            if tx.actor.role is not Role.ON_CALL or placement.service == tx.actor.service:
                references.append(requests[placement.request_id].code)
                request_ids.append(placement.request_id)
        for start, until, reason in blocked.get(unit.id, ()):
            if start <= night and (until is None or night < until):
                free_beds = 0
                if not rows_here:
                    cell = _BLOCK_CELL[reason]
                break
        if waiting:
            free_beds = 0
            if not rows_here:
                cell = Cell.WAITING
        if rows_here and not private and free_beds:
            cell = Cell.PART_FREE
        return Night(night, cell, free_beds, tuple(references), tuple(request_ids))

    limit = tx.network.defaults.stale_after
    by_site: dict[UUID, list[UnitLine]] = {}
    free_tonight = 0
    for unit in units:
        waiting = next(s for s in sites if s.id == unit.site_id).opened_at is None
        line = tuple(night_of(unit, night, waiting) for night in all_nights)
        free_tonight += sum(
            1
            for night in line
            if night.night == tx.tonight and night.cell in {Cell.FREE, Cell.PART_FREE}
        )
        by_site.setdefault(unit.site_id, []).append(
            UnitLine(unit, line, unit.confirmed_at, freshness(unit.confirmed_at, tx.now, limit))
        )
    return Board(
        side=side,
        first_night=first,
        nights=all_nights,
        sites=tuple(SiteRows(site, tuple(by_site.get(site.id, ()))) for site in sites),
        free_tonight=free_tonight,
    )
