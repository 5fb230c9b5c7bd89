"""A request for a place: its states, urgency, and how it can end."""

from __future__ import annotations

from enum import IntEnum, StrEnum


class Urgency(IntEnum):
    """A level and a date, never a score (SAFETY.md §3)."""

    CAN_WAIT = 0
    SOON = 1
    TONIGHT = 2
    DANGER_NOW = 3


class RequestState(StrEnum):
    OPEN = "open"  # nobody has a place for it yet
    PLACED = "placed"  # a placement is held, confirmed or running
    CLOSED = "closed"  # ended, see the outcome


class Outcome(StrEnum):
    """How a request ended. All are normal outcomes, not errors.

    The person's own decision is counted apart from what the network could not offer, and is
    never held against them.
    """

    HOUSED = "housed"  # a stay ended normally
    NO_PLACE = "no_place"  # nothing free that fits
    NO_SAFE_PLACE = "no_safe_place"  # something was free, nothing was safe
    NEEDS_NOT_MET = "needs_not_met"  # step-free, pets, supervision, size …
    HOUSED_ELSEWHERE = "housed_elsewhere"  # a fallback outside the network
    PERSON_DECLINED = "person_declined"  # the person's own decision
    PERSON_UNREACHABLE = "person_unreachable"
    MISTAKE = "mistake"  # entered twice or by error


#: outcomes a worker may state; HOUSED follows from the departure
STATED_OUTCOMES = frozenset(Outcome) - {Outcome.HOUSED}
#: turned away by the network, as opposed to the person's own decision
TURNED_AWAY = frozenset(
    {Outcome.NO_PLACE, Outcome.NO_SAFE_PLACE, Outcome.NEEDS_NOT_MET, Outcome.HOUSED_ELSEWHERE}
)
