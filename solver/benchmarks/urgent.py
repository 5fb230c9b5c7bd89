"""One urgent request in a nearly full network: how long until the answer, and is it the best.

Run with ``python -m benchmarks.urgent [seed] [cases]`` from ``solver/``. Each case is a network of
120 units on 30 sites, 112 of them taken, about 80 of the households movable. The instant answer is
``place`` and, when it refuses, ``make_room`` by chains, each with ``verify`` and all reasons. The
full CP-SAT model (``referee.decide`` without anything from the chains) must come to the same
optimum in every case. A subset is solved again with CP-SAT's default parameters.
"""

from __future__ import annotations

import gc
import json
import random
import statistics
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from shelter_solver.chains import DEPTH
from shelter_solver.exchange import Exchange
from shelter_solver.problem import (
    Agreement,
    Nights,
    Party,
    Person,
    Point,
    Problem,
    Separation,
    Sharing,
    Side,
    Site,
    Stay,
    Unit,
    Zone,
    Zoning,
)
from shelter_solver.referee import Verdict, decide
from shelter_solver.result import Answer, Room, Status
from shelter_solver.room import make_room
from shelter_solver.solve import place, warm_up
from shelter_solver.world import World

SITES, UNITS, TAKEN = 30, 120, 112
COMMUNES = tuple(f"commune-{number}" for number in range(12))
#: moves, ranked goals of the asking party, kilometres of the movers
Value = tuple[int, tuple[int, ...], int]
#: a limit that no model of this size comes near
PLENTY_S = 60.0


# --- the cases ------------------------------------------------------------------------------------


def cases(count: int, seed: int) -> Iterator[Problem]:
    """Networks in which ``new`` asks for tonight; four of five are nearly full."""
    rng = random.Random(seed)  # noqa: S311 (nothing secret)
    for number in range(count):
        yield _network(rng, TAKEN if number % 5 else rng.randint(70, TAKEN))


def _network(rng: random.Random, taken: int) -> Problem:
    sites = tuple(
        Site(
            f"s{number:02}",
            Side.PERPETRATORS if number % 10 == 9 else Side.VICTIMS,
            rng.choice(COMMUNES),
            # perpetrator sites lie in a strip of their own, outside every zone
            Point(50.2 + 0.4 * rng.random() + (0.5 if number % 10 == 9 else 0), 5.2 + rng.random()),
            frozenset({f"bus:{rng.randrange(8)}"} if number % 10 != 9 else ()),
        )
        for number in range(SITES)
    )
    units = tuple(_unit(rng, number, sites[number % SITES].id) for number in range(UNITS))
    side = {site.id: site.audience for site in sites}
    parties: list[Party] = []
    # what is still free is what nobody wanted: small, up the stairs, or closed to most
    wanted = sorted(units, key=lambda unit: unit.beds + 2 * unit.step_free + 4 * rng.random())
    for unit in wanted[UNITS - taken :]:
        for _ in range(1 if unit.sharing is Sharing.PRIVATE else rng.choice([1, 2])):
            parties.append(_housed(rng, f"p{len(parties):03}", unit, side[unit.site]))
    new = _asking(rng)
    names = [party.id for party in parties]
    rules = [
        Separation(frozenset({"new"}), frozenset(rng.sample(names, 1)), 10_000.0)
        for _ in range(rng.choice([0, 0, 1]))
    ]
    rules += [
        Separation(group, group, 5_000.0)
        for group in (frozenset(rng.sample(names, size)) for size in (2, 2, 3))
    ]
    return Problem(
        date(2026, 11, 21),
        60,
        sites,
        units,
        (*parties, new),
        tuple(rules),
        Zoning(min_distance_m=3_000.0),
    )


def _unit(rng: random.Random, number: int, at: str) -> Unit:
    sharing = rng.choices(
        [Sharing.PRIVATE, Sharing.SHARED, Sharing.SHARED_SAME_GENDER], [85, 8, 7]
    )[0]
    return Unit(
        f"u{number:03}",
        at,
        beds=rng.choice([1, 2, 2, 3, 3, 4, 5, 6]),
        cots=rng.choice([0, 1, 1, 2]),
        sharing=sharing,
        step_free=rng.random() < 0.25,
        pets=rng.random() < 0.3,
        quiet=rng.random() < 0.4,
        supervision=rng.choice([0, 1, 1, 2, 3]),
        cleaning_nights=rng.choice([0, 0, 0, 1]),
        max_stay_nights=rng.choice([None, None, 30]),
        closed=(Nights(rng.randint(5, 20), 60),) if rng.random() < 0.05 else (),
        kept_back=(Nights(0, 60),) if rng.random() < 0.03 else (),
    )


def _people(rng: random.Random, beds: int) -> dict[Person, int]:
    people = {Person.WOMAN: 1, Person.CHILD: max(0, beds - 1)}
    if rng.random() < 0.25:
        people[Person.INFANT] = 1
    return people


def _wishes(rng: random.Random) -> dict[str, Any]:
    """What a household avoids and needs, wherever it is."""
    return {
        "excluded_communes": frozenset(rng.sample(COMMUNES, rng.choice([0, 0, 1, 2]))),
        "danger_zones": (Zone(Point(50.2 + 0.4 * rng.random(), 5.2 + rng.random()), 8_000.0),)
        if rng.random() < 0.3
        else (),
        "preferred_communes": frozenset(rng.sample(COMMUNES, 2) if rng.random() < 0.3 else ()),
    }


def _housed(rng: random.Random, name: str, unit: Unit, side: Side) -> Party:
    first, last = rng.choice([0, -1, -5, -12]), rng.randint(3, 17)
    settings = _wishes(rng) if side is Side.VICTIMS else {}
    beds = unit.beds if unit.sharing is Sharing.PRIVATE else max(1, unit.beds // 2)
    people = _people(rng, rng.randint(1, beds))
    if side is Side.PERPETRATORS:
        people = {Person.MAN: 1}
    return Party(
        name,
        side,
        people,
        first,
        last - first,
        own_cots=1,
        step_free=unit.step_free and rng.random() < 0.3,
        quiet=unit.quiet and rng.random() < 0.2,
        present=(Stay(unit.id, first, last),),
        move_agreement=rng.choices(list(Agreement), [28, 42, 30])[0],
        may_change_unit=rng.random() < 0.2,
        **settings,
    )


def _asking(rng: random.Random) -> Party:
    return Party(
        "new",
        Side.VICTIMS,
        _people(rng, rng.choice([1, 2, 2, 3, 4, 5, 6])),
        0,
        rng.choice([3, 7, 14]),
        latest_first_night=rng.choice([None, None, None, 1]),
        step_free=rng.random() < 0.2,
        pets=rng.random() < 0.15,
        quiet=rng.random() < 0.2,
        min_supervision=rng.choice([0, 0, 0, 2]),
        preferred_points=(Point(50.4, 5.7),) if rng.random() < 0.5 else (),
        may_use_two_units=rng.random() < 0.3,
        **_wishes(rng),
    )


# --- the measurement ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Case:
    """Seconds, and what came out."""

    outcome: str
    instant_s: float
    judge_s: float
    same: bool
    default_s: float | None


def run(cases_: int = 1000, seed: int = 1, defaults: int = 100) -> dict[str, Any]:
    """Measure ``cases_`` generated cases; the first ``defaults`` also with default parameters."""
    warm_up()
    for problem in cases(10, seed + 1):  # warm caches, allocator and branch predictors
        _measure(problem, with_default=False)
    results = []
    for number, problem in enumerate(cases(cases_, seed)):
        gc.collect()
        results.append(_measure(problem, with_default=number < defaults))
    instant = [case.instant_s for case in results]
    judge = [case.judge_s for case in results]
    compared = [case for case in results if case.default_s is not None]
    figures: dict[str, Any] = {
        "cases": cases_,
        "seed": seed,
        "outcomes": dict(sorted(Counter(case.outcome for case in results).items())),
        "instant_ms": _spread(instant),
        "judge_ms": _spread(judge),
        "same_optimum": sum(case.same for case in results),
        "refused_instant_ms": _spread(
            [case.instant_s for case in results if case.outcome != "0 moves"] or [0.0]
        ),
    }
    if compared:
        default = [case.default_s for case in compared if case.default_s is not None]
        mine = statistics.median(case.instant_s for case in compared)
        tuned = statistics.median(case.judge_s for case in compared)
        figures["default_ms"] = _spread(default)
        figures["default_cases"] = len(compared)
        figures["default_over_instant"] = round(statistics.median(default) / mine, 1)
        figures["default_over_judge"] = round(statistics.median(default) / tuned, 1)
    return figures


def _spread(seconds: list[float]) -> dict[str, float]:
    ordered = sorted(seconds)
    return {
        "median": round(1000 * statistics.median(ordered), 2),
        "p95": round(1000 * ordered[int(0.95 * (len(ordered) - 1))], 2),
        "max": round(1000 * ordered[-1], 2),
    }


def _measure(problem: Problem, *, with_default: bool) -> Case:
    begin = time.perf_counter()
    answer = place(problem, "new", limit_s=PLENTY_S)
    # two moves is what chains prove; what they cannot is timed as the judge's work
    room = None if answer.options else make_room(problem, "new", max_moves=DEPTH, limit_s=PLENTY_S)
    instant_s = time.perf_counter() - begin

    judge_s, exchange, verdict = _judged(problem, tuned=True)
    default_s = _judged(problem, tuned=False)[0] if with_default else None
    outcome, same = _compare(problem, answer, room, exchange, verdict)
    return Case(outcome, instant_s, judge_s, same, default_s)


def _judged(problem: Problem, *, tuned: bool) -> tuple[float, Exchange, Verdict]:
    """Build and solve the full model, with nothing from the chains."""
    begin = time.perf_counter()
    party = problem.parties[-1]
    seen = problem.seen_by(party.side)
    exchange = Exchange(World(seen), party, time.monotonic() + PLENTY_S)
    verdict = decide(exchange, tuned=tuned)
    return time.perf_counter() - begin, exchange, verdict


def _compare(
    problem: Problem, answer: Answer, room: Room | None, exchange: Exchange, verdict: Verdict
) -> tuple[str, bool]:
    """What came out, and whether the full model came to the same moves, goals and kilometres."""
    judged = _value(exchange, verdict)
    if room is None:
        option = answer.options[0]
        return "0 moves", judged == (0, option.score[:-1], 0)
    if room.option is not None:
        return f"{len(room.moves)} moves", judged == _value_of(room)
    # the chains found no room by one or two moves: the whole door goes on to CP-SAT
    whole = make_room(problem, "new", limit_s=PLENTY_S)
    if whole.option is not None:
        return "3 moves or more (CP-SAT)", judged == _value_of(whole)
    proven = whole.status is verdict.status is Status.INFEASIBLE
    return "none, proven", proven


def _value(exchange: Exchange, verdict: Verdict) -> Value | None:
    best = verdict.found
    if best is None:
        return None
    return len(best.moves), exchange.scores[best.wanted.cost][:-1], best.km


def _value_of(room: Room) -> Value | None:
    if room.option is None:
        return None
    return len(room.moves), room.option.score[:-1], sum(move.km for move in room.moves)


def main() -> None:
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else random.SystemRandom().randrange(10**6)
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 1000
    figures = run(count, seed)
    for name, value in figures.items():
        print(f"{name:22} {json.dumps(value)}")


if __name__ == "__main__":
    main()
