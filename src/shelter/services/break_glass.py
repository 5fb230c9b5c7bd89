"""Breaking the glass: a coordinator opens the other side of one case, for one reason and one hour.

That two requests are the two sides of one case is shown on no ordinary page. Here it is: the other
side's requests, in which commune they are placed and whom to call; never an address or a site.

The services of the victim side and the SAPV are told, those that join the case later, too. The
perpetrator side is told nothing: that somebody looked into its case, and when, may depend on
victims (SAFETY.md §1, ADR 0014).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlmodel import col

from shelter.db.session import lock_request
from shelter.db.tables import BreakGlass, PlacementRow, Request, Site, StayRow, Unit
from shelter.domain.alerts import AlertKind
from shelter.domain.decisions import GLASS_OPEN_FOR, GlassReason
from shelter.domain.errors import Conflict, NotAllowed
from shelter.domain.placements import LIVE, PlacementState
from shelter.domain.sides import Role, Side, other_side
from shelter.services import looks
from shelter.services.alerts import raise_alert, victim_assistance_of
from shelter.services.context import Tx, found


@dataclass(frozen=True, slots=True)
class OtherPlacement:
    state: PlacementState
    first_night: date
    end_night: date
    communes: tuple[str, ...]
    #: services that run the sites
    services: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OtherRequest:
    """A request of the other side, and the telephone of those who work on it."""

    request: Request
    placements: tuple[OtherPlacement, ...]
    duty_phone: str | None


@dataclass(frozen=True, slots=True)
class Opened:
    request: Request
    #: None: nothing is open, and nothing is shown
    glass: BreakGlass | None
    others: tuple[OtherRequest, ...] = ()


def open_glass(tx: Tx, request_id: UUID, reason: GlassReason) -> BreakGlass:
    """Open the other side of a request's case. While it is open, opening it again changes nothing.

    Raises Conflict when the request belongs to no case.
    """
    _only_coordinator(tx)
    lock_request(tx.session, request_id)
    request = _request(tx, request_id)
    running = _running(tx, request)
    if running is not None:
        return running
    if request.case_hash is None:
        raise Conflict("no_case")
    assert tx.actor.user_id is not None
    glass = BreakGlass(
        side=Side.VICTIMS,
        request_id=request.id,
        case_hash=request.case_hash,
        reason=reason,
        opened_by=tx.actor.user_id,
        opened_at=tx.now,
        until=tx.now + GLASS_OPEN_FOR,
    )
    tx.session.add(glass)
    tx.session.flush()
    for each in (request, *_other_side(tx, request)):
        _record(tx, "glass.open", glass, each)
    _tell(tx, glass, request)
    return glass


def close_glass(tx: Tx, request_id: UUID) -> None:
    """Close it before its hour is over. Closing what is closed is no error."""
    _only_coordinator(tx)
    lock_request(tx.session, request_id)
    request = _request(tx, request_id)
    glass = _running(tx, request)
    if glass is not None:
        glass.closed_at = tx.now
        tx.session.add(glass)
        _record(tx, "glass.close", glass, request)


def look_through(tx: Tx, request_id: UUID) -> Opened:
    """What the glass shows, while it is open; every look is in the audit log."""
    _only_coordinator(tx)
    request = _request(tx, request_id)
    glass = _running(tx, request)
    if glass is None:
        return Opened(request, None)
    others = tuple(
        OtherRequest(
            each,
            tuple(
                _placement(tx, row) for row in tx.rows.placements_of(each.id) if row.state in LIVE
            ),
            tx.duty_phone(each.service),
        )
        for each in _other_side(tx, request)
    )
    for each in (request, *(other.request for other in others)):
        looks.note(tx, "glass.look", f"break_glass:{glass.id}", each, every_time=True)
    # a service that came to the case after it was opened is told before anything is shown
    _tell(tx, glass, request)
    return Opened(request, glass, others)


def _request(tx: Tx, request_id: UUID) -> Request:
    request: Request = found(tx.rows.get(Request, request_id), "request")
    return request


def _running(tx: Tx, request: Request) -> BreakGlass | None:
    """What this coordinator opened from this request, and is still open."""
    return tx.session.exec(
        tx.rows.select(BreakGlass)
        .where(
            col(BreakGlass.request_id) == request.id,
            col(BreakGlass.opened_by) == tx.actor.user_id,
            col(BreakGlass.closed_at).is_(None),
            col(BreakGlass.until) > tx.now,
        )
        .order_by(col(BreakGlass.until).desc())
    ).first()


def _other_side(tx: Tx, request: Request) -> Sequence[Request]:
    return tx.session.exec(
        tx.rows.select(Request)
        .where(
            col(Request.case_hash) == request.case_hash,
            col(Request.side) == other_side(request.side),
        )
        .order_by(col(Request.created_at), col(Request.id))
    ).all()


def _placement(tx: Tx, row: PlacementRow) -> OtherPlacement:
    sites = [_site(tx, stay) for stay in tx.rows.stays([row.id])]
    return OtherPlacement(
        state=row.state,
        first_night=row.first_night,
        end_night=row.end_night,
        communes=tuple(dict.fromkeys(site.commune for site in sites)),
        services=tuple(dict.fromkeys(site.service for site in sites)),
    )


def _site(tx: Tx, stay: StayRow) -> Site:
    unit: Unit = found(tx.rows.get(Unit, stay.unit_id), "unit")
    site: Site = found(tx.rows.get(Site, unit.site_id), "site")
    return site


def _tell(tx: Tx, glass: BreakGlass, request: Request) -> None:
    """The services of the victim side's requests and the SAPV; of the other side nobody, ever."""
    told: dict[str, Request] = {}
    for each in (request, *_other_side(tx, request)):
        if each.side is Side.VICTIMS:
            told.setdefault(each.service, each)
        for police in victim_assistance_of(tx, each.service):
            told.setdefault(police.key, each)
    for service, about in told.items():
        raise_alert(
            tx,
            AlertKind.GLASS_BROKEN,
            service,
            about,
            side=Side.VICTIMS,
            occasion=f"glass:{glass.id}",
        )


def _record(tx: Tx, action: str, glass: BreakGlass, request: Request) -> None:
    tx.record(
        action,
        f"break_glass:{glass.id}",
        side=Side.VICTIMS,
        request_id=request.id,
        reason=glass.reason.value,
    )


def _only_coordinator(tx: Tx) -> None:
    if tx.actor.role is not Role.COORDINATOR:
        raise NotAllowed("not_allowed")
