"""What delivery needs of a provider, and the three ways in which handing over can go wrong.

No provider in use takes an idempotency key, so the difference between "was not taken" and "nobody
knows" is the whole point: the first may be sent again, the second may only be asked about.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from shelter.domain.messages import Channel, MessageState


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message to hand over."""

    #: ours; goes along where the provider's reports can carry it
    message_id: UUID
    channel: Channel
    #: E.164 number, or a mail address
    to: str
    #: what is sent or read aloud; contains ``code``
    body: str
    #: random and new for each message
    code: str
    language: str
    #: later it would only confuse: a provider that can drop it by then is asked to
    useful_until: datetime


@dataclass(frozen=True, slots=True)
class Receipt:
    """The provider has the message."""

    #: the provider's own id, which its later reports name
    provider_id: str
    state: MessageState
    #: the provider's reason when ``state`` is failed or undelivered
    error_code: str | None = None
    #: what it cost, in millionths of ``currency`` (ISO 4217); None while the provider knows none
    price_micros: int | None = None
    currency: str | None = None


class GatewayError(Exception):
    """A message was not handed over, or nobody knows. Its text holds no number, words or secret."""


class TryLater(GatewayError):
    """Known not to have been accepted, for a reason that passes; the same call is safe again.

    Raised when no connection came about (so no byte was sent), when the provider throttles (429),
    and when the account itself is refused (a wrong token, a suspended account): the message is
    sound and goes out once somebody has put the account right.
    """

    def __init__(self, retry_after_s: float | None = None, error_code: str | None = None) -> None:
        super().__init__("not accepted, try later" + (f" ({error_code})" if error_code else ""))
        #: seconds that the provider asked for; None when it asked for none
        self.retry_after_s = retry_after_s
        self.error_code = error_code


class Refused(GatewayError):
    """The provider refused this message in so many words; sending it again would change nothing.

    A bad number (21211, 21614) or a person who opted out (21610), for example.
    """

    def __init__(self, error_code: str) -> None:
        super().__init__(f"refused by the provider ({error_code})")
        self.error_code = error_code


class OutcomeUnknown(GatewayError):
    """The message may or may not have been accepted: ask with ``find`` before sending it again.

    Raised for a timeout or a lost connection after the request began, for every 5xx, and for an
    answer that cannot be read.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(f"accepted or not is unknown: {reason}")
        self.reason = reason


class Gateway(Protocol):
    """Hands messages over, and says whether one was. May be shared by threads."""

    @property
    def name(self) -> str: ...

    @property
    def settles_after_s(self) -> float:
        """Seconds after which ``find`` may be believed when it answers None."""

    def send(self, out: Outgoing) -> Receipt:
        """Hand the message over. Raises TryLater, Refused or OutcomeUnknown, and nothing else."""

    def find(self, out: Outgoing, since: datetime) -> Receipt | None:
        """What the provider has of this message, if it took it; ``since`` is when it was made.

        Raises TryLater when the provider could not be asked: then nothing is known.
        """

    def look(self, provider_id: str, channel: Channel) -> Receipt:
        """What has become of a message that the provider has.

        Raises TryLater when the provider could not be asked, Refused when it has none of that id.
        """
