"""The outbox: promised with the fact, and never in the quiet hours."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shelter.db.session import Database
from shelter.db.tables import Message, NetworkRow
from shelter.domain.sides import SYSTEM, Side
from shelter.services.delivery import deliver
from shelter.services.outbox import after_quiet_hours, queue
from support.world import FakeGateway, World, secova_world

PHONE = "+447700900999"


@pytest.fixture
def world(database: Database) -> World:
    return secova_world(database)


@pytest.fixture
def gateway() -> FakeGateway:
    return FakeGateway()


def promise(world: World, **given: Any) -> Message:
    values: dict[str, Any] = {
        "to": PHONE,
        "language": "fr",
        "reference": "BCDFG",
        "side": Side.VICTIMS,
        "service": "cpas-aywaille",
    }
    return world.do(SYSTEM, queue, "sms.placement_expected", **(values | given))


def test_nothing_is_promised_by_a_transaction_that_fails(
    world: World, gateway: FakeGateway
) -> None:
    def promise_and_fail(tx: Any) -> None:
        queue(
            tx,
            "sms.alert",
            to=PHONE,
            language="fr",
            reference="X",
            side=Side.VICTIMS,
            service=None,
        )
        raise LookupError

    with pytest.raises(LookupError):
        world.system.run(SYSTEM, promise_and_fail)
    assert world.all(Message) == []


# --- quiet hours ----------------------------------------------------------------------------------


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


@pytest.mark.parametrize(
    ("local", "due"),
    [
        ("2026-11-21T21:59:59+01:00", "2026-11-21T21:59:59+01:00"),
        ("2026-11-21T22:00:00+01:00", "2026-11-22T07:00:00+01:00"),
        ("2026-11-22T00:30:00+01:00", "2026-11-22T07:00:00+01:00"),
        ("2026-11-22T06:59:59+01:00", "2026-11-22T07:00:00+01:00"),
        ("2026-11-22T07:00:00+01:00", "2026-11-22T07:00:00+01:00"),
        # 25 October 2026: 03:00 summer time is 02:00 again, and the night is an hour longer
        ("2026-10-24T23:00:00+02:00", "2026-10-25T07:00:00+01:00"),
        ("2026-10-25T02:30:00+02:00", "2026-10-25T07:00:00+01:00"),
        ("2026-10-25T02:30:00+01:00", "2026-10-25T07:00:00+01:00"),
        # 28 March 2027: 02:00 is 03:00, and the night is an hour shorter
        ("2027-03-27T23:00:00+01:00", "2027-03-28T07:00:00+02:00"),
        ("2027-03-28T03:10:00+02:00", "2027-03-28T07:00:00+02:00"),
    ],
)
def test_what_can_wait_waits_for_the_end_of_the_quiet_hours(
    sqlite_database: Database, local: str, due: str
) -> None:
    world = secova_world(sqlite_database)
    world.clock.at = at(local)
    assert promise(world, urgent=False).due_at == at(due)
    assert promise(world, urgent=True).due_at == at(local)  # control: what cannot wait, does not


@pytest.mark.parametrize(
    ("local", "due"),
    [
        ("2026-10-25T02:15:00+02:00", "2026-10-25T02:30:00+02:00"),
        # found broken: the second 02:15 was due at the first 02:30, so at once
        ("2026-10-25T02:15:00+01:00", "2026-10-25T02:30:00+01:00"),
    ],
)
def test_quiet_hours_that_end_in_the_repeated_hour_end_after_now(
    sqlite_database: Database, local: str, due: str
) -> None:
    world = secova_world(
        sqlite_database,
        edited=lambda text: text.replace('quiet_until = "07:00"', 'quiet_until = "02:30"'),
    )
    world.clock.at = at(local)
    assert promise(world, urgent=False).due_at == at(due)


def test_a_calm_message_that_was_held_up_is_not_sent_in_the_night(
    world: World, gateway: FakeGateway
) -> None:
    """Found broken: quiet hours counted only when the message was made."""
    world.clock.at = at("2026-11-21T21:59:00+01:00")
    calm, urgent = promise(world, urgent=False), promise(world)
    world.clock.forward(hours=4)  # no worker ran in between

    deliver(world.system, gateway, "a")

    assert [code for _, _, code in gateway.accepted] == [urgent.code]
    world.clock.at = at("2026-11-22T07:00:00+01:00")
    deliver(world.system, gateway, "a")
    assert [code for _, _, code in gateway.accepted] == [urgent.code, calm.code]


def test_quiet_hours_are_those_of_the_network(world: World) -> None:
    [row] = world.all(NetworkRow)
    assert 'quiet_from = "22:00"' in row.text
    world.clock.at = at("2026-11-21T23:00:00+01:00")
    ends = world.system.run(
        SYSTEM, lambda tx: after_quiet_hours(tx.now, tx.network.defaults, tx), read_only=True
    )
    assert ends == at("2026-11-22T07:00:00+01:00")


def test_messages_live_for_hours_not_days(world: World) -> None:
    urgent, calm = promise(world), promise(world, urgent=False)
    assert urgent.expires_at - urgent.due_at == timedelta(hours=6)
    assert calm.expires_at - calm.due_at == timedelta(hours=24)
