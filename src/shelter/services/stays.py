"""A stay that was promised: made longer, moved to another place, ended."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from uuid import UUID

from sqlalchemy.exc import IntegrityError

from shelter.db.session import is_double_booking, lock_units
from shelter.db.tables import Block, PlacementRow, StayRow, Unit
from shelter.domain.availability import BlockReason, Sharing
from shelter.domain.errors import Conflict, FieldProblem, Invalid, Taken
from shelter.domain.placements import Action, PlacementState, next_state, occupied_until
from shelter.domain.requests import Outcome, RequestState
from shelter.services import occupancy
from shelter.services.addresses import remember
from shelter.services.context import Tx, found
from shelter.services.intake import household_of
from shelter.services.lifecycle import change_state, locked, sites_of
from shelter.services.occupancy import StayChoice
from shelter.services.person_messages import drop_waiting
from shelter.services.promises import sites_concerned, tell_police, tell_sites


def extend(tx: Tx, placement_id: UUID, end_night: date) -> PlacementRow:
    """Lengthen a stay in the unit where it ends, within the place's own renewals."""
    placement, request = locked(tx, placement_id, Action.EXTEND)
    next_state(placement.state, Action.EXTEND)
    if end_night <= placement.end_night:
        raise Invalid(FieldProblem("end_night", "after", (("date", str(placement.end_night)),)))
    horizon = tx.tonight + timedelta(days=tx.network.defaults.horizon_nights)
    if end_night > horizon:
        raise Invalid(FieldProblem("end_night", "before", (("date", str(horizon)),)))
    stays = [stay for stay in tx.rows.stays([placement.id]) if stay.left_at is None]
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
    remember(tx, placement, request)
    staying = [site for stay, site in sites_of(tx, placement) if stay in last]
    tell_sites(tx, request, staying, "sms.placement_extended")
    tx.record(
        "placement.extend",
        f"placement:{placement.id}",
        side=placement.side,
        request_id=request.id,
        before=before.isoformat(),
        end_night=end_night.isoformat(),
    )
    return placement


def move(tx: Tx, placement_id: UUID, choice: Sequence[StayChoice]) -> PlacementRow:
    """Bring the household elsewhere, from tonight on, for all the nights that it was promised.

    One transaction: the old stays are cut at tonight (or never were, when nobody has arrived), the
    new ones are taken and verified, both sites and the police are told, and the address that may be
    opened is the new one. Raises as ``hold`` does.
    """
    placement, request = locked(tx, placement_id, Action.MOVE)
    next_state(placement.state, Action.MOVE)
    first = max(tx.tonight, placement.first_night)
    end = occupied_until(placement.state, placement.end_night, tx.tonight)
    if end <= first:
        raise Conflict("placement_is_past")
    occupancy.check_choice(choice, tx.tonight)
    if (min(c.first_night for c in choice), max(c.end_night for c in choice)) != (first, end):
        raise Invalid(
            FieldProblem("stays", "nights_promised", (("first", str(first)), ("end", str(end))))
        )
    old = [
        stay
        for stay in tx.rows.stays([placement.id])
        if stay.left_at is None
        and (stay.end_night > tx.tonight or stay.end_night == placement.end_night)
    ]
    if {stay.unit_id for stay in old} == {part.unit_id for part in choice}:
        raise Conflict("move_same_place")
    occupancy.refuse_unseen(tx, choice)
    lock_units(tx.session, {s.unit_id for s in old} | {part.unit_id for part in choice})
    units = occupancy.chosen_units(tx, choice)
    occupancy.verify_choice(tx, request, choice, moving=True)
    before = {site.id: site for _, site in sites_of(tx, placement)}
    has_arrived = placement.state is PlacementState.ARRIVED
    for stay in old:
        _leave(tx, stay, has_arrived)
    tx.session.flush()
    occupancy.refuse_taken(tx, choice, units)
    placement.end_night = end
    if not has_arrived:
        placement.first_night = first
    placement.moved_by = tx.actor.user_id
    placement.version += 1
    tx.session.add(placement)
    occupancy.take(tx, placement, choice, units, household_of(request))
    after = sites_concerned(tx, placement)
    gone = [site for site in before.values() if site not in after]
    tell_sites(tx, request, gone, "sms.placement_ended")
    tell_sites(tx, request, after, "sms.placement_expected")
    tell_police(tx, placement, request, f"moved:{placement.id}:{placement.version}")
    remember(tx, placement, request)
    tx.record(
        "placement.move",
        f"placement:{placement.id}",
        side=placement.side,
        request_id=request.id,
        left=sorted(str(stay.unit_id) for stay in old),
        units=sorted(str(part.unit_id) for part in choice),
        first_night=first.isoformat(),
        end_night=end.isoformat(),
    )
    return placement


def _leave(tx: Tx, stay: StayRow, has_arrived: bool) -> None:
    """End a stay at tonight, though more was promised. Who never came has no stay there at all."""
    occupancy.free_nights(tx, [stay.id], tx.tonight)
    been_there = has_arrived and stay.first_night <= tx.tonight
    if been_there:
        unit: Unit = found(tx.rows.get(Unit, stay.unit_id), "unit")
        _close_for_cleaning(tx, unit, tx.tonight, _night_after(tx))
    if been_there and stay.first_night < tx.tonight:
        stay.end_night, stay.left_at = tx.tonight, tx.now
        tx.session.add(stay)
        return
    # what is left of its nights belongs to it and goes with it
    occupancy.free_nights(tx, [stay.id], date.min)
    tx.session.flush()
    tx.session.delete(stay)


def depart(tx: Tx, placement_id: UUID) -> PlacementRow:
    """End a stay: the nights to come are free after the place's cleaning nights."""
    placement, request = locked(tx, placement_id, Action.DEPART)
    after = next_state(placement.state, Action.DEPART)
    remember(tx, placement, request)
    free_from = _night_after(tx)
    for stay in tx.rows.stays([placement.id]):
        if stay.left_at is not None:
            continue  # over since the household was moved
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
        _close_for_cleaning(tx, unit, left, left)
        if stay.first_night < end < stay.end_night:
            stay.end_night = end
            tx.session.add(stay)
    placement.left_early = free_from < placement.end_night
    placement.end_night = min(
        placement.end_night, max(free_from, placement.first_night + timedelta(days=1))
    )
    placement.ended_at = tx.now
    change_state(tx, placement, request, Action.DEPART, after)
    request.state, request.outcome, request.closed_at = (
        RequestState.CLOSED,
        Outcome.HOUSED,
        tx.now,
    )
    request.version += 1
    tx.session.add(request)
    drop_waiting(tx, request.id)
    tell_sites(tx, request, sites_concerned(tx, placement), "sms.placement_ended")
    return placement


def _close_for_cleaning(tx: Tx, unit: Unit, first_night: date, left: date) -> None:
    """Block a unit from ``first_night`` until it is clean, ``left`` being its first empty night."""
    # a shared unit is not closed: others sleep there, or were promised to
    if unit.sharing is not Sharing.PRIVATE:
        return
    cleaned_by = left + timedelta(days=unit.cleaning_nights)
    if cleaned_by > max(first_night, tx.tonight):
        tx.session.add(
            Block(
                unit_id=unit.id,
                side=unit.side,
                reason=BlockReason.CLEANING,
                first_night=first_night,
                end_night=cleaned_by,
                created_at=tx.now,
                created_by=tx.actor.user_id,
            )
        )


def _night_after(tx: Tx) -> date:
    """The first night that a departure now leaves free: one that is running was slept in."""
    local: datetime = tx.now.astimezone(tx.network.timezone)
    if local.hour < tx.network.defaults.night_rolls_over_at:
        return tx.tonight + timedelta(days=1)
    return tx.tonight
