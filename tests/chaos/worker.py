"""A worker in a process of its own, as ``shelter worker`` is, which chaos kills at any moment.

The processes come from a fork server that has everything imported, so that one that was killed is
followed at once.
"""

from __future__ import annotations

import multiprocessing
import signal
from dataclasses import dataclass
from datetime import timedelta
from multiprocessing.context import ForkServerProcess

from shelter.db.session import Database
from shelter.domain.clock import SystemClock
from shelter.domain.messages import Channel
from shelter.jobs.ticker import Ticker
from shelter.messaging.by_channel import ByChannel
from shelter.messaging.twilio_gateway import TwilioGateway
from shelter.services import delivery
from shelter.services.context import Shelter
from shelter.settings import Twilio
from support.world import keyring, settings_for

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["chaos.worker", "chaos.night"])


@dataclass(frozen=True)
class Pace:
    """Seconds. What a night takes minutes for, a test has to see sooner."""

    settles_after: float
    connect_timeout: float = 5.0
    read_timeout: float = 10.0
    lease: float = delivery.LEASE.total_seconds()


def start(database_url: str, twilio: Twilio, pace: Pace) -> ForkServerProcess:
    process = _context.Process(target=_work, args=(database_url, twilio, pace), daemon=True)
    process.start()
    return process


def _work(database_url: str, twilio: Twilio, pace: Pace) -> None:
    delivery.LEASE = timedelta(seconds=pace.lease)
    database = Database(database_url, pool_size=4)
    system = Shelter(settings_for(database, twilio=twilio), database, keyring(), SystemClock())
    gateway = TwilioGateway(
        twilio,
        timeout_s=(pace.connect_timeout, pace.read_timeout),
        settles_after_s=pace.settles_after,
    )
    Ticker(system, ByChannel({Channel.SMS: gateway})).start()
    while True:
        signal.pause()
