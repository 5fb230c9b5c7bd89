"""Swaps: somebody asks a colleague of the same service to take a shift over, and they decide."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import col, select

from shelter.db.session import lock_rota
from shelter.db.tables import Shift, ShiftSwap, User
from shelter.domain.errors import Conflict, FieldProblem, Invalid, NotAllowed
from shelter.domain.rota import Duty, Span, SwapState
from shelter.services.context import Tx, found
from shelter.services.shifts import (
    PLANNERS,
    ShiftInput,
    check_shift,
    planned_shift,
    refuse_clash,
    refuse_over,
    save_changed,
    withdraw_swaps,
)


@dataclass(frozen=True, slots=True)
class SwapView:
    swap: ShiftSwap
    shift: Shift
    from_name: str
    to_name: str
    #: the reader is asked; else the reader asked
    to_me: bool


def ask_swap(tx: Tx, shift_id: UUID, to_user: UUID) -> ShiftSwap:
    """Ask a colleague to take one's own shift over. Several may be asked; the first yes counts.

    Raises NotAllowed for somebody else's shift, and Conflict when the colleague is on duty then.
    """
    shift = planned_shift(tx, shift_id, locked=True)
    if shift.user_id != tx.actor.user_id:
        raise NotAllowed("swap_own_shift")
    refuse_over(tx, shift)
    if to_user == shift.user_id:
        raise Invalid(FieldProblem("user_id", "colleague"))
    _refuse_impossible(tx, shift, to_user)
    asked = select(ShiftSwap.id).where(
        col(ShiftSwap.shift_id) == shift.id,
        col(ShiftSwap.to_user) == to_user,
        col(ShiftSwap.state) == SwapState.ASKED,
    )
    if tx.session.exec(asked).first() is not None:
        raise Conflict("swap_asked_already")
    swap = ShiftSwap(
        side=shift.side,
        service=shift.service,
        shift_id=shift.id,
        from_user=shift.user_id,
        to_user=to_user,
        state=SwapState.ASKED,
        asked_at=tx.now,
    )
    tx.session.add(swap)
    tx.session.flush()
    _record(tx, "swap.ask", swap)
    return swap


def agree_swap(tx: Tx, swap_id: UUID) -> ShiftSwap:
    """Take the shift over. Of several who are asked and agree at once, the first has it."""
    swap, shift = _undecided(tx, swap_id)
    if swap.to_user != tx.actor.user_id:
        raise NotAllowed("swap_not_asked")
    refuse_over(tx, shift)
    _refuse_impossible(tx, shift, swap.to_user)
    withdraw_swaps(tx, shift.id, but=swap.id)
    _decide(tx, swap, SwapState.AGREED)
    shift.user_id = swap.to_user
    save_changed(tx, shift)
    _record(tx, "swap.agree", swap)
    return swap


def decline_swap(tx: Tx, swap_id: UUID) -> ShiftSwap:
    """Say no; the shift stays whose it is."""
    swap, _ = _undecided(tx, swap_id)
    if swap.to_user != tx.actor.user_id:
        raise NotAllowed("swap_not_asked")
    _decide(tx, swap, SwapState.DECLINED)
    _record(tx, "swap.decline", swap)
    return swap


def withdraw_swap(tx: Tx, swap_id: UUID) -> ShiftSwap:
    """Take one's own question back."""
    swap, _ = _undecided(tx, swap_id)
    if swap.from_user != tx.actor.user_id:
        raise NotAllowed("swap_not_yours")
    _decide(tx, swap, SwapState.WITHDRAWN)
    _record(tx, "swap.withdraw", swap)
    return swap


def waiting_swaps(tx: Tx) -> list[SwapView]:
    """What the reader is asked, and then what the reader asked, while it waits for an answer."""
    if tx.actor.role not in PLANNERS:
        raise NotAllowed("not_allowed")
    query = (
        select(ShiftSwap, Shift)
        .join(Shift, col(Shift.id) == col(ShiftSwap.shift_id))
        .where(
            col(ShiftSwap.state) == SwapState.ASKED,
            sa.or_(
                col(ShiftSwap.to_user) == tx.actor.user_id,
                col(ShiftSwap.from_user) == tx.actor.user_id,
            ),
            col(Shift.service) == tx.actor.service,
            col(Shift.ends_at) > tx.now,
        )
        .order_by(col(Shift.starts_at), col(ShiftSwap.asked_at), col(ShiftSwap.id))
    )
    views = viewed_swaps(tx, tx.session.exec(query).all())
    return sorted(views, key=lambda view: not view.to_me)


def viewed_swaps(tx: Tx, rows: Sequence[tuple[ShiftSwap, Shift]]) -> list[SwapView]:
    people = {user for swap, _ in rows for user in (swap.from_user, swap.to_user)}
    names = dict(tx.session.exec(select(User.id, User.name).where(col(User.id).in_(people))).all())
    return [
        SwapView(
            swap,
            shift,
            names.get(swap.from_user, "–"),
            names.get(swap.to_user, "–"),
            swap.to_user == tx.actor.user_id,
        )
        for swap, shift in rows
    ]


def _undecided(tx: Tx, swap_id: UUID) -> tuple[ShiftSwap, Shift]:
    """The swap and its shift, with the rota locked: who comes second finds it decided."""
    if tx.actor.role not in PLANNERS:
        raise NotAllowed("not_allowed")
    mine = sa.or_(
        col(ShiftSwap.to_user) == tx.actor.user_id, col(ShiftSwap.from_user) == tx.actor.user_id
    )
    query = select(ShiftSwap).where(
        col(ShiftSwap.id) == swap_id, mine, col(ShiftSwap.service) == tx.actor.service
    )
    swap: ShiftSwap = found(tx.session.exec(query).first(), "swap")
    lock_rota(tx.session, swap.service)
    again = query.with_for_update().execution_options(populate_existing=True)
    swap = found(tx.session.exec(again).first(), "swap")
    shift = planned_shift(tx, swap.shift_id, locked=True)
    if swap.state is not SwapState.ASKED or shift.user_id != swap.from_user:
        raise Conflict("swap_decided")
    return swap, shift


def _refuse_impossible(tx: Tx, shift: Shift, to_user: UUID) -> None:
    given = ShiftInput(to_user, shift.starts_at, shift.ends_at, shift.line)
    user = check_shift(tx, shift.service, given)
    span = Span(shift.starts_at, shift.ends_at)
    refuse_clash(tx, shift.service, Duty(user.id, shift.line, span), but=shift.id)


def _decide(tx: Tx, swap: ShiftSwap, state: SwapState) -> None:
    swap.state, swap.decided_at = state, tx.now
    tx.session.add(swap)
    tx.session.flush()


def _record(tx: Tx, action: str, swap: ShiftSwap) -> None:
    tx.record(
        action,
        f"shift:{swap.shift_id}",
        side=swap.side,
        service=swap.service,
        swap=str(swap.id),
        from_user=str(swap.from_user),
        to_user=str(swap.to_user),
    )
