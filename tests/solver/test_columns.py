"""The arrays say what the rules and goals say; with one rule missing, ``verify`` catches it."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from shelter_solver import (
    Agreement,
    Nights,
    Person,
    Problem,
    Sharing,
    Status,
    Stay,
    constraints,
    replan,
    verify,
)
from shelter_solver.assign.assignment import Assignment
from shelter_solver.assign.search import feasible
from shelter_solver.batch.columns import NAMES, Columns, columns, is_move
from shelter_solver.batch.grids import Grids
from shelter_solver.constraints import Ask, first_block
from shelter_solver.objective import GOALS, Judge
from shelter_solver.world import World, history
from solver.network import apart, housed, party, problem, random_batch, random_problem, site, unit
from solver.test_replan_exhaustive import Everything, loses, spans, to_come
from solver.test_rules import CASES, COMBINING, IDS, Case, without

#: the module; in the package its name is that of the function
DOOR = importlib.import_module("shelter_solver.replan")
CHUNKS, EACH = 10, 50


# --- twins ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_columns_are_what_the_rules_allow_and_worth_what_the_goals_say(chunk: int) -> None:
    seen = 0
    for seed in range(chunk * EACH, (chunk + 1) * EACH):
        given = random_batch(seed)
        made, everything = columns(given), Everything(given)
        assert made.parties == tuple(everything.taking)
        gone = {member.id: () for member in made.parties if member.id not in everything.misplaced}
        for number, member in enumerate(made.parties):
            asking = member.id in everything.asking
            mine = np.flatnonzero(made.assignment.party == number)
            mine = mine[mine != made.keeps[number]]
            by_plan = {made.plans[column]: made.goals[:, column].tolist() for column in mine}
            single = {plan: goals for plan, goals in by_plan.items() if len(plan) == 1}
            begin = spans(given, member)[0][0] if asking else 0
            past = {member.id: history(member, begin)}
            world = World(given).moved({**gone, **past})
            allowed = allowed_stays(world, given, member, asking)
            assert set(single) == allowed, (seed, member.id)
            judge = Judge(everything.world.moved(past), member)
            for plan, goals in by_plan.items():
                assert goals[-len(GOALS) - 1 : -1] == [goal(judge, plan) for _, goal in GOALS]
                seen += 1
    assert seen >= 2 * EACH


def allowed_stays(world: World, given: Problem, member: Any, asking: bool) -> set[tuple[Stay, ...]]:
    here = {stay.unit for stay in to_come(member)} if not asking else set()
    ranges = (
        spans(given, member)
        if asking
        else [(stay.first_night, stay.end_night) for stay in to_come(member)]
    )
    return {
        (Stay(one.id, first, end),)
        for one in given.units
        for first, end in ranges
        if one.id not in here
        and first_block(Ask(member, one, first, end), world) is None
        and not (
            member.move_agreement is Agreement.NONE
            and loses(member, (Stay(one.id, first, end),), given.horizon)
        )
    }


@pytest.mark.parametrize("seeds", [range(start, start + 100) for start in range(0, 600, 100)])
def test_to_keep_everybody_where_they_are_is_always_allowed(seeds: range) -> None:
    """Also where people were too many, or too soon, before tonight."""
    held = 0
    for seed in seeds:
        for given in (random_problem(seed), random_batch(seed)):
            made = columns(given)
            held += int((made.keeps >= 0).sum())
            assert feasible(made.assignment, made.keeps), seed
            used = np.bincount(made.assignment.column, minlength=made.assignment.columns)
            assert used.min(initial=1) >= 1, "every column has a use"
    assert held > 40


# --- small things that once were wrong ------------------------------------------------------------


def test_who_comes_back_to_its_unit_needs_no_cleaning_in_between() -> None:
    twice = (Stay("room", 0, 3), Stay("room", 3, 7))
    anna = party(present=twice, first_night=0, nights=9, move_agreement=Agreement.PARTY)
    given = problem(unit(cleaning_nights=2), anna, party("bea"), horizon=20)
    made = columns(given)
    assert feasible(made.assignment, made.keeps)
    schedule = replan(given)
    assert schedule.placements == {"anna": (Stay("room", 0, 9),)}
    assert schedule.moved == ()


def test_stays_beyond_the_horizon_are_no_error() -> None:
    far = housed("cleo", "room", 20, 10**15, move_agreement=Agreement.PARTY)
    given = problem(unit(), far, party(), horizon=8)
    assert replan(given).placements == {"anna": (Stay("room", 0, 7),)}


def test_nights_before_tonight_misplace_nobody() -> None:
    """Anna and Bea once slept at one site; Bea is there still, alone."""
    given = problem(
        site(), site("other"), unit(), unit("next"), unit("away", "other"),
        party("anna", present=(Stay("next", -3, -1),), first_night=-3, nights=2),
        housed("bea", "room", -3, 5, move_agreement=Agreement.PARTY),
        apart("anna", "bea"),
    )  # fmt: skip
    schedule = replan(given)
    assert schedule.placements == {}
    assert schedule.levels[NAMES.index("misplaced")].value == 0


@pytest.mark.parametrize(
    ("stays", "moves"),
    [
        ((Stay("room", 0, 9),), False),
        ((Stay("room", 0, 3), Stay("next", 3, 9)), False),
        ((Stay("next", 0, 9),), True),
        ((Stay("room", 0, 2), Stay("next", 2, 9)), True),
        ((Stay("room", 0, 3), Stay("next", 0, 3)), False),
    ],
)
def test_to_lose_promised_nights_is_to_move(stays: tuple[Stay, ...], moves: bool) -> None:
    assert is_move(housed("anna", "room", -2, 3), stays, 60) is moves


def test_nights_promised_before_the_request_are_kept() -> None:
    anna = party(first_night=5, present=(Stay("room", 0, 3),))
    assert not is_move(anna, (Stay("next", 5, 12),), 60)


# --- with one rule missing ------------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_the_batch_keeps_every_rule(case: Case) -> None:
    assert "anna" in replan(case.fires).unplaced
    schedule = replan(case.passes)
    assert "anna" in schedule.placements
    assert not verify(case.passes, schedule.placements)


#: the arrays have no nights before tonight or beyond the horizon, so that rule cannot be missed
ALONE = [case for case in CASES if case.rule not in constraints.RELATIONAL | COMBINING | {"nights"}]


def unverified(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DOOR, "_verified", lambda _, new: (new, True))


@pytest.mark.parametrize("case", ALONE, ids=lambda case: f"{case.rule} {case.story}")
def test_a_missing_rule_about_one_party_is_caught(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constraints, "RULES", without(case.rule))
    schedule = replan(case.fires)
    assert "anna" in schedule.unplaced
    assert schedule.status is Status.FEASIBLE, "nothing is known when verify objects"
    unverified(monkeypatch)
    broken = replan(case.fires)
    assert case.rule in {one.rule for one in verify(case.fires, broken.placements)}


@dataclass(frozen=True)
class Both:
    """Two parties want the same, and a change of the arrays gives it to both."""

    rule: str
    given: Problem
    loosen: Callable[[Assignment], Assignment]


def more_room(a: Assignment) -> Assignment:
    return replace(a, bed_room=a.bed_room + 99, cot_room=a.cot_room + 99)


def at_once_clean(a: Assignment) -> Assignment:
    return replace(a, end=a.leave)


def mixed(a: Assignment) -> Assignment:
    return replace(a, one_gender=a.one_gender & False)


def anybody_together(a: Assignment) -> Assignment:
    nobody = np.zeros(0, dtype=np.int64)
    return replace(a, conflict=nobody, conflict_starts=np.zeros(1, dtype=np.int64))


HALL: dict[str, Any] = {"sharing": Sharing.SHARED, "beds": 3}
MAN = {Person.MAN: 1}
BOTH = [
    Both("occupied", problem(unit(), party(), party("bea")), more_room),
    Both("capacity", problem(unit(**HALL), party(), party("bea")), more_room),
    Both(
        "capacity",
        problem(
            unit(sharing=Sharing.SHARED, beds=9, cots=1),
            party(people={Person.WOMAN: 1, Person.INFANT: 1}),
            party("bea", people={Person.WOMAN: 1, Person.INFANT: 1}),
        ),
        more_room,
    ),
    Both(
        "cleaning",
        problem(unit(cleaning_nights=1), party(), party("bea", first_night=7)),
        at_once_clean,
    ),
    Both(
        "cleaning",
        problem(unit(cleaning_nights=1, **HALL), party(), party("bea", first_night=7)),
        at_once_clean,
    ),
    Both(
        "shared_gender",
        problem(
            unit(sharing=Sharing.SHARED_SAME_GENDER), party(), party("bob", people=MAN)
        ),
        mixed,
    ),
    Both(
        "separation",
        problem(unit(), unit("next"), party(), party("bea"), apart("anna", "bea")),
        anybody_together,
    ),
]  # fmt: skip


@pytest.mark.parametrize("both", BOTH, ids=lambda both: both.rule)
def test_a_missing_rule_about_others_is_caught(both: Both, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = replan(both.given)
    assert honest.status is Status.OPTIMAL
    assert honest.unplaced
    assert not verify(both.given, honest.placements)

    def loose(*given: Any) -> Columns:
        made = columns(*given)
        return replace(made, assignment=both.loosen(made.assignment))

    monkeypatch.setattr(DOOR, "columns", loose)
    schedule = replan(both.given)
    assert schedule.status is Status.FEASIBLE
    assert not verify(both.given, schedule.placements)
    unverified(monkeypatch)
    broken = replan(both.given)
    assert both.rule in {one.rule for one in verify(both.given, broken.placements)}


BESIDE = [case for case in CASES if case.rule in constraints.RELATIONAL]


@pytest.mark.parametrize("case", BESIDE, ids=lambda case: f"{case.rule} {case.story}")
def test_a_missing_look_at_those_who_stay_is_caught(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    def anywhere(grids: Grids, *_: object) -> Any:
        return np.ones(len(grids.units), dtype=np.bool_)

    monkeypatch.setattr(Grids, "apart" if case.rule == "separation" else "room", anywhere)
    schedule = replan(case.fires)
    assert "anna" in schedule.unplaced
    unverified(monkeypatch)
    monkeypatch.setattr(DOOR, "columns", with_room(columns))
    broken = replan(case.fires)
    assert case.rule in {one.rule for one in verify(case.fires, broken.placements)}


def with_room(made_by: Callable[..., Columns]) -> Callable[..., Columns]:
    """The arrays without the room that those who stay take."""

    def made(*given: Any) -> Columns:
        honest = made_by(*given)
        return replace(honest, assignment=more_room(mixed(honest.assignment)))

    return made


def test_closed_nights_of_one_unit_leave_the_others_open() -> None:
    """The control of the arrays' order: units are numbered by id, whatever their order."""
    given = problem(unit("b", closed=(Nights(0, 60),)), unit("a"), unit("c", pets=True), party())
    made = columns(given)
    assert [plan[0].unit for plan in made.plans] == ["a", "c"]
    assert made.assignment.unit.tolist() == [0, 2]
