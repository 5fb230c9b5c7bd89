"""The board says what is free, and nothing about the other side or other people's references."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shelter.db.session import Database
from shelter.domain.availability import BlockReason, Freshness
from shelter.domain.errors import Invalid, NotAllowed
from shelter.domain.household import Person
from shelter.domain.requests import Urgency
from shelter.domain.sides import Side
from shelter.services import placements, sites, units
from shelter.services.availability import block_unit
from shelter.services.board import Board, Cell, Night, UnitLine, board
from shelter.services.placements import StayChoice
from shelter.services.sites import SiteInput
from shelter.services.units import UnitInput
from support.world import TONIGHT, World, secova_world


@pytest.fixture
def world(database: Database) -> World:
    return secova_world(database)


def line(shown: Board, site: str, label: str) -> UnitLine:
    [found] = [
        unit
        for rows in shown.sites
        if rows.site.name == site
        for unit in rows.units
        if unit.unit.label == label
    ]
    return found


def tonight(world: World, login: str, site: str, label: str) -> Night:
    return line(world.do(world.user(login), board), site, label).nights[0]


def test_a_unit_is_shown_as_what_happens_in_it(world: World) -> None:
    worker, unit = world.user("garde.aywaille"), world.unit("Genêt", "1er étage")
    cells = []

    def look() -> None:
        cells.append(tonight(world, "logement.chaudfontaine", "Genêt", "1er étage").cell)

    look()
    request = world.ask(worker, people={Person.WOMAN: 1})
    held = world.hold(worker, request, [StayChoice(unit.id, TONIGHT, TONIGHT + timedelta(days=3))])
    look()
    world.confirm(worker, held)
    look()
    world.do(worker, placements.arrive, held.id)
    look()
    world.do(worker, placements.depart, held.id)
    look()
    shown = world.do(world.user("logement.chaudfontaine"), board)
    after = [night.cell for night in line(shown, "Genêt", "1er étage").nights[1:4]]

    # they left this evening: two nights of cleaning begin with this one
    assert cells == [Cell.FREE, Cell.HELD, Cell.AWAITED, Cell.OCCUPIED, Cell.CLEANING]
    assert after == [Cell.CLEANING, Cell.FREE, Cell.FREE]


@pytest.mark.parametrize("reason", sorted(BlockReason))
def test_a_block_is_shown_with_its_reason(sqlite_database: Database, reason: BlockReason) -> None:
    world = secova_world(sqlite_database)
    unit, staff = world.unit("Genêt", "Studio"), world.user("logement.chaudfontaine")
    world.do(staff, block_unit, unit.id, reason, TONIGHT, TONIGHT + timedelta(days=1))
    shown = line(world.do(staff, board), "Genêt", "Studio")
    assert (shown.nights[0].cell.value, shown.nights[0].free_beds) == (reason.value, 0)
    assert (shown.nights[1].cell, shown.nights[1].free_beds) == (Cell.FREE, 1)


def test_a_dormitory_shows_its_free_beds(world: World) -> None:
    unit = world.unit("Aubépine", "Dortoir")
    world.placed(world.user("garde.aywaille"), people={Person.WOMAN: 1}, nights=2)
    before = world.do(world.user("garde.aywaille"), board)
    worker = world.user("garde.trooz")
    request = world.ask(worker, people={Person.WOMAN: 1})
    world.hold(worker, request, [StayChoice(unit.id, TONIGHT, TONIGHT + timedelta(days=2))])
    night = tonight(world, "garde.aywaille", "Aubépine", "Dortoir")
    assert night.cell is Cell.PART_FREE
    assert night.free_beds in {2, 3}
    shown = world.do(world.user("garde.aywaille"), board)
    assert shown.free_tonight == before.free_tonight


def test_beds_of_a_dormitory_that_is_kept_back_are_not_free(world: World) -> None:
    """Found broken: beds of a unit that is kept back were counted as free tonight."""
    unit = world.unit("Aubépine", "Dortoir")
    before = world.do(world.user("garde.aywaille"), board)
    world.do(world.user("coordination"), block_unit, unit.id, BlockReason.KEPT_BACK, TONIGHT, None)
    worker = world.user("garde.trooz")
    request = world.ask(worker, people={Person.WOMAN: 1}, urgency=Urgency.DANGER_NOW)
    world.hold(worker, request, [StayChoice(unit.id, TONIGHT, TONIGHT + timedelta(days=2))])
    shown = world.do(world.user("garde.aywaille"), board)
    assert line(shown, "Aubépine", "Dortoir").nights[0].free_beds == 0
    assert shown.free_tonight == before.free_tonight - 1


def test_references_are_shown_to_those_who_work_with_them(world: World) -> None:
    worker, unit = world.user("garde.aywaille"), world.unit("Genêt", "Studio")
    request = world.ask(worker, people={Person.WOMAN: 1})
    world.hold(worker, request, [StayChoice(unit.id, TONIGHT, TONIGHT + timedelta(days=2))])
    for login, sees in (
        ("garde.aywaille", True),
        ("logement.chaudfontaine", True),
        ("coordination", True),
        ("garde.trooz", False),
    ):
        night = tonight(world, login, "Genêt", "Studio")
        assert night.cell is Cell.HELD
        assert night.references == ((request.code,) if sees else ())


def test_a_side_sees_only_its_own_sites(world: World) -> None:
    def names(login: str, side: Side | None = None) -> set[str]:
        shown = world.do(world.user(login), board, side=side)
        return {rows.site.name for rows in shown.sites}

    assert names("garde.auteurs") == {"Ardoise", "Basalte"}
    assert names("garde.auteurs", Side.VICTIMS) == {"Ardoise", "Basalte"}  # asking does not help
    assert "Ardoise" not in names("garde.aywaille", Side.PERPETRATORS)
    assert names("coordination", Side.PERPETRATORS) == {"Ardoise", "Basalte"}
    assert "Ardoise" not in names("coordination")  # never both on one screen
    assert names("logement.sprimont") == {"Sureau"}


def test_a_site_that_waits_is_not_free(world: World) -> None:
    staff = world.user("encadrement.esneux")
    before = world.do(staff, board).free_tonight
    site = world.do(
        staff, sites.add_site, SiteInput("Granit", "62032", "9 rue du Mirage", 50.52, 5.55)
    )
    world.do(staff, units.add_unit, site.id, UnitInput("Chambre", 1))
    shown = world.do(staff, board)
    assert line(shown, "Granit", "Chambre").nights[0].cell is Cell.WAITING
    assert shown.free_tonight == before


def test_old_words_are_shown_as_old(world: World) -> None:
    staff = world.user("logement.chaudfontaine")
    for hours, expected in ((1, Freshness.FRESH), (12, Freshness.AGEING), (12, Freshness.STALE)):
        world.clock.forward(hours=hours)
        assert line(world.do(staff, board), "Genêt", "Studio").freshness is expected


def test_the_board_is_for_those_who_place_and_for_a_sensible_range(world: World) -> None:
    for login in ("sapv.secova", "admin"):
        with pytest.raises(NotAllowed):
            world.do(world.user(login), board)
    for nights in (0, 91):
        with pytest.raises(Invalid):
            world.do(world.user("coordination"), board, nights=nights)
    with pytest.raises(Invalid):
        world.do(world.user("coordination"), board, first_night=TONIGHT + timedelta(days=800))
