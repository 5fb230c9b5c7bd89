"""The page of options: what fits, how far, what is missing, and whom to call when nothing does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from shelter.db.session import Database
from shelter.db.tables import Request, Unit
from shelter.domain.availability import BlockReason
from shelter.domain.errors import Conflict
from shelter.domain.household import Person
from shelter.domain.requests import Outcome, RequestState
from shelter.domain.sides import SYSTEM, Side
from shelter.services import availability
from shelter.services.intake import PlaceOnMap
from support.server import As, client_of
from support.world import World, key, secova_world

WORKER, OTHER = "garde.aywaille", "garde.auteurs"
AYWAILLE, SPRIMONT = "62009", "62100"
#: a danger so wide that nothing in the network lies outside it
EVERYWHERE = (PlaceOnMap(commune=AYWAILLE, radius_km=99),)


@pytest.fixture
def world(database: Database) -> World:
    return secova_world(database)


@pytest.fixture
def client(world: World) -> Iterator[TestClient[Litestar]]:
    with client_of(world) as client:
        yield client


def page(client: TestClient[Litestar], world: World, request: Request, login: str = WORKER) -> str:
    answer = As(client, world.system, login).call("GET", f"/requests/{request.id}")
    assert answer.status_code == 200
    return " ".join(answer.text.split())


def post(
    client: TestClient[Litestar], world: World, path: str, login: str = WORKER, **fields: Any
) -> Any:
    headers = {"Sec-Fetch-Site": "same-origin"}
    data = {"key": key(), **fields}
    return As(client, world.system, login).call("POST", path, data=data, headers=headers)


def close_everything(world: World, side: Side) -> None:
    for unit in world.all(Unit):
        if unit.side is side:
            closing = (unit.id, BlockReason.CLOSED, world.clock.at.date(), None)
            with suppress(Conflict):  # where somebody lives
                world.do(SYSTEM, availability.block_unit, *closing)


def status(world: World, request: Request) -> Request:
    return next(row for row in world.all(Request) if row.id == request.id)


# --- options ------------------------------------------------------------------------------------


def test_an_option_says_how_far_it_is_from_where_the_person_would_rather_be(world: World) -> None:
    worker = world.user(WORKER)
    offer = world.options(worker, world.ask(worker, prefer_communes=(SPRIMONT,)))
    network = world.do(SYSTEM, lambda tx: tx.network)
    for option in offer.options:
        assert option.away is not None
        assert option.away.commune == SPRIMONT
        same = option.stays[0].site.commune == SPRIMONT
        assert (option.away.km == 0) is same
    # without a wish: from the commune of the service that asks
    offer = world.options(worker, world.ask(worker))
    own = network.service(str(worker.service)).commune
    assert {option.away.commune for option in offer.options if option.away} == {own}


def test_the_page_names_what_is_missing_apart_from_what_fits(
    client: TestClient[Litestar], world: World
) -> None:
    html = page(client, world, world.ask(world.user(WORKER), prefer_communes=(SPRIMONT,)))
    assert "Ce qui manque" in html
    assert "Ce qui manque" not in page(client, world, world.ask(world.user(WORKER)))  # control


def test_one_button_is_the_main_one(client: TestClient[Litestar], world: World) -> None:
    html = page(client, world, world.ask(world.user(WORKER)))
    holds = re.findall(r'action="/requests/[^"]+/hold".*?<button class="button (\w+)', html)
    assert holds[0] == "main"
    assert len(holds) > 1
    assert set(holds[1:]) == {"quiet"}


# --- when a step fails --------------------------------------------------------------------------


def test_a_place_that_was_taken_names_who_knows_it(
    client: TestClient[Litestar], world: World
) -> None:
    worker = world.user(WORKER)
    request = world.ask(worker)
    stays = world.options(worker, request).options[0].stays
    unit, site = stays[0].unit, stays[0].site
    world.do(
        SYSTEM, availability.block_unit, unit.id, BlockReason.CLOSED, stays[0].first_night, None
    )
    choice = f"{unit.id}|{stays[0].first_night}|{stays[0].end_night}"
    answer = post(client, world, f"/requests/{request.id}/hold", stay=choice)
    assert answer.status_code == 409
    network = world.do(SYSTEM, lambda tx: tx.network)
    phones = re.findall(r'href="tel:([^"]+)"', answer.text.split('id="h-call"')[1])
    assert phones[0] == site.contact_phone
    assert phones[1] == world.do(SYSTEM, lambda tx: tx.duty_phone(network.coordinator))
    assert 'id="h-call"' not in page(client, world, request)  # control: nothing failed


def test_a_field_that_is_wrong_names_nobody_to_call(
    client: TestClient[Litestar], world: World
) -> None:
    request = world.ask(world.user(WORKER))
    answer = post(client, world, f"/requests/{request.id}/change", nights="0", version="1")
    assert answer.status_code == 422
    assert 'id="h-call"' not in answer.text


# --- no place -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "closed", "outcome"),
    [
        ({}, True, Outcome.NO_PLACE),
        ({"people": {Person.WOMAN: 12}}, False, Outcome.NEEDS_NOT_MET),
        ({"avoid_zones": EVERYWHERE}, False, Outcome.NO_SAFE_PLACE),
    ],
)
def test_one_tap_records_the_refusal_with_its_reason(
    client: TestClient[Litestar],
    world: World,
    given: dict[str, Any],
    closed: bool,
    outcome: Outcome,
) -> None:
    if closed:
        close_everything(world, Side.VICTIMS)
    request = world.ask(world.user(WORKER), **given)
    html = page(client, world, request)
    assert f'name="outcome" value="{outcome}"> <button class="button danger' in html
    assert "Choisir une autre issue" in html
    post(client, world, f"/requests/{request.id}/close", outcome=outcome.value)
    row = status(world, request)
    assert (row.state, row.outcome) == (RequestState.CLOSED, outcome)
    # whom to call next stays on the page
    assert 'id="h-still"' in page(client, world, request)


def test_with_options_there_is_no_such_button(client: TestClient[Litestar], world: World) -> None:
    assert "close-now" not in page(client, world, world.ask(world.user(WORKER)))


def test_the_perpetrator_side_s_refusal_is_the_same_whatever_victims_do(
    client: TestClient[Litestar], world: World
) -> None:
    """The same page in two worlds: before and after things happen on the victim side alone."""
    man = {"people": {Person.MAN: 1}, "case_reference": "LI.45.L1.001234/26"}
    communes = tuple(each.nis for each in world.do(SYSTEM, lambda tx: tx.network).communes)
    request = world.ask(world.user(OTHER), avoid_communes=communes, **man)
    before = page(client, world, request, OTHER)
    assert f'name="outcome" value="{Outcome.NO_PLACE}"' in before
    world.placed(world.user(WORKER), case_reference="LI.45.L1.001234/26")
    close_everything(world, Side.VICTIMS)
    after = page(client, world, request, OTHER)
    fresh = re.compile(r'name="key" value="[^"]+"')
    assert fresh.sub("", after) == fresh.sub("", before)
    # control: what happens on their own side shows
    world.clock.forward(seconds=61)
    assert fresh.sub("", page(client, world, request, OTHER)) != fresh.sub("", before)


def test_the_closed_page_of_somebody_who_declined_names_nobody_else(
    client: TestClient[Litestar], world: World
) -> None:
    request = world.ask(world.user(WORKER))
    post(client, world, f"/requests/{request.id}/close", outcome="person_declined")
    assert 'id="h-still"' not in page(client, world, request)
