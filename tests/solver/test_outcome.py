"""Fewer people are turned away: short years here, long ones in ``benchmarks/outcome.py``."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks import outcome, year
from benchmarks.clairvoyant import clairvoyant, with_any_moves
from shelter_solver import Party, Problem, place
from shelter_solver.reserve import reserve_values, suitable_units
from shelter_solver.world import World
from solver.network import party, problem, site, unit


@pytest.fixture(scope="module")
def spring() -> tuple[Party, ...]:
    """The first four months of a year in which moves help."""
    return tuple(asking for asking in year.requests(0) if asking.first_night < 120)


def test_the_same_seed_is_the_same_year_and_wishes_do_not_change_who_asks() -> None:
    assert year.requests(3) == year.requests(3)
    assert year.requests(3) != year.requests(4)
    plain = year.requests(3, wishes=False)
    assert [(p.people, p.first_night, p.nights) for p in plain] == [
        (p.people, p.first_night, p.nights) for p in year.requests(3)
    ]


@pytest.mark.parametrize("policy", [outcome.first_fit, outcome.best_fit, outcome.ours_moving])
def test_nobody_is_refused_while_a_suitable_place_is_free(
    spring: tuple[Party, ...], policy: outcome.Policy
) -> None:
    count = outcome.simulate(spring, policy)
    assert count.turned_away > 0
    assert count.refused_while_free == 0


def test_control_a_policy_that_refuses_who_could_be_housed_is_caught(
    spring: tuple[Party, ...],
) -> None:
    def tired(problem: Problem, asked: Party) -> outcome.Decision:
        return {} if asked.nights > 20 else outcome.first_fit(problem, asked)

    assert outcome.simulate(spring, tired).refused_while_free > 0


def test_control_a_decision_that_breaks_a_rule_ends_the_simulation(
    spring: tuple[Party, ...],
) -> None:
    def careless(problem: Problem, asked: Party) -> outcome.Decision:
        return outcome._into(asked, "u01")

    with pytest.raises(AssertionError, match="breaks a rule"):
        outcome.simulate(spring, careless)


def test_one_agreed_move_turns_fewer_away_than_first_and_best_fit() -> None:
    first, best, moving = outcome.Count(), outcome.Count(), outcome.Count()
    for seed in range(3):
        asking = year.requests(seed)
        first.add(outcome.simulate(asking, outcome.first_fit))
        best.add(outcome.simulate(asking, outcome.best_fit))
        moving.add(outcome.simulate(asking, outcome.ours_moving, reserve=True))
    assert moving.turned_away < 0.9 * min(first.turned_away, best.turned_away)
    assert first.moves == best.moves == 0


def test_nobody_who_must_not_move_is_moved(spring: tuple[Party, ...]) -> None:
    staying = tuple(replace(p, move_agreement=type(p.move_agreement).NONE) for p in spring)
    assert outcome.simulate(staying, outcome.ours_moving).moves == 0
    assert outcome.simulate(spring, outcome.ours_moving).moves > 0


def test_the_clairvoyant_is_at_least_as_good_as_everybody(spring: tuple[Party, ...]) -> None:
    suits = outcome.suiting(spring)
    best = clairvoyant(spring, suits)
    honest = clairvoyant(spring, suits, promise=True)
    assert best.proven
    assert (
        best.turned_away <= honest.turned_away <= outcome.simulate(spring, outcome.ours).turned_away
    )


def test_moving_everybody_always_is_never_worse_than_a_fixed_place_for_equal_stays() -> None:
    two_evenings = (party("a", nights=9), party("b", nights=9), party("c", nights=9))
    suits = [frozenset({"x", "y"}), frozenset({"x"}), frozenset({"y"})]
    assert with_any_moves(two_evenings, suits) == 1
    assert with_any_moves(two_evenings[:2], suits[:2]) == 0  # a goes to y when b needs x


# --- reserve values -------------------------------------------------------------------------------


def test_the_mean_reserve_is_100_and_the_only_home_for_many_is_dear() -> None:
    # three who fit both, one who fits x only: x = 3/2 + 1, y = 3/2; times 100 · 2 units / 4 wishes
    both, only = {"x", "y"}, {"x"}
    assert reserve_values(["x", "y"], [both, both, both, only]) == {"x": 125, "y": 75}


def test_without_demand_nothing_is_reserved() -> None:
    assert reserve_values(["x", "y"], []) == {"x": 0, "y": 0}
    assert reserve_values(["x"], [{"gone"}, set()]) == {"x": 0}


def test_the_order_of_recent_requests_and_units_does_not_matter() -> None:
    wishes = [{"x"}, {"x", "y"}, {"y", "z"}]
    assert reserve_values("xyz", wishes) == reserve_values("zyx", wishes[::-1])


def test_suitable_units_look_at_the_household_and_not_at_who_is_there() -> None:
    given = problem(
        site(),
        site("far", commune="Uccle"),
        unit("small", beds=1),
        unit("good", beds=2),
        unit("away", "far", beds=5),
        party("anna", excluded_communes=frozenset({"Uccle"})),
        party("berta", present=()),
    )
    assert suitable_units(World(given), given.parties[0]) == {"good"}


def test_a_unit_that_others_need_is_given_last() -> None:
    plain = problem(unit("a"), unit("b"), party())
    assert place(plain, "anna").options[0].stays[0].unit == "a"
    needed = problem(unit("a", reserve=150), unit("b", reserve=50), party())
    assert place(needed, "anna").options[0].stays[0].unit == "b"
