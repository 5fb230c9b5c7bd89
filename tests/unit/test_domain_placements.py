"""The life of a placement: the table of moves, and nothing beside it."""

from __future__ import annotations

from itertools import product
from typing import TypeAlias

import pytest

from shelter.domain.errors import Conflict
from shelter.domain.placements import (
    LIVE,
    MOVES,
    RUNNING,
    Action,
    PlacementState,
    actions_for,
    may,
    next_state,
)
from shelter.domain.sides import Role

S: TypeAlias = PlacementState
A: TypeAlias = Action

#: written out again, apart from the table, so that an edit of either is noticed
ALLOWED: dict[tuple[S, A], S] = {
    (S.HELD, A.CONFIRM): S.CONFIRMED,
    (S.HELD, A.SUBMIT): S.AWAITING_REVIEW,
    (S.HELD, A.RELEASE): S.RELEASED,
    (S.HELD, A.EXPIRE): S.EXPIRED,
    (S.AWAITING_REVIEW, A.APPROVE): S.CONFIRMED,
    (S.AWAITING_REVIEW, A.DECLINE): S.DECLINED,
    (S.AWAITING_REVIEW, A.CANCEL): S.CANCELLED,
    (S.CONFIRMED, A.ARRIVE): S.ARRIVED,
    (S.CONFIRMED, A.EXTEND): S.CONFIRMED,
    (S.CONFIRMED, A.MOVE): S.CONFIRMED,
    (S.CONFIRMED, A.NO_SHOW): S.NO_SHOW,
    (S.CONFIRMED, A.CANCEL): S.CANCELLED,
    (S.ARRIVED, A.EXTEND): S.ARRIVED,
    (S.ARRIVED, A.MOVE): S.ARRIVED,
    (S.ARRIVED, A.DEPART): S.DEPARTED,
}
EVERY_PAIR = list(product(S, A))


@pytest.mark.parametrize(("pair", "after"), list(ALLOWED.items()))
def test_every_allowed_move_fires(pair: tuple[S, A], after: S) -> None:
    assert next_state(*pair) is after


@pytest.mark.parametrize("pair", [pair for pair in EVERY_PAIR if pair not in ALLOWED])
def test_every_other_move_is_refused_and_says_why(pair: tuple[S, A]) -> None:
    with pytest.raises(Conflict) as caught:
        next_state(*pair)
    assert caught.value.code == "placement_state"
    assert caught.value.params == {"state": pair[0].value, "action": pair[1].value}


def test_each_action_has_one_row_in_the_table() -> None:
    assert sorted(move.action for move in MOVES) == sorted(A)


@pytest.mark.parametrize("state", S)
def test_a_state_is_final_exactly_when_it_is_not_live(state: S) -> None:
    leaves = {after for (before, _), after in ALLOWED.items() if before is state}
    assert bool(leaves) is (state in LIVE)


def test_an_address_opens_only_for_a_promised_or_running_stay() -> None:
    assert {S.CONFIRMED, S.ARRIVED} == RUNNING
    assert RUNNING < LIVE


@pytest.mark.parametrize(
    ("action", "roles"),
    [
        (A.CONFIRM, {Role.ON_CALL}),
        (A.SUBMIT, {Role.ON_CALL}),
        (A.RELEASE, {Role.ON_CALL}),
        (A.EXTEND, {Role.ON_CALL}),
        (A.MOVE, {Role.ON_CALL}),
        (A.CANCEL, {Role.ON_CALL}),
        (A.APPROVE, {Role.COORDINATOR}),
        (A.DECLINE, {Role.COORDINATOR}),
        (A.ARRIVE, {Role.ON_CALL, Role.COMMUNE_STAFF}),
        (A.DEPART, {Role.ON_CALL, Role.COMMUNE_STAFF}),
        (A.NO_SHOW, {Role.ON_CALL, Role.COMMUNE_STAFF}),
        (A.EXPIRE, set()),  # the clock alone
    ],
)
def test_only_the_named_roles_may_act(action: A, roles: set[Role]) -> None:
    assert {role for role in Role if may(role, action)} == roles
    assert not may(None, action)


@pytest.mark.parametrize(("state", "role"), list(product(S, Role)))
def test_what_is_offered_is_what_would_succeed(state: S, role: Role) -> None:
    offered = set(actions_for(state, role))
    possible = {a for a in A if may(role, a) and (state, a) in ALLOWED}
    assert offered == possible - {A.SUBMIT}


def test_the_person_who_asks_never_approves_their_own_placement() -> None:
    assert not any(may(role, A.SUBMIT) and may(role, A.APPROVE) for role in Role)
