"""kill -9 at any moment: what was acknowledged is whole, and every message is accepted once."""

from __future__ import annotations

import random
import time
from collections import Counter
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlmodel import Session, select

from shelter.db.session import Database
from shelter.db.tables import (
    Alert,
    LocalInboxMessage,
    Message,
    OccupiedNight,
    PlacementRow,
    Request,
    StayRow,
)
from shelter.domain.alerts import AlertKind
from shelter.domain.messages import MessageState
from shelter.domain.placements import PlacementState
from shelter.domain.requests import RequestState
from shelter.domain.sides import BOTH_SIDES
from shelter.services import delivery, inquiries
from shelter.services.audit_chain import verify_chain
from support.processes import GatewayKind, Work, gateway_of, kill, start
from support.world import World, secova_world

KILLS = 10  # for each gateway, so twenty on each database
M = MessageState


@pytest.fixture
def world(database: Database) -> World:
    return secova_world(database)


def work_for(world: World, folder: Path, gateway: GatewayKind, **given: Any) -> Work:
    pairs = (
        (world.unit("Bruyère", "Rez gauche").id, world.unit("Bruyère", "Rez droit").id),
        (world.unit("Genêt", "2e étage").id, world.unit("Genêt", "1er étage").id),
        (world.unit("Sureau", "Maison A").id, world.unit("Sureau", "Maison B").id),
    )
    # a connection that was open when the children begin would be of no use to them
    world.system.database.dispose()
    return Work(
        database_url=str(world.system.database.url),
        acknowledged=folder / "acknowledged",
        gateway=gateway,
        gateway_file=folder / "accepted",
        number=given.pop("number", 0),
        pairs=pairs,
        **given,
    )


def accepted(world: World, work: Work) -> Counter[tuple[str, str]]:
    """How often each (phone, code) was accepted by the provider."""
    if work.gateway == "inbox":
        codes = {message.code: message.recipient for message in world.all(Message)}
        return Counter(
            (row.recipient, code)
            for row in world.all(LocalInboxMessage)
            for code in codes
            if code in row.body
        )
    gateway = gateway_of(world.system, work)
    return Counter(gateway.accepted())  # type: ignore[attr-defined]


def deliver_all(world: World, work: Work) -> None:
    """A new worker, a while later, until nothing is left to do."""
    world.clock.at = work.starts_at
    gateway = gateway_of(world.system, work)
    for round_number in range(200):
        world.clock.forward(minutes=2)
        delivery.deliver(world.system, gateway, f"after-{round_number}")
        open_states = {M.PENDING, M.LEASED, M.UNCERTAIN}
        if not any(message.state in open_states for message in world.all(Message)):
            return
    raise AssertionError("messages are left over")


def everything(world: World) -> dict[type, list[Any]]:
    tables = (PlacementRow, StayRow, OccupiedNight, Message, Alert, Request)

    def look(session: Session) -> dict[type, list[Any]]:
        return {table: list(session.exec(select(table))) for table in tables}

    return world.system.database.run(look, read_only=True, sides=BOTH_SIDES)


def assert_whole(world: World, work: Work) -> None:
    """Nothing is half-written, and every acknowledged placement is there."""
    rows = everything(world)
    told = {UUID(line) for line in work.acknowledged.read_text().split()}
    confirmed = {p.id for p in rows[PlacementRow] if p.state is PlacementState.CONFIRMED}
    assert told <= confirmed
    for placement in rows[PlacementRow]:
        stays = [stay for stay in rows[StayRow] if stay.placement_id == placement.id]
        nights = [n for n in rows[OccupiedNight] if n.stay_id in {stay.id for stay in stays}]
        assert len(stays) == 2
        assert len(nights) == 4
        [request] = [r for r in rows[Request] if r.id == placement.request_id]
        assert request.state is RequestState.PLACED
        messages = [m for m in rows[Message] if m.request_id == placement.request_id]
        alerts = [a for a in rows[Alert] if a.placement_id == placement.id]
        if placement.state is PlacementState.HELD:
            assert (messages, alerts) == ([], [])
        else:
            assert len(messages) == 3  # the worker, the site, the SAPV's duty phone
            assert [a.kind for a in alerts] == [AlertKind.PLACEMENT_CONFIRMED]
    held = {p.request_id for p in rows[PlacementRow]}
    assert all(r.state is RequestState.OPEN for r in rows[Request] if r.id not in held)
    report = world.system.database.run(verify_chain, read_only=True, sides=BOTH_SIDES)
    assert report.broken_at is None


@pytest.mark.slow
@pytest.mark.parametrize("gateway", ["file", "inbox"])
def test_after_kills_at_random_moments_nothing_is_lost_or_doubled(
    world: World, tmp_path: Path, gateway: GatewayKind
) -> None:
    chance = random.Random(gateway)
    for number in range(KILLS):
        work = work_for(world, tmp_path, gateway, number=number)
        before = work.acknowledged.stat().st_size if work.acknowledged.exists() else 0
        process = start(work)
        # the moment is counted from the first acknowledged placement, so that it falls into work
        until = time.monotonic() + 20
        while time.monotonic() < until and process.is_alive():
            if work.acknowledged.exists() and work.acknowledged.stat().st_size > before:
                break
            time.sleep(0.002)
        time.sleep(chance.uniform(0, 0.12))
        assert process.is_alive()
        kill(process)
        assert process.exitcode == -9

    assert_whole(world, work)
    deliver_all(world, work)

    messages = world.all(Message)
    assert len(messages) >= 3 * KILLS
    assert accepted(world, work) == Counter((m.recipient, m.code) for m in messages)


def _killed_between_acceptance_and_note(world: World, folder: Path) -> Work:
    work = work_for(world, folder, "file", dies_after_accepting=True)
    process = start(work)
    process.join(timeout=20)
    assert process.exitcode == -9
    [leased] = [m for m in world.all(Message) if (m.recipient, m.code) in accepted(world, work)]
    assert leased.state is M.LEASED  # the database does not know what the provider knows
    return work_for(world, folder, "file")


def test_a_message_accepted_in_the_moment_of_death_is_found_and_not_sent_again(
    world: World, tmp_path: Path
) -> None:
    work = _killed_between_acceptance_and_note(world, tmp_path)

    deliver_all(world, work)

    assert set(accepted(world, work).values()) == {1}
    assert len(accepted(world, work)) == len(world.all(Message)) == 3


def test_control_without_asking_the_provider_that_message_is_sent_twice(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = _killed_between_acceptance_and_note(world, tmp_path)
    settle = inquiries._settle
    monkeypatch.setattr(inquiries, "_settle", lambda tx, asked, _receipt: settle(tx, asked, None))

    deliver_all(world, work)

    assert sorted(accepted(world, work).values()) == [1, 1, 2]
