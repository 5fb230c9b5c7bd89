"""Free, occupied and closed by SMS: the rules of the screens, and the nights that were said."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from itertools import count
from typing import Any

import pytest

from shelter import i18n
from shelter.db.session import Database
from shelter.db.tables import AuditEntry, Block, Message, OccupiedNight, Unit
from shelter.domain.availability import BlockReason
from shelter.domain.sides import SYSTEM
from shelter.services import availability, watch
from shelter.services.inbound import receive
from shelter.services.placements import StayChoice
from support.world import TONIGHT, World, secova_world

SITE = "+447700900101"
_ids = count()
Nights = list[tuple[str, date, date | None]]


@pytest.fixture
def world(database: Database) -> World:
    return secova_world(database)


@pytest.fixture
def asked(world: World) -> Message:
    """The site was asked about its first unit; tonight is the 23rd by now."""
    return ask(world)


@pytest.fixture
def say(world: World) -> Callable[[str], str]:
    return lambda text: receive(world.system, SITE, text, f"SM-unit-{next(_ids)}")


def ask(world: World) -> Message:
    world.clock.forward(days=2)
    watch.chase_stale_availability(world.system)
    return next(m for m in world.all(Message, recipient=SITE) if m.unit_id is not None)


def unit_of(world: World, message: Message) -> Unit:
    [unit] = world.all(Unit, id=message.unit_id)
    return unit


def blocks(world: World, message: Message) -> Nights:
    rows = world.all(Block, unit_id=message.unit_id)
    return sorted(
        ((row.reason.value, row.first_night, row.end_night) for row in rows),
        key=lambda it: (it[1], it[0]),
    )


def block(world: World, message: Message, *nights: Any, reason: str = "occupied") -> None:
    staff = world.user("coordination")
    assert message.unit_id is not None
    world.do(staff, availability.block_unit, message.unit_id, BlockReason(reason), *nights)


def in_days(days: int) -> date:
    return TONIGHT + timedelta(days=2 + days)


def nights_text(language: str, which: str, **days: str) -> str:
    return i18n.text(language, f"sms_nights.{which}", **days)


@pytest.mark.parametrize(
    ("text", "reason", "first", "end"),
    [
        ("OCCUPE {code}", "occupied", 0, None),
        ("fermé {code}", "closed", 0, None),
        ("occupé {code} 24-26/11", "occupied", 1, 4),
        ("bezet {code} tot 26/11", "occupied", 0, 4),
        ("gesperrt {code} ab 24.11.", "closed", 1, None),
        ("closed {code} 24/11", "closed", 1, 2),
    ],
)
def test_a_unit_is_taken_out_for_the_nights_that_were_said(
    sqlite_database: Database, text: str, reason: str, first: int, end: int | None
) -> None:
    world = secova_world(sqlite_database)
    asked = ask(world)
    unit = unit_of(world, asked)
    answer = receive(world.system, SITE, text.format(code=asked.code), "SM1")
    expected = (reason, in_days(first), None if end is None else in_days(end))
    assert blocks(world, asked) == [expected]
    assert unit.code in answer and asked.code in answer
    assert unit_of(world, asked).confirmed_at == world.clock.now()
    [entry] = world.all(AuditEntry, action="unit.block")
    assert (entry.actor_id, entry.detail["via"], entry.side) == (None, "sms", unit.side)


def test_the_answer_says_which_nights_were_understood(
    world: World, asked: Message, say: Callable[[str], str]
) -> None:
    unit = unit_of(world, asked)
    said = {"ref": unit.code, "code": asked.code}
    nights = nights_text("fr", "span", first="24/11/26", last="26/11/26")
    expected = i18n.text("fr", "sms.reply_occupied", nights=nights, **said)
    assert say(f"occupé {asked.code} 24-26/11") == expected
    nights = nights_text("fr", "one", first="28/11/26")
    expected = i18n.text("fr", "sms.reply_closed", nights=nights, **said)
    assert say(f"fermé {asked.code} 28/11") == expected
    nights = nights_text("fr", "tonight")
    assert say(f"libre {asked.code}") == i18n.text("fr", "sms.reply_free", nights=nights, **said)


def test_free_ends_what_takes_the_unit_out(
    world: World, asked: Message, say: Callable[[str], str]
) -> None:
    block(world, asked, in_days(0), None)
    block(world, asked, in_days(3), in_days(9), reason="cleaning")
    say(f"libre {asked.code}")
    assert blocks(world, asked) == []
    [entry] = world.all(AuditEntry, action="unit.free")
    assert entry.detail["via"] == "sms"


def test_free_for_some_nights_leaves_the_others_as_they_were(
    world: World, asked: Message, say: Callable[[str], str]
) -> None:
    block(world, asked, in_days(0), None)
    say(f"libre {asked.code} 26-27/11")
    assert blocks(world, asked) == [
        ("occupied", in_days(0), in_days(3)),
        ("occupied", in_days(5), None),
    ]


def test_free_ends_no_reserve(world: World, asked: Message, say: Callable[[str], str]) -> None:
    block(world, asked, in_days(0), None, reason="kept_back")
    say(f"libre {asked.code}")
    assert blocks(world, asked) == [("kept_back", in_days(0), None)]


def test_saying_it_twice_takes_it_out_once(
    world: World, asked: Message, say: Callable[[str], str]
) -> None:
    for text in ("occupé {c} 24-26/11", "occupé {c} 24-26/11", "occupé {c} 25/11"):
        say(text.format(c=asked.code))
    assert blocks(world, asked) == [("occupied", in_days(1), in_days(4))]


@pytest.mark.parametrize("word", ["occupé", "fermé", "libre"])
def test_a_promised_unit_is_refused_and_nothing_is_half_written(
    sqlite_database: Database, word: str
) -> None:
    world = secova_world(sqlite_database)
    asked = ask(world)
    unit = unit_of(world, asked)
    worker = world.user("garde.aywaille")
    request = world.ask(worker, first_night=in_days(0), nights=2)
    parts = [StayChoice(unit.id, in_days(0), in_days(2))]
    world.confirm(worker, world.hold(worker, request, parts))
    before = (blocks(world, asked), unit_of(world, asked).confirmed_at, len(world.all(AuditEntry)))
    answer = receive(world.system, SITE, f"{word} {asked.code}", "SM1")
    assert answer == i18n.text("fr", "sms.reply_promised", ref=unit.code, code=asked.code)
    after = (blocks(world, asked), unit_of(world, asked).confirmed_at, len(world.all(AuditEntry)))
    assert after == before
    assert world.all(OccupiedNight, unit_id=unit.id)
    # control: from when nobody is promised it
    receive(world.system, SITE, f"{word} {asked.code} à partir du 27/11", "SM2")
    assert len(world.all(AuditEntry)) > before[2]


@pytest.mark.parametrize(
    "text",
    ["occupé {code} 31/4", "occupé {code} 1/11", "occupé {code} du 24/11", "fermé {code} 1/1/2099"],
)
def test_impossible_dates_change_nothing_and_show_how(sqlite_database: Database, text: str) -> None:
    world = secova_world(sqlite_database)
    asked = ask(world)
    entries = len(world.all(AuditEntry))
    answer = receive(world.system, SITE, text.format(code=asked.code), "SM1")
    assert answer == i18n.text("fr", "sms.reply_dates", code=asked.code)
    assert (blocks(world, asked), len(world.all(AuditEntry))) == ([], entries)


def test_a_no_about_a_unit_is_asked_what_it_means(
    world: World, asked: Message, say: Callable[[str], str]
) -> None:
    assert say(f"non {asked.code}") == i18n.text("fr", "sms.reply_unsure_unit", code=asked.code)
    assert blocks(world, asked) == []


def test_a_unit_that_is_gone_is_told_as_over(
    world: World, asked: Message, say: Callable[[str], str]
) -> None:
    def retire(tx: Any) -> None:
        unit = tx.session.get(Unit, asked.unit_id)
        unit.retired = True
        tx.session.add(unit)

    world.system.run(SYSTEM, retire)
    for text in ("oui", "libre", "occupé"):
        answer = say(f"{text} {asked.code}")
        assert answer == i18n.text("fr", "sms.reply_over", code=asked.code)
