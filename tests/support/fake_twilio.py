"""A Twilio that remembers: the Messages resource of its 2010-04-01 API on a loopback port.

It follows Twilio's OpenAPI description (field names, statuses, error bodies, paging by
``next_page_uri``), refuses what Twilio refuses, and fails on demand in the ways that matter to a
sender: above all those in which the message was taken and the sender cannot know it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import random
import secrets
import threading
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime
from enum import Enum, auto
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlencode, urlsplit


class Fault(Enum):
    """What goes wrong with one request. Those named TAKEN_… accept the message all the same."""

    THROTTLED = auto()  # 429 with Retry-After
    ERROR = auto()  # 500, not accepted
    ERROR_PAGE = auto()  # 502 in HTML, from something in between
    BLOCKED = auto()  # 403 in HTML, from something in between
    DROPPED = auto()  # the connection closes before anything was read into the books
    TAKEN_REPLY_LOST = auto()  # accepted, then the connection closes
    TAKEN_ERROR = auto()  # accepted, then a 500
    TAKEN_HANGS = auto()  # accepted, then silence until the server closes
    TAKEN_GARBAGE = auto()  # accepted, answered 201 with something that is not JSON
    TAKEN_NAMELESS = auto()  # accepted, answered 201 with JSON that names no message


#: what goes wrong in a bad night, and how often each compared with the others
BAD_NIGHT: dict[Fault, float] = {
    Fault.THROTTLED: 4,
    Fault.ERROR: 2,
    Fault.ERROR_PAGE: 1,
    Fault.DROPPED: 2,
    Fault.TAKEN_REPLY_LOST: 4,
    Fault.TAKEN_ERROR: 2,
    Fault.TAKEN_HANGS: 1,
    Fault.TAKEN_GARBAGE: 2,
    Fault.TAKEN_NAMELESS: 2,
}


@dataclass
class TakenMessage:
    """A message as Twilio keeps it."""

    sid: str
    to: str
    sender: str | None
    service_sid: str | None
    body: str
    status_callback: str | None
    created: datetime
    status: str = "queued"
    sent: datetime | None = None
    error_code: int | None = None
    direction: str = "outbound-api"
    #: as Twilio writes it: negative, and null until it is known
    price: str | None = None


@dataclass(frozen=True)
class Refusal:
    """An answer of 4xx: Twilio's error code, the HTTP status, its words."""

    code: int
    status: int = 400
    message: str = "refused"


@dataclass
class FakeTwilio:
    """Use as a context manager; ``url`` is the ``api_url`` to configure.

    ``accepted`` holds every message that it took, oldest first.
    """

    account_sid: str = "AC" + "0123456789abcdef" * 2
    auth_token: str = "fake-auth-token-5d1f"
    retry_after: str = "7"
    accepted: list[TakenMessage] = field(default_factory=list)
    #: the method and the query or form of everything that was asked, in order
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._faults: list[Fault | None] = []
        self._refused: dict[str, Refusal] = {}
        self._by_number: dict[str, list[TakenMessage]] = {}
        self._by_sid: dict[str, TakenMessage] = {}
        self._chance: random.Random | None = None
        self._share = 0.0
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.fake = self
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def fail_next(self, *faults: Fault | None) -> None:
        """The next requests fail so, one each, in this order; None is one that goes well."""
        with self._lock:
            self._faults.extend(faults)

    def fail_at_random(self, share: float, seed: int) -> None:
        """From now on this share of all requests fails, as in a bad night; 0 ends it."""
        with self._lock:
            self._share, self._chance = share, random.Random(seed)

    def refuse(self, number: str, code: int, status: int = 400) -> None:
        """Every message to ``number`` is refused from now on (21211, 21610, 21614 …)."""
        self._refused[number] = Refusal(code, status)

    def take(self, to: str, body: str, **changes: Any) -> TakenMessage:
        """Put a message into the books as if it had been sent earlier."""
        values: dict[str, Any] = {
            "sid": "SM" + secrets.token_hex(16),
            "to": to,
            "sender": "+3200000000",
            "service_sid": None,
            "body": body,
            "status_callback": None,
            "created": datetime.now(UTC),
        }
        message = TakenMessage(**(values | changes))
        with self._lock:
            self.accepted.append(message)
            self._by_number.setdefault(message.to, []).append(message)
            self._by_sid[message.sid] = message
        return message

    def report(
        self, message: TakenMessage, status: str, url: str, error_code: int | None = None
    ) -> tuple[dict[str, str], str]:
        """Move a message on; the form and ``X-Twilio-Signature`` that Twilio would post to ``url``.

        Signed as Twilio documents: HMAC-SHA1, keyed with the auth token, over the URL followed by
        every name and value in the order of the names.
        """
        message.status, message.error_code = status, error_code
        if status in {"sent", "delivered", "undelivered"}:
            message.sent = message.sent or datetime.now(UTC)
        form = {
            "MessageSid": message.sid,
            "SmsSid": message.sid,
            "MessageStatus": status,
            "SmsStatus": status,
            "AccountSid": self.account_sid,
            "From": message.sender or "",
            "To": message.to,
            "ApiVersion": "2010-04-01",
        }
        if error_code is not None:
            form["ErrorCode"] = str(error_code)
        return form, self.sign(url, form)

    def sign(self, url: str, form: dict[str, str]) -> str:
        """The signature of any form post, an incoming SMS for example."""
        signed = url + "".join(name + form[name] for name in sorted(form))
        mac = hmac.new(self.auth_token.encode(), signed.encode(), hashlib.sha1)
        return base64.b64encode(mac.digest()).decode()

    # what the handler asks

    def _next_fault(self) -> Fault | None:
        with self._lock:
            if self._faults:
                return self._faults.pop(0)
            if self._chance is None or self._chance.random() >= self._share:
                return None
            [fault] = self._chance.choices([*BAD_NIGHT], [*BAD_NIGHT.values()])
            return fault

    def _newest_first(self, number: str | None) -> list[TakenMessage]:
        with self._lock:
            known = self.accepted if number is None else self._by_number.get(number, [])
            return sorted(known, key=lambda m: m.created, reverse=True)

    def _resource(self, message: TakenMessage) -> dict[str, Any]:
        uri = f"/2010-04-01/Accounts/{self.account_sid}/Messages/{message.sid}"
        return {
            "account_sid": self.account_sid,
            "api_version": "2010-04-01",
            "body": message.body,
            "date_created": _rfc2822(message.created),
            "date_sent": _rfc2822(message.sent),
            "date_updated": _rfc2822(message.sent or message.created),
            "direction": message.direction,
            "error_code": message.error_code,
            "error_message": None,
            "from": message.sender,
            "messaging_service_sid": message.service_sid,
            "num_media": "0",
            "num_segments": "0" if message.service_sid else "1",
            "price": message.price,
            "price_unit": "EUR" if message.price else None,
            "sid": message.sid,
            "status": message.status,
            "subresource_uris": {"media": f"{uri}/Media.json"},
            "to": message.to,
            "uri": f"{uri}.json",
        }


def _rfc2822(moment: datetime | None) -> str | None:
    return None if moment is None else format_datetime(moment.astimezone(UTC))


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # a handler may be hanging on purpose: closing does not wait for it
    block_on_close = False
    fake: FakeTwilio

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away (it timed out) is part of the play."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    @property
    def fake(self) -> FakeTwilio:
        return self.server.fake

    def log_message(self, format: str, *args: Any) -> None:
        """Silence: a test's output is its own."""

    def do_POST(self) -> None:
        form = _single(self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode())
        self.fake.requests.append(("POST", form))
        fault = self.fake._next_fault()
        if self._plain_fault(fault):
            return
        refusal = self._refusal_of_caller() or self._refusal_of(form)
        if refusal is not None:
            self._refuse(refusal)
            return
        sender = form.get("From")
        message = self.fake.take(
            form["To"],
            form["Body"],
            sender=sender,
            service_sid=form.get("MessagingServiceSid"),
            status_callback=form.get("StatusCallback"),
            status="queued" if sender else "accepted",
        )
        match fault:
            case Fault.TAKEN_REPLY_LOST:
                self.close_connection = True
            case Fault.TAKEN_ERROR:
                self._refuse(Refusal(20500, 500, "Internal Server Error"))
            case Fault.TAKEN_HANGS:
                self.fake._closing.wait(30)
                self.close_connection = True
            case Fault.TAKEN_GARBAGE:
                self._answer(201, "<html>not JSON", "text/html")
            case Fault.TAKEN_NAMELESS:
                self._answer(201, "{}")
            case _:
                self._answer(201, json.dumps(self.fake._resource(message)))

    def do_GET(self) -> None:
        query = _single(urlsplit(self.path).query)
        self.fake.requests.append(("GET", query))
        fault = self.fake._next_fault()
        if self._plain_fault(fault):
            return
        if fault is Fault.TAKEN_GARBAGE:
            self._answer(200, "<html>not JSON", "text/html")
            return
        if fault is Fault.TAKEN_NAMELESS:
            self._answer(200, "{}")
            return
        refusal = self._refusal_of_caller()
        if refusal is not None:
            self._refuse(refusal)
            return
        sid = self._sid()
        if sid is None:
            self._answer(200, json.dumps(self._page(query)))
        elif sid in self.fake._by_sid:
            self._answer(200, json.dumps(self.fake._resource(self.fake._by_sid[sid])))
        else:
            self._refuse(Refusal(20404, 404, f"The requested resource {sid} was not found"))

    def _sid(self) -> str | None:
        """Of the one message that is asked for; None when it is all of them."""
        folder, _, name = urlsplit(self.path).path.removesuffix(".json").rpartition("/")
        return name if folder.endswith("/Messages") else None

    def _page(self, query: dict[str, str]) -> dict[str, Any]:
        size = min(int(query.get("PageSize", "50")), 1000)
        number = int(query.get("Page", "0"))
        found = [
            message
            for message in self.fake._newest_first(query.get("To"))
            if query.get("From") in {None, message.sender}
            # Twilio filters by date_sent, so a message that still waits is not in the answer
            and _is_sent_between(message, query.get("DateSent>"), query.get("DateSent<"))
        ]
        shown = found[number * size : (number + 1) * size]
        more = len(found) > (number + 1) * size

        def uri(page: int) -> str:
            values = {k: v for k, v in query.items() if k not in {"Page", "PageToken"}}
            values |= {"PageSize": str(size), "Page": str(page)}
            if page:
                values["PageToken"] = f"PA{found[page * size - 1].sid}"
            return f"{urlsplit(self.path).path}?{urlencode(values)}"

        return {
            "first_page_uri": uri(0),
            "next_page_uri": uri(number + 1) if more else None,
            "previous_page_uri": uri(number - 1) if number else None,
            "uri": uri(number) if shown else uri(0),
            "page": number,
            "page_size": size,
            "start": number * size,
            "end": number * size + max(len(shown) - 1, 0),
            "messages": [self.fake._resource(message) for message in shown],
        }

    def _refusal_of_caller(self) -> Refusal | None:
        path = urlsplit(self.path).path
        base = f"/2010-04-01/Accounts/{self.fake.account_sid}/Messages"
        if path != f"{base}.json" and not path.startswith(f"{base}/"):
            return Refusal(20404, 404, f"The requested resource {path} was not found")
        pair = f"{self.fake.account_sid}:{self.fake.auth_token}".encode()
        expected = "Basic " + base64.b64encode(pair).decode()
        if self.headers.get("Authorization") != expected:
            return Refusal(20003, 401, "Authenticate")
        return None

    def _refusal_of(self, form: dict[str, str]) -> Refusal | None:
        to, body = form.get("To"), form.get("Body")
        if self.headers.get_content_type() != "application/x-www-form-urlencoded":
            return Refusal(20001, 400, "Unsupported media type")
        if not to:
            return Refusal(21604, 400, "A 'To' phone number is required.")
        if not form.get("From") and not form.get("MessagingServiceSid"):
            return Refusal(21603, 400, "A 'From' phone number is required.")
        if not body:
            return Refusal(21602, 400, "Message body is required.")
        if not (to.startswith("+") and to[1:].isdigit()):
            return Refusal(21211, 400, f"Invalid 'To' Phone Number: {to}")
        return self.fake._refused.get(to)

    def _plain_fault(self, fault: Fault | None) -> bool:
        """Answer a fault in which nothing is taken; False if it is not one of them."""
        match fault:
            case Fault.THROTTLED:
                self._refuse(Refusal(20429, 429, "Too Many Requests"), self.fake.retry_after)
            case Fault.ERROR:
                self._refuse(Refusal(20500, 500, "Internal Server Error"))
            case Fault.ERROR_PAGE:
                self._answer(502, "<html>Bad Gateway", "text/html")
            case Fault.BLOCKED:
                self._answer(403, "<html>Forbidden", "text/html")
            case Fault.DROPPED:
                self.close_connection = True
            case _:
                return False
        return True

    def _refuse(self, refusal: Refusal, retry_after: str | None = None) -> None:
        body = {
            "code": refusal.code,
            "message": refusal.message,
            "more_info": f"https://www.twilio.com/docs/errors/{refusal.code}",
            "status": refusal.status,
        }
        headers = {} if retry_after is None else {"Retry-After": retry_after}
        self._answer(refusal.status, json.dumps(body), **headers)

    def _answer(
        self, status: int, body: str, kind: str = "application/json", **headers: str
    ) -> None:
        data = body.encode()
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(data))}.items():
            self.send_header(name, value)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)


def _single(encoded: str) -> dict[str, str]:
    return {name: values[-1] for name, values in parse_qs(encoded, keep_blank_values=True).items()}


def _is_sent_between(message: TakenMessage, after: str | None, before: str | None) -> bool:
    if after is None and before is None:
        return True
    if message.sent is None:
        return False
    day = message.sent.date()
    return (after is None or day >= _day(after)) and (before is None or day <= _day(before))


def _day(value: str) -> date:
    return datetime.fromisoformat(value.replace("Z", "+00:00")).astimezone(UTC).date()


def ago(**parts: float) -> datetime:
    """A time in the past, for messages of long ago: ``ago(days=3)``."""
    return datetime.now(UTC) - timedelta(**parts)
