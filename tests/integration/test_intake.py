"""Requests: what is asked, what is refused, what is never stored, and who may read it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa

from shelter.db.session import Database
from shelter.db.tables import Alert, Request, SeparationRow, Site
from shelter.domain.alerts import AlertKind
from shelter.domain.errors import Conflict, Invalid, NotAllowed, NotFound, Stale
from shelter.domain.household import Language, Person
from shelter.domain.requests import STATED_OUTCOMES, TURNED_AWAY, Outcome, RequestState, Urgency
from shelter.services import intake
from shelter.services.intake import Amendment, KeptApart, PlaceOnMap
from support.raw import all_seeing
from support.world import TONIGHT, World, secova_world

CASE = "LI.45.L1.009876/26"


@pytest.fixture
def world(database: Database) -> World:
    return secova_world(database)


WRONG: list[tuple[dict[str, Any], set[tuple[str, str]]]] = [
    ({"people": {Person.CHILD: 13}}, {("people.child", "range")}),
    ({"people": {Person.WOMAN: 2, Person.CHILD: -1}}, {("people.child", "range")}),
    ({"people": {}}, {("people", "nobody")}),
    ({"first_night": TONIGHT - timedelta(days=1)}, {("first_night", "night_between")}),
    ({"first_night": TONIGHT + timedelta(days=90)}, {("first_night", "night_between")}),
    ({"nights": 0}, {("nights", "range")}),
    ({"nights": 91}, {("nights", "range")}),
    ({"arrival_hour": 24}, {("arrival_hour", "range")}),
    ({"min_supervision": 4}, {("min_supervision", "range")}),
    ({"move_agreement": "maybe"}, {("move_agreement", "choice")}),
    ({"avoid_communes": ("62009", "99999")}, {("avoid_communes.1", "unknown_commune")}),
    ({"prefer_communes": ("99999",)}, {("prefer_communes.0", "unknown_commune")}),
    ({"avoid_sites": (uuid4(),)}, {("avoid_sites.0", "unknown_site")}),
    (
        {"avoid_zones": (PlaceOnMap("99999", radius_km=1),)},
        {("avoid_zones.0.commune", "unknown_commune")},
    ),
    (
        {"avoid_zones": (PlaceOnMap(lat=50.5, radius_km=1),)},
        {("avoid_zones.0", "commune_or_point")},
    ),
    (
        {"prefer_near": (PlaceOnMap(lat=10, lon=50, radius_km=-1),)},
        {
            ("prefer_near.0.lat", "range"),
            ("prefer_near.0.lon", "range"),
            ("prefer_near.0.radius_km", "range"),
        },
    ),
    ({"avoid_zones": (PlaceOnMap("62009"),)}, {("avoid_zones.0.radius_km", "radius")}),
    (
        {"avoid_zones": (PlaceOnMap("62009", radius_km=101),)},
        {("avoid_zones.0.radius_km", "range")},
    ),
    ({"keep_apart": (KeptApart("??"),)}, {("keep_apart.0.case_reference", "reference")}),
    ({"keep_apart": (KeptApart(CASE, -1),)}, {("keep_apart.0.min_distance_km", "range")}),
    (
        {"keep_apart": (KeptApart(CASE, float("nan")),)},
        {("keep_apart.0.min_distance_km", "range")},
    ),
    ({"case_reference": ""}, {("case_reference", "reference")}),
    ({"case_reference": "Madame Dupont, née à Huy"}, {("case_reference", "reference")}),
    ({"languages": (Language.FRENCH,) * 101}, {("languages", "too_many")}),
    ({"keep_apart": (KeptApart(CASE),) * 101}, {("keep_apart", "too_many")}),
]


def test_every_wrong_field_is_named(sqlite_database: Database) -> None:
    world = secova_world(sqlite_database)
    actor = world.user("garde.aywaille")
    for given, expected in WRONG:
        with pytest.raises(Invalid) as refusal:
            world.ask(actor, **given)
        assert {(p.field, p.code) for p in refusal.value.problems} == expected, given
    assert world.all(Request) == []
    everything = {key: value for given, _ in WRONG for key, value in given.items()}
    with pytest.raises(Invalid) as refusal:  # all at once, not one after the other
        world.ask(actor, **everything)
    assert len(refusal.value.problems) >= 12


def test_only_an_on_call_worker_asks(world: World) -> None:
    for login in ("logement.chaudfontaine", "sapv.secova", "coordination", "admin"):
        with pytest.raises(NotAllowed):
            world.ask(world.user(login))


def test_help_needs_no_reference(world: World) -> None:
    assert world.ask(world.user("garde.aywaille")).case_hash is None


def test_a_case_is_stored_as_a_hash_and_its_parts_of_life_encrypted(world: World) -> None:
    actor = world.user("garde.aywaille")
    other = "LI.45.L1.004321/26"
    zone = PlaceOnMap(lat=50.47654, lon=5.67891, radius_km=1)
    one = world.ask(actor, case_reference=CASE, keep_apart=(KeptApart(other),), avoid_zones=(zone,))
    two = world.ask(world.user("garde.auteurs"), case_reference=f" {CASE.lower()} ")
    assert one.case_hash == two.case_hash  # control: the two services still meet
    [row] = world.all(SeparationRow)
    assert row.min_distance_m == 5000.0
    dump = _dump(world.system.database)
    for secret in ("009876", "004321", "50.47654", "5.67891"):
        assert secret.encode() not in dump
    assert one.code.encode() in dump  # control: what is not encrypted is found


def _dump(database: Database) -> bytes:
    if database.is_sqlite:
        path = Path(database.url.removeprefix("sqlite:///"))
        return b"".join(file.read_bytes() for file in path.parent.glob(path.name + "*"))
    parts: list[bytes] = []
    with all_seeing(database).connect() as connection:
        for table in sa.inspect(connection).get_table_names():
            rows = connection.execute(sa.text(f'SELECT t::text FROM "{table}" t'))
            parts.extend(row[0].encode() for row in rows)
        for (value,) in connection.execute(sa.text("SELECT places FROM request")):
            parts.append(bytes(value))
    return b"\n".join(parts)


def test_a_request_is_visible_to_its_service_and_the_coordinator_only(world: World) -> None:
    request = world.ask(world.user("garde.aywaille"))
    for login, sees in (
        ("garde.aywaille", True),
        ("coordination", True),
        ("garde.trooz", False),
        ("garde.auteurs", False),
        ("logement.chaudfontaine", False),
        ("sapv.secova", False),
        ("admin", False),
    ):
        user = world.user(login)
        listed = world.do(user, intake.list_requests)
        assert ([row.id for row in listed] == [request.id]) == sees
        if sees:
            world.do(user, intake.readable_request, request.id)
            assert world.do(user, intake.history, request.id)
        else:
            with pytest.raises(NotFound):
                world.do(user, intake.readable_request, request.id)
            with pytest.raises(NotFound):
                world.do(user, intake.history, request.id)


def test_a_site_of_the_other_side_is_unknown_at_intake(world: World) -> None:
    [ardoise] = world.all(Site, name="Ardoise")
    with pytest.raises(Invalid) as refusal:
        world.ask(world.user("garde.aywaille"), avoid_sites=(ardoise.id,))
    assert refusal.value.problems[0].code == "unknown_site"
    world.ask(world.user("garde.auteurs"), people={Person.MAN: 1}, avoid_sites=(ardoise.id,))


# --- amending and closing -------------------------------------------------------------------------


def test_an_amendment_over_somebody_elses_is_stale(world: World) -> None:
    actor = world.user("garde.aywaille")
    request = world.ask(actor)
    world.do(actor, intake.amend, request.id, Amendment(nights=3), request.version)
    with pytest.raises(Stale):
        world.do(actor, intake.amend, request.id, Amendment(nights=5), request.version)
    [row] = world.all(Request)
    assert (row.nights, row.version) == (3, 2)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (Amendment(nights=0), "nights"),  # found broken: it passed, and no offer could be made
        (Amendment(move_agreement=""), "move_agreement"),  # found broken likewise
        (Amendment(arrival_hour=24), "arrival_hour"),
        (Amendment(first_night=TONIGHT - timedelta(days=1)), "first_night"),
        (Amendment(avoid_communes=("1",)), "avoid_communes.0"),
    ],
)
def test_an_amendment_is_checked_like_a_request(
    sqlite_database: Database, change: Amendment, field: str
) -> None:
    world = secova_world(sqlite_database)
    actor = world.user("garde.aywaille")
    request = world.ask(actor)
    with pytest.raises(Invalid) as refusal:
        world.do(actor, intake.amend, request.id, change, request.version)
    assert [problem.field for problem in refusal.value.problems] == [field]


def test_urgency_may_be_raised(world: World) -> None:
    actor = world.user("garde.aywaille")
    request = world.ask(actor)
    world.do(
        actor, intake.amend, request.id, Amendment(urgency=Urgency.DANGER_NOW), request.version
    )
    [row] = world.all(Request)
    assert row.urgency == 3


def test_a_request_with_a_place_is_neither_amended_nor_closed(world: World) -> None:
    actor = world.user("garde.aywaille")
    request, _ = world.placed(actor)
    [row] = world.all(Request)
    for work, args in (
        (intake.amend, (Amendment(nights=3), row.version)),
        (intake.close, (Outcome.NO_PLACE,)),
    ):
        with pytest.raises(Conflict) as refusal:
            world.system.run(actor, lambda tx, w=work, a=args: w(tx, request.id, *a))  # type: ignore
        assert refusal.value.code == "request_has_placement"


def test_every_stated_outcome_ends_a_request_and_turning_away_is_told(
    sqlite_database: Database,
) -> None:
    """The person's own decision is no refusal, and alarms nobody."""
    world = secova_world(sqlite_database)
    actor = world.user("garde.aywaille")
    for outcome in STATED_OUTCOMES:
        request = world.ask(actor)
        closed = world.do(actor, intake.close, request.id, outcome)
        assert (closed.state, closed.outcome) == (RequestState.CLOSED, outcome)
        told = world.all(Alert, request_id=request.id, kind=AlertKind.NO_PLACE_FOUND)
        assert bool(told) == (outcome in TURNED_AWAY)
        with pytest.raises(Conflict):
            world.do(actor, intake.close, request.id, outcome)
    with pytest.raises(Invalid):  # only a departure says so
        world.do(actor, intake.close, world.ask(actor).id, Outcome.HOUSED)


# --- the note ------------------------------------------------------------------------------------


def test_a_note_is_kept_encrypted_and_read_by_its_service_and_a_coordinator(world: World) -> None:
    worker = world.user("garde.aywaille")
    request = world.ask(worker, note="  Chien calme  ")
    [row] = world.all(Request)
    assert row.note is not None
    assert b"Chien" not in row.note
    for login in ("garde.aywaille", "coordination"):
        read = world.do(
            world.user(login),
            lambda tx: intake.note_of(tx, intake.readable_request(tx, request.id)),
        )
        assert read == "Chien calme"
    with pytest.raises(NotFound):
        world.do(world.user("garde.trooz"), intake.readable_request, request.id)


def test_a_note_is_changed_and_taken_away(world: World) -> None:
    worker = world.user("garde.aywaille")
    request = world.ask(worker, note="Chien calme")
    request = world.do(
        worker, intake.amend, request.id, intake.Amendment(note="Deux chiens"), request.version
    )
    assert world.do(worker, intake.note_of, request) == "Deux chiens"
    request = world.do(
        worker, intake.amend, request.id, intake.Amendment(nights=2), request.version
    )
    assert world.do(worker, intake.note_of, request) == "Deux chiens"
    none = intake.Amendment(note="")
    request = world.do(worker, intake.amend, request.id, none, request.version)
    assert request.note is None


@pytest.mark.parametrize(
    ("note", "code"),
    [
        ("demander Karim", "text_name"),
        ("gsm 0478 12 34 56", "text_phone"),
        ("x" * 141, "length"),
        ("a\x00b", "length"),
    ],
)
def test_a_note_that_says_too_much_is_refused_when_asking_and_when_changing(
    world: World, note: str, code: str
) -> None:
    worker = world.user("garde.aywaille")
    request = world.ask(worker)
    change = intake.Amendment(note=note)
    with pytest.raises(Invalid) as asking:
        world.ask(worker, note=note)
    with pytest.raises(Invalid) as changing:
        world.do(worker, intake.amend, request.id, change, request.version)
    for refused in (asking, changing):
        assert [(p.field, p.code) for p in refused.value.problems] == [("note", code)]
    assert len(world.all(Request)) == 1
