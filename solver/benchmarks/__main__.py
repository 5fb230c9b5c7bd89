"""``python -m benchmarks``, or ``make bench-solver``: what the allocator promises, measured here.

--only batch,growth          some of urgent, batch, growth, pas, outcome
--instances mid,tightM       some instances of the batch
--seeds 3 --first-seed 100   how many runs, and on which seeds; take fresh ones
--quick                      small instances and short limits: the whole in about three minutes
--out var/bench-solver.json  everything measured, as JSON
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import json
import os
import platform
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from benchmarks.batch import NAMES
from benchmarks.report import last_line, say

#: in the order of how soon they are done
BENCHMARKS = ("urgent", "batch", "growth", "pas", "outcome")
#: what a benchmark that has no ``quick`` of its own gets instead
QUICK = {"outcome": {"seeds": 2}}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, print, write; 1 when a benchmark is missing or failed, for silence is no result."""
    parser = argparse.ArgumentParser(
        "benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", type=_names(BENCHMARKS), default=list(BENCHMARKS))
    parser.add_argument("--instances", type=_names(NAMES), default=[])
    parser.add_argument("--seeds", type=int)
    parser.add_argument("--first-seed", type=int)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--out", type=Path, default=Path("var/bench-solver.json"))
    asked = parser.parse_args(arguments)
    results: dict[str, Any] = {}
    failed: dict[str, str] = {}
    for name in asked.only:
        say(f"\n== {name} ==")
        try:
            module = importlib.import_module(f"benchmarks.{name}")
        except ModuleNotFoundError as error:
            failed[name] = f"MISSING: {error}"
            say(failed[name])
            continue
        began = time.perf_counter()
        try:
            result = module.run(**_options(module.run, name, asked))
        except Exception as error:  # the others are still worth measuring
            failed[name] = f"FAILED: {type(error).__name__}: {error}"
            say(failed[name])
            continue
        result["took_s"] = round(time.perf_counter() - began, 1)
        if hasattr(module, "table"):
            say(module.table(result))
        results[name] = result
    _write(asked.out, asked, results, failed)
    for name, why in failed.items():
        say(f"{name} was NOT measured: {why}")
    ratios = {name: result.get("ratios", {}) for name, result in results.items()}
    say(last_line(ratios | {name: {"measured": False} for name in failed}))
    return 1 if failed else 0


def _names(known: Sequence[str]) -> Any:
    def names(text: str) -> list[str]:
        asked = [name for name in text.split(",") if name]
        for name in asked:
            if name not in known:
                raise argparse.ArgumentTypeError(f"no {name!r}; there are {', '.join(known)}")
        return asked

    return names


def _options(run: Any, name: str, asked: argparse.Namespace) -> dict[str, Any]:
    """What was asked for and this benchmark knows of."""
    given = {"seeds": asked.seeds, "first_seed": asked.first_seed, "instances": asked.instances}
    options = {key: value for key, value in given.items() if value}
    if asked.quick:
        options = {"quick": True, **QUICK.get(name, {}), **options}
    known = inspect.signature(run).parameters
    return {key: value for key, value in options.items() if key in known}


def _write(
    path: Path, asked: argparse.Namespace, results: dict[str, Any], failed: dict[str, str]
) -> None:
    about = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "quick": asked.quick,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        **{name: _version(name) for name in ("ortools", "highspy", "numpy")},
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"about": about, "failed": failed, **results}, indent=1, default=str)
    path.write_text(text + "\n", encoding="utf-8")
    say(f"\nwritten to {path}")


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


if __name__ == "__main__":
    raise SystemExit(main())
