"""People get what is held about them, and only that; it goes when they ask and nothing needs it."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from shelter.db.session import Database
from shelter.db.tables import (
    AuditEntry,
    BarringOrder,
    IdempotencyKey,
    KnownAddress,
    Request,
    SafeContact,
    SeparationRow,
    Site,
    User,
)
from shelter.domain.errors import Conflict, NotAllowed
from shelter.domain.household import Person
from shelter.domain.messages import Channel
from shelter.domain.requests import Outcome
from shelter.domain.sides import SYSTEM, Role, Side
from shelter.services import contacts, data_subjects, figures, intake, orders, placements, stays
from shelter.services.accounts import create_user
from shelter.services.data_subjects import Asked
from shelter.services.idempotency import once
from shelter.services.intake import KeptApart, PlaceOnMap
from shelter.services.locations import location_of
from support.world import World, key, secova_world

CASE = "LI.37.L1.012345/2026"


@pytest.fixture
def world(database: Database) -> World:
    return secova_world(database)


def asked(side: Side, **changed: Any) -> Asked:
    given = {"reference": CASE, "by": "garde.aywaille", "checked_by": "coordination"}
    return Asked(side=side, **(given | changed))


def a_case(world: World, *, with_victim: bool = True) -> dict[Side, Request]:
    """Both sides of one case; the perpetrator's stay is over, the victim's runs."""
    victims, others = world.user("garde.aywaille"), world.user("garde.auteurs")
    requests = {}
    there, placement = world.placed(
        others, people={Person.MAN: 1}, case_reference=CASE, note="Arrive tard"
    )
    world.do(others, placements.arrive, placement.id)
    world.clock.forward(days=2)
    world.do(others, stays.depart, placement.id)
    requests[Side.PERPETRATORS] = there
    if with_victim:
        request, placement = world.placed(
            victims,
            case_reference="li 37 l1 012345 2026",
            note="Chien calme",
            keep_apart=(KeptApart("CAS-7", 12.5),),
            avoid_communes=("62122",),
        )
        world.do(victims, placements.arrive, placement.id)
        requests[Side.VICTIMS] = request
    return requests


def test_all_that_is_held_is_written_in_plain_words(world: World) -> None:
    requests = a_case(world)
    held = data_subjects.access(world.system, asked(Side.VICTIMS))
    [written] = held["requests"]
    assert written["code"] == requests[Side.VICTIMS].code
    assert written["people"] == {"child": 1, "woman": 1}
    assert written["note"] == "Chien calme"
    assert written["communes_to_avoid"] == ["62122"]
    assert written["to_be_kept_apart_m"] == [12500.0]
    assert [each["state"] for each in written["placements"]] == ["arrived"]
    assert {step["what"] for step in written["what_was_done"]} >= {
        "request.ask",
        "placement.confirm",
    }
    assert held["kept_for_days"]["notes"] == 7
    columns = set(Request.__table__.columns.keys())  # type: ignore[attr-defined]
    told_otherwise = {"id", "side", "case_hash", "created_by", "service", "version"} | {
        "created_at",
        "household",
        "step_free",
        "pets",
        "quiet",
        "pregnancy",
        "own_transport",
        "min_supervision",
        "move_agreement",
        "avoid_communes",
        "avoid_sites",
        "prefer_communes",
        "places",
    }
    assert columns - told_otherwise <= set(written)  # a new column is told, or excepted here


def test_no_place_person_or_other_case_is_in_a_file(world: World) -> None:
    a_case(world)
    for side in Side:
        text = json.dumps(data_subjects.access(world.system, asked(side)), ensure_ascii=False)
        ring = world.system.keyring
        for site in world.all(Site):
            location = world.do(SYSTEM, location_of, site)
            assert location.address not in text
            assert str(location.lat) not in text
        for user in world.all(User):
            assert user.name not in text
            assert user.phone is None or user.phone not in text
        assert ring.case_hash(CASE) not in text
        assert ring.case_hash("CAS-7") not in text


def around(world: World, side: Side) -> tuple[dict[str, Any], str]:
    """The file of somebody who is kept from a point, a commune and a person, and near another."""
    login = {Side.VICTIMS: "garde.aywaille", Side.PERPETRATORS: "garde.auteurs"}[side]
    world.ask(
        world.user(login),
        people={Person.MAN: 1},
        case_reference=CASE,
        avoid_zones=(PlaceOnMap(lat=50.4812, lon=5.5779, radius_km=0.7),),
        prefer_near=(PlaceOnMap(lat=50.4921, lon=5.6123),),
        avoid_communes=("62122", "62009"),
        keep_apart=(KeptApart("CAS-7", 12.5),),
    )
    held = data_subjects.access(world.system, asked(side))
    return held["requests"][0], json.dumps(held)


def test_a_perpetrator_is_told_how_much_is_forbidden_and_never_where(world: World) -> None:
    written, text = around(world, Side.PERPETRATORS)
    told = {key: written[key] for key in ("communes_to_avoid", "to_be_kept_apart")}
    assert told == {"communes_to_avoid": 2, "to_be_kept_apart": 1}
    assert (written["places_to_avoid"], written["places_to_be_near"]) == (1, 1)
    assert "to_be_kept_apart_m" not in written
    for where in ("50.48", "5.57", "50.49", "5.61", "700", "62122", "62009", "12500"):
        assert where not in text, where


def test_a_victim_s_file_has_her_communes_and_no_point_on_a_map(world: World) -> None:
    written, text = around(world, Side.VICTIMS)
    assert written["communes_to_avoid"] == ["62009", "62122"]
    assert written["to_be_kept_apart_m"] == [12500.0]
    assert (written["places_to_avoid"], written["places_to_be_near"]) == (1, 1)
    for where in ("50.48", "5.57", "50.49", "5.61"):
        assert where not in text, where


def test_one_side_s_file_holds_nothing_of_the_other(world: World) -> None:
    requests = a_case(world)
    for side, other in ((Side.VICTIMS, Side.PERPETRATORS), (Side.PERPETRATORS, Side.VICTIMS)):
        text = json.dumps(data_subjects.access(world.system, asked(side)))
        assert requests[side].code in text
        assert requests[other].code not in text


def test_a_perpetrator_s_file_is_the_same_whether_or_not_a_victim_asks(
    database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two worlds in turn: the victim comes after the first file, and the second is the same."""
    world = secova_world(database)
    a_case(world, with_victim=False)
    without = data_subjects.access(world.system, asked(Side.PERPETRATORS))
    victims = world.user("garde.aywaille")
    _, placement = world.placed(
        victims, case_reference=CASE, keep_apart=(KeptApart(CASE, 30.0),), note="Chien calme"
    )
    world.do(victims, placements.arrive, placement.id)
    assert data_subjects.access(world.system, asked(Side.PERPETRATORS)) == without


def test_control_a_file_of_both_sides_would_differ(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_case(world, with_victim=False)
    monkeypatch.setattr(data_subjects, "_on", lambda _side: SYSTEM)
    without = data_subjects.access(world.system, asked(Side.PERPETRATORS))
    world.ask(world.user("garde.aywaille"), case_reference=CASE)
    assert data_subjects.access(world.system, asked(Side.PERPETRATORS)) != without


@pytest.mark.parametrize(
    ("by", "checked_by"),
    [
        ("coordination", "coordination"),
        ("coordination", "nobody.here"),
        ("garde.aywaille", "logement.sprimont"),
    ],
    ids=["one person twice", "no account", "no coordinator"],
)
def test_nobody_answers_alone(world: World, by: str, checked_by: str) -> None:
    a_case(world)
    for work in (data_subjects.access, data_subjects.erase):
        with pytest.raises(NotAllowed, match="two_people_needed"):
            work(world.system, asked(Side.PERPETRATORS, by=by, checked_by=checked_by))
    assert len(world.all(Request)) == 2


def test_two_accounts_of_one_person_do_not_answer(world: World) -> None:
    a_case(world)
    [first] = world.all(User, login="coordination")
    world.do(
        SYSTEM,
        create_user,
        login="second.account",
        name=first.name.upper(),
        password="une-phrase-assez-longue",
        role=Role.SAPV,
        side=None,
        service="sapv-secova",
        phone=None,
    )
    for work in (data_subjects.access, data_subjects.erase):
        with pytest.raises(NotAllowed, match="two_people_needed"):
            work(
                world.system,
                asked(Side.PERPETRATORS, by="coordination", checked_by="second.account"),
            )
    assert len(world.all(Request)) == 2
    police = asked(Side.PERPETRATORS, by="coordination", checked_by="sapv.secova")
    assert data_subjects.access(world.system, police)["requests"]  # control: two people


def test_both_are_on_record_and_the_case_is_not(world: World) -> None:
    a_case(world)
    data_subjects.access(world.system, asked(Side.VICTIMS))
    data_subjects.erase(world.system, asked(Side.PERPETRATORS))
    entries = {e.action: e for e in world.all(AuditEntry) if e.action.startswith("person.")}
    assert set(entries) == {"person.access", "person.erase"}
    for entry in entries.values():
        assert (entry.detail["by"], entry.detail["checked_by"]) == (
            "garde.aywaille",
            "coordination",
        )
        assert world.system.keyring.case_hash(CASE)[:12] not in entry.subject
        assert entry.request_id is None


def test_what_is_erased_is_gone_and_the_figures_stay(world: World) -> None:
    requests = a_case(world)
    gone = requests[Side.PERPETRATORS]
    before = world.system.run(SYSTEM, figures.totals, read_only=True)
    erased = data_subjects.erase(world.system, asked(Side.PERPETRATORS))
    assert erased["requests"] == 1
    assert {row.id for row in world.all(Request)} == {requests[Side.VICTIMS].id}
    assert world.system.run(SYSTEM, figures.totals, read_only=True) == before
    again = data_subjects.access(world.system, asked(Side.PERPETRATORS))
    assert again["requests"] == []
    entry = next(e for e in world.all(AuditEntry) if e.action == "person.erase")
    assert entry.detail["digest"] == world.system.keyring.keyed_hash(str(gone.id))
    # who knows where a site is goes on protecting those who live there
    assert len(world.all(KnownAddress, side=Side.PERPETRATORS)) == 1


def test_answers_that_are_kept_for_a_repeated_post_go_too(world: World) -> None:
    worker = world.user("garde.aywaille")
    given = intake.RequestInput(people={Person.WOMAN: 1}, case_reference=CASE)

    def ask(tx: Any) -> dict[str, Any]:
        return once(tx, key(), {}, lambda: {"id": str(intake.ask(tx, given).id)})

    made = world.system.run(worker, ask)
    [request] = world.all(Request)
    assert made["id"] == str(request.id)
    world.do(worker, intake.close, request.id, Outcome.PERSON_DECLINED)
    data_subjects.erase(world.system, asked(Side.VICTIMS))
    assert world.all(IdempotencyKey) == []


def test_nothing_is_erased_while_somebody_is_helped(world: World) -> None:
    a_case(world)
    with pytest.raises(Conflict, match="person_is_helped"):
        data_subjects.erase(world.system, asked(Side.VICTIMS))
    assert len(world.all(Request, side=Side.VICTIMS)) == 1


def test_what_protects_another_person_stays(world: World) -> None:
    requests = a_case(world)
    data_subjects.erase(world.system, asked(Side.PERPETRATORS))
    [kept] = world.all(SeparationRow)
    assert kept.request_id == requests[Side.VICTIMS].id
    world.clock.at += timedelta(minutes=1)
    back = world.ask(world.user("garde.auteurs"), people={Person.MAN: 1}, case_reference=CASE)
    # the same reference gives the same hash: who comes back is kept apart as before
    assert back.case_hash == requests[Side.VICTIMS].case_hash


def test_orders_stand_in_the_file_of_whom_they_are_against_and_in_no_other(world: World) -> None:
    a_case(world)
    order = world.do(world.user("sapv.secova"), orders.record, CASE, served_at=world.clock.at)
    held = {side: data_subjects.access(world.system, asked(side)) for side in Side}
    [written] = held[Side.PERPETRATORS]["barring_orders"]
    assert (written["code"], written["state"]) == (order.code, "served")
    assert written["ends_at"] is not None
    assert held[Side.VICTIMS]["barring_orders"] == []
    assert order.code not in json.dumps(held[Side.VICTIMS])


def test_an_order_that_protects_somebody_is_erased_when_it_is_over(world: World) -> None:
    a_case(world)
    police = world.user("sapv.secova")
    order = world.do(police, orders.record, CASE, served_at=world.clock.at)
    other = world.do(police, orders.record, "CAS-7", served_at=world.clock.at)
    with pytest.raises(Conflict, match="order_in_force"):
        data_subjects.erase(world.system, asked(Side.PERPETRATORS))
    assert len(world.all(BarringOrder)) == 2
    world.do(police, orders.end, order.id, order.version)
    erased = data_subjects.erase(world.system, asked(Side.PERPETRATORS))
    assert (erased["requests"], erased["barring_orders"]) == (1, 1)
    assert [row.id for row in world.all(BarringOrder)] == [other.id]


def test_what_somebody_agreed_to_is_written_and_goes_with_the_rest(world: World) -> None:
    worker = world.user("garde.aywaille")
    request = world.ask(worker, case_reference=CASE)
    day = world.clock.at.date() + timedelta(days=30)
    given = contacts.Consent("+32470998877", Channel.SMS, "fr", 9, 17, day)
    world.do(worker, contacts.agree, request.id, given, None)
    [written] = data_subjects.access(world.system, asked(Side.VICTIMS))["requests"]
    assert (written["safe_contact"]["from_hour"], written["safe_contact"]["by"]) == (9, "sms")
    assert "contact.agree" in {step["what"] for step in written["what_was_done"]}
    world.do(worker, intake.close, request.id, Outcome.PERSON_DECLINED)
    data_subjects.erase(world.system, asked(Side.VICTIMS))
    assert world.all(SafeContact) == []
