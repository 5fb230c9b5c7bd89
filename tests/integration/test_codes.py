"""Codes that people read aloud are random, and unique on a side: none tells of the other side."""

from __future__ import annotations

import itertools

import pytest

from shelter.db.session import Database
from shelter.db.tables import Request
from shelter.domain.household import Person
from shelter.domain.sides import Side
from shelter.services import codes
from support.world import World, secova_world

MAN = {Person.MAN: 1}


@pytest.fixture
def world(database: Database) -> World:
    return secova_world(database)


@pytest.fixture
def few_codes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chance gives BBBBB twice, then CCCCC twice, and so on."""
    drawn = (letter * 5 for letter in "BCDFGHJK" for _ in range(2))
    monkeypatch.setattr(codes, "random_code", lambda length: next(drawn))


def test_the_same_code_on_both_sides_is_no_accident_to_either(
    world: World, few_codes: None
) -> None:
    victim = world.ask(world.user("garde.aywaille"), people=MAN)
    other = world.ask(world.user("garde.auteurs"), people=MAN)
    assert victim.code == other.code == "BBBBB"


def test_on_one_side_a_code_is_never_given_twice(world: World, few_codes: None) -> None:
    worker = world.user("garde.auteurs")
    given = [world.ask(worker, people=MAN).code for _ in range(3)]
    assert given == ["BBBBB", "CCCCC", "DDDDD"]
    both = itertools.chain(world.all(Request, side=Side.VICTIMS), world.all(Request))
    assert len({row.code for row in both}) == 3
