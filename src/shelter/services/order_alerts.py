"""Who is told of barring orders, and of somebody who is not where they were promised to be.

The worker looks over everything at every tick, once for each side, whether or not anything changed.
What the perpetrator side is told depends on its own rows alone, and is told in a job of its own.
What the victim side and the police are told is of the victim side: the other one neither waits for
it nor sees that it ran (SAFETY.md §1).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import col, select

from shelter import logs
from shelter.db.tables import Alert, BarringOrder, PlacementRow, Request, SeparationRow, User
from shelter.domain.alerts import AlertKind
from shelter.domain.orders import CLOSED, IN_FORCE, OrderState
from shelter.domain.placements import PlacementState
from shelter.domain.requests import RequestState
from shelter.domain.sides import SYSTEM, Actor, Role, Side
from shelter.services.alerts import raise_alert, victim_assistance_of
from shelter.services.context import Shelter, Tx

#: for so long after it happened, whoever joins the case is told, too
NEWS_FOR = timedelta(days=7)
log = logs.get("jobs")


@dataclass(frozen=True, slots=True)
class News:
    """One thing that one service is to be told."""

    kind: AlertKind
    service: str
    #: names what happened
    occasion: str
    #: what it is called on the phone
    reference: str
    request_id: UUID | None = None
    placement_id: UUID | None = None

    @property
    def told_as(self) -> str:
        """The occasion that an alert of it has."""
        return f"{self.occasion}:{self.service}"


def tell(system: Shelter, side: Side) -> int:
    """Raise an alert on one side for everything that is new; how many.

    Reads in one transaction that no writer waits for. Each is told in one of its own, and what
    cannot be told stops nothing else.
    """
    # of one side: a transaction for the perpetrators' can find no other row
    them = Actor(None, SYSTEM.name, Role.ON_CALL, side, None)
    actor = SYSTEM if side is Side.VICTIMS else them
    told = 0
    for news in system.run(actor, partial(_untold, side=side), read_only=True):
        try:
            told += system.run(actor, partial(_tell, news=news, side=side))
        except Exception as error:
            log.error("order.untold", kind=news.kind.value, error=logs.error_name(error))
    return told


def _untold(tx: Tx, *, side: Side) -> list[News]:
    news = {each.told_as: each for each in _of_orders(tx, side)}
    if side is Side.VICTIMS:
        news |= {each.told_as: each for each in _of_absences(tx)}
    known = set(tx.session.exec(select(Alert.occasion).where(col(Alert.occasion).in_(news))))
    return [each for told_as, each in news.items() if told_as not in known]


def _tell(tx: Tx, *, news: News, side: Side) -> bool:
    request = tx.rows.get(Request, news.request_id) if news.request_id else None
    placement = tx.rows.get(PlacementRow, news.placement_id) if news.placement_id else None
    alert = raise_alert(
        tx,
        news.kind,
        news.service,
        request,
        placement=placement,
        side=side,
        reference=news.reference,
        occasion=news.occasion,
    )
    return alert is not None


# --- barring orders ------------------------------------------------------------------------------


def _of_orders(tx: Tx, side: Side) -> Iterable[News]:
    recent = tx.session.exec(
        select(BarringOrder)
        .where(
            col(BarringOrder.side) == Side.PERPETRATORS,
            sa.or_(
                col(BarringOrder.state).in_(IN_FORCE),
                sa.and_(
                    col(BarringOrder.state).in_(CLOSED),
                    col(BarringOrder.closed_at) > tx.now - NEWS_FOR,
                ),
            ),
        )
        .order_by(col(BarringOrder.created_at), col(BarringOrder.id))
    ).all()
    for order in recent:
        happened = list(_happened(order, tx.now, tx.network.orders.told_before))
        if not happened:
            continue
        for service, request in _concerned_by(tx, order, side).items():
            for kind, what in happened:
                yield News(
                    kind,
                    service,
                    f"order:{order.id}:{what}",
                    order.code if request is None else request.code,
                    None if request is None else request.id,
                )


def _happened(
    order: BarringOrder, now: datetime, told_before: timedelta
) -> Iterable[tuple[AlertKind, str]]:
    """What there is to tell of an order now, and what names it."""
    if order.served_at is None or order.ends_at is None:
        return  # nobody was notified: nothing was in force, and nothing ended
    until = order.ends_at.isoformat()
    if order.state is OrderState.LIFTED:
        yield AlertKind.ORDER_LIFTED, "lifted"
    if order.state not in IN_FORCE or order.ends_at <= now - NEWS_FOR:
        return
    if order.state is OrderState.SERVED:
        yield AlertKind.ORDER_SERVED, "served"
    else:
        yield AlertKind.ORDER_EXTENDED, f"extended:{until}"
    if now >= order.ends_at - told_before:
        yield AlertKind.ORDER_ENDS, f"ends:{until}"


def _concerned_by(tx: Tx, order: BarringOrder, side: Side) -> dict[str, Request | None]:
    """Services of one side by the request that they know, or by none.

    On the perpetrator side those that work on its case, and the one of its own that recorded it.
    On the victim side those that work on the case, and the police of every service that has to do
    with it; where there is none, the coordinator.
    """
    ours = _open_requests(tx, side, order.case_hash)
    concerned: dict[str, Request | None] = {}
    for request in ours:
        concerned.setdefault(request.service, request)
    recorder = tx.session.get(User, order.recorded_by) if order.recorded_by else None
    if side is Side.PERPETRATORS:
        if recorder is not None and recorder.side is side:
            concerned.setdefault(order.service, None)
        return concerned
    theirs = _open_requests(tx, Side.PERPETRATORS, order.case_hash)
    services = [request.service for request in (*ours, *theirs)]
    police = set()
    if recorder is not None and recorder.role is Role.SAPV:
        police.add(order.service)
    elif not services:
        services.append(order.service)
    police |= _police_of(tx, services)
    for service in sorted(police) or [tx.network.coordinator]:
        concerned.setdefault(service, None)
    return concerned


# --- somebody who is not there -------------------------------------------------------------------


def _of_absences(tx: Tx) -> Iterable[News]:
    """Perpetrators who did not come, or left before the end: their victims' services must know."""
    missed = select(Alert.placement_id).where(
        col(Alert.kind) == AlertKind.ARRIVAL_MISSED,
        col(Alert.side) == Side.PERPETRATORS,
        col(Alert.placement_id).is_not(None),
    )
    since = tx.now - NEWS_FOR
    gone = tx.session.exec(
        select(PlacementRow, Request)
        .join(Request, col(Request.id) == PlacementRow.request_id)
        .where(
            col(PlacementRow.side) == Side.PERPETRATORS,
            sa.or_(
                sa.and_(
                    col(PlacementRow.state) == PlacementState.NO_SHOW,
                    col(PlacementRow.ended_at) > since,
                ),
                sa.and_(
                    col(PlacementRow.state) == PlacementState.DEPARTED,
                    col(PlacementRow.left_early),
                    col(PlacementRow.ended_at) > since,
                ),
                sa.and_(
                    col(PlacementRow.state) == PlacementState.CONFIRMED,
                    col(PlacementRow.id).in_(missed),
                ),
            ),
        )
        .order_by(col(PlacementRow.held_at), col(PlacementRow.id))
    ).all()
    for placement, request in gone:
        left = placement.state is PlacementState.DEPARTED
        # who was missed in the evening and did not come at all is one absence
        occasion = f"absent:{placement.id}:{'left' if left else 'not_come'}"
        victims = _kept_from(tx, request)
        known = {victim.service: victim for victim in reversed(victims)}
        for service, victim in known.items():
            yield News(AlertKind.PERPETRATOR_ABSENT, service, occasion, victim.code, victim.id)
        police = _police_of(tx, [request.service, *known])
        for service in sorted(police) or [tx.network.coordinator]:
            yield News(
                AlertKind.PERPETRATOR_ABSENT,
                service,
                occasion,
                request.code,
                request.id,
                placement.id,
            )


def _kept_from(tx: Tx, perpetrator: Request) -> Sequence[Request]:
    """Victims of the same case, and those whom somebody asked to be kept apart from it."""
    if perpetrator.case_hash is None:
        return ()
    apart = select(SeparationRow.request_id).where(
        col(SeparationRow.other_case_hash) == perpetrator.case_hash
    )
    return tx.session.exec(
        select(Request)
        .where(
            col(Request.side) == Side.VICTIMS,
            col(Request.state) != RequestState.CLOSED,
            sa.or_(col(Request.case_hash) == perpetrator.case_hash, col(Request.id).in_(apart)),
        )
        .order_by(col(Request.created_at), col(Request.id))
    ).all()


# --- both ----------------------------------------------------------------------------------------


def _open_requests(tx: Tx, side: Side, case_hash: str) -> Sequence[Request]:
    return tx.session.exec(
        select(Request)
        .where(
            col(Request.side) == side,
            col(Request.case_hash) == case_hash,
            col(Request.state) != RequestState.CLOSED,
        )
        .order_by(col(Request.created_at), col(Request.id))
    ).all()


def _police_of(tx: Tx, services: Iterable[str]) -> set[str]:
    return {it.key for service in services for it in victim_assistance_of(tx, service)}
