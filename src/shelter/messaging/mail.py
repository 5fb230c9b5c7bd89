"""Mail as a ``Gateway``, over SMTP: a third way, for people who chose it."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from email.message import EmailMessage
from email.utils import formatdate

from shelter import i18n
from shelter.domain.messages import Channel, MessageState
from shelter.messaging.gateway import (
    GatewayError,
    OutcomeUnknown,
    Outgoing,
    Receipt,
    Refused,
    TryLater,
)
from shelter.settings import Smtp

TIMEOUT_S = 15.0


class MailGateway:
    """Hands each mail to one SMTP server.

    SMTP cannot be asked what became of a mail, so one of unknown outcome is sent again, under the
    same Message-ID, by which mail programs show it once. Handed over is all that is ever known.
    """

    name = "smtp"
    settles_after_s = 0.0

    def __init__(self, settings: Smtp, *, link: str) -> None:
        self._settings = settings
        #: where the alerts are; all that a mail says beside its words
        self._link = link

    def __repr__(self) -> str:
        return "MailGateway()"

    def send(self, out: Outgoing) -> Receipt:
        """See ``Gateway.send``."""
        problem: GatewayError
        started = False
        try:
            with self._server() as server:
                started = True
                server.send_message(self._mail(out))
            return Receipt(_message_id(out), MessageState.SENT)
        except smtplib.SMTPRecipientsRefused as error:
            problem = _refused([code for code, _ in error.recipients.values()])
        except smtplib.SMTPResponseException as error:
            problem = _refused([error.smtp_code])
        except (smtplib.SMTPException, OSError):
            # before the mail was begun nothing can have been taken
            problem = OutcomeUnknown("the connection was lost") if started else TryLater()
        # Raised here, not above: the library's errors quote addresses, and would stay attached.
        raise problem

    def find(self, out: Outgoing, since: datetime) -> Receipt | None:  # noqa: ARG002
        """Nothing: SMTP cannot be asked."""
        return None

    def look(self, provider_id: str, channel: Channel) -> Receipt:  # noqa: ARG002
        """What was handed over; SMTP says no more."""
        return Receipt(provider_id, MessageState.SENT)

    def _mail(self, out: Outgoing) -> EmailMessage:
        mail = EmailMessage()
        mail["From"] = self._settings.sender
        mail["To"] = out.to
        mail["Subject"] = i18n.text(out.language, "mail.subject")
        mail["Date"] = formatdate()
        mail["Message-ID"] = _message_id(out)
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(f"{out.body}\n\n{self._link}\n")
        return mail

    @contextmanager
    def _server(self) -> Iterator[smtplib.SMTP]:
        settings, context = self._settings, ssl.create_default_context()
        with (
            smtplib.SMTP_SSL(settings.host, settings.port, timeout=TIMEOUT_S, context=context)
            if settings.encryption == "tls"
            else smtplib.SMTP(settings.host, settings.port, timeout=TIMEOUT_S)
        ) as server:
            if settings.encryption == "starttls":
                server.starttls(context=context)
            if settings.user:
                server.login(settings.user, settings.password or "")
            yield server


def _message_id(out: Outgoing) -> str:
    return f"<{out.message_id}@shelter.invalid>"


def _refused(codes: list[int]) -> GatewayError:
    """RFC 5321 §4.2.1: 4yz may pass when tried again, 5yz will not."""
    worst = max(codes, default=0)
    return Refused(f"smtp-{worst}") if worst >= 500 else TryLater()
