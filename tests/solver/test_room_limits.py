"""When time runs out, when verify contradicts, when somebody presses Ctrl-C."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from shelter_solver import (
    Problem,
    Status,
    place,
    verify,
)
from shelter_solver import asking as asking_module
from shelter_solver.asking import Asking
from shelter_solver.moving.exchange import Exchange
from shelter_solver.result import Room
from shelter_solver.room import make_room, room_for
from shelter_solver.solve import answer
from solver.network import (
    north,
    party,
    problem,
    site,
    unit,
)
from solver.rooms import (
    LARGE,
    Plan,
    chain,
    moving,
    names,
)


def test_without_time_nothing_is_claimed_but_what_is_free() -> None:
    assert make_room(chain(1), "anna", limit_s=0) == Room(Status.UNKNOWN)
    assert make_room(problem(party(), unit()), "anna", limit_s=0).status is Status.OPTIMAL


def out_of_time_after(calls: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock of the search jumps to the limit when it has been looked at so often."""
    left = iter(range(calls, -1, -1))
    monkeypatch.setattr(Exchange, "left_s", property(lambda _: float(next(left, 0))))


def far_then_near() -> Problem:
    """What is found first costs 9 km, what is found later none: Bea needs a unit without steps."""
    return problem(
        party(people=LARGE),
        site(),
        site("far", point=north(9)),
        unit("large a", beds=6, step_free=True),
        unit("large b", beds=6, step_free=True),
        unit("near", beds=1),
        unit("there", "far", beds=1, step_free=True),
        moving("bea", "large a", step_free=True),
        moving("cleo", "large b"),
    )


def test_when_time_runs_out_among_chains_the_best_so_far_is_given_as_feasible(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given = far_then_near()
    seen = set()
    for calls in range(12):
        with monkeypatch.context() as patch:
            out_of_time_after(calls, patch)
            room = make_room(given, "anna", max_moves=1)
        seen.add((room.status, *((move.party, move.km) for move in room.moves)))
        if room.option is not None:
            new = {move.party: move.stays for move in room.moves}
            assert not verify(given, {**new, "anna": room.option.stays})
    assert seen == {
        (Status.UNKNOWN,),
        (Status.FEASIBLE, ("bea", 9)),
        (Status.OPTIMAL, ("cleo", 0)),
    }


def test_the_control_with_time_the_best_is_proven() -> None:
    room = make_room(far_then_near(), "anna")
    assert (room.status, names(room)) == (Status.OPTIMAL, [("cleo", "near")])


def test_what_verify_contradicts_is_never_proposed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking_module, "verify", lambda *_: ("contradicted",))
    for length in (1, 3, 4):
        assert make_room(chain(length), "anna") == Room(Status.UNKNOWN)


def contradicting(*whom: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """``verify`` objects to every placement in which these, and nobody else, move."""

    def objects(given: Problem, placements: dict[str, Plan]) -> tuple[Any, ...]:
        return ("contradicted",) if placements.keys() - {"anna"} == {*whom} else ()

    monkeypatch.setattr(asking_module, "verify", objects)


def test_after_a_contradiction_the_next_best_chain_is_given_but_not_called_proven(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    contradicting("cleo", monkeypatch=monkeypatch)
    room = make_room(far_then_near(), "anna")
    assert (room.status, names(room)) == (Status.FEASIBLE, [("bea", "there")])


def detours() -> Problem:
    """A chain of three moves to "end", and another last move for the third household."""
    given = chain(3)
    return replace(given, units=(*given.units, unit("last", beds=3)))


def test_after_a_contradiction_the_full_model_looks_for_the_next_best(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = make_room(detours(), "anna")
    assert before.status is Status.OPTIMAL
    first = dict(names(before))
    assert len(first) == 3

    def objects(given: Problem, placements: dict[str, Plan]) -> tuple[Any, ...]:
        again = {who: stays[0].unit for who, stays in placements.items() if who in first}
        return ("contradicted",) if again == first else ()

    monkeypatch.setattr(asking_module, "verify", objects)
    room = make_room(detours(), "anna")
    assert room.status is Status.FEASIBLE
    assert len(room.moves) == 3
    assert dict(names(room)) != first


def test_both_doors_of_one_request_answer_as_each_alone() -> None:
    for given in (chain(1), chain(2), chain(3), problem(party(), unit())):
        request = Asking(given, "anna")
        assert answer(request) == place(given, "anna")
        assert room_for(request) == make_room(given, "anna")
        turned = Asking(given, "anna")
        assert room_for(turned) == make_room(given, "anna")
        assert answer(turned) == place(given, "anna")


# --- Ctrl-C ---------------------------------------------------------------------------------------

INTERRUPTED = """
import os, signal, sys
sys.path[:0] = ["solver", "tests"]
from ortools.sat.python import cp_model
from shelter_solver import make_room, warm_up
from solver.rooms import chain
{solve}
try:
    os.kill(os.getpid(), signal.SIGINT)
    for _ in range(10**6): pass
except KeyboardInterrupt:
    print("interrupted as usual")
"""


@pytest.mark.parametrize(
    ("solve", "output"),
    [
        ("warm_up(); assert len(make_room(chain(4), 'anna').moves) == 4", "interrupted as usual\n"),
        # the control: CP-SAT by itself leaves a handler that ends the process
        (
            "model = cp_model.CpModel(); model.maximize(model.new_bool_var('')); "
            "cp_model.CpSolver().solve(model)",
            "",
        ),
    ],
)
def test_after_a_solve_ctrl_c_still_reaches_python(solve: str, output: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED.format(solve=solve)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        check=False,
        text=True,
    )
    assert done.stdout == output, done.stderr
