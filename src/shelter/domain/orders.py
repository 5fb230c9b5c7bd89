"""Temporary barring orders (ITR): what may follow what, and how long one lasts."""

from __future__ import annotations

from enum import StrEnum


class OrderState(StrEnum):
    ORDERED = "ordered"  # by the prosecutor, orally perhaps; not notified yet: no day runs
    SERVED = "served"  # notified: fourteen days at most
    EXTENDED = "extended"  # by the family court
    LIFTED = "lifted"  # by the court, before its end
    ENDED = "ended"  # somebody said that it is over; no clock does
