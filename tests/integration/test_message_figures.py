"""Somebody is told when messages do not move, and figures for machines name nobody."""

from __future__ import annotations

from typing import Any

import pytest

from shelter.db.session import Database
from shelter.db.tables import Alert, Message
from shelter.domain.alerts import AlertKind
from shelter.domain.messages import MessageState
from shelter.domain.sides import SYSTEM, Side
from shelter.services import message_figures
from shelter.services.context import Tx
from shelter.services.delivery import deliver
from shelter.services.outbox import queue
from support.server import client_of
from support.world import FakeGateway, World, secova_world

VICTIMS, PERPETRATORS = Side.VICTIMS, Side.PERPETRATORS
TOKEN = "a-token-of-a-collector"


@pytest.fixture
def world(database: Database) -> World:
    return secova_world(database, metrics_token=TOKEN)


def handed_over(world: World, count: int, side: Side = VICTIMS) -> None:
    for number in range(count):
        world.do(
            SYSTEM,
            queue,
            "sms.placement_ended",
            to=f"+44770090070{number}",
            language="fr",
            reference="BCDFG",
            side=side,
            service="cpas-aywaille",
        )
    deliver(world.system, FakeGateway(), "a")


def change(world: World, **values: Any) -> None:
    def write(tx: Tx) -> None:
        for row in tx.session.exec(tx.rows.select(Message)):
            for name, value in values.items():
                setattr(row, name, value)
            tx.session.add(row)

    world.system.run(SYSTEM, write)


def told(world: World) -> list[Alert]:
    return world.all(Alert, kind=AlertKind.NOTHING_DELIVERED)


def test_silence_is_told_to_the_coordinator_once_in_a_while(world: World) -> None:
    handed_over(world, 3)
    assert not message_figures.watch_silence(world.system, VICTIMS)  # they may yet arrive
    world.clock.forward(minutes=11)
    assert message_figures.watch_silence(world.system, VICTIMS)
    assert not message_figures.watch_silence(world.system, VICTIMS)
    [alert] = told(world)
    assert (alert.service, alert.side) == ("coordination-secova", VICTIMS)


@pytest.mark.parametrize(("count", "arrived"), [(2, False), (4, True)])
def test_control_few_or_one_that_arrived_are_no_silence(
    world: World, count: int, arrived: bool
) -> None:
    handed_over(world, count)
    if arrived:
        first = world.all(Message)[0]

        def write(tx: Tx) -> None:
            row = tx.session.get(Message, first.id)
            assert row is not None
            row.state = MessageState.DELIVERED
            tx.session.add(row)

        world.system.run(SYSTEM, write)
    world.clock.forward(minutes=11)
    assert not message_figures.watch_silence(world.system, VICTIMS)


def test_one_side_hears_nothing_of_the_other_sides_silence(world: World) -> None:
    handed_over(world, 3)
    world.clock.forward(minutes=11)
    assert not message_figures.watch_silence(world.system, PERPETRATORS)
    worker = world.user("garde.auteurs")
    health = world.system.run(worker, message_figures.health, read_only=True)
    assert health == message_figures.Health(None, None)
    coordinator = world.user("coordination")
    assert world.system.run(coordinator, message_figures.health, read_only=True).silent_since


def test_a_queue_that_does_not_move_is_shown(world: World) -> None:
    """Where no worker runs, no worker can tell: the page does."""
    world.do(
        SYSTEM,
        queue,
        "sms.placement_ended",
        to="+447700900700",
        language="fr",
        reference="BCDFG",
        side=VICTIMS,
        service="cpas-aywaille",
    )
    coordinator = world.user("coordination")
    look = message_figures.health
    assert world.system.run(coordinator, look, read_only=True).stuck_since is None
    world.clock.forward(minutes=6)
    assert world.system.run(coordinator, look, read_only=True).stuck_since is not None


def test_costs_are_summed_by_currency(world: World) -> None:
    handed_over(world, 3)
    change(world, price_micros=83_200, currency="EUR")
    coordinator = world.user("coordination")
    since = world.clock.now().replace(hour=0)
    [cost] = world.system.run(
        coordinator, lambda tx: message_figures.costs(tx, since), read_only=True
    )
    assert (cost.currency, cost.micros) == ("EUR", 249_600)


def test_metrics_need_their_token_and_name_nobody(world: World) -> None:
    handed_over(world, 3)
    change(world, state=MessageState.FAILED, error_code="30003")
    handed_over(world, 1, PERPETRATORS)
    with client_of(world) as client:
        for wrong in ({}, {"Authorization": "Bearer x"}, {"Authorization": f"Basic {TOKEN}"}):
            assert client.get("/metrics", headers=wrong).status_code == 404
        answer = client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 200
    assert 'shelter_messages{channel="sms",state="failed"} 3.0' in answer.text
    assert 'shelter_message_errors{channel="sms",code="30003"} 3.0' in answer.text
    assert "shelter_message_queue_age_seconds 0.0" in answer.text
    for word in ("victim", "perpetrator", "cpas", "+44", "BCDFG"):
        assert word not in answer.text


def test_without_a_token_there_are_no_metrics(database: Database) -> None:
    with client_of(secova_world(database)) as client:
        assert client.get("/metrics", headers={"Authorization": "Bearer "}).status_code == 404
