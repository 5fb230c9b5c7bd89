"""The audit log: any edit, deletion, reordering or cut is found."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from shelter.db.session import Database
from shelter.domain.sides import BOTH_SIDES
from shelter.services.audit import GENESIS, verify_chain
from support.raw import all_seeing
from support.world import World, secova_world

TAMPERINGS = 200
Row = dict[str, Any]


@pytest.fixture
def world(database: Database) -> World:
    world = secova_world(database)
    world.placed(world.user("garde.aywaille"))
    return world


def broken_at(world: World, head: str | None = None) -> int | None:
    return world.system.database.run(
        lambda session: verify_chain(session, expected_head=head), read_only=True, sides=BOTH_SIDES
    ).broken_at


def edit(rows: list[Row], chance: random.Random) -> list[Row]:
    row = chance.choice(rows)
    column = chance.choice(["actor_name", "action", "subject", "previous_hash", "hash", "detail"])
    if column == "detail":
        row["detail"] = json.dumps({"edited": chance.random()})
    else:
        row[column] = row[column][:-1] + ("0" if row[column][-1] != "0" else "1")
    return rows


def delete(rows: list[Row], chance: random.Random) -> list[Row]:
    rows.pop(chance.randrange(len(rows) - 1))
    return rows


def delete_and_close_ranks(rows: list[Row], chance: random.Random) -> list[Row]:
    rows.pop(chance.randrange(len(rows) - 1))
    return [row | {"seq": number} for number, row in enumerate(rows, 1)]


def reorder(rows: list[Row], chance: random.Random) -> list[Row]:
    one, two = chance.sample(range(len(rows)), 2)
    rows[one]["seq"], rows[two]["seq"] = rows[two]["seq"], rows[one]["seq"]
    return rows


def insert(rows: list[Row], chance: random.Random) -> list[Row]:
    copy = dict(chance.choice(rows)) | {"seq": len(rows) + 1, "hash": "f" * 64}
    return [*rows, copy]


def truncate(rows: list[Row], chance: random.Random) -> list[Row]:
    return rows[: chance.randrange(len(rows))]


WAYS: tuple[Callable[[list[Row], random.Random], list[Row]], ...] = (
    edit,
    delete,
    delete_and_close_ranks,
    reorder,
    insert,
    truncate,
)


def test_an_untouched_chain_is_whole(world: World) -> None:
    report = world.system.database.run(verify_chain, read_only=True, sides=BOTH_SIDES)
    assert report.entries > 20
    assert report.broken_at is None
    assert broken_at(world, report.head) is None
    assert broken_at(world, GENESIS) is None


@pytest.mark.slow
def test_200_random_tamperings_are_all_found(world: World) -> None:
    database = world.system.database
    head = database.run(verify_chain, read_only=True, sides=BOTH_SIDES).head
    with all_seeing(database).connect() as connection:
        given = connection.execute(sa.text("SELECT * FROM audit_entry ORDER BY seq"))
        original = [dict(row) for row in given.mappings()]
    for row in original:
        if not isinstance(row["detail"], str):
            row["detail"] = json.dumps(row["detail"])
    columns = ", ".join(original[0])
    values = ", ".join(
        f"CAST(:{name} AS jsonb)" if name == "detail" and not database.is_sqlite else f":{name}"
        for name in original[0]
    )
    write = sa.text(f"INSERT INTO audit_entry ({columns}) VALUES ({values})")

    def put(rows: list[Row]) -> None:
        with all_seeing(database).begin() as connection:
            connection.execute(sa.text("DELETE FROM audit_entry"))
            if rows:
                connection.execute(write, rows)

    chance = random.Random(20261121)
    missed = []
    for number in range(TAMPERINGS):
        way = WAYS[number % len(WAYS)]
        put(way([dict(row) for row in original], chance))
        if broken_at(world, head) is None:
            missed.append((number, way.__name__))
    put(original)

    assert missed == []
    assert broken_at(world, head) is None  # control: put back, it is whole again


def test_control_a_cut_is_only_found_with_a_head_that_was_noted_elsewhere(world: World) -> None:
    head = world.system.database.run(verify_chain, read_only=True, sides=BOTH_SIDES).head
    with all_seeing(world.system.database).begin() as connection:
        connection.execute(
            sa.text("DELETE FROM audit_entry WHERE seq = (SELECT max(seq) FROM audit_entry)")
        )
    assert broken_at(world) is None
    assert broken_at(world, head) is not None


def test_what_failed_leaves_no_entry(world: World) -> None:
    before = world.system.database.run(verify_chain, read_only=True, sides=BOTH_SIDES)

    def fail(tx: Any) -> None:
        tx.record("never", "never")
        raise LookupError

    with pytest.raises(LookupError):
        world.system.run(world.user("garde.aywaille"), fail)
    assert world.system.database.run(verify_chain, read_only=True, sides=BOTH_SIDES) == before


def test_the_chain_holds_on_both_databases(database: Database) -> None:
    """An instant, a number and an accent come back from the database as they were hashed."""
    world = secova_world(database)
    actor = world.user("garde.aywaille")
    detail: Any = {"é": ["ü", 1, 1.5, None, True], "a": {"z": 1, "b": -0.25}}
    world.system.run(actor, lambda tx: tx.record("test", "x", **detail))
    assert broken_at(world) is None
