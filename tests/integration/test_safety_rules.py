"""What an attacker's reading of the code found: each was an accident, or a leak, until mended."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from shelter.db.session import Database
from shelter.db.tables import Alert, Message, Site, Unit
from shelter.domain.alerts import AlertKind
from shelter.domain.availability import Sharing
from shelter.domain.errors import Conflict, Invalid
from shelter.domain.household import Person
from shelter.domain.messages import MessageState
from shelter.domain.sides import SYSTEM, Role, Side
from shelter.messaging.gateway import Refused
from shelter.services import alerts, escalation, intake, placements, sites, units, watch
from shelter.services.accounts import create_user
from shelter.services.delivery import deliver
from shelter.services.intake import PlaceOnMap
from shelter.services.placements import StayChoice
from shelter.services.sites import SiteInput
from shelter.services.units import UnitInput
from support.world import TONIGHT, FakeGateway, World, secova_world


@pytest.fixture
def world(database: Database) -> World:
    return secova_world(database)


def refused_codes(refusal: pytest.ExceptionInfo[Invalid]) -> list[tuple[str, str]]:
    return [(problem.field, problem.code) for problem in refusal.value.problems]


# --- one service, one side ------------------------------------------------------------------------


@pytest.mark.parametrize(("service", "taken"), [("garde-secova", True), ("cpas-aywaille", False)])
def test_a_service_has_workers_of_one_side_only(world: World, service: str, taken: bool) -> None:
    """Its one duty phone would ring, for a victim's alert, in the hands of the other side."""

    def add() -> None:
        world.system.run(
            SYSTEM,
            lambda tx: create_user(
                tx,
                login="nouvelle",
                name="Nouvelle",
                password="une-phrase-assez-longue",
                role=Role.ON_CALL,
                side=Side.VICTIMS,
                service=service,
            ),
        )

    if taken:
        with pytest.raises(Invalid) as refusal:
            add()
        assert refused_codes(refusal) == [("service", "service_other_side")]
    else:
        add()  # control: a service of that side


def test_a_site_is_not_run_by_a_service_of_the_other_side(world: World) -> None:
    coordinator = world.user("coordination")
    given = SiteInput("Granit", "62032", "9 rue du Mirage", 50.5200, 5.5500)
    for service, fits in (("cpas-aywaille", False), ("garde-secova", True)):

        def add(service: str = service) -> Site:
            return world.system.run(
                coordinator,
                lambda tx: sites.add_site(tx, given, side=Side.PERPETRATORS, service=service),
            )

        if fits:
            assert add().side is Side.PERPETRATORS
        else:
            with pytest.raises(Invalid) as refusal:
                add()
            assert refused_codes(refusal) == [("service", "service_other_side")]


# --- what was promised stays as it was ------------------------------------------------------------


def as_it_is(unit: Unit) -> UnitInput:
    return UnitInput(
        label=unit.label,
        beds=unit.beds,
        cots=unit.cots,
        sharing=unit.sharing,
        admits=frozenset(Person(kind) for kind in unit.admits),
        step_free=unit.step_free,
        pets=unit.pets,
        quiet=unit.quiet,
        supervision=unit.supervision,
        cleaning_nights=unit.cleaning_nights,
        max_stay_nights=unit.max_stay_nights,
        renewals=unit.renewals,
    )


def test_a_promised_unit_keeps_its_beds_and_its_rules(world: World) -> None:
    worker, staff = world.user("garde.aywaille"), world.user("coordination")
    unit = world.unit("Noisetier", "Appartement")
    changes: tuple[dict[str, Any], ...] = (
        {"beds": unit.beds - 1},
        {"cots": unit.cots + 1},
        {"sharing": Sharing.SHARED},
        {"admits": frozenset({Person.MAN})},
    )
    request = world.ask(worker)
    held = world.hold(worker, request, [StayChoice(unit.id, TONIGHT, TONIGHT + timedelta(days=3))])
    for change in changes:
        with pytest.raises(Conflict) as refusal:
            world.system.run(
                staff,
                lambda tx, c=change: units.edit_unit(  # type: ignore[misc]
                    tx, unit.id, replace(as_it_is(unit), **c), unit.version
                ),
            )
        assert refusal.value.code == "unit_is_promised"
    # what promises nothing may change meanwhile, and everything once nobody is expected
    now = world.system.run(
        staff,
        lambda tx: units.edit_unit(tx, unit.id, replace(as_it_is(unit), quiet=True), unit.version),
    )
    world.system.run(worker, lambda tx: placements.release(tx, held.id))
    given = replace(as_it_is(unit), **changes[0])
    assert (
        world.system.run(staff, lambda tx: units.edit_unit(tx, unit.id, given, now.version)).beds
        == unit.beds - 1
    )


# --- a site that moves ----------------------------------------------------------------------------


def test_a_changed_commune_needs_a_new_point(world: World) -> None:
    staff = world.user("logement.sprimont")
    [site] = world.all(Site, name="Sureau")
    where = world.system.run(staff, lambda tx: sites.location_of(tx, site))
    moved = SiteInput("Sureau", "62122", where.address, where.lat, where.lon, where.places)
    with pytest.raises(Invalid) as refusal:
        world.system.run(staff, lambda tx: sites.edit_site(tx, site.id, moved, site.version))
    assert refused_codes(refusal) == [("lat", "point_of_old_commune")]
    truly = replace(moved, lat=50.5705, lon=5.6905)
    edited = world.system.run(staff, lambda tx: sites.edit_site(tx, site.id, truly, site.version))
    assert edited.commune == "62122"


def test_a_site_moved_into_what_a_resident_avoids_is_told_to_the_victim_side(world: World) -> None:
    worker, staff = world.user("garde.aywaille"), world.user("logement.sprimont")
    unit = world.unit("Sureau", "Maison A")
    request = world.ask(worker, avoid_zones=(PlaceOnMap(lat=50.5700, lon=5.6900, radius_km=2),))
    held = world.hold(worker, request, [StayChoice(unit.id, TONIGHT, TONIGHT + timedelta(days=3))])
    world.confirm(worker, held)
    assert watch.watch_separations(world.system) == 0  # control: nothing is wrong yet
    [site] = world.all(Site, name="Sureau")
    where = world.system.run(staff, lambda tx: sites.location_of(tx, site))
    moved = SiteInput("Sureau", "62122", where.address, 50.5705, 5.6905, where.places)
    world.system.run(staff, lambda tx: sites.edit_site(tx, site.id, moved, site.version))
    assert watch.watch_separations(world.system) == 2
    told = world.all(Alert, kind=AlertKind.SEPARATION_BROKEN)
    assert {alert.service for alert in told} == {"cpas-aywaille", "sapv-secova"}
    assert {alert.side for alert in told} == {Side.VICTIMS}
    assert watch.watch_separations(world.system) == 0  # once


# --- alerts that reach somebody -------------------------------------------------------------------


def test_an_alert_whose_sms_is_lost_is_told_to_the_coordinator(world: World) -> None:
    world.placed(world.user("garde.aywaille"))
    gateway = FakeGateway(faults=[Refused("21211")] * 3)
    deliver(world.system, gateway, "worker")
    assert len(world.all(Message, state=MessageState.FAILED)) == 3
    # the next steps come at once; without another number, and without calls, up to the coordinator
    for _ in range(4):
        escalation.escalate(world.system, Side.VICTIMS)
        gateway.faults = [Refused("no_channel")]
        deliver(world.system, gateway, "worker")
    told = {row.recipient for row in world.all(Message) if row.alert_id is not None}
    assert "+447700900301" in told


def test_history_hides_how_fast_a_two_sided_person_answers(world: World) -> None:
    worker, police = world.user("garde.auteurs"), world.user("sapv.secova")
    request, _ = world.placed(worker, people={Person.MAN: 1})
    [alert] = world.all(Alert, kind=AlertKind.PERPETRATOR_PLACED)
    world.system.run(police, lambda tx: alerts.acknowledge(tx, alert.id))

    def actions(login: str) -> set[str]:
        actor = world.user(login)
        entries = world.system.run(actor, lambda tx: intake.history(tx, request.id))
        return {entry.action for entry in entries}

    assert "alert.acknowledge" in actions("coordination")  # control: it is on the record
    assert not any(action.startswith("alert.") for action in actions("garde.auteurs"))
