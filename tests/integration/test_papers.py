"""What is printed: no name, no case, no address but for those who may open it, and once noted."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from litestar.testing import TestClient

from shelter.db.session import Database
from shelter.db.tables import AuditEntry, PlacementRow
from shelter.domain.household import Person
from shelter.domain.sides import SYSTEM
from shelter.paper.layout import Paper, plain
from shelter.services import placements
from shelter.services.context import Tx
from shelter.services.locations import location_of
from shelter.services.placements import StayChoice
from support.paper import text_of
from support.server import As, client_of
from support.world import TONIGHT, World, secova_world

WORKER, STAFF = "garde.aywaille", "logement.chaudfontaine"
CASE = "LI.41.LA.0001/2026"
PAPERS = ("agreement", "handover")


@pytest.fixture
def world(database: Database) -> World:
    return secova_world(database)


@pytest.fixture
def client(world: World) -> Iterator[TestClient[Any]]:
    with client_of(world) as client:
        yield client


def placed(world: World) -> PlacementRow:
    actor = world.user(WORKER)
    request = world.ask(actor, people={Person.WOMAN: 1, Person.CHILD: 2}, case_reference=CASE)
    end = TONIGHT + timedelta(days=7)
    choice = [StayChoice(world.unit("Genêt", "1er étage").id, TONIGHT, end)]
    return world.confirm(actor, world.hold(actor, request, choice))


def address_of(world: World, site: str) -> str:
    def look(tx: Tx) -> str:
        [row] = [row for row in tx.rows.sites() if row.name == site]
        return location_of(tx, row).address

    return world.system.run(SYSTEM, look)


def paper(who: As, placement: PlacementRow, name: str) -> httpx.Response:
    return who.call("GET", f"/placements/{placement.id}/{name}.pdf")


def looks(world: World) -> list[str]:
    entries = sorted(world.all(AuditEntry, action="address.look"), key=lambda entry: entry.seq)
    return [entry.actor_name for entry in entries]


# --- the address ----------------------------------------------------------------------------------


def test_the_agreement_bears_the_address_for_those_who_may_open_it_and_each_print_is_a_look(
    world: World, client: TestClient[Any]
) -> None:
    placement, where = placed(world), plain(address_of(world, "Genêt"))
    assert where not in ("", "?")
    for login in (WORKER, STAFF, WORKER):
        answer = paper(As(client, world.system, login), placement, "agreement")
        assert where in text_of(answer.content)
    assert looks(world) == [world.user(login).name for login in (WORKER, STAFF, WORKER)]


def test_for_others_there_is_a_line_to_fill_by_hand_and_no_look(
    world: World, client: TestClient[Any]
) -> None:
    placement, where = placed(world), plain(address_of(world, "Genêt"))
    answer = paper(As(client, world.system, "coordination"), placement, "agreement")
    assert answer.status_code == 200
    assert where not in text_of(answer.content)
    assert "Adresse (à écrire à la main" in text_of(answer.content)
    assert looks(world) == []
    # when it is over nobody may open it any more
    actor = world.user(WORKER)
    world.do(actor, placements.arrive, placement.id)
    world.do(actor, placements.depart, placement.id)
    answer = paper(As(client, world.system, WORKER), placement, "agreement")
    assert where not in text_of(answer.content) and looks(world) == []


def test_the_handover_sheet_never_bears_it(world: World, client: TestClient[Any]) -> None:
    placement, where = placed(world), plain(address_of(world, "Genêt"))
    for login in (WORKER, STAFF):
        text = text_of(paper(As(client, world.system, login), placement, "handover").content)
        assert where not in text and "Genêt" in text
    assert looks(world) == []


@pytest.mark.parametrize("login", ["garde.trooz", "logement.sprimont", "garde.auteurs"])
@pytest.mark.parametrize("name", PAPERS)
def test_for_others_the_papers_do_not_exist(
    world: World, client: TestClient[Any], login: str, name: str
) -> None:
    placement = placed(world)
    assert paper(As(client, world.system, login), placement, name).status_code == 404


# --- what stands on them --------------------------------------------------------------------------


@pytest.mark.parametrize("name", PAPERS)
def test_no_paper_names_anybody_or_their_case(
    world: World, client: TestClient[Any], name: str
) -> None:
    placement = placed(world)
    answer = paper(As(client, world.system, WORKER), placement, name)
    for word in (CASE, world.user(WORKER).name, world.user(STAFF).name, WORKER):
        assert word not in text_of(answer.content)
        assert word.encode("cp1252") not in answer.content


def test_the_agreement_says_place_nights_lengths_and_rules(
    world: World, client: TestClient[Any]
) -> None:
    text = text_of(paper(As(client, world.system, WORKER), placed(world), "agreement").content)
    for words in (
        "Convention d’occupation précaire",
        "Genêt",
        "1er étage",
        "samedi 21 novembre 2026",
        "vendredi 27 novembre 2026",  # the last night; they leave on the 28th
        "samedi 28 novembre 2026",
        "1 renouvellement",
        "Pas de visite",
        "écrit à la main",
    ):
        assert words in text, words


def test_the_handover_sheet_says_steps_and_numbers(world: World, client: TestClient[Any]) -> None:
    world.user(WORKER)
    placement = placed(world)
    text = text_of(paper(As(client, world.system, WORKER), placement, "handover").content)
    for words in (
        "Fiche de remise",
        "Les clés sont remises",
        "lundi 23 novembre 2026",
        "SOS Enfants",
        "112",
        "101",
    ):
        assert words in text, words


@pytest.mark.parametrize(
    ("language", "title"),
    [
        ("nl", "Overeenkomst van tijdelijk gebruik"),
        ("de", "Vereinbarung zur vorläufigen Nutzung"),
        ("en", "Agreement of precarious occupancy"),
    ],
)
def test_the_papers_speak_the_readers_language(
    world: World, client: TestClient[Any], language: str, title: str
) -> None:
    client.cookies.set("language", language)
    placement = placed(world)
    answer = paper(As(client, world.system, WORKER), placement, "agreement")
    assert title in text_of(answer.content)


# --- the file itself ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PAPERS)
def test_a_paper_is_a_file_to_keep_that_no_cache_keeps(
    world: World, client: TestClient[Any], name: str
) -> None:
    answer = paper(As(client, world.system, WORKER), placed(world), name)
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.headers["content-disposition"].startswith("attachment;")
    assert "no-store" in answer.headers["cache-control"]
    assert answer.content.startswith(b"%PDF-") and b"/MediaBox [ 0 0 595.2756 841.8898 ]" in (
        answer.content
    )


def test_the_same_content_gives_the_same_bytes_and_tells_nothing_of_the_machine(
    world: World, client: TestClient[Any]
) -> None:
    placement, who = placed(world), As(client, world.system, WORKER)
    for name in PAPERS:
        first, second = (paper(who, placement, name).content for _ in range(2))
        assert first == second
        assert b"/ID" not in first and b"ReportLab" not in first.split(b"trailer")[1]
        assert b"/Producer (Shelter)" in first and b"(D:20000101000000" in first
    world.clock.forward(days=1)
    assert paper(who, placement, "handover").content != second  # control: the day is on it


def test_what_the_fonts_lack_is_written_without_its_accent_and_nothing_is_markup() -> None:
    assert plain("Dvořák → œuvre, 5 €") == "Dvorák ? œuvre, 5 €"
    made = Paper("<b>Titre</b> & co", "pied", "fr")
    made.text("</para><font color='red'>")
    made.facts([("a", "b")])
    text = text_of(made.pdf())
    assert "< b > Titre < /b >" in text.replace("  ", " ") or "<b>" in text.replace(" ", "")
