"""Handing over to Twilio: what is known after each way of going wrong, and finding a message."""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
import os
import socket
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from shelter.domain.messages import Channel, MessageState
from shelter.messaging import STATUS_PATH, gateway_for
from shelter.messaging.by_channel import ByChannel
from shelter.messaging.gateway import (
    Gateway,
    GatewayError,
    OutcomeUnknown,
    Outgoing,
    Refused,
    TryLater,
)
from shelter.messaging.twilio_gateway import TwilioGateway, state_of
from shelter.messaging.twilio_http import READ_TIMEOUT_S, signature_is_valid
from shelter.settings import Twilio, load
from support.fake_twilio import FakeTwilio, Fault, ago

PHONE = "+32470000001"
SENDER = "+3200000000"
BODY = "Ref BCDFG: confirmed. Code HJKMN"
CODE = "HJKMN"
OUT = Outgoing(
    message_id=UUID(int=7),
    channel=Channel.SMS,
    to=PHONE,
    body=BODY,
    code=CODE,
    language="fr",
    useful_until=datetime.now(UTC) + timedelta(hours=6),
)
#: short, so that a hanging server costs a test little
TIMEOUT_S = (0.5, 0.3)


@pytest.fixture
def twilio() -> Iterator[FakeTwilio]:
    with FakeTwilio() as fake:
        yield fake


def account(fake: FakeTwilio, sender: str = SENDER) -> Twilio:
    return Twilio(fake.account_sid, fake.auth_token, sender, api_url=fake.url)


@pytest.fixture
def gateway(twilio: FakeTwilio) -> TwilioGateway:
    return TwilioGateway(account(twilio), timeout_s=TIMEOUT_S, page_size=2)


def test_a_message_is_handed_over_once_with_its_words(
    twilio: FakeTwilio, gateway: TwilioGateway
) -> None:
    receipt = gateway.send(OUT)
    (taken,) = twilio.accepted
    assert (taken.to, taken.sender, taken.body) == (PHONE, SENDER, BODY)
    assert (receipt.provider_id, receipt.state, receipt.error_code) == (
        taken.sid,
        MessageState.ACCEPTED,
        None,
    )
    assert taken.status_callback is None


def test_a_messaging_service_takes_the_place_of_a_number(twilio: FakeTwilio) -> None:
    service = "MG" + "ab" * 16
    TwilioGateway(account(twilio, service)).send(OUT)
    (taken,) = twilio.accepted
    assert (taken.sender, taken.service_sid) == (None, service)


def test_the_address_for_reports_goes_along(twilio: FakeTwilio) -> None:
    callback = "https://shelter.example/v1/twilio/status"
    TwilioGateway(account(twilio), status_callback=callback).send(OUT)
    assert twilio.accepted[0].status_callback == f"{callback}?m={OUT.message_id}"


@pytest.mark.parametrize(("hours", "expected"), [(-1, 6), (2, 7200), (24, 36_000)])
def test_twilio_itself_drops_a_message_that_would_come_too_late(
    twilio: FakeTwilio, gateway: TwilioGateway, hours: int, expected: int
) -> None:
    gateway.send(replace(OUT, useful_until=datetime.now(UTC) + timedelta(hours=hours)))
    [(_, form)] = twilio.requests
    assert expected - 30 <= int(form["ValidityPeriod"]) <= expected


def test_a_message_that_twilio_has_can_be_looked_up(
    twilio: FakeTwilio, gateway: TwilioGateway
) -> None:
    sent = gateway.send(OUT)
    assert gateway.look(sent.provider_id, Channel.SMS).state is MessageState.ACCEPTED
    [taken] = twilio.accepted
    taken.status, taken.error_code, taken.price = "undelivered", 30005, "-0.07900"
    seen = gateway.look(sent.provider_id, Channel.SMS)
    assert (seen.state, seen.error_code) == (MessageState.UNDELIVERED, "30005")
    assert (seen.price_micros, seen.currency) == (79_000, "EUR")
    with pytest.raises(Refused, match="20404"):
        gateway.look("SM" + "0" * 32, Channel.SMS)
    twilio.fail_next(Fault.ERROR, Fault.THROTTLED, Fault.DROPPED, Fault.TAKEN_GARBAGE)
    for _ in range(4):
        with pytest.raises(TryLater):
            gateway.look(sent.provider_id, Channel.SMS)


# What is known not to have been accepted may be sent again.


def test_throttled_means_later_after_the_seconds_that_were_asked_for(
    twilio: FakeTwilio, gateway: TwilioGateway
) -> None:
    twilio.fail_next(Fault.THROTTLED)
    with pytest.raises(TryLater) as caught:
        gateway.send(OUT)
    assert caught.value.retry_after_s == 7.0
    assert twilio.accepted == []
    assert gateway.send(OUT).state is MessageState.ACCEPTED


@pytest.mark.parametrize("header", ["Sat, 21 Nov 2026 10:00:00 GMT", "-5", "nan", "²"])
def test_a_retry_after_that_is_no_number_of_seconds_is_left_out(header: str) -> None:
    with FakeTwilio(retry_after=header.encode().decode("latin-1")) as twilio:
        twilio.fail_next(Fault.THROTTLED)
        with pytest.raises(TryLater) as caught:
            TwilioGateway(account(twilio)).send(OUT)
    assert caught.value.retry_after_s is None


def test_a_refused_connection_sent_nothing() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound, not listening: a connection is refused
        settings = Twilio("AC0", "x", SENDER, f"http://127.0.0.1:{unused.getsockname()[1]}")
        with pytest.raises(TryLater):
            TwilioGateway(settings, timeout_s=TIMEOUT_S).send(OUT)


def test_a_connection_that_never_came_about_sent_nothing() -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        address = full.getsockname()
        waiting = [socket.socket() for _ in range(3)]
        try:
            for client in waiting:  # fills the queue, so the next connection gets no answer
                client.setblocking(False)
                client.connect_ex(address)
            time.sleep(0.05)
            settings = Twilio("AC0", "x", SENDER, f"http://127.0.0.1:{address[1]}")
            with pytest.raises(TryLater):
                TwilioGateway(settings, timeout_s=(0.2, 0.2)).send(OUT)
        finally:
            for client in waiting:
                client.close()


def test_a_wrong_token_is_the_accounts_trouble_not_the_messages(twilio: FakeTwilio) -> None:
    wrong = replace(account(twilio), auth_token="outdated")
    with pytest.raises(TryLater) as caught:
        TwilioGateway(wrong).send(OUT)
    assert caught.value.error_code == "20003"
    assert twilio.accepted == []


# What Twilio refused in its own words is refused for good.


@pytest.mark.parametrize("code", [21211, 21610, 21614])
def test_a_refused_number_gives_twilios_reason(
    twilio: FakeTwilio, gateway: TwilioGateway, code: int
) -> None:
    twilio.refuse(PHONE, code)
    with pytest.raises(Refused) as caught:
        gateway.send(OUT)
    assert caught.value.error_code == str(code)
    assert twilio.accepted == []


def test_a_number_that_is_none_is_refused(twilio: FakeTwilio, gateway: TwilioGateway) -> None:
    with pytest.raises(Refused, match="21211"):
        gateway.send(replace(OUT, to="0470 00 00 01"))


# Everything else is unknown, and asking tells.

TAKEN = [fault for fault in Fault if fault.name.startswith("TAKEN_")]
NOT_TAKEN = [Fault.ERROR, Fault.ERROR_PAGE, Fault.BLOCKED, Fault.DROPPED]


@pytest.mark.parametrize("fault", TAKEN, ids=lambda f: f.name)
def test_a_message_whose_answer_was_lost_is_found_again(
    twilio: FakeTwilio, gateway: TwilioGateway, fault: Fault
) -> None:
    made_at = datetime.now(UTC)
    twilio.fail_next(fault)
    with pytest.raises(OutcomeUnknown):
        gateway.send(OUT)
    (taken,) = twilio.accepted  # one, so the client did not repeat the request by itself
    found = gateway.find(OUT, made_at)
    assert found is not None
    assert found.provider_id == taken.sid
    assert found.state is MessageState.ACCEPTED


@pytest.mark.parametrize("fault", NOT_TAKEN, ids=lambda f: f.name)
def test_a_message_that_nobody_took_is_unknown_until_asked_about(
    twilio: FakeTwilio, gateway: TwilioGateway, fault: Fault
) -> None:
    made_at = datetime.now(UTC)
    twilio.fail_next(fault)
    with pytest.raises(OutcomeUnknown):
        gateway.send(OUT)
    assert gateway.find(OUT, made_at) is None
    assert len(twilio.requests) == 2


def test_a_silent_server_is_left_after_the_timeout(
    twilio: FakeTwilio, gateway: TwilioGateway
) -> None:
    twilio.fail_next(Fault.TAKEN_HANGS)
    start = time.monotonic()
    with pytest.raises(OutcomeUnknown, match="in time"):
        gateway.send(OUT)
    assert time.monotonic() - start < 3


def test_no_answer_is_believed_before_a_request_can_have_ended(gateway: TwilioGateway) -> None:
    assert gateway.settles_after_s >= 2 * READ_TIMEOUT_S


# Finding.


def test_finding_turns_the_pages(twilio: FakeTwilio, gateway: TwilioGateway) -> None:
    wanted = twilio.take(PHONE, BODY, created=ago(minutes=30))
    for n in range(5):  # newer, so it is on the third page of two
        twilio.take(PHONE, f"Ref: {n}", created=ago(minutes=n))
    found = gateway.find(OUT, ago(minutes=31))
    assert found is not None
    assert found.provider_id == wanted.sid
    assert len(twilio.requests) == 3


def test_finding_ends_at_messages_of_long_ago(twilio: FakeTwilio, gateway: TwilioGateway) -> None:
    for n in range(9):
        twilio.take(PHONE, f"Ref: {n}", created=ago(days=n))
    assert gateway.find(OUT, ago(minutes=1)) is None
    assert len(twilio.requests) == 2  # the second page of two is wholly old


def test_an_equal_code_of_long_ago_is_another_message(
    twilio: FakeTwilio, gateway: TwilioGateway
) -> None:
    twilio.take(PHONE, BODY, created=ago(days=2))
    assert gateway.find(OUT, ago(minutes=1)) is None


def test_a_clock_that_runs_ahead_hides_nothing(twilio: FakeTwilio, gateway: TwilioGateway) -> None:
    taken = twilio.take(PHONE, BODY)
    found = gateway.find(OUT, datetime.now(UTC) + timedelta(minutes=20))
    assert found is not None
    assert found.provider_id == taken.sid


def test_a_message_to_somebody_else_or_with_another_code_is_not_found(
    twilio: FakeTwilio, gateway: TwilioGateway
) -> None:
    twilio.take("+32470000002", BODY)
    twilio.take(PHONE, "Ref BCDFG: confirmed. Code XXXXX")
    assert gateway.find(OUT, ago(minutes=1)) is None


@pytest.mark.parametrize("direction", ["inbound", "outbound-reply"])
def test_an_answer_that_quotes_the_code_is_not_the_message(
    twilio: FakeTwilio, gateway: TwilioGateway, direction: str
) -> None:
    twilio.take(PHONE, f"Code {CODE}", direction=direction)
    assert gateway.find(OUT, ago(minutes=1)) is None


def test_what_became_of_a_found_message_comes_along(
    twilio: FakeTwilio, gateway: TwilioGateway
) -> None:
    twilio.take(PHONE, BODY, status="undelivered", error_code=30003, sent=ago(seconds=5))
    found = gateway.find(OUT, ago(minutes=1))
    assert found is not None
    assert (found.state, found.error_code) == (MessageState.UNDELIVERED, "30003")


@pytest.mark.parametrize(
    "fault",
    [
        Fault.THROTTLED,
        Fault.ERROR,
        Fault.BLOCKED,
        Fault.DROPPED,
        Fault.TAKEN_GARBAGE,
        Fault.TAKEN_NAMELESS,
    ],
    ids=lambda f: f.name,
)
def test_a_question_without_an_answer_is_never_taken_for_a_no(
    twilio: FakeTwilio, gateway: TwilioGateway, fault: Fault
) -> None:
    twilio.take(PHONE, BODY)
    twilio.fail_next(fault)
    with pytest.raises(TryLater) as caught:
        gateway.find(OUT, ago(minutes=1))
    assert caught.value.retry_after_s == (7.0 if fault is Fault.THROTTLED else None)


def test_a_page_that_fails_in_the_middle_is_not_a_no(
    twilio: FakeTwilio, gateway: TwilioGateway
) -> None:
    for n in range(4):
        twilio.take(PHONE, f"Ref: {n}")
    twilio.fail_next(None, Fault.ERROR)
    with pytest.raises(TryLater):
        gateway.find(OUT, ago(minutes=1))


def test_a_message_is_not_looked_for_without_a_code(gateway: TwilioGateway) -> None:
    with pytest.raises(ValueError, match="code"):
        gateway.find(replace(OUT, code=""), ago(minutes=1))


# States.


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("queued", MessageState.ACCEPTED),
        ("accepted", MessageState.ACCEPTED),
        ("sending", MessageState.ACCEPTED),
        ("sent", MessageState.SENT),
        ("delivered", MessageState.DELIVERED),
        ("undelivered", MessageState.UNDELIVERED),
        ("failed", MessageState.FAILED),
        ("canceled", MessageState.FAILED),
        ("a status of next year", MessageState.ACCEPTED),
        (None, MessageState.ACCEPTED),
    ],
)
def test_twilios_status_as_ours(status: object, state: MessageState) -> None:
    assert state_of(status) is state


# Secrets.


def _refused(fake: FakeTwilio) -> None:
    fake.refuse(PHONE, 21610)


def _fails(fault: Fault) -> Callable[[FakeTwilio], None]:
    return lambda fake: fake.fail_next(fault)


@pytest.mark.parametrize(
    "prepare", [_refused, *(_fails(fault) for fault in Fault if fault is not Fault.TAKEN_HANGS)]
)
def test_no_error_or_log_tells_a_number_a_text_or_a_secret(
    twilio: FakeTwilio, prepare: Callable[[FakeTwilio], None], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    gateway = TwilioGateway(account(twilio), timeout_s=TIMEOUT_S)
    prepare(twilio)
    with pytest.raises(GatewayError) as caught:
        gateway.send(OUT)
    error = caught.value
    assert error.__cause__ is None
    assert error.__context__ is None
    told = "".join(traceback.format_exception(error)) + repr(error) + repr(gateway) + caplog.text
    for secret in (twilio.auth_token, PHONE, PHONE[1:], BODY, CODE, twilio.account_sid):
        assert secret not in told


def test_asking_logs_no_number(
    twilio: FakeTwilio, gateway: TwilioGateway, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    gateway.find(OUT, ago(minutes=1))
    assert PHONE[1:] not in caplog.text


# The choice of a gateway.

ACCOUNT = {
    "TWILIO_ACCOUNT_SID": "AC0",
    "TWILIO_AUTH_TOKEN": "x",
    "TWILIO_SENDER": SENDER,
}


def test_without_an_account_there_is_no_gateway() -> None:
    assert gateway_for(load({})) is None


def test_with_an_account_it_is_twilio_and_reports_come_to_the_public_address() -> None:
    settings = load(ACCOUNT | {"SHELTER_PUBLIC_URL": "https://shelter.example"})
    chosen: Gateway | None = gateway_for(settings)
    assert isinstance(chosen, ByChannel)
    assert chosen.name == "twilio"
    sms = chosen.of(Channel.SMS)
    assert isinstance(sms, TwilioGateway)
    assert sms._status_callback == "https://shelter.example" + STATUS_PATH


def test_twilio_is_not_given_an_address_that_it_cannot_reach() -> None:
    chosen = gateway_for(load(ACCOUNT))
    assert isinstance(chosen, ByChannel)
    sms = chosen.of(Channel.SMS)
    assert isinstance(sms, TwilioGateway)
    assert sms._status_callback is None


def test_the_environment_does_not_redirect_the_client(
    twilio: FakeTwilio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(os.environ, "TWILIO_REGION", "elsewhere")
    monkeypatch.setitem(os.environ, "TWILIO_EDGE", "elsewhere")
    TwilioGateway(account(twilio), timeout_s=TIMEOUT_S).send(OUT)
    assert len(twilio.accepted) == 1


# Signatures of what Twilio posts.

URL = "https://shelter.example/v1/twilio/status?network=secova"
TOKEN = "token-of-the-tests"
FORM = {"MessageSid": "SM1", "MessageStatus": "delivered", "To": PHONE, "Body": "Répondu"}


def signed(url: str = URL, form: dict[str, str] = FORM, token: str = TOKEN) -> str:
    """base64(HMAC-SHA1(token, URL + sorted name+value)), written down apart from any library."""
    text = url + "".join(f"{name}{form[name]}" for name in sorted(form))
    return base64.b64encode(hmac.digest(token.encode(), text.encode(), hashlib.sha1)).decode()


def test_twilios_own_signature_is_valid() -> None:
    assert signature_is_valid(TOKEN, URL, FORM, signed())


@pytest.mark.parametrize(
    ("url", "form", "signature"),
    [
        # Twilio's published examples, all signed with the token 12345
        (
            "https://mycompany.com/myapp.php?foo=1&bar=2",
            {
                "CallSid": "CA1234567890ABCDE",
                "Caller": "+14158675309",
                "Digits": "1234",
                "From": "+14158675309",
                "To": "+18005551212",
            },
            "RSOYDt4T1cUTdK1PDd93/VVr8B8=",
        ),
        (
            "https://MyCompany.com/myapp.php?foo=1&bar=2",
            {
                "CallSid": "CA1234567890ABCDE",
                "Caller": "+14158675309",
                "Digits": "1234",
                "From": "+14158675309",
                "To": "+18005551212",
            },
            "g9IN/x4Cft2g517EjYvEvM/W7LU=",
        ),
        (
            "https://MyCompany.com:1234/myapp.php?foo=1&bar=2",
            {
                "CallSid": "CA1234567890ABCDE",
                "Caller": "+14158675309",
                "Digits": "1234",
                "From": "+14158675309",
                "To": "+18005551212",
            },
            "PCqOZm8cnu/L6+u5i5fuEd+Iac4=",
        ),
        (
            "https://mycompany.com/myapp.php?foo=1&bar=2",
            {"Sid": "CA123", "SidAccount": "AC123", "Digits": ["5678", "1234", "1234"]},
            "IK+Dwps556ElfBT0I3Rgjkr1wJU=",
        ),
    ],
)
def test_the_examples_that_twilio_publishes_are_valid(
    url: str, form: dict[str, str | list[str]], signature: str
) -> None:
    assert signature_is_valid("12345", url, form, signature)
    assert not signature_is_valid("12346", url, form, signature)
    assert not signature_is_valid("12345", url + "&more=1", form, signature)
    for name in form:
        assert not signature_is_valid("12345", url, form | {name: "x"}, signature)


def test_a_signature_over_the_default_port_is_valid_too() -> None:
    with_port = URL.replace("shelter.example", "shelter.example:443")
    assert signature_is_valid(TOKEN, URL, FORM, signed(with_port))
    assert signature_is_valid(TOKEN, with_port, FORM, signed(URL))


@pytest.mark.parametrize(
    "signature",
    [
        signed(form=FORM | {"MessageStatus": "failed"}),
        signed(form=FORM | {"Extra": "1"}),
        signed(url=URL.replace("secova", "namur")),
        signed(url=URL.replace("shelter.example", "shelter.example:8443")),
        signed(token="another"),
        signed().lower(),
        signed()[:-2],
        signed() + "=",
        "",
        "é\udc80",
    ],
)
def test_anything_else_is_not(signature: str) -> None:
    assert not signature_is_valid(TOKEN, URL, FORM, signature)


def test_without_a_token_nothing_is_valid() -> None:
    # HMAC takes an empty key, and then anybody can sign
    assert not signature_is_valid("", URL, FORM, signed(token=""))


def test_the_fake_signs_as_twilio_does(twilio: FakeTwilio) -> None:
    message = twilio.take(PHONE, BODY)
    form, signature = twilio.report(message, "undelivered", URL, error_code=30003)
    assert form["ErrorCode"] == "30003"
    assert signature == signed(URL, form, twilio.auth_token)
    assert signature_is_valid(twilio.auth_token, URL, form, signature)
