"""Holding, confirming and everything after: once each, under locks, checked again.

Lock order, for everybody: the request, its case, the units (sorted), the audit chain.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlmodel import col

from shelter.db.session import lock_request, lock_units
from shelter.db.tables import PlacementRow, Request
from shelter.domain.alerts import AlertKind
from shelter.domain.errors import Conflict
from shelter.domain.placements import RUNNING, Action, PlacementState, next_state
from shelter.domain.requests import RequestState
from shelter.domain.sides import Side
from shelter.services import occupancy
from shelter.services.addresses import reveal_address as reveal_address
from shelter.services.alerts import raise_alert
from shelter.services.codes import unused_code
from shelter.services.context import Tx, found
from shelter.services.intake import household_of, own_request
from shelter.services.lifecycle import change_state, free_all, locked
from shelter.services.lifecycle import readable_placement as readable_placement
from shelter.services.occupancy import MAX_PARTS as MAX_PARTS
from shelter.services.occupancy import StayChoice as StayChoice
from shelter.services.promises import promise, sites_concerned, tell_sites
from shelter.services.stays import depart as depart
from shelter.services.stays import extend as extend
from shelter.services.stays import move as move


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
    occupancy.refuse_unseen(tx, choice)
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
    occupancy.take(tx, placement, choice, units, household_of(request))
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
    placement, request = locked(tx, placement_id, Action.CONFIRM)
    reviewed = (
        placement.side is Side.PERPETRATORS and tx.network.defaults.review_perpetrator_placements
    )
    after = next_state(placement.state, Action.SUBMIT if reviewed else Action.CONFIRM)
    if tx.now >= placement.hold_expires_at:
        raise Conflict("hold_expired")
    _check_again(tx, placement, request)
    placement.confirmed_by = tx.actor.user_id
    change_state(tx, placement, request, Action.SUBMIT if reviewed else Action.CONFIRM, after)
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
        promise(tx, placement, request)
    return placement


def review(tx: Tx, placement_id: UUID, *, approve: bool) -> PlacementRow:
    """A coordinator approves or declines a perpetrator placement (networks that review all)."""
    action = Action.APPROVE if approve else Action.DECLINE
    placement, request = locked(tx, placement_id, action)
    after = next_state(placement.state, action)
    if approve:  # this is the transaction that promises: what was true at the hold may not be now
        _check_again(tx, placement, request)
    change_state(tx, placement, request, action, after)
    if approve:
        promise(tx, placement, request)
    else:
        free_all(tx, placement, request)
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
    change_state(tx, placement, request, Action.EXPIRE, PlacementState.EXPIRED)
    free_all(tx, placement, request)
    return True


def arrive(tx: Tx, placement_id: UUID) -> PlacementRow:
    placement, request = locked(tx, placement_id, Action.ARRIVE)
    placement.arrived_at = tx.now
    change_state(tx, placement, request, Action.ARRIVE, next_state(placement.state, Action.ARRIVE))
    return placement


def _check_again(tx: Tx, placement: PlacementRow, request: Request) -> None:
    """Every rule once more, in the transaction that promises: much may be new since the hold."""
    stays = tx.rows.stays([placement.id])
    lock_units(tx.session, [stay.unit_id for stay in stays])
    choice = [StayChoice(stay.unit_id, stay.first_night, stay.end_night) for stay in stays]
    occupancy.verify_choice(tx, request, choice)


def _end(tx: Tx, placement_id: UUID, action: Action) -> PlacementRow:
    placement, request = locked(tx, placement_id, action)
    after = next_state(placement.state, action)
    promised = placement.state in RUNNING
    change_state(tx, placement, request, action, after)
    free_all(tx, placement, request)
    if promised:
        tell_sites(tx, request, sites_concerned(tx, placement), "sms.placement_ended")
    return placement
