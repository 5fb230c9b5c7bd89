"""Mail is handed over once, in words that say nothing, and an error proves what it proves."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import default
from typing import Any
from uuid import UUID

import pytest
from aiosmtpd.controller import Controller

from shelter.domain.messages import Channel, MessageState
from shelter.messaging.gateway import GatewayError, OutcomeUnknown, Outgoing, Refused, TryLater
from shelter.messaging.mail import MailGateway
from shelter.settings import SettingsError, Smtp, load

LINK = "https://shelter.example/alerts"
OUT = Outgoing(
    message_id=UUID(int=7),
    channel=Channel.MAIL,
    to="worker@example.org",
    body="Référence BCDFG: un message attend une réponse. Code HJKMN",
    code="HJKMN",
    language="fr",
    useful_until=datetime(2026, 11, 22, tzinfo=UTC),
)


class Mailbox:
    """What a server took; ``answers`` are given instead, in order."""

    def __init__(self) -> None:
        self.taken: list[Any] = []
        self.rcpt: str | None = None
        self.data: str | None = None

    async def handle_RCPT(
        self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any
    ) -> str:
        if self.rcpt is not None:
            return self.rcpt
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, _session: Any, envelope: Any) -> str:
        if self.data == "drop":
            self.taken.append(message_from_bytes(envelope.content, policy=default))
            server.transport.close()
        elif self.data is not None:
            return self.data
        self.taken.append(message_from_bytes(envelope.content, policy=default))
        return "250 OK"


@pytest.fixture
def mailbox() -> Iterator[tuple[Mailbox, MailGateway]]:
    box = Mailbox()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    settings = Smtp("127.0.0.1", port, "none", "shelter@example.org")
    try:
        yield box, MailGateway(settings, link=LINK)
    finally:
        controller.stop()


def test_a_mail_says_its_words_and_where_the_alerts_are(
    mailbox: tuple[Mailbox, MailGateway],
) -> None:
    box, gateway = mailbox
    receipt = gateway.send(OUT)
    # handed over; nobody knows when it was read, or whether
    assert receipt.state is MessageState.SENT
    [mail] = box.taken
    assert (mail["To"], mail["From"]) == (OUT.to, "shelter@example.org")
    assert mail["Subject"] == "Un message attend une réponse"
    assert mail.get_content().split("\r\n\r\n") == [OUT.body, LINK + "\r\n"]
    gateway.send(OUT)  # once more after an unknown outcome: a mail program shows one
    assert box.taken[0]["Message-ID"] == box.taken[1]["Message-ID"]


@pytest.mark.parametrize(
    ("where", "answer", "error"),
    [
        ("rcpt", "550 no such user", Refused),
        ("rcpt", "450 mailbox busy", TryLater),
        ("data", "554 rejected", Refused),
        ("data", "451 try again", TryLater),
        ("data", "drop", OutcomeUnknown),
    ],
)
def test_an_error_proves_what_it_proves(
    mailbox: tuple[Mailbox, MailGateway], where: str, answer: str, error: type[GatewayError]
) -> None:
    box, gateway = mailbox
    setattr(box, where, answer)
    with pytest.raises(error) as raised:
        gateway.send(OUT)
    assert OUT.to not in repr(raised.value)
    assert raised.value.__cause__ is None


def test_without_a_server_nothing_was_taken() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    gateway = MailGateway(Smtp("127.0.0.1", port, "none", "a@example.org"), link=LINK)
    with pytest.raises(TryLater):
        gateway.send(OUT)


def test_a_server_elsewhere_is_spoken_to_encrypted() -> None:
    url = "smtp://user:pa%20ss@mail.example.org"
    smtp = load({"SHELTER_SMTP_URL": url, "SHELTER_MAIL_FROM": "a@example.org"}).smtp
    assert smtp == Smtp("mail.example.org", 587, "starttls", "a@example.org", "user", "pa ss")
    assert "pa ss" not in repr(smtp)
    tls = load({"SHELTER_SMTP_URL": "smtps://m.example", "SHELTER_MAIL_FROM": "a@b.example"}).smtp
    assert tls is not None
    assert (tls.port, tls.encryption) == (465, "tls")


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"SHELTER_SMTP_URL": "mail.example.org"}, "SHELTER_SMTP_URL"),
        ({"SHELTER_SMTP_URL": "smtp://m.example"}, "SHELTER_MAIL_FROM"),
    ],
)
def test_settings_that_contradict_themselves_say_what_to_write(
    given: dict[str, str], named: str
) -> None:
    with pytest.raises(SettingsError, match=named):
        load(given)
