"""Alerts: told to a service's duty person, until somebody answers."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select

from shelter.db.tables import Alert, PlacementRow, Request
from shelter.domain.alerts import AlertKind
from shelter.domain.errors import Conflict
from shelter.domain.network import Service
from shelter.domain.sides import Role, Side
from shelter.services import escalation
from shelter.services.context import Tx, found
from shelter.services.paging import Place, newest_first


def raise_alert(
    tx: Tx,
    kind: AlertKind,
    service: str,
    request: Request | None = None,
    *,
    placement: PlacementRow | None = None,
    unit_id: UUID | None = None,
    side: Side | None = None,
    reference: str | None = None,
    occasion: str,
) -> Alert | None:
    """Tell a service, on its screens and its duty phone. None when this occasion was told before.

    ``occasion`` names what happened, so that noticing it twice tells it once.
    """
    occasion = f"{occasion}:{service}"
    if tx.session.exec(select(Alert.id).where(col(Alert.occasion) == occasion)).first():
        return None
    side = side or (request.side if request is not None else None)
    assert side is not None
    alert = Alert(
        side=side,
        kind=kind,
        service=service,
        request_id=request.id if request is not None else None,
        placement_id=placement.id if placement is not None else None,
        unit_id=unit_id,
        reference=reference or (request.code if request is not None else "-"),
        created_at=tx.now,
        occasion=occasion,
    )
    try:
        with tx.session.begin_nested():
            tx.session.add(alert)
    except IntegrityError:  # another worker noticed it in the same moment
        return None
    tx.record(
        "alert.raise",
        f"alert:{alert.id}",
        side=side,
        request_id=alert.request_id,
        kind=kind.value,
        service=service,
    )
    escalation.begin(tx, alert)
    return alert


def victim_assistance_of(tx: Tx, service_key: str) -> Sequence[Service]:
    """The SAPV of the police zone of a service's commune; all of them when it has none."""
    network = tx.network
    try:
        commune = network.service(service_key).commune
    except KeyError:
        commune = None
    for zone in network.police_zones:
        if commune in zone.communes:
            return (network.service(zone.victim_assistance),)
    return network.victim_assistance


def list_alerts(
    tx: Tx, *, answered: bool | None = None, after: Place | None = None, limit: int = 100
) -> Sequence[Alert]:
    """The alerts of the actor's service (a coordinator: of all), newest first."""
    query = tx.rows.select(Alert)
    if tx.actor.role is not Role.COORDINATOR:
        query = query.where(col(Alert.service) == tx.actor.service)
    if answered is not None:
        query = query.where(col(Alert.acknowledged_at).is_not(None) == answered)
    return newest_first(
        tx.session, query, col(Alert.created_at), col(Alert.id), after=after, limit=limit
    )


def readable_alert(tx: Tx, alert_id: UUID, *, for_update: bool = False) -> Alert:
    """The alert, if it was raised for the actor's service; a coordinator reads all."""
    alert: Alert = found(tx.rows.get(Alert, alert_id, for_update=for_update), "alert")
    if tx.actor.role is not Role.COORDINATOR and alert.service != tx.actor.service:
        found(None, "alert")
    return alert


def acknowledge(tx: Tx, alert_id: UUID) -> Alert:
    """Say that somebody is dealing with it. Saying it twice is no error: the first one counts."""
    alert = readable_alert(tx, alert_id, for_update=True)
    mark_acknowledged(tx, alert, via="screen")
    return alert


def hand_on(tx: Tx, alert_id: UUID) -> Alert:
    """ "Not me": whoever is next is told at once. Raises Conflict when there is nobody left."""
    alert = readable_alert(tx, alert_id, for_update=True)
    if alert.acknowledged_at is None and not escalation.hand_on(tx, alert, via="screen"):
        raise Conflict("nobody_next")
    return alert


def mark_acknowledged(tx: Tx, alert: Alert, *, via: str) -> None:
    if alert.acknowledged_at is not None:
        return
    alert.acknowledged_at, alert.acknowledged_by = tx.now, tx.actor.user_id
    alert.acknowledged_via = via
    tx.session.add(alert)
    escalation.stop(tx, alert)
    tx.record(
        "alert.acknowledge",
        f"alert:{alert.id}",
        side=alert.side,
        request_id=alert.request_id,
        service=alert.service,
        via=via,
    )
