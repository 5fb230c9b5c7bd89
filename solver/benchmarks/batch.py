"""Batches against peers: the same arrays, equal time, each contestant in a process of its own."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from benchmarks.arena import Arena, Run
from benchmarks.formulation import formulate
from benchmarks.generate import country
from benchmarks.report import Table, say

HIGHS, CPSAT, HINTED = "highs", "cpsat", "cpsat+hint"


@dataclass(frozen=True)
class Event:
    """One instance, its time limit in seconds, and who takes part beside ours and the greedy."""

    name: str
    limit_s: float
    peers: tuple[str, ...]
    #: HiGHS may take longer where its time to a proof is asked for
    highs_limit_s: float = 0.0
    #: limit with ``quick``; 0 leaves the event out
    quick_s: float = 0.0

    def limit_of(self, who: str, quick: bool) -> float:
        if quick:
            return self.quick_s
        return max(self.limit_s, self.highs_limit_s if who == HIGHS else 0.0)


#: With 2 000 units nobody holds all pairs: there the peers also get the nearest units only, which
#: makes them stronger (``highs~25``: 25 units for each party), but their bounds worthless.
EVENTS = (
    Event("small", 20, (HIGHS, CPSAT, HINTED), quick_s=5),
    Event("tightS", 60, (HIGHS, CPSAT, HINTED), quick_s=10),
    Event("mid", 60, (HIGHS, CPSAT, HINTED), highs_limit_s=240, quick_s=15),
    Event("mid90", 60, (HIGHS, CPSAT, HINTED), highs_limit_s=240),
    Event("tightM", 60, (HIGHS, CPSAT, HINTED)),
    Event("large", 30, (HIGHS, CPSAT, "highs~25", "cpsat~25", "cpsat~25+hint")),
    Event("tightL", 120, ("highs~25", "cpsat~25", "cpsat~25+hint", "cpsat~60+hint")),
    Event("tightL", 300, ()),
)
NAMES = tuple(dict.fromkeys(event.name for event in EVENTS))

Runs = dict[tuple[str, float, int], list[Run]]


def run(
    *,
    seeds: int = 3,
    first_seed: int = 1,
    instances: Sequence[str] = (),
    quick: bool = False,
) -> dict[str, object]:
    """All events on ``seeds`` seeds from ``first_seed``: ``rows`` and ``ratios``, as JSON."""
    runs: Runs = {}
    rows: list[dict[str, object]] = []
    table = Table(
        ("instance", 10), ("seed", 4), ("who", 14), ("limit s", 7), ("value", 9), ("bound", 10),
        ("gap %", 7), ("placed", 11), ("seconds", 8), ("MB", 6), ("", 0),
    )  # fmt: skip
    for event in EVENTS:
        if (instances and event.name not in instances) or (quick and not event.quick_s):
            continue
        for seed in range(first_seed, first_seed + (1 if quick else seeds)):
            problem = country(event.name, seed)
            began = time.perf_counter()
            assignment = formulate(problem).assignment
            built = time.perf_counter() - began
            say(
                f"{event.name} seed {seed}: {assignment.parties} parties, "
                f"{assignment.columns} columns, written in {built:.1f} s"
            )
            del problem
            done: list[Run] = []
            with Arena(assignment) as arena:
                for who in ("greedy", "ours", *event.peers):
                    limit = event.limit_of(who, quick)
                    result = arena.run(who, limit, seed)
                    done.append(result)
                    table.row(
                        event.name, seed, who, f"{limit:g}", result.value, _bound(result.bound),
                        None if result.gap is None else f"{100 * result.gap:.2f}",
                        f"{result.placed}/{assignment.parties}", f"{result.seconds:.2f}",
                        result.megabytes, result.note,
                    )  # fmt: skip
                    rows.append({"instance": event.name, "seed": seed, **result.as_json()})
            runs[event.name, event.limit_s, seed] = done
    return {"rows": rows, "ratios": ratios(runs)}


def ratios(runs: Runs) -> dict[str, object]:
    """What is promised, always the worst of the seeds; ``worse`` counts peers that beat us."""
    found: dict[str, object] = {}
    for name in ("mid", "mid90"):
        here = _of(runs, name)
        if here:
            found[f"{name}_proven"] = all(each["ours"].proven for each in here)
            _worst(found, f"{name}_time_vs_highs", (_time_ratio(each) for each in here))
    _worst(found, "tightM_gap", (each["ours"].gap for each in _of(runs, "tightM")))
    for peer, key in ((CPSAT, "tightM_vs_cpsat"), (HINTED, "tightM_vs_cpsat_hinted")):
        _worst(found, key, (_value_ratio(each, [peer]) for each in _of(runs, "tightM")))
    large = _of(runs, "large")
    _worst(found, "large_gap", (each["ours"].gap for each in large))
    _worst(found, "large_seconds", (each["ours"].seconds for each in large))
    _worst(found, "large_MB", (each["ours"].megabytes for each in large))
    for limit in (120.0, 300.0):
        here = _of(runs, "tightL", limit)
        key = f"tightL{limit:g}"
        _worst(found, f"{key}_gap", (each["ours"].gap for each in here))
        _worst(found, f"{key}_vs_greedy", (_value_ratio(each, ["greedy"]) for each in here))
        if limit == 120.0:
            _worst(found, f"{key}_vs_best_peer", (_value_ratio(e, _peers(e)) for e in here))
    found["worse"] = sum(
        _beaten(each["ours"], peer)
        for done in runs.values()
        for each in [{result.who: result for result in done}]
        for who, peer in each.items()
        if who != "ours"
    )
    found["failed"] = sum(
        result.value is None for done in runs.values() for result in done if result.who == "ours"
    )
    return found


def _of(runs: Runs, name: str, limit_s: float | None = None) -> list[dict[str, Run]]:
    return [
        {result.who: result for result in done}
        for (instance, limit, _), done in runs.items()
        if instance == name and limit_s in (None, limit)
    ]


def _worst(found: dict[str, object], key: str, values: Iterable[float | None]) -> None:
    """The largest; None when one of the seeds has none, and no entry when nothing was run."""
    listed = list(values)
    known = [value for value in listed if value is not None]
    if listed:
        found[key] = round(max(known), 4) if len(known) == len(listed) else None


def _time_ratio(each: dict[str, Run]) -> float | None:
    """Our seconds to the proof by those of HiGHS; who did not prove took at least its limit."""
    if HIGHS not in each or not each["ours"].proven:
        return None
    return each["ours"].seconds / each[HIGHS].seconds


def _value_ratio(each: dict[str, Run], peers: Sequence[str]) -> float | None:
    """Our value by the best of these peers' values; 0 when none of them has any."""
    if each["ours"].value is None:
        return None
    values = [v for v in (each[peer].value for peer in peers if peer in each) if v is not None]
    return each["ours"].value / max(1, min(values)) if values else 0.0


def _peers(each: dict[str, Run]) -> list[str]:
    return [who for who in each if who != "ours"]


def _beaten(ours: Run, peer: Run) -> bool:
    return peer.value is not None and (ours.value is None or ours.value > peer.value)


def _bound(bound: float | None) -> str | None:
    return None if bound is None else f"{bound:.0f}"
