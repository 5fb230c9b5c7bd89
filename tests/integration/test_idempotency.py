"""A POST that is repeated gets the same answer and does nothing."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from shelter.db.session import Database
from shelter.db.tables import IdempotencyKey, Request
from shelter.domain.errors import Conflict, Invalid
from shelter.domain.household import Person
from shelter.services import intake, retention
from shelter.services.context import Tx
from shelter.services.idempotency import once
from shelter.services.intake import RequestInput
from support.world import World, key, secova_world

BODY = {"route": "/requests", "people": {"woman": 1}}


@pytest.fixture
def world(database: Database) -> World:
    return secova_world(database)


def ask_once(
    world: World, same: str, body: object = BODY, login: str = "garde.aywaille"
) -> dict[str, Any]:
    def work(tx: Tx) -> dict[str, Any]:
        def ask() -> dict[str, Any]:
            return {"id": str(intake.ask(tx, RequestInput(people={Person.WOMAN: 1})).id)}

        return once(tx, same, body, ask)

    return world.system.run(world.user(login), work)


def test_a_repeated_request_is_answered_and_not_repeated(world: World) -> None:
    same = key()
    assert ask_once(world, same) == ask_once(world, same)
    assert len(world.all(Request)) == 1
    ask_once(world, key())  # control
    assert len(world.all(Request)) == 2


def test_twenty_copies_at_once_do_it_once(world: World) -> None:
    same, line = key(), threading.Barrier(20)

    def send(_number: int) -> str:
        line.wait(timeout=20)
        return str(ask_once(world, same))

    with ThreadPoolExecutor(20) as pool:
        answers = set(pool.map(send, range(20)))

    assert len(answers) == 1
    assert len(world.all(Request)) == 1


def test_the_same_key_with_another_request_is_a_conflict(world: World) -> None:
    same = key()
    ask_once(world, same)
    with pytest.raises(Conflict) as refusal:
        ask_once(world, same, {"route": "/requests", "people": {"woman": 2}})
    assert refusal.value.code == "idempotency_key_reused"


def test_another_users_equal_key_is_another_key(world: World) -> None:
    same = key()
    assert ask_once(world, same) != ask_once(world, same, login="garde.trooz")


def test_what_failed_may_be_tried_again_with_the_same_key(world: World) -> None:
    same, actor = key(), world.user("garde.aywaille")

    def fail() -> dict[str, Any]:
        raise LookupError

    with pytest.raises(LookupError):
        world.system.run(actor, lambda tx: once(tx, same, BODY, fail))
    assert ask_once(world, same)["id"]


def test_a_key_is_short_and_printable(world: World) -> None:
    for wrong in ("", "x" * 129, "a\nb"):
        with pytest.raises(Invalid):
            ask_once(world, wrong)


def test_keys_are_forgotten_after_two_days(world: World) -> None:
    same = key()
    ask_once(world, same)
    world.clock.forward(days=2)
    retention.run(world.system)
    assert len(world.all(IdempotencyKey)) == 1
    world.clock.forward(seconds=1)
    retention.run(world.system)
    assert world.all(IdempotencyKey) == []
