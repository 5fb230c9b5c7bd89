"""The duty sheet: tonight on paper, of one side alone, without a case or an address."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from litestar.testing import TestClient

from shelter import cli, settings
from shelter.db.session import Database
from shelter.db.tables import AuditEntry, Request, Site
from shelter.domain.household import Person
from shelter.domain.sides import SYSTEM, Side
from shelter.paper import evening
from shelter.services import duty_sheets
from shelter.services.locations import location_of
from support.paper import text_of
from support.server import As, client_of
from support.world import World, secova_world

WORKER, OTHER, COORDINATOR = "garde.aywaille", "garde.auteurs", "coordination"
CASE = "LI.41.LA.0001/2026"
#: 18:00 in Belgium, in winter
SIX = datetime(2026, 11, 21, 17, 0, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "sheets"
    made.mkdir()
    return made


@pytest.fixture
def world(database: Database, folder: Path) -> World:
    return secova_world(database, duty_sheet_dir=folder)


@pytest.fixture
def client(world: World) -> Iterator[TestClient[Any]]:
    with client_of(world) as client:
        yield client


def both_sides_placed(world: World) -> dict[Side, Request]:
    found = {}
    for login, person in ((WORKER, Person.WOMAN), (OTHER, Person.MAN)):
        request, _ = world.placed(world.user(login), people={person: 1}, case_reference=CASE)
        found[request.side] = request
    return found


def sheet_of(client: TestClient[Any], world: World, login: str, query: str = "") -> str:
    answer = As(client, world.system, login).call("GET", f"/duty/sheet.pdf{query}")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-disposition"].startswith("attachment;")
    assert "no-store" in answer.headers["cache-control"]
    return text_of(answer.content)


# --- what stands on it ----------------------------------------------------------------------------


def test_a_sheet_tells_tonight_who_to_call_and_what_to_do_without_the_system(
    world: World, client: TestClient[Any]
) -> None:
    request = both_sides_placed(world)[Side.VICTIMS]
    text = sheet_of(client, world, WORKER)
    assert "samedi 21 novembre 2026, 22:10" in text
    assert request.code in text
    assert "Écoute violences conjugales" in text and "0800 30 030" in text
    assert "Appeler le contact du lieu" in text
    free = _free_of(world, WORKER)
    assert free and all(name in text for name in free)


def _free_of(world: World, login: str) -> set[str]:
    sheet = world.do(world.user(login), duty_sheets.sheet)
    return {f"{each.site} – {each.unit}" for each in sheet.free}


@pytest.mark.parametrize(
    ("login", "query", "mine", "theirs"),
    [
        (WORKER, "?side=perpetrators", Side.VICTIMS, Side.PERPETRATORS),
        (OTHER, "?side=victims", Side.PERPETRATORS, Side.VICTIMS),
        (COORDINATOR, "?side=victims", Side.VICTIMS, Side.PERPETRATORS),
        (COORDINATOR, "?side=perpetrators", Side.PERPETRATORS, Side.VICTIMS),
    ],
)
def test_no_sheet_has_a_fact_of_the_other_side(
    world: World, client: TestClient[Any], login: str, query: str, mine: Side, theirs: Side
) -> None:
    codes = both_sides_placed(world)
    text = sheet_of(client, world, login, query)
    assert codes[mine].code in text and codes[theirs].code not in text
    sites = world.all(Site)
    assert any(site.name in text for site in sites if site.side is mine)  # control
    for site in sites:
        if site.side is theirs:
            assert site.name not in text
            assert site.contact_phone is None or site.contact_phone not in text


def test_no_sheet_bears_a_case_or_an_address(world: World, client: TestClient[Any]) -> None:
    both_sides_placed(world)

    def addresses(tx: Any) -> list[str]:
        return [location_of(tx, site).address for site in tx.rows.sites()]

    for login in (WORKER, "logement.sprimont", COORDINATOR):
        text = sheet_of(client, world, login)
        assert CASE not in text
        assert not [one for one in world.system.run(SYSTEM, addresses) if one in text]


def test_staff_see_their_own_places_and_a_service_its_own_people(
    world: World, client: TestClient[Any]
) -> None:
    request = both_sides_placed(world)[Side.VICTIMS]
    other = sheet_of(client, world, "garde.trooz")
    assert request.code not in other  # of the same side, and another service's
    staff = world.user("logement.sprimont")
    text = sheet_of(client, world, "logement.sprimont")
    for site in world.all(Site, side=Side.VICTIMS):
        if site.service != staff.service:
            assert f"{site.name} –" not in text


@pytest.mark.parametrize("login", ["sapv.secova", "admin"])
def test_who_sees_no_places_on_the_screen_gets_no_sheet(
    world: World, client: TestClient[Any], login: str
) -> None:
    answer = As(client, world.system, login).call("GET", "/duty/sheet.pdf")
    assert answer.status_code == 403


def test_printing_is_noted_and_the_look_of_a_coordinator_belongs_to_the_victim_side(
    world: World, client: TestClient[Any]
) -> None:
    for login, query in ((OTHER, ""), (COORDINATOR, "?side=perpetrators")):
        sheet_of(client, world, login, query)
    entries = sorted(world.all(AuditEntry, action="duty_sheet.print"), key=lambda e: e.seq)
    assert [entry.side for entry in entries] == [Side.PERPETRATORS, Side.VICTIMS]


# --- each evening ---------------------------------------------------------------------------------


def evening_of(world: World) -> int:
    return sum(evening.write_in_the_evening(world.system, side) for side in Side)


def test_each_evening_every_service_gets_its_sheet_once(world: World, folder: Path) -> None:
    world.clock.at = SIX - timedelta(minutes=1)
    assert evening_of(world) == 0 and list(folder.iterdir()) == []
    world.clock.at = SIX
    written = evening_of(world)
    names = {path.name for path in folder.iterdir()}
    assert len(names) == written
    assert {
        "shelter-duty-2026-11-21-cpas-aywaille.pdf",
        "shelter-duty-2026-11-21-coordination-secova-victims.pdf",
        "shelter-duty-2026-11-21-coordination-secova-perpetrators.pdf",
    } <= names
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    # printed and taken away: not written again, today
    for path in folder.iterdir():
        path.unlink()
    world.clock.forward(hours=3)
    assert evening_of(world) == 0
    world.clock.forward(hours=21)
    assert evening_of(world) == written  # control: tomorrow is another day


def test_a_sheet_of_the_evening_is_of_the_side_of_its_service(world: World, folder: Path) -> None:
    codes = both_sides_placed(world)
    world.clock.at = max(world.clock.at, SIX)
    evening_of(world)
    services = {
        world.user(WORKER).service: Side.VICTIMS,
        world.user(OTHER).service: Side.PERPETRATORS,
    }
    for service, side in services.items():
        [path] = folder.glob(f"*-{service}.pdf")
        text = text_of(path.read_bytes())
        theirs = next(other for other in Side if other is not side)
        assert codes[side].code in text and codes[theirs].code not in text


def test_a_folder_that_cannot_be_written_takes_the_record_back(world: World, folder: Path) -> None:
    folder.rmdir()
    world.clock.at = SIX
    with pytest.raises(OSError):
        evening_of(world)
    assert world.all(AuditEntry, action="duty_sheet.write") == []
    folder.mkdir()
    assert evening_of(world) > 0  # control: tried again, it is written


def test_old_sheets_are_taken_away_and_nothing_else(world: World, folder: Path) -> None:
    world.clock.at = SIX
    evening_of(world)
    made = next(folder.iterdir()).read_bytes()
    kept = {
        "shelter-duty-2020-01-01-theirs.pdf": b"%PDF- somebody else's",
        "shelter-duty-2020-13-45-x.pdf": made,
        "notes.txt": b"x",
        "shelter-duty-2026-11-19-cpas-aywaille.pdf": made,
    }
    gone = {"shelter-duty-2026-11-18-cpas-aywaille.pdf": made}
    for name, content in (kept | gone).items():
        (folder / name).write_bytes(content)
    (folder / "shelter-duty-2019-01-01-link.pdf").symlink_to(folder / "notes.txt")
    assert evening.remove_old(folder, date(2026, 11, 21)) == 1
    left = {path.name for path in folder.iterdir()}
    assert set(kept) | {"shelter-duty-2019-01-01-link.pdf"} <= left and not set(gone) & left


def test_without_a_folder_nothing_is_written(world: World) -> None:
    quiet = World(world.system, world.clock)
    object.__setattr__(quiet.system.settings, "duty_sheet_dir", None)
    world.clock.at = SIX
    assert evening_of(quiet) == 0


def test_the_command_writes_all_of_them_now(
    world: World, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cli, "open_system", lambda _config: world.system)
    monkeypatch.setattr(settings, "load", lambda: world.system.settings)
    assert cli.main(["duty-sheet", "--out", str(folder)]) == 0
    printed = capsys.readouterr().out.split()
    assert sorted(printed) == sorted(str(path) for path in folder.iterdir()) and printed


@pytest.mark.parametrize("hour", ["24", "-1", "six", "1²"])
def test_an_hour_that_is_none_is_refused(hour: str) -> None:
    with pytest.raises(settings.SettingsError, match="SHELTER_DUTY_SHEET_HOUR"):
        settings.load({"SHELTER_DUTY_SHEET_HOUR": hour})
    assert settings.load({"SHELTER_DUTY_SHEET_HOUR": "0"}).duty_sheet_hour == 0
    assert settings.load({}).duty_sheet_hour == 18
    assert settings.load({}).duty_sheet_dir is None
