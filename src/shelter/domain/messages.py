"""The states of an outgoing message, and what its text may say (SAFETY.md §5)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from enum import StrEnum


class Channel(StrEnum):
    """How a message gets to somebody."""

    SMS = "sms"
    VOICE = "voice"  # a call that reads the reference aloud and takes a key
    MAIL = "mail"


class MessageState(StrEnum):
    PENDING = "pending"
    LEASED = "leased"  # a worker is talking to the provider
    UNCERTAIN = "uncertain"  # handed over or not? ask before anything is sent again
    ACCEPTED = "accepted"  # the provider has it
    SENT = "sent"
    DELIVERED = "delivered"
    UNDELIVERED = "undelivered"
    FAILED = "failed"
    EXPIRED = "expired"  # too old to be useful


_S = MessageState
#: nothing more will happen to it by itself
FINAL = frozenset({_S.DELIVERED, _S.UNDELIVERED, _S.FAILED, _S.EXPIRED})
#: it reached nobody
LOST = frozenset({_S.UNDELIVERED, _S.FAILED, _S.EXPIRED})
#: a later report never brings a message back to a state of lower rank
RANK: dict[MessageState, int] = {
    _S.PENDING: 0,
    _S.LEASED: 1,
    _S.UNCERTAIN: 2,
    _S.ACCEPTED: 3,
    _S.SENT: 4,
    _S.UNDELIVERED: 5,
    _S.FAILED: 5,
    _S.EXPIRED: 5,
    _S.DELIVERED: 6,
}


def supersedes(new: MessageState, old: MessageState) -> bool:
    return RANK[new] > RANK[old]


# 3GPP TS 23.038 §6.2.1, basic character set; the extension table costs two septets a character.
GSM7_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
GSM7_EXTENSION = frozenset("^{}\\[~]|€\f")
SEGMENT_SEPTETS = 160

#: what a phone lying on a table may never show, in the four languages
FORBIDDEN_WORDS = (
    "violence", "violent", "victime", "victim", "auteur", "perpetrator", "police", "politie",
    "polizei", "geweld", "slachtoffer", "dader", "pleger", "gewalt", "opfer", "tater",
    "refuge", "shelter", "cpas", "ocmw", "sapv", "commune", "gemeente", "gemeinde", "adresse",
    "rue ", "straat", "strasse",
)  # fmt: skip
#: words that carriers treat as opt-out; a text never asks anybody to send one
OPT_OUT_WORDS = frozenset(
    {"STOP", "END", "QUIT", "CANCEL", "UNSUBSCRIBE", "REVOKE", "OPTOUT", "STOPALL"}
)


def septets(text: str) -> int:
    """Length in GSM-7 septets. Raises ValueError on a character that forces UCS-2."""
    total = 0
    for character in text:
        if character in GSM7_BASIC:
            total += 1
        elif character in GSM7_EXTENSION:
            total += 2
        else:
            raise ValueError(f"{character!r} is not in the GSM-7 alphabet")
    return total


def text_problems(text: str, channel: Channel = Channel.SMS) -> tuple[str, ...]:
    """Everything that forbids sending ``text``; empty when it may be sent."""
    problems = list(_sms_problems(text)) if channel is Channel.SMS else []
    plain = "".join(
        c for c in unicodedata.normalize("NFKD", text.lower()) if not unicodedata.combining(c)
    )
    problems.extend(f"says {word.strip()!r}" for word in FORBIDDEN_WORDS if word in plain)
    return tuple(problems)


def _sms_problems(text: str) -> Iterator[str]:
    try:
        length = septets(text)
    except ValueError as error:
        yield str(error)
    else:
        if length > SEGMENT_SEPTETS:
            yield f"{length} septets do not fit one segment"
    words = set(re.findall(r"[A-Z]+", text.upper()))
    yield from (f"contains the opt-out word {word}" for word in sorted(words & OPT_OUT_WORDS))
