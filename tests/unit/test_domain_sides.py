"""Which sides a role may see."""

from __future__ import annotations

import pytest

from shelter.domain.sides import BOTH_SIDES, SYSTEM, TWO_SIDED_ROLES, Actor, Role, Side, sides_of

ONE_SIDED = (Role.ON_CALL, Role.COMMUNE_STAFF)


@pytest.mark.parametrize("role", ONE_SIDED)
@pytest.mark.parametrize("side", Side)
def test_a_one_sided_role_sees_its_own_side_alone(role: Role, side: Side) -> None:
    assert sides_of(role, side) == {side}


@pytest.mark.parametrize("role", ONE_SIDED)
def test_a_one_sided_role_without_a_side_is_impossible(role: Role) -> None:
    with pytest.raises(ValueError, match="needs a side"):
        sides_of(role, None)


@pytest.mark.parametrize("role", sorted(TWO_SIDED_ROLES))
def test_only_sapv_and_coordination_see_both_sides(role: Role) -> None:
    assert sides_of(role, None) == BOTH_SIDES
    assert {Role.SAPV, Role.COORDINATOR} == TWO_SIDED_ROLES


@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize("role", [*sorted(TWO_SIDED_ROLES), Role.ADMINISTRATOR])
def test_a_role_above_the_sides_cannot_be_given_one(role: Role, side: Side) -> None:
    with pytest.raises(ValueError, match="acts on"):
        sides_of(role, side)


def test_an_administrator_sees_no_side() -> None:
    assert sides_of(Role.ADMINISTRATOR, None) == frozenset()


def test_an_actor_sees_what_its_role_sees() -> None:
    worker = Actor(None, "w", Role.ON_CALL, Side.PERPETRATORS, "cpas-x")
    assert worker.sides == {Side.PERPETRATORS}
    assert SYSTEM.sides == BOTH_SIDES
