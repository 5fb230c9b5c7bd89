"""Somebody who has arrived is there until somebody says that they left."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest

from shelter.db.session import Database
from shelter.db.tables import PlacementRow, StayRow
from shelter.domain.errors import Taken
from shelter.domain.household import Person
from shelter.services import placements
from shelter.services.board import Cell, board
from shelter.services.placements import StayChoice
from support.world import TONIGHT, World, secova_world


def overdue(world: World) -> tuple[UUID, PlacementRow]:
    """A family whose last promised night is over, and nobody has said that it left."""
    worker = world.user("garde.aywaille")
    unit = world.unit("Noisetier", "Appartement")
    stay = StayChoice(unit.id, TONIGHT, TONIGHT + timedelta(days=2))
    request = world.ask(worker, nights=2)
    placement = world.confirm(worker, world.hold(worker, request, [stay]))
    world.system.run(worker, lambda tx: placements.arrive(tx, placement.id))
    world.clock.forward(days=4)
    return unit.id, placement


def test_no_clock_alone_frees_a_place(database: Database) -> None:
    world = secova_world(database)
    unit_id, placement = overdue(world)
    colleague = world.user("garde.trooz")
    now = TONIGHT + timedelta(days=4)
    request = world.ask(colleague, people={Person.WOMAN: 1}, nights=3)
    offered = {s.unit.id for o in world.options(colleague, request).options for s in o.stays}
    assert unit_id not in offered
    wanted = [StayChoice(unit_id, now, now + timedelta(days=3))]
    with pytest.raises(Taken):
        world.hold(colleague, request, wanted)
    shown = world.system.run(colleague, lambda tx: board(tx, nights=3), read_only=True)
    line = next(li for rows in shown.sites for li in rows.units if li.unit.id == unit_id)
    assert [night.cell for night in line.nights] == [Cell.OCCUPIED, Cell.FREE, Cell.FREE]
    # control: once they have left, and the cleaning is done, it can be given out
    worker = world.user("garde.aywaille")
    world.system.run(worker, lambda tx: placements.depart(tx, placement.id))
    later = [
        StayChoice(unit_id, now + timedelta(days=2), now + timedelta(days=3)),
    ]
    assert world.hold(colleague, request, later)


def test_an_overdue_stay_can_still_be_extended(database: Database) -> None:
    world = secova_world(database)
    _, placement = overdue(world)
    worker = world.user("garde.aywaille")
    until = TONIGHT + timedelta(days=7)
    longer = world.system.run(worker, lambda tx: placements.extend(tx, placement.id, until))
    assert longer.end_night == until


def test_a_night_that_somebody_slept_in_until_one_is_not_offered_again(database: Database) -> None:
    """They left at a quarter past one: the bed is nobody's for the rest of this night."""
    world = secova_world(database)
    worker = world.user("garde.aywaille")
    world.clock.forward(hours=4)
    asked = {"people": {Person.WOMAN: 1, Person.CHILD: 1}, "first_night": TONIGHT, "nights": 2}
    used = set()
    for _ in range(3):
        _, placement = world.placed(worker, **asked)  # what is offered can be held
        world.do(worker, placements.arrive, placement.id)
        (stay,) = world.all(StayRow, placement_id=placement.id)
        world.do(worker, placements.depart, placement.id)
        used.add(stay.unit_id)
    assert len(used) == 3
    world.clock.forward(hours=12)  # the next evening they are free again, after cleaning
    world.clock.forward(days=2)
    later = asked | {"first_night": TONIGHT + timedelta(days=3)}
    _, placement = world.placed(worker, **later)
    (stay,) = world.all(StayRow, placement_id=placement.id)
    assert stay.unit_id in used
