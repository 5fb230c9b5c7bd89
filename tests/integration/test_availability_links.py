"""A link in a message: one tap says that all is true, and it opens nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from shelter.db.session import Database
from shelter.db.tables import AuditEntry, AvailabilityLink, Block, Message, Site, Unit
from shelter.domain.availability import BlockReason
from shelter.domain.household import Person
from shelter.domain.messages import text_problems
from shelter.domain.sides import SYSTEM, Side
from shelter.services import availability_links as links
from shelter.services import retention, watch
from support.raw import all_seeing
from support.server import client_of
from support.world import World, secova_world

LINK = re.compile(r"(https?://\S+)/a/([B-DF-HJ-NP-TV-Z2-9]{28})")


@pytest.fixture
def world(database: Database) -> World:
    return secova_world(database, public_url="https://places.example")


@pytest.fixture
def client(world: World) -> Iterator[TestClient[Litestar]]:
    with client_of(world) as client:
        yield client


def ask(world: World) -> dict[UUID, str]:
    """The watch asks about everything that is stale; tokens by unit."""
    world.clock.forward(hours=25)
    before = {message.id for message in world.all(Message)}
    watch.chase_stale_availability(world.system)
    return {
        message.unit_id: match[2]
        for message in world.all(Message)
        if message.id not in before and (match := LINK.search(message.body)) and message.unit_id
    }


def units_of(world: World, site_id: UUID) -> list[Unit]:
    return [unit for unit in world.all(Unit) if unit.site_id == site_id and not unit.retired]


def a_site(world: World, side: Side = Side.VICTIMS, least: int = 2) -> Site:
    return next(
        site
        for site in sorted(world.all(Site), key=lambda site: site.name)
        if site.side is side and site.contact_phone and len(units_of(world, site.id)) >= least
    )


def token_of(world: World, site: Site) -> str:
    return ask(world)[units_of(world, site.id)[0].id]


def post(client: TestClient[Litestar], path: str, **fields: Any) -> Any:
    headers = {"Sec-Fetch-Site": "same-origin"}
    return client.post(path, data=fields, headers=headers, follow_redirects=False)


def state(world: World) -> str:
    """Everything that a link could change."""
    rows = [world.all(table) for table in (Unit, Block, AvailabilityLink, AuditEntry)]
    return str([sorted(str(row.model_dump()) for row in each) for each in rows])


# --- what it says -------------------------------------------------------------------------------


def test_one_tap_says_that_all_is_still_true(client: TestClient[Litestar], world: World) -> None:
    site = a_site(world)
    token = token_of(world, site)
    answer = post(client, f"/a/{token}/still-true")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/a/{token}?said")
    for unit in world.all(Unit):
        fresh = unit.confirmed_at == world.clock.at
        assert fresh is (unit.site_id == site.id)  # of this site, and of no other
    entry = world.all(AuditEntry)[-1]
    assert entry.action == "site.still_true"
    assert (entry.detail["via"], entry.actor_id) == ("link", None)


@pytest.mark.parametrize("said", ["occupied", "closed"])
def test_one_unit_is_said_to_be_taken_until_a_day_and_free_again(
    client: TestClient[Litestar], world: World, said: str
) -> None:
    site = a_site(world)
    token, unit = token_of(world, site), units_of(world, site.id)[0]
    tonight = world.do(SYSTEM, lambda tx: tx.tonight)
    until = (tonight + timedelta(days=3)).isoformat()
    path = f"/a/{token}/units"
    assert post(client, path, unit=unit.id, said=said, until=until).status_code == 303
    [block] = [each for each in world.all(Block) if each.unit_id == unit.id]
    assert (block.reason, block.first_night) == (BlockReason(said), tonight)
    assert str(block.end_night) == until
    assert world.all(AuditEntry)[-1].detail["via"] == "link"
    assert post(client, path, unit=unit.id, said="free").status_code == 303
    assert [each for each in world.all(Block) if each.unit_id == unit.id] == []
    assert world.all(AuditEntry)[-1].detail["via"] == "link"


def test_what_cannot_be_is_said_on_the_page(client: TestClient[Litestar], world: World) -> None:
    site = a_site(world)
    token, unit = token_of(world, site), units_of(world, site.id)[0]
    before = state(world)
    for fields in (
        {"said": "occupied", "until": "2020-01-01"},
        {"said": "occupied", "until": "tomorrow"},
        {"said": "gone"},
        {},
    ):
        answer = post(client, f"/a/{token}/units", unit=unit.id, **fields)
        assert answer.status_code == 422
        assert 'role="alert"' in answer.text
    assert state(world) == before


# --- what it does not do ------------------------------------------------------------------------


def test_looking_changes_nothing_however_often(client: TestClient[Litestar], world: World) -> None:
    """A program that reads mail follows every link in it."""
    token = token_of(world, a_site(world))
    before = state(world)
    for _ in range(3):
        assert client.get(f"/a/{token}").status_code == 200
        assert client.get(f"/a/{token}?said").status_code == 200
        assert client.get(f"/a/{token}/still-true").status_code == 405
    assert state(world) == before
    post(client, f"/a/{token}/still-true")
    assert state(world) != before  # control


def test_a_unit_of_another_site_is_out_of_its_reach(
    client: TestClient[Litestar], world: World
) -> None:
    site = a_site(world)
    token = token_of(world, site)
    before = state(world)
    strangers = [unit for unit in world.all(Unit) if unit.site_id != site.id]
    assert {unit.side for unit in strangers} == set(Side)
    for unit in strangers:
        answer = post(client, f"/a/{token}/units", unit=unit.id, said="closed")
        assert answer.status_code == 404
    assert state(world) == before


@pytest.mark.parametrize("side", Side)
def test_the_page_has_names_of_units_and_nothing_of_places_or_people(
    client: TestClient[Litestar], world: World, side: Side
) -> None:
    site = a_site(world, side, least=1)
    login = "garde.aywaille" if side is Side.VICTIMS else "garde.auteurs"
    people = {Person.WOMAN: 1} if side is Side.VICTIMS else {Person.MAN: 1}
    request, placement = world.placed(world.user(login), people=people)
    html = client.get(f"/a/{token_of(world, site)}").text
    network = world.do(SYSTEM, lambda tx: tx.network)
    for unit in world.all(Unit):
        assert (unit.code in html) is (unit.site_id == site.id)
    secret = [
        *(each.name for each in world.all(Site)),
        *(commune.names["fr"] for commune in network.communes),
        *(service.name for service in network.services),
        request.code, placement.code, "victim", "auteur", str(site.contact_phone),
    ]  # fmt: skip
    main = html.split("<main", 1)[1].split("</main>")[0]
    assert [word for word in secret if word in main] == []


def test_a_promised_unit_is_left_alone(client: TestClient[Litestar], world: World) -> None:
    request, placement = world.placed(world.user("garde.aywaille"))
    stay = world.do(world.user("garde.aywaille"), lambda tx: tx.rows.stays([placement.id]))[0]
    unit = next(unit for unit in world.all(Unit) if unit.id == stay.unit_id)
    token = ask(world)[unit.id]
    answer = post(client, f"/a/{token}/units", unit=unit.id, said="closed")
    assert answer.status_code == 409
    assert str(request.code) not in answer.text
    assert [block for block in world.all(Block) if block.unit_id == unit.id] == []


# --- how long, and for whom ---------------------------------------------------------------------


def test_it_is_over_after_two_days(client: TestClient[Litestar], world: World) -> None:
    token = token_of(world, a_site(world))
    world.clock.forward(hours=48, seconds=-1)
    assert client.get(f"/a/{token}").status_code == 200
    world.clock.forward(seconds=1)
    before = state(world)
    assert client.get(f"/a/{token}").status_code == 404
    assert post(client, f"/a/{token}/still-true").status_code == 404
    assert state(world) == before


def test_the_next_question_ends_it(client: TestClient[Litestar], world: World) -> None:
    site = a_site(world)
    first = token_of(world, site)
    second = token_of(world, site)
    assert first != second
    assert client.get(f"/a/{first}").status_code == 404
    assert client.get(f"/a/{second}").status_code == 200


def test_who_comes_too_late_is_told_whom_to_call_and_who_guesses_is_not(
    client: TestClient[Litestar], world: World
) -> None:
    token = token_of(world, a_site(world))
    world.clock.forward(hours=49)
    phone = world.do(SYSTEM, lambda tx: tx.duty_phone(tx.network.coordinator))
    assert f'href="tel:{phone}"' in client.get(f"/a/{token}").text
    for guess in ("B" * 28, "x", "é", "a" * 500):
        answer = client.get(f"/a/{guess}")
        assert answer.status_code == 404
        assert "tel:" not in answer.text


def test_it_gives_so_many_answers_and_no_more(
    client: TestClient[Litestar], world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = token_of(world, a_site(world))
    monkeypatch.setattr(links, "MOST_USES", 3)
    said = [post(client, f"/a/{token}/still-true").status_code for _ in range(5)]
    assert said == [303, 303, 303, 404, 404]


def test_only_its_hash_is_kept_beside_it(world: World) -> None:
    token = token_of(world, a_site(world))
    with all_seeing(world.system.database).connect() as connection:
        rows = str(connection.exec_driver_sql("SELECT * FROM availability_link").all())
    assert token not in rows
    assert len(world.all(AvailabilityLink)) == len(world.all(Unit))  # control: they are there


def test_what_is_over_is_purged(world: World) -> None:
    ask(world)
    assert world.all(AvailabilityLink)
    world.clock.forward(days=10)
    retention.run(world.system)
    assert world.all(AvailabilityLink) == []


# --- the message --------------------------------------------------------------------------------


def test_the_message_is_one_neutral_segment_and_still_takes_an_answer(world: World) -> None:
    ask(world)
    messages = [each for each in world.all(Message) if each.template == links.WITH_LINK]
    assert messages
    for message in messages:
        assert text_problems(message.body) == ()
        assert message.code in message.body


@pytest.mark.parametrize("host", ["shelter.example", f"{'m' * 90}.example"])
def test_a_host_that_says_too_much_or_is_too_long_is_not_sent(
    database: Database, host: str
) -> None:
    world = secova_world(database, public_url=f"https://{host}")
    assert ask(world) == {}
    templates = {each.template for each in world.all(Message)}
    assert links.WITHOUT_LINK in templates
    assert links.WITH_LINK not in templates
    assert world.all(AvailabilityLink) == []
