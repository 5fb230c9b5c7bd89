"""The door of the engine for one cost; ``ranked`` has the one for several goals in their order."""

from __future__ import annotations

import time

import numpy as np

from shelter_solver.assign.assignment import Assignment
from shelter_solver.assign.parts import split
from shelter_solver.assign.search import Found, search


def minimise(
    a: Assignment,
    *,
    limit_s: float,
    seed: int = 0,
) -> Found:
    """Least cost over all parts, one after the other, each with its share of the time."""
    deadline = time.monotonic() + limit_s
    parts = split(a)
    chosen = np.full(a.parties, -1, dtype=np.int64)
    value = bound = 0
    weight = sum(part.assignment.columns + 1 for part in parts)
    for part in parts:
        now = time.monotonic()
        own = part.assignment.columns + 1
        share = max(0.0, deadline - now) * own / weight
        found = search(part.assignment, deadline=now + share, seed=seed)
        weight -= own
        given = found.chosen >= 0
        chosen[part.parties[given]] = part.columns[found.chosen[given]]
        value += found.value
        bound += found.bound
    return Found(chosen, value, bound)
