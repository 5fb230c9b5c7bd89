"""Sides of a case, and the roles that act on them (SAFETY.md §1)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from shelter_solver.problem import Side as Side  # one vocabulary for rows and for the solver

BOTH_SIDES = frozenset(Side)


def may_depend_on(sides: Collection[Side]) -> frozenset[Side]:
    """The sides whose data an answer to ``sides`` may depend on: the one-way rule in one place."""
    return BOTH_SIDES if Side.VICTIMS in sides else frozenset(sides)


def other_side(side: Side) -> Side:
    return Side.PERPETRATORS if side is Side.VICTIMS else Side.VICTIMS


class Role(StrEnum):
    ON_CALL = "on_call"  # asks for places, decides, hands over
    COMMUNE_STAFF = "commune_staff"  # keeps the availability of its service's sites true
    SAPV = "sapv"  # police victim assistance: receives alerts, acknowledges them
    COORDINATOR = "coordinator"  # conventions, reviews, two-sided decisions; opens no address
    ADMINISTRATOR = "administrator"  # accounts; sees no request, no placement, no site


#: the only roles that may see the link between the two sides of a case
TWO_SIDED_ROLES = frozenset({Role.SAPV, Role.COORDINATOR})


def sides_of(role: Role, side: Side | None) -> frozenset[Side]:
    """The sides whose data a user may see. Raises ValueError on an impossible pair."""
    if role in TWO_SIDED_ROLES:
        if side is not None:
            raise ValueError(f"a {role} acts on both sides, not on {side}")
        return BOTH_SIDES
    if role is Role.ADMINISTRATOR:
        if side is not None:
            raise ValueError("an administrator acts on no side")
        return frozenset()
    if side is None:
        raise ValueError(f"a {role} needs a side")
    return frozenset({side})


@dataclass(frozen=True, slots=True)
class Actor:
    """Who is doing something: a signed-in user, or the system itself (``user_id`` None).

    The system has no role. With a side it works for that side alone, and reads what that side may.
    """

    user_id: UUID | None
    name: str
    role: Role | None
    side: Side | None
    service: str | None
    language: str = "fr"

    @property
    def sides(self) -> frozenset[Side]:
        if self.role is None:
            return BOTH_SIDES if self.side is None else frozenset({self.side})
        return sides_of(self.role, self.side)


SYSTEM = Actor(None, "system", None, None, None)
