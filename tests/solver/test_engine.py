"""The engine against plain enumeration, on arrays alone."""

from __future__ import annotations

import time
from collections import defaultdict
from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from shelter_solver.assign.assignment import Assignment, Ints
from shelter_solver.assign.cpsat import solve
from shelter_solver.assign.mixing import mixing
from shelter_solver.assign.occupancy import Occupancy
from shelter_solver.assign.parts import split
from shelter_solver.assign.prices import Prices, Pricing, ascend
from shelter_solver.assign.search import feasible, search, total
from shelter_solver.assign.solve import minimise

SEEDS = range(150)


def small(
    seed: int, *, genders: bool = True, mixes: bool = False, budgets: bool = False
) -> Assignment:
    """A random assignment of 1–5 parties with up to 4 columns each, in which room is short."""
    rng = np.random.default_rng(seed)
    parties, units, nights = int(rng.integers(1, 6)), int(rng.integers(1, 4)), 6
    private = rng.random(units) < 0.4
    party = np.repeat(np.arange(parties), rng.integers(0, 5, parties))
    columns = len(party)
    uses = rng.integers(1, 3, columns) if seed % 2 else np.ones(columns, dtype=np.int64)
    column = np.repeat(np.arange(columns), uses)
    unit = rng.integers(0, units, len(column))
    first = rng.integers(0, nights - 1, len(column))
    second = np.concatenate(([False], column[1:] == column[:-1])) if len(column) else private[:0]
    before = np.flatnonzero(second) - 1
    unit[before + 1] = (unit[before] + 1) % units if units > 1 else unit[before]
    leave = np.minimum(nights - 1, first + rng.integers(1, 4, len(column)))
    if units == 1:  # one after the other, in the one unit
        first[before], leave[before], first[before + 1] = 0, 2, 3
        leave[before + 1] = 4
    size = rng.integers(1, 3, parties)
    sizes = size[party[column]] if len(column) else column
    mine = private[unit]
    kind = rng.integers(0, 4, parties)
    groups = [
        np.unique(rng.choice(columns, 3))
        for _ in range(int(rng.integers(0, 3)))
        if columns and genders
    ]
    plan = rng.integers(-3, 4, (1, columns))
    rough = rng.integers(0, 2, (units, nights))
    return Assignment(
        skip_cost=rng.integers(0, 40, parties),
        party=party,
        cost=rng.integers(0, 30, columns),
        column=column,
        unit=unit,
        first=first,
        end=np.minimum(nights, leave + rng.integers(0, 2, len(column))),
        beds=np.where(mine, 1, sizes),
        cots=np.where(mine, 0, rng.integers(0, 2, len(column))),
        bed_room=np.where(private[:, None], 1, rng.integers(1, 6, (units, 1)) + rough),
        cot_room=rng.integers(0, 4, (units, nights)),
        gender=kind[party[column]] if genders and len(column) else column * 0,
        leave=leave,
        one_gender=(rng.random(units) < 0.7) & ~private if genders else private & False,
        mixing_cost=int(rng.integers(1, 9)) if mixes else -1,
        conflict_starts=np.cumsum([0, *(len(group) for group in groups)]),
        conflict=np.concatenate([np.zeros(0, dtype=np.int64), *groups]),
        budget=plan if budgets else np.zeros((0, 0), dtype=np.int64),
        budget_limit=np.array([int(rng.integers(0, 3))] if budgets else [], dtype=np.int64),
    )


def allowed(a: Assignment, chosen: Ints) -> bool:
    """Night by night, cell by cell, from the definition in ``Assignment``."""
    beds: dict[tuple[int, int], int] = defaultdict(int)
    cots: dict[tuple[int, int], int] = defaultdict(int)
    kinds: dict[tuple[int, int], set[int]] = defaultdict(set)
    taken = {column for column in chosen.tolist() if column >= 0}
    for use, column in enumerate(a.column.tolist()):
        if column not in taken:
            continue
        unit = int(a.unit[use])
        for night in range(int(a.first[use]), int(a.end[use])):
            beds[unit, night] += int(a.beds[use])
            cots[unit, night] += int(a.cots[use])
            if night < a.gone[use] and a.one_gender[unit] and a.gender[use]:
                kinds[unit, night].add(int(a.gender[use]))
    groups = [
        set(a.conflict[begin:end].tolist())
        for begin, end in zip(a.conflict_starts[:-1], a.conflict_starts[1:], strict=True)
    ]
    return (
        all(number <= a.bed_room[cell] for cell, number in beds.items())
        and all(number <= a.cot_room[cell] for cell, number in cots.items())
        and (a.mixing_cost >= 0 or all(len(there) < 2 for there in kinds.values()))
        and all(len(group & taken) < 2 for group in groups)
        and all(
            sum(int(row[column]) for column in taken) <= limit
            for row, limit in zip(a.budget, a.budget_limit, strict=True)
        )
    )


def choices(a: Assignment) -> list[Ints]:
    """Every choice, allowed or not."""
    ways = [[-1, *np.flatnonzero(a.party == party).tolist()] for party in range(a.parties)]
    return [np.array(way, dtype=np.int64) for way in product(*ways)]


def best(a: Assignment) -> tuple[int, list[Ints]]:
    """The least cost, and every choice that has it."""
    found = [(total(a, way), way) for way in choices(a) if allowed(a, way)]
    least = min(value for value, _ in found)
    return least, [way for value, way in found if value == least]


def soon() -> float:
    return time.monotonic() + 30


@pytest.mark.parametrize("seed", range(60))
def test_feasible_says_what_the_definition_says(seed: int) -> None:
    said = []
    for a in (small(seed), small(seed, budgets=True), small(seed, genders=False)):
        for way in choices(a):
            said.append(feasible(a, way))
            assert said[-1] == allowed(a, way)
    assert True in said


def test_the_small_assignments_are_tight_in_every_way() -> None:
    """The control: without any one kind of row some optimum would be another."""
    nothing = np.zeros(0, dtype=np.int64)
    freed = {"beds": 0, "cots": 0, "genders": 0, "conflicts": 0}
    for a in map(small, SEEDS):
        least = best(a)[0]
        for kind, loose in (
            ("beds", replace(a, bed_room=a.bed_room + 99)),
            ("cots", replace(a, cot_room=a.cot_room + 99)),
            ("genders", replace(a, one_gender=a.one_gender & False)),
            ("conflicts", replace(a, conflict_starts=np.zeros(1, np.int64), conflict=nothing)),
        ):
            freed[kind] += best(loose)[0] < least
    assert min(freed.values()) >= 5, freed


@pytest.mark.parametrize("seed", SEEDS)
def test_the_least_cost_is_found_and_proven(seed: int) -> None:
    a = small(seed)
    least, _ = best(a)
    for found in (search(a, deadline=soon(), seed=seed), minimise(a, limit_s=30, seed=seed)):
        assert (found.value, found.bound) == (least, least)
        assert allowed(a, found.chosen)
        assert total(a, found.chosen) == least


@pytest.mark.parametrize("seed", range(60))
def test_mixing_costs_what_it_says_and_is_traded_against_places(seed: int) -> None:
    a = small(seed, mixes=True)
    for way in choices(a):
        assert mixing(a, way) == _mixing(a, way)
    found = search(a, deadline=soon(), seed=seed)
    assert found.value == found.bound == best(a)[0]


def _mixing(a: Assignment, chosen: Ints) -> int:
    persons: dict[tuple[int, int], list[int]] = defaultdict(lambda: [0, 0, 0])
    for use, column in enumerate(a.column.tolist()):
        unit = int(a.unit[use])
        if column in chosen and a.one_gender[unit] and a.gender[use]:
            for night in range(int(a.first[use]), int(a.gone[use])):
                persons[unit, night][int(a.gender[use]) - 1] += int(a.beds[use])
    return a.mixing_cost * sum(sum(there) - max(there) for there in persons.values())


@pytest.mark.parametrize("seed", range(60))
def test_a_budget_is_kept_and_the_best_within_it_is_found(seed: int) -> None:
    a = small(seed, budgets=True)
    start = np.full(a.parties, -1, dtype=np.int64)
    found = search(a, deadline=soon(), seed=seed, start=start)
    assert allowed(a, found.chosen)
    assert found.value == found.bound == best(a)[0]


@pytest.mark.parametrize("seed", range(60))
def test_no_prices_prove_too_much_and_none_lets_an_optimum_be_left_out(seed: int) -> None:
    for a in (small(seed), small(seed, budgets=True)):
        least, optima = best(a)
        pricing = Pricing(a)
        rng = np.random.default_rng(seed)
        random = [
            Prices(*(rng.exponential(scale, part.shape) for part in pricing.zero().parts()))
            for scale in (0.1, 1.0, 10.0)
        ]
        climbed = ascend(pricing, steps=200, deadline=soon())
        for prices in (pricing.zero(), climbed, *random):
            bound = pricing.bound(prices)
            assert bound.value <= least + 1e-6
            for way in optima:
                given = way[way >= 0]
                rest = least - bound.value + 1e-6
                assert (bound.slack[given] <= rest).all()
                assert (bound.skip_slack[way < 0] <= rest).all()
        assert pricing.bound(climbed).value >= pricing.bound(pricing.zero()).value - 1e-9


def test_climbing_proves_more_than_no_prices() -> None:
    """The control of the bound: prices are worth something, and leave columns out."""
    higher = shut = 0
    for seed in SEEDS:
        a = small(seed)
        pricing = Pricing(a)
        bound = pricing.bound(ascend(pricing, steps=300, deadline=soon()))
        higher += bound.value > pricing.bound(pricing.zero()).value + 0.5
        shut += bool((bound.slack > best(a)[0] - bound.value + 1e-6).any())
    assert higher >= 20
    assert shut >= 20


@pytest.mark.parametrize("seed", range(60))
def test_parts_share_nothing_and_come_to_the_whole(seed: int) -> None:
    a = small(seed)
    parts = split(a)
    assert sorted(np.concatenate([part.parties for part in parts]).tolist()) == list(
        range(a.parties)
    )
    assert sorted(np.concatenate([part.columns for part in parts]).tolist()) == list(
        range(a.columns)
    )
    assert sum(best(part.assignment)[0] for part in parts) == best(a)[0]
    units = [set(a.unit[np.isin(a.column, part.columns)].tolist()) for part in parts]
    assert sum(map(len, units)) == len(set().union(*units))
    joined = np.full(a.parties, -1, dtype=np.int64)
    for part in parts:
        own = best(part.assignment)[1][0]
        joined[part.parties[own >= 0]] = part.columns[own[own >= 0]]
    assert allowed(a, joined)
    assert total(a, joined) == best(a)[0]


def test_some_small_assignments_fall_apart() -> None:
    several = sum(len(split(small(seed))) > 1 for seed in range(60))
    assert 5 <= several < 60


@pytest.mark.parametrize("seed", range(60))
def test_fewer_columns_are_the_same_problem_without_the_others(seed: int) -> None:
    a = small(seed, budgets=seed % 3 == 0)
    whole, old = a.with_columns(np.ones(a.columns, dtype=np.bool_))
    for name in Assignment.__dataclass_fields__:
        assert np.array_equal(getattr(whole, name), getattr(a, name)), name
    assert old.tolist() == list(range(a.columns))
    keep = np.random.default_rng(seed).random(a.columns) < 0.6
    some, old = a.with_columns(keep)
    assert old.tolist() == np.flatnonzero(keep).tolist()
    for way in choices(some):
        before = np.where(way >= 0, old[way] if len(old) else way, -1)
        assert allowed(some, way) == allowed(a, before)
        assert total(some, way) == total(a, before)


@pytest.mark.parametrize("seed", range(60))
def test_what_is_taken_and_given_back_leaves_no_trace(seed: int) -> None:
    a = small(seed)
    room, untouched = Occupancy(a), Occupancy(a)
    rng = np.random.default_rng(seed)
    held: list[int] = []
    for column in rng.permutation(a.columns).tolist():
        if room.fits(column):
            room.take(column)
            held.append(column)
        if held and rng.random() < 0.3:
            room.give_back(held.pop(int(rng.integers(len(held)))))
    for column in held:
        room.give_back(column)
    for name, value in vars(untouched).items():
        assert np.array_equal(vars(room)[name], value), name


def test_a_bed_is_cleaned_after_the_stay_but_nobody_is_there_any_more() -> None:
    """A woman leaves on night 2, her bed is cleaned until 3: a man may come on night 2 to the
    other bed, and to hers on night 3."""

    def pair(first: int, beds: int) -> Assignment:
        return Assignment(
            skip_cost=np.array([9, 9]),
            party=np.array([0, 1]),
            cost=np.array([0, 0]),
            column=np.array([0, 1]),
            unit=np.array([0, 0]),
            first=np.array([0, first]),
            end=np.array([3, 5]),
            leave=np.array([2, 5]),
            beds=np.array([1, 1]),
            cots=np.array([0, 0]),
            bed_room=np.full((1, 5), beds),
            cot_room=np.zeros((1, 5), dtype=np.int64),
            gender=np.array([1, 2]),
            one_gender=np.array([beds > 1]),
        )

    for first, beds, value in ((1, 2, 9), (2, 2, 0), (2, 1, 9), (3, 1, 0)):
        assert search(pair(first, beds), deadline=soon(), seed=0).value == value, (first, beds)


def test_nothing_to_choose_from_is_no_error() -> None:
    nobody = replace(small(1), skip_cost=np.zeros(0, dtype=np.int64))
    nobody, _ = nobody.with_columns(np.zeros(nobody.columns, dtype=np.bool_))
    assert minimise(nobody, limit_s=1).value == 0
    nothing, _ = small(3).with_columns(np.zeros(small(3).columns, dtype=np.bool_))
    found = minimise(nothing, limit_s=1)
    assert found.value == found.bound == int(nothing.skip_cost.sum())


@pytest.mark.parametrize("seed", range(40))
def test_the_model_alone_agrees_over_all_columns(seed: int) -> None:
    for a in (small(seed), small(seed, budgets=True), small(seed, mixes=True)):
        solved = solve(a, limit_s=30)
        assert solved.optimal
        assert solved.value == solved.bound == best(a)[0]
