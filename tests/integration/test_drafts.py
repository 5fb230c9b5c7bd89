"""A request that is being typed is kept for its owner alone, and nothing in it names anybody."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from litestar import Litestar
from litestar.testing import TestClient
from sqlmodel import Session, col, select

from shelter.db.session import Database
from shelter.db.tables import Request, RequestDraft, User
from shelter.domain.errors import NotAllowed
from shelter.domain.retention import USUAL, Kind
from shelter.domain.sides import BOTH_SIDES, Side
from shelter.services import drafts, retention
from support.raw import all_seeing
from support.server import As, client_of
from support.world import World, key, secova_world

WORKER, COLLEAGUE, OTHER = "garde.aywaille", "garde.trooz", "garde.auteurs"
TYPED: dict[str, list[str]] = {
    "people.woman": ["1"],
    "people.child": ["2"],
    "first_night": ["2026-11-21"],
    "nights": ["7"],
    "urgency": ["2"],
    "pets": ["on"],
    "avoid_communes": ["62009", "62032"],
    "avoid_zones.0.commune": ["62100"],
    "avoid_zones.0.radius_km": ["3"],
}


@pytest.fixture
def world(database: Database) -> World:
    return secova_world(database)


@pytest.fixture
def client(world: World) -> Iterator[TestClient[Litestar]]:
    with client_of(world) as client:
        yield client


def keep(world: World, login: str = WORKER, /, **changed: list[str]) -> None:
    world.do(world.user(login), drafts.save, TYPED | changed)


def kept(world: World, login: str = WORKER) -> dict[str, list[str]]:
    draft = world.do(world.user(login), drafts.latest)
    assert draft is not None
    return dict(draft.fields)


def page(client: TestClient[Litestar], world: World, login: str = WORKER) -> str:
    answer = As(client, world.system, login).call("GET", "/requests/new")
    assert answer.status_code == 200
    return str(answer.text)


def send(client: TestClient[Litestar], world: World, path: str, **fields: Any) -> Any:
    headers = {"Sec-Fetch-Site": "same-origin"}
    person = As(client, world.system, fields.pop("login", WORKER))
    return person.call("POST", path, data=fields, headers=headers)


# --- what comes back ----------------------------------------------------------------------------


def test_what_was_typed_comes_back_as_it_was(world: World) -> None:
    keep(world)
    assert kept(world) == TYPED
    keep(world, nights=["3"])
    assert kept(world) == TYPED | {"nights": ["3"]}
    assert len(world.all(RequestDraft)) == 1


def test_the_form_takes_it_up_and_says_so(client: TestClient[Litestar], world: World) -> None:
    assert "/requests/draft/discard" not in page(client, world)  # control: nothing to take up
    answer = send(client, world, "/requests/draft", **{"people.woman": "1", "nights": "5"})
    assert (answer.status_code, answer.text) == (204, "")
    html = page(client, world)
    assert "/requests/draft/discard" in html
    assert (
        'name="people.woman" type="number" inputmode="numeric" min="0" max="12" value="1"' in html
    )
    assert 'name="nights" type="number" inputmode="numeric" min="1" max="90" value="5"' in html


def test_without_a_script_a_button_keeps_it_and_the_home_page_leads_back(
    client: TestClient[Litestar], world: World
) -> None:
    answer = send(client, world, "/requests/draft", **{"people.woman": "1", "later": "on"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    home = As(client, world.system, WORKER).call("GET", "/").text
    assert "draft-waits" in home
    assert "draft-waits" not in As(client, world.system, COLLEAGUE).call("GET", "/").text


def test_one_button_begins_anew(client: TestClient[Litestar], world: World) -> None:
    keep(world)
    answer = send(client, world, "/requests/draft/discard", key=key())
    assert answer.headers["location"] == "/requests/new"
    assert world.all(RequestDraft) == []


def test_it_goes_when_the_request_is_made_and_no_late_copy_brings_it_back(
    client: TestClient[Litestar], world: World
) -> None:
    keep(world)
    form = {"people.woman": "1", "nights": "2", "key": key()}
    before = len(world.all(Request))
    assert send(client, world, "/requests", **form).status_code == 303
    assert len(world.all(Request)) == before + 1
    assert world.all(RequestDraft) == []
    # the copy that the script sent before, and that the network held back until now
    assert send(client, world, "/requests/draft", **form).status_code == 204
    assert world.all(RequestDraft) == []
    # control: a new form, with a key of its own, is a draft
    assert send(client, world, "/requests/draft", **(form | {"key": key()})).status_code == 204
    assert len(world.all(RequestDraft)) == 1


def test_a_refused_request_leaves_its_draft(client: TestClient[Litestar], world: World) -> None:
    keep(world)
    assert send(client, world, "/requests", nights="2", key=key()).status_code == 422
    assert kept(world) == TYPED


def test_a_night_that_is_over_becomes_tonight(world: World) -> None:
    keep(world)
    world.clock.forward(hours=14)
    assert kept(world)["first_night"] == ["2026-11-22"]


# --- what is never kept -------------------------------------------------------------------------


def test_a_note_that_would_be_refused_is_not_kept_and_another_is(world: World) -> None:
    keep(world, note=["Elle s’appelle Sophie Lambert, 0470 12 34 56"])
    assert "note" not in kept(world)
    keep(world, note=["Chien calme"])
    assert kept(world)["note"] == ["Chien calme"]


def test_a_case_reference_is_never_kept_only_that_it_has_to_be_typed_again(
    client: TestClient[Litestar], world: World
) -> None:
    reference = "LI.41.LA.0001/2026"
    keep(world, **{"case_reference": [reference], "keep_apart.0.case_reference": [reference]})
    draft = world.do(world.user(WORKER), drafts.latest)
    assert draft is not None
    assert draft.type_again == ("case_reference", "keep_apart")
    assert reference not in json.dumps(draft.fields)
    assert "jamais gardée" in page(client, world)
    keep(world)
    assert "jamais gardée" not in page(client, world)  # control


@pytest.mark.parametrize(
    "name",
    ["people.woman", "nights", "first_night", "languages", "avoid_zones.0.lat", "avoid_sites"],
)
def test_no_field_takes_words_that_it_has_no_use_for(world: World, name: str) -> None:
    keep(world, **{name: ["Sophie Lambert, rue Haute 5"]})
    assert name not in kept(world)


def test_an_unknown_field_is_not_kept(world: World) -> None:
    keep(world, name=["Sophie"], **{"people.woman.name": ["Sophie"]})
    assert kept(world) == TYPED


# --- for whom, and for how long -----------------------------------------------------------------


def test_only_its_owner_ever_sees_it(client: TestClient[Litestar], world: World) -> None:
    keep(world)
    for login in (COLLEAGUE, OTHER):
        assert world.do(world.user(login), drafts.latest) is None
        assert "/requests/draft/discard" not in page(client, world, login)
    # what a colleague does to their own leaves it alone
    world.do(world.user(COLLEAGUE), drafts.drop)
    keep(world, COLLEAGUE, nights=["1"])
    assert kept(world) == TYPED
    for login in ("coordination", "logement.sprimont", "sapv.secova", "admin"):
        with pytest.raises(NotAllowed):
            world.do(world.user(login), drafts.latest)


def test_nothing_of_it_stands_readable_in_the_database(world: World) -> None:
    keep(world, note=["Chien calme"])
    with all_seeing(world.system.database).connect() as connection:
        rows = str(connection.execute(sa.text("SELECT * FROM request_draft")).all())
    assert "perpetrators" not in rows and "victims" in rows  # control: it is the row
    for word in ("Chien", "woman", "62009", "nights"):
        assert word not in rows


def test_it_is_gone_after_a_day_and_not_before(world: World) -> None:
    keep(world)
    world.clock.forward(days=USUAL[Kind.DRAFTS])
    retention.run(world.system)
    assert len(world.all(RequestDraft)) == 1
    world.clock.forward(seconds=1)
    assert world.do(world.user(WORKER), drafts.latest) is None  # even before the purge comes
    retention.run(world.system)
    assert world.all(RequestDraft) == []


def test_it_goes_with_its_account(world: World) -> None:
    keep(world)

    def remove(session: Session) -> None:
        table = User.__table__  # type: ignore[attr-defined]
        owner = session.exec(select(RequestDraft.user_id)).one()
        session.connection().execute(sa.delete(table).where(table.c.id == owner))

    world.system.database.run(remove, sides=BOTH_SIDES)
    assert world.all(RequestDraft) == []


def test_a_draft_of_one_side_is_a_row_of_that_side(world: World) -> None:
    keep(world)
    keep(world, OTHER)

    def sides(session: Session) -> set[Side]:
        return set(session.exec(select(col(RequestDraft.side))).all())

    run = world.system.database.run
    assert run(sides, read_only=True, sides={Side.PERPETRATORS}) == {Side.PERPETRATORS}
    assert run(sides, read_only=True, sides=BOTH_SIDES) == set(Side)
