"""The doors for a whole network: who goes where, and what would be if the places were others."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from dataclasses import dataclass, replace

import numpy as np

from shelter_solver.assign.ranked import Goals, rank
from shelter_solver.batch.columns import NAMES, Columns, asks, columns, is_move
from shelter_solver.problem import Party, Problem, Side, Site, Stay, Unit
from shelter_solver.result import Level, Progress, Schedule, Status
from shelter_solver.verify import verify
from shelter_solver.world import history

#: those who may not know of the others come first
_SIDES: tuple[Side | None, ...] = (Side.PERPETRATORS, Side.VICTIMS)


def replan(
    problem: Problem,
    *,
    limit_s: float = 30.0,
    seed: int = 0,
    wall: bool = True,
    executor: Executor | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> Schedule:
    """Places for everybody who asks, moving as few as possible of those who agreed to be moved.

    Parameters
    ----------
    problem
        The network and all parties. A party asks when its present stays do not cover the nights
        that it asked for; one with ``move_agreement`` and a single stay from tonight on may move.
    limit_s
        Seconds. When they are over the best verified schedule is given as ``FEASIBLE``, with the
        bound that is proven for each goal.
    seed
        Same data, same seed: same schedule, unless the limit cut the search short.
    wall
        Perpetrators first, as if there were no victims; then victims, around them. A joint optimum
        tells perpetrators where victims are: ``False`` is for studies on invented data.
    executor
        Where independent parts are solved: processes, or a cluster (Dask, Ray).
    on_progress
        Called now and then with how far it is.

    Returns
    -------
    Schedule
        Verified: with the wall, perpetrators' places against what their side may know. Should one
        break the separation of a victim who cannot be moved, ``verify`` on the whole problem says
        so, to the victim side. ``levels`` has each goal's value and bound, in their order.
    """
    started = time.monotonic()
    placements: dict[str, tuple[Stay, ...]] = {}
    values = np.zeros(len(NAMES), dtype=np.int64)
    bounds = values.copy()
    status = Status.OPTIMAL
    now = problem
    for side in _SIDES if wall else (None,):
        seen = now if side is None else now.seen_by(side)
        made = columns(seen, side)
        if side is Side.PERPETRATORS:
            left = limit_s / 2  # also where nobody follows: their time tells nothing of victims
        else:
            left = max(0.0, limit_s - (time.monotonic() - started))
        report = _Reporter(made, on_progress, started, limit_s)
        done = rank(
            made.assignment,
            Goals(made.goals, made.skipped),
            made.keeps,
            limit_s=left,
            seed=seed,
            executor=executor,
            report=report if on_progress else None,
        )
        new = {
            made.parties[party].id: made.plans[column]
            for party, column in enumerate(done.chosen.tolist())
            if column >= 0 and column != made.keeps[party]
        }
        new, all_verified = _verified(seen, new)
        values += done.values
        bounds += done.bounds
        if not all_verified or (done.values > done.bounds).any():
            status = Status.FEASIBLE
        placements |= new
        now = _after(now, new)
    return Schedule(
        status=status,
        placements=dict(sorted(placements.items())),
        unplaced=tuple(sorted(party.id for party in now.parties if asks(party, problem))),
        moved=tuple(
            sorted(
                party.id
                for party in problem.parties
                if party.id in placements and is_move(party, placements[party.id], problem.horizon)
            )
        ),
        levels=tuple(
            Level(name, int(value), int(bound))
            for name, value, bound in zip(NAMES, values, bounds, strict=True)
        ),
    )


@dataclass(frozen=True, slots=True)
class Comparison:
    """The schedule with the places as they are, and with the places as they would be."""

    before: Schedule
    after: Schedule
    #: who gets a place only with the changed places, and who only without them, sorted
    gain: tuple[str, ...]
    lose: tuple[str, ...]


def what_if(
    problem: Problem,
    *,
    sites: Iterable[Site] = (),
    units: Iterable[Unit] = (),
    without: Iterable[str] = (),
    limit_s: float = 30.0,
    seed: int = 0,
    wall: bool = True,
    executor: Executor | None = None,
) -> Comparison:
    """``replan`` twice: as it is, and with changed places.

    ``sites`` and ``units`` are added, or take the place of those with the same id; units named in
    ``without`` are gone, and who is in one of them asks anew for the nights that are left.
    """
    changed = with_places(problem, sites=sites, units=units, without=without)

    def planned(of: Problem) -> Schedule:
        return replan(of, limit_s=limit_s / 2, seed=seed, wall=wall, executor=executor)

    before, after = planned(problem), planned(changed)
    return Comparison(
        before,
        after,
        gain=tuple(sorted(set(before.unplaced) - set(after.unplaced))),
        lose=tuple(sorted(set(after.unplaced) - set(before.unplaced))),
    )


def with_places(
    problem: Problem,
    *,
    sites: Iterable[Site] = (),
    units: Iterable[Unit] = (),
    without: Iterable[str] = (),
) -> Problem:
    """The problem with places added, replaced or taken away; see ``what_if``."""
    gone = frozenset(without)
    all_sites = {site.id: site for site in (*problem.sites, *sites)}
    all_units = {unit.id: unit for unit in (*problem.units, *units) if unit.id not in gone}
    parties = tuple(
        _without_units(party, gone) if any(stay.unit in gone for stay in party.present) else party
        for party in problem.parties
    )
    return replace(
        problem,
        sites=tuple(all_sites.values()),
        units=tuple(all_units.values()),
        parties=parties,
    )


def _without_units(party: Party, gone: frozenset[str]) -> Party:
    """The party without its stays there; nights before tonight are no longer asked for."""
    present = tuple(stay for stay in party.present if stay.unit not in gone)
    end = party.first_night + party.nights
    if party.first_night < 0 < end:
        return replace(party, present=present, first_night=0, nights=end, latest_first_night=None)
    return replace(party, present=present)


def _verified(
    problem: Problem, new: dict[str, tuple[Stay, ...]]
) -> tuple[dict[str, tuple[Stay, ...]], bool]:
    """What ``verify`` confirms: should it object, who breaks a rule gets nothing new."""
    all_verified = True
    while violations := verify(problem, new):
        all_verified = False
        offending = {violation.party for violation in violations}
        new = {party: stays for party, stays in new.items() if party not in offending}
    return new, all_verified


def _after(problem: Problem, new: dict[str, tuple[Stay, ...]]) -> Problem:
    """The problem once everybody is where the placements say."""
    return replace(
        problem,
        parties=tuple(
            replace(
                party,
                present=(
                    *history(party, min(stay.first_night for stay in new[party.id])),
                    *new[party.id],
                ),
            )
            if party.id in new
            else party
            for party in problem.parties
        ),
    )


class _Reporter:
    """Turns what the engine tells into ``Progress``."""

    def __init__(
        self,
        made: Columns,
        on_progress: Callable[[Progress], None] | None,
        started: float,
        limit_s: float,
    ) -> None:
        self.names = made.names
        self.on_progress = on_progress
        self.started, self.limit_s = started, limit_s

    def __call__(self, part: int, parts: int, level: int, value: int, bound: int) -> None:
        if self.on_progress is None:
            return
        elapsed = time.monotonic() - self.started
        self.on_progress(
            Progress(
                elapsed_s=elapsed,
                left_s=max(0.0, self.limit_s - elapsed),
                best=value,
                bound=bound,
                goal=self.names[level],
                part=part + 1,
                parts=parts,
            )
        )
