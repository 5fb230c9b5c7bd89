"""Handing messages over to providers. The door is ``gateway_for``; no other package knows Twilio.

``gateway`` says what delivery relies on, ``twilio_gateway`` keeps that promise with Twilio's SMS,
``twilio_voice`` with its calls, ``mail`` with SMTP; ``by_channel`` joins them into one.
"""

from __future__ import annotations

from shelter.domain.messages import Channel
from shelter.messaging.by_channel import ByChannel
from shelter.messaging.gateway import Gateway
from shelter.messaging.mail import MailGateway
from shelter.settings import Settings

#: below ``Settings.public_url``: where Twilio reports what became of a message
STATUS_PATH = "/webhooks/twilio/status"
#: where it asks what to say on a call, posts the key that was pressed, and reports the call's end
CALL_WORDS_PATH = "/webhooks/twilio/call/words"
CALL_KEY_PATH = "/webhooks/twilio/call/key"
CALL_STATUS_PATH = "/webhooks/twilio/call/status"


def gateway_for(settings: Settings) -> Gateway | None:
    """The providers that the settings name; None without one (messages then stay on this machine).

    They keep a pool of connections, so make one and keep it.
    """
    if settings.twilio is None:
        return None
    # Twilio's library takes a while to import, and an installation without an account needs none.
    from shelter.messaging.twilio_gateway import TwilioGateway
    from shelter.messaging.twilio_voice import TwilioVoice

    # Twilio refuses a message whose callback it cannot reach, so a loopback address names none.
    callback = settings.public_url + STATUS_PATH if settings.secure else None
    gateways: dict[Channel, Gateway] = {
        Channel.SMS: TwilioGateway(settings.twilio, status_callback=callback)
    }
    if settings.twilio.caller is not None and settings.secure:
        gateways[Channel.VOICE] = TwilioVoice(
            settings.twilio,
            caller=settings.twilio.caller,
            words_url=settings.public_url + CALL_WORDS_PATH,
            status_url=settings.public_url + CALL_STATUS_PATH,
        )
    if settings.smtp is not None:
        gateways[Channel.MAIL] = MailGateway(settings.smtp, link=settings.public_url + "/alerts")
    return ByChannel(gateways)
