"""A placement that exists: who may read it, how it is locked, how its state changes."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from shelter.db.session import lock_request
from shelter.db.tables import PlacementRow, Request, Site, StayRow, Unit
from shelter.domain.errors import NotAllowed
from shelter.domain.placements import LIVE, Action, PlacementState, may
from shelter.domain.requests import RequestState
from shelter.domain.sides import Role
from shelter.services import occupancy
from shelter.services.context import Tx, found


def readable_placement(tx: Tx, placement_id: UUID, *, for_update: bool = False) -> PlacementRow:
    """The placement, if the actor may read it: its service, its site's staff, a coordinator."""
    placement: PlacementRow = found(
        tx.rows.get(PlacementRow, placement_id, for_update=for_update), "placement"
    )
    role = tx.actor.role
    if role is Role.COORDINATOR or (role is Role.ON_CALL and placement.service == tx.actor.service):
        return placement
    if role is Role.COMMUNE_STAFF and is_site_staff(tx, placement):
        return placement
    found(None, "placement")
    return placement


def locked(tx: Tx, placement_id: UUID, action: Action) -> tuple[PlacementRow, Request]:
    """The placement and its request, locked, if the actor may do ``action`` to it."""
    if not may(tx.actor.role, action):
        raise NotAllowed("not_allowed")
    seen = readable_placement(tx, placement_id)
    lock_request(tx.session, seen.request_id)
    placement = readable_placement(tx, placement_id, for_update=True)
    request: Request = found(tx.rows.get(Request, placement.request_id, for_update=True), "request")
    occupancy.lock_case(tx, request)
    return placement, request


def change_state(
    tx: Tx, placement: PlacementRow, request: Request, action: Action, after: PlacementState
) -> None:
    before, placement.state = placement.state, after
    if after is PlacementState.CONFIRMED:
        placement.confirmed_at = tx.now
    if after not in LIVE:
        placement.ended_at = tx.now
    placement.version += 1
    tx.session.add(placement)
    tx.record(
        f"placement.{action.value}",
        f"placement:{placement.id}",
        side=placement.side,
        request_id=request.id,
        before=before.value,
        after=after.value,
    )


def free_all(tx: Tx, placement: PlacementRow, request: Request) -> None:
    """Give back every night, and open the request again."""
    occupancy.free_nights(tx, [stay.id for stay in tx.rows.stays([placement.id])], date.min)
    request.state = RequestState.OPEN
    request.version += 1
    tx.session.add(request)


def is_site_staff(tx: Tx, placement: PlacementRow) -> bool:
    """Whether it is in a site of the actor's service; a site that it was moved from is none."""
    return any(site.service == tx.actor.service for _, site in sites_of(tx, placement))


def sites_of(tx: Tx, placement: PlacementRow) -> list[tuple[StayRow, Site]]:
    """The stays that make up the placement with their sites, as far as this side has them.

    Stays that the household was moved away from are over, and a site that serves the other side
    by now is no longer this side's.
    """
    found_sites = []
    for stay in tx.rows.stays([placement.id]):
        unit = tx.rows.get(Unit, stay.unit_id) if stay.left_at is None else None
        site = tx.rows.get(Site, unit.site_id) if unit is not None else None
        if site is not None:
            found_sites.append((stay, site))
    return found_sites
