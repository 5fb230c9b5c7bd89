"""On 300 small instances the library agrees with trying everything, judged by ``verify`` alone."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations, permutations

import pytest

from shelter_solver import Agreement, Party, Problem, Status, Stay, place, verify
from shelter_solver.candidates import plans
from shelter_solver.objective import Judge
from shelter_solver.world import World
from solver.network import random_problem

SEEDS = range(300)


def tonight_on(asking: Party) -> list[tuple[int, int]]:
    """The night ranges that answer the request, written down once more from its definition."""
    if asking.first_night < 0:
        slept = {
            night
            for stay in asking.present
            for night in range(stay.first_night, 0)
            if night < stay.end_night
        }
        if set(range(asking.first_night, 0)) <= slept and asking.first_night + asking.nights > 0:
            return [(0, asking.first_night + asking.nights)]
    last = asking.first_night if asking.latest_first_night is None else asking.latest_first_night
    return [(first, first + asking.nights) for first in range(asking.first_night, last + 1)]


def everything(
    given: Problem, asking: Party
) -> tuple[set[tuple[Stay, ...]], set[tuple[Stay, ...]]]:
    """All confirmed plans of one unit, and all of two (side by side, or one after the other)."""
    ids = [unit.id for unit in given.units]
    single, double = set(), set()
    for first, end in tonight_on(asking):
        single |= {(Stay(one, first, end),) for one in ids}
        double |= {
            (Stay(one, first, end), Stay(two, first, end)) for one, two in combinations(ids, 2)
        }
        double |= {
            (Stay(one, first, night), Stay(two, night, end))
            for one, two in permutations(ids, 2)
            for night in range(first + 1, end)
        }
    return (
        {plan for plan in single if not verify(given, {asking.id: plan})},
        {plan for plan in double if not verify(given, {asking.id: plan})},
    )


def seen(seed: int) -> tuple[Problem, Party]:
    given = random_problem(seed)
    asking = given.parties[-1]
    return given.seen_by(asking.side), asking


@pytest.mark.parametrize("seed", SEEDS)
def test_a_place_is_found_exactly_when_there_is_one_and_it_is_the_best(seed: int) -> None:
    given, asking = seen(seed)
    single, double = everything(given, asking)
    found = plans(World(given), asking)
    answer = place(given, "new", seed=seed)
    if single:
        assert set(found) == single
    else:
        assert set(found) <= double
        assert bool(found) == bool(double)
    assert bool(answer.options) == bool(found)
    for option in answer.options:
        assert not verify(given, {"new": option.stays})
    if found:
        judge = Judge(World(given), asking)
        best = min(score[:-1] for score, _ in judge.ranked(found))
        assert answer.status is Status.OPTIMAL
        assert answer.options[0].score[:-1] == best
    else:
        assert answer.status is Status.INFEASIBLE
        assert answer.refusal is not None
        own = sum(
            next(s for s in given.sites if s.id == unit.site).audience is asking.side
            for unit in given.units
        )
        assert sum(int(reason.params["units"]) for reason in answer.refusal.blocked) == own


def room_by_one_move(given: Problem, asking: Party) -> bool:
    """Some stay of one household that agreed, in another unit, lets the party in."""
    for other in given.parties:
        if (
            other.id == asking.id
            or other.side is not asking.side
            or other.move_agreement is Agreement.NONE
        ):
            continue
        now = [
            Stay(stay.unit, max(0, stay.first_night), stay.end_night)
            for stay in other.present
            if stay.end_night > 0
        ]
        for stay in now:
            for unit in given.units:
                if unit.id == stay.unit:
                    continue
                moved = tuple(replace(s, unit=unit.id) if s is stay else s for s in now)
                if any(
                    not verify(given, {other.id: moved, asking.id: (Stay(room.id, first, end),)})
                    for room in given.units
                    for first, end in tonight_on(asking)
                ):
                    return True
    return False


@pytest.mark.parametrize("seed", SEEDS)
def test_a_move_is_offered_exactly_when_one_makes_room(seed: int) -> None:
    given, asking = seen(seed)
    answer = place(given, "new", seed=seed)
    if answer.refusal is None:
        return
    offered = [change for change in answer.refusal.changes if change.code == "move_one"]
    assert bool(offered) == room_by_one_move(given, asking)
    for change in offered:
        assert change.option is not None
        assert change.moved_party is not None
        both = {"new": change.option.stays, change.moved_party: change.moved_to}
        assert not verify(given, both)
