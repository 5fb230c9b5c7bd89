"""Twilio as a ``Gateway``, through its official client, and the signature of what it posts to us.

Twilio's create call takes no idempotency key. Whatever does not prove that a message was refused
is therefore an unknown outcome, and the random code in the text finds the message again.
"""

from __future__ import annotations

import hmac
import json
import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import urlsplit

import requests
from twilio.http.http_client import TwilioHttpClient
from twilio.request_validator import RequestValidator, add_port, remove_port
from twilio.rest import Client
from urllib3.exceptions import MaxRetryError, NewConnectionError

from shelter.domain.messages import Channel, MessageState
from shelter.messaging.gateway import (
    GatewayError,
    OutcomeUnknown,
    Outgoing,
    Receipt,
    Refused,
    TryLater,
)
from shelter.settings import Twilio

CONNECT_TIMEOUT_S = 5.0
READ_TIMEOUT_S = 10.0
#: a request that timed out here may still be at work there, and lists lag behind it
SETTLES_AFTER_S = 60.0
#: between this machine's clock and Twilio's
CLOCK_SLACK = timedelta(hours=1)
PAGE_SIZE = 200
#: more than anybody is sent; a list that is longer than this does not end
MAX_PAGES = 100

#: Twilio's own error codes have five digits; a smaller one is a status code in disguise
FIRST_ERROR_CODE = 10_000
#: wrong credentials, suspended account: the message is sound, the account is not
ACCOUNT_ERRORS = frozenset({20003, 20005})

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


def signature_is_valid(
    auth_token: str, url: str, params: Mapping[str, str], signature: str
) -> bool:
    """Whether Twilio signed this form post (header ``X-Twilio-Signature``), in constant time.

    ``url`` is the address as Twilio knows it: the configured one with path and query, never what
    a Host header says. The signature has no time in it, so a true one can be replayed for ever:
    the caller drops what it has seen (MessageSid and status). An empty token is never valid.
    """
    if not auth_token:
        return False
    validator = RequestValidator(auth_token)
    given = signature.encode("utf-8", "replace")
    # Twilio signs with or without the default port, so both are tried, as its own library does.
    parts = urlsplit(url)
    valid = False
    for address in (remove_port(parts), add_port(parts)):
        computed = str(validator.compute_signature(address, dict(params))).encode()
        valid |= hmac.compare_digest(computed, given)
    return valid


class TwilioGateway:
    """Sends from a number, or through a messaging service when the sender is ``MG…``.

    ``settings.api_url`` replaces Twilio's address: a region's (the European one keeps messages in
    Ireland), or a local server in tests. Timeouts are in seconds: to connect, and then between
    two pieces of the answer.
    """

    name = "twilio"
    settles_after_s = SETTLES_AFTER_S

    def __init__(
        self,
        settings: Twilio,
        *,
        status_callback: str | None = None,
        timeout_s: tuple[float, float] = (CONNECT_TIMEOUT_S, READ_TIMEOUT_S),
        page_size: int = PAGE_SIZE,
    ) -> None:
        self._sender: dict[str, str] = (
            {"messaging_service_sid": settings.sender}
            if settings.sender.startswith("MG")
            else {"from_": settings.sender}
        )
        self._callback = {"status_callback": status_callback} if status_callback else {}
        self._page_size = page_size
        self._client = Client(
            settings.account_sid,
            settings.auth_token,
            http_client=_Http(timeout_s),
            # The client reads region and edge from the environment otherwise; Settings decides.
            environment={"TWILIO_EDGE": "", "TWILIO_REGION": ""},
        )
        if settings.api_url is not None:
            self._client.api.base_url = settings.api_url

    def __repr__(self) -> str:
        return "TwilioGateway()"

    def send(self, out: Outgoing) -> Receipt:
        """See ``Gateway.send``."""
        problem: GatewayError
        try:
            message = self._client.messages.create(
                to=out.to, body=out.body, **self._sender, **self._callback
            )
            if isinstance(message.sid, str) and message.sid:
                return _receipt(message)
            problem = OutcomeUnknown("the answer names no message")
        except Exception as error:
            problem = _problem(error)
        # Raised here, not above: the library's errors quote addresses, and would stay attached.
        raise problem

    def find(self, out: Outgoing, since: datetime) -> Receipt | None:
        """See ``Gateway.find``. Raises ValueError without a code, which would match anything."""
        if not out.code:
            raise ValueError("a message is found by its code: give one")
        later: TryLater
        try:
            return self._find(out.to, out.code, since - CLOCK_SLACK)
        except _NotOk as answer:
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
        except _NotOk as answer:
            if answer.status == 404 and answer.error_code is not None:
                problem = Refused(answer.error_code)
            else:
                problem = TryLater(answer.retry_after_s, answer.error_code)
        except Exception:
            problem = TryLater()
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


def _receipt(message: Any) -> Receipt:
    code = message.error_code
    return Receipt(
        message.sid,
        state_of(message.status),
        None if code is None else str(code),
        *_price(message.price, message.price_unit),
    )


def _price(price: object, unit: object) -> tuple[int | None, str | None]:
    """Millionths of a currency. Twilio writes a cost as a negative amount, and null at first."""
    try:
        amount = Decimal(str(price))
    except InvalidOperation:
        return None, None
    if not amount.is_finite() or not isinstance(unit, str):
        return None, None
    return int(abs(amount) * 1_000_000), unit.upper()


class _NotOk(Exception):
    """Twilio, or something in between, answered with another status than 2xx."""

    def __init__(self, status: int, error_code: str | None, retry_after_s: float | None) -> None:
        super().__init__(f"HTTP {status}")
        self.status = status
        #: Twilio's own, so proof that Twilio itself answered
        self.error_code = error_code
        self.retry_after_s = retry_after_s


class _Http(TwilioHttpClient):  # type: ignore[misc]
    """The library's client with two timeouts, no log, and errors that keep Retry-After."""

    def __init__(self, timeout_s: tuple[float, float]) -> None:
        # The library logs numbers and texts; urllib3 logs addresses, which hold numbers too.
        silent = logging.Logger("twilio")
        silent.disabled = True
        logging.getLogger("urllib3.connectionpool").setLevel(logging.WARNING)
        super().__init__(logger=silent)
        self.timeout = timeout_s  # the constructor takes one number, requests takes the pair

    def request(self, *args: Any, **kwargs: Any) -> Any:
        response = super().request(*args, **kwargs)
        # The last exchange, which the library keeps for its own tests, holds a number and a text.
        self._test_only_last_request = self._test_only_last_response = None
        if not 200 <= response.status_code < 300:
            raise _NotOk(
                response.status_code,
                _error_code(response.text),
                _seconds(response.headers.get("Retry-After")),
            )
        return response


def _problem(error: Exception) -> GatewayError:
    """What an error during ``send`` proves."""
    if isinstance(error, _NotOk):
        return _problem_of_answer(error)
    if isinstance(error, requests.exceptions.ConnectTimeout) or _never_connected(error):
        return TryLater()
    if isinstance(error, requests.exceptions.Timeout):
        return OutcomeUnknown("no answer in time")
    if isinstance(error, requests.exceptions.RequestException):
        return OutcomeUnknown("the connection was lost")
    return OutcomeUnknown("the answer cannot be read")


def _problem_of_answer(answer: _NotOk) -> GatewayError:
    code = answer.error_code
    if answer.status == 429:
        return TryLater(answer.retry_after_s, code)
    if 400 <= answer.status < 500 and code is not None:
        if answer.status == 401 or int(code) in ACCOUNT_ERRORS:
            return TryLater(answer.retry_after_s, code)
        return Refused(code)
    # A 4xx in other words than Twilio's comes from something in between, and proves nothing.
    return OutcomeUnknown(f"HTTP {answer.status}")


def _never_connected(error: Exception) -> bool:
    """Whether no connection came about (refused, unreachable, no such host): no byte was sent."""
    cause = error.args[0] if error.args else None
    return (
        isinstance(error, requests.exceptions.ConnectionError)
        and isinstance(cause, MaxRetryError)
        and isinstance(cause.reason, NewConnectionError)
    )


def _error_code(text: str) -> str | None:
    try:
        code = json.loads(text)["code"]
    except (ValueError, TypeError, KeyError):
        return None
    return str(code) if isinstance(code, int) and code >= FIRST_ERROR_CODE else None


def _seconds(header: str | None) -> float | None:
    """``Retry-After`` in seconds; its other form, a date, asks for trust in two clocks: None."""
    return float(header) if header and header.isascii() and header.isdigit() else None
