"""Holding, confirming and everything after: once each, under locks, checked again.

Lock order, for everybody: the request, its case, the units (sorted), the audit chain.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlmodel import col

from shelter.db.session import is_double_booking, lock_request, lock_units
from shelter.db.tables import (
    Block,
    PlacementRow,
    Request,
    Site,
    StayRow,
    Unit,
    User,
)
from shelter.domain.alerts import AlertKind
from shelter.domain.availability import BlockReason, Sharing
from shelter.domain.errors import Conflict, FieldProblem, Invalid, NotAllowed, Taken
from shelter.domain.placements import (
    LIVE,
    RUNNING,
    Action,
    PlacementState,
    may,
    next_state,
)
from shelter.domain.requests import Outcome, RequestState
from shelter.domain.sides import Role, Side
from shelter.services import occupancy
from shelter.services.alerts import raise_alert, victim_assistance_of
from shelter.services.codes import unused_code
from shelter.services.context import Tx, found
from shelter.services.intake import household_of, own_request
from shelter.services.occupancy import MAX_PARTS as MAX_PARTS
from shelter.services.occupancy import StayChoice as StayChoice
from shelter.services.outbox import queue
from shelter.services.sites import Location, location_of


def hold(tx: Tx, request_id: UUID, choice: Sequence[StayChoice]) -> PlacementRow:
    """Keep a place for a few minutes while the worker talks it over.

    Raises Taken when somebody was faster, Conflict when a hard rule forbids it.
    """
    request = own_request(tx, request_id)
    if request.state is RequestState.CLOSED:
        raise Conflict("request_closed")
    if tx.rows.live_placement_of(request.id) is not None:
        raise Conflict("request_has_placement")
    occupancy.check_choice(choice, tx.tonight)
    occupancy.lock_case(tx, request)
    lock_units(tx.session, [stay.unit_id for stay in choice])
    units = occupancy.chosen_units(tx, choice)
    occupancy.refuse_taken(tx, choice, units)
    occupancy.verify_choice(tx, request, choice)
    assert tx.actor.user_id is not None
    placement = PlacementRow(
        side=request.side,
        request_id=request.id,
        code=unused_code(tx.session, col(PlacementRow.code)),
        state=PlacementState.HELD,
        service=request.service,
        first_night=min(stay.first_night for stay in choice),
        end_night=max(stay.end_night for stay in choice),
        held_by=tx.actor.user_id,
        held_at=tx.now,
        hold_expires_at=tx.now + tx.network.defaults.hold,
    )
    tx.session.add(placement)
    request.state = RequestState.PLACED
    request.version += 1
    tx.session.add(request)
    household = household_of(request)
    try:
        tx.session.flush()
        for part in choice:
            stay = StayRow(
                side=request.side,
                placement_id=placement.id,
                unit_id=part.unit_id,
                first_night=part.first_night,
                end_night=part.end_night,
            )
            tx.session.add(stay)
            tx.session.flush()
            occupancy.occupy(
                tx,
                stay,
                units[part.unit_id],
                household,
                len(choice),
                part.first_night,
                part.end_night,
            )
        tx.session.flush()
    except IntegrityError as error:
        if is_double_booking(error):
            raise Taken("taken") from None
        raise
    tx.record(
        "placement.hold",
        f"placement:{placement.id}",
        side=request.side,
        request_id=request.id,
        units=[str(part.unit_id) for part in choice],
        first_night=placement.first_night.isoformat(),
        end_night=placement.end_night.isoformat(),
    )
    return placement


def confirm(tx: Tx, placement_id: UUID) -> PlacementRow:
    """Turn a hold into a promise, and queue the words that tell it, in one transaction.

    Where the network reviews every perpetrator placement it then waits for a coordinator.
    """
    placement, request = _locked(tx, placement_id, Action.CONFIRM)
    reviewed = (
        placement.side is Side.PERPETRATORS and tx.network.defaults.review_perpetrator_placements
    )
    after = next_state(placement.state, Action.SUBMIT if reviewed else Action.CONFIRM)
    if tx.now >= placement.hold_expires_at:
        raise Conflict("hold_expired")
    _check_again(tx, placement, request)
    placement.confirmed_by = tx.actor.user_id
    _move(tx, placement, request, Action.SUBMIT if reviewed else Action.CONFIRM, after)
    if reviewed:
        raise_alert(
            tx,
            AlertKind.REVIEW_WANTED,
            tx.network.coordinator,
            request,
            placement=placement,
            occasion=f"review:{placement.id}",
        )
    else:
        _promise(tx, placement, request)
    return placement


def review(tx: Tx, placement_id: UUID, *, approve: bool) -> PlacementRow:
    """A coordinator approves or declines a perpetrator placement (networks that review all)."""
    action = Action.APPROVE if approve else Action.DECLINE
    placement, request = _locked(tx, placement_id, action)
    after = next_state(placement.state, action)
    if approve:  # this is the transaction that promises: what was true at the hold may not be now
        _check_again(tx, placement, request)
    _move(tx, placement, request, action, after)
    if approve:
        _promise(tx, placement, request)
    else:
        _free(tx, placement, request)
    return placement


def release(tx: Tx, placement_id: UUID) -> PlacementRow:
    """Let go of a hold."""
    return _end(tx, placement_id, Action.RELEASE)


def cancel(tx: Tx, placement_id: UUID) -> PlacementRow:
    """Take a promise back before anybody arrived; the site is told."""
    return _end(tx, placement_id, Action.CANCEL)


def no_show(tx: Tx, placement_id: UUID) -> PlacementRow:
    """Nobody came: the nights are free again, the request is open again."""
    placement = _end(tx, placement_id, Action.NO_SHOW)
    request: Request = found(tx.rows.get(Request, placement.request_id), "request")
    raise_alert(
        tx,
        AlertKind.NO_SHOW,
        placement.service,
        request,
        placement=placement,
        occasion=f"no_show:{placement.id}",
    )
    return placement


def expire(tx: Tx, placement_id: UUID) -> bool:
    """Free a hold that ran out. False when it was confirmed, released or freed meanwhile."""
    row = tx.rows.get(PlacementRow, placement_id)
    if row is None:
        return False
    lock_request(tx.session, row.request_id)
    placement: PlacementRow = found(
        tx.rows.get(PlacementRow, placement_id, for_update=True), "placement"
    )
    if placement.state is not PlacementState.HELD or tx.now < placement.hold_expires_at:
        return False
    request: Request = found(tx.rows.get(Request, placement.request_id, for_update=True), "request")
    _move(tx, placement, request, Action.EXPIRE, PlacementState.EXPIRED)
    _free(tx, placement, request)
    return True


def arrive(tx: Tx, placement_id: UUID) -> PlacementRow:
    placement, request = _locked(tx, placement_id, Action.ARRIVE)
    placement.arrived_at = tx.now
    _move(tx, placement, request, Action.ARRIVE, next_state(placement.state, Action.ARRIVE))
    return placement


def extend(tx: Tx, placement_id: UUID, end_night: date) -> PlacementRow:
    """Lengthen a stay in the unit where it ends, within the place's own renewals."""
    placement, request = _locked(tx, placement_id, Action.EXTEND)
    next_state(placement.state, Action.EXTEND)
    if end_night <= placement.end_night:
        raise Invalid(FieldProblem("end_night", "after", (("date", str(placement.end_night)),)))
    horizon = tx.tonight + timedelta(days=tx.network.defaults.horizon_nights)
    if end_night > horizon:
        raise Invalid(FieldProblem("end_night", "before", (("date", str(horizon)),)))
    stays = tx.rows.stays([placement.id])
    last = [stay for stay in stays if stay.end_night == placement.end_night]
    lock_units(tx.session, [stay.unit_id for stay in stays])
    longer = [
        StayChoice(s.unit_id, s.first_night, end_night if s in last else s.end_night) for s in stays
    ]
    units = occupancy.chosen_units(tx, longer)
    added = [StayChoice(s.unit_id, placement.end_night, end_night) for s in last]
    occupancy.refuse_taken(tx, added, units)
    occupancy.verify_choice(tx, request, longer, renewing=True)
    household = household_of(request)
    before = placement.end_night
    try:
        for stay in last:
            occupancy.occupy(tx, stay, units[stay.unit_id], household, len(last), before, end_night)
            stay.end_night = end_night
            tx.session.add(stay)
        tx.session.flush()
    except IntegrityError as error:
        if is_double_booking(error):
            raise Taken("taken") from None
        raise
    placement.end_night = end_night
    placement.version += 1
    tx.session.add(placement)
    _tell_site(tx, placement, request, "sms.placement_extended")
    tx.record(
        "placement.extend",
        f"placement:{placement.id}",
        side=placement.side,
        request_id=request.id,
        before=before.isoformat(),
        end_night=end_night.isoformat(),
    )
    return placement


def depart(tx: Tx, placement_id: UUID) -> PlacementRow:
    """End a stay: the nights to come are free after the place's cleaning nights."""
    placement, request = _locked(tx, placement_id, Action.DEPART)
    after = next_state(placement.state, Action.DEPART)
    free_from = _night_after(tx)
    for stay in tx.rows.stays([placement.id]):
        # an arrival counts as a night; a unit to which they never came does not
        at_arrival = stay.first_night == placement.first_night <= tx.tonight
        if stay.first_night >= free_from and not at_arrival:
            occupancy.free_nights(tx, [stay.id], stay.first_night)
            continue
        # on paper an arrival counts as a night, but tonight's bed is free when they left today
        end = min(stay.end_night, max(free_from, stay.first_night + timedelta(days=1)))
        # whoever stayed on past the last promised night was there until now
        moved_on = stay.end_night < min(free_from, placement.end_night)
        left = stay.end_night if moved_on else free_from
        unit: Unit = found(tx.rows.get(Unit, stay.unit_id), "unit")
        occupancy.free_nights(tx, [stay.id], left)
        # a shared unit is not closed: others sleep there, or were promised to
        cleaning = unit.cleaning_nights if unit.sharing is Sharing.PRIVATE else 0
        cleaned_by = left + timedelta(days=cleaning)
        if cleaning and cleaned_by > tx.tonight:
            tx.session.add(
                Block(
                    unit_id=unit.id,
                    side=unit.side,
                    reason=BlockReason.CLEANING,
                    first_night=left,
                    end_night=cleaned_by,
                    created_at=tx.now,
                    created_by=tx.actor.user_id,
                )
            )
        if stay.first_night < end < stay.end_night:
            stay.end_night = end
            tx.session.add(stay)
    placement.end_night = min(
        placement.end_night, max(free_from, placement.first_night + timedelta(days=1))
    )
    placement.ended_at = tx.now
    _move(tx, placement, request, Action.DEPART, after)
    request.state, request.outcome, request.closed_at = (
        RequestState.CLOSED,
        Outcome.HOUSED,
        tx.now,
    )
    request.version += 1
    tx.session.add(request)
    _tell_site(tx, placement, request, "sms.placement_ended")
    return placement


def readable_placement(tx: Tx, placement_id: UUID, *, for_update: bool = False) -> PlacementRow:
    """The placement, if the actor may read it: its service, its site's staff, a coordinator."""
    placement: PlacementRow = found(
        tx.rows.get(PlacementRow, placement_id, for_update=for_update), "placement"
    )
    role = tx.actor.role
    if role is Role.COORDINATOR or (role is Role.ON_CALL and placement.service == tx.actor.service):
        return placement
    if role is Role.COMMUNE_STAFF and _is_site_staff(tx, placement):
        return placement
    found(None, "placement")
    return placement


def reveal_address(tx: Tx, placement_id: UUID) -> Sequence[tuple[Site, Location]]:
    """Where to go: for the workers named on a running placement and the site's own staff.

    Every look is in the audit log. Raises NotAllowed for everybody else who may see the placement.
    """
    placement = readable_placement(tx, placement_id)
    named = tx.actor.user_id in {placement.held_by, placement.confirmed_by}
    if not (named or (tx.actor.role is Role.COMMUNE_STAFF and _is_site_staff(tx, placement))):
        raise NotAllowed("address_not_for_you")
    if placement.state not in RUNNING:
        raise NotAllowed("address_only_while_running")
    sites: dict[UUID, Site] = {}
    for stay in tx.rows.stays([placement.id]):
        unit: Unit = found(tx.rows.get(Unit, stay.unit_id), "unit")
        sites.setdefault(unit.site_id, found(tx.rows.get(Site, unit.site_id), "site"))
    tx.record(
        "address.look",
        f"placement:{placement.id}",
        side=placement.side,
        request_id=placement.request_id,
    )
    return [
        (site, location_of(tx, site))
        for site in sites.values()
        if named or site.service == tx.actor.service  # staff: their own site, not the other one
    ]


def _locked(tx: Tx, placement_id: UUID, action: Action) -> tuple[PlacementRow, Request]:
    """The placement and its request, locked, if the actor may do ``action`` to it."""
    if not may(tx.actor.role, action):
        raise NotAllowed("not_allowed")
    seen = readable_placement(tx, placement_id)
    lock_request(tx.session, seen.request_id)
    placement = readable_placement(tx, placement_id, for_update=True)
    request: Request = found(tx.rows.get(Request, placement.request_id, for_update=True), "request")
    occupancy.lock_case(tx, request)
    return placement, request


def _check_again(tx: Tx, placement: PlacementRow, request: Request) -> None:
    """Every rule once more, in the transaction that promises: much may be new since the hold."""
    stays = tx.rows.stays([placement.id])
    lock_units(tx.session, [stay.unit_id for stay in stays])
    choice = [StayChoice(stay.unit_id, stay.first_night, stay.end_night) for stay in stays]
    occupancy.verify_choice(tx, request, choice)


def _end(tx: Tx, placement_id: UUID, action: Action) -> PlacementRow:
    placement, request = _locked(tx, placement_id, action)
    after = next_state(placement.state, action)
    promised = placement.state in RUNNING
    _move(tx, placement, request, action, after)
    _free(tx, placement, request)
    if promised:
        _tell_site(tx, placement, request, "sms.placement_ended")
    return placement


def _move(
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


def _free(tx: Tx, placement: PlacementRow, request: Request) -> None:
    """Give back every night, and open the request again."""
    occupancy.free_nights(tx, [stay.id for stay in tx.rows.stays([placement.id])], date.min)
    request.state = RequestState.OPEN
    request.version += 1
    tx.session.add(request)


def _promise(tx: Tx, placement: PlacementRow, request: Request) -> None:
    """Queue what a confirmed placement must tell, in the transaction that confirms it."""
    worker = tx.session.get(User, placement.confirmed_by or placement.held_by)
    if worker is not None and worker.phone:
        queue(
            tx,
            "sms.placement_confirmed",
            to=worker.phone,
            language=worker.language,
            reference=request.code,
            side=request.side,
            service=request.service,
            request_id=request.id,
        )
    _tell_site(tx, placement, request, "sms.placement_expected")
    kind = (
        AlertKind.PLACEMENT_CONFIRMED
        if request.side is Side.VICTIMS
        else AlertKind.PERPETRATOR_PLACED
    )
    for service in victim_assistance_of(tx, request.service):
        raise_alert(
            tx,
            kind,
            service.key,
            request,
            placement=placement,
            occasion=f"confirmed:{placement.id}",
        )


def _tell_site(tx: Tx, placement: PlacementRow, request: Request, template: str) -> None:
    told: set[str] = set()
    for stay in tx.rows.stays([placement.id]):
        unit = tx.rows.get(Unit, stay.unit_id)
        site = tx.rows.get(Site, unit.site_id) if unit is not None else None
        if site is None or site.contact_phone is None or site.contact_phone in told:
            continue
        told.add(site.contact_phone)
        queue(
            tx,
            template,
            to=site.contact_phone,
            language=site.contact_language,
            reference=request.code,
            side=request.side,
            service=site.service,
            request_id=request.id,
        )


def _is_site_staff(tx: Tx, placement: PlacementRow) -> bool:
    for stay in tx.rows.stays([placement.id]):
        unit = tx.rows.get(Unit, stay.unit_id)
        site = tx.rows.get(Site, unit.site_id) if unit is not None else None
        if site is not None and site.service == tx.actor.service:
            return True
    return False


def _night_after(tx: Tx) -> date:
    """The first night that a departure now leaves free: one that is running was slept in."""
    local: datetime = tx.now.astimezone(tx.network.timezone)
    if local.hour < tx.network.defaults.night_rolls_over_at:
        return tx.tonight + timedelta(days=1)
    return tx.tonight
