"""Random results, right in shape alone: for files, schemas and pictures."""

from __future__ import annotations

import random

from shelter_solver import Option, Reason, Status, Stay, place
from shelter_solver.problem import Agreement
from shelter_solver.result import HouseholdMove, Level, Room, Schedule
from shelter_solver.tools.files import Result
from solver.network import random_problem


def random_result(seed: int) -> Result:
    """A schedule, a room or an answer, in turn."""
    rng = random.Random(seed)
    if seed % 3 == 0:
        return random_schedule(rng)
    if seed % 3 == 1:
        return _random_room(rng)
    return place(random_problem(seed), "new")


def random_schedule(rng: random.Random) -> Schedule:
    names = [f"p{number}" for number in range(rng.randint(1, 5))]
    placements = {name: (_stay(rng),) for name in names if rng.random() < 0.7}
    return Schedule(
        status=rng.choice(list(Status)),
        placements=placements,
        unplaced=tuple(name for name in names if name not in placements),
        moved=tuple(name for name in placements if rng.random() < 0.3),
        levels=(Level("unplaced", rng.randint(0, 9), 0), Level("near", 40, rng.randint(0, 40))),
    )


def _random_room(rng: random.Random) -> Room:
    if rng.random() < 0.2:
        return Room(Status.INFEASIBLE)
    move = HouseholdMove("p1", (_stay(rng),), rng.choice(list(Agreement)), rng.randint(0, 90))
    reasons = (Reason("near_preferred_point", {"point": 1, "km": 2.5, "commune": "Uccle"}),)
    return Room(Status.OPTIMAL, Option((_stay(rng),), reasons, (0, 1, 2), "near"), (move,))


def _stay(rng: random.Random) -> Stay:
    first = rng.randint(-2, 9)
    return Stay(f"u{rng.randint(0, 3)}", first, first + rng.randint(1, 6))
