"""What a refusal is called: nothing free, nothing that fits, or nothing safe."""

from __future__ import annotations

import pytest

from shelter.domain.requests import TURNED_AWAY, Outcome
from shelter.domain.sides import Side
from shelter.services.turned_away import NOT_FITTING, NOT_FREE, NOT_SAFE, outcome_of
from shelter_solver.constraints import RULES
from shelter_solver.result import Reason, Refusal


def refused(*together: tuple[str, ...]) -> Refusal:
    return Refusal((Reason("beds", {"units": 1}),), (), together)


def test_every_rule_is_of_one_kind() -> None:
    kinds = (NOT_FREE, NOT_FITTING, NOT_SAFE)
    assert sum(len(kind) for kind in kinds) == len(frozenset().union(*kinds))
    assert frozenset().union(*kinds) == {code for code, _ in RULES}


@pytest.mark.parametrize(
    ("together", "outcome"),
    [
        ((), Outcome.NO_PLACE),
        ((("occupied",),), Outcome.NO_PLACE),
        # both ways leave nothing: that nothing is free is the plainer truth
        ((("audience", "beds"), ("audience", "occupied")), Outcome.NO_PLACE),
        ((("audience", "pets"),), Outcome.NEEDS_NOT_MET),
        ((("beds", "occupied"), ("danger_zone", "occupied")), Outcome.NEEDS_NOT_MET),
        ((("audience", "separation"),), Outcome.NO_SAFE_PLACE),
        ((("danger_zone", "pets"), ("excluded_commune", "occupied")), Outcome.NO_SAFE_PLACE),
    ],
)
def test_the_reason_is_the_plainest_that_leaves_nothing(
    together: tuple[tuple[str, ...], ...], outcome: Outcome
) -> None:
    assert outcome_of(refused(*together), Side.VICTIMS) is outcome
    assert outcome in TURNED_AWAY


@pytest.mark.parametrize("rule", sorted(NOT_SAFE))
def test_to_the_perpetrator_side_safety_is_never_the_reason(rule: str) -> None:
    assert outcome_of(refused((rule,)), Side.PERPETRATORS) is Outcome.NO_PLACE
    assert outcome_of(refused((rule,)), Side.VICTIMS) is Outcome.NO_SAFE_PLACE  # control
