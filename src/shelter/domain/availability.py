"""Whether a unit can be given out, and how much that statement can be trusted."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

from shelter_solver.problem import Sharing as Sharing


class BlockReason(StrEnum):
    """Why a unit cannot be given out for some nights."""

    CLOSED = "closed"
    OCCUPIED = "occupied"  # by somebody who was not placed through this network
    CLEANING = "cleaning"
    OUT_OF_SERVICE = "out_of_service"
    KEPT_BACK = "kept_back"  # in reserve: for immediate danger only


class Freshness(StrEnum):
    FRESH = "fresh"
    AGEING = "ageing"  # more than half of the network's limit
    STALE = "stale"  # older than the limit: somebody is asked to say whether it is still true


def freshness(confirmed_at: datetime, now: datetime, limit: timedelta) -> Freshness:
    age = now - confirmed_at
    if age > limit:
        return Freshness.STALE
    return Freshness.AGEING if age > limit / 2 else Freshness.FRESH
