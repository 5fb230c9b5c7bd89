"""Who may open an address, and who knows one.

One page shows it: to the workers named on a running placement and to the staff of the very site.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from sqlmodel import col

from shelter.db.tables import KnownAddress, PlacementRow, Request, Site
from shelter.domain.errors import NotAllowed
from shelter.domain.placements import PlacementState
from shelter.domain.sides import Role
from shelter.services.context import Tx
from shelter.services.lifecycle import readable_placement, sites_of
from shelter.services.locations import Location, location_of


def reveal_address(tx: Tx, placement_id: UUID) -> Sequence[tuple[Site, Location]]:
    """Where to go: for the workers named on a running placement and the site's own staff.

    Every look is in the audit log. Raises NotAllowed for everybody else who may see the placement.
    """
    placement = readable_placement(tx, placement_id)
    sites = sites_to_open(tx, placement)
    tx.record(
        "address.look",
        f"placement:{placement.id}",
        side=placement.side,
        request_id=placement.request_id,
        sites=sorted(str(site.id) for site in sites),
    )
    return [(site, location_of(tx, site)) for site in sites]


def sites_to_open(tx: Tx, placement: PlacementRow) -> list[Site]:
    """The sites whose address the actor may open now. Raises NotAllowed when there is none.

    A site that the household was moved away from, or has left as planned, is none of them; staff
    get their own site and not the other one.
    """
    named = tx.actor.role is Role.ON_CALL and tx.actor.user_id in {
        placement.held_by,
        placement.confirmed_by,
        placement.moved_by,
    }
    staff = tx.actor.role is Role.COMMUNE_STAFF
    theirs = [
        (stay, site)
        for stay, site in sites_of(tx, placement)
        if named or (staff and site.service == tx.actor.service)
    ]
    if not theirs:
        raise NotAllowed("address_not_for_you")
    # on the last promised night's morning a place that nobody came to is nobody's any more
    awaited = placement.state is PlacementState.CONFIRMED and placement.end_night > tx.tonight
    if not awaited and placement.state is not PlacementState.ARRIVED:
        raise NotAllowed("address_only_while_running")
    sites = {
        site.id: site
        for stay, site in theirs
        if stay.end_night > tx.tonight or stay.end_night == placement.end_night
    }
    if not sites:
        raise NotAllowed("address_only_while_running")
    return list(sites.values())


def may_open(tx: Tx, placement: PlacementRow) -> bool:
    """As ``reveal_address`` decides; it decides again when it is asked."""
    try:
        return bool(sites_to_open(tx, placement))
    except NotAllowed:
        return False


def remember(tx: Tx, placement: PlacementRow, request: Request) -> None:
    """Note that this household knows where it is promised to be: that cannot be taken back."""
    until: dict[UUID, date] = {}
    for stay, site in sites_of(tx, placement):
        end = max(stay.end_night, tx.tonight)
        until[site.id] = max(end, until.get(site.id, end))
    known = {
        row.site_id: row
        for row in tx.session.exec(
            tx.rows.select(KnownAddress).where(col(KnownAddress.placement_id) == placement.id)
        )
    }
    apart = {each.other_case_hash for each in tx.rows.separations([request.id])}
    for site_id, end in until.items():
        row = known.get(site_id) or KnownAddress(
            side=placement.side,
            site_id=site_id,
            placement_id=placement.id,
            case_hash=request.case_hash,
            apart_from=[],
            since=tx.now,
            last_night=end,
        )
        row.last_night = max(row.last_night, end)
        row.apart_from = sorted(apart.union(row.apart_from))
        tx.session.add(row)
