"""One gateway made of one for each channel."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from shelter.domain.messages import Channel
from shelter.messaging.gateway import Gateway, Outgoing, Receipt, Refused


class ByChannel:
    """Gives each message to its channel's gateway; a channel without one is refused."""

    def __init__(self, gateways: Mapping[Channel, Gateway]) -> None:
        self._gateways = dict(gateways)

    @property
    def name(self) -> str:
        return "+".join(dict.fromkeys(gateway.name for gateway in self._gateways.values()))

    @property
    def settles_after_s(self) -> float:
        """The longest of its gateways'."""
        return max((gateway.settles_after_s for gateway in self._gateways.values()), default=0.0)

    def of(self, channel: Channel) -> Gateway | None:
        """The gateway of one channel."""
        return self._gateways.get(channel)

    def send(self, out: Outgoing) -> Receipt:
        """See ``Gateway.send``."""
        return self._known(out.channel).send(out)

    def find(self, out: Outgoing, since: datetime) -> Receipt | None:
        """See ``Gateway.find``. A channel without a gateway has taken nothing."""
        gateway = self._gateways.get(out.channel)
        return None if gateway is None else gateway.find(out, since)

    def look(self, provider_id: str, channel: Channel) -> Receipt:
        """See ``Gateway.look``."""
        return self._known(channel).look(provider_id, channel)

    def _known(self, channel: Channel) -> Gateway:
        if channel not in self._gateways:
            raise Refused("no_channel")
        return self._gateways[channel]
