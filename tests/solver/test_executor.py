"""Independent parts solved elsewhere, by processes or a cluster, give the same schedule."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing import get_context
from typing import Any

import pytest

from shelter_solver import Problem, Status, replan
from shelter_solver.assign.parts import split
from shelter_solver.batch.columns import columns
from solver.network import START, random_batch


def islands(count: int) -> Problem:
    """Networks that have nothing to do with each other: all commune names and ids are their own."""
    drawn = []
    for number in range(count):
        given = random_batch(number)
        text = f"i{number}-"
        drawn.append(
            replace(
                given,
                sites=tuple(
                    replace(one, id=text + one.id, commune=text + one.commune)
                    for one in given.sites
                ),
                units=tuple(
                    replace(one, id=text + one.id, site=text + one.site) for one in given.units
                ),
                parties=tuple(
                    replace(
                        one,
                        id=text + one.id,
                        preferred_communes=frozenset(text + n for n in one.preferred_communes),
                        excluded_communes=frozenset(
                            {text + name for name in one.excluded_communes}
                            | {
                                f"i{other}-{name}"
                                for other in range(count)
                                if other != number
                                for name in ("Ixelles", "Uccle", "Forest")
                            }
                        ),
                        excluded_sites=frozenset(text + name for name in one.excluded_sites),
                        present=tuple(replace(s, unit=text + s.unit) for s in one.present),
                    )
                    for one in given.parties
                ),
                separations=tuple(
                    replace(
                        rule,
                        a=frozenset(text + name for name in rule.a),
                        b=frozenset(text + name for name in rule.b),
                    )
                    for rule in given.separations
                ),
            )
        )
    return Problem(
        start=START,
        horizon=12,
        sites=tuple(one for given in drawn for one in given.sites),
        units=tuple(one for given in drawn for one in given.units),
        parties=tuple(one for given in drawn for one in given.parties),
        separations=tuple(one for given in drawn for one in given.separations),
    )


@contextmanager
def processes() -> Iterator[Executor]:
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        yield pool


@contextmanager
def cluster() -> Iterator[Executor]:
    """A Dask cluster of two processes on this machine."""
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
        ) as local,
        distributed.Client(local) as client,
        client.get_executor() as pool,
    ):
        yield pool


class Counting:
    """Passes work on, and counts it."""

    def __init__(self, executor: Executor) -> None:
        self.executor = executor
        self.count = 0

    def submit(self, *work: Any) -> Any:
        self.count += 1
        return self.executor.submit(*work)


@pytest.mark.filterwarnings("ignore::DeprecationWarning:distributed")
@pytest.mark.filterwarnings("ignore::ResourceWarning:asyncio")
@pytest.mark.parametrize("elsewhere", [processes, cluster])
@pytest.mark.parametrize("wall", [True, False])
def test_the_schedule_is_the_same_wherever_the_parts_are_solved(elsewhere: Any, wall: bool) -> None:
    given = islands(12)
    parts = len(split(columns(given).assignment))
    assert parts >= 12, "the control: there is work to be sent away"
    here = replan(given, seed=5, wall=wall)
    assert here.status is Status.OPTIMAL
    assert here.placements
    with elsewhere() as executor:
        counting: Any = Counting(executor)
        there = replan(given, seed=5, wall=wall, executor=counting)
    assert counting.count >= 12
    assert there == here


def test_what_goes_wrong_elsewhere_is_told() -> None:
    class Broken(Executor):
        def submit(self, *_: Any, **__: Any) -> Any:
            raise RuntimeError("the cluster is gone")

    with pytest.raises(RuntimeError, match="the cluster is gone"):
        replan(islands(3), executor=Broken())
