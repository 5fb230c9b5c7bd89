"""No rule is relaxed for room, and the control: without it verify objects."""

from __future__ import annotations

from typing import Any

import pytest

from shelter_solver import (
    Nights,
    Person,
    Status,
    Zone,
    constraints,
    verify,
)
from shelter_solver import asking as asking_module
from shelter_solver.room import make_room
from solver.network import (
    north,
    party,
    problem,
    site,
    unit,
)
from solver.rooms import (
    LARGE,
    asked,
    moving,
)


@pytest.mark.parametrize("rule", [code for code, _ in constraints.RULES])
def test_with_a_rule_missing_from_the_search_verify_lets_nothing_pass(
    rule: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = tuple((code, function) for code, function in constraints.RULES if code != rule)
    monkeypatch.setattr(constraints, "RULES", left)
    for seed in range(60):
        given, _ = asked(seed)
        room = make_room(given, "new", max_moves=2)
        if room.option is not None:
            new = {move.party: move.stays for move in room.moves}
            assert not verify(given, {**new, "new": room.option.stays})


@pytest.mark.parametrize(
    ("rule", "lacks", "needs"),
    [
        ("admits", {"admits": frozenset({Person.MAN})}, {}),
        ("step_free", {"step_free": False}, {"step_free": True}),
        ("pets", {"pets": False}, {"pets": True}),
        ("excluded_commune", {}, {"excluded_communes": frozenset({"Uccle"})}),
        ("excluded_site", {}, {"excluded_sites": frozenset({"far"})}),
        ("danger_zone", {}, {"danger_zones": (Zone(north(9), 500.0),)}),
        ("closed", {"closed": (Nights(6, 9),)}, {}),
        ("max_stay", {"max_stay_nights": 6}, {}),
    ],
)
def test_the_control_a_missing_rule_would_move_somebody_where_verify_objects(
    rule: str, lacks: dict[str, Any], needs: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    has: dict[str, Any] = {"step_free": True, "pets": True}
    given = problem(
        party(people=LARGE),
        site(),
        site("far", commune="Uccle", point=north(9)),
        unit("large", beds=6, **has),
        unit("small", "far", **{"beds": 1, **has, **lacks}),
        moving("bea", "large", **needs),
    )
    assert make_room(given, "anna").status is Status.INFEASIBLE
    left = tuple((code, function) for code, function in constraints.RULES if code != rule)
    monkeypatch.setattr(constraints, "RULES", left)
    assert make_room(given, "anna").status is Status.UNKNOWN
    monkeypatch.setattr(asking_module, "verify", lambda *_: ())
    (move,) = make_room(given, "anna").moves
    assert rule in {violation.rule for violation in verify(given, {"bea": move.stays})}
