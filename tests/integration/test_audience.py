"""A site changes sides: two people, nobody there, and nobody endangered who knows the address."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from shelter.db.session import Database, lock_units
from shelter.db.tables import (
    Alert,
    AudienceChange,
    AuditEntry,
    Block,
    KnownAddress,
    Message,
    OccupiedNight,
    PlacementRow,
    Request,
    SeparationRow,
    Site,
    Unit,
    User,
)
from shelter.domain.alerts import AlertKind
from shelter.domain.audience import AudienceReason, AudienceState
from shelter.domain.availability import BlockReason
from shelter.domain.errors import Conflict, Invalid, NotAllowed, NotFound, ShelterError
from shelter.domain.household import Person
from shelter.domain.requests import Outcome
from shelter.domain.sides import SYSTEM, Role, Side
from shelter.services import (
    audience,
    data_subjects,
    intake,
    occupancy,
    placements,
    problems,
    retention,
    sites,
    watch,
)
from shelter.services.accounts import create_user, deactivate
from shelter.services.availability import block_unit
from shelter.services.data_subjects import Asked
from shelter.services.intake import KeptApart
from shelter.services.placements import StayChoice
from shelter.services.units import UnitInput, edit_unit
from support.at_once import at_once
from support.server import As, client_of
from support.world import World, secova_world

MAN, WOMAN = {Person.MAN: 1}, {Person.WOMAN: 1}
CASE, OTHER_CASE = "LI.45.L1.001234/26", "LI.45.L1.009999/26"
COORDINATOR, POLICE = "coordination", "sapv.secova"


@pytest.fixture
def world(database: Database) -> World:
    """SECOVA with a rule under which Ardoise could serve victims, and Sureau perpetrators."""
    return secova_world(database, edited=_loose)


def _loose(text: str) -> str:
    """No two sites of the sample are in each other's way, whatever they serve."""
    loose = text.replace("min_distance_m = 3000", "min_distance_m = 500")
    first = loose.index("place_kinds")
    return loose[:first] + 'place_kinds = ["building"]' + loose[loose.index("]", first) + 1 :]


def site_named(world: World, name: str) -> Site:
    [site] = world.all(Site, name=name)
    return site


def ask(
    world: World, name: str = "Ardoise", service: str = "cpas-aywaille", login: str = COORDINATOR
) -> AudienceChange:
    reason = AudienceReason.NOT_NEEDED_HERE
    site = site_named(world, name)
    return world.do(world.user(login), audience.ask_audience, site.id, service, reason)


def agree(world: World, change: AudienceChange, login: str = POLICE) -> AudienceChange:
    return world.do(world.user(login), audience.agree_audience, change.id)


def refused(world: World, work: Any, *args: Any) -> str:
    with pytest.raises(ShelterError) as refusal:
        work(world, *args)
    return refusal.value.code


def stayed(world: World, login: str, site: str, label: str, **given: Any) -> PlacementRow:
    """Somebody who was there for a night, and has left."""
    actor = world.user(login)
    request = world.ask(actor, **given)
    first = request.first_night
    choice = [StayChoice(world.unit(site, label).id, first, first + timedelta(days=1))]
    placement = world.confirm(actor, world.hold(actor, request, choice))
    world.do(actor, placements.arrive, placement.id)
    world.clock.forward(days=1)
    return world.do(actor, placements.depart, placement.id)


def perpetrator_was_there(world: World, **given: Any) -> PlacementRow:
    return stayed(world, "garde.auteurs", "Ardoise", "Chambre 1", **({"people": MAN} | given))


# --- the change -----------------------------------------------------------------------------------


def test_two_people_change_an_empty_site_with_all_that_is_in_it(world: World) -> None:
    perpetrator_was_there(world, case_reference=CASE)
    before = site_named(world, "Ardoise")
    codes = {unit.code for unit in world.all(Unit, site_id=before.id)}

    change = ask(world)
    assert site_named(world, "Ardoise").side is Side.PERPETRATORS  # one alone changes nothing
    agree(world, change)

    after = site_named(world, "Ardoise")
    assert (after.side, after.service) == (Side.VICTIMS, "cpas-aywaille")
    assert after.opened_at == world.clock.now()
    assert (after.contact_phone, after.description) == (None, "")
    units = world.all(Unit, site_id=before.id)
    assert {unit.side for unit in units} == {Side.VICTIMS}
    assert not codes & {unit.code for unit in units}
    ids = {unit.id for unit in units}
    assert {block.side for block in world.all(Block) if block.unit_id in ids} <= {Side.VICTIMS}
    [row] = world.all(AudienceChange)
    assert (row.state, row.asked_by, row.decided_by) == (
        AudienceState.AGREED,
        world.user(COORDINATOR).user_id,
        world.user(POLICE).user_id,
    )
    actions = [e.action for e in world.all(AuditEntry, subject=f"site:{before.id}")]
    assert actions[-3:] == ["audience.ask", "audience.agree", "site.open"]


def test_the_new_side_uses_it_and_the_old_side_has_lost_it_but_not_its_history(
    world: World,
) -> None:
    past = perpetrator_was_there(world, case_reference=CASE)
    agree(world, ask(world))
    worker, old = world.user("garde.aywaille"), world.user("garde.auteurs")

    choice = [StayChoice(world.unit("Ardoise", "Chambre 2").id, *_nights(world, 2))]
    request = world.ask(worker, people=MAN)  # as it was, it takes men alone
    victim = world.confirm(worker, world.hold(worker, request, choice))

    with client_of(world) as client:
        theirs = As(client, world.system, "garde.auteurs")
        staff = As(client, world.system, "encadrement.esneux")
        kept = theirs.get(f"/placements/{past.id}").json()
        assert (kept["state"], kept["stays"]) == ("departed", [])
        assert theirs.call("GET", f"/requests/{past.request_id}").status_code == 200
        for them in (theirs, staff):
            names = {site["name"] for site in them.get("/sites").json()["items"]}
            assert "Ardoise" not in names
            board = them.get("/board").text + them.call("GET", "/board").text
            assert "Ardoise" not in board and request.code not in board
            for path in (f"/sites/{choice_site(world)}", f"/placements/{victim.id}"):
                assert them.get(path).status_code == 404
        mine = As(client, world.system, "garde.aywaille")
        assert mine.get(f"/placements/{victim.id}").json()["stays"][0]["site"] == "Ardoise"
    with pytest.raises(NotFound):
        world.hold(old, world.ask(old, people=MAN), choice)


def test_the_new_side_sees_nothing_of_when_the_old_one_was_there(world: World) -> None:
    staff = world.user(COORDINATOR)
    stayed(world, "garde.aywaille", "Sureau", "Maison A", people=WOMAN, case_reference=CASE)
    gone, first = _nights(world, 1)[0], _nights(world, -3)[0]
    unit = world.unit("Sureau", "Maison B")
    for nights in (2, 60, None):
        end = None if nights is None else gone + timedelta(days=nights)
        world.do(staff, block_unit, unit.id, BlockReason.OUT_OF_SERVICE, gone, end)
    world.clock.forward(days=40)
    _, tonight = _nights(world, 0)

    def seen(login: str) -> tuple[set[str], set[str]]:
        """What stands in the nights that are over, and when the units were last looked at."""
        with client_of(world) as client:
            board = As(client, world.system, login).get("/board", first_night=str(first), nights=43)
        [site] = [site for site in board.json()["sites"] if site["name"] == "Sureau"]
        cells = {n["cell"] for u in site["units"] for n in u["nights"] if n["night"] < str(tonight)}
        return cells, {u["known_at"] for u in site["units"]}

    before, known = seen("garde.aywaille")
    assert before > {"free"}  # control: there was something to see
    agree(world, ask(world, "Sureau", "garde-secova"))
    after, known_now = seen("garde.auteurs")
    assert after == {"free"}
    assert not known & known_now
    left = [block for block in world.all(Block) if block.unit_id == unit.id]
    assert {(b.reason, b.first_night, b.created_at, b.created_by, b.side) for b in left} == {
        (BlockReason.CLOSED, tonight, world.clock.now(), None, Side.PERPETRATORS)
    }
    assert {b.end_night for b in left} == {None, gone + timedelta(days=60)}
    watch.chase_stale_availability(world.system)
    assert not [alert for alert in world.all(Alert) if alert.unit_id == unit.id]


def choice_site(world: World) -> Any:
    return site_named(world, "Ardoise").id


def _nights(world: World, count: int) -> tuple[Any, Any]:
    tonight = world.system.run(SYSTEM, lambda tx: tx.tonight)
    return tonight, tonight + timedelta(days=count)


def test_a_site_of_victims_goes_to_the_other_side_by_the_same_rules(world: World) -> None:
    stayed(world, "garde.aywaille", "Sureau", "Maison A", people=WOMAN, case_reference=CASE)
    agree(world, ask(world, "Sureau", "garde-secova"))
    assert site_named(world, "Sureau").side is Side.PERPETRATORS
    actor = world.user("garde.auteurs")
    choice = [StayChoice(world.unit("Sureau", "Maison B").id, *_nights(world, 2))]
    world.hold(actor, world.ask(actor, people=MAN, case_reference=OTHER_CASE), choice)


def test_the_old_contacts_answer_to_a_message_changes_nothing_of_the_unit(world: World) -> None:
    world.clock.forward(days=2)
    watch.chase_stale_availability(world.system)
    unit = world.unit("Ardoise", "Chambre 1")
    assert [m for m in world.all(Message) if m.unit_id == unit.id]  # control
    agree(world, ask(world))
    assert not [m for m in world.all(Message) if m.unit_id == unit.id]


# --- two people -----------------------------------------------------------------------------------


def test_nobody_agrees_to_what_they_asked_for(world: World) -> None:
    change = ask(world)
    assert refused(world, agree, change, COORDINATOR) == "audience_second_person"
    assert site_named(world, "Ardoise").side is Side.PERPETRATORS
    _second_coordinator(world)
    agree(world, change, "coordination.2")  # control: another one may


def _second_coordinator(world: World) -> None:
    world.do(
        SYSTEM,
        create_user,
        login="coordination.2",
        name="Coordination 2",
        password="une-phrase-assez-longue",
        role=Role.COORDINATOR,
        side=None,
        service="coordination-secova",
    )


def test_the_database_itself_refuses_one_person_as_two(world: World) -> None:
    change = ask(world)
    user = world.user(COORDINATOR).user_id

    def cheat(session: Any) -> None:
        row = session.get(AudienceChange, change.id)
        row.state, row.decided_by = AudienceState.AGREED, user
        session.add(row)

    with pytest.raises(sa.exc.IntegrityError):
        world.system.database.run(cheat, sides=set(Side))


def test_only_two_sided_people_ask_and_agree(world: World) -> None:
    for login in ("encadrement.esneux", "garde.auteurs", "logement.sprimont", POLICE, "admin"):
        assert refused(world, ask, "Ardoise", "cpas-aywaille", login) in {"not_allowed"}
    change = ask(world)
    for login in ("encadrement.esneux", "garde.auteurs", "garde.aywaille", "admin"):
        for work in (audience.agree_audience, audience.withdraw_audience):
            with pytest.raises(NotAllowed):
                world.do(world.user(login), work, change.id)
        with pytest.raises(NotAllowed):
            world.do(world.user(login), audience.list_changes)


def test_a_second_account_of_one_person_does_not_agree(world: World) -> None:
    [first] = world.all(User, login=COORDINATOR)
    given: dict[str, Any] = {
        "password": "une-phrase-assez-longue",
        "role": Role.SAPV,
        "side": None,
        "service": "sapv-secova",
    }
    same_name: dict[str, Any] = {
        "login": "same.name",
        "name": first.name.replace(" ", "  "),
        "phone": None,
    }
    same_phone: dict[str, Any] = {
        "login": "same.phone",
        "name": "Somebody else",
        "phone": first.phone,
    }
    change = ask(world)
    for account in (same_name, same_phone):
        world.do(SYSTEM, create_user, **given, **account)
        login = str(account["login"])
        assert refused(world, agree, change, login) == "audience_second_person"
    agree(world, change)  # control: another person


def test_what_somebody_asked_ends_with_their_account(world: World) -> None:
    change = ask(world)
    world.do(SYSTEM, deactivate, COORDINATOR)
    assert refused(world, agree, change) == "asker_gone"
    assert site_named(world, "Ardoise").side is Side.PERPETRATORS
    world.do(world.user(POLICE), audience.withdraw_audience, change.id)  # the way out


def test_it_is_asked_once_and_decided_once(world: World) -> None:
    change = ask(world)
    assert refused(world, ask) == "audience_asked_already"
    world.do(world.user(POLICE), audience.withdraw_audience, change.id)
    assert refused(world, agree, change) == "audience_decided"
    agree(world, ask(world))  # control: asked anew
    assert len(world.all(AudienceChange)) == 2


def test_the_second_person_is_called(world: World) -> None:
    ask(world)
    raised = world.all(Alert, kind=AlertKind.AUDIENCE_ASKED)
    assert {alert.side for alert in raised} == {Side.VICTIMS}
    assert POLICE.split(".")[0] in " ".join(alert.service for alert in raised)


def test_the_service_that_takes_it_over_is_of_the_other_side(world: World) -> None:
    for service, code in (
        ("commune-esneux", "service_other_side"),
        ("coordination-secova", "service_other_side"),
        ("sapv-secova", "service_other_side"),
        ("nowhere", "unknown_service"),
    ):
        with pytest.raises(Invalid) as refusal:
            ask(world, service=service)
        assert [problem.code for problem in refusal.value.problems] == [code]


# --- nobody there ---------------------------------------------------------------------------------


@pytest.mark.parametrize("until", ["held", "confirmed", "arrived", "overdue"])
def test_a_site_where_somebody_is_or_is_promised_to_be_keeps_its_audience(
    world: World, until: str
) -> None:
    actor = world.user("garde.auteurs")
    change = ask(world)
    request = world.ask(actor, people=MAN, case_reference=CASE)
    choice = [StayChoice(world.unit("Ardoise", "Chambre 1").id, *_nights(world, 1))]
    held = world.hold(actor, request, choice)
    if until != "held":
        world.confirm(actor, held)
    if until in {"arrived", "overdue"}:
        world.do(actor, placements.arrive, held.id)
    if until == "overdue":
        world.clock.forward(days=3)
    assert refused(world, agree, change) == "audience_not_empty"
    world.do(world.user(POLICE), audience.withdraw_audience, change.id)
    assert refused(world, ask) == "audience_not_empty"
    end = {
        "held": placements.release,
        "confirmed": placements.cancel,
        "arrived": placements.depart,
        "overdue": placements.depart,
    }
    world.do(actor, end[until], held.id)
    agree(world, ask(world))  # control: they are gone


def test_zoning_is_checked_before_it_opens_and_nothing_changes_when_it_fails(
    database: Database,
) -> None:
    world = secova_world(database)  # the real rule: Églantine stands 2.9 km from Genêt
    change = ask(world, "Genêt", "garde-secova")
    with pytest.raises(Conflict) as refusal:
        agree(world, change)
    assert refusal.value.code == "zoning"
    after = site_named(world, "Genêt")
    assert (after.side, after.service) == (Side.VICTIMS, "commune-chaudfontaine")
    assert after.opened_at is not None
    assert world.all(AudienceChange)[0].state is AudienceState.ASKED


# --- nobody endangered ----------------------------------------------------------------------------


@pytest.mark.parametrize("link", ["same case", "they state it", "we state it"])
def test_who_knows_the_address_must_not_be_on_the_other_side_of_a_live_separation(
    world: World, link: str
) -> None:
    worker, other = world.user("garde.aywaille"), world.user("garde.auteurs")
    perpetrator_was_there(world, case_reference=CASE)
    if link == "same case":
        victim = world.ask(worker, people=WOMAN, case_reference=CASE)
    elif link == "they state it":
        victim = world.ask(
            worker, people=WOMAN, case_reference=OTHER_CASE, keep_apart=(KeptApart(CASE),)
        )
    else:
        victim = world.ask(worker, people=WOMAN, case_reference=OTHER_CASE)
        world.ask(other, people=MAN, case_reference=CASE, keep_apart=(KeptApart(OTHER_CASE),))
    assert refused(world, ask) == "audience_known"
    world.do(worker, intake.close, victim.id, Outcome.MISTAKE)
    agree(world, ask(world))  # control: nothing is live any more


@pytest.mark.parametrize("gone", ["left", "purged", "erased"])
@pytest.mark.parametrize(
    ("login", "other", "place", "people", "to"),
    [
        ("garde.auteurs", "garde.aywaille", ("Ardoise", "Chambre 1"), MAN, "cpas-aywaille"),
        ("garde.aywaille", "garde.auteurs", ("Sureau", "Maison A"), WOMAN, "garde-secova"),
    ],
)
def test_what_somebody_stated_who_has_left_keeps_their_place_from_whom_they_named(
    world: World, gone: str, login: str, other: str, place: Any, people: Any, to: str
) -> None:
    apart = (KeptApart(OTHER_CASE),)
    stayed(world, login, *place, people=people, case_reference=CASE, keep_apart=apart)
    [known] = world.all(KnownAddress)
    _let_go(world, gone, known.side)
    named = world.ask(world.user(other), people=people, case_reference=OTHER_CASE)
    assert refused(world, ask, place[0], to) == "audience_known"
    world.do(world.user(other), intake.close, named.id, Outcome.MISTAKE)
    world.ask(world.user(other), people=people, case_reference="LI.45.L1.000001/26")
    agree(world, ask(world, place[0], to))  # control: a stranger is in nobody's way


def _let_go(world: World, gone: str, side: Side) -> None:
    """What stated a separation goes by its period, or because somebody asked for it."""
    if gone == "purged":
        world.clock.forward(days=181)
        retention.run(world.system)
    elif gone == "erased":
        data_subjects.erase(world.system, Asked(CASE, side, COORDINATOR, POLICE))
    stated = world.all(SeparationRow)
    assert bool(stated) == (gone in {"left", "nothing"})
    assert world.all(KnownAddress)


def test_a_promise_is_knowledge_though_nobody_came(world: World) -> None:
    actor = world.user("garde.auteurs")
    request = world.ask(actor, people=MAN, case_reference=CASE)
    choice = [StayChoice(world.unit("Ardoise", "Chambre 1").id, *_nights(world, 1))]
    held = world.hold(actor, request, choice)
    assert world.all(KnownAddress) == []  # a hold shows no address
    world.confirm(actor, held)
    world.do(actor, placements.cancel, held.id)
    world.ask(world.user("garde.aywaille"), people=WOMAN, case_reference=CASE)
    assert refused(world, ask) == "audience_known"


def test_knowledge_outlives_the_placement(world: World) -> None:
    placement = perpetrator_was_there(world, case_reference=CASE)
    world.ask(world.user("garde.aywaille"), people=WOMAN, case_reference=CASE)

    def purge(session: Any) -> None:
        for table, column in (
            ("occupied_night", "stay_id IN (SELECT id FROM stay WHERE placement_id = :it)"),
            ("stay", "placement_id = :it"),
            ("placement", "id = :it"),
        ):
            it = placement.id.hex if world.system.database.is_sqlite else str(placement.id)
            session.execute(sa.text(f"DELETE FROM {table} WHERE {column}"), {"it": it})

    world.system.database.run(purge, sides=set(Side))
    assert world.all(PlacementRow) == []
    assert refused(world, ask) == "audience_known"


def test_who_moved_on_knows_both_addresses(world: World) -> None:
    actor = world.user("garde.auteurs")
    request = world.ask(actor, people=MAN, case_reference=CASE)
    first, end = _nights(world, 3)
    held = world.hold(
        actor, request, [StayChoice(world.unit("Ardoise", "Chambre 1").id, first, end)]
    )
    world.confirm(actor, held)
    elsewhere = [StayChoice(world.unit("Basalte", "Studio 1").id, first, end)]
    world.do(actor, placements.move, held.id, elsewhere)
    known = {row.site_id for row in world.all(KnownAddress)}
    assert known == {site_named(world, name).id for name in ("Ardoise", "Basalte")}


def test_whom_no_case_names_must_have_been_gone_for_long(world: World) -> None:
    perpetrator_was_there(world)
    days = 365
    with pytest.raises(Conflict) as refusal:
        ask(world)
    assert (refusal.value.code, refusal.value.params) == ("audience_unlinked", {"days": days})
    world.clock.forward(days=days - 1)
    assert refused(world, ask) == "audience_unlinked"
    world.clock.forward(days=1)
    agree(world, ask(world))


# --- burned ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("link", ["same case", "they state it", "the other case states it"])
def test_a_victim_is_never_placed_where_their_perpetrator_once_was(world: World, link: str) -> None:
    perpetrator_was_there(world, case_reference=CASE)
    agree(world, ask(world))
    worker = world.user("garde.aywaille")
    if link == "same case":
        request = world.ask(worker, people=MAN, case_reference=CASE)
    elif link == "they state it":
        request = world.ask(worker, people=MAN, keep_apart=(KeptApart(CASE),))
    else:
        request = world.ask(worker, people=MAN, case_reference=OTHER_CASE)
        world.ask(
            world.user("garde.auteurs"),
            people=MAN,
            case_reference=CASE,
            keep_apart=(KeptApart(OTHER_CASE),),
        )
    choice = [StayChoice(world.unit("Ardoise", "Chambre 2").id, *_nights(world, 2))]
    with pytest.raises(Conflict) as refusal:
        world.hold(worker, request, choice)
    assert refusal.value.params == {"rule": "excluded_site"}
    offered = {s.site.name for o in world.options(worker, request).options for s in o.stays}
    assert "Ardoise" not in offered
    stranger = world.ask(worker, people=MAN, case_reference="LI.45.L1.000001/26")
    world.hold(worker, stranger, choice)  # control


@pytest.mark.parametrize("gone", ["nothing", "purged", "erased"])
def test_a_burned_site_stays_burned_when_what_stated_the_separation_is_gone(
    world: World, gone: str
) -> None:
    perpetrator_was_there(world, case_reference=CASE, keep_apart=(KeptApart(OTHER_CASE),))
    agree(world, ask(world))
    _let_go(world, gone, Side.PERPETRATORS)
    worker = world.user("garde.aywaille")
    choice = [StayChoice(world.unit("Ardoise", "Chambre 2").id, *_nights(world, 2))]
    with pytest.raises(Conflict) as refusal:
        world.hold(worker, world.ask(worker, people=MAN, case_reference=OTHER_CASE), choice)
    assert refusal.value.params == {"rule": "excluded_site"}
    stranger = world.ask(worker, people=MAN, case_reference="LI.45.L1.000001/26")
    world.hold(worker, stranger, choice)  # control


def test_control_without_what_is_known_the_victim_is_placed_there(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    perpetrator_was_there(world, case_reference=CASE)
    agree(world, ask(world))
    monkeypatch.setattr(problems, "burned_sites", lambda *_: {})
    worker = world.user("garde.aywaille")
    choice = [StayChoice(world.unit("Ardoise", "Chambre 2").id, *_nights(world, 2))]
    world.hold(worker, world.ask(worker, people=MAN, case_reference=CASE), choice)


# --- nobody waits for the other side -------------------------------------------------------------


def _came_through(world: World, unit_id: UUID, work: Callable[[], Any], patience: float) -> bool:
    """Whether ``work`` ends while victims' workers give out a unit, without waiting for them."""
    locked, done = threading.Event(), threading.Event()
    victims = world.user("garde.aywaille")

    def give_out(tx: Any) -> bool:
        lock_units(tx.session, [unit_id])
        locked.set()
        return done.wait(patience)

    with ThreadPoolExecutor(1) as pool:
        waited = pool.submit(world.system.run, victims, give_out)
        assert locked.wait(10)
        with suppress(ShelterError):
            work()
        done.set()
        return waited.result()


def _edit(world: World, unit: Unit) -> None:
    given = UnitInput("Autre", unit.beds)
    world.do(world.user("encadrement.esneux"), edit_unit, unit.id, given, unit.version)


@pytest.mark.postgres
@pytest.mark.parametrize("act", ["hold", "move", "edit"])
def test_nobody_waits_for_a_unit_that_is_the_other_sides_by_now(
    postgres_database: Database, act: str
) -> None:
    world = secova_world(postgres_database, edited=_loose)
    actor, unit = world.user("garde.auteurs"), world.unit("Ardoise", "Chambre 1")
    agree(world, ask(world))
    request = world.ask(actor, people=MAN)
    choice = [StayChoice(unit.id, *_nights(world, 1))]
    tried: Callable[[], Any]
    if act == "hold":
        tried = partial(world.hold, actor, request, choice)
    elif act == "move":
        other = [StayChoice(world.unit("Basalte", "Studio 1").id, *_nights(world, 1))]
        placed = world.confirm(actor, world.hold(actor, request, other))
        tried = partial(world.do, actor, placements.move, placed.id, choice)
    else:
        tried = partial(_edit, world, unit)
    assert _came_through(world, unit.id, tried, patience=8)


@pytest.mark.postgres
def test_control_who_has_the_unit_waits_for_its_lock(postgres_database: Database) -> None:
    world = secova_world(postgres_database, edited=_loose)
    unit = world.unit("Ardoise", "Chambre 1")
    assert not _came_through(world, unit.id, partial(_edit, world, unit), patience=1)


# --- races ----------------------------------------------------------------------------------------


def test_two_who_agree_at_once_change_it_once(world: World) -> None:
    _second_coordinator(world)
    change = ask(world)
    outcome = at_once(
        [
            lambda: agree(world, change, POLICE),
            lambda: agree(world, change, "coordination.2"),
        ]
    )
    assert outcome == {"done": 1, "Conflict": 1}
    assert len(world.all(AuditEntry, action="audience.agree")) == 1


def _hold_against_agreement(world: World, number: int) -> tuple[str, bool, Side]:
    """A hold and the agreement in the same moment; who won, and what is true afterwards."""
    name, service, login, people, label = (
        ("Ardoise", "cpas-aywaille", "garde.auteurs", MAN, "Chambre 1")
        if number % 2 == 0
        else ("Sureau", "garde-secova", "garde.aywaille", WOMAN, "Maison A")
    )
    actor = world.user(login)
    change = ask(world, name, service)
    request: Request = world.ask(actor, people=people, case_reference=CASE)
    choice = [StayChoice(world.unit(name, label).id, *_nights(world, 2))]
    at_once([lambda: agree(world, change), lambda: world.hold(actor, request, choice)])
    held = [row for row in world.all(PlacementRow) if row.request_id == request.id]
    return name, bool(held), site_named(world, name).side


@pytest.mark.parametrize("number", range(4))
def test_a_hold_and_a_change_of_audience_never_pass_each_other(world: World, number: int) -> None:
    name, held, side = _hold_against_agreement(world, number)
    before = Side.PERPETRATORS if name == "Ardoise" else Side.VICTIMS
    assert held == (side is before)  # the place was given out, or it changed hands: never both
    if held:
        site = site_named(world, name)
        units = {unit.id for unit in world.all(Unit, site_id=site.id)}
        nights = [n for n in world.all(OccupiedNight) if n.unit_id in units]
        assert {night.side for night in nights} == {before}


@pytest.mark.postgres
def test_control_without_the_units_locks_somebody_is_placed_in_a_site_that_changes_hands(
    postgres_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = secova_world(postgres_database, edited=_loose)
    for module in (sites, placements):
        monkeypatch.setattr(module, "lock_units", lambda *_: None)
    line, checked = threading.Barrier(2), threading.local()

    def meet(work: Any) -> Any:
        def waiting(*args: Any, **given: Any) -> Any:
            result = work(*args, **given)
            if not getattr(checked, "yes", False):
                checked.yes = True
                line.wait(timeout=10)
            return result

        return waiting

    change = ask(world)
    # each has looked, and finds nothing in the way, before either writes
    monkeypatch.setattr(audience, "_refuse_unready", meet(audience._refuse_unready))
    monkeypatch.setattr(occupancy, "verify_choice", meet(occupancy.verify_choice))
    actor = world.user("garde.auteurs")
    request = world.ask(actor, people=MAN, case_reference=CASE)
    choice = [StayChoice(world.unit("Ardoise", "Chambre 1").id, *_nights(world, 2))]
    outcome = at_once([lambda: agree(world, change), lambda: world.hold(actor, request, choice)])
    assert outcome == {"done": 2}
    assert site_named(world, "Ardoise").side is Side.VICTIMS
    assert {night.side for night in world.all(OccupiedNight)} == {Side.PERPETRATORS}


# --- over HTTP ------------------------------------------------------------------------------------


def test_the_pages_and_the_api_walk_the_same_way(world: World) -> None:
    site = site_named(world, "Ardoise")
    same_origin = {"Sec-Fetch-Site": "same-origin"}
    with client_of(world) as client:
        asks, police = (As(client, world.system, login) for login in (COORDINATOR, POLICE))
        assert "audience" in asks.call("GET", f"/sites/{site.id}").text
        form = {"key": "k1", "service": "cpas-aywaille", "reason": "convention"}
        sent = asks.call("POST", f"/sites/{site.id}/audience", data=form, headers=same_origin)
        assert sent.headers["location"] == "/audience"
        [item] = police.get("/audience-changes").json()["items"]
        assert (item["state"], item["site"], item["is_mine"]) == ("asked", "Ardoise", False)
        path = f"/audience/{item['id']}/do/agree"
        assert path in police.call("GET", "/audience").text
        assert path not in asks.call("GET", "/audience").text
        assert asks.post(f"/audience-changes/{item['id']}/agreement").status_code == 403
        done = police.call("POST", path, data={"key": "k2"}, headers=same_origin)
        assert done.status_code == 303
        again = police.post(f"/audience-changes/{item['id']}/agreement")
        assert again.status_code == 409
        assert "Mirage" not in police.call("GET", "/audience").text  # no address, ever
    assert site_named(world, "Ardoise").side is Side.VICTIMS


def test_the_asked_change_is_nothing_to_the_perpetrator_side(world: World) -> None:
    change = ask(world)
    with client_of(world) as client:
        them = As(client, world.system, "encadrement.esneux")
        assert them.get("/audience-changes").status_code == 403
        assert them.post(f"/audience-changes/{change.id}/agreement").status_code == 403
        assert them.get("/alerts").json()["items"] == []
        assert change.code not in them.get("/sites").text
