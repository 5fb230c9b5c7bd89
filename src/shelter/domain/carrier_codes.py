"""What the provider's and the carriers' error codes mean, and what is done about each.

One table for what Twilio answers at once and for what a carrier reports later. A code that is not
in it is final: the message reached nobody, and somebody is told.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class Remedy(StrEnum):
    ONCE_MORE = "once_more"  # it may pass: sent once more, then lost
    BAD_NUMBER = "bad_number"  # nothing will ever reach it: the number has to be put right
    FILTERED = "filtered"  # the words were taken for spam: the text has to be changed
    OPTED_OUT = "opted_out"  # the telephone is deaf until its owner asks for messages again
    TOO_LATE = "too_late"  # it waited there until it was of no use
    NONE = "none"


REMEDIES: Mapping[str, Remedy] = MappingProxyType(
    {
        "21211": Remedy.BAD_NUMBER,  # not a number
        "21610": Remedy.OPTED_OUT,
        "21614": Remedy.BAD_NUMBER,  # not a mobile number
        "30003": Remedy.ONCE_MORE,  # switched off, or out of reach
        "30005": Remedy.BAD_NUMBER,  # no such subscriber
        "30006": Remedy.BAD_NUMBER,  # a landline, or a carrier that cannot be reached
        "30007": Remedy.FILTERED,
        "30008": Remedy.ONCE_MORE,  # the carrier gave no reason
        "30036": Remedy.TOO_LATE,  # its validity period ended
    }
)


def remedy_of(error_code: str | None) -> Remedy:
    """What is done about a message that ended with this code."""
    return REMEDIES.get(error_code or "", Remedy.NONE)
