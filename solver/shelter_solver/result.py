"""What the solver answers: options, refusals, violations. No silent default anywhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from shelter_solver.problem import Stay


class Status(StrEnum):
    """How much is known about an answer."""

    OPTIMAL = "optimal"  # proven best on every ranked goal
    FEASIBLE = "feasible"  # verified, but the limit came before the proof
    INFEASIBLE = "infeasible"  # proven: nothing fits
    UNKNOWN = "unknown"  # the limit came before any answer


@dataclass(frozen=True, slots=True)
class Reason:
    """A machine-readable sentence: ``code`` is a translation key, ``params`` its values."""

    code: str
    params: Mapping[str, str | int | float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Violation:
    """A hard rule that a placement breaks. ``other`` is a party, never shown across the wall."""

    rule: str
    party: str
    unit: str | None = None
    night: int | None = None
    other: str | None = None


@dataclass(frozen=True, slots=True)
class Option:
    """A verified way to house the party, with the reasons that speak for (or against) it."""

    stays: tuple[Stay, ...]
    reasons: tuple[Reason, ...]
    #: values of the ranked goals, in their order, smaller is better
    score: tuple[int, ...]
    #: which ranked goal made this option lose to the one above it; None for the first
    decided_by: str | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """Something small that would make a place, checked by solving the changed problem."""

    code: str
    params: Mapping[str, str | int | float]
    #: the option that the change opens, None for changes that cannot be computed (a phone call)
    option: Option | None = None
    #: for moves: the party that would move and where to
    moved_party: str | None = None
    moved_to: tuple[Stay, ...] = ()


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why nothing fits: how many units each rule blocks, and what would help."""

    blocked: tuple[Reason, ...]
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one request: up to three options, or a refusal. Never both empty."""

    status: Status
    options: tuple[Option, ...] = ()
    refusal: Refusal | None = None
