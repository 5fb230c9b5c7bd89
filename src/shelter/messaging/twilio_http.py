"""Talking to Twilio over HTTP: its official client, what an error proves, and its signature."""

from __future__ import annotations

import hmac
import json
import logging
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from twilio.http.http_client import TwilioHttpClient
from twilio.request_validator import RequestValidator, add_port, remove_port
from twilio.rest import Client
from urllib3.exceptions import MaxRetryError, NewConnectionError

from shelter.messaging.gateway import GatewayError, OutcomeUnknown, Refused, TryLater
from shelter.settings import Twilio

CONNECT_TIMEOUT_S = 5.0
READ_TIMEOUT_S = 10.0
#: a request that timed out here may still be at work there, and lists lag behind it
SETTLES_AFTER_S = 60.0
#: kept open: a worker's hands for both sides, and those that ask
CONNECTIONS = 40
#: Twilio's own error codes have five digits; a smaller one is a status code in disguise
FIRST_ERROR_CODE = 10_000
#: wrong credentials, suspended account: the message is sound, the account is not
ACCOUNT_ERRORS = frozenset({20003, 20005})


def client_for(
    settings: Twilio, timeout_s: tuple[float, float] = (CONNECT_TIMEOUT_S, READ_TIMEOUT_S)
) -> Client:
    """Twilio's client. Timeouts are in seconds: to connect, and between two pieces of an answer.

    ``settings.api_url`` replaces Twilio's address: a region's (the European one keeps messages in
    Ireland), or a local server in tests.
    """
    client = Client(
        settings.account_sid,
        settings.auth_token,
        http_client=Http(timeout_s),
        # The client reads region and edge from the environment otherwise; Settings decides.
        environment={"TWILIO_EDGE": "", "TWILIO_REGION": ""},
    )
    if settings.api_url is not None:
        client.api.base_url = settings.api_url
    return client


def signature_is_valid(
    auth_token: str, url: str, params: Mapping[str, str | Sequence[str]], signature: str
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
        computed = str(validator.compute_signature(address, _Form(params))).encode()
        valid |= hmac.compare_digest(computed, given)
    return valid


class _Form(dict[str, str | Sequence[str]]):
    """A form as Twilio's library reads one: a field may have been posted more than once."""

    def getall(self, name: str) -> list[str]:
        value = self[name]
        return [value] if isinstance(value, str) else list(value)


class NotOk(Exception):
    """Twilio, or something in between, answered with another status than 2xx."""

    def __init__(self, status: int, error_code: str | None, retry_after_s: float | None) -> None:
        super().__init__(f"HTTP {status}")
        self.status = status
        #: Twilio's own, so proof that Twilio itself answered
        self.error_code = error_code
        self.retry_after_s = retry_after_s


class Http(TwilioHttpClient):  # type: ignore[misc]
    """The library's client with two timeouts, no log, and errors that keep Retry-After."""

    def __init__(self, timeout_s: tuple[float, float]) -> None:
        # The library logs numbers and texts; urllib3 logs addresses, which hold numbers too.
        silent = logging.Logger("twilio")
        silent.disabled = True
        logging.getLogger("urllib3.connectionpool").setLevel(logging.WARNING)
        super().__init__(logger=silent)
        for scheme in ("https://", "http://"):
            self.session.mount(scheme, HTTPAdapter(pool_maxsize=CONNECTIONS))
        self.timeout = timeout_s  # the constructor takes one number, requests takes the pair

    def request(self, *args: Any, **kwargs: Any) -> Any:
        response = super().request(*args, **kwargs)
        # The last exchange, which the library keeps for its own tests, holds a number and a text.
        self._test_only_last_request = self._test_only_last_response = None
        if not 200 <= response.status_code < 300:
            raise NotOk(
                response.status_code,
                _error_code(response.text),
                _seconds(response.headers.get("Retry-After")),
            )
        return response


def problem_of(error: Exception) -> GatewayError:
    """What an error during ``send`` proves."""
    if isinstance(error, NotOk):
        return _of_answer(error)
    if isinstance(error, requests.exceptions.ConnectTimeout) or _never_connected(error):
        return TryLater()
    if isinstance(error, requests.exceptions.Timeout):
        return OutcomeUnknown("no answer in time")
    if isinstance(error, requests.exceptions.RequestException):
        return OutcomeUnknown("the connection was lost")
    return OutcomeUnknown("the answer cannot be read")


def _of_answer(answer: NotOk) -> GatewayError:
    code = answer.error_code
    if answer.status == 429:
        return TryLater(answer.retry_after_s, code)
    if 400 <= answer.status < 500 and code is not None:
        if answer.status == 401 or int(code) in ACCOUNT_ERRORS:
            return TryLater(answer.retry_after_s, code)
        return Refused(code)
    # A 4xx in other words than Twilio's comes from something in between, and proves nothing.
    return OutcomeUnknown(f"HTTP {answer.status}")


def problem_of_asking(error: Exception) -> GatewayError:
    """What an error proves when only a question was asked: Refused when there is no such thing."""
    if not isinstance(error, NotOk):
        return TryLater()
    if error.status == 404 and error.error_code is not None:
        return Refused(error.error_code)
    return TryLater(error.retry_after_s, error.error_code)


def price_of(price: object, unit: object) -> tuple[int | None, str | None]:
    """Millionths of a currency. Twilio writes a cost as a negative amount, and null at first."""
    try:
        amount = Decimal(str(price))
    except InvalidOperation:
        return None, None
    if not amount.is_finite() or not isinstance(unit, str):
        return None, None
    return int(abs(amount) * 1_000_000), unit.upper()


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
