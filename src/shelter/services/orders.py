"""Barring orders (ITR): recorded, served, extended, lifted, over. Each act is a person's word.

An order is a fact about the perpetrator side, so its row is that side's, whoever writes it. The
victim side reads the orders of its own cases and writes none: what it wrote would be read over
there, and would carry what it knows to the very person from whom it is kept.

Nothing here touches a placement: no order's end frees a place, and no clock ends an order.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import col, select

from shelter.db.rows import Rows
from shelter.db.tables import AuditEntry, BarringOrder, Request
from shelter.domain.errors import FieldProblem, Invalid, NotAllowed, Stale
from shelter.domain.orders import (
    IN_FORCE,
    OrderAct,
    OrderState,
    end_of,
    end_on,
    last_day,
    next_state,
)
from shelter.domain.sides import TWO_SIDED_ROLES, Actor, Role, Side, may_depend_on
from shelter.services.alerts import victim_assistance_of
from shelter.services.codes import unused_code
from shelter.services.context import Tx, found
from shelter.services.intake import REFERENCE
from shelter.services.looks import ONE_LOOK
from shelter.services.paging import Place, newest_first

#: a notification may be told so long afterwards, and by a clock that is so far ahead
LATEST_WORD = timedelta(days=31)
CLOCKS_DIFFER = timedelta(minutes=5)


def may_write(actor: Actor) -> bool:
    """The police, the coordination, and the perpetrator side's own workers; never the victims'."""
    if actor.role in TWO_SIDED_ROLES:
        return True
    return actor.role is Role.ON_CALL and actor.side is Side.PERPETRATORS


def record(
    tx: Tx,
    case_reference: str,
    *,
    served_at: datetime | None = None,
    days: int | None = None,
    hearing_on: date | None = None,
) -> BarringOrder:
    """Note that the prosecutor ordered it; with ``served_at``, that it was notified, too.

    Raises Invalid with every wrong field. There may be several orders in a case: more than one
    person can be dangerous.
    """
    _only_writers(tx)
    assert tx.actor.service is not None
    problems = [] if served_at is None else _serving_problems(tx, served_at, days)
    if not REFERENCE.fullmatch(case_reference.strip()):
        problems.append(FieldProblem("case_reference", "reference"))
    problems += _hearing_problems(tx, hearing_on)
    if problems:
        raise Invalid(*problems)
    order = BarringOrder(
        side=Side.PERPETRATORS,
        code=unused_code(tx.session, col(BarringOrder.code)),
        case_hash=tx.keyring.case_hash(case_reference),
        service=tx.actor.service,
        state=OrderState.ORDERED,
        hearing_on=hearing_on,
        recorded_by=tx.actor.user_id,
        created_at=tx.now,
    )
    if served_at is not None:
        _take_effect(tx, order, served_at, days)
    tx.session.add(order)
    tx.session.flush()
    _note(tx, order, "order.record", state=order.state.value)
    return order


def serve(
    tx: Tx, order_id: UUID, served_at: datetime, version: int, *, days: int | None = None
) -> BarringOrder:
    """It was notified: its days run from there, fourteen unless the prosecutor ordered fewer."""
    order = _to_change(tx, order_id, version, OrderAct.SERVE)
    problems = _serving_problems(tx, served_at, days)
    if problems:
        raise Invalid(*problems)
    _take_effect(tx, order, served_at, days)
    return _changed(tx, order, "order.serve", served_at=served_at.isoformat())


def set_hearing(tx: Tx, order_id: UUID, hearing_on: date | None, version: int) -> BarringOrder:
    """When the family court hears the case; None takes a date away."""
    order = _to_change(tx, order_id, version, None)
    problems = _hearing_problems(tx, hearing_on)
    if problems:
        raise Invalid(*problems)
    order.hearing_on = hearing_on
    return _changed(
        tx, order, "order.hearing", on=None if hearing_on is None else hearing_on.isoformat()
    )


def extend(tx: Tx, order_id: UUID, until: date, version: int) -> BarringOrder:
    """The court extended it to the end of a day, within what the law allows in all."""
    order = _to_change(tx, order_id, version, OrderAct.EXTEND)
    assert order.served_at is not None
    assert order.ends_at is not None
    zone = tx.network.timezone
    latest = last_day(order.served_at, tx.network.orders, zone)
    present = order.ends_at.astimezone(zone).date()
    if until > latest:
        raise Invalid(FieldProblem("extended_until", "before", (("date", latest.isoformat()),)))
    if end_on(until, zone) <= order.ends_at:
        raise Invalid(FieldProblem("extended_until", "after", (("date", present.isoformat()),)))
    order.state = next_state(order.state, OrderAct.EXTEND)
    order.ends_at = end_on(until, zone)
    return _changed(tx, order, "order.extend", until=until.isoformat())


def lift(tx: Tx, order_id: UUID, version: int) -> BarringOrder:
    """The court or the prosecutor lifted it before its end."""
    return _close(tx, order_id, version, OrderAct.LIFT)


def end(tx: Tx, order_id: UUID, version: int) -> BarringOrder:
    """Somebody says that it is over. Where anybody sleeps stays as it is."""
    return _close(tx, order_id, version, OrderAct.END)


def list_orders(tx: Tx, *, after: Place | None = None, limit: int = 100) -> Sequence[BarringOrder]:
    """The orders that the actor may read, newest first."""
    _only_readers(tx)
    query = _rows(tx).select(BarringOrder)
    if tx.actor.role is not Role.COORDINATOR:
        query = query.where(
            sa.or_(
                col(BarringOrder.service) == tx.actor.service,
                col(BarringOrder.case_hash).in_(_own_cases(tx)),
            )
        )
    return newest_first(
        tx.session,
        query,
        col(BarringOrder.created_at),
        col(BarringOrder.id),
        after=after,
        limit=limit,
    )


def readable_order(tx: Tx, order_id: UUID, *, for_update: bool = False) -> BarringOrder:
    """The order, if it was recorded by the actor's service or is of one of its cases."""
    _only_readers(tx)
    order: BarringOrder = found(
        _rows(tx).get(BarringOrder, order_id, for_update=for_update), "order"
    )
    readable = (
        tx.actor.role is Role.COORDINATOR
        or order.service == tx.actor.service
        or order.case_hash in _own_cases(tx)
    )
    if not readable:
        found(None, "order")
    return order


def open_order(tx: Tx, order_id: UUID) -> BarringOrder:
    """The order, for somebody who opens its page: noted once an hour, as for a request.

    The look of somebody who depends on victims is of the victim side, which alone may know of it.
    """
    order = readable_order(tx, order_id)
    subject = f"order:{order.id}"
    seen = tx.session.exec(
        select(AuditEntry.seq)
        .where(
            col(AuditEntry.action) == "order.look",
            col(AuditEntry.subject) == subject,
            col(AuditEntry.actor_id) == tx.actor.user_id,
            col(AuditEntry.at) > tx.now - ONE_LOOK,
        )
        .limit(1)
    ).first()
    if seen is None:
        side = Side.VICTIMS if Side.VICTIMS in tx.actor.sides else Side.PERPETRATORS
        tx.record("order.look", subject, side=side)
    return order


def orders_of(tx: Tx, request: Request) -> Sequence[BarringOrder]:
    """The orders of a request's case, newest first; the caller may read the request."""
    if request.case_hash is None:
        return ()
    return tx.session.exec(
        _rows(tx)
        .select(BarringOrder)
        .where(col(BarringOrder.case_hash) == request.case_hash)
        .order_by(col(BarringOrder.created_at).desc(), col(BarringOrder.id).desc())
    ).all()


def is_past(order: BarringOrder, now: datetime) -> bool:
    """Its end has passed and nobody has said what became of it."""
    return order.state in IN_FORCE and order.ends_at is not None and order.ends_at <= now


# --- who, and what is wrong ----------------------------------------------------------------------


def _rows(tx: Tx) -> Rows:
    """Orders are the perpetrator side's, and the victim side may depend on them."""
    return Rows(tx.session, may_depend_on(tx.actor.sides))


def _own_cases(tx: Tx) -> list[str]:
    """Cases of requests of the actor's service; of a SAPV, of the services of its police zone.

    A worker of one side looks at requests of that side alone.
    """
    services = {tx.actor.service}
    if tx.actor.role is Role.SAPV:
        services = {
            service.key
            for service in tx.network.services
            if any(it.key == tx.actor.service for it in victim_assistance_of(tx, service.key))
        }
    hashes = tx.session.exec(
        select(Request.case_hash)
        .where(
            col(Request.side).in_(tx.actor.sides),
            col(Request.service).in_(services),
            col(Request.case_hash).is_not(None),
        )
        .distinct()
    )
    return [str(case_hash) for case_hash in hashes]


def _only_writers(tx: Tx) -> None:
    if not may_write(tx.actor):
        raise NotAllowed("not_allowed")


def _only_readers(tx: Tx) -> None:
    if tx.actor.role not in {Role.ON_CALL, *TWO_SIDED_ROLES}:
        raise NotAllowed("not_allowed")


def _to_change(tx: Tx, order_id: UUID, version: int, act: OrderAct | None) -> BarringOrder:
    """The order, locked, if the actor may write, nobody changed it since, and it may happen."""
    _only_writers(tx)
    readable_order(tx, order_id)  # nobody waits for what is not theirs
    order = readable_order(tx, order_id, for_update=True)
    if order.version != version:
        raise Stale("stale")
    # a hearing is set as long as anything else may happen
    next_state(order.state, act or OrderAct.END)
    return order


def _close(tx: Tx, order_id: UUID, version: int, act: OrderAct) -> BarringOrder:
    order = _to_change(tx, order_id, version, act)
    order.state, order.closed_at = next_state(order.state, act), tx.now
    return _changed(tx, order, f"order.{act.value}")


def _take_effect(tx: Tx, order: BarringOrder, served_at: datetime, days: int | None) -> None:
    order.state = next_state(order.state, OrderAct.SERVE)
    order.served_at = served_at
    order.ends_at = end_of(served_at, days or tx.network.orders.days, tx.network.timezone)


def _changed(tx: Tx, order: BarringOrder, action: str, **detail: Any) -> BarringOrder:
    order.version += 1
    tx.session.add(order)
    _note(tx, order, action, **detail)
    return order


def _note(tx: Tx, order: BarringOrder, action: str, **detail: Any) -> None:
    tx.record(action, f"order:{order.id}", side=order.side, **detail)


def _serving_problems(tx: Tx, served_at: datetime, days: int | None) -> list[FieldProblem]:
    problems = []
    most = tx.network.orders.days
    if served_at > tx.now + CLOCKS_DIFFER:
        problems.append(FieldProblem("served_at", "not_yet"))
    elif served_at < tx.now - LATEST_WORD:
        first = (tx.now - LATEST_WORD).astimezone(tx.network.timezone).date()
        problems.append(FieldProblem("served_at", "after", (("date", first.isoformat()),)))
    if days is not None and not 1 <= days <= most:
        problems.append(FieldProblem("days", "range", (("min", 1), ("max", most))))
    return problems


def _hearing_problems(tx: Tx, hearing_on: date | None) -> list[FieldProblem]:
    today = tx.now.astimezone(tx.network.timezone).date()
    if hearing_on is None or abs(hearing_on - today) <= timedelta(days=366):
        return []
    return [FieldProblem("hearing_on", "night_range")]
