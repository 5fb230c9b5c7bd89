"""Every page of the application in every state that a person can bring it to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, time, timedelta
from uuid import UUID

from e2e.people import Screen, t
from shelter.db.tables import Alert, User
from shelter.domain.alerts import AlertKind
from shelter.domain.audience import AudienceReason
from shelter.domain.decisions import GlassReason, OverrideReason
from shelter.domain.household import Person
from shelter.domain.messages import Channel
from shelter.domain.requests import Outcome
from shelter.domain.rota import Duty, local_span
from shelter.domain.sides import SYSTEM
from shelter.services import (
    accounts,
    audience,
    break_glass,
    contacts,
    intake,
    orders,
    overrides,
    placements,
    shifts,
    swaps,
    watch,
)
from shelter.services.context import Tx
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
    barred = _barring_orders(world)
    reached = world.ask(worker, **(asked | {"case_reference": SHARED_CASE}))
    _agree(world, reached.id, recheck_in=30)
    number = f"/requests/{reached.id}/contact/number"
    unchecked = world.ask(worker, **asked)
    _agree(world, unchecked.id, recheck_in=30)
    _forget_to_ask_again(world, unchecked.id)
    change = (empty, "garde-secova", AudienceReason.NOT_NEEDED_HERE)
    world.do(world.user(COORDINATOR), audience.ask_audience, *change)
    shift = _a_week_of_duty(world)
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
        State("orders", POLICE, "/orders"),
        State("orders, read only", WORKER, "/orders"),
        State("new order", OTHER, "/orders/new"),
        State("new order, refused", POLICE, "/orders/new", _order_wrongly),
        State("order, not served", POLICE, f"/orders/{barred.ordered}", _unfold_everything),
        State("order, served", OTHER, f"/orders/{barred.served}", _unfold_everything),
        State("order, extension refused", OTHER, f"/orders/{barred.served}", _extend_too_far),
        State("order, past its end", POLICE, f"/orders/{barred.past}"),
        State("order, lifted", COORDINATOR, f"/orders/{barred.lifted}"),
        State("order, read only", WORKER, f"/orders/{barred.served}"),
        State("safe contact", WORKER, f"/requests/{reached.id}", _unfold_everything),
        State("safe contact refused", WORKER, f"/requests/{reached.id}", _agree_wrongly),
        State("safe contact, to ask again", WORKER, f"/requests/{unchecked.id}"),
        State("person's number, asked", WORKER, number),
        State("person's number, shown", WORKER, number, _show_number),
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
        State("on call now", WORKER, "/duty"),
        State("on call now, two-sided", POLICE, "/duty"),
        State("rota", WORKER, "/rota"),
        State("rota, unfolded", WORKER, "/rota", _unfold_everything),
        State("rota, two-sided", COORDINATOR, "/rota?service=cpas-aywaille&week=2026-12-25"),
        State("rota, nobody yet", STAFF, "/rota"),
        State("shift refused", WORKER, "/rota", _add_shift_wrongly),
        State("one's own shift", WORKER, f"/rota/shifts/{shift}", _unfold_everything),
        State("a colleague's shift", COORDINATOR, f"/rota/shifts/{shift}"),
        State("phones of a service", WORKER, "/rota/phones"),
        State("phones refused", WORKER, "/rota/phones", _set_phones_wrongly),
        State("calendar", WORKER, "/rota/calendar"),
        State("calendar feed made", WORKER, "/rota/calendar", _make_feed),
        State("calendar shown", WORKER, "/rota/calendar", _bring_calendar),
        State("calendar refused", WORKER, "/rota/calendar", _bring_nothing),
        State("messages", WORKER, "/messages"),
        State("texts of messages", STAFF, "/messages/preview", _unfold_everything),
        State("inbox", WORKER, "/inbox", _answer),
        State("nothing here", WORKER, "/nowhere"),
        State("not allowed", POLICE, "/board"),
    ]


@dataclass(frozen=True)
class Barred:
    """Orders of the shared case, by how far they are."""

    ordered: UUID
    served: UUID
    past: UUID
    lifted: UUID


def _barring_orders(world: World) -> Barred:
    police, now = world.user(POLICE), world.system.clock.now()
    ordered = world.do(police, orders.record, SHARED_CASE)
    served, past, lifted = (
        world.do(
            police,
            orders.record,
            SHARED_CASE,
            served_at=now - timedelta(days=days),
            hearing_on=now.date() + timedelta(days=4),
        )
        for days in (2, 16, 5)
    )
    world.do(police, orders.lift, lifted.id, lifted.version)
    return Barred(ordered.id, served.id, past.id, lifted.id)


def _agree(world: World, request: UUID, *, recheck_in: int) -> None:
    day = world.system.clock.now().date() + timedelta(days=recheck_in)
    given = contacts.Consent("+32470998877", Channel.SMS, "fr", 10, 12, day)
    world.do(world.user(WORKER), contacts.agree, request, given, None)


def _forget_to_ask_again(world: World, request: UUID) -> None:
    def late(tx: Tx) -> None:
        contact = contacts.contact_of(tx, request)
        assert contact is not None
        contact.recheck_on -= timedelta(days=60)
        tx.session.add(contact)

    world.system.run(world.user(WORKER), late)


def _order_wrongly(screen: Screen) -> None:
    screen.page.locator("#f-case_reference").fill("x")
    screen.page.locator("#f-served_at").fill("2020-01-01T10:00")
    screen.page.locator("#f-days").fill("99")
    screen.press("order.record")
    screen.notice.wait_for()


def _extend_too_far(screen: Screen) -> None:
    _unfold_everything(screen)
    screen.page.locator("#f-extended_until").fill("2099-01-01")
    screen.press("order.act.extend.yes")
    screen.notice.wait_for()


def _agree_wrongly(screen: Screen) -> None:
    _unfold_everything(screen)
    screen.page.locator("#f-phone").fill("0470")
    screen.page.locator("#f-recheck_on").fill("2099-01-01")
    screen.press("contact.agree")
    screen.notice.wait_for()


def _show_number(screen: Screen) -> None:
    screen.press("contact.show")
    screen.page.locator(".address-text").wait_for()


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


def _a_week_of_duty(world: World) -> UUID:
    """A worker and a colleague on two lines, with a gap and a question; a shift of the worker's."""
    worker = world.user(WORKER)
    now = world.clock.now()

    def fill(tx: Tx) -> UUID:
        if waiting := swaps.waiting_swaps(tx):  # another test has prepared it
            return waiting[0].shift.id
        me = accounts.own(tx)
        login = "garde.aywaille.collegue"
        other = accounts.by_login(tx.session, login) or User(
            **me.model_dump(exclude={"id", "login", "name"}), login=login, name="Collègue (démo)"
        )
        tx.session.add(other)
        tx.session.flush()
        zone, service = tx.network.timezone, str(me.service)
        today = now.astimezone(zone).date()
        first = None
        for day, user, line in (
            (-7, me, 1), (-6, me, 1), (-3, other, 1),
            (-1, me, 1), (0, other, 1), (0, me, 2), (2, other, 1), (3, me, 2), (9, me, 1),
        ):  # fmt: skip
            span = local_span(today + timedelta(days=day), time(18), time(8), zone)
            row = shifts.add_row(tx, service, user, Duty(user.id, line, span))
            tx.session.flush()
            if day == 3:
                first = row
        assert first is not None
        swaps.ask_swap(tx, first.id, other.id)
        return first.id

    return world.do(worker, fill)


def _add_shift_wrongly(screen: Screen) -> None:
    _unfold_everything(screen)
    screen.page.locator("#f-starts_at").fill("2020-01-01")
    screen.page.locator("#f-begins").fill("")
    screen.press("rota.add.submit")
    screen.notice.wait_for()


def _set_phones_wrongly(screen: Screen) -> None:
    screen.page.locator("#f-duty_phone").fill("0470")
    screen.press("form.save")
    screen.notice.wait_for()


def _make_feed(screen: Screen) -> None:
    made = screen.page.locator(".notice code.secret")
    revoke = screen.page.get_by_role("button", name=t("rota.feed.revoke"))
    if revoke.count():  # one address a person is enough for a picture
        revoke.first.click()
        screen.page.wait_for_load_state()
    screen.press("rota.feed.make_own")
    made.wait_for()


def _bring_calendar(screen: Screen) -> None:
    day = date.today() + timedelta(days=20)  # noqa: DTZ011  (any day to come)
    events = "".join(
        f"BEGIN:VEVENT\r\nUID:e2e-{who}\r\nSUMMARY:{who}\r\n"
        f"DTSTART:{day:%Y%m%d}T{hour}0000\r\nDTEND:{day:%Y%m%d}T{hour + 2}0000\r\nEND:VEVENT\r\n"
        for hour, who in ((10, WORKER), (13, "personne"))
    )
    text = f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//e2e//\r\n{events}END:VCALENDAR\r\n"
    screen.page.locator("#f-file").set_input_files(
        {"name": "gardes.ics", "mimeType": "text/calendar", "buffer": text.encode()}
    )
    screen.press("rota.import.show")
    screen.page.locator("#h-new").wait_for()


def _bring_nothing(screen: Screen) -> None:
    screen.press("rota.import.show")
    screen.notice.wait_for()


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
