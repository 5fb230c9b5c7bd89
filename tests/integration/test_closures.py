"""Closures that repeat, a unit night by night, and what is told of the way to a site."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from shelter import i18n
from shelter.db.session import Database
from shelter.db.tables import AuditEntry, Block, Site, Unit
from shelter.domain.availability import BlockReason
from shelter.domain.errors import Invalid, NotAllowed, NotFound
from shelter.domain.getting_there import Bring, BusStop, GettingThere, Stairs
from shelter.services import closures, sites
from shelter.services.closures import Closed, Closure, Repeats
from shelter.services.placements import StayChoice
from support.server import As, client_of
from support.world import TONIGHT, World, key, secova_world

STAFF, WORKER = "logement.sprimont", "garde.aywaille"
WEEKEND = Closure(
    BlockReason.CLOSED, Repeats.WEEKLY, date(2026, 12, 20), weekdays=frozenset({5, 6})
)
CHRISTMAS = Closure(
    BlockReason.CLOSED,
    Repeats.YEARLY,
    date(2027, 11, 1),
    first=date(2020, 12, 24),
    last=date(2020, 12, 26),
)


@pytest.fixture
def world(database: Database) -> World:
    return secova_world(database)


@pytest.fixture
def client(world: World) -> Iterator[TestClient[Litestar]]:
    with client_of(world) as client:
        yield client


@pytest.fixture
def unit(world: World) -> Unit:
    return world.unit("Sureau", "Maison A")


def close(world: World, unit: Unit, closure: Closure, login: str = STAFF) -> Closed:
    worker = world.user(login)
    done: Closed = world.do(worker, closures.close_repeatedly, unit.site_id, [unit.id], closure)
    return done


def times(world: World, unit: Unit) -> list[tuple[date, date | None]]:
    return sorted(
        (block.first_night, block.end_night)
        for block in world.all(Block)
        if block.unit_id == unit.id
    )


# --- what repeats -------------------------------------------------------------------------------


def test_every_weekend_is_one_time_a_week_until_the_day_that_was_said(
    world: World, unit: Unit
) -> None:
    assert date(2026, 11, 21) == TONIGHT  # a Saturday
    saturdays = [TONIGHT + timedelta(weeks=week) for week in range(5)]
    assert close(world, unit, WEEKEND) == Closed(5, 0)
    assert times(world, unit) == [(day, day + timedelta(days=2)) for day in saturdays]


def test_the_last_day_cuts_a_weekend_short(world: World, unit: Unit) -> None:
    close(world, unit, replace(WEEKEND, until=date(2026, 11, 28)))
    assert times(world, unit)[-1] == (date(2026, 11, 28), date(2026, 11, 29))


def test_the_same_days_each_year_whatever_year_was_typed(world: World, unit: Unit) -> None:
    close(world, unit, CHRISTMAS)
    assert times(world, unit) == [(date(2026, 12, 24), date(2026, 12, 27))]


def test_over_new_year_is_one_time(world: World, unit: Unit) -> None:
    close(world, unit, replace(CHRISTMAS, first=date(2026, 12, 30), last=date(2027, 1, 2)))
    assert times(world, unit) == [(date(2026, 12, 30), date(2027, 1, 3))]


def test_said_again_it_is_still_one(world: World, unit: Unit) -> None:
    close(world, unit, WEEKEND)
    close(world, unit, WEEKEND)
    assert len(times(world, unit)) == 5


def test_each_block_is_on_record_as_repeated(world: World, unit: Unit) -> None:
    close(world, unit, WEEKEND)
    noted = [entry for entry in world.all(AuditEntry) if entry.action == "unit.block"]
    assert [entry.detail["via"] for entry in noted] == ["repeat"] * 5


# --- what is left alone, and what is refused ----------------------------------------------------


def test_a_night_that_was_promised_stays_open_and_is_told(world: World, unit: Unit) -> None:
    worker = world.user(WORKER)
    stay = StayChoice(unit.id, TONIGHT, TONIGHT + timedelta(days=3))
    world.hold(worker, world.ask(worker), [stay])
    assert close(world, unit, WEEKEND) == Closed(4, 1)
    assert times(world, unit)[0][0] == TONIGHT + timedelta(weeks=1)


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"until": TONIGHT + timedelta(days=367)}, "until"),
        ({"until": TONIGHT - timedelta(days=1)}, "until"),
        ({"weekdays": frozenset()}, "weekday"),
        ({"reason": BlockReason.OCCUPIED}, "reason"),
        ({"repeats": Repeats.YEARLY}, "first"),
        ({"repeats": Repeats.YEARLY, "first": TONIGHT}, "last"),
        ({"until": TONIGHT, "weekdays": frozenset({2})}, "until"),
    ],
)
def test_what_cannot_be_meant_is_refused_whole(
    world: World, unit: Unit, changed: dict[str, Any], field: str
) -> None:
    with pytest.raises(Invalid) as refusal:
        close(world, unit, replace(WEEKEND, **changed))
    assert [problem.field for problem in refusal.value.problems] == [field]
    assert times(world, unit) == []


def test_no_more_blocks_at_once_than_can_be_undone(
    world: World, unit: Unit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(closures, "MOST_BLOCKS", 4)
    with pytest.raises(Invalid):
        close(world, unit, WEEKEND)
    assert times(world, unit) == []
    monkeypatch.setattr(closures, "MOST_BLOCKS", 5)
    assert close(world, unit, WEEKEND).blocks == 5  # control


def test_only_who_runs_the_site_closes_it(world: World, unit: Unit) -> None:
    with pytest.raises(NotAllowed):
        close(world, unit, WEEKEND, WORKER)
    for login in ("logement.chaudfontaine", "encadrement.esneux"):
        with pytest.raises(NotFound):
            close(world, unit, WEEKEND, login)
    stranger = next(each for each in world.all(Unit) if each.site_id != unit.site_id)
    staff = world.user(STAFF)
    with pytest.raises(Invalid):
        world.do(staff, closures.close_repeatedly, unit.site_id, [stranger.id], WEEKEND)


# --- the pages ----------------------------------------------------------------------------------


def test_the_form_closes_and_says_how_often(
    client: TestClient[Litestar], world: World, unit: Unit
) -> None:
    staff = As(client, world.system, STAFF)
    form = {
        "key": key(),
        "unit": str(unit.id),
        "reason": "closed",
        "repeats": "weekly",
        "weekday": ["5", "6"],
        "until": "2026-12-20",
    }
    headers = {"Sec-Fetch-Site": "same-origin"}
    answer = staff.call("POST", f"/sites/{unit.site_id}/closures", data=form, headers=headers)
    assert answer.status_code == 303
    said = i18n.plural(world.user(STAFF).language, "closure.done", 5)
    assert said in staff.call("GET", answer.headers["location"]).text
    form |= {"key": key(), "until": "2030-01-01"}
    refused = staff.call("POST", f"/sites/{unit.site_id}/closures", data=form, headers=headers)
    assert refused.status_code == 422
    assert '<details class="fold" id="closures" open>' in refused.text


def test_the_calendar_tells_each_night_of_a_month(
    client: TestClient[Litestar], world: World, unit: Unit
) -> None:
    close(world, unit, WEEKEND)
    staff = As(client, world.system, STAFF)
    html = staff.call("GET", f"/units/{unit.id}/calendar?month=2026-12").text
    assert html.count("month-night cell-closed") == 6  # three weekends
    assert html.count('<a href="/sites') - html.count(f'<a href="/sites/{unit.site_id}">') >= 31
    assert f"unit={unit.id}&amp;first=2026-12-05&amp;end=2026-12-06" in html
    for month in ("", "2026-13", "1999-01", "x", "9999-12"):
        assert staff.call("GET", f"/units/{unit.id}/calendar?month={month}").status_code == 200


def test_the_calendar_is_for_who_runs_the_site(
    client: TestClient[Litestar], world: World, unit: Unit
) -> None:
    answers = {
        login: As(client, world.system, login).call("GET", f"/units/{unit.id}/calendar").status_code
        for login in (STAFF, "coordination", "logement.chaudfontaine", "encadrement.esneux", WORKER)
    }
    assert list(answers.values()) == [200, 200, 404, 404, 403]


# --- the way there ------------------------------------------------------------------------------

THERE = GettingThere(Stairs.ONE_FLOOR, BusStop.WALK, "65, 728, N61", (Bring.FOOD, Bring.BEDDING))


def describe(world: World, site: Site, there: GettingThere) -> None:
    staff = world.user(STAFF)

    def edit(tx: Any) -> None:
        row = sites.managed_site(tx, site.id)
        where = sites.location_of(tx, row)
        given = sites.SiteInput(
            name=row.name, commune=row.commune, address=where.address, lat=where.lat,
            lon=where.lon, places=where.places, contact_phone=row.contact_phone,
            getting_there=there,
        )  # fmt: skip
        sites.edit_site(tx, site.id, given, row.version)

    world.system.run(staff, edit)


def test_a_worker_reads_it_on_the_option_and_on_the_placement(
    client: TestClient[Litestar], world: World, unit: Unit
) -> None:
    site = next(each for each in world.all(Site) if each.id == unit.site_id)
    describe(world, site, THERE)
    worker = world.user(WORKER)
    request = world.ask(worker, prefer_communes=(site.commune,))
    person = As(client, world.system, WORKER)
    options = person.call("GET", f"/requests/{request.id}").text
    words = ("Un étage à pied", "Arrêt de bus à 15 min", "65, 728, N61", "draps et couvertures")
    assert [word for word in words if word not in options] == []
    stay = StayChoice(unit.id, TONIGHT, TONIGHT + timedelta(days=3))
    placement = world.hold(worker, request, [stay])
    for page in (f"/requests/{request.id}", f"/placements/{placement.id}"):
        html = person.call("GET", page).text
        assert [word for word in words if word not in html] == []


@pytest.mark.parametrize(
    "lines",
    ["rue Haute", "65 Place du Marché", "65, Gare", "0470 12 34 56", ", ".join(["65"] * 7), "1234"],
)
def test_a_line_is_a_number_and_never_a_stop(world: World, unit: Unit, lines: str) -> None:
    site = next(each for each in world.all(Site) if each.id == unit.site_id)
    with pytest.raises(Invalid) as refusal:
        describe(world, site, replace(THERE, bus_lines=lines))
    assert [problem.field for problem in refusal.value.problems] == ["bus_lines"]
