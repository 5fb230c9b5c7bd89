"""The checklists of a placement: what is handed over, and what the protocols ask to think of.

Of one side, like the placement: its service and the staff of its place tick, a coordinator reads.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from sqlmodel import col, select

from shelter.db.session import lock_request
from shelter.db.tables import HandoverStep, PlacementRow, Request, User
from shelter.domain.errors import Conflict, FieldProblem, Invalid, NotAllowed
from shelter.domain.handover import Checklist, Handover, Transport
from shelter.domain.household import Person
from shelter.domain.placements import RUNNING
from shelter.domain.sides import Role
from shelter.services.context import Tx, found
from shelter.services.holidays import public_holidays
from shelter.services.lifecycle import readable_placement

#: who works with a household at its place
ON_SITE = frozenset({Role.ON_CALL, Role.COMMUNE_STAFF})


@dataclass(frozen=True, slots=True)
class Item:
    """A line of a checklist, and who ticked it or took that back."""

    checklist: Checklist
    step: str
    #: the network's own sentence; None: the catalogue has one
    text: str | None
    done: bool = False
    at: datetime | None = None
    by: str | None = None
    #: the day on which it is due
    due: date | None = None


def checklists(
    tx: Tx, placement: PlacementRow, request: Request, language: str
) -> dict[Checklist, tuple[Item, ...]]:
    """Both lists as they stand; the caller has checked who reads them."""
    ticked = {
        (row.checklist, row.step): row
        for row in tx.session.exec(
            tx.rows.select(HandoverStep).where(col(HandoverStep.placement_id) == placement.id)
        )
    }
    people = {row.changed_by for row in ticked.values()}
    names = {
        user.id: user.name for user in tx.session.exec(select(User).where(col(User.id).in_(people)))
    }
    lists: dict[Checklist, list[Item]] = {checklist: [] for checklist in Checklist}
    for checklist, step, text in _steps(tx, request, language):
        row = ticked.get((checklist, step))
        visit = step == Handover.FIRST_VISIT and checklist is Checklist.HANDOVER
        lists[checklist].append(
            Item(
                checklist,
                step,
                text,
                done=row is not None and row.done,
                at=None if row is None else row.changed_at,
                by=None if row is None else names.get(row.changed_by),
                due=first_visit_on(tx, placement) if visit else None,
            )
        )
    return {checklist: tuple(items) for checklist, items in lists.items()}


def tick(
    tx: Tx, placement_id: UUID, checklist: Checklist, step: str, *, done: bool
) -> HandoverStep:
    """Tick a step, or take that back. Raises Conflict when nobody lives there or is awaited."""
    placement, request = on_site(tx, placement_id)
    if (checklist, step) not in {(kind, key) for kind, key, _ in _steps(tx, request, "fr")}:
        raise Invalid(FieldProblem("step", "choice"))
    assert tx.actor.user_id is not None
    row = tx.session.exec(
        tx.rows.select(HandoverStep).where(
            col(HandoverStep.placement_id) == placement.id,
            col(HandoverStep.checklist) == checklist,
            col(HandoverStep.step) == step,
        )
    ).first()
    if row is None:
        row = HandoverStep(
            side=placement.side,
            placement_id=placement.id,
            checklist=checklist,
            step=step,
            done=False,
            changed_at=tx.now,
            changed_by=tx.actor.user_id,
        )
    if row.done == done:
        return row  # whoever came first has done it
    row.done, row.changed_at, row.changed_by = done, tx.now, tx.actor.user_id
    tx.session.add(row)
    what = {"checklist": checklist.value, "step": step}
    subject, side = f"placement:{placement.id}", placement.side
    if done:
        tx.record("placement.tick", subject, side=side, request_id=request.id, **what)
    else:
        tx.record("placement.untick", subject, side=side, request_id=request.id, **what)
    return row


def bring(tx: Tx, placement_id: UUID, transport: Transport, hour: int | None) -> PlacementRow:
    """Note who brings the household, towards which hour, for the staff of the place."""
    placement, request = on_site(tx, placement_id)
    if hour is not None and not 0 <= hour <= 23:
        raise Invalid(FieldProblem("transport_hour", "range", (("min", 0), ("max", 23))))
    placement.transport = transport
    placement.transport_hour = None if transport is Transport.NONE else hour
    placement.version += 1
    tx.session.add(placement)
    tx.record(
        "placement.transport",
        f"placement:{placement.id}",
        side=placement.side,
        request_id=request.id,
        transport=transport.value,
    )
    return placement


def on_site(tx: Tx, placement_id: UUID) -> tuple[PlacementRow, Request]:
    """A placement that runs and its request, locked, for somebody who works on it there.

    Raises NotAllowed for those who only read it, and Conflict when it does not run (any more).
    """
    seen = readable_placement(tx, placement_id)
    if tx.actor.role not in ON_SITE:
        raise NotAllowed("not_allowed")
    lock_request(tx.session, seen.request_id)
    placement = readable_placement(tx, placement_id, for_update=True)
    if placement.state not in RUNNING:
        raise Conflict("handover_not_now")
    request: Request = found(tx.rows.get(Request, placement.request_id), "request")
    return placement, request


def first_visit_on(tx: Tx, placement: PlacementRow) -> date:
    """The working day after they came, or after the first night that was promised."""
    came = placement.first_night
    if placement.arrived_at is not None:
        came = placement.arrived_at.astimezone(tx.network.timezone).date()
    off = public_holidays(came, came + timedelta(days=15), "fr")
    day = came + timedelta(days=1)
    while day.weekday() >= 5 or day in off:
        day += timedelta(days=1)
    return day


def _steps(tx: Tx, request: Request, language: str) -> Iterator[tuple[Checklist, str, str | None]]:
    for step in Handover:
        yield Checklist.HANDOVER, step.value, None
    people = {Person(kind): count for kind, count in request.household.items()}
    for protocol in tx.network.protocol:
        if protocol.concerns(request.side, people):
            yield Checklist.PROTOCOL, protocol.key, protocol.text(language)


def done_of(items: Sequence[Item]) -> int:
    """How many of a list are done."""
    return sum(item.done for item in items)
