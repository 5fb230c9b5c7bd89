"""What went wrong at a place, in closed lists: two levels, and no account of anybody."""

from __future__ import annotations

from enum import StrEnum


class IncidentKind(StrEnum):
    VISITOR = "visitor"  # somebody came to the place
    THREAT = "threat"
    DAMAGE = "damage"
    MEDICAL = "medical"
    HOUSE_RULES = "house_rules"
    OTHER = "other"


class Severity(StrEnum):
    LOW = "low"
    HIGH = "high"  # the police are told, too
