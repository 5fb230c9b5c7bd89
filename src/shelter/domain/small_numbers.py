"""Counts that would point at somebody are not told.

In a small commune "1 family refused for want of a safe place" is a family that neighbours know.
So a count from 1 to 4 is hidden; and where a total is told beside the counts others are hidden with
it, for one alone could be worked out (primary and complementary cell suppression: Willenborg and de
Waal, "Elements of Statistical Disclosure Control", 2001).
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

#: the least count that is told; 0 is told too
LEAST = 5

K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Told(Generic[K]):
    """Counts as they may be told: None where one is hidden."""

    counts: Mapping[K, int | None]
    total: int | None

    @property
    def hides(self) -> bool:
        return self.total is None or None in self.counts.values()


def tellable(count: int) -> int | None:
    """One count that stands alone, with no total beside it."""
    return None if 0 < count < LEAST else count


def tell(counts: Mapping[K, int]) -> Told[K]:
    """Counts of one group, with their total.

    When one is small, the least of those that are not goes with it, and whatever equals that one.
    What is hidden then depends on values alone, not on where they stand: to whoever knows this
    rule, every order of the hidden values is as likely, and they are not all the same. Where all
    are small there is nothing to hide behind, and the total is hidden too.
    """
    small = any(tellable(count) is None for count in counts.values())
    large = [count for count in counts.values() if count >= LEAST]
    most_hidden = (min(large) if large else LEAST) if small else 0
    return Told(
        {key: None if 0 < count <= most_hidden else count for key, count in counts.items()},
        None if small and not large else sum(counts.values()),
    )
