"""Answers in words: complete for researchers, and for a side a function of its own data."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import shelter_solver
from shelter_solver import (
    Answer,
    Nights,
    Option,
    Problem,
    ProblemError,
    Sharing,
    Side,
    Status,
    Stay,
    Violation,
    place,
    verify,
)
from shelter_solver.constraints import RULES
from shelter_solver.explain import CHANGES
from shelter_solver.objective import GOALS
from shelter_solver.result import HouseholdMove, Level, Room, Schedule
from shelter_solver.tools import words
from shelter_solver.tools.render import full, own_side, room, safe, schedule
from solver.network import (
    apart,
    housed,
    north,
    party,
    problem,
    random_problem,
    site,
    unit,
    with_party,
)
from solver.two_worlds import MARK, marked, two_worlds

SEEDS = st.integers(0, 10**6)


def told(one: Problem, by: str = "safe") -> str:
    return {"safe": safe, "full": full}[by](one, "new", place(one, "new"))


# --- the wall -------------------------------------------------------------------------------------


@settings(max_examples=150, deadline=None, derandomize=True)
@given(SEEDS, SEEDS)
def test_a_perpetrators_safe_text_is_the_same_whoever_and_wherever_the_victims_are(
    seed: int, other_seed: int
) -> None:
    one, other = two_worlds(seed, other_seed)
    assert told(one).encode() == told(other).encode()


def test_control_the_full_text_of_these_worlds_does_differ() -> None:
    pairs = [two_worlds(seed, seed + 1) for seed in range(60)]
    assert any(told(one, "full") != told(other, "full") for one, other in pairs)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(SEEDS)
def test_a_victims_safe_text_names_nothing_of_the_perpetrators_side(seed: int) -> None:
    world = marked(with_party(random_problem(seed), "new", side=Side.VICTIMS))
    assert MARK not in told(world)


def near_bob() -> Problem:
    """Anna is kept 9 km from bob, who lives 1 km from home."""
    return problem(
        site("home"),
        site("theirs", audience=Side.PERPETRATORS, point=north(1)),
        unit(),
        unit("cell", "theirs"),
        party("anna"),
        housed("bob", "cell", side=Side.PERPETRATORS),
        apart("anna", "bob", min_distance_m=9000.0),
    )


def test_control_the_full_text_says_who_is_too_near() -> None:
    world = near_bob()
    answer = place(world, "anna")
    assert "room from night 0 (2026-11-21): somebody to be kept apart" in full(
        world, "anna", answer
    )
    assert "(bob)" in full(world, "anna", answer)
    assert "bob" not in safe(world, "anna", answer)
    assert "1 unit: somebody to be kept apart from is there or too near" in safe(
        world, "anna", answer
    )


def test_the_full_text_says_what_a_perpetrators_place_breaks_and_the_safe_one_does_not() -> None:
    given = problem(
        site("home"),
        site("theirs", audience=Side.PERPETRATORS, point=north(1)),
        unit(),
        unit("cell", "theirs"),
        housed("anna", "room"),
        party("bob", side=Side.PERPETRATORS),
        apart("anna", "bob", min_distance_m=9000.0),
    )
    answer = place(given, "bob")
    assert answer.options
    assert "Option 1 breaks, in the whole problem: bob in cell on night 0" in full(
        given, "bob", answer
    )
    assert "(anna)" in full(given, "bob", answer)
    assert "anna" not in safe(given, "bob", answer)


def test_a_name_from_across_the_wall_is_an_error_and_no_leak() -> None:
    stolen = Answer(Status.OPTIMAL, (Option((Stay("cell", 0, 7),), (), (0,) * 7),))
    with pytest.raises(KeyError):
        safe(near_bob(), "anna", stolen)


@settings(max_examples=50, deadline=None, derandomize=True)
@given(SEEDS)
def test_a_side_holds_its_own_and_nothing_else(seed: int) -> None:
    given = random_problem(seed)
    for side in Side:
        seen = own_side(given, side)
        assert {site.audience for site in seen.sites} <= {side}
        assert {party.side for party in seen.parties} <= {side}
        assert seen.separations == ()


# --- what is said ---------------------------------------------------------------------------------


def test_an_option_says_why_it_comes_before_the_next() -> None:
    given = problem(
        site("home"),
        site("far", point=north(20)),
        unit(),
        unit("hut", "far"),
        party(preferred_points=(north(0),)),
    )
    text = safe(given, "anna", place(given, "anna"))
    assert "anna (1 woman, 1 child) asks for 7 nights from night 0 (2026-11-21)." in text
    assert "Option 1: room (site home, Ixelles) from night 0 (2026-11-21), 7 nights" in text
    assert (
        "Before option 2: fewer kilometres to the preferred points and the present site, "
        "0 against 20." in text
    )


def test_equal_options_are_told_apart_by_their_ids() -> None:
    given = problem(unit("a"), unit("b"), party())
    text = safe(given, "anna", place(given, "anna"))
    assert "Before option 2: equal on every goal; the order of unit ids decides." in text


def test_a_refusal_says_what_blocks_and_what_would_help() -> None:
    given = problem(unit(closed=(Nights(0, 3),)), party())
    text = safe(given, "anna", place(given, "anna"))
    assert "1 unit: the unit is closed" in text
    assert "begin 3 days later, on night 3 (2026-11-24); then room (site home" in text


def test_a_refusal_says_which_rules_leave_nothing_even_without_the_others() -> None:
    given = problem(unit(closed=(Nights(0, 3),), beds=1), unit("b", beds=1), party())
    text = safe(given, "anna", place(given, "anna"))
    title = "Smallest sets of rules that leave nothing, were all other rules lifted:\n"
    assert text.partition(title)[2].startswith("  - there are too few beds\n\n")
    given = problem(unit(closed=(Nights(0, 3),)), unit("b", beds=1), party())
    text = safe(given, "anna", place(given, "anna"))
    assert text.partition(title)[2].startswith(
        "  - there are too few beds; and the unit is closed\n\n"
    )
    answer = place(given, "anna")
    assert answer.refusal is not None
    cut = replace(answer, refusal=replace(answer.refusal, together_cut=True))
    assert "  - and more such sets\n" in safe(given, "anna", cut)


def test_a_move_that_helps_says_who_goes_where() -> None:
    given = problem(
        unit(),
        unit("small", beds=1),
        party(),
        housed("cleo", "room", people={shelter_solver.Person.WOMAN: 1},
               move_agreement=shelter_solver.Agreement.PARTY),
    )  # fmt: skip
    text = safe(given, "anna", place(given, "anna"))
    assert "move another household 0 km (its agreement: party); cleo goes to small" in text


def test_the_full_text_names_who_is_in_the_unit() -> None:
    given = problem(unit(), housed("cleo", "room"), housed("dora", "room", 9, 12), party())
    text = full(given, "anna", place(given, "anna"))
    assert "room from night 0 (2026-11-21): another household is there (cleo)" in text


def test_the_full_text_names_only_those_who_are_too_near() -> None:
    given = problem(
        site("home"),
        site("far", point=north(50)),
        unit(sharing=Sharing.SHARED, beds=9),
        unit("hut", "far", beds=1),
        housed("bob", "room"),
        housed("carl", "hut"),
        party(),
        apart("anna", "bob"),
        apart("anna", "carl"),
    )
    text = full(given, "anna", place(given, "anna"))
    assert "somebody to be kept apart from is there or too near (bob)" in text


def test_a_schedule_tells_everybodys_place_and_how_good_it_is() -> None:
    given = problem(unit(), unit("b"), party(), housed("cleo", "b"), party("zoe"))
    text = schedule(
        given,
        Schedule(
            Status.FEASIBLE,
            {"anna": (Stay("b", 0, 7),), "cleo": (Stay("room", 0, 7),)},
            unplaced=("zoe",),
            moved=("cleo",),
            levels=(Level("unplaced", 1, 1), Level("near", 9, 4)),
        ),
    )
    assert "1 placed, 1 moved, 1 without a place." in text
    assert "anna: b (site home, Ixelles) from night 0 (2026-11-21), 7 nights" in text
    assert "Without a place: zoe" in text
    assert "unplaced: 1 (proven)" in text
    assert "near: 9 (nobody can beat 4)" in text


def test_room_tells_the_moves_in_their_order() -> None:
    given = problem(unit(), unit("b"), party())
    option = Option((Stay("room", 0, 7),), (), (0,))
    move = HouseholdMove("cleo", (Stay("b", 0, 7),), shelter_solver.Agreement.SERVICE, 3)
    text = room(given, "anna", Room(Status.OPTIMAL, option, (move,)))
    assert "1. cleo moves 3 km (its agreement: service): b (site home, Ixelles)" in text
    assert "none (proven: nothing fits)" in room(given, "anna", Room(Status.INFEASIBLE))


def test_whoever_does_not_exist_is_an_error() -> None:
    given = problem(unit(), party())
    for rendering in (full, safe):
        with pytest.raises(ProblemError, match="no party 'eve'"):
            rendering(given, "eve", Answer(Status.UNKNOWN))


def test_no_id_steers_the_terminal() -> None:
    given = problem(unit("a\x1b[2J\nb"), party("\x1b]0;x\x07"))
    text = full(given, "\x1b]0;x\x07", place(given, "\x1b]0;x\x07"))
    assert set(text) - {"\n"} == {letter for letter in text if letter.isprintable()}


def test_a_night_beyond_the_calendar_is_told_by_its_number() -> None:
    given = problem(unit(), party(first_night=10**9))
    assert "from night 1000000000." in safe(given, "anna", place(given, "anna"))


def test_every_code_has_its_words() -> None:
    """Codes are looked for in the source, so that a new one without words is noticed."""
    folder = Path(shelter_solver.__file__).parent
    source = "\n".join(file.read_text() for file in folder.glob("*.py"))
    reasons = set(re.findall(r'Reason\(\s*"(\w+)"', source)) - {"no_units", "unverified"}
    assert len(reasons) > 15
    assert reasons <= set(words.REASONS)
    assert {code for code, _ in RULES} | {"no_units", "unverified"} <= set(words.RULES)
    assert set(re.findall(r'Violation\(\s*"(\w+)"', source)) <= set(words.RULES)
    assert {change.__name__ for change in CHANGES} <= set(words.CHANGES)
    assert {name for name, _ in GOALS} == set(words.GOALS)


def test_a_violation_is_told_with_place_night_and_cause() -> None:
    given = problem(unit(), housed("cleo", "room", 2, 5), party())
    found = verify(given, {"anna": (Stay("room", 0, 7),)})
    assert [words.violation(given, each) for each in found] == [
        "anna in room on night 2 (2026-11-23): another household is there (cleo)"
    ]
    assert words.violation(given, Violation("unknown_party", "x")) == (
        "x: the problem has no such party"
    )


def test_control_the_two_worlds_are_two() -> None:
    pairs = [two_worlds(seed, seed + 1) for seed in range(30)]
    assert sum(one != other for one, other in pairs) == 30
    for one, other in pairs:
        assert one.seen_by(Side.PERPETRATORS).parties == other.seen_by(Side.PERPETRATORS).parties
    assert any(place(one, "new").options for one, _ in pairs)
    assert any(not place(one, "new").options for one, _ in pairs)
