"""Rare acts of two-sided people, each with a coded reason: opening a case, lifting a separation."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum

#: how long the other side of a case stays open
GLASS_OPEN_FOR = timedelta(hours=1)
#: how long a question to the second person waits for an answer
ANSWER_WITHIN = timedelta(hours=24)


class GlassReason(StrEnum):
    """Why a coordinator opens the other side of one case."""

    DANGER = "danger"  # somebody is in danger now
    CONTACT = "contact"  # the two sides met, or are said to know each other's place
    AUTHORITY = "authority"  # a magistrate or the police asks
    MISTAKE = "mistake"  # the two sides may have been linked wrongly


class OverrideReason(StrEnum):
    """Why two people allow a place that a separation forbids."""

    NO_OTHER_PLACE = "no_other_place"  # the only other way is the street
    PERSON_ASKS = "person_asks"  # was told, and wants this place
    WAY_IS_SAFE = "way_is_safe"  # the distance on the map is not the real one
    AUTHORITY = "authority"  # a magistrate decided it


class OverrideState(StrEnum):
    ASKED = "asked"
    APPROVED = "approved"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"
