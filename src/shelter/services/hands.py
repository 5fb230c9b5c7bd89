"""Several pairs of hands for work that mostly waits for somebody else's answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ALL_COMPLETED, FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TypeVar

T = TypeVar("T")

#: seconds after which somebody who still waits for slow answers looks for new work
LOOK_AGAIN_S = 0.5


def work_through(
    claim: Callable[[int], Sequence[T]],
    do: Callable[[T], None],
    *,
    at_once: int,
    enough: Callable[[], bool],
) -> int:
    """``do`` what ``claim`` gives, so many ``at_once``, until it gives no more; how many it was.

    No more is claimed than there are free hands, so nothing claimed waits; and a slow one holds
    up no other. Once there is ``enough``, only what was begun is finished.
    """
    count = 0
    running: set[Future[None]] = set()
    with ThreadPoolExecutor(at_once, thread_name_prefix="hand") as pool:
        while True:
            room = at_once - len(running)
            dry = enough()
            if not dry and room * 2 >= at_once:
                claimed = claim(room)
                running |= {pool.submit(do, each) for each in claimed}
                # to ask again at once would only keep the database busy
                dry = len(claimed) < room
            done, running = wait(
                running, LOOK_AGAIN_S, return_when=ALL_COMPLETED if dry else FIRST_COMPLETED
            )
            for future in done:
                future.result()
            count += len(done)
            if dry and not running:
                return count
