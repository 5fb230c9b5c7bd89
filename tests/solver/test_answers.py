"""What an answer is worth: its proof, its order, its bytes, and nothing through the wall."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from shelter_solver import (
    Nights,
    Problem,
    Side,
    answer_to_json,
    place,
    verify,
)
from shelter_solver.objective import GOALS
from solver.network import apart, housed, north, party, problem, random_problem, site, unit
from solver.test_place import units_of


def test_the_time_limit_takes_no_option_away_for_sorting_all_plans_proves_them() -> None:
    for seed in range(40):
        given = random_problem(seed)
        proven, hurried = place(given, "new"), place(given, "new", limit_s=0)
        assert (proven.status, proven.options) == (hurried.status, hurried.options)
        if hurried.refusal is not None and proven.refusal is not None:
            assert hurried.refusal == replace(proven.refusal, changes=())


def test_same_data_and_seed_give_the_same_bytes_in_another_process() -> None:
    """Sets and dictionaries are walked in no fixed order: another hash seed must not show."""
    here = Path(__file__).parents[2]
    program = (
        "import sys; sys.path[:0] = ['solver', 'tests']\n"
        "from shelter_solver import answer_to_json, place\n"
        "from solver.network import random_problem\n"
        "for seed in range(30): print(answer_to_json(place(random_problem(seed), 'new')))\n"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", program],
            cwd=here,
            env={"PYTHONHASHSEED": hash_seed},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for hash_seed in ("1", "2")
    }
    assert len(outputs) == 1
    assert outputs == {
        "".join(f"{answer_to_json(place(random_problem(n), 'new'))}\n" for n in range(30))
    }


def test_the_order_in_which_the_data_come_does_not_matter() -> None:
    for seed in range(60):
        given = random_problem(seed)
        turned = Problem(
            given.start,
            given.horizon,
            given.sites[::-1],
            given.units[::-1],
            given.parties[::-1],
            given.separations[::-1],
            given.zoning,
            given.kept_back_urgency,
        )
        assert [o.stays for o in place(given, "new").options] == [
            o.stays for o in place(turned, "new").options
        ]


def test_a_score_has_a_value_for_every_goal_and_options_come_in_its_order() -> None:
    for seed in range(60):
        scores = [option.score for option in place(random_problem(seed), "new").options]
        assert scores == sorted(scores)
        assert {len(score) for score in scores} <= {len(GOALS) + 1}


def test_an_old_violation_elsewhere_blocks_nobody() -> None:
    given = problem(
        party(),
        unit(),
        unit("full"),
        housed("bea", "full"),
        housed("cleo", "full"),
        apart("bea", "cleo"),
    )
    assert units_of(place(given, "anna")) == ["room"]
    assert verify(given, {}, everyone=True)


def test_what_a_perpetrator_is_told_does_not_depend_on_any_victim() -> None:
    """Two worlds that differ only in victim-side data give the same bytes."""
    for seed in range(150):
        given = random_problem(seed)
        asking = next((p for p in given.parties if p.side is Side.PERPETRATORS), None)
        if asking is None:
            continue
        theirs = {site.id: site.audience for site in given.sites}
        here = {p.id for p in given.parties if p.side is Side.PERPETRATORS}
        other_world = Problem(
            given.start,
            given.horizon,
            given.sites,
            tuple(
                replace(unit, closed=(Nights(0, 2),), beds=9, quiet=True)
                if theirs[unit.site] is Side.VICTIMS
                else unit
                for unit in given.units
            ),
            tuple(p for p in given.parties if p.id in here),
            tuple(
                apart(*(s.a & here), min_distance_m=s.min_distance_m)
                if s.a == s.b
                else type(s)(s.a & here, s.b & here, s.min_distance_m, s.shared_places)
                for s in given.separations
                if s.a & here and s.b & here
            ),
            given.zoning,
            given.kept_back_urgency,
        )
        told = answer_to_json(place(given, asking.id))
        assert told == answer_to_json(place(other_world, asking.id))


def test_the_control_a_victims_answer_does_depend_on_a_perpetrator() -> None:
    def world(theirs: str) -> Problem:
        return problem(
            site("home"),
            site("west", audience=Side.PERPETRATORS, point=north(1)),
            site("east", audience=Side.PERPETRATORS, point=north(50)),
            unit(),
            unit("w", "west"),
            unit("e", "east"),
            party(),
            housed("bob", theirs, side=Side.PERPETRATORS),
            apart("anna", "bob", min_distance_m=9000.0),
        )

    assert not place(world("w"), "anna").options
    assert place(world("e"), "anna").options
