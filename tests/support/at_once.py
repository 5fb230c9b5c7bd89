"""Many at once: the same moment for everybody, and what each came to."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any


def at_once(works: Sequence[Callable[[], Any]]) -> Counter[str]:
    """Start all in the same moment; what each came to, counted: ``done`` or its error's name."""
    line = threading.Barrier(len(works))

    def run(work: Callable[[], Any]) -> str:
        line.wait(timeout=60)
        try:
            work()
        except Exception as error:
            return type(error).__name__
        return "done"

    with ThreadPoolExecutor(len(works)) as pool:
        return Counter(pool.map(run, works))
