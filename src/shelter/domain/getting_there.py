"""What a worker tells a household about a site without saying where it is: a few closed lists.

Free words would end up as directions. Of buses only the lines are named and how far the stop is:
the name of a stop is nearly an address.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

MAX_LINES = 6
#: what a bus line is called in Belgium: "65", "728", "N61", "E22a"
_LINE = re.compile(r"[A-Z]{0,2}\d{1,3}[a-z]?")


class Stairs(StrEnum):
    """To the door of the farthest unit."""

    NONE = "none"
    FEW_STEPS = "few_steps"
    ONE_FLOOR = "one_floor"
    MORE_FLOORS = "more_floors"
    LIFT = "lift"


class BusStop(StrEnum):
    """How far the nearest stop is, on foot with a suitcase and a child."""

    NEAR = "near"  # five minutes at most
    WALK = "walk"  # a quarter of an hour at most
    FAR = "far"
    NO_BUS = "no_bus"


class Bring(StrEnum):
    """What is not there, so that they bring it."""

    BEDDING = "bedding"
    TOWELS = "towels"
    FOOD = "food"
    MEDICINES = "medicines"
    BABY_THINGS = "baby_things"
    CHARGER = "charger"
    PAPERS = "papers"


@dataclass(frozen=True, slots=True)
class GettingThere:
    """None: nobody said."""

    stairs: Stairs | None = None
    bus_stop: BusStop | None = None
    #: "65, 728"
    bus_lines: str = ""
    bring: tuple[Bring, ...] = ()

    @property
    def lines_are_lines(self) -> bool:
        """Whether ``bus_lines`` names lines and nothing else."""
        named = [line.strip() for line in self.bus_lines.split(",") if line.strip()]
        return len(named) <= MAX_LINES and all(_LINE.fullmatch(line) for line in named)
