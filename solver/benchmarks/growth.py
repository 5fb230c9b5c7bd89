"""How time grows with the country: 500 to 4 000 requests in regions that do not depend on each
other. Who splits first needs twice the time for twice the regions; n^1.3 is the promise."""

from __future__ import annotations

import time

import numpy as np

from benchmarks.arena import Arena
from benchmarks.formulation import formulate
from benchmarks.generate import regions
from benchmarks.report import Table

SIZES = (500, 1000, 2000, 4000)
QUICK_SIZES = (200, 400, 800)
LIMIT_S = 300.0


def run(*, seeds: int = 3, first_seed: int = 1, quick: bool = False) -> dict[str, object]:
    """Seconds to the proof for each size, and the exponent of the line through their logarithms."""
    rows: list[dict[str, object]] = []
    table = Table(
        ("requests", 8), ("seed", 4), ("columns", 9), ("arrays s", 8), ("seconds", 8), ("value", 9),
        ("gap %", 7), ("MB", 6), ("", 0),
    )  # fmt: skip
    for seed in range(first_seed, first_seed + (1 if quick else seeds)):
        for requests in QUICK_SIZES if quick else SIZES:
            problem = regions(requests, seed)
            began = time.perf_counter()
            assignment = formulate(problem).assignment
            built = time.perf_counter() - began
            with Arena(assignment) as arena:
                ours = arena.run("ours", 20.0 if quick else LIMIT_S, seed)
            gap = None if ours.gap is None else f"{100 * ours.gap:.2f}"
            table.row(
                requests, seed, assignment.columns, f"{built:.2f}", f"{ours.seconds:.2f}",
                ours.value, gap, ours.megabytes, ours.note,
            )  # fmt: skip
            rows.append(
                {"requests": requests, "seed": seed, "arrays_seconds": built, **ours.as_json()}
            )
    return {"rows": rows, "ratios": ratios(rows)}


def ratios(rows: list[dict[str, object]]) -> dict[str, object]:
    """The exponents of the solver alone and with the making of its arrays; None after a failure."""
    proven = all(row["gap"] == 0.0 for row in rows)
    if any(row["value"] is None for row in rows):
        return {"exponent": None, "exponent_with_arrays": None, "proven": proven}
    size, solve, arrays = (
        np.array([row[key] for row in rows], dtype=np.float64)
        for key in ("requests", "seconds", "arrays_seconds")
    )
    return {
        "exponent": round(exponent(size, solve), 3),
        "exponent_with_arrays": round(exponent(size, solve + arrays), 3),
        "proven": proven,
    }


def exponent(size: np.ndarray, seconds: np.ndarray) -> float:
    """b of the least-squares line log seconds = a + b · log size."""
    return float(np.polyfit(np.log(size), np.log(seconds), 1)[0])
