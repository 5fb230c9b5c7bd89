"""Access and erasure for the people whose data are held (GDPR, Articles 15 and 17).

Nobody's name is held, so who asks is known by their case reference; that they are the person whom
it is about is checked by two people, outside. What is written holds one side of a case and never
the other: a person's right to their data ends where somebody else's safety begins (Article 15(4)).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import col, delete, select

from shelter.db.tables import (
    AuditEntry,
    BarringOrder,
    IdempotencyKey,
    KnownAddress,
    Message,
    PlacementRow,
    Request,
    SafeContact,
    SeparationRow,
    Site,
    StayRow,
    Unit,
    User,
)
from shelter.domain.errors import Conflict, NotAllowed
from shelter.domain.orders import CLOSED
from shelter.domain.retention import Kind
from shelter.domain.sides import SYSTEM, Actor, Role, Side
from shelter.services.accounts import may_be_one_person
from shelter.services.context import Shelter, Tx
from shelter.services.intake import note_of
from shelter.services.retention_rules import remove_requests

#: what people did about a request; who is told of what, and how fast, may depend on others
_OWN_HISTORY = ("request.", "placement.", "address.", "contact.")

NOT_HELD = (
    "No name, date of birth, national number or address of yours is held. The reference of your "
    "case is held as a keyed hash only: we can find your data when you tell us the reference, and "
    "cannot read it from them."
)
LEFT_OUT = (
    "Left out, because they would touch the rights or the safety of others: where the places are "
    "in which people stay, or that are to be avoided or to be near; the names and telephone "
    "numbers of those who work there; and anything that concerns another person. Where a number "
    "stands instead of places, so many are held. This text is in every answer, whether there is "
    "such a thing or not."
)
KEPT = (
    "Not erased: figures without persons; entries of the audit log until their own period ends, "
    "which name random numbers instead of you; and what serves to protect another person, if "
    "there is such a thing. Backups are destroyed when their period ends. This text is in every "
    "answer."
)


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asked for what, and which two people answer."""

    reference: str
    side: Side
    #: logins of accounts
    by: str
    checked_by: str


def access(system: Shelter, asked: Asked) -> dict[str, Any]:
    """Everything held about a case on one side, in plain words. Raises NotAllowed and Conflict."""
    return system.run(_on(asked.side), lambda tx: _written(tx, asked))


def erase(system: Shelter, asked: Asked) -> dict[str, Any]:
    """Remove it. Raises Conflict while a request is open or a placement runs."""
    return system.run(_on(asked.side), lambda tx: _erased(tx, asked))


def _on(side: Side) -> Actor:
    # of one side: a transaction for the perpetrators' can find no other row
    return Actor(None, SYSTEM.name, Role.ON_CALL, side, None)


def _written(tx: Tx, asked: Asked) -> dict[str, Any]:
    people = _two_people(tx, asked)
    requests = _requests(tx, asked)
    network = tx.network
    basis = {
        Side.VICTIMS: network.legal.basis_victims,
        Side.PERPETRATORS: network.legal.basis_perpetrators,
    }[asked.side]
    tx.record(
        "person.access",
        f"case:{_short(tx, asked)}",
        side=asked.side,
        requests=len(requests),
        **people,
    )
    days = network.retention.days
    return {
        "written_at": tx.now.isoformat(timespec="seconds"),
        "side": asked.side.value,
        "who_is_responsible": network.legal.controller or "to be filled in by the network",
        "whom_to_write_to": network.legal.contact or "to be filled in by the network",
        "legal_basis": basis or "to be filled in by the network",
        "purpose": "to find and keep a safe place for the night, and to account for it",
        "recipients": "your on-call service, the service of the place, police victim assistance "
        "and the coordination of the network, each only what its part needs",
        "kept_for_days": {kind.value: days[kind] for kind in Kind},
        "your_rights": "to have this corrected, restricted or erased, and to complain to the Data "
        "Protection Authority",
        "not_held": NOT_HELD,
        "left_out": LEFT_OUT,
        "requests": [_request(tx, request) for request in requests],
        "barring_orders": [_order(order) for order in _orders(tx, asked)],
        "places_known_to_you": _known(tx, asked),
    }


def _erased(tx: Tx, asked: Asked) -> dict[str, Any]:
    people = _two_people(tx, asked)
    requests = _requests(tx, asked, for_update=True)
    if any(request.closed_at is None for request in requests):
        raise Conflict("person_is_helped")
    orders = _orders(tx, asked, for_update=True)
    if any(order.state not in CLOSED for order in orders):
        raise Conflict("order_in_force")  # it protects somebody else
    names = sorted(str(request.id) for request in requests)
    for request in requests:
        # answers that are kept for a repeated POST may hold one of these
        tx.session.exec(
            delete(IdempotencyKey).where(
                sa.cast(col(IdempotencyKey.answer), sa.Text).contains(str(request.id))
            )
        )
    remove_requests(tx, names)
    for order in orders:
        tx.session.delete(order)
    names += sorted(str(order.id) for order in orders)
    # not what is known of places: it protects those who live there now, and holds no more than
    # that somebody of this case knows a site
    tx.record(
        "person.erase",
        f"case:{_short(tx, asked)}",
        side=asked.side,
        requests=len(requests),
        orders=len(orders),
        digest=tx.keyring.keyed_hash("\n".join(names)),
        **people,
    )
    return {
        "erased_at": tx.now.isoformat(timespec="seconds"),
        "side": asked.side.value,
        "requests": len(requests),
        "barring_orders": len(orders),
        "kept": KEPT,
    }


def _two_people(tx: Tx, asked: Asked) -> dict[str, Any]:
    """Both must have an account, and one a two-sided office: nobody does this alone."""
    logins = {asked.by.strip().lower(), asked.checked_by.strip().lower()}
    users = tx.session.exec(
        select(User).where(col(User.login).in_(logins), col(User.active).is_(True))
    ).all()
    if (
        len(users) != 2
        or may_be_one_person(*users)
        or not any(user.role is Role.COORDINATOR for user in users)
    ):
        raise NotAllowed("two_people_needed")
    return {"by": asked.by, "checked_by": asked.checked_by}


def _short(tx: Tx, asked: Asked) -> str:
    """Names the case in the audit log without being the hash by which rows are found."""
    return tx.keyring.keyed_hash(f"case:{tx.keyring.case_hash(asked.reference)}")[:16]


def _requests(tx: Tx, asked: Asked, *, for_update: bool = False) -> Sequence[Request]:
    query = (
        tx.rows.select(Request)
        .where(col(Request.case_hash) == tx.keyring.case_hash(asked.reference))
        .order_by(col(Request.created_at), col(Request.id))
    )
    return tx.session.exec(query.with_for_update() if for_update else query).all()


def _orders(tx: Tx, asked: Asked, *, for_update: bool = False) -> Sequence[BarringOrder]:
    """Orders against this person: rows of the perpetrator side, so in a victim's file none."""
    query = (
        tx.rows.select(BarringOrder)
        .where(col(BarringOrder.case_hash) == tx.keyring.case_hash(asked.reference))
        .order_by(col(BarringOrder.created_at), col(BarringOrder.id))
    )
    return tx.session.exec(query.with_for_update() if for_update else query).all()


def _order(order: BarringOrder) -> dict[str, Any]:
    def written(at: datetime | None) -> str | None:
        return None if at is None else at.isoformat(timespec="seconds")

    return {
        "code": order.code,
        "recorded_at": written(order.created_at),
        "by_service": order.service,
        "state": order.state.value,
        "notified_at": written(order.served_at),
        "ends_at": written(order.ends_at),
        "hearing_on": None if order.hearing_on is None else order.hearing_on.isoformat(),
        "closed_at": written(order.closed_at),
    }


def _contact(tx: Tx, request: Request) -> dict[str, Any] | None:
    """What the person agreed to. The number is told by their own service, which alone may see it:
    this file passes through the hands of two people of others.
    """
    row = tx.session.exec(
        tx.rows.select(SafeContact).where(col(SafeContact.request_id) == request.id)
    ).first()
    if row is None:
        return None
    return {
        "number": "held, and told by the service that helps you",
        "by": row.channel.value,
        "language": row.language,
        "from_hour": row.hour_from,
        "until_hour": row.hour_until,
        "agreed_at": row.consented_at.isoformat(timespec="seconds"),
        "asked_again_by": row.recheck_on.isoformat(),
    }


def _request(tx: Tx, request: Request) -> dict[str, Any]:
    places = json.loads(tx.keyring.decrypt("request", request.id, "places", request.places))
    apart = tx.session.exec(
        tx.rows.select(SeparationRow).where(col(SeparationRow.request_id) == request.id)
    ).all()
    messages = tx.session.exec(
        tx.rows.select(Message).where(col(Message.request_id) == request.id)
    ).all()
    return {
        "code": request.code,
        "asked_at": request.created_at.isoformat(timespec="seconds"),
        "by_service": request.service,
        "state": request.state.value,
        "outcome": None if request.outcome is None else request.outcome.value,
        "closed_at": None
        if request.closed_at is None
        else request.closed_at.isoformat(timespec="seconds"),
        "people": request.household,
        "first_night": request.first_night.isoformat(),
        "nights": request.nights,
        "arrival_hour": request.arrival_hour,
        "urgency": request.urgency,
        "needs": [
            need
            for need in ("step_free", "pets", "quiet", "pregnancy", "own_transport")
            if getattr(request, need)
        ],
        "languages": request.languages,
        "minimum_supervision": request.min_supervision,
        "own_cots": request.own_cots,
        "may_use_two_units": request.may_use_two_units,
        "may_change_unit": request.may_change_unit,
        "agreement_to_a_move": request.move_agreement,
        "sites_to_avoid": len(request.avoid_sites),
        # never where: on a file that lies about, a point is where somebody lives or goes to school
        "places_to_avoid": len(places["zones"]),
        "communes_preferred": request.prefer_communes,
        "places_to_be_near": len(places["near"]),
        "note": note_of(tx, request),
        **_what_keeps_apart(request, apart),
        "safe_contact": _contact(tx, request),
        "placements": [_placement(tx, row) for row in tx.rows.placements_of(request.id)],
        "messages": [
            {"at": message.created_at.isoformat(timespec="seconds"), "text": message.body}
            for message in messages
        ],
        "what_was_done": _history(tx, request.id),
    }


def _what_keeps_apart(request: Request, apart: Sequence[SeparationRow]) -> dict[str, Any]:
    """Communes to avoid, and how far from others; never whom.

    A perpetrator is told how many of each: where he may not go is where she is.
    """
    if request.side is Side.PERPETRATORS:
        return {"communes_to_avoid": len(request.avoid_communes), "to_be_kept_apart": len(apart)}
    return {
        "communes_to_avoid": request.avoid_communes,
        "to_be_kept_apart_m": sorted(row.min_distance_m for row in apart),
    }


def _placement(tx: Tx, placement: PlacementRow) -> dict[str, Any]:
    stays = tx.session.exec(
        tx.rows.select(StayRow)
        .where(col(StayRow.placement_id) == placement.id)
        .order_by(col(StayRow.first_night))
    ).all()
    return {
        "code": placement.code,
        "state": placement.state.value,
        "from": placement.first_night.isoformat(),
        "until": placement.end_night.isoformat(),
        "arrived_at": None
        if placement.arrived_at is None
        else placement.arrived_at.isoformat(timespec="seconds"),
        "ended_at": None
        if placement.ended_at is None
        else placement.ended_at.isoformat(timespec="seconds"),
        "stays": [
            {
                "place": _name_of(tx, stay.unit_id),
                "from": stay.first_night.isoformat(),
                "until": stay.end_night.isoformat(),
            }
            for stay in stays
        ],
    }


def _name_of(tx: Tx, unit_id: UUID) -> str:
    """The code name of a place; where it is stays out of every file."""
    unit = tx.rows.get(Unit, unit_id)
    site = None if unit is None else tx.rows.get(Site, unit.site_id)
    return "a place" if unit is None or site is None else f"{site.name}, {unit.label}"


def _history(tx: Tx, request_id: UUID) -> list[dict[str, str]]:
    entries = tx.session.exec(
        select(AuditEntry)
        .where(
            col(AuditEntry.request_id) == request_id,
            col(AuditEntry.side).in_(tx.actor.sides),
            sa.or_(*(col(AuditEntry.action).startswith(start) for start in _OWN_HISTORY)),
        )
        .order_by(col(AuditEntry.seq))
    ).all()
    return [
        {"at": entry.at.isoformat(timespec="seconds"), "what": entry.action} for entry in entries
    ]


def _known(tx: Tx, asked: Asked) -> list[dict[str, str]]:
    rows = tx.session.exec(
        tx.rows.select(KnownAddress)
        .where(col(KnownAddress.case_hash) == tx.keyring.case_hash(asked.reference))
        .order_by(col(KnownAddress.since))
    ).all()
    return [
        {"since": row.since.isoformat(timespec="seconds"), "until": row.last_night.isoformat()}
        for row in rows
    ]
