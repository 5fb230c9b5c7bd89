"""Two different people lift one separation, for one site, until a day; everything else holds."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from shelter.cli import DEMO_PASSWORD
from shelter.db.session import Database
from shelter.db.tables import (
    Alert,
    AuditEntry,
    Override,
    PlacementRow,
    Request,
    SeparationRow,
    Site,
    User,
)
from shelter.domain.alerts import AlertKind
from shelter.domain.decisions import OverrideReason, OverrideState
from shelter.domain.errors import Conflict, Invalid, NotAllowed, NotFound, ShelterError
from shelter.domain.household import Person
from shelter.domain.sides import SYSTEM, Role, Side
from shelter.services import intake, overrides, placements, watch
from shelter.services.accounts import create_user, deactivate
from shelter.services.context import Tx
from shelter.services.intake import KeptApart
from shelter.services.locations import location_of
from shelter.services.overrides import without
from shelter.services.placements import StayChoice
from shelter.services.sites import SiteInput, edit_site
from shelter_solver.problem import Separation
from support.raw import all_seeing
from support.world import TONIGHT, World, secova_world

MAN, WOMAN = {Person.MAN: 1}, {Person.WOMAN: 1}
CASE, OTHER_CASE = "LI.45.L1.001234/26", "LI.45.L1.009999/26"
COORDINATOR, POLICE, WORKER = "coordination", "sapv.secova", "garde.aywaille"


@pytest.fixture
def world(database: Database) -> World:
    return secova_world(database)


def choice(world: World, site: str, label: str, nights: int = 7) -> list[StayChoice]:
    unit = world.unit(site, label).id
    return [StayChoice(unit, TONIGHT, TONIGHT + timedelta(days=nights))]


def too_near(world: World, **given: Any) -> tuple[Request, Request, PlacementRow]:
    """Genêt is 7.7 km from Ardoise, too near for who asked for 20; he is there already."""
    other = world.user("garde.auteurs")
    perpetrator = world.ask(other, people=MAN, case_reference=CASE)
    placed = world.confirm(
        other, world.hold(other, perpetrator, choice(world, "Ardoise", "Chambre 1"))
    )
    given = {"people": WOMAN, "case_reference": CASE, "keep_apart": (KeptApart(CASE, 20),)} | given
    return world.ask(world.user(WORKER), **given), perpetrator, placed


def site(world: World, name: str) -> Site:
    [found] = world.all(Site, name=name)
    return found


def asked(world: World, victim: Request, login: str = COORDINATOR, **more: Any) -> Override:
    given: dict[str, Any] = {
        "site_id": site(world, "Genêt").id,
        "until": TONIGHT + timedelta(days=7),
        "reason": OverrideReason.NO_OTHER_PLACE,
    }
    return world.do(world.user(login), overrides.ask, victim.id, **(given | more))


def answered(world: World, override: Override, login: str = POLICE, approve: bool = True) -> None:
    world.do(world.user(login), overrides.decide, override.id, approve=approve)


def allowed(world: World, victim: Request, **more: Any) -> Override:
    override = asked(world, victim, **more)
    answered(world, override)
    return override


def hold(
    world: World,
    victim: Request,
    where: str = "Genêt",
    label: str = "1er étage",
    nights: int = 7,
) -> PlacementRow:
    return world.hold(world.user(WORKER), victim, choice(world, where, label, nights))


def is_refused(
    world: World,
    victim: Request,
    where: str = "Genêt",
    label: str = "1er étage",
    nights: int = 7,
) -> bool:
    """Whether the separation forbids it; any other refusal is an error."""
    try:
        held = hold(world, victim, where, label, nights)
    except Conflict as error:
        if (error.code, error.params) != ("rule_forbids", {"rule": "separation"}):
            raise
        return True
    world.do(world.user(WORKER), placements.release, held.id)
    return False


# --- what it opens -------------------------------------------------------------------------------


def test_without_two_people_the_separation_refuses_the_hold(world: World) -> None:
    """Control of everything below: it is the override that opens the place."""
    victim, _, _ = too_near(world)
    assert is_refused(world, victim)
    override = asked(world, victim)
    assert is_refused(world, victim), "a question opens nothing"
    answered(world, override)
    assert not is_refused(world, victim)


def test_the_place_is_held_confirmed_and_extended_until_the_day_that_was_said(world: World) -> None:
    victim, _, _ = too_near(world)
    allowed(world, victim, until=TONIGHT + timedelta(days=9))
    worker = world.user(WORKER)
    assert is_refused(world, victim, nights=10)
    placement = world.confirm(worker, hold(world, victim, nights=7))
    end = placement.end_night
    with pytest.raises(Conflict) as refused:
        world.do(worker, placements.extend, placement.id, end + timedelta(days=3))
    assert refused.value.params == {"rule": "separation"}
    world.do(worker, placements.extend, placement.id, end + timedelta(days=2))


def test_no_other_site_and_no_other_rule_is_opened(world: World) -> None:
    victim, _, _ = too_near(world)
    allowed(world, victim)
    assert not is_refused(world, victim)
    assert is_refused(world, victim, "Bruyère", "Rez gauche"), "another site, as near"
    avoiding = world.ask(
        world.user(WORKER),
        people=WOMAN,
        case_reference=CASE,
        keep_apart=(KeptApart(CASE, 20),),
        avoid_sites=(site(world, "Genêt").id,),
    )
    allowed(world, avoiding)
    with pytest.raises(Conflict) as refused:
        hold(world, avoiding)
    assert refused.value.params == {"rule": "excluded_site"}


def test_only_the_named_case_is_lifted(world: World) -> None:
    other = world.user("garde.auteurs")
    third = world.ask(other, people=MAN, case_reference=OTHER_CASE)
    world.confirm(other, world.hold(other, third, choice(world, "Ardoise", "Chambre 2")))
    victim, _, _ = too_near(world, keep_apart=(KeptApart(CASE, 20), KeptApart(OTHER_CASE, 20)))
    allowed(world, victim)
    assert is_refused(world, victim), "the other case still stands in the way"
    hashed = world.system.keyring.case_hash(OTHER_CASE)
    [stated] = world.all(SeparationRow, request_id=victim.id, other_case_hash=hashed)
    allowed(world, victim, separation_id=stated.id)
    assert not is_refused(world, victim)


def test_it_covers_where_the_other_was_and_not_where_he_goes(world: World) -> None:
    victim, perpetrator, placed = too_near(world)
    allowed(world, victim)
    assert not is_refused(world, victim)
    other = world.user("garde.auteurs")
    world.do(other, placements.cancel, placed.id)
    again = world.hold(other, perpetrator, choice(world, "Ardoise", "Chambre 2"))
    world.confirm(other, again)
    assert is_refused(world, victim)


def one_night_beside_him(world: World) -> tuple[Request, PlacementRow]:
    """He leaves tomorrow; two people knew that when they allowed her the place, for a week."""
    other = world.user("garde.auteurs")
    his = world.ask(other, people=MAN, case_reference=CASE)
    placed = world.confirm(other, world.hold(other, his, choice(world, "Ardoise", "Chambre 1", 1)))
    world.do(other, placements.arrive, placed.id)
    victim = world.ask(
        world.user(WORKER), people=WOMAN, case_reference=CASE, keep_apart=(KeptApart(CASE, 20),)
    )
    allowed(world, victim)
    return victim, placed


def is_told(world: World) -> bool:
    return watch.watch_separations(world.system) > 0


def test_it_does_not_cover_nights_that_he_was_given_later(world: World) -> None:
    victim, placed = one_night_beside_him(world)
    world.confirm(world.user(WORKER), hold(world, victim))
    assert not is_told(world), "control: as it was allowed"
    other = world.user("garde.auteurs")
    world.do(other, placements.extend, placed.id, TONIGHT + timedelta(days=7))
    assert is_told(world)


def test_nobody_is_held_beside_somebody_who_now_stays_longer(world: World) -> None:
    victim, placed = one_night_beside_him(world)
    assert not is_refused(world, victim), "control: as it was allowed"
    other = world.user("garde.auteurs")
    world.do(other, placements.extend, placed.id, TONIGHT + timedelta(days=7))
    assert is_refused(world, victim)


def test_it_does_not_cover_nights_for_which_he_simply_stays(world: World) -> None:
    victim, _ = one_night_beside_him(world)
    world.confirm(world.user(WORKER), hold(world, victim))
    assert not is_told(world), "control: as it was allowed"
    world.clock.forward(days=1)
    assert is_told(world)


def test_a_stay_that_becomes_shorter_is_still_covered(world: World) -> None:
    victim, _, placed = too_near(world)
    allowed(world, victim)
    world.confirm(world.user(WORKER), hold(world, victim))

    def leaves_earlier(tx: Tx) -> None:
        ends = TONIGHT + timedelta(days=3)
        for row in (tx.rows.get(PlacementRow, placed.id), *tx.rows.stays([placed.id])):
            assert row is not None
            row.end_night = ends
            tx.session.add(row)

    world.system.run(SYSTEM, leaves_earlier)
    assert not is_told(world)


def moved(world: World, name: str, near: str, north: float) -> None:
    """The staff of a site writes that it is elsewhere, so far north of another (in degrees)."""
    row, beside = site(world, name), site(world, near)
    where = world.system.run(SYSTEM, lambda tx: location_of(tx, beside))
    present = world.system.run(SYSTEM, lambda tx: location_of(tx, row))
    staff = next(user for user in world.all(User, service=row.service, role=Role.COMMUNE_STAFF))
    given = SiteInput(
        name=row.name,
        commune=row.commune,
        address="Ailleurs 1",
        lat=where.lat + north,
        lon=where.lon,
        places=present.places,
    )
    world.do(world.user(staff.login), edit_site, row.id, given, row.version)


@pytest.mark.parametrize(("name", "near"), [("Ardoise", "Genêt"), ("Genêt", "Ardoise")])
def test_it_does_not_cover_a_site_that_moves_afterwards(world: World, name: str, near: str) -> None:
    """His or hers: 3 km from the other, and two people had allowed 7.7."""
    victim, _, _ = too_near(world)
    allowed(world, victim)
    assert not is_refused(world, victim), "control: as it was allowed"
    world.confirm(world.user(WORKER), hold(world, victim))
    assert not is_told(world)
    moved(world, name, near, north=0.0275)
    assert is_told(world)


def test_a_site_that_is_written_anew_where_it_was_is_still_covered(world: World) -> None:
    """What changes of it besides, its version included, is no danger."""
    victim, _, _ = too_near(world)
    allowed(world, victim)
    world.confirm(world.user(WORKER), hold(world, victim))
    for name in ("Ardoise", "Genêt"):
        row = site(world, name)
        moved(world, name, name, north=0)
        assert site(world, name).version > row.version
    assert not is_told(world)


def test_a_question_about_yesterdays_picture_cannot_be_approved(world: World) -> None:
    victim, perpetrator, placed = too_near(world)
    override = asked(world, victim)
    other = world.user("garde.auteurs")
    world.do(other, placements.cancel, placed.id)
    world.hold(other, perpetrator, choice(world, "Ardoise", "Chambre 2"))
    with pytest.raises(Conflict, match="override_outdated"):
        answered(world, override)
    answered(world, override, approve=False)  # declining needs no picture


def test_the_offer_shows_the_place_and_that_two_people_allowed_it(world: World) -> None:
    victim, _, _ = too_near(world)
    worker = world.user(WORKER)

    def sites() -> dict[str, date | None]:
        return {
            option.stays[0].site.name: option.allowed_until
            for option in world.options(worker, victim).options
        }

    assert "Genêt" not in sites()
    allowed(world, victim)
    assert sites()["Genêt"] == TONIGHT + timedelta(days=7)
    assert [until for name, until in sites().items() if name != "Genêt" and until] == []
    option = next(o for o in world.options(worker, victim).options if o.allowed_until)
    world.hold(
        worker, victim, [StayChoice(s.unit.id, s.first_night, s.end_night) for s in option.stays]
    )


def test_the_watch_does_not_tell_what_two_people_allowed(world: World) -> None:
    victim, _, _ = too_near(world)
    override = allowed(world, victim)
    world.confirm(world.user(WORKER), hold(world, victim))
    assert watch.watch_separations(world.system) == 0
    world.do(world.user(POLICE), overrides.withdraw, override.id)
    assert watch.watch_separations(world.system) > 0  # control: now it is told


# --- what ends it ---------------------------------------------------------------------------------


def test_declined_withdrawn_or_over_it_opens_nothing(world: World) -> None:
    victim, _, _ = too_near(world)
    declined = asked(world, victim)
    answered(world, declined, approve=False)
    assert is_refused(world, victim)
    withdrawn = allowed(world, victim)
    assert not is_refused(world, victim)
    world.do(world.user(COORDINATOR), overrides.withdraw, withdrawn.id)
    assert is_refused(world, victim)
    for override in (declined, withdrawn):
        with pytest.raises(Conflict, match="override_answered"):
            answered(world, override)
        with pytest.raises(Conflict, match="override_answered"):
            world.do(world.user(COORDINATOR), overrides.withdraw, override.id)
    allowed(world, victim, until=TONIGHT + timedelta(days=1))
    assert not is_refused(world, victim, nights=1)
    world.clock.forward(days=1)
    tomorrow = TONIGHT + timedelta(days=1)
    unit = world.unit("Genêt", "1er étage").id
    with pytest.raises(Conflict, match="rule_forbids"):
        world.hold(
            world.user(WORKER), victim, [StayChoice(unit, tomorrow, tomorrow + timedelta(days=1))]
        )


def test_a_question_that_nobody_answers_is_over_after_a_day(world: World) -> None:
    victim, _, _ = too_near(world)
    override = asked(world, victim)
    world.clock.forward(hours=24)
    with pytest.raises(Conflict, match="override_expired"):
        answered(world, override)
    [view] = world.do(world.user(POLICE), overrides.list_overrides)
    assert (view.over, view.may_answer) == (True, False)


# --- two people -----------------------------------------------------------------------------------


def test_who_asked_cannot_answer(world: World) -> None:
    victim, _, _ = too_near(world)
    for login, second in ((COORDINATOR, POLICE), (POLICE, COORDINATOR)):
        override = asked(world, victim, login)
        for approve in (True, False):
            with pytest.raises(NotAllowed, match="second_person"):
                answered(world, override, login, approve)
        [view] = world.do(world.user(login), overrides.list_overrides)[:1]
        assert not view.may_answer and view.may_withdraw
        answered(world, override, second)  # control


def test_a_second_account_of_one_person_is_no_second_person(world: World) -> None:
    """The same telephone or the same name; a colleague of the same service is another person."""
    victim, _, _ = too_near(world)
    [first] = [user for user in world.all(User) if user.login == COORDINATOR]

    def account(login: str, name: str, phone: str | None) -> None:
        world.do(
            SYSTEM,
            create_user,
            login=login,
            name=name,
            password=DEMO_PASSWORD,
            role=Role.COORDINATOR,
            side=None,
            service="coordination-secova",
            phone=phone,
        )

    account("second.account", "Other name", first.phone)
    account("third.account", f" {first.name.upper()}", None)
    account("fourth.account", first.name.replace(" ", "  ").replace("é", "e"), None)
    account("colleague", "Une collègue", None)
    override = asked(world, victim)
    for login in ("second.account", "third.account", "fourth.account"):
        with pytest.raises(NotAllowed, match="second_person"):
            answered(world, override, login)
    answered(world, override, "colleague")


def test_what_somebody_asked_counts_no_longer_when_their_account_is_ended(world: World) -> None:
    victim, _, _ = too_near(world)
    override = asked(world, victim)
    world.do(SYSTEM, deactivate, COORDINATOR)
    [view] = world.do(world.user(POLICE), overrides.list_overrides)
    assert not view.may_answer
    with pytest.raises(Conflict, match="asker_gone"):
        answered(world, override)
    assert is_refused(world, victim)


def test_the_database_itself_refuses_one_person_twice(world: World) -> None:
    victim, _, _ = too_near(world)
    override = asked(world, victim)

    def write(values: str) -> None:
        with all_seeing(world.system.database).begin() as connection:
            connection.execute(sa.text(f"UPDATE override SET {values}"))

    for values in ("decided_by = asked_by", "state = 'approved'", "side = 'perpetrators'"):
        with pytest.raises(sa.exc.IntegrityError):
            write(values)
    answered(world, override)  # control: two people pass the same constraints


@pytest.mark.parametrize(
    "login", ["garde.aywaille", "garde.auteurs", "logement.sprimont", "encadrement.esneux", "admin"]
)
def test_nobody_else_asks_answers_or_reads(world: World, login: str) -> None:
    victim, _, _ = too_near(world)
    override = asked(world, victim)
    actor = world.user(login)
    attempts = (
        lambda: asked(world, victim, login),
        lambda: answered(world, override, login),
        lambda: world.do(actor, overrides.withdraw, override.id),
        lambda: world.do(actor, overrides.list_overrides),
    )
    for attempt in attempts:
        with pytest.raises((NotAllowed, NotFound)):
            attempt()
    assert world.all(Override)[0].state is OverrideState.ASKED


def test_two_answers_in_one_moment_are_one_answer(world: World) -> None:
    victim, _, _ = too_near(world)
    world.do(
        SYSTEM,
        create_user,
        login="colleague",
        name="Une collègue",
        password=DEMO_PASSWORD,
        role=Role.COORDINATOR,
        side=None,
        service="coordination-secova",
    )
    override = asked(world, victim)
    line = threading.Barrier(4)

    def answer(number: int) -> str:
        line.wait(timeout=20)
        try:
            answered(world, override, (POLICE, "colleague")[number % 2], approve=number < 2)
        except ShelterError as error:
            return error.code
        return "done"

    with ThreadPoolExecutor(4) as pool:
        results = sorted(pool.map(answer, range(4)))
    assert results == ["done", *["override_answered"] * 3]
    decisions = [
        entry.action
        for entry in world.all(AuditEntry)
        if entry.action in {"override.approve", "override.decline"}
    ]
    assert len(decisions) == 1


# --- who learns of it -----------------------------------------------------------------------------


def test_the_audit_log_has_both_names_and_no_place_of_the_other(world: World) -> None:
    victim, perpetrator, _ = too_near(world)
    allowed(world, victim)
    entries = [e for e in world.all(AuditEntry) if e.action.startswith("override.")]
    assert [(e.action, e.actor_name) for e in sorted(entries, key=lambda e: e.seq)] == [
        ("override.ask", world.user(COORDINATOR).name),
        ("override.approve", world.user(POLICE).name),
    ]
    assert {e.side for e in entries} == {Side.VICTIMS}
    said = str([e.detail for e in entries])
    assert str(perpetrator.id) not in said and str(site(world, "Ardoise").id) not in said
    shown = world.do(world.user(WORKER), intake.history, victim.id)
    assert {"override.ask", "override.approve"} <= {entry.action for entry in shown}


def test_the_second_person_is_told_and_the_other_side_is_not(world: World) -> None:
    victim, _, _ = too_near(world)
    asked(world, victim)
    told = world.all(Alert, kind=AlertKind.OVERRIDE_ASKED)
    assert {alert.service for alert in told} == {"coordination-secova", "sapv-secova"}
    assert {alert.side for alert in told} == {Side.VICTIMS}


def test_a_perpetrators_request_has_none(world: World) -> None:
    _, perpetrator, _ = too_near(world)
    with pytest.raises(NotFound):
        asked(world, perpetrator)


def test_wrong_questions_are_refused_by_the_field(world: World) -> None:
    victim, _, _ = too_near(world)
    for wrong, field in (
        ({"until": TONIGHT}, "until"),
        ({"until": TONIGHT + timedelta(days=400)}, "until"),
        ({"site_id": site(world, "Ardoise").id}, "site_id"),
        ({"site_id": victim.id}, "site_id"),
        ({"separation_id": victim.id}, "separation_id"),
    ):
        with pytest.raises(Invalid) as refused:
            asked(world, victim, **wrong)
        assert [problem.field for problem in refused.value.problems] == [field]
    without_case = world.ask(world.user(WORKER), people=WOMAN)
    with pytest.raises(Conflict, match="no_separation"):
        asked(world, without_case)


def test_only_the_pair_is_left_out_of_a_group() -> None:
    def pairs(separations: tuple[Separation, ...]) -> set[frozenset[str]]:
        return {
            frozenset((one, other))
            for each in separations
            for one in each.a
            for other in each.b
            if one != other
        }

    two_by_two = (Separation(frozenset("ab"), frozenset("xy"), 5.0),)
    for lifted in ({("a", "x")}, {("x", "a")}):
        left = without(two_by_two, lifted)
        assert pairs(left) == pairs(two_by_two) - {frozenset("ax")}
        assert {each.min_distance_m for each in left} == {5.0}
    group = (Separation(frozenset("abc"), frozenset("abc")),)
    assert pairs(without(group, {("a", "b")})) == pairs(group) - {frozenset("ab")}
    assert without((Separation(frozenset("a"), frozenset("x")),), {("a", "x")}) == ()
    assert without(two_by_two, {("a", "q")}) == two_by_two
