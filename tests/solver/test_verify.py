"""The second check stands on its own and sees what the first one cannot be asked."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from shelter_solver import (
    Nights,
    Person,
    Problem,
    Side,
    Stay,
    Violation,
    Zoning,
    verify,
    zoning_conflicts,
)
from solver.network import apart, housed, north, party, problem, site, unit

ROOT = Path(__file__).parents[2]


def rules(given: Problem, *stays: Stay, identifier: str = "anna") -> set[str]:
    return {violation.rule for violation in verify(given, {identifier: stays})}


def test_it_shares_no_code_with_the_rules_and_loads_no_solver() -> None:
    source = (ROOT / "solver/shelter_solver/verify.py").read_text(encoding="utf-8")
    imported = {
        node.module for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ImportFrom)
    }
    assert {name for name in imported if name and name.startswith("shelter_solver")} == {
        "shelter_solver.problem",
        "shelter_solver.result",
    }
    program = (
        "import sys; sys.path.insert(0, 'solver')\n"
        "import shelter_solver.verify\n"
        "print('ortools' in sys.modules)\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, check=True, text=True
    )
    assert ran.stdout.strip() == "False"


def test_a_right_placement_has_no_violation() -> None:
    assert verify(problem(party(), unit()), {"anna": (Stay("room", 0, 7),)}) == ()


@pytest.mark.parametrize(
    "stays",
    [
        (),
        (Stay("room", 0, 6),),
        (Stay("room", 0, 8),),
        (Stay("room", 1, 8),),
        (Stay("room", 0, 3), Stay("room", 4, 8)),
        (Stay("room", -1, 6),),
    ],
    ids=["none", "too few", "too many", "too late", "with a gap", "in the past"],
)
def test_wrong_nights_are_a_violation(stays: tuple[Stay, ...]) -> None:
    assert rules(problem(party(), unit()), *stays) == {"nights"}


def test_a_stay_beyond_the_horizon_is_a_violation() -> None:
    assert rules(problem(party(), unit(), horizon=6), Stay("room", 0, 7)) == {"nights"}


def test_a_window_of_arrival_is_kept_to() -> None:
    given = problem(party(latest_first_night=2), unit())
    assert rules(given, Stay("room", 2, 9)) == set()
    assert rules(given, Stay("room", 3, 10)) == {"nights"}


def test_an_unknown_unit_or_party_is_a_violation() -> None:
    given = problem(party(), unit())
    assert rules(given, Stay("attic", 0, 7)) == {"unknown_unit"}
    assert rules(given, Stay("room", 0, 7), identifier="zoe") == {"unknown_party"}


def test_the_breach_is_named_with_party_unit_night_and_the_other_party() -> None:
    given = problem(party(), unit(), housed("bea", "room", 5, 9))
    assert verify(given, {"anna": (Stay("room", 0, 7),)}) == (
        Violation("occupied", "anna", "room", 5, "bea"),
    )


def test_two_new_placements_are_checked_against_each_other() -> None:
    given = problem(party(), party("bea"), unit())
    found = verify(given, {"anna": (Stay("room", 0, 7),), "bea": (Stay("room", 0, 7),)})
    assert {violation.party for violation in found} == {"anna", "bea"}


def test_a_new_placement_frees_the_present_one_from_its_first_night_on() -> None:
    given = problem(party(), housed("bea", "room", -2, 9), unit(), unit("next"))
    both = {"anna": (Stay("room", 0, 7),), "bea": (Stay("next", 0, 9),)}
    assert verify(given, both) == ()
    assert {v.rule for v in verify(given, {"anna": both["anna"]})} == {"occupied"}


def test_old_violations_are_reported_only_when_everyone_is_checked() -> None:
    given = problem(
        party(),
        unit(),
        unit("full", closed=(Nights(0, 1),)),
        housed("bea", "full"),
        housed("cleo", "full", people={Person.WOMAN: 9}),
        apart("bea", "cleo"),
    )
    assert verify(given, {"anna": (Stay("room", 0, 7),)}) == ()
    found = {violation.rule for violation in verify(given, {}, everyone=True)}
    assert found == {"occupied", "closed", "separation", "beds"}


def test_a_household_is_never_in_three_units_twice_in_one_or_in_two_sites() -> None:
    anna = party(may_use_two_units=True)
    given = problem(anna, site(), site("far"), unit("a"), unit("b"), unit("c"), unit("away", "far"))
    night = (0, 7)
    assert rules(given, Stay("a", *night), Stay("b", *night)) == set()
    assert rules(given, Stay("a", *night), Stay("b", *night), Stay("c", *night)) == {"together"}
    assert "together" in rules(given, Stay("a", *night), Stay("a", *night))
    assert rules(given, Stay("a", *night), Stay("away", *night)) == {"together"}


def test_a_household_in_two_units_needs_beds_in_every_night() -> None:
    anna = party(people={Person.WOMAN: 4}, may_use_two_units=True, may_change_unit=True)
    given = problem(anna, unit("a", beds=2), unit("b", beds=2))
    assert rules(given, Stay("a", 0, 7), Stay("b", 0, 7)) == set()
    assert rules(given, Stay("a", 0, 7), Stay("b", 0, 6)) == {"beds"}


def test_groups_are_kept_apart_pair_by_pair() -> None:
    given = problem(
        party(), party("bea"), party("cleo"), unit("a"), unit("b"), unit("c"), apart("anna", "bea")
    )
    everybody = {
        name: (Stay(room, 0, 7),) for name, room in (("anna", "a"), ("bea", "b"), ("cleo", "c"))
    }
    assert {v.party for v in verify(given, everybody)} == {"anna", "bea"}


def test_an_enormous_range_of_nights_is_answered_at_once() -> None:
    given = problem(party(nights=10**9), housed("bea", "room", 0, 10**9), unit(), horizon=2 * 10**9)
    assert rules(given, Stay("room", 0, 10**9)) == {"occupied"}


# --- zoning ---------------------------------------------------------------------------------------


def test_sites_that_are_too_near_or_share_a_place_are_listed_with_the_reason() -> None:
    sites = [
        site("refuge", places=frozenset({"bus:71", "park:royal"})),
        site("theirs", audience=Side.PERPETRATORS, point=north(2), places=frozenset({"bus:71"})),
        site("far", audience=Side.PERPETRATORS, point=north(9), places=frozenset({"park:royal"})),
    ]
    assert zoning_conflicts(sites, Zoning(3000.0)) == (
        ("refuge", "theirs", "bus:71"),
        ("refuge", "theirs", "distance"),
    )


def test_sites_of_one_audience_never_conflict() -> None:
    assert zoning_conflicts([site("a"), site("b")], Zoning(9000.0)) == ()
