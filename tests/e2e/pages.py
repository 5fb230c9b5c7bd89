"""Every page of the application in every state that a person can bring it to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

from e2e.people import Screen, t
from shelter.db.tables import Alert
from shelter.domain.alerts import AlertKind
from shelter.domain.audience import AudienceReason
from shelter.domain.decisions import GlassReason, OverrideReason
from shelter.domain.household import Person
from shelter.domain.requests import Outcome
from shelter.domain.sides import SYSTEM
from shelter.services import audience, break_glass, intake, overrides, placements, watch
from support.world import World

WORKER, STAFF, POLICE = "garde.aywaille", "logement.sprimont", "sapv.secova"
OTHER, COORDINATOR, ADMIN = "garde.auteurs", "coordination", "admin"
MOTHER_AND_CHILD = {Person.WOMAN: 1, Person.CHILD: 1}
#: far enough for a test not to have asked for these nights
FAR = timedelta(days=75)
SHARED_CASE = "LI.45.L1.000777/26"


@dataclass(frozen=True)
class State:
    name: str
    #: who looks; None is nobody whom the server knows
    login: str | None
    path: str
    #: what they do once they are there
    then: Callable[[Screen], None] | None = None

    def open(self, screen: Screen) -> None:
        screen.go(self.path)
        if self.then is not None:
            self.then(screen)
            screen.page.wait_for_load_state()


def every_state(world: World) -> list[State]:
    """Prepared through the services; the states that a refusal shows are brought about by hand."""
    worker, other = world.user(WORKER), world.user(OTHER)
    tonight = world.system.run(SYSTEM, lambda tx: tx.tonight, read_only=True)
    night = tonight + FAR
    asked = {"people": MOTHER_AND_CHILD, "first_night": night, "nights": 2}
    come = asked | {"first_night": tonight}
    open_, refused, closed = (
        world.ask(worker, note="Chien calme, muselière prévue", **asked),
        world.ask(worker, **(asked | {"people": {Person.WOMAN: 1, Person.INFANT: 3}})),
        world.ask(worker, **asked),
    )
    world.do(worker, intake.close, closed.id, Outcome.PERSON_DECLINED)
    held = world.ask(worker, **asked)
    world.hold_first(worker, held)
    confirmed, promise = world.placed(worker, **asked)
    arrived, stay = world.placed(worker, **(come | {"pets": True, "prefer_communes": ("62100",)}))
    world.do(worker, placements.arrive, stay.id)
    left, ended = world.placed(worker, **come)
    world.do(worker, placements.arrive, ended.id)
    world.do(worker, placements.depart, ended.id)
    theirs, _ = world.placed(other, **(asked | {"people": {Person.MAN: 1}}))
    site = world.unit("Sureau", "Maison A").site_id
    unit = world.unit("Sureau", "Maison A").id
    linked, _ = world.placed(worker, **(asked | {"case_reference": SHARED_CASE}))
    world.placed(other, **(asked | {"people": {Person.MAN: 1}, "case_reference": SHARED_CASE}))
    world.do(world.user(COORDINATOR), break_glass.open_glass, linked.id, GlassReason.CONTACT)
    allowed = world.ask(worker, **(asked | {"case_reference": SHARED_CASE}))
    for answer in (True, False, None):
        override = world.do(
            world.user(COORDINATOR),
            overrides.ask,
            allowed.id,
            site_id=site,
            until=night + timedelta(days=2),
            reason=OverrideReason.NO_OTHER_PLACE,
        )
        if answer is not None:
            world.do(world.user(POLICE), overrides.decide, override.id, approve=answer)
    unsafe, nowhere = (
        _too_near(world, night + timedelta(days=n), km) for n, km in ((4, 9), (7, 90))
    )
    empty = world.unit("Noisetier", "Appartement").site_id
    change = (empty, "garde-secova", AudienceReason.NOT_NEEDED_HERE)
    world.do(world.user(COORDINATOR), audience.ask_audience, *change)
    return [
        State("sign-in", None, "/sign-in"),
        State("sign-in refused", None, "/sign-in", _sign_in_wrongly),
        State("second step", None, "/sign-in", _begin_to_sign_in),
        State("second step refused", None, "/sign-in", _show_a_wrong_code),
        State("sign in again", WORKER, "/sign-in?again&to=/account"),
        State("my sign-in", WORKER, "/account"),
        State("my sign-in, a role that needs more", POLICE, "/account"),
        State("my sign-in, refused", WORKER, "/account", _change_password_wrongly),
        State("code app", STAFF, "/account", _set_up_app),
        State("code app refused", STAFF, "/account", _prove_app_wrongly),
        State("recovery codes", ADMIN, "/account", _make_codes),
        State("home of a worker", WORKER, "/"),
        State("account menu", WORKER, "/", _open_menu),
        State("home of staff", STAFF, "/"),
        State("home of the SAPV", POLICE, "/"),
        State("home of the other side", OTHER, "/"),
        State("home of the coordinator", COORDINATOR, "/"),
        State("home of the administrator", ADMIN, "/"),
        State("ask", WORKER, "/requests/new"),
        State("ask, unfolded", WORKER, "/requests/new", _unfold_everything),
        State("ask, refused", WORKER, "/requests/new", _ask_wrongly),
        State("requests", WORKER, "/requests"),
        State("requests, closed", WORKER, "/requests?state=closed"),
        State("options", WORKER, f"/requests/{open_.id}"),
        State("options, unfolded", WORKER, f"/requests/{open_.id}", _unfold_everything),
        State("no option", WORKER, f"/requests/{refused.id}", _unfold_everything),
        State("held", WORKER, f"/requests/{held.id}", _unfold_everything),
        State("confirmed", WORKER, f"/requests/{confirmed.id}", _unfold_everything),
        State("arrived", WORKER, f"/requests/{arrived.id}", _unfold_everything),
        State("extension refused", WORKER, f"/requests/{arrived.id}", _extend_wrongly),
        State("departed", WORKER, f"/requests/{left.id}", _unfold_everything),
        State("closed", WORKER, f"/requests/{closed.id}"),
        State("request of the other side", OTHER, f"/requests/{theirs.id}"),
        State("request, two-sided", COORDINATOR, f"/requests/{confirmed.id}"),
        State("address, asked", WORKER, f"/placements/{promise.id}/address"),
        State("address, shown", WORKER, f"/placements/{promise.id}/address", _show_address),
        State("placement of staff", STAFF, f"/placements/{stay.id}", _unfold_everything),
        State("who looked", WORKER, f"/requests/{linked.id}/looks"),
        State("who looked, two-sided", COORDINATOR, f"/requests/{linked.id}/looks"),
        State("glass", COORDINATOR, f"/requests/{confirmed.id}/glass"),
        State(
            "glass, no reason", COORDINATOR, f"/requests/{open_.id}/glass", _break_without_reason
        ),
        State("glass, open", COORDINATOR, f"/requests/{linked.id}/glass"),
        State("allowed by two", WORKER, f"/requests/{allowed.id}"),
        State("overrides", COORDINATOR, "/overrides"),
        State("overrides, to answer", POLICE, "/overrides"),
        State("new override", POLICE, f"/overrides/new?code={allowed.code}"),
        State("new override, refused", POLICE, f"/overrides/new?code={allowed.code}", _ask_for_two),
        State("new override, unknown", POLICE, "/overrides/new?code=QQQQ"),
        State("board", WORKER, "/board"),
        State("board, four weeks", COORDINATOR, f"/board?nights=28&first={night.isoformat()}"),
        State("sites", STAFF, "/sites"),
        State("sites, two-sided", COORDINATOR, "/sites?side=perpetrators"),
        State("site", STAFF, f"/sites/{site}", _unfold_everything),
        State("block refused", STAFF, f"/sites/{site}", _block_wrongly),
        State("new site", STAFF, "/sites/new"),
        State("new site, refused", STAFF, "/sites/new", _save),
        State("new site, two-sided", COORDINATOR, "/sites/new"),
        State("site, two-sided", COORDINATOR, f"/sites/{empty}"),
        State("change of audience", COORDINATOR, f"/sites/{empty}/audience"),
        State("change of audience, refused", COORDINATOR, f"/sites/{site}/audience", _ask_audience),
        State("changes of audience, one's own", COORDINATOR, "/audience", _unfold_everything),
        State("changes of audience, to decide", POLICE, "/audience", _unfold_everything),
        State("site edited", STAFF, f"/sites/{site}/edit"),
        State("new unit", STAFF, f"/sites/{site}/units/new"),
        State("new unit, refused", STAFF, f"/sites/{site}/units/new", _save),
        State("unit edited", STAFF, f"/units/{unit}/edit"),
        State("alerts", POLICE, "/alerts"),
        State("alert, re-plan", WORKER, f"/alerts/{unsafe.alert}"),
        State("alert, no other place", WORKER, f"/alerts/{nowhere.alert}", _unfold_everything),
        State("alert of the police", POLICE, f"/alerts/{unsafe.police}"),
        State("move", WORKER, f"/placements/{unsafe.placement}/move"),
        State("move refused", WORKER, f"/placements/{unsafe.placement}/move", _move_too_late),
        State("address, gone", WORKER, f"/placements/{ended.id}/address"),
        State("messages", WORKER, "/messages"),
        State("inbox", WORKER, "/inbox", _answer),
        State("nothing here", WORKER, "/nowhere"),
        State("not allowed", POLICE, "/board"),
    ]


def _unfold_everything(screen: Screen) -> None:
    screen.page.locator("main details").evaluate_all("all => all.forEach(one => one.open = true)")


def _open_menu(screen: Screen) -> None:
    screen.page.locator("details.account summary").click()


def _sign_in_wrongly(screen: Screen) -> None:
    screen.page.locator("#login").fill("personne")
    screen.page.locator("#password").fill("rien")
    screen.page.locator("form.form.card button.main").click()
    screen.notice.wait_for()


def _begin_to_sign_in(screen: Screen) -> None:
    screen.page.locator("button.demo-user", has_text=POLICE).click()
    screen.page.locator("#code").wait_for()


def _show_a_wrong_code(screen: Screen) -> None:
    _begin_to_sign_in(screen)
    screen.page.locator("#code").fill("x")
    screen.page.locator("form.form.card button.main").click()
    screen.notice.wait_for()


def _change_password_wrongly(screen: Screen) -> None:
    screen.page.locator("#f-present_password").fill("x")
    screen.page.locator("#f-password").fill("x")
    screen.press("account.change_password")
    screen.notice.wait_for()


def _set_up_app(screen: Screen) -> None:
    screen.press("account.set_up")
    screen.page.locator(".qr-frame").wait_for()
    _unfold_everything(screen)


def _prove_app_wrongly(screen: Screen) -> None:
    _set_up_app(screen)
    screen.page.locator("#code").fill("x")
    screen.press("app.prove")
    screen.notice.wait_for()


def _make_codes(screen: Screen) -> None:
    screen.press("recovery.new")
    screen.page.locator(".codes").wait_for()


def _ask_wrongly(screen: Screen) -> None:
    _unfold_everything(screen)
    screen.page.locator("#f-first_night").fill("2020-01-01")
    screen.page.locator("#f-nights").fill("")
    screen.page.locator("#f-case_reference").fill("x")
    screen.page.locator("#f-note").fill("Demander Karim, 0478 12 34 56")
    screen.page.locator("#f-avoid_zones-0-lat").fill("50,5")
    screen.page.locator(".submit-bar button").click()
    screen.notice.wait_for()


def _extend_wrongly(screen: Screen) -> None:
    screen.page.locator("summary", has_text=t("action.extend")).click()
    screen.page.locator("#f-end_night").fill("2020-01-01")
    screen.press("action.extend.yes")
    screen.notice.wait_for()


def _block_wrongly(screen: Screen) -> None:
    fold = screen.page.locator(".unit-card details").first
    fold.locator("summary").click()
    fold.locator("input[name=end_night]").fill("2020-01-01")
    screen.press("block.submit", fold)
    screen.notice.wait_for()


def _break_without_reason(screen: Screen) -> None:
    screen.press("glass.open")
    screen.notice.wait_for()


def _ask_for_two(screen: Screen) -> None:
    screen.press("override.ask")
    screen.notice.wait_for()


def _save(screen: Screen) -> None:
    screen.press("form.save")
    screen.notice.wait_for()


def _show_address(screen: Screen) -> None:
    screen.press("address.show")
    screen.page.locator(".address-text").wait_for()


def _answer(screen: Screen) -> None:
    _unfold_everything(screen)
    screen.page.locator("#f-from_phone").fill("+447700900999")
    screen.page.locator("#f-text").fill("bonjour")
    screen.press("inbox.send")
    screen.page.get_by_role("status").wait_for()


@dataclass(frozen=True)
class TooNear:
    """A household that is no longer safe where it is, and the alerts about it."""

    placement: UUID
    alert: UUID
    police: UUID


def _too_near(world: World, night: date, km: float) -> TooNear:
    """A woman in Genêt, and then a man of her case 8 km from her, who must be ``km`` away."""
    case, end = f"LI.45.L1.{int(km):06}/26", night + timedelta(days=2)
    found = []
    for login, site, label, person, apart in (
        (WORKER, "Genêt", "Studio", Person.WOMAN, (intake.KeptApart(case, km),)),
        (OTHER, "Ardoise", "Chambre 3", Person.MAN, ()),
    ):
        actor = world.user(login)
        request = world.ask(
            actor,
            people={person: 1},
            first_night=night,
            nights=2,
            case_reference=case,
            keep_apart=apart,
        )
        choice = [placements.StayChoice(world.unit(site, label).id, night, end)]
        found.append(world.confirm(actor, world.hold(actor, request, choice)))
    watch.watch_separations(world.system)
    raised = {
        alert.service: alert.id
        for alert in world.all(Alert, kind=AlertKind.SEPARATION_BROKEN, placement_id=found[0].id)
    }
    return TooNear(found[0].id, raised["cpas-aywaille"], raised["sapv-secova"])


def _move_too_late(screen: Screen) -> None:
    """Somebody else was faster: the button carries a night that nobody has any more."""
    screen.page.locator("input[name=stay]").first.evaluate(
        "it => it.value = it.value.split('|')[0] + '|2020-01-01|2020-01-03'"
    )
    screen.press(
        "move.there",
        screen.page.locator("li").filter(has=screen.page.locator("input[name=stay]")).first,
    )
    screen.notice.wait_for()


def _ask_audience(screen: Screen) -> None:
    screen.press("audience.ask.submit")
    screen.notice.wait_for()
