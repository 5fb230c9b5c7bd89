"""A refusal says why: unit by unit, and every smallest set of rules that blocks everything."""

from __future__ import annotations

from itertools import combinations
from typing import Any

from shelter_solver import (
    Nights,
    Person,
    Side,
    constraints,
    place,
)
from shelter_solver.candidates import ranges
from shelter_solver.obstacles import every_block
from shelter_solver.world import World, history
from solver.network import (
    housed,
    north,
    party,
    problem,
    random_problem,
    site,
    unit,
)
from solver.test_refusals import refused


def test_each_unit_is_counted_once_under_the_first_rule_that_blocks_it() -> None:
    given = problem(
        party(step_free=True),
        unit("small and up the stairs", beds=1),
        unit("up the stairs and taken"),
        unit("up the stairs"),
        unit("taken", step_free=True),
        housed("bea", "up the stairs and taken"),
        housed("cleo", "taken"),
        site(),
        site("theirs", audience=Side.PERPETRATORS, point=north(9)),
        unit("of the other side", "theirs"),
    )
    blocked = [(reason.code, reason.params) for reason in refused(given).blocked]
    assert blocked == [
        ("beds", {"units": 1}),
        ("step_free", {"units": 2}),
        ("occupied", {"units": 1}),
    ]


def test_with_a_window_of_arrival_the_day_that_came_closest_explains() -> None:
    given = problem(
        party(latest_first_night=1),
        unit(closed=(Nights(0, 1),)),
        housed("bea", "room", 3, 9),
    )
    assert [reason.code for reason in refused(given).blocked] == ["occupied"]


def test_together_are_all_minimal_sets_of_rules_that_block_everything() -> None:
    """One unit is both too small and taken, the other is taken: ``occupied`` alone blocks all."""
    given = problem(
        party(step_free=True),
        unit("small", beds=1, step_free=True),
        unit("stairs"),
        housed("bea", "small"),
        housed("cleo", "stairs"),
    )
    told = refused(given)
    assert told.together == (("occupied",), ("beds", "step_free"))
    assert not told.together_cut


def test_every_night_of_the_arrival_window_is_blocked_together() -> None:
    given = problem(
        party(latest_first_night=1, nights=2),
        unit(closed=(Nights(0, 1),)),
        housed("bea", "room", 2, 9),
    )
    assert refused(given).together == (("closed", "occupied"),)


def test_a_free_unit_is_in_no_set_and_a_network_without_units_has_none() -> None:
    assert refused(problem(party())).together == ()


def test_of_very_many_sets_the_smallest_are_told_and_that_there_are_more() -> None:
    """Three units with three reasons each: 27 sets of one reason for each."""
    reasons: list[dict[str, Any]] = [
        {"beds": 1, "cots": 0, "step_free": False, "pets": True, "quiet": True, "supervision": 3},
        {"pets": False, "quiet": False, "supervision": 0, "step_free": True},
    ]
    given = problem(
        party(
            people={Person.WOMAN: 2, Person.INFANT: 1},
            step_free=True,
            pets=True,
            quiet=True,
            min_supervision=1,
        ),
        unit("a", **reasons[0]),
        unit("b", **reasons[1]),
    )
    told = refused(given)
    assert len(told.together) == 8
    assert told.together_cut
    assert told.together[0] == ("beds", "pets")


def test_together_agrees_with_trying_every_set_of_rules() -> None:
    """A set blocks all exactly when lifting every other rule still leaves nothing free."""
    codes = [code for code, _ in constraints.RULES]
    seen = 0
    for seed in range(120):
        given = random_problem(seed)
        asking = given.parties[-1]
        given = given.seen_by(asking.side)
        answer = place(given, "new", limit_s=0)
        if answer.refusal is None or answer.refusal.together_cut:
            continue
        seen += 1
        blocks_of = every_block(World(given), asking)
        masks = [mask for unit_masks in blocks_of.values() for mask in unit_masks]
        assert masks == [
            sum(1 << n for n, (_, rule) in enumerate(constraints.RULES) if rule(ask, around))
            for around in [
                World(given).moved({"new": history(asking, ranges(given, asking)[0][0])})
            ]
            for unit_id in blocks_of
            for first, end in ranges(given, asking)
            for ask in [constraints.Ask(asking, around.units[unit_id], first, end)]
        ]
        sets = {frozenset(names) for names in answer.refusal.together}
        for size in range(4):
            for chosen in combinations(range(len(codes)), size):
                blocks = bool(masks) and all(any(m >> n & 1 for n in chosen) for m in masks)
                least = blocks and not any(
                    all(any(m >> n & 1 for n in chosen if n != left) for m in masks)
                    for left in chosen
                )
                assert least == (frozenset(codes[n] for n in chosen) in sets)
    assert seen > 50
