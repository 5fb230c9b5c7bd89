"""The engine on a public benchmark: patient admission scheduling, instances 01–06.

    python -m benchmarks.pas                 # 60 s for 01, 300 s for each of the others
    python -m benchmarks.pas 1 3 --limit 60

Values are in tenths, as in ``pas_model``. ``KNOWN`` are the best published values without transfers
(Bastos et al., "A mixed integer programming approach to the patient admission scheduling problem",
European Journal of Operational Research 273, 2019, and predecessors, as remembered in the data's
README); what is proven here is the engine's own bound.

What was found on 01 while the engine was made (CP-SAT with one worker, two busy cores, 60 s):

- Genders as implications reach what gender rows do not: for each room and night with both genders
  one boolean y, x → y for women, x → ¬y for men. In the same neighbourhoods Σ women ≤ beds · y +
  mixed gives 8 480, implications 6 942. Mixing is best forbidden inside a neighbourhood, but for
  who is mixed already; a boolean that permits it makes each about ten times slower.
- Exactly one column for who has one already, with costs as they are, not at most one with gains
  against being skipped: an arrival window of 127 patients takes 0.2 s instead of 2.5 s.
- Equal choices are taken too; without that the walk stands still.
- Three kinds of neighbourhood, 100–200 patients, each grown while proven within half a second: all
  who are there in 1–3 nights around one patient, those with most good rooms in common first; all of
  3–6 nights in the good rooms of one patient; all nights of these rooms. Each does its part.
- The relaxation is degenerate: half of all columns have a reduced cost of 60 or less. Columns up to
  40 (about 30 a patient) are needed; 16 a patient are too few.
- A first choice worth having: arrivals of two nights at a time, each window placed by CP-SAT
  beside those who are there already (7 600 in 10 s; the cheapest free room for each gives 13 500).

All of this: 6 632 with two seeds in a program of its own, 6 684 inside the engine.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.pas_format import parse
from benchmarks.pas_model import rooms_chosen, to_assignment, value
from shelter_solver.assign.solve import minimise

#: best published value of each instance, the lower end where sources differ
KNOWN = {1: 6512, 2: 11256, 3: 7570, 4: 11510, 5: 6240, 6: 7910}
#: seconds for each instance
LIMITS = {1: 60.0, 2: 300.0, 3: 300.0, 4: 300.0, 5: 300.0, 6: 300.0}
#: what is wanted of instance 01 in its time, and of all against the better of known and proven
WANTED_01, WANTED_GAP = 6620, 0.03


@dataclass(frozen=True, slots=True)
class Result:
    instance: int
    #: counted by ``pas_model.value``, which shares nothing with the engine
    value: int
    bound: int
    #: wall time, seconds
    seconds: float

    @property
    def gap(self) -> float:
        """How far above the best known value or the proven bound, whichever is nearer."""
        return min(self.value / floor - 1 for floor in (KNOWN[self.instance], self.bound) if floor)

    @property
    def reached(self) -> bool:
        if self.instance == 1 and self.value > WANTED_01:
            return False
        return self.gap <= WANTED_GAP


def data_folder() -> Path | None:
    """Where the instances lie, None where they are not: ``$SHELTER_DATA/pas`` or beside the code.

    They are nobody's to copy into this repository.
    """
    root = Path(__file__).resolve().parents[2]
    given = os.environ.get("SHELTER_DATA")
    folder = (Path(given) if given else root.parent / "shared" / "data") / "pas"
    return folder if folder.is_dir() else None


def solve(folder: Path, instance: int, limit_s: float, seed: int = 0) -> Result:
    """Run the engine on one instance; every patient gets a bed, or ``value`` raises."""
    given = parse((folder / f"testdata{instance:02}.txt").read_text(encoding="ascii"))
    began = time.monotonic()
    assignment = to_assignment(given)
    found = minimise(assignment, limit_s=limit_s, seed=seed)
    seconds = time.monotonic() - began
    counted = value(given, rooms_chosen(given, assignment, found.chosen))
    if counted != found.value:
        raise AssertionError(f"{instance:02}: the engine counts {found.value}, we {counted}")
    return Result(instance, counted, found.bound, seconds)


def run(
    numbers: Sequence[int] = tuple(KNOWN),
    limit_s: float | None = None,
    seed: int = 0,
    quick: bool = False,
) -> dict[str, Any]:
    """Measure these instances; ``quick``: 01 alone. Without data it says so and measures none.

    Gives ``rows`` (one for each instance) and ``ratios`` (value over the best known one).
    """
    folder = data_folder()
    if folder is None:
        why = "its instances were not found; set SHELTER_DATA to the folder that has them in pas/"
        print(f"NOT MEASURED: patient admission scheduling, for {why}", file=sys.stderr)
        return {"measured": False, "why": why, "rows": [], "ratios": {}}
    results = [
        solve(folder, number, limit_s or LIMITS[number], seed)
        for number in (numbers[:1] if quick else numbers)
    ]
    return {
        "measured": True,
        "rows": [
            {**asdict(r), "known": KNOWN[r.instance], "gap": r.gap, "reached": r.reached}
            for r in results
        ],
        "ratios": {f"{r.instance:02}": round(r.value / KNOWN[r.instance], 4) for r in results},
    }


def table(found: Mapping[str, Any]) -> str:
    """The result as text; values and bounds in tenths."""
    if not found["measured"]:
        return f"not measured: {found['why']}"
    lines = [
        f"{'instance':>8}{'value':>8}{'bound':>8}{'known':>8}{'gap %':>7}{'time s':>8}  wanted"
    ]
    lines += [
        f"{row['instance']:>8}{row['value']:>8}{row['bound']:>8}{row['known']:>8}"
        f"{100 * row['gap']:>7.2f}{row['seconds']:>8.1f}  "
        + ("reached" if row["reached"] else "missed")
        for row in found["rows"]
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("numbers", type=int, nargs="*", default=list(KNOWN))
    parser.add_argument("--limit", type=float, default=None, metavar="SECONDS")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    print(table(run(asked.numbers, asked.limit, asked.seed)))
