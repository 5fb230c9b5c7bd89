"""What the solver answers: options, refusals, violations. No silent default anywhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from shelter_solver.problem import Agreement, Stay


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
    #: every minimal set of rules that together block each unit on each night of the arrival
    #: window: the other rules could be lifted and still nothing would be free; smallest first
    together: tuple[tuple[str, ...], ...] = ()
    #: there are more such sets than are told
    together_cut: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one request: up to three options, or a refusal. Never both empty."""

    status: Status
    options: tuple[Option, ...] = ()
    refusal: Refusal | None = None


@dataclass(frozen=True, slots=True)
class Level:
    """One ranked goal of a schedule: what it came to, and what nobody can beat.

    ``bound`` holds given the values of all levels before; the level is proven when they are equal.
    """

    goal: str
    value: int
    bound: int

    @property
    def proven(self) -> bool:
        return self.value == self.bound


@dataclass(frozen=True, slots=True)
class Schedule:
    """Where everybody is to be: the answer to ``replan``. Verified, whatever the status."""

    status: Status
    #: new stays of the parties that get a place or move; all others stay where ``present`` says
    placements: Mapping[str, tuple[Stay, ...]]
    #: parties that asked and get nothing now, sorted
    unplaced: tuple[str, ...]
    #: parties that had a place and get another, sorted
    moved: tuple[str, ...]
    levels: tuple[Level, ...]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a batch is: told between its steps, for a person who waits."""

    #: seconds since the start, and until the limit
    elapsed_s: float
    left_s: float
    #: value of the goal that is being worked on, and what nobody can beat; smaller is better
    best: int
    bound: int
    #: the ranked goal, by its name in ``Level``
    goal: str
    #: which of how many independent parts of the problem, from 1
    part: int
    parts: int

    @property
    def gap(self) -> float:
        """What may still be won, as a share of the best value: 0 when it is proven."""
        return abs(self.best - self.bound) / max(1, abs(self.best))


@dataclass(frozen=True, slots=True)
class Room:
    """The answer to ``make_room``: the fewest agreed moves that open a place.

    ``INFEASIBLE`` is proven: no set of agreed moves (up to ``max_moves``) makes room.
    """

    status: Status
    #: the place of the asking party; None when there is no room
    option: Option | None = None
    #: who moves where, in an order in which the moves can be made; empty when none is needed
    moves: tuple[HouseholdMove, ...] = ()


@dataclass(frozen=True, slots=True)
class HouseholdMove:
    """One household's new stays from tonight on, whose agreement it needs, how far it moves."""

    party: str
    stays: tuple[Stay, ...]
    agreement: Agreement
    km: int
