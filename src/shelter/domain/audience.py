"""For whom a site is, and how that may change: seldom, asked by one person, agreed by another."""

from __future__ import annotations

from enum import StrEnum


class AudienceReason(StrEnum):
    """Why a site is to serve the other side; closed, so that nobody writes about people here."""

    NEEDED_THERE = "needed_there"  # the other side lacks places
    NOT_NEEDED_HERE = "not_needed_here"  # it stands empty on this side
    CONVENTION = "convention"  # the partners agreed so
    NEW_PURPOSE = "new_purpose"  # its owner gives it another purpose


class AudienceState(StrEnum):
    ASKED = "asked"
    AGREED = "agreed"
    WITHDRAWN = "withdrawn"
