"""Handing messages over to providers. The door is ``gateway_for``; no other package knows Twilio.

``gateway`` says what delivery relies on, ``twilio_gateway`` keeps that promise with Twilio's SMS,
``by_channel`` joins the channels' gateways into one.
"""

from __future__ import annotations

from shelter.domain.messages import Channel
from shelter.messaging.by_channel import ByChannel
from shelter.messaging.gateway import Gateway
from shelter.settings import Settings

#: below ``Settings.public_url``: where Twilio reports what became of a message
STATUS_PATH = "/webhooks/twilio/status"


def gateway_for(settings: Settings) -> Gateway | None:
    """The providers that the settings name; None without one (messages then stay on this machine).

    They keep a pool of connections, so make one and keep it.
    """
    if settings.twilio is None:
        return None
    # Twilio's library takes a while to import, and an installation without an account needs none.
    from shelter.messaging.twilio_gateway import TwilioGateway

    # Twilio refuses a message whose callback it cannot reach, so a loopback address names none.
    callback = settings.public_url + STATUS_PATH if settings.secure else None
    gateways: dict[Channel, Gateway] = {
        Channel.SMS: TwilioGateway(settings.twilio, status_callback=callback)
    }
    return ByChannel(gateways)
