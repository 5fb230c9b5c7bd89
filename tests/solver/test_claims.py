"""A result that says less, or more, than it does is found out."""

from __future__ import annotations

from typing import Any

import pytest

from shelter_solver import Agreement, Option, Problem, Status, Stay
from shelter_solver.result import HouseholdMove, Room, Schedule
from shelter_solver.tools.claims import false_claims
from solver.network import housed, party, problem, unit


def network(agreement: Agreement = Agreement.PARTY) -> Problem:
    cleo = housed("cleo", "room", move_agreement=agreement)
    return problem(unit(), unit("b"), party(), cleo)


def schedule(**values: Any) -> Schedule:
    """Anna gets cleo's room and cleo moves to b, as it says."""
    said: dict[str, Any] = {
        "status": Status.OPTIMAL,
        "placements": {"anna": (Stay("room", 0, 7),), "cleo": (Stay("b", 0, 7),)},
        "unplaced": (),
        "moved": ("cleo",),
        "levels": (),
    }
    return Schedule(**{**said, **values})


def test_a_schedule_that_says_what_it_does_claims_nothing_false() -> None:
    assert list(false_claims(network(), schedule())) == []


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"moved": ()}, "cleo loses nights that it was promised, and is not said to move"),
        ({"unplaced": ("anna",)}, "anna is said to get nothing, and gets a place"),
        ({"moved": ("cleo", "dora")}, "dora is said to move, and gets no other place"),
    ],
)
def test_what_is_not_so_is_told(values: dict[str, Any], told: str) -> None:
    assert list(false_claims(network(), schedule(**values))) == [told]


def test_nobody_is_moved_who_may_not_be_asked() -> None:
    told = ["cleo moves, and may not be asked to"]
    given = network(Agreement.NONE)
    assert list(false_claims(given, schedule())) == told
    move = HouseholdMove("cleo", (Stay("b", 0, 7),), Agreement.PARTY, 0)
    room = Room(Status.OPTIMAL, Option((Stay("room", 0, 7),), (), (0,)), (move,))
    assert list(false_claims(given, room)) == told
    assert list(false_claims(network(), room)) == []


def test_more_nights_in_the_same_unit_are_no_move() -> None:
    longer = schedule(placements={"cleo": (Stay("room", 0, 9),)}, moved=())
    assert list(false_claims(network(Agreement.NONE), longer)) == []


def test_nights_beyond_the_horizon_and_before_tonight_are_not_missed() -> None:
    given = problem(unit(), housed("cleo", "room", -4, 10**15), horizon=5)
    within = schedule(placements={"cleo": (Stay("room", 0, 5),)}, moved=())
    assert list(false_claims(given, within)) == []
