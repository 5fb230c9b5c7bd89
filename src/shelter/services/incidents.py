"""Incidents at a place: recorded in closed lists, and told to those who must know.

Everything about one is of the placement's side: what it says and whom it alerts depend on that
side's data and the network file alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID, uuid4

from sqlmodel import col, select

from shelter.db.tables import Incident, PlacementRow, User
from shelter.domain.alerts import AlertKind
from shelter.domain.errors import Invalid
from shelter.domain.incidents import IncidentKind, Severity
from shelter.services.alerts import raise_alert, victim_assistance_of
from shelter.services.context import Tx
from shelter.services.handover import on_site
from shelter.services.intake import note_problems


@dataclass(frozen=True, slots=True)
class Told:
    """An incident as it is shown: its note opened, and who recorded it."""

    row: Incident
    note: str | None
    by: str | None


def record(
    tx: Tx, placement_id: UUID, kind: IncidentKind, severity: Severity, note: str | None = None
) -> Incident:
    """Record an incident and alert the coordination; a serious one the police as well.

    The service that placed them is told when somebody else noticed. Raises Invalid when the note
    looks as if it named somebody or a place.
    """
    placement, request = on_site(tx, placement_id)
    words = (note or "").strip()
    if problems := note_problems(tx, words):
        raise Invalid(*problems)
    assert tx.actor.user_id is not None
    incident_id = uuid4()
    incident = Incident(
        id=incident_id,
        side=placement.side,
        placement_id=placement.id,
        kind=kind,
        severity=severity,
        note=tx.keyring.encrypt("incident", incident_id, "note", words) if words else None,
        recorded_at=tx.now,
        recorded_by=tx.actor.user_id,
    )
    tx.session.add(incident)
    tx.record(
        "placement.incident",
        f"placement:{placement.id}",
        side=placement.side,
        request_id=request.id,
        kind=kind.value,
        severity=severity.value,
    )
    told = [tx.network.coordinator]
    if placement.service != tx.actor.service:
        told.append(placement.service)
    if severity is Severity.HIGH:
        told += [service.key for service in victim_assistance_of(tx, placement.service)]
    serious = severity is Severity.HIGH
    for service in dict.fromkeys(told):
        raise_alert(
            tx,
            AlertKind.INCIDENT_SERIOUS if serious else AlertKind.INCIDENT,
            service,
            request,
            placement=placement,
            occasion=f"incident:{incident.id}",
        )
    return incident


def incidents_of(tx: Tx, placement: PlacementRow) -> Sequence[Told]:
    """Newest first; the caller has checked who reads the placement."""
    rows = tx.session.exec(
        tx.rows.select(Incident)
        .where(col(Incident.placement_id) == placement.id)
        .order_by(col(Incident.recorded_at).desc(), col(Incident.id))
    ).all()
    people = {row.recorded_by for row in rows}
    names = {
        user.id: user.name for user in tx.session.exec(select(User).where(col(User.id).in_(people)))
    }
    return [Told(row, _note_of(tx, row), names.get(row.recorded_by)) for row in rows]


def _note_of(tx: Tx, row: Incident) -> str | None:
    if row.note is None:
        return None
    return tx.keyring.decrypt("incident", row.id, "note", row.note)
