"""The life of a placement. ``MOVES`` is the rule and its documentation.

    held ──confirm──▶ confirmed ──arrive──▶ arrived ──depart──▶ departed
      │      └─(review)▶ awaiting_review ─approve▶ confirmed
      ├─release▶ released        │  └─decline▶ declined
      └─expire─▶ expired         └─cancel▶ cancelled      confirmed ─no_show▶ no_show

A placement in a *live* state occupies its nights; leaving the live states frees those to come.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from shelter.domain.errors import Conflict
from shelter.domain.sides import Role


class PlacementState(StrEnum):
    HELD = "held"
    AWAITING_REVIEW = "awaiting_review"
    CONFIRMED = "confirmed"
    ARRIVED = "arrived"
    DEPARTED = "departed"
    NO_SHOW = "no_show"
    CANCELLED = "cancelled"
    DECLINED = "declined"
    RELEASED = "released"
    EXPIRED = "expired"


class Action(StrEnum):
    CONFIRM = "confirm"
    SUBMIT = "submit"  # confirm, where the network reviews every placement of this side
    APPROVE = "approve"
    DECLINE = "decline"
    RELEASE = "release"
    EXPIRE = "expire"
    ARRIVE = "arrive"
    EXTEND = "extend"
    DEPART = "depart"
    NO_SHOW = "no_show"
    CANCEL = "cancel"
    MOVE = "move"


@dataclass(frozen=True, slots=True)
class Move:
    """``by`` empty means: the system's clock alone."""

    action: Action
    before: frozenset[PlacementState]
    #: None keeps the state
    after: PlacementState | None
    by: frozenset[Role]


_S = PlacementState
_WORKER = frozenset({Role.ON_CALL})
_ON_SITE = frozenset({Role.ON_CALL, Role.COMMUNE_STAFF})
_REVIEWER = frozenset({Role.COORDINATOR})

MOVES: tuple[Move, ...] = (
    Move(Action.CONFIRM, frozenset({_S.HELD}), _S.CONFIRMED, _WORKER),
    Move(Action.SUBMIT, frozenset({_S.HELD}), _S.AWAITING_REVIEW, _WORKER),
    Move(Action.APPROVE, frozenset({_S.AWAITING_REVIEW}), _S.CONFIRMED, _REVIEWER),
    Move(Action.DECLINE, frozenset({_S.AWAITING_REVIEW}), _S.DECLINED, _REVIEWER),
    Move(Action.RELEASE, frozenset({_S.HELD}), _S.RELEASED, _WORKER),
    Move(Action.EXPIRE, frozenset({_S.HELD}), _S.EXPIRED, frozenset()),
    Move(Action.ARRIVE, frozenset({_S.CONFIRMED}), _S.ARRIVED, _ON_SITE),
    Move(Action.EXTEND, frozenset({_S.CONFIRMED, _S.ARRIVED}), None, _WORKER),
    Move(Action.MOVE, frozenset({_S.CONFIRMED, _S.ARRIVED}), None, _WORKER),
    Move(Action.DEPART, frozenset({_S.ARRIVED}), _S.DEPARTED, _ON_SITE),
    Move(Action.NO_SHOW, frozenset({_S.CONFIRMED}), _S.NO_SHOW, _ON_SITE),
    Move(Action.CANCEL, frozenset({_S.CONFIRMED, _S.AWAITING_REVIEW}), _S.CANCELLED, _WORKER),
)

LIVE = frozenset({_S.HELD, _S.AWAITING_REVIEW, _S.CONFIRMED, _S.ARRIVED})
#: somebody is, or will be, at the site: its address may be opened
RUNNING = frozenset({_S.CONFIRMED, _S.ARRIVED})


def occupied_until(state: PlacementState, end_night: date, tonight: date) -> date:
    """The first night that is free after a placement.

    Somebody who has arrived is there until somebody says that they left: no clock alone frees a
    place, though the last promised night may be over.
    """
    if state is PlacementState.ARRIVED and end_night <= tonight:
        return tonight + timedelta(days=1)
    return end_night


_BY_ACTION = {move.action: move for move in MOVES}


def next_state(state: PlacementState, action: Action) -> PlacementState:
    """The state after ``action``. Raises Conflict when the table has no such move."""
    move = _BY_ACTION[action]
    if state not in move.before:
        raise Conflict("placement_state", state=state.value, action=action.value)
    return move.after or state


def actions_for(state: PlacementState, role: Role) -> tuple[Action, ...]:
    """What this role may do now, in the order of the table (SUBMIT is a form of CONFIRM)."""
    return tuple(
        move.action
        for move in MOVES
        if state in move.before and role in move.by and move.action is not Action.SUBMIT
    )


def may(role: Role | None, action: Action) -> bool:
    return role in _BY_ACTION[action].by
