"""One tap about tonight, said by those who work there, and not a night later."""

from __future__ import annotations

from typing import Any

import pytest

from shelter.db.session import Database
from shelter.db.tables import AuditEntry, Block, Unit
from shelter.domain.availability import BlockReason
from support.server import client_of, session_for
from support.world import TONIGHT, World, key, secova_world

STAFF, THEIRS = "logement.sprimont", "encadrement.esneux"


def said(world: World, login: str, unit: Unit, what: str, **more: Any) -> int:
    form = {"key": key(), "night": TONIGHT.isoformat(), "said": what} | more
    with client_of(world) as client:
        client.cookies.set("session", session_for(world.system, login))
        headers = {"Sec-Fetch-Site": "same-origin"}
        answer = client.post(
            f"/pocket/units/{unit.id}", data=form, headers=headers, follow_redirects=False
        )
        return answer.status_code


@pytest.mark.parametrize(
    ("what", "action"),
    [
        ("still_true", "unit.still_true"),
        ("free", "unit.free"),
        ("occupied", "unit.block"),
        ("closed", "unit.block"),
    ],
)
def test_each_word_does_what_it_says_for_tonight_alone(
    database: Database, what: str, action: str
) -> None:
    world = secova_world(database)
    unit = world.unit("Sureau", "Maison A")
    assert said(world, STAFF, unit, what) == 303
    last = world.all(AuditEntry)[-1]
    assert (last.action, last.detail["via"]) == (action, "pocket")
    blocks = world.all(Block, unit_id=unit.id)
    reasons = {"occupied": [BlockReason.OCCUPIED], "closed": [BlockReason.CLOSED]}
    assert [block.reason for block in blocks] == reasons.get(what, [])
    assert all(block.first_night == TONIGHT for block in blocks)
    assert all(block.end_night and (block.end_night - TONIGHT).days == 1 for block in blocks)


def test_a_word_about_a_night_that_is_over_changes_nothing(database: Database) -> None:
    world = secova_world(database)
    unit = world.unit("Sureau", "Maison A")
    before = len(world.all(AuditEntry))
    world.clock.forward(days=1)
    assert said(world, STAFF, unit, "closed") == 409
    assert not world.all(Block, unit_id=unit.id)
    assert "unit.block" not in [e.action for e in world.all(AuditEntry)[before:]]


def test_the_same_word_that_comes_twice_counts_once(database: Database) -> None:
    world = secova_world(database)
    unit = world.unit("Sureau", "Maison A")
    same = key()
    assert {said(world, STAFF, unit, "closed", key=same) for _ in range(3)} == {303}
    assert len(world.all(Block, unit_id=unit.id)) == 1
    assert [e.action for e in world.all(AuditEntry)].count("unit.block") == 1


def test_nobody_says_anything_about_the_places_of_others(database: Database) -> None:
    world = secova_world(database)
    unit = world.unit("Sureau", "Maison A")
    assert said(world, THEIRS, unit, "closed") == 404
    assert said(world, "garde.aywaille", unit, "closed") == 403
    assert not world.all(Block, unit_id=unit.id)
    assert said(world, STAFF, unit, "closed") == 303  # the control
