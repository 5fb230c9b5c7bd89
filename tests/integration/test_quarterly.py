"""A quarter in figures: counted by hand, one side at a time, nothing small told."""

from __future__ import annotations

import csv
from datetime import date, timedelta
from io import BytesIO, StringIO
from zipfile import ZipFile

import pytest

from shelter.db.session import Database
from shelter.db.tables import Figure, Site, Unit
from shelter.domain.availability import BlockReason
from shelter.domain.errors import NotAllowed
from shelter.domain.household import Person
from shelter.domain.quarters import Quarter
from shelter.domain.requests import Outcome
from shelter.domain.sides import Side
from shelter.services import availability, intake, placements, quarterly, retention
from shelter.services.quarterly import CHILDREN_PER_ADULT, OPEN, Report
from support.server import client_of, session_for
from support.world import TONIGHT, World, secova_world

COORDINATOR, WORKER, OTHER = "coordination", "garde.aywaille", "garde.auteurs"
NOW = Quarter(2026, 4)


def told(world: World, side: Side = Side.VICTIMS, quarter: Quarter = NOW) -> Report:
    actor = world.user(COORDINATOR)
    return world.system.run(actor, lambda tx: quarterly.report(tx, side, quarter), read_only=True)


def closed(world: World, outcome: Outcome, times: int, login: str = WORKER) -> None:
    worker = world.user(login)
    for _ in range(times):
        request = world.ask(worker, people={Person.WOMAN: 1})
        world.do(worker, intake.close, request.id, outcome)


def test_requests_are_counted_by_reason_and_the_persons_own_apart(database: Database) -> None:
    world = secova_world(database)
    closed(world, Outcome.NO_PLACE, 6)
    closed(world, Outcome.PERSON_DECLINED, 7)
    closed(world, Outcome.MISTAKE, 3)
    for _ in range(5):
        world.ask(world.user(WORKER), people={Person.WOMAN: 1})
    it = told(world)
    assert it.outcomes.counts == {
        Outcome.HOUSED: 0,
        Outcome.NO_PLACE: 6,
        Outcome.NO_SAFE_PLACE: 0,
        Outcome.NEEDS_NOT_MET: 0,
        Outcome.HOUSED_ELSEWHERE: 0,
        Outcome.PERSON_DECLINED: 7,
        Outcome.PERSON_UNREACHABLE: 0,
        OPEN: 5,
    }
    assert it.outcomes.total == 18
    assert it.requests.counts == {world.user(WORKER).service: 18}
    assert it.to_confirmed.count == 0


def test_what_was_purged_is_still_counted(database: Database) -> None:
    world = secova_world(database)
    closed(world, Outcome.NO_SAFE_PLACE, 8)
    before = told(world).outcomes
    world.clock.forward(days=100)
    retention.run(world.system)
    assert world.all(Figure)
    after = told(world).outcomes
    assert after == before
    assert after.counts[Outcome.NO_SAFE_PLACE] == 8


def test_one_side_is_never_in_the_figures_of_the_other(database: Database) -> None:
    world = secova_world(database)
    empty = told(world, Side.PERPETRATORS)
    closed(world, Outcome.NO_PLACE, 9)
    _, placement = world.placed(world.user(WORKER))
    world.do(world.user(WORKER), placements.arrive, placement.id)
    world.clock.forward(days=1)
    beside = told(world, Side.PERPETRATORS)
    assert beside.outcomes == empty.outcomes
    assert beside.requests == empty.requests
    assert {nis: use.occupied for nis, use in beside.occupancy.items()} == {
        nis: use.occupied for nis, use in empty.occupancy.items()
    }
    assert beside.delivery == empty.delivery
    assert beside.family_places is None


def test_a_small_number_is_told_to_nobody(database: Database) -> None:
    world = secova_world(database)
    closed(world, Outcome.NO_SAFE_PLACE, 2)
    closed(world, Outcome.NO_PLACE, 11)
    it = told(world)
    assert it.outcomes.counts[Outcome.NO_SAFE_PLACE] is None
    assert list(it.outcomes.counts.values()).count(None) == 2
    with client_of(world) as client:
        client.cookies.set("session", session_for(world.system, COORDINATOR))
        text = client.get("/figures.csv").content.decode("utf-8-sig")
        lines = {row[3]: row[4] for row in csv.reader(StringIO(text))}
        assert lines["Rien de sûr"] == "< 5"
        assert lines["Demandes en tout"] == "13"


def test_occupancy_counts_nights_that_were_offered(database: Database) -> None:
    world = secova_world(database)
    worker, coordinator = world.user(WORKER), world.user(COORDINATOR)
    _, placement = world.placed(worker, nights=6)
    (stay,) = world.do(worker, lambda tx: tx.rows.stays([placement.id]))
    (used,) = world.all(Unit, id=stay.unit_id)
    (site,) = world.all(Site, id=used.site_id)
    commune = site.commune
    world.do(worker, placements.arrive, placement.id)
    opened = told(world).occupancy[commune]
    assert (opened.offered, opened.occupied) == (0, 0)
    world.clock.forward(days=6)
    six = told(world).occupancy[commune]
    assert six.offered == six.units * 6
    weight = 1 if used.sharing == "private" else 1 / used.beds
    assert six.occupied == pytest.approx(6 * weight)
    world.do(
        coordinator,
        availability.block_unit,
        world.unit("Sureau", "Maison B").id,
        BlockReason.OUT_OF_SERVICE,
        TONIGHT + timedelta(days=6),
        TONIGHT + timedelta(days=9),
    )
    world.clock.forward(days=4)
    (site,) = world.all(Site, name="Sureau")
    sureau = told(world).occupancy[site.commune]
    assert sureau.offered == sureau.units * 10 - 3


def test_times_are_told_of_five_and_not_of_four(database: Database) -> None:
    world = secova_world(database)
    worker = world.user(WORKER)
    for minutes in (10, 20, 30, 40):
        request = world.ask(worker, people={Person.WOMAN: 1}, nights=1)
        world.clock.forward(minutes=minutes)
        world.confirm(worker, world.hold_first(worker, request))
    assert told(world).to_confirmed == quarterly.Waiting(None, None, None)
    request = world.ask(worker, people={Person.WOMAN: 1}, nights=1)
    world.clock.forward(minutes=50)
    world.confirm(worker, world.hold_first(worker, request))
    five = told(world).to_confirmed
    assert five == quarterly.Waiting(5, 30 * 60.0, 50 * 60.0)


def test_family_places_are_held_against_the_istanbul_standard(database: Database) -> None:
    world = secova_world(database)
    places = told(world).family_places
    assert places is not None
    inhabitants = 12394 + 20855 + 13015 + 14909 + 8297
    assert places.needed == pytest.approx(inhabitants / 10_000)
    assert places.needed == pytest.approx(6.9, abs=0.1)  # "about 7 for SECOVA"
    beds = sum(
        unit.beds + unit.cots
        for unit in world.all(Unit, side=Side.VICTIMS)
        if {"woman", "child"} <= set(unit.admits)
    )
    assert places.places == pytest.approx(beds / (1 + CHILDREN_PER_ADULT))


@pytest.mark.parametrize("login", [WORKER, OTHER, "logement.sprimont", "sapv.secova", "admin"])
def test_nobody_but_the_coordination_reads_them(database: Database, login: str) -> None:
    world = secova_world(database)
    actor = world.user(login)
    with pytest.raises(NotAllowed):
        world.system.run(actor, lambda tx: quarterly.report(tx, Side.VICTIMS, NOW), read_only=True)
    with client_of(world) as client:
        client.cookies.set("session", session_for(world.system, login))
        for path in ("/figures", "/figures.csv", "/figures.xlsx"):
            assert client.get(path).status_code == 403


def test_the_workbook_opens_and_holds_the_lines_of_the_page(database: Database) -> None:
    world = secova_world(database)
    closed(world, Outcome.NO_PLACE, 6)
    with client_of(world) as client:
        client.cookies.set("session", session_for(world.system, COORDINATOR))
        answer = client.get("/figures.xlsx?side=victims&quarter=2026-Q4")
        assert answer.headers["content-disposition"].endswith('"shelter-victims-2026-Q4.xlsx"')
        book = ZipFile(BytesIO(answer.content))
        words = book.read("xl/sharedStrings.xml").decode()
        assert "Demandes en tout" in words
        assert "<f>" not in book.read("xl/worksheets/sheet1.xml").decode()
        page = client.get("/figures?side=victims").text
        assert "Ce que le réseau n’a pas pu offrir" in page


def test_quarters_that_were_purged_are_not_offered(database: Database) -> None:
    world = secova_world(database)
    found = world.system.run(world.user(COORDINATOR), quarterly.quarters, read_only=True)
    assert found == (NOW, Quarter(2026, 3), Quarter(2026, 2), Quarter(2026, 1))
    assert found[-1].first_day >= date(2026, 11, 21) - timedelta(days=365)
