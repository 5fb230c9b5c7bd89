"""For whom a site is: changed by two people, while it is empty, and when nobody is endangered.

A coordinator asks, another two-sided person agrees. What is known of who knows the address decides
(``KnownAddress``); the refusals say what is in the way and never who.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import col, select

from shelter.db.rows import Rows
from shelter.db.tables import (
    AudienceChange,
    Block,
    KnownAddress,
    Message,
    OccupiedNight,
    Request,
    SeparationRow,
    Site,
    StayRow,
    Unit,
    User,
)
from shelter.domain.alerts import AlertKind
from shelter.domain.audience import AudienceReason, AudienceState
from shelter.domain.availability import BlockReason
from shelter.domain.errors import Conflict, FieldProblem, Invalid, NotAllowed
from shelter.domain.network import Service
from shelter.domain.requests import RequestState
from shelter.domain.sides import BOTH_SIDES, Role, Side, other_side
from shelter.services.accounts import acts_on, second_person
from shelter.services.alerts import raise_alert
from shelter.services.codes import unused_code
from shelter.services.context import Tx, found
from shelter.services.sites import lock_whole
from shelter.services.zoning import open_site

#: who may agree to what another asked for
DECIDERS = frozenset({Role.COORDINATOR, Role.SAPV})


@dataclass(frozen=True, slots=True)
class ChangeView:
    """A change with the names that a person decides by; without where the site is."""

    change: AudienceChange
    site: Site
    asked_by: str
    decided_by: str | None
    #: the reader asked for it, so another must agree
    is_mine: bool


def ask_audience(tx: Tx, site_id: UUID, to_service: str, reason: AudienceReason) -> AudienceChange:
    """Ask that a site serve the other side, through a service of that side.

    Raises Conflict at once with what is in the way today; it is looked at again when agreed.
    """
    if tx.actor.role is not Role.COORDINATOR or tx.actor.user_id is None:
        raise NotAllowed("not_allowed")
    site = lock_whole(tx, site_id)
    _check_service(tx, site, to_service)
    _refuse_unready(tx, site)
    asked = select(AudienceChange.id).where(
        col(AudienceChange.site_id) == site.id, col(AudienceChange.state) == AudienceState.ASKED
    )
    if tx.session.exec(asked).first() is not None:
        raise Conflict("audience_asked_already")
    change = AudienceChange(
        code=unused_code(tx.session, col(AudienceChange.code)),
        site_id=site.id,
        to_side=other_side(site.side),
        to_service=to_service,
        reason=reason,
        state=AudienceState.ASKED,
        asked_by=tx.actor.user_id,
        asked_at=tx.now,
    )
    tx.session.add(change)
    tx.session.flush()
    _record(tx, "audience.ask", change, reason=reason.value)
    told = [*(service.key for service in tx.network.victim_assistance), tx.network.coordinator]
    for service in dict.fromkeys(told):
        raise_alert(
            tx,
            AlertKind.AUDIENCE_ASKED,
            service,
            side=Side.VICTIMS,
            reference=change.code,
            occasion=f"audience:{change.id}",
        )
    return change


def agree_audience(tx: Tx, change_id: UUID) -> AudienceChange:
    """Somebody else agrees: the site closes, changes hands with all that is in it, and opens.

    Raises Conflict when anything is in the way by now, zoning included; then nothing has happened.
    """
    change = _readable(tx, change_id)
    site = lock_whole(tx, change.site_id)
    change = _undecided(tx, change_id)
    second_person(tx, change.asked_by, NotAllowed("audience_second_person"))
    if site.side is change.to_side:
        raise Conflict("audience_decided")
    _check_service(tx, site, change.to_service)
    _refuse_unready(tx, site)
    before, from_service = site.side, site.service
    _hand_over(tx, site, change.to_side, change.to_service)
    _decide(tx, change, AudienceState.AGREED)
    _record(
        tx,
        "audience.agree",
        change,
        from_side=before.value,
        from_service=from_service,
        to_service=change.to_service,
        asked_by=str(change.asked_by),
    )
    open_site(tx, site)
    return change


def withdraw_audience(tx: Tx, change_id: UUID) -> AudienceChange:
    """Take the question back, or say no to it."""
    _readable(tx, change_id)
    change = _undecided(tx, change_id)
    _decide(tx, change, AudienceState.WITHDRAWN)
    _record(tx, "audience.withdraw", change)
    return change


def list_changes(tx: Tx, *, limit: int = 30) -> Sequence[ChangeView]:
    """What waits for a second person, then what was decided last."""
    if tx.actor.role not in DECIDERS:
        raise NotAllowed("not_allowed")
    rows = tx.session.exec(
        select(AudienceChange)
        .order_by(
            sa.case((col(AudienceChange.state) == AudienceState.ASKED, 0), else_=1),
            col(AudienceChange.asked_at).desc(),
            col(AudienceChange.id),
        )
        .limit(limit)
    ).all()
    return [view(tx, row) for row in rows]


def view(tx: Tx, change: AudienceChange) -> ChangeView:
    site: Site = found(tx.rows.get(Site, change.site_id), "site")
    asked = tx.session.get(User, change.asked_by)
    decided = tx.session.get(User, change.decided_by) if change.decided_by else None
    return ChangeView(
        change,
        site,
        asked.name if asked is not None else "–",
        decided.name if decided is not None else None,
        change.asked_by == tx.actor.user_id,
    )


def _readable(tx: Tx, change_id: UUID) -> AudienceChange:
    if tx.actor.role not in DECIDERS:
        raise NotAllowed("not_allowed")
    change: AudienceChange = found(tx.session.get(AudienceChange, change_id), "audience_change")
    return change


def _undecided(tx: Tx, change_id: UUID) -> AudienceChange:
    """The change, locked: of two who decide at once the second finds it decided."""
    change: AudienceChange = found(
        tx.session.get(AudienceChange, change_id, with_for_update=True, populate_existing=True),
        "audience_change",
    )
    if change.state is not AudienceState.ASKED:
        raise Conflict("audience_decided")
    return change


def _decide(tx: Tx, change: AudienceChange, state: AudienceState) -> None:
    change.state = state
    change.decided_by, change.decided_at = tx.actor.user_id, tx.now
    tx.session.add(change)


def _record(tx: Tx, action: str, change: AudienceChange, **detail: Any) -> None:
    # on the victim side's record: that a site changes hands links the two sides
    tx.record(
        action,
        f"site:{change.site_id}",
        side=Side.VICTIMS,
        change=str(change.id),
        to_side=change.to_side.value,
        **detail,
    )


def services_to_take(tx: Tx, site: Site) -> list[Service]:
    """The services that could run the site on the other side: those that act on this one cannot.

    Nor can coordination and victim assistance: they are two-sided and own no site.
    """
    two_sided = {tx.network.coordinator, *(service.key for service in tx.network.victim_assistance)}
    return [
        service
        for service in tx.network.services
        if service.key not in two_sided and not acts_on(tx, service.key, site.side)
    ]


def _check_service(tx: Tx, site: Site, to_service: str) -> None:
    try:
        tx.network.service(to_service)
    except KeyError:
        raise Invalid(FieldProblem("service", "unknown_service")) from None
    if to_service not in {service.key for service in services_to_take(tx, site)}:
        raise Invalid(FieldProblem("service", "service_other_side"))


# --- what may be in the way -------------------------------------------------------------------


def _refuse_unready(tx: Tx, site: Site) -> None:
    """Raise Conflict while somebody is there, or somebody who knows of it is kept apart."""
    rows = Rows(tx.session, BOTH_SIDES)
    if not _is_empty(rows, site, tx.tonight):
        raise Conflict("audience_not_empty")
    known = rows.session.exec(
        rows.select(KnownAddress).where(
            col(KnownAddress.site_id) == site.id, col(KnownAddress.side) == site.side
        )
    ).all()
    days = tx.network.defaults.unlinked_address_days
    recent = tx.tonight - timedelta(days=days)
    if any(each.case_hash is None and each.last_night > recent for each in known):
        # nobody can say on whose other side they are: time alone has to make it unlikely
        raise Conflict("audience_unlinked", days=days)
    if known and _somebody_is_kept_from(rows, known, site.side):
        raise Conflict("audience_known")


def _is_empty(rows: Rows, site: Site, tonight: date) -> bool:
    """Nobody lives there, is promised a night of it or holds one; nor has one that still runs."""
    units = select(Unit.id).where(col(Unit.site_id) == site.id)
    live = [placement.id for placement in rows.live_placements()]
    staying = rows.select(StayRow).where(
        col(StayRow.unit_id).in_(units),
        col(StayRow.placement_id).in_(live),
        col(StayRow.left_at).is_(None),
    )
    taken = rows.select(OccupiedNight).where(
        col(OccupiedNight.unit_id).in_(units), col(OccupiedNight.night) >= tonight
    )
    return rows.session.exec(staying).first() is None and rows.session.exec(taken).first() is None


def _somebody_is_kept_from(rows: Rows, known: Collection[KnownAddress], side: Side) -> bool:
    """A request that is not closed, on the other side, stands against somebody who knows.

    By sharing their case, by a separation that it states, or by one that they state or stated:
    having left, and even purged, they still know the address.
    """
    cases = {each.case_hash for each in known if each.case_hash is not None}
    stated_then = {case for each in known for case in each.apart_from}
    there = rows.select(Request).where(
        col(Request.state) != RequestState.CLOSED, col(Request.side) == other_side(side)
    )
    stated_there = select(SeparationRow.request_id).where(
        col(SeparationRow.other_case_hash).in_(cases)
    )
    stated_here = (
        select(SeparationRow.other_case_hash)
        .join(Request, col(Request.id) == SeparationRow.request_id)
        .where(
            col(Request.case_hash).in_(cases),
            col(Request.side) == side,
        )
    )
    against = there.where(
        sa.or_(
            col(Request.case_hash).in_(cases | stated_then),
            col(Request.id).in_(stated_there),
            col(Request.case_hash).in_(stated_here),
        )
    )
    return rows.session.exec(against).first() is not None


# --- the change itself --------------------------------------------------------------------------


def _hand_over(tx: Tx, site: Site, side: Side, service: str) -> None:
    """Site, units and blocks become the other side's. Stays, and who had them, stay history."""
    site.opened_at = None
    site.side, site.service = side, service
    # how the old service was reached, and what it wrote there, is not for the new one
    site.contact_phone, site.description = None, ""
    language = tx.network.service(service).language
    site.contact_language = (
        language if language in tx.network.languages else tx.network.languages[0]
    )
    site.version += 1
    tx.session.add(site)
    units = tx.session.exec(select(Unit).where(col(Unit.site_id) == site.id)).all()
    for unit in units:
        unit.side = side
        # the old contacts know the old code, and may still answer a message that asks about it
        unit.code = unused_code(tx.session, col(Unit.code))
        # when the old side last looked tells of it, and its word is not the new one's
        unit.confirmed_at, unit.confirmed_by = tx.now, None
        unit.version += 1
        tx.session.add(unit)
    ids = [unit.id for unit in units]
    for message in tx.session.exec(select(Message).where(col(Message.unit_id).in_(ids))).all():
        message.unit_id = None
        tx.session.add(message)
    for block in tx.session.exec(select(Block).where(col(Block.unit_id).in_(ids))).all():
        _hand_over_block(tx, block, side)
    tx.session.flush()


def _hand_over_block(tx: Tx, block: Block, side: Side) -> None:
    """What is closed stays closed; why, since when and by whom tells of who was there before."""
    if block.end_night is not None and block.end_night <= tx.tonight:
        tx.session.delete(block)
        return
    block.side, block.reason = side, BlockReason.CLOSED
    block.first_night = max(block.first_night, tx.tonight)
    block.created_at, block.created_by = tx.now, None
    tx.session.add(block)
