"""The audit log on a screen: found, exported and verified by a coordinator, on record itself."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from litestar import Litestar
from litestar.testing import TestClient

from shelter.db.session import Database
from shelter.db.tables import AuditEntry
from shelter.domain.decisions import GlassReason
from shelter.domain.errors import Conflict, NotAllowed
from shelter.domain.household import Person
from shelter.domain.sides import Side
from shelter.services import audit_chain, audit_search, break_glass
from shelter.services.audit_search import Line, Search
from support.raw import all_seeing
from support.server import DEMO_USERS, As, client_of
from support.world import TONIGHT, World, key, secova_world

COORDINATOR, WORKER, OTHER = "coordination", "garde.aywaille", "garde.auteurs"
CASE = "LI.45.L1.000777/26"


@pytest.fixture
def world(database: Database) -> World:
    return secova_world(database)


@pytest.fixture
def client(world: World) -> Iterator[TestClient[Litestar]]:
    with client_of(world) as client:
        yield client


def found(world: World, **wanted: str) -> list[Line]:
    week = Search(TONIGHT - timedelta(days=6), TONIGHT, **wanted)
    return list(world.do(world.user(COORDINATOR), audit_search.search, week, limit=500))


@pytest.mark.parametrize("login", [login for login in DEMO_USERS if login != COORDINATOR])
def test_nobody_but_a_coordinator_reads_the_log(
    world: World, client: TestClient[Litestar], login: str
) -> None:
    person = As(client, world.system, login)
    for path in ("/audit", "/audit.csv"):
        assert person.call("GET", path).status_code == 403
    assert person.call("POST", "/audit/verify", data={"key": key()}).status_code == 403
    week = Search(TONIGHT, TONIGHT)
    for use in (audit_search.search, audit_search.export):
        with pytest.raises(NotAllowed):  # the services say it, too
            world.do(world.user(login), use, week)
    with pytest.raises(NotAllowed):
        world.do(world.user(login), audit_search.verify)
    coordinator = As(client, world.system, COORDINATOR)
    assert coordinator.call("GET", "/audit").status_code == 200  # control


def test_entries_are_found_by_who_what_about_what_and_when(world: World) -> None:
    worker = world.user(WORKER)
    request, placement = world.placed(worker, nights=2)
    world.clock.forward(days=3)
    world.placed(world.user(OTHER), people={Person.MAN: 1})

    everything = found(world)
    assert found(world, who=worker.name[2:9].upper())
    assert {line.who for line in found(world, who=worker.name)} == {worker.name}
    confirmed = found(world, action="placement.confirm")
    assert {line.which for line in confirmed} >= {str(placement.id)}
    assert {line.kind for line in found(world, subject="request")} == {"request"}
    assert request.id in {line.request_id for line in found(world, subject="request")}
    assert found(world, who="%") == found(world, who="_") == []  # no wild cards from outside
    later = Search(TONIGHT + timedelta(days=3), TONIGHT + timedelta(days=3))
    on_that_day = world.do(world.user(COORDINATOR), audit_search.search, later, limit=500)
    assert {line.at.date() for line in on_that_day} == {TONIGHT + timedelta(days=3)}
    assert {line.side for line in everything} == {*Side, None}  # two-sided: both


def test_pages_neither_repeat_nor_skip(world: World) -> None:
    world.placed(world.user(WORKER))
    whole, pieces, before = [line.seq for line in found(world)], list[int](), None
    week = Search(TONIGHT - timedelta(days=6), TONIGHT)
    coordinator = world.user(COORDINATOR)
    while page := world.do(coordinator, audit_search.search, week, before=before, limit=3):
        pieces += [line.seq for line in page]
        before = pieces[-1]
    assert pieces[-len(whole) :] == whole


def test_looking_is_noted_once_an_hour_and_an_export_each_time(
    world: World, client: TestClient[Litestar]
) -> None:
    coordinator = As(client, world.system, COORDINATOR)
    for _ in range(2):
        assert coordinator.call("GET", "/audit").status_code == 200
        assert coordinator.call("GET", "/audit.csv").status_code == 200
    world.clock.forward(minutes=61)
    coordinator.call("GET", "/audit")
    looks = world.all(AuditEntry, action="audit.look")
    exports = world.all(AuditEntry, action="audit.export")
    assert (len(looks), len(exports)) == (2, 2)
    # when a two-sided person looks may depend on victims: the other side is not told
    assert {entry.side for entry in (*looks, *exports)} == {Side.VICTIMS}
    assert set(exports[0].detail) == {"lines", "first", "last"}


def test_an_export_holds_what_the_search_finds_and_no_formula(
    world: World, client: TestClient[Litestar]
) -> None:
    world.placed(world.user(WORKER), note="Arrive avec le chien")
    coordinator = As(client, world.system, COORDINATOR)
    answer = coordinator.call("GET", "/audit.csv?action=placement.hold")
    rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert len(rows) == 1 + len(found(world, action="placement.hold")) == 2
    assert "attachment" in answer.headers["content-disposition"]
    assert not any(cell[:1] in "=+-@" for row in rows for cell in row if cell)


def test_an_export_that_is_too_long_is_refused_whole(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.placed(world.user(WORKER))
    week, coordinator = Search(TONIGHT, TONIGHT), world.user(COORDINATOR)
    before = len(world.do(coordinator, audit_search.export, week))  # control
    monkeypatch.setattr(audit_search, "MOST", before - 1)
    with pytest.raises(Conflict, match="audit_too_much"):
        world.do(coordinator, audit_search.export, week)


def test_the_log_shows_no_note_no_address_and_not_the_two_sides_of_a_case(
    world: World, client: TestClient[Litestar]
) -> None:
    worker, coordinator = world.user(WORKER), world.user(COORDINATOR)
    linked, _ = world.placed(worker, case_reference=CASE, note="Arrive avec le chien gris")
    theirs, _ = world.placed(world.user(OTHER), people={Person.MAN: 1}, case_reference=CASE)
    glass = world.do(coordinator, break_glass.open_glass, linked.id, GlassReason.CONTACT)
    page = As(client, world.system, COORDINATOR).call("GET", "/audit").text
    export = As(client, world.system, COORDINATOR).call("GET", "/audit.csv").text
    for said in (page, export):
        assert "chien" not in said and CASE not in said and "chemin" not in said
        assert str(glass.id) not in said
    opened = [line for line in found(world) if line.action == "glass.open"]
    assert {line.request_id for line in opened} == {linked.id, theirs.id}
    assert {(line.which, line.detail) for line in opened} == {(None, "")}
    # control: the log itself has the name that would link them
    assert len({e.subject for e in world.all(AuditEntry, action="glass.open")}) == 1


def test_the_chain_is_verified_from_the_screen_and_a_break_is_told(
    world: World, client: TestClient[Litestar]
) -> None:
    world.placed(world.user(WORKER))
    coordinator = As(client, world.system, COORDINATOR)
    assert "Jamais vérifié" in coordinator.call("GET", "/audit").text
    for _ in range(2):
        assert coordinator.call("POST", "/audit/verify", data={"key": key()}).status_code == 303
        whole = world.do(world.user(COORDINATOR), audit_search.chain).verified
        assert whole is not None and whole.broken_at is None

    with all_seeing(world.system.database).begin() as raw:
        if world.system.database.is_sqlite:
            for trigger in raw.scalars(
                sa.text("SELECT name FROM sqlite_master WHERE type='trigger'")
            ).all():
                raw.execute(sa.text(f'DROP TRIGGER "{trigger}"'))
        else:
            raw.execute(sa.text("ALTER TABLE audit_entry DISABLE TRIGGER ALL"))
        raw.execute(sa.text("UPDATE audit_entry SET actor_name = 'x' WHERE seq = 3"))
    coordinator.call("POST", "/audit/verify", data={"key": key()})
    broken = world.do(world.user(COORDINATOR), audit_search.chain).verified
    assert broken is not None and broken.broken_at == 3
    assert re.search(r'role="alert">.*ligne 3', coordinator.call("GET", "/audit").text, re.S)


def test_a_head_that_is_noted_elsewhere_is_said_and_checked(
    database: Database, tmp_path: Path
) -> None:
    heads = tmp_path / "heads"
    world = secova_world(database, audit_head_file=heads)
    coordinator = world.user(COORDINATOR)
    assert world.do(coordinator, audit_search.chain).noted_on is None  # control
    assert audit_chain.note_head_daily(world.system)
    noted = world.do(coordinator, audit_search.chain)
    assert noted.noted_on == world.clock.at.date()
    assert world.do(coordinator, audit_search.verify).broken_at is None
    heads.write_text(heads.read_text().replace(noted.end.hash, "0" * 64))
    assert world.do(coordinator, audit_search.verify).broken_at is not None
