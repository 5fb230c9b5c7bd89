"""What a worker may rely on when asking for a place."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from shelter_solver import (
    Answer,
    Nights,
    Option,
    Person,
    Problem,
    ProblemError,
    Sharing,
    Status,
    Stay,
    Unit,
    place,
)
from solver.network import apart, housed, north, party, problem, site, unit


def units_of(answer: Answer) -> list[str]:
    return ["+".join(stay.unit for stay in option.stays) for option in answer.options]


def codes(option: Option) -> dict[str, dict[str, str | int | float]]:
    return {reason.code: dict(reason.params) for reason in option.reasons}


# --- the order of the goals -----------------------------------------------------------------------


def two_places(left: Unit, right: Unit, **asked: Any) -> Problem:
    """``left`` in Ixelles at the centre, ``right`` in Uccle 9 km north."""
    return problem(
        party(**asked),
        site("left", commune="Ixelles"),
        site("right", commune="Uccle", point=north(9)),
        left,
        right,
    )


@pytest.mark.parametrize(
    ("goal", "given"),
    [
        (
            "waiting",
            two_places(
                unit("b", "left"),
                unit("a", "right", closed=(Nights(0, 1),)),
                latest_first_night=2,
                preferred_communes=frozenset({"Uccle"}),
            ),
        ),
        (
            "preferred_commune",
            two_places(
                unit("b", "left", beds=9),
                unit("a", "right"),
                preferred_communes=frozenset({"Ixelles"}),
                preferred_points=(north(9),),
            ),
        ),
        (
            "near",
            two_places(unit("b", "left", beds=9), unit("a", "right"), preferred_points=(north(1),)),
        ),
        ("scarcity", two_places(unit("b", "left"), unit("a", "right", step_free=True))),
        ("scarcity", two_places(unit("b", "left", beds=2), unit("a", "right", beds=3))),
        (
            "load",
            problem(
                party(),
                site("left", commune="Ixelles"),
                site("right", commune="Uccle"),
                unit("b", "left"),
                unit("a", "right"),
                unit("busy", "right"),
                housed("bea", "busy"),
            ),
        ),
        ("order", two_places(unit("a", "left"), unit("b", "right"))),
    ],
)
def test_a_higher_goal_is_never_outvoted(goal: str, given: Problem) -> None:
    """Ids, and in each case a lower goal, speak for the unit that loses."""
    answer = place(given, "anna")
    first, second = answer.options[:2]
    assert given.units[0].id == first.stays[0].unit
    assert (first.decided_by, second.decided_by) == (None, goal)


def test_whoever_is_moved_again_stays_near() -> None:
    given = problem(
        site("left"),
        site("right", point=north(9)),
        unit("old", "left", closed=(Nights(3, 60),)),
        unit("b", "left"),
        unit("a", "right"),
        party(first_night=3, present=(Stay("old", 0, 3),)),
    )
    answer = place(given, "anna")
    assert units_of(answer) == ["b", "a"]
    assert answer.options[1].decided_by == "near"
    assert "same_site_as_now" in codes(answer.options[0])


# --- the options ----------------------------------------------------------------------------------


def test_options_use_other_sites_first_and_other_units_always() -> None:
    given = problem(
        party(),
        site("left"),
        site("right", point=north(9)),
        *(unit(name, "left", beds=2) for name in "abc"),
        unit("far", "right", beds=6),
    )
    assert units_of(place(given, "anna")) == ["a", "b", "far"]
    assert units_of(place(given, "anna", options=2)) == ["a", "far"]


def test_two_units_are_offered_only_when_no_single_one_covers() -> None:
    anna = party(people={Person.WOMAN: 1, Person.CHILD: 3}, may_use_two_units=True)
    small = [unit(name, beds=2) for name in "ab"]
    assert units_of(place(problem(anna, *small), "anna")) == ["a+b"]
    assert units_of(place(problem(anna, *small, unit("z", beds=9)), "anna")) == ["z"]
    option = place(problem(anna, *small), "anna").options[0]
    assert codes(option)["two_units_one_site"] == {"units": 2}
    assert codes(option)["fits_beds"] == {"beds": 4, "needed": 4}


def test_two_units_side_by_side_are_never_shared_ones() -> None:
    anna = party(people={Person.WOMAN: 1, Person.CHILD: 3}, may_use_two_units=True)
    rooms = [unit(name, beds=2, sharing=Sharing.SHARED) for name in "ab"]
    assert not place(problem(anna, *rooms), "anna").options


def test_a_change_of_unit_comes_as_late_as_it_can() -> None:
    anna = party(may_change_unit=True)
    given = problem(anna, unit("a", closed=(Nights(5, 9),)), unit("b", closed=(Nights(0, 2),)))
    option = place(given, "anna").options[0]
    assert option.stays == (Stay("a", 0, 5), Stay("b", 5, 7))
    assert codes(option)["changes_unit_on"] == {"night": 5}


def test_the_reasons_say_what_the_party_asked_for() -> None:
    anna = party(
        people={Person.WOMAN: 1, Person.INFANT: 1},
        step_free=True,
        pets=True,
        quiet=True,
        min_supervision=1,
        arrival_hour=22,
        preferred_communes=frozenset({"Ixelles"}),
        preferred_points=(north(2),),
    )
    room = unit(step_free=True, pets=True, quiet=True, supervision=2)
    reasons = codes(place(problem(anna, room), "anna").options[0])
    assert reasons == {
        "free_all_nights": {"nights": 7},
        "fits_beds": {"beds": 4, "needed": 1},
        "has_cots": {"cots": 1, "needed": 1},
        "step_free": {},
        "pets_welcome": {},
        "quiet": {},
        "supervised": {"level": 2, "needed": 1},
        "open_at_arrival": {"hour": 22},
        "in_preferred_commune": {"commune": "Ixelles"},
        "near_preferred_point": {"point": 1, "km": 2},
        "keeps_scarce_units": {},
    }


# --- the edges ------------------------------------------------------------------------------------


def test_a_network_without_units_refuses_and_says_so() -> None:
    answer = place(problem(party()), "anna")
    assert answer.refusal is not None
    assert [(r.code, r.params) for r in answer.refusal.blocked] == [("no_units", {"units": 0})]
    assert answer.status is Status.INFEASIBLE


def test_without_nights_nothing_is_promised() -> None:
    answer = place(problem(party(), unit(), horizon=0), "anna")
    assert answer.refusal is not None
    assert [reason.code for reason in answer.refusal.blocked] == ["nights"]
    assert answer.refusal.changes == ()


def test_an_unknown_party_is_named() -> None:
    with pytest.raises(ProblemError, match="no party 'anna'"):
        place(problem(), "anna")


def test_at_least_one_option_must_be_asked_for() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        place(problem(party(), unit()), "anna", options=0)


def test_a_request_for_nights_long_past_or_far_ahead_is_refused_at_once() -> None:
    for first in (-(10**9), 10**9):
        anna = party(first_night=first, nights=10**9, latest_first_night=first + 10**9)
        assert place(problem(anna, unit()), "anna").status is Status.INFEASIBLE


def test_parties_apart_from_themselves_and_everybody_still_get_what_is_free() -> None:
    given = problem(
        party(),
        housed("bea", "next"),
        unit(),
        unit("next"),
        apart("anna", "bea"),
        apart("anna"),
    )
    assert not place(given, "anna").options


def test_a_housed_party_needs_only_the_nights_that_are_left() -> None:
    anna = party(first_night=-3, nights=7, present=(Stay("old", -3, 4),))
    given = problem(anna, unit("old", closed=(Nights(0, 9),)), unit())
    answer = place(given, "anna")
    assert [option.stays for option in answer.options] == [(Stay("room", 0, 4),)]


def test_importing_the_library_does_not_load_the_solver() -> None:
    program = (
        "import sys; sys.path.insert(0, 'solver')\n"
        "import shelter_solver\n"
        "print('ortools' in sys.modules)\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        check=True,
        text=True,
    )
    assert ran.stdout.strip() == "False"
