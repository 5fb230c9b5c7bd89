"""What time itself brings: the jobs that the ticker runs. Each may run twice and does it once."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime, time, timedelta
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select

from shelter.db.tables import Message, PlacementRow, Request, Site, Unit
from shelter.domain.alerts import AlertKind
from shelter.domain.placements import PlacementState
from shelter.domain.sides import SYSTEM
from shelter.services.alerts import raise_alert
from shelter.services.context import Shelter, Tx
from shelter.services.outbox import queue
from shelter.services.placements import expire
from shelter.services.separations import watch_separations as watch_separations

#: an arrival without a stated hour is looked for from this local hour of the first evening
DEFAULT_ARRIVAL_HOUR = 22


def release_expired_holds(system: Shelter) -> int:
    """Free every hold that ran out; each in a transaction of its own."""

    def due(tx: Tx) -> list[UUID]:
        return list(
            tx.session.exec(
                select(PlacementRow.id).where(
                    col(PlacementRow.state) == PlacementState.HELD,
                    col(PlacementRow.hold_expires_at) <= tx.now,
                )
            )
        )

    placements = system.run(SYSTEM, due, read_only=True)
    return sum(system.run(SYSTEM, lambda tx, p=p: expire(tx, p)) for p in placements)  # type: ignore[misc]


def notice_missed_arrivals(tx: Tx) -> int:
    """Somebody was expected and nobody said that they came: ask the service on duty."""
    told = 0
    zone, defaults = tx.network.timezone, tx.network.defaults
    for placement, request in _with_requests(tx, PlacementState.CONFIRMED):
        hour = DEFAULT_ARRIVAL_HOUR if request.arrival_hour is None else request.arrival_hour
        day = placement.first_night
        if hour < defaults.night_rolls_over_at:
            day += timedelta(days=1)  # the small hours belong to the night before
        # in UTC: hours that are added to a local time are wrong by one in the nights of a change
        expected = datetime.combine(day, time(hour), zone).astimezone(UTC)
        confirmed = placement.confirmed_at or placement.held_at
        if tx.now < max(expected, confirmed) + defaults.missed_arrival_after:
            continue
        alert = raise_alert(
            tx,
            AlertKind.ARRIVAL_MISSED,
            placement.service,
            request,
            placement=placement,
            occasion=f"missed:{placement.id}",
        )
        told += alert is not None
    return told


def announce_endings(tx: Tx) -> int:
    """Stays whose last night is the coming one: extension or exit has to be decided."""
    told = 0
    for state in (PlacementState.CONFIRMED, PlacementState.ARRIVED):
        for placement, request in _with_requests(tx, state):
            if placement.end_night > tx.tonight + timedelta(days=1):
                continue
            alert = raise_alert(
                tx,
                AlertKind.STAY_ENDS,
                placement.service,
                request,
                placement=placement,
                # once, and each day again while they stay on: the next may be expected there
                occasion=f"ends:{placement.id}:{max(placement.end_night, tx.tonight).isoformat()}",
            )
            told += alert is not None
    return told


def chase_stale_availability(tx: Tx) -> int:
    """Ask a site's contact whether what is known of a unit is still true."""
    asked = 0
    limit = tx.now - tx.network.defaults.stale_after
    stale = tx.session.exec(
        select(Unit, Site)
        .join(Site, col(Site.id) == Unit.site_id)
        .where(col(Unit.retired).is_(False), col(Unit.confirmed_at) < limit)
        .order_by(col(Unit.confirmed_at))
    ).all()
    for unit, site in stale:
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
            asked += alert is not None
            continue
        if tx.session.exec(select(Message.id).where(col(Message.occasion) == occasion)).first():
            continue
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
            asked += 1
    return asked


def _with_requests(tx: Tx, state: PlacementState) -> list[tuple[PlacementRow, Request]]:
    rows = tx.session.exec(
        select(PlacementRow, Request)
        .join(Request, col(Request.id) == PlacementRow.request_id)
        .where(col(PlacementRow.state) == state)
    ).all()
    return [(placement, request) for placement, request in rows]
