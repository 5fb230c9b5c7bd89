"""What is handed over with a place, and what the partners agreed to think of: two short lists."""

from __future__ import annotations

from enum import StrEnum


class Checklist(StrEnum):
    HANDOVER = "handover"
    PROTOCOL = "protocol"  # its steps stand in the network file


class Handover(StrEnum):
    """In the order in which they are done."""

    KEYS = "keys"
    AGREEMENT = "agreement"  # of precarious occupancy, signed
    HOUSE_RULES = "house_rules"  # explained
    FIRST_VISIT = "first_visit"  # on the next working day


class Transport(StrEnum):
    """Who brings a household to its place."""

    OWN = "own"
    POLICE = "police"
    TAXI = "taxi"
    SERVICE_CAR = "service_car"
    NONE = "none"  # they are there, or walk


class LeftFor(StrEnum):
    """Where somebody goes who leaves a place. All are normal outcomes, not errors."""

    RECEPTION_HOUSE = "reception_house"  # maison d'accueil
    TRANSIT = "transit"  # transit dwelling
    HOME = "home"
    ELSEWHERE = "elsewhere"
    UNKNOWN = "unknown"
