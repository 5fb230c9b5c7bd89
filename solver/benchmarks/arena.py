"""One solver on one instance, alone in a process of its own, so that time and memory are its own.

``python -m benchmarks.arena who instance.npz answer.npz limit seed`` is that process; ``Arena.run``
starts it, watches its memory, ends it when it will not end, and lets ``check`` judge its answer.
"""

from __future__ import annotations

import importlib
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from benchmarks.check import check
from benchmarks.greedy_peer import greedy
from benchmarks.peer_rows import nearest
from shelter_solver.assign.assignment import Assignment, Ints

#: whoever takes more is ended, so that nobody takes the machine down; GB
MEMORY_GB = 10.0
PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Run:
    """What one solver made of one instance."""

    who: str
    limit_s: float
    #: cost of its choice, as checked; None when it found none
    value: int | None
    #: proven lower bound over all columns, None when it has none
    bound: float | None
    placed: int
    #: from arrays in memory to answer in memory
    seconds: float
    #: largest resident memory of its processes together
    megabytes: int
    note: str = ""

    @property
    def gap(self) -> float | None:
        """Proven distance from the optimum as a share of the value, None when nothing is proven."""
        if self.value is None or self.bound is None:
            return None
        # costs are whole numbers
        below = self.value - np.ceil(self.bound - 1e-6)
        return float(max(0.0, below) / max(1, self.value))

    @property
    def proven(self) -> bool:
        return self.gap == 0.0

    def as_json(self) -> dict[str, object]:
        return {**asdict(self), "gap": self.gap}


class Arena:
    """One instance on disk, and who comes to solve it."""

    def __init__(self, assignment: Assignment, *, memory_gb: float = MEMORY_GB) -> None:
        self.assignment = assignment
        self.memory_gb = memory_gb
        self._home = tempfile.TemporaryDirectory(prefix="bench-")
        self._instance = Path(self._home.name) / "instance.npz"
        save(assignment, self._instance)

    def __enter__(self) -> Arena:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self._home.cleanup()

    def run(self, who: str, limit_s: float, seed: int) -> Run:
        """``who`` is ``ours``, ``greedy``, ``highs`` or ``cpsat``; ``highs~25`` gets the nearest 25
        units of each party only, and ``cpsat+hint`` starts from the greedy answer."""
        answer = Path(self._home.name) / "answer.npz"
        answer.unlink(missing_ok=True)
        command = [sys.executable, "-m", "benchmarks.arena", who, str(self._instance)]
        began = time.perf_counter()
        with (Path(self._home.name) / "errors").open("w+b") as errors:
            child = subprocess.Popen(  # noqa: S603 our own module
                [*command, str(answer), str(limit_s), str(seed)], stderr=errors
            )
            note, peak = self._watch(child, began + 1.5 * limit_s + 60)
            if child.returncode and not note:
                errors.seek(0)
                note = errors.read().decode(errors="replace").strip()[-300:] or "crashed"
        spent = time.perf_counter() - began
        if not answer.exists():
            return Run(who, limit_s, None, None, 0, spent, round(peak), note or "no answer")
        with np.load(answer) as found:
            chosen, told = found["chosen"], json.loads(str(found["told"]))
        peak = max(peak, told["megabytes"])
        if not len(chosen):
            return Run(
                who, limit_s, None, told["bound"], 0, told["seconds"], round(peak), "no answer"
            )
        value = check(self.assignment, chosen, told["value"])
        # no cost is negative, so 0 is a bound too
        bound = None if told["bound"] is None else max(0.0, told["bound"])
        if bound is not None and bound > value + 0.5:
            raise AssertionError(f"{who}: bound {bound} above its own value {value}")
        placed = int((chosen >= 0).sum())
        return Run(who, limit_s, value, bound, placed, told["seconds"], round(peak))

    def _watch(self, child: subprocess.Popen[bytes], deadline: float) -> tuple[str, float]:
        """(why it was ended, or nothing; megabytes at most) once the child is gone."""
        peak = 0.0
        while child.poll() is None:
            peak = max(peak, _tree_megabytes(child.pid))
            late, large = time.perf_counter() > deadline, peak > 1000 * self.memory_gb
            if late or large:
                _end(child)
                return (f"over {self.memory_gb:g} GB" if large else "did not end"), peak
            time.sleep(0.03)
        return "", peak


def _end(child: subprocess.Popen[bytes]) -> None:
    for pid in _tree(child.pid)[1:]:
        try:
            os.kill(pid, 9)
        except ProcessLookupError:
            continue
    child.kill()
    child.wait()


def _tree(pid: int) -> list[int]:
    """A process and all that it started, as Linux tells; the process alone elsewhere."""
    found = [pid]
    for tasks in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            below = tasks.read_text().split()
        except OSError:
            continue
        for child in below:
            found += _tree(int(child))
    return found


def _tree_megabytes(pid: int) -> float:
    total = 0
    for each in _tree(pid):
        try:
            total += int(Path(f"/proc/{each}/statm").read_text().split()[1]) * PAGE
        except (OSError, IndexError):
            continue
    return total / 1e6


def _own_peak_megabytes() -> float:
    """The high-water mark since this program was started (``ru_maxrss`` would count its parent)."""
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return 0.0
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024 / 1e6


def save(assignment: Assignment, path: Path) -> None:
    """All fields of the assignment as arrays by name."""
    np.savez(path, **{f.name: getattr(assignment, f.name) for f in fields(Assignment)})


def load(path: Path) -> Assignment:
    with np.load(path) as stored:
        values: dict[str, Any] = {name: stored[name] for name in stored.files}
    return Assignment(**{name: v.item() if v.ndim == 0 else v for name, v in values.items()})


def solve(
    who: str, a: Assignment, limit_s: float, seed: int
) -> tuple[Ints | None, int | None, float | None]:
    """(choice, value that the solver itself claims, bound) of one contestant."""
    if who == "greedy":
        return greedy(a), None, None
    if who == "ours":
        found = importlib.import_module("shelter_solver.assign.solve").minimise(
            a, limit_s=limit_s, seed=seed
        )
        return found.chosen, int(found.value), float(found.bound)
    name, hinted, _ = who.partition("+hint")
    name, _, count = name.partition("~")
    part, old = nearest(a, int(count)) if count else (a, np.arange(a.columns))
    hint = greedy(part) if hinted else None
    module = importlib.import_module(f"benchmarks.{name}_peer")
    chosen, bound = module.solve(part, limit_s, seed, hint)
    if chosen is not None:
        chosen = np.where(chosen >= 0, old[chosen], -1)
    return chosen, None, None if count or not np.isfinite(bound) else bound


def main(who: str, instance: str, answer: str, limit_s: str, seed: str) -> None:
    a = load(Path(instance))
    # nobody is charged for loading a library; HiGHS and OR-Tools never meet
    needs = {"greedy": "numpy", "highs": "highspy"}.get(re.split("[~+]", who)[0])
    importlib.import_module(needs or "ortools.sat.python.cp_model")
    began = time.perf_counter()
    chosen, value, bound = solve(who, a, float(limit_s), int(seed))
    told = {
        "value": value,
        "bound": bound,
        "seconds": time.perf_counter() - began,
        "megabytes": _own_peak_megabytes(),
    }
    none = np.zeros(0, dtype=np.int64)
    np.savez(answer, chosen=none if chosen is None else chosen, told=json.dumps(told))


if __name__ == "__main__":
    main(*sys.argv[1:])
