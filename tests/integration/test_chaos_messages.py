"""``make chaos-messages`` in a minute: workers killed under load, before a Twilio that fails."""

from __future__ import annotations

import pytest

from chaos.night import Night, Plan, door_of, without_leases
from chaos.worker import Pace
from shelter.db.session import Database
from shelter.messaging.twilio_gateway import TwilioGateway
from support.fake_twilio import FakeTwilio

#: leases and pauses of seconds; each still longer than any call
QUICK = Pace(settles_after=1.5, connect_timeout=1.0, read_timeout=1.0, lease=4.0)


@pytest.mark.slow
@pytest.mark.postgres
def test_killed_workers_lose_and_double_no_message(postgres_database: Database) -> None:
    plan = Plan(messages=100, rate=25, kills=8, faults=0.2, workers=2, pace=QUICK, patience=60)
    with FakeTwilio(retry_after="2") as twilio, door_of(twilio) as door:
        outcome = Night(postgres_database, twilio, door, plan).run()
    assert (outcome.lost, outcome.duplicates, outcome.unresolved) == (0, 0, 0), str(outcome)
    assert (outcome.messages, outcome.kills) == (100, 8)
    assert outcome.requests > 100  # control: some did fail


@pytest.mark.slow
@pytest.mark.postgres
def test_control_without_leases_messages_are_sent_twice(postgres_database: Database) -> None:
    with FakeTwilio() as twilio:
        night = Night(postgres_database, twilio, twilio.url, Plan(30, rate=1000))
        assert without_leases(night, TwilioGateway(night.account)) > 0
