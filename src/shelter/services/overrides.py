"""A separation lifted by two people: for one request, one site, until a day, against one case.

The solver never relaxes a safety rule, and neither does ``verify``: what two people allowed is left
out of the problem that they are given, and everything else holds. It exists on the victim side
alone, because no problem of the other side contains victims.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from uuid import UUID

from sqlmodel import col

from shelter.db.rows import Rows
from shelter.db.session import lock_request
from shelter.db.tables import (
    Override,
    PlacementRow,
    Request,
    SeparationRow,
    Site,
    StayRow,
    Unit,
    User,
)
from shelter.domain.alerts import AlertKind
from shelter.domain.decisions import ANSWER_WITHIN, OverrideReason, OverrideState
from shelter.domain.errors import Conflict, FieldProblem, Invalid, NotAllowed
from shelter.domain.placements import occupied_until
from shelter.domain.requests import RequestState
from shelter.domain.sides import TWO_SIDED_ROLES, Role, Side
from shelter.services.accounts import may_be_one_person, second_person
from shelter.services.alerts import raise_alert, victim_assistance_of
from shelter.services.context import Tx, found
from shelter.services.locations import location_mark
from shelter_solver.problem import Separation


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """Where a request is, or would be: its sites, and the day on which its last night ends."""

    sites: frozenset[UUID]
    end: date


# --- what it changes ----------------------------------------------------------------------------


def lifted(
    tx: Tx,
    rows: Rows,
    placements: Sequence[PlacementRow],
    stays: Mapping[UUID, Sequence[StayRow]],
    sites_of_units: Mapping[UUID, Site],
    trying: tuple[UUID, Whereabouts] | None = None,
) -> frozenset[tuple[str, str]]:
    """Pairs of requests between which no separation counts.

    A pair is lifted while the one is in the very site (or would be: ``trying``), until the day
    that was said, and the other has no other place than those that the two people knew of, none
    of them for longer, and neither site has moved.
    """
    if Side.VICTIMS not in rows.sides:
        return frozenset()
    now = {each.id: [s for s in stays.get(each.id, ()) if s.left_at is None] for each in placements}
    where = {
        each.request_id: Whereabouts(
            frozenset(
                sites_of_units[s.unit_id].id for s in now[each.id] if s.unit_id in sites_of_units
            ),
            occupied_until(each.state, each.end_night, tx.tonight),
        )
        for each in placements
    }
    if trying is not None:
        where[trying[0]] = trying[1]
    pairs = set()
    for override in _in_force(rows, tx.tonight, where):
        place = where[override.request_id]
        if place.sites != {override.site_id} or place.end > override.until:
            continue
        here: Site = found(rows.get(Site, override.site_id), "site")
        known = {each.split(":", 1)[0] for each in override.against}
        for other in placements:
            if (
                other.request_id != override.request_id
                and str(other.id) in known
                # a site that cannot be read is nowhere: nobody can say that it has not moved
                and all(stay.unit_id in sites_of_units for stay in now[other.id])
                and _is_covered(
                    _places(tx, here, other, now[other.id], sites_of_units), override.against
                )
            ):
                pairs.add((str(override.request_id), str(other.request_id)))
    return frozenset(pairs)


def without(
    separations: Sequence[Separation], pairs: Collection[tuple[str, str]]
) -> tuple[Separation, ...]:
    """The separations, but between these pairs; between all others of their groups they stay."""
    for one, other in [*pairs, *((other, one) for one, other in pairs)]:
        kept: list[Separation] = []
        for each in separations:
            if one not in each.a or other not in each.b:
                kept.append(each)
                continue
            # all but the one from everybody, and the one from all but the other
            for a, b in ((each.a - {one}, each.b), (frozenset({one}), each.b - {other, one})):
                if a and b:
                    kept.append(replace(each, a=a, b=b))
        separations = kept
    return tuple(separations)


def _places(
    tx: Tx,
    here: Site,
    placement: PlacementRow,
    stays: Iterable[StayRow],
    sites_of_units: Mapping[UUID, Site],
) -> list[str]:
    """A placement, where it is, until when, and where both sites are, as an override remembers it.

    The marks tell that a site was moved and never where it is.
    """
    mark = location_mark(tx, here)
    end = occupied_until(placement.state, placement.end_night, tx.tonight)
    places = []
    for stay in stays:
        site = sites_of_units[stay.unit_id]
        # who has arrived and not left stays on, whatever was promised
        until = end if stay.end_night == placement.end_night else stay.end_night
        places.append(
            f"{placement.id}:{stay.unit_id}:{until}:{site.id}:{location_mark(tx, site)}:{mark}"
        )
    return sorted(places)


def _is_covered(places: Iterable[str], remembered: Iterable[str]) -> bool:
    """Whether each was seen like that, or for longer; leaving earlier endangers nobody."""

    def parted(place: str) -> tuple[tuple[str, ...], date]:
        placement, unit, until, *where = place.split(":")
        return (placement, unit, *where), date.fromisoformat(until)

    seen = dict(parted(place) for place in remembered)
    return all(
        what in seen and until <= seen[what] for what, until in (parted(place) for place in places)
    )


def _in_force(rows: Rows, tonight: date, request_ids: Collection[UUID]) -> Sequence[Override]:
    query = rows.select(Override).where(
        col(Override.request_id).in_(request_ids),
        col(Override.state) == OverrideState.APPROVED,
        col(Override.until) > tonight,
    )
    return rows.session.exec(query.order_by(col(Override.asked_at), col(Override.id))).all()


def in_force(tx: Tx, request: Request) -> Sequence[Override]:
    """What two people allow this request now."""
    rows = Rows.that_may_decide_for(tx.session, request.side)
    return _in_force(rows, tx.tonight, [request.id])


# --- asking and answering -----------------------------------------------------------------------


def ask(
    tx: Tx,
    request_id: UUID,
    *,
    site_id: UUID,
    until: date,
    reason: OverrideReason,
    separation_id: UUID | None = None,
) -> Override:
    """Ask a second person to allow a site. ``separation_id`` None: from the request's own case.

    Raises Invalid, naming the wrong field, and Conflict when nothing is to be lifted.
    """
    lock_request(tx.session, request_id)
    request = concerned(tx, request_id)
    if request.state is RequestState.CLOSED:
        raise Conflict("request_closed")
    problems = []
    site = tx.rows.get(Site, site_id)
    if site is None or site.side is not Side.VICTIMS or site.opened_at is None:
        problems.append(FieldProblem("site_id", "unknown_site"))
    last = tx.tonight + timedelta(days=tx.network.defaults.horizon_nights)
    if not tx.tonight < until <= last:
        days = (("first", (tx.tonight + timedelta(days=1)).isoformat()), ("last", last.isoformat()))
        problems.append(FieldProblem("until", "night_between", days))
    case = request.case_hash
    if separation_id is not None:
        stated = tx.rows.get(SeparationRow, separation_id)
        if stated is None or stated.request_id != request.id:
            problems.append(FieldProblem("separation_id", "choice"))
        else:
            case = stated.other_case_hash
    if problems:
        raise Invalid(*problems)
    if case is None:
        raise Conflict("no_separation")
    assert tx.actor.user_id is not None
    override = Override(
        side=Side.VICTIMS,
        request_id=request.id,
        other_case_hash=case,
        site_id=site_id,
        until=until,
        against=_whereabouts_of_case(tx, case, request, found(site, "site")),
        reason=reason,
        state=OverrideState.ASKED,
        asked_by=tx.actor.user_id,
        asked_at=tx.now,
    )
    tx.session.add(override)
    tx.session.flush()
    _record(tx, override, "ask")
    police = (service.key for service in victim_assistance_of(tx, request.service))
    for service in {tx.network.coordinator, *police}:
        raise_alert(
            tx, AlertKind.OVERRIDE_ASKED, service, request, occasion=f"override:{override.id}"
        )
    return override


def decide(tx: Tx, override_id: UUID, *, approve: bool) -> Override:
    """The second person's answer. Raises NotAllowed to whoever asked, Conflict when they left."""
    override = _locked(tx, override_id)
    decider = second_person(tx, override.asked_by, NotAllowed("second_person"))
    if override.state is not OverrideState.ASKED:
        raise Conflict("override_answered")
    if _is_over(tx, override):
        raise Conflict("override_expired")
    if approve:
        request = concerned(tx, override.request_id)
        site: Site = found(tx.rows.get(Site, override.site_id), "site")
        if _whereabouts_of_case(tx, override.other_case_hash, request, site) != override.against:
            # the first person looked at something else
            raise Conflict("override_outdated")
    override.state = OverrideState.APPROVED if approve else OverrideState.DECLINED
    override.decided_by, override.decided_at = decider.id, tx.now
    tx.session.add(override)
    _record(tx, override, "approve" if approve else "decline")
    return override


def withdraw(tx: Tx, override_id: UUID) -> Override:
    """Take back a question or what was allowed; either of the two may, and their colleagues."""
    override = _locked(tx, override_id)
    if override.state not in {OverrideState.ASKED, OverrideState.APPROVED}:
        raise Conflict("override_answered")
    override.state = OverrideState.WITHDRAWN
    override.withdrawn_by, override.withdrawn_at = tx.actor.user_id, tx.now
    tx.session.add(override)
    _record(tx, override, "withdraw")
    return override


# --- reading -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OverrideView:
    """An override with the names that its readers need."""

    row: Override
    request: Request
    site: Site
    asked_by: str
    decided_by: str | None
    #: asked, and the actor may be the one who answers
    may_answer: bool
    may_withdraw: bool
    #: asked and never answered, or allowed until a day that is over
    over: bool


def list_overrides(
    tx: Tx, *, request_id: UUID | None = None, limit: int = 50
) -> list[OverrideView]:
    """What was asked and answered, newest first: for two-sided people, about their requests."""
    _only_two_sided(tx)
    query = tx.rows.select(Override).order_by(col(Override.asked_at).desc(), col(Override.id))
    if request_id is not None:
        query = query.where(col(Override.request_id) == request_id)
    views: list[OverrideView] = []
    for row in tx.session.exec(query):
        if len(views) == limit:
            break
        request = tx.rows.get(Request, row.request_id)
        if request is not None and _concerns(tx, request):
            views.append(_view(tx, row, request))
    return views


def one(tx: Tx, override: Override) -> OverrideView:
    return _view(tx, override, concerned(tx, override.request_id))


def _view(tx: Tx, row: Override, request: Request) -> OverrideView:
    asker = _user(tx, row.asked_by)
    over = _is_over(tx, row)
    waiting = row.state is OverrideState.ASKED and not over
    return OverrideView(
        row=row,
        request=request,
        site=found(tx.rows.get(Site, row.site_id), "site"),
        asked_by=asker.name,
        decided_by=_user(tx, row.decided_by).name if row.decided_by is not None else None,
        may_answer=waiting
        and asker.active
        and not may_be_one_person(asker, _user(tx, tx.actor.user_id)),
        may_withdraw=waiting or (row.state is OverrideState.APPROVED and not over),
        over=over,
    )


def concerned(tx: Tx, request_id: UUID) -> Request:
    """A victim-side request about which the actor may decide."""
    _only_two_sided(tx)
    request: Request = found(tx.rows.get(Request, request_id), "request")
    if not _concerns(tx, request):
        found(None, "request")
    return request


def by_code(tx: Tx, code: str) -> Request:
    """A victim-side request by what people say on the telephone."""
    _only_two_sided(tx)
    query = tx.rows.select(Request).where(col(Request.code) == code.strip().upper())
    request: Request = found(tx.session.exec(query).first(), "request")
    return concerned(tx, request.id)


def sites(tx: Tx) -> Sequence[Site]:
    """Where somebody of the victim side may be placed, by name."""
    return [site for site in tx.rows.sites(opened=True) if site.side is Side.VICTIMS]


def separations(tx: Tx, request: Request) -> Sequence[SeparationRow]:
    """Those that were stated when the request was made; its own case has one by itself."""
    return tx.rows.separations([request.id])


def _concerns(tx: Tx, request: Request) -> bool:
    if request.side is not Side.VICTIMS:
        return False
    police = {service.key for service in victim_assistance_of(tx, request.service)}
    return tx.actor.role is Role.COORDINATOR or tx.actor.service in police


def _only_two_sided(tx: Tx) -> None:
    if tx.actor.role not in TWO_SIDED_ROLES:
        raise NotAllowed("not_allowed")


def _locked(tx: Tx, override_id: UUID) -> Override:
    """Locked with its request, so that of two answers in one moment one comes second."""
    _only_two_sided(tx)
    seen: Override = found(tx.rows.get(Override, override_id), "override")
    lock_request(tx.session, seen.request_id)
    concerned(tx, seen.request_id)
    override: Override = found(tx.rows.get(Override, override_id, for_update=True), "override")
    return override


def _is_over(tx: Tx, override: Override) -> bool:
    if override.state is OverrideState.ASKED and tx.now >= override.asked_at + ANSWER_WITHIN:
        return True
    return override.until <= tx.tonight


def _whereabouts_of_case(tx: Tx, case: str, request: Request, here: Site) -> list[str]:
    """Where everybody of a case is now, but the request itself, seen from a site."""
    live = tx.rows.live_placements()
    theirs = {
        row.id
        for row in tx.rows.requests([placement.request_id for placement in live])
        if row.case_hash == case and row.id != request.id
    }
    placements = [placement for placement in live if placement.request_id in theirs]
    stays: dict[UUID, list[StayRow]] = {}
    for stay in tx.rows.stays([placement.id for placement in placements]):
        if stay.left_at is None:
            stays.setdefault(stay.placement_id, []).append(stay)
    sites_of_units: dict[UUID, Site] = {}
    for unit_id in {stay.unit_id for each in stays.values() for stay in each}:
        unit: Unit = found(tx.rows.get(Unit, unit_id), "unit")
        sites_of_units[unit_id] = found(tx.rows.get(Site, unit.site_id), "site")
    return sorted(
        place
        for each in placements
        for place in _places(tx, here, each, stays.get(each.id, ()), sites_of_units)
    )


def _user(tx: Tx, user_id: UUID | None) -> User:
    user: User = found(tx.session.get(User, user_id), "user")
    return user


def _record(tx: Tx, override: Override, what: str) -> None:
    """Both people are in the log by name: each acts in a transaction of their own."""
    tx.record(
        f"override.{what}",
        f"override:{override.id}",
        side=Side.VICTIMS,
        request_id=override.request_id,
        site=str(override.site_id),
        until=override.until.isoformat(),
        reason=override.reason.value,
    )
