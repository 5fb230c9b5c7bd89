"""``make leaks``: attack the perpetrator side's answers, and a build that leaks beside it."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing import get_context
from queue import Empty

from leaks.attack import ROUND
from leaks.country import COMMUNES
from leaks.inference import (
    Estimate,
    accuracy,
    commonest,
    different_answers,
    timing_auc,
)
from leaks.run import HTTP_EVERY, Case, in_a_process

ADVANTAGE_PP, AUC, CONTROL = 1.0, 0.52, 0.90
#: what the clock is tried on: it must see near answers that are so much slower
DELAY = 0.10


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make leaks", description=__doc__)
    parser.add_argument("--victims", type=int, default=1000)
    parser.add_argument("--probes", type=int, default=200, help=f"a multiple of {ROUND}")
    parser.add_argument("--control-victims", type=int, default=200)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument(
        "--minutes", type=float, default=600, help="stop after so many; the control after a third"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="a look: 80 victims, 100 questions")
    parser.add_argument("--postgres", action="store_true", help="on PostgreSQL, not on SQLite")
    given = parser.parse_args(arguments)
    if given.quick:
        given.victims, given.probes, given.control_victims = 80, 2 * ROUND, 60
    rounds = given.probes // ROUND
    if rounds < 1 or given.victims < 40 or given.control_victims < 20:
        parser.error(f"needs {ROUND} probes, 40 victims and 20 control victims at least")

    print(
        f"{given.victims} victims × {rounds * ROUND} questions on "
        f"{'PostgreSQL' if given.postgres else 'SQLite'}, every {HTTP_EVERY}th victim over HTTP; "
        f"{COMMUNES} communes, the blind guess is right in {1 / COMMUNES:.1%}",
        flush=True,
    )
    real = _all(given, given.victims, rounds, leaking=False)
    # said at once: the control takes a while
    print(
        f"attack: accuracy {_percent(accuracy(real))}, AUC {_plain(timing_auc(real))}", flush=True
    )
    control = _all(given, given.control_victims, rounds, leaking=True)
    return report(real, control)


def report(real: Sequence[Case], control: Sequence[Case]) -> int:
    """Print what was learned; 0 when as little as was promised, 1 otherwise."""
    blind = 1 / COMMUNES
    found, caught = accuracy(real), accuracy(control)
    clock, slow = timing_auc(real), timing_auc(control)
    delayed = timing_auc(real, slower=DELAY)
    advantage = 100 * (found.mean - blind)
    print(f"\n{'':34}{'this build':>26}{'control: a leak':>26}")
    rows = (
        ("answers that differ by victim", _of(real), _of(control)),
        ("blind guess", f"{blind:.2%}", f"{blind:.2%}"),
        ("commonest commune", f"{commonest(real):.2%}", f"{commonest(control):.2%}"),
        ("attacker's accuracy", _percent(found), _percent(caught)),
        (
            "advantage, percentage points",
            _points(found, blind),
            _points(caught, blind),
        ),
        ("timing AUC, near against far", _plain(clock), _plain(slow)),
        (f"  the same, were near {DELAY:.0%} slower", _plain(delayed), ""),
    )
    for name, left, right in rows:
        print(f"{name:34}{left:>26}{right:>26}")
    kept = {
        f"advantage at most {ADVANTAGE_PP:g} percentage point": advantage <= ADVANTAGE_PP,
        f"timing AUC at most {AUC}": clock.mean <= AUC,
        f"control at least {CONTROL:.0%}": caught.mean >= CONTROL,
        "a clock that sees a slower answer": delayed.mean >= 0.6,
    }
    print()
    for promise, held in kept.items():
        print(f"  {'kept  ' if held else 'BROKEN'}  {promise}")
    return 0 if all(kept.values()) else 1


def _all(given: argparse.Namespace, victims: int, rounds: int, *, leaking: bool) -> list[Case]:
    """The cases of so many victims, or of as many as there is time for."""
    started, what, cases = time.monotonic(), "control" if leaking else "attack", list[Case]()
    spawn = get_context("spawn")
    found, enough = spawn.Queue(), spawn.Event()
    at_work = [
        spawn.Process(
            target=in_a_process,
            args=(
                found,
                enough,
                list(range(victims))[process :: given.processes],
                rounds,
                process,
                leaking,
                given.postgres,
                given.seed,
            ),
        )
        for process in range(given.processes)
    ]
    for process in at_work:
        process.start()
    limit = given.minutes * 60 / (3 if leaking else 1)
    while len(cases) < victims:
        if time.monotonic() - started > limit:
            enough.set()
        with suppress(Empty):
            cases.append(found.get(timeout=2))
            if len(cases) % 50 == 0:
                left = (time.monotonic() - started) / len(cases) * (victims - len(cases)) / 60
                print(f"  {what}: {len(cases)} victims, {left:.0f} minutes left", flush=True)
            continue
        if any(process.exitcode for process in at_work):
            raise SystemExit("a process failed: see above")
        if not any(process.is_alive() for process in at_work):
            break
    enough.set()
    for process in at_work:
        process.join()
    seconds = time.monotonic() - started
    print(
        f"{what}: {len(cases)} victims, {len(cases) * rounds * ROUND} questions, "
        f"{seconds / 60:.1f} minutes",
        flush=True,
    )
    return sorted(cases, key=lambda case: case.number)


def _of(cases: Sequence[Case]) -> str:
    different, questions = different_answers(cases)
    return f"{different} of {questions}"


def _percent(it: Estimate) -> str:
    return f"{it.mean:.2%} ({it.low:.1%} … {it.high:.1%})"


def _points(it: Estimate, blind: float) -> str:
    low, mean, high = (100 * (value - blind) for value in (it.low, it.mean, it.high))
    return f"{mean:+.2f} ({low:+.2f} … {high:+.2f})"


def _plain(it: Estimate) -> str:
    return f"{it.mean:.3f} ({it.low:.3f} … {it.high:.3f})"


if __name__ == "__main__":
    sys.exit(main())
