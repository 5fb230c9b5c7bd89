"""Which gateway delivers: Twilio when it is configured, else the local inbox."""

from __future__ import annotations

from shelter.messaging import gateway_for
from shelter.messaging.gateway import Gateway
from shelter.services.context import Shelter
from shelter.services.local_inbox import LocalInbox


def gateway_of(system: Shelter) -> Gateway:
    return gateway_for(system.settings) or LocalInbox(system)
