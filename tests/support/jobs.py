"""What the worker does by itself: every job that there is, once, in this process."""

from __future__ import annotations

from collections.abc import Callable
from unittest import mock

from shelter.jobs.ticker import Ticker
from shelter.messaging.gateway import Gateway
from shelter.services.context import Shelter


def run_jobs(system: Shelter, gateway: Gateway) -> None:
    """All jobs in their order, as the ticker would run them; an error is not swallowed."""

    def unguarded(
        _ticker: Ticker, _name: str, work: Callable[[], object], *, alone: bool
    ) -> Callable[[], object]:
        return work

    with mock.patch.object(Ticker, "_guarded", unguarded):
        # one message after the other, so that two runs can be compared
        ticker = Ticker(system, gateway, at_once=1)
    for job in ticker._scheduler.get_jobs():
        job.func()
