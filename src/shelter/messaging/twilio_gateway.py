"""Twilio's SMS as a ``Gateway``.

Twilio's create call takes no idempotency key. Whatever does not prove that a message was refused
is therefore an unknown outcome, and the random code in the text finds the message again.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from shelter.domain.messages import Channel, MessageState
from shelter.messaging.gateway import (
    GatewayError,
    OutcomeUnknown,
    Outgoing,
    Receipt,
    TryLater,
)
from shelter.messaging.twilio_http import (
    CONNECT_TIMEOUT_S,
    READ_TIMEOUT_S,
    SETTLES_AFTER_S,
    NotOk,
    client_for,
    price_of,
    problem_of,
    problem_of_asking,
)
from shelter.settings import Twilio

#: between this machine's clock and Twilio's
CLOCK_SLACK = timedelta(hours=1)
#: seconds that Twilio's queue may keep a message, as Twilio advises at least and allows at most
SHORTEST_VALIDITY_S, LONGEST_VALIDITY_S = 6, 36_000
PAGE_SIZE = 200
#: more than anybody is sent; a list that is longer than this does not end
MAX_PAGES = 100

_STATES = {
    "queued": MessageState.ACCEPTED,
    "accepted": MessageState.ACCEPTED,
    "scheduled": MessageState.ACCEPTED,
    "sending": MessageState.ACCEPTED,
    "sent": MessageState.SENT,
    "delivered": MessageState.DELIVERED,
    "read": MessageState.DELIVERED,
    "undelivered": MessageState.UNDELIVERED,
    "failed": MessageState.FAILED,
    "canceled": MessageState.FAILED,
}


def state_of(status: object) -> MessageState:
    """Twilio's status as ours. A status that is new to us is accepted: Twilio has the message."""
    return _STATES.get(str(status), MessageState.ACCEPTED)


class TwilioGateway:
    """Sends from a number, or through a messaging service when the sender is ``MG…``."""

    name = "twilio"

    def __init__(
        self,
        settings: Twilio,
        *,
        status_callback: str | None = None,
        timeout_s: tuple[float, float] = (CONNECT_TIMEOUT_S, READ_TIMEOUT_S),
        page_size: int = PAGE_SIZE,
        settles_after_s: float = SETTLES_AFTER_S,
    ) -> None:
        self.settles_after_s = settles_after_s
        self._sender: dict[str, str] = (
            {"messaging_service_sid": settings.sender}
            if settings.sender.startswith("MG")
            else {"from_": settings.sender}
        )
        self._status_callback = status_callback
        self._page_size = page_size
        self._client = client_for(settings, timeout_s)

    def __repr__(self) -> str:
        return "TwilioGateway()"

    def _callback(self, out: Outgoing) -> dict[str, str]:
        """Reports come to an address with our id: one may be here before we know Twilio's."""
        if self._status_callback is None:
            return {}
        return {"status_callback": f"{self._status_callback}?m={out.message_id}"}

    def send(self, out: Outgoing) -> Receipt:
        """See ``Gateway.send``."""
        problem: GatewayError
        try:
            message = self._client.messages.create(
                to=out.to,
                body=out.body,
                validity_period=_seconds_until(out.useful_until),
                **self._sender,
                **self._callback(out),
            )
            if isinstance(message.sid, str) and message.sid:
                return _receipt(message)
            problem = OutcomeUnknown("the answer names no message")
        except Exception as error:
            problem = problem_of(error)
        # Raised here, not above: the library's errors quote addresses, and would stay attached.
        raise problem

    def find(self, out: Outgoing, since: datetime) -> Receipt | None:
        """See ``Gateway.find``. Raises ValueError without a code, which would match anything."""
        if not out.code:
            raise ValueError("a message is found by its code: give one")
        later: TryLater
        try:
            return self._find(out.to, out.code, since - CLOCK_SLACK)
        except NotOk as answer:
            later = TryLater(answer.retry_after_s, answer.error_code)
        except Exception:
            later = TryLater()
        raise later

    def look(self, provider_id: str, channel: Channel) -> Receipt:  # noqa: ARG002
        """See ``Gateway.look``."""
        problem: GatewayError
        try:
            message = self._client.messages(provider_id).fetch()
            if message.sid == provider_id:
                return _receipt(message)
            problem = TryLater()
        except Exception as error:
            problem = problem_of_asking(error)
        raise problem

    def _find(self, to: str, code: str, since: datetime) -> Receipt | None:
        # Twilio's own date filter looks at date_sent, which a waiting message does not have yet.
        page = self._client.messages.page(to=to, page_size=self._page_size)
        for _ in range(MAX_PAGES):
            messages = list(page)
            recent = [m for m in messages if m.date_created is None or m.date_created >= since]
            for message in recent:
                # An answer to somebody's own SMS quotes the code of the message that it answers.
                if message.direction == "outbound-api" and code in (message.body or ""):
                    return _receipt(message)
            # Newest first, but by a date that is not ours: only a wholly old page ends the search.
            if messages and not recent:
                return None
            page = page.next_page()
            if page is None:
                return None
        raise TryLater


def _seconds_until(moment: datetime) -> int:
    """How long Twilio may keep a message in its queue: it drops what would come too late."""
    left = (moment - datetime.now(UTC)).total_seconds()
    return int(min(max(left, SHORTEST_VALIDITY_S), LONGEST_VALIDITY_S))


def _receipt(message: Any) -> Receipt:
    code = message.error_code
    return Receipt(
        message.sid,
        state_of(message.status),
        None if code is None else str(code),
        *price_of(message.price, message.price_unit),
    )
