"""Commune staff keep true what is known of their units, and promise nothing away."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shelter.db.session import Database
from shelter.db.tables import Block, Unit
from shelter.domain.availability import BlockReason
from shelter.domain.errors import Conflict, Invalid, NotAllowed, NotFound, Taken
from shelter.domain.household import Person
from shelter.domain.requests import Urgency
from shelter.services.availability import (
    block_unit,
    confirm_site,
    confirm_unit,
    current_blocks,
    unblock_unit,
)
from shelter.services.placements import StayChoice
from support.world import TONIGHT, World, secova_world


@pytest.fixture
def world(database: Database) -> World:
    return secova_world(database)


def hold(world: World, unit: Unit, first: int = 0, nights: int = 3) -> None:
    actor = world.user("garde.aywaille")
    begin = TONIGHT + timedelta(days=first)
    world.hold(
        actor,
        world.ask(actor, people={Person.WOMAN: 1}),
        [StayChoice(unit.id, begin, begin + timedelta(days=nights))],
    )


def test_a_closed_unit_is_given_out_to_nobody_until_it_is_opened(world: World) -> None:
    unit, staff = world.unit("Genêt", "Studio"), world.user("logement.chaudfontaine")
    block = world.do(staff, block_unit, unit.id, BlockReason.CLOSED, TONIGHT, None)
    with pytest.raises(Taken):
        hold(world, unit)
    world.do(staff, unblock_unit, unit.id, block.id)
    hold(world, unit)


@pytest.mark.parametrize("reason", sorted(set(BlockReason) - {BlockReason.KEPT_BACK}))
def test_promised_nights_are_not_closed_behind_somebodys_back(
    sqlite_database: Database, reason: BlockReason
) -> None:
    world = secova_world(sqlite_database)
    unit, staff = world.unit("Genêt", "Studio"), world.user("logement.chaudfontaine")
    hold(world, unit)
    with pytest.raises(Conflict) as refusal:
        world.do(staff, block_unit, unit.id, reason, TONIGHT, None)
    assert refusal.value.code == "unit_is_promised"
    after = TONIGHT + timedelta(days=3)  # control: the nights after are nobody's
    assert world.do(staff, block_unit, unit.id, reason, after, None).reason is reason


def test_nights_kept_back_go_to_immediate_danger_only(world: World) -> None:
    unit, staff = world.unit("Genêt", "Studio"), world.user("logement.chaudfontaine")
    world.do(staff, block_unit, unit.id, BlockReason.KEPT_BACK, TONIGHT, None)
    with pytest.raises(Conflict) as refusal:
        hold(world, unit)
    assert refusal.value.params["rule"] == "kept_back"
    actor = world.user("garde.aywaille")
    request = world.ask(actor, people={Person.WOMAN: 1}, urgency=Urgency.DANGER_NOW)
    world.hold(actor, request, [StayChoice(unit.id, TONIGHT, TONIGHT + timedelta(days=2))])


def test_blocks_name_their_wrong_nights(world: World) -> None:
    unit, staff = world.unit("Genêt", "Studio"), world.user("logement.chaudfontaine")
    for first, end, field in (
        (TONIGHT - timedelta(days=2), None, "first_night"),
        (TONIGHT + timedelta(days=800), None, "first_night"),
        (TONIGHT, TONIGHT, "end_night"),
        (TONIGHT, TONIGHT + timedelta(days=800), "end_night"),
    ):
        with pytest.raises(Invalid) as refusal:
            world.do(staff, block_unit, unit.id, BlockReason.CLOSED, first, end)
        assert field in {problem.field for problem in refusal.value.problems}


def test_opening_leaves_the_nights_before_tonight_as_they_were(world: World) -> None:
    unit, staff = world.unit("Genêt", "Studio"), world.user("logement.chaudfontaine")
    block = world.do(staff, block_unit, unit.id, BlockReason.CLOSED, TONIGHT, None)
    world.clock.forward(days=3)
    world.do(staff, unblock_unit, unit.id, block.id)
    [row] = world.all(Block)
    assert (row.first_night, row.end_night) == (TONIGHT, TONIGHT + timedelta(days=3))
    assert world.do(staff, current_blocks, [unit.id]) == {}


def test_only_the_staff_of_the_site_may_say_how_it_is(world: World) -> None:
    unit = world.unit("Genêt", "Studio")
    for login, refusal in (
        ("logement.sprimont", NotFound),
        ("encadrement.esneux", NotFound),
        ("admin", NotFound),
        ("garde.aywaille", NotAllowed),
        ("sapv.secova", NotAllowed),
    ):
        with pytest.raises(refusal):
            world.do(world.user(login), confirm_unit, unit.id)
        with pytest.raises(refusal):
            world.do(world.user(login), block_unit, unit.id, BlockReason.CLOSED, TONIGHT, None)
    for login in ("logement.chaudfontaine", "coordination"):  # control
        world.do(world.user(login), confirm_unit, unit.id)


def test_a_block_of_another_unit_is_not_opened_by_mistake(world: World) -> None:
    staff = world.user("logement.chaudfontaine")
    one, two = world.unit("Genêt", "Studio"), world.unit("Genêt", "1er étage")
    block = world.do(staff, block_unit, one.id, BlockReason.CLOSED, TONIGHT, None)
    with pytest.raises(NotFound):
        world.do(staff, unblock_unit, two.id, block.id)


def test_still_true_for_a_whole_site_is_one_tap(world: World) -> None:
    staff = world.user("logement.chaudfontaine")
    site = world.unit("Genêt", "Studio").site_id
    world.clock.forward(days=2)
    world.do(staff, confirm_site, site)
    for unit in world.all(Unit):
        assert (unit.confirmed_at == world.clock.now()) == (unit.site_id == site)
        assert (unit.confirmed_by == staff.user_id) == (unit.site_id == site)
