"""Duty rosters: shifts, gaps between them, swaps."""

from __future__ import annotations

from enum import StrEnum


class SwapState(StrEnum):
    ASKED = "asked"
    AGREED = "agreed"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"
