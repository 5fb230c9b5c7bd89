"""Something went wrong at a place: those who must know are told, by data of its own side alone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from litestar.testing import TestClient

from shelter.db.session import Database
from shelter.db.tables import Alert, AuditEntry, Incident, Message, PlacementRow
from shelter.domain.alerts import URGENT, AlertKind
from shelter.domain.errors import Conflict, Invalid, NotAllowed, NotFound
from shelter.domain.household import Person
from shelter.domain.incidents import IncidentKind, Severity
from shelter.domain.retention import Kind
from shelter.domain.sides import Side
from shelter.services import incidents, placements, retention
from shelter.services.placements import StayChoice
from support.raw import all_seeing
from support.server import As, client_of
from support.world import TONIGHT, World, key, secova_world

WORKER, OTHER, STAFF = "garde.aywaille", "garde.auteurs", "logement.chaudfontaine"
CALM = "Bruit toute la nuit, calme depuis"


@pytest.fixture
def world(database: Database) -> World:
    return secova_world(database)


@pytest.fixture
def client(world: World) -> Iterator[TestClient[Any]]:
    with client_of(world) as client:
        yield client


def placed(world: World, login: str = WORKER) -> PlacementRow:
    """Confirmed: of the victims in Genêt, of the other side where there is a place."""
    actor = world.user(login)
    if login != WORKER:
        return world.placed(actor, people={Person.MAN: 1})[1]
    request = world.ask(actor, people={Person.WOMAN: 1})
    unit, end = world.unit("Genêt", "1er étage"), TONIGHT + timedelta(days=7)
    return world.confirm(actor, world.hold(actor, request, [StayChoice(unit.id, TONIGHT, end)]))


def record(
    world: World,
    placement: PlacementRow,
    login: str = WORKER,
    severity: Severity = Severity.LOW,
    note: str | None = None,
) -> Incident:
    return world.do(
        world.user(login), incidents.record, placement.id, IncidentKind.THREAT, severity, note
    )


def told(world: World, incident: Incident) -> dict[str, Alert]:
    occasion = f"incident:{incident.id}"
    return {
        alert.service: alert
        for alert in world.all(Alert)
        if alert.occasion is not None and alert.occasion.startswith(occasion)
    }


@pytest.mark.parametrize("login", [WORKER, OTHER])
def test_the_coordination_is_told_and_of_a_serious_one_the_police(world: World, login: str) -> None:
    placement = placed(world, login)
    calm = told(world, record(world, placement, login))
    assert {service: alert.kind for service, alert in calm.items()} == {
        "coordination-secova": AlertKind.INCIDENT
    }
    serious = told(world, record(world, placement, login, Severity.HIGH))
    assert {service: alert.kind for service, alert in serious.items()} == {
        "coordination-secova": AlertKind.INCIDENT_SERIOUS,
        "sapv-secova": AlertKind.INCIDENT_SERIOUS,
    }
    assert {alert.side for alert in (calm | serious).values()} == {placement.side}
    assert AlertKind.INCIDENT_SERIOUS in URGENT and AlertKind.INCIDENT not in URGENT


def test_what_the_staff_of_the_place_noticed_reaches_the_service_that_placed_them(
    world: World,
) -> None:
    placement = placed(world)
    assert placement.service in told(world, record(world, placement, STAFF))
    assert placement.service not in told(world, record(world, placement))  # control: who says it


def test_the_messages_name_no_place_no_kind_and_no_word_of_the_note(world: World) -> None:
    placement = placed(world)
    before = {row.id for row in world.all(Message)}
    record(world, placement, severity=Severity.HIGH, note=CALM)
    bodies = [row.body for row in world.all(Message) if row.id not in before]
    for body in bodies:
        assert not set(body.lower().split()) & {"menace", "bruit", "incident", "calme"}


def test_the_note_is_sealed_and_refused_when_it_names_somebody(world: World) -> None:
    placement = placed(world)
    for wrong in ("Karim est venu, 0478 12 34 56", "x" * 141):
        with pytest.raises(Invalid):
            record(world, placement, note=wrong)
    incident = record(world, placement, note=CALM)
    with all_seeing(world.system.database).connect() as connection:
        raw = connection.scalar(sa.text("SELECT note FROM incident"))
    assert CALM.encode() not in bytes(raw)
    [seen] = world.do(world.user(WORKER), incidents.incidents_of, placement)
    assert (seen.row.id, seen.note, seen.by) == (incident.id, CALM, world.user(WORKER).name)
    [entry] = world.all(AuditEntry, action="placement.incident")
    assert entry.detail == {"kind": "threat", "severity": "low"}


def test_others_cannot_record_and_nobody_can_where_nobody_is(world: World) -> None:
    placement = placed(world)
    for login, refusal in (
        ("garde.trooz", NotFound),
        (OTHER, NotFound),
        ("coordination", NotAllowed),
    ):
        with pytest.raises(refusal):
            record(world, placement, login)
    world.do(world.user(WORKER), placements.cancel, placement.id)
    with pytest.raises(Conflict):
        record(world, placement)
    assert world.all(Incident) == []


def test_the_page_records_it_once_and_shows_it(world: World, client: TestClient[Any]) -> None:
    placement = placed(world)
    worker, once = As(client, world.system, WORKER), key()
    form = {"key": once, "kind": "visitor", "severity": "high", "note": CALM}
    path = f"/placements/{placement.id}"
    for _ in range(2):
        sent = worker.call(
            "POST", f"{path}/incidents", data=form, headers={"Sec-Fetch-Site": "same-origin"}
        )
        assert sent.status_code == 303
    assert len(world.all(Incident)) == 1
    page = worker.call("GET", path).text
    assert CALM in page and "Quelqu’un est venu au lieu" in page
    missing = worker.call(
        "POST",
        f"{path}/incidents",
        data={"key": key(), "note": "Rien"},
        headers={"Sec-Fetch-Site": "same-origin"},
    )
    assert missing.status_code == 422 and len(world.all(Incident)) == 1


def test_the_note_goes_first_and_the_incident_with_its_placement(world: World) -> None:
    placement = placed(world)
    record(world, placement, note=CALM)
    living = placed(world, OTHER)
    record(world, living, OTHER, note=CALM)
    actor = world.user(WORKER)
    world.do(actor, placements.arrive, placement.id)
    world.do(actor, placements.depart, placement.id)
    days = world.do(actor, lambda tx: tx.network.retention.days)
    world.clock.forward(days=days[Kind.NOTES], minutes=1)
    retention.run(world.system)
    notes = {row.side: row.note for row in world.all(Incident)}
    assert notes[Side.VICTIMS] is None and notes[Side.PERPETRATORS] is not None  # control
    world.clock.at += timedelta(days=days[Kind.PLACEMENTS])
    retention.run(world.system)
    assert {row.side for row in world.all(Incident)} == {Side.PERPETRATORS}
