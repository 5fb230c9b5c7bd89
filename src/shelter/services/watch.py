"""What time itself brings: the jobs that the ticker runs. Each may run twice and does it once."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, time, timedelta
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select

from shelter import logs
from shelter.db.tables import Alert, Message, PlacementRow, Request, Site, Unit
from shelter.domain.alerts import AlertKind
from shelter.domain.placements import PlacementState
from shelter.domain.sides import SYSTEM
from shelter.services.alerts import raise_alert
from shelter.services.context import Shelter, Tx, found
from shelter.services.outbox import queue
from shelter.services.placements import expire
from shelter.services.separations import watch_separations as watch_separations

log = logs.get("jobs")

#: an arrival without a stated hour is looked for from this local hour of the first evening
DEFAULT_ARRIVAL_HOUR = 22


def release_expired_holds(system: Shelter) -> int:
    """Free every hold that ran out."""

    def due(tx: Tx) -> Sequence[UUID]:
        return tx.session.exec(
            select(PlacementRow.id).where(
                col(PlacementRow.state) == PlacementState.HELD,
                col(PlacementRow.hold_expires_at) <= tx.now,
            )
        ).all()

    return _each(system, "hold", due, expire)


def notice_missed_arrivals(system: Shelter) -> int:
    """Somebody was expected and nobody said that they came: ask the service on duty."""

    def due(tx: Tx) -> Sequence[UUID]:
        told = select(Alert.placement_id).where(
            col(Alert.kind) == AlertKind.ARRIVAL_MISSED, col(Alert.placement_id).is_not(None)
        )
        return tx.session.exec(
            select(PlacementRow.id).where(
                col(PlacementRow.state) == PlacementState.CONFIRMED,
                col(PlacementRow.first_night) <= tx.tonight,
                col(PlacementRow.id).not_in(told),
            )
        ).all()

    return _each(system, "arrival", due, _notice_missed)


def announce_endings(system: Shelter) -> int:
    """Stays whose last night is the coming one: extension or exit has to be decided."""

    def due(tx: Tx) -> Sequence[UUID]:
        return tx.session.exec(
            select(PlacementRow.id).where(
                col(PlacementRow.state).in_((PlacementState.CONFIRMED, PlacementState.ARRIVED)),
                col(PlacementRow.end_night) <= tx.tonight + timedelta(days=1),
            )
        ).all()

    return _each(system, "ending", due, _announce_ending)


def chase_stale_availability(system: Shelter) -> int:
    """Ask a site's contact whether what is known of a unit is still true."""

    def due(tx: Tx) -> Sequence[UUID]:
        limit = tx.now - tx.network.defaults.stale_after
        return tx.session.exec(
            select(Unit.id)
            .where(col(Unit.retired).is_(False), col(Unit.confirmed_at) < limit)
            .order_by(col(Unit.confirmed_at))
        ).all()

    return _each(system, "unit", due, _chase)


def _each(
    system: Shelter,
    what: str,
    due: Callable[[Tx], Sequence[UUID]],
    work: Callable[[Tx, UUID], bool],
) -> int:
    """Do ``work`` for each that is due, in a transaction of its own; for how many it did something.

    One that cannot be read stops nothing else: least of all what is due on the other side.
    """
    done = 0
    for row_id in system.run(SYSTEM, due, read_only=True):
        try:
            done += system.run(SYSTEM, lambda tx, it=row_id: work(tx, it))  # type: ignore[misc]
        except Exception as error:
            log.error("watch.skipped", what=what, row=str(row_id), error=logs.error_name(error))
    return done


def _notice_missed(tx: Tx, placement_id: UUID) -> bool:
    placement, request = _with_request(tx, placement_id)
    if placement.state is not PlacementState.CONFIRMED:
        return False
    zone, defaults = tx.network.timezone, tx.network.defaults
    hour = DEFAULT_ARRIVAL_HOUR if request.arrival_hour is None else request.arrival_hour
    day = placement.first_night
    if hour < defaults.night_rolls_over_at:
        day += timedelta(days=1)  # the small hours belong to the night before
    # in UTC: hours that are added to a local time are wrong by one in the nights of a change
    expected = datetime.combine(day, time(hour), zone).astimezone(UTC)
    confirmed = placement.confirmed_at or placement.held_at
    if tx.now < max(expected, confirmed) + defaults.missed_arrival_after:
        return False
    alert = raise_alert(
        tx,
        AlertKind.ARRIVAL_MISSED,
        placement.service,
        request,
        placement=placement,
        occasion=f"missed:{placement.id}",
    )
    return alert is not None


def _announce_ending(tx: Tx, placement_id: UUID) -> bool:
    placement, request = _with_request(tx, placement_id)
    alert = raise_alert(
        tx,
        AlertKind.STAY_ENDS,
        placement.service,
        request,
        placement=placement,
        # once, and each day again while they stay on: the next may be expected there
        occasion=f"ends:{placement.id}:{max(placement.end_night, tx.tonight).isoformat()}",
    )
    return alert is not None


def _chase(tx: Tx, unit_id: UUID) -> bool:
    unit: Unit = found(tx.rows.get(Unit, unit_id), "unit")
    site: Site = found(tx.rows.get(Site, unit.site_id), "site")
    # once a day for each unit, until somebody answers
    occasion = f"stale:{unit.id}:{unit.confirmed_at.isoformat()}:{tx.tonight.isoformat()}"
    if site.contact_phone is None:
        alert = raise_alert(
            tx,
            AlertKind.AVAILABILITY_STALE,
            site.service,
            unit_id=unit.id,
            side=unit.side,
            reference=unit.code,
            occasion=occasion,
        )
        return alert is not None
    if tx.session.exec(select(Message.id).where(col(Message.occasion) == occasion)).first():
        return False
    with contextlib.suppress(IntegrityError):  # another worker asked in the same moment
        with tx.session.begin_nested():
            queue(
                tx,
                "sms.availability",
                to=site.contact_phone,
                language=site.contact_language,
                reference=unit.code,
                side=unit.side,
                service=site.service,
                unit_id=unit.id,
                urgent=False,
                occasion=occasion,
            )
        return True
    return False


def _with_request(tx: Tx, placement_id: UUID) -> tuple[PlacementRow, Request]:
    placement: PlacementRow = found(tx.rows.get(PlacementRow, placement_id), "placement")
    request: Request = found(tx.rows.get(Request, placement.request_id), "request")
    return placement, request
