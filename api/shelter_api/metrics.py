"""Figures for whoever runs the system, in Prometheus' text format, behind a token of their own."""

from __future__ import annotations

import hmac
from collections.abc import Iterator
from typing import Any

from litestar import Request, Response, get
from prometheus_client.core import CollectorRegistry, GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from shelter.domain.errors import NotFound
from shelter.domain.sides import SYSTEM
from shelter.services.context import Shelter
from shelter.services.message_figures import Gauges, gauges
from shelter_api.access import public


class _Messages(Collector):
    """One look at the messages. No label names a person, a side, a service or a number."""

    def __init__(self, found: Gauges) -> None:
        self._found = found

    def collect(self) -> Iterator[Metric]:
        states = GaugeMetricFamily(
            "shelter_messages", "Messages of the last day", labels=("channel", "state")
        )
        for (channel, state), count in sorted(self._found.states.items()):
            states.add_metric((channel, state), count)
        codes = GaugeMetricFamily(
            "shelter_message_errors",
            "Messages of the last day by the code with which they ended",
            labels=("channel", "code"),
        )
        for (channel, code), count in sorted(self._found.codes.items()):
            codes.add_metric((channel, code), count)
        yield states
        yield codes
        yield GaugeMetricFamily(
            "shelter_message_queue_age_seconds",
            "How long the oldest waiting message has been due",
            value=self._found.queue_age_s,
        )
        yield GaugeMetricFamily(
            "shelter_messages_silent",
            "1 when several were handed over and none arrives",
            value=self._found.silent,
        )


@get("/metrics", sync_to_thread=True, include_in_schema=False, **public())
def metrics(request: Request[Any, Any, Any]) -> Response[bytes]:
    system: Shelter = request.app.state.system
    token = system.settings.metrics_token
    given = request.headers.get("authorization", "").encode("utf-8", "replace")
    # an installation without a token has no such page, for anybody
    if token is None or not hmac.compare_digest(given, f"Bearer {token}".encode()):
        raise NotFound("not_found", what="page")
    registry = CollectorRegistry()
    registry.register(_Messages(system.run(SYSTEM, gauges, read_only=True)))
    return Response(generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})


route_handlers = (metrics,)
