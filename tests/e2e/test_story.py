"""The story of the SECOVA night through the pages, as its people do it, on both screens."""

from __future__ import annotations

import re
import secrets
from datetime import date, timedelta

import pytest
from playwright.sync_api import Error, expect
from sqlmodel import Session, col, select

from e2e.people import PHONE, People, Screen, t
from shelter import cli, i18n
from shelter.db.tables import Unit, User
from shelter.domain.household import Person
from shelter.domain.requests import Outcome
from shelter.domain.sides import BOTH_SIDES
from support.server import Server
from support.world import World

MOTHER_AND_CHILD = {Person.WOMAN: 1, Person.CHILD: 1}
ELSEWHERE = "https://elsewhere.invalid/"

#: for what does not depend on the width of the screen
on_a_phone = pytest.mark.parametrize("size", [PHONE], ids=["390px"])


def phone_of(server: Server, login: str) -> str:
    def look(session: Session) -> str:
        user = session.exec(select(User).where(col(User.login) == login)).one()
        return user.phone or ""

    return server.system.database.run(look, read_only=True, sides=BOTH_SIDES)


def placed(world: World, night: date, login: str = "garde.aywaille") -> tuple[str, str]:
    """A confirmed placement that somebody made before: the paths of its request and its own."""
    people = {Person.MAN: 1} if login == "garde.auteurs" else MOTHER_AND_CHILD
    request, placement = world.placed(world.user(login), people=people, first_night=night, nights=2)
    return f"/requests/{request.id}", f"/placements/{placement.id}"


# --- coming in ----------------------------------------------------------------------------------


def test_signing_in_with_a_password_leads_home_and_out_again(people: People) -> None:
    visitor = people()
    visitor.go("/")
    expect(visitor.page).to_have_url(re.compile("/sign-in"))
    visitor.sign_in("garde.aywaille", cli.DEMO_PASSWORD)
    expect(visitor.page).to_have_url(f"{visitor.url}/")
    visitor.reads("home.on_call.title", "home.ask")
    visitor.page.locator("details.account summary").click()
    visitor.press("session.sign_out")
    expect(visitor.page).to_have_url(re.compile("/sign-in$"))
    visitor.go("/board")
    expect(visitor.page).to_have_url(re.compile("/sign-in"))


@on_a_phone
def test_a_wrong_password_is_told_and_the_login_stays(people: People) -> None:
    visitor = people()
    visitor.go("/sign-in")
    visitor.page.locator("#login").fill("garde.aywaille")
    visitor.page.locator("#password").fill("autre-chose")
    visitor.page.locator("form.form.card button.main").click()
    expect(visitor.notice).to_contain_text(t("error.wrong_password"))
    expect(visitor.page.locator("#login")).to_have_value("garde.aywaille")
    expect(visitor.page.locator("#password")).to_have_value("")


@on_a_phone
def test_a_demonstration_lets_everybody_in_with_a_tap_a_step(people: People) -> None:
    visitor = people()
    visitor.go("/sign-in")
    visitor.page.locator("button.demo-user", has_text="garde.trooz").click()
    visitor.reads("home.on_call.title")
    police = people()
    police.go("/sign-in")
    police.page.locator("button.demo-user", has_text="sapv.secova").click()
    police.press("demo.use_code")
    police.reads("home.sapv.title")


# --- places -------------------------------------------------------------------------------------


def test_commune_staff_add_a_site_and_units_close_nights_and_open_them(people: People) -> None:
    staff = people("logement.sprimont")
    name = f"Tilleul {secrets.token_hex(2)}"
    staff.go("/sites")
    staff.link("site.add").click()
    staff.page.locator("#f-name").fill(name)
    staff.page.locator("#f-commune").select_option(label="Sprimont")
    staff.page.locator("#f-address").fill("9 rue Fictive, 4140 Sprimont")
    staff.page.locator("#f-lat").fill("50,52")
    staff.page.locator("#f-lon").fill("5,695")
    staff.page.locator("#f-contact_phone").fill("+447700900999")
    staff.press("form.save")
    expect(staff.page.locator("h1")).to_have_text(name)
    expect(staff.main).not_to_contain_text("Fictive")
    for label in ("Rez", "Étage"):
        staff.link("unit.add").first.click()
        staff.page.locator("#f-label").fill(label)
        staff.page.get_by_role(
            "button", name=t("form.more", what=t("unit.form.beds")), exact=True
        ).click()
        staff.press("form.save")
        card = staff.page.locator(".unit-card", has_text=label)
        expect(card).to_contain_text(i18n.plural("fr", "unit.beds", 3))
        expect(card.locator(".badge.fresh-fresh")).to_be_visible()
    card = staff.page.locator(".unit-card", has_text="Étage")
    fold = staff.unfold("block.add", card)
    fold.locator("select").select_option("out_of_service")
    staff.press("block.submit", fold)
    expect(card.locator(".block-line")).to_contain_text(t("cell.out_of_service"))
    staff.go("/")
    line = staff.page.locator(".site-card", has_text=name).locator("li", has_text="Étage")
    expect(line).to_contain_text(t("cell.out_of_service"))
    staff.page.locator(".site-card", has_text=name).get_by_role("link").first.click()
    staff.press("block.end", card)
    expect(card.locator(".block-line")).to_have_count(0)
    staff.go("/")
    expect(line).to_contain_text(t("cell.free"))


@on_a_phone
def test_still_true_takes_one_tap(people: People, server: Server, world: World) -> None:
    unit = world.unit("Sureau", "Maison B").id

    def grow_old(session: Session) -> None:
        row = session.get(Unit, unit)
        assert row is not None
        row.confirmed_at -= timedelta(hours=30)
        session.add(row)

    server.system.database.run(grow_old, sides=BOTH_SIDES)
    staff = people("logement.sprimont")
    staff.go("/")
    card = staff.page.locator(".site-card", has_text="Sureau")
    expect(card.locator(".badge.fresh-stale")).to_be_visible()
    staff.press("site.still_true", card)
    expect(card.locator(".badge.fresh-fresh")).to_be_visible()
    assert staff.path == "/"


# --- asking -------------------------------------------------------------------------------------


def test_asking_for_tonight_takes_three_taps_and_no_name(people: People) -> None:
    worker = people("garde.aywaille")
    worker.go("/")
    worker.page.locator("a.huge").click()
    worker.reads("ask.no_name")
    typed = worker.page.locator("main input:not([type=hidden])").evaluate_all(
        "inputs => inputs.map(input => input.name)"
    )
    assert typed
    assert not {"name", "first_name", "last_name", "birth_date", "address"} & set(typed)
    worker.more(Person.WOMAN)
    worker.more(Person.CHILD)
    worker.page.locator(".submit-bar button").click()
    expect(worker.options).to_have_count(3)
    expect(worker.page.locator(".summary-who")).to_have_text("1 femme, 1 enfant")


def test_every_option_gives_its_reasons_in_words(people: People, night: date) -> None:
    worker = people("garde.aywaille")
    worker.ask({Person.WOMAN: 1, Person.INFANT: 1}, night)
    expect(worker.options).to_have_count(3)
    for option in worker.options.all():
        reasons = option.locator(".reasons li").all_inner_texts()
        assert len(reasons) >= 2
        assert any(t("reason.free_all_nights") in reason for reason in reasons)
        assert not any("reason." in reason or "{" in reason for reason in reasons)
        expect(option.locator("[class*=fresh-]")).to_be_visible()


def test_wrong_input_stays_and_what_to_do_stands_beside_the_field(people: People) -> None:
    worker = people("garde.aywaille")
    worker.go("/requests/new")
    worker.page.locator("#f-first_night").fill("2020-01-01")
    fold = worker.unfold("ask.case")
    fold.locator("#f-case_reference").fill("x!")
    worker.page.locator("label[for=f-pets-on]").click()
    worker.page.locator(".submit-bar button").click()
    expect(worker.notice).to_be_focused()
    expect(worker.notice).to_contain_text(t("error.invalid.do"))
    for field in ("first_night", "case_reference"):
        beside = worker.page.locator(".field", has=worker.page.locator(f"#f-{field}"))
        expect(beside.locator(".problem")).to_be_visible()
        expect(worker.page.locator(f"#f-{field}")).to_have_attribute("aria-invalid", "true")
    expect(worker.page.locator("#f-case_reference")).to_have_value("x!")
    expect(worker.page.locator("#f-first_night")).to_have_value("2020-01-01")
    expect(worker.page.locator("#f-pets-on")).to_be_checked()
    worker.notice.get_by_role("link", name=t("field.nobody")).click()
    expect(worker.page.locator("#f-people")).to_be_in_viewport()
    expect(worker.page.locator("#f-people .problem")).to_have_text(t("field.nobody"))


def test_who_fits_nowhere_learns_why_what_would_help_and_where_else(
    people: People, night: date
) -> None:
    worker = people("garde.aywaille")
    worker.ask({Person.WOMAN: 1, Person.INFANT: 3}, night)
    worker.reads("offer.none", "offer.would_help", "offer.elsewhere")
    expect(worker.page.locator(".change").first).to_contain_text(
        t("change.bring_cots", cots=1).split("(")[0].strip()
    )
    fold = worker.unfold("offer.why")
    assert all("blocked." not in why for why in fold.locator(".why li").all_inner_texts())
    expect(fold.locator(".why li").first).to_be_visible()
    assert worker.page.locator(".fallbacks a[href^='tel:']").count() >= 1


@on_a_phone
def test_the_small_change_that_helps_can_be_made_with_one_tap(people: People, night: date) -> None:
    worker = people("garde.aywaille")
    worker.ask({Person.WOMAN: 1, Person.CHILD: 7}, night)
    change = worker.page.locator(".change", has_text=t("change.two_units"))
    worker.press("offer.person_agrees", change)
    expect(worker.options.first).to_contain_text(t("reason.two_units_one_site"))
    assert worker.in_history("request.amend") == 1


@on_a_phone
def test_a_request_without_a_place_is_closed_with_an_outcome(people: People, night: date) -> None:
    worker = people("garde.aywaille")
    worker.ask(MOTHER_AND_CHILD, night)
    fold = worker.unfold("request.close")
    worker.press("request.close.submit", fold)
    expect(fold.locator(".problem").or_(worker.notice)).to_be_visible()
    fold = worker.page.locator("#close")
    fold.locator(f"label[for$=outcome-{Outcome.PERSON_DECLINED.value}]").click()
    worker.press("request.close.submit", fold)
    worker.reads("request.closed", f"outcome.{Outcome.PERSON_DECLINED.value}")
    expect(worker.options).to_have_count(0)
    assert worker.in_history("request.close") == 1


# --- holding and confirming ---------------------------------------------------------------------


def test_a_hold_counts_down_and_a_double_click_confirms_once(people: People, night: date) -> None:
    worker = people("garde.aywaille")
    worker.ask(MOTHER_AND_CHILD, night)
    worker.hold_first()
    left = worker.page.locator(".hold-clock .left")
    expect(left).to_have_text(re.compile(r"^(20:00|19:\d\d)$"))
    before = left.inner_text()
    expect(left).not_to_have_text(before)
    worker.button("action.confirm").dblclick()
    expect(worker.state("confirmed")).to_be_visible()
    assert worker.in_history("placement.hold") == 1
    assert worker.in_history("placement.confirm") == 1


@on_a_phone
def test_going_back_after_the_confirmation_changes_nothing(people: People, night: date) -> None:
    worker = people("garde.aywaille")
    worker.ask(MOTHER_AND_CHILD, night)
    worker.hold_first()
    worker.confirm()
    for _ in range(2):
        worker.page.go_back()
    for button in ("action.confirm", "offer.hold"):
        if worker.button(button).count():
            worker.press(button)
    worker.page.goto(worker.page.url)
    worker.go("/requests")
    worker.page.locator(".row-link").first.click()
    expect(worker.state("confirmed")).to_be_visible()
    assert worker.in_history("placement.hold") == 1
    assert worker.in_history("placement.confirm") == 1


def test_the_slower_of_two_workers_is_told_and_offered_the_next_best(
    people: People, night: date
) -> None:
    quick, slow = people("garde.aywaille"), people("garde.trooz")
    for worker in (quick, slow):
        worker.ask(MOTHER_AND_CHILD, night)
        expect(worker.options).to_have_count(3)
    wanted = quick.options.first.locator("input[name=stay]").input_value()
    same = slow.options.filter(has=slow.page.locator(f"input[name=stay][value='{wanted}']"))
    expect(same).to_have_count(1)
    quick.hold_first()
    slow.press("offer.hold", same)
    expect(slow.notice).to_contain_text(t("error.taken"))
    expect(slow.options).to_have_count(3)
    expect(slow.page.locator(f"input[name=stay][value='{wanted}']")).to_have_count(0)
    slow.hold_first()
    slow.confirm()
    quick.confirm()


@on_a_phone
def test_a_hold_can_be_let_go(people: People, night: date) -> None:
    worker = people("garde.aywaille")
    worker.ask(MOTHER_AND_CHILD, night)
    worker.hold_first()
    worker.press("action.release")
    expect(worker.options).to_have_count(3)
    assert worker.in_history("placement.release") == 1


def test_without_scripts_asking_holding_and_confirming_work(people: People, night: date) -> None:
    worker = people("garde.aywaille", java_script_enabled=False)
    worker.go("/requests/new")
    for kind, number in MOTHER_AND_CHILD.items():
        worker.page.locator(f"#f-people-{kind.value}").fill(str(number))
    worker.page.locator("#f-first_night").fill(night.isoformat())
    worker.page.locator("#f-nights").fill("2")
    worker.page.locator(".submit-bar button").click()
    worker.hold_first()
    expect(worker.page.locator(".hold-clock time")).to_be_visible()
    worker.button("action.confirm").dblclick()
    expect(worker.state("confirmed")).to_be_visible()
    assert worker.in_history("placement.confirm") == 1


# --- telling ------------------------------------------------------------------------------------


def sms(screen: Screen, server: Server, phone: str, beginning: str) -> str:
    """Wait on the inbox for a message to a phone; its text."""
    bubble = (
        screen.page.locator(".phone-message", has_text=phone)
        .locator(".bubble", has_text=beginning)
        .first
    )
    for _ in range(40):
        screen.go("/inbox")
        if bubble.count():
            return bubble.inner_text()
        screen.page.wait_for_timeout(250)
    pytest.fail(f"no SMS '{beginning}…' reached {phone}\n{server.log[-2000:]}")


def test_a_confirmation_is_told_by_sms_in_an_inbox_that_says_it_is_none(
    people: People, server: Server, night: date
) -> None:
    worker = people("garde.aywaille")
    worker.ask(MOTHER_AND_CHILD, night)
    worker.hold_first()
    worker.confirm()
    code = worker.code
    site = worker.page.locator(".live .stay dt b").first.inner_text()
    told = sms(worker, server, phone_of(server, "garde.aywaille"), f"Réf {code}: confirmé")
    worker.reads("inbox.local", "inbox.local.why")
    # the site's contact is told too, a moment before or after
    assert sms(worker, server, "", f"Réf {code}: arrivée")
    expect(worker.page.locator(".bubble", has_text=f"Réf {code}: arrivée")).to_have_count(1)
    for word in (site, "victime", "Aywaille", "Fictive"):
        assert word not in told
    worker.go("/messages")
    row = worker.page.locator(".message", has_text=f"Réf {code}: confirmé")
    expect(row).to_contain_text(t("sms_state.delivered"))


def code_of(text: str) -> str:
    """The code that an answer to this SMS echoes."""
    found = re.search(r"OUI ([A-Z0-9]{5})", text)
    assert found, text
    return found[1]


def test_the_sapv_acknowledges_one_alert_on_screen_and_another_by_sms(
    people: People, server: Server, world: World, night: date
) -> None:
    worker, police = people("garde.aywaille"), people("sapv.secova")
    codes = []
    for _ in range(2):
        path, _ = placed(world, night)
        worker.go(path)
        codes.append(worker.code)
    on_screen, by_sms = codes
    police.go("/")
    card = police.page.locator(".alert-card", has_text=on_screen)
    police.press("alerts.acknowledge", card)
    expect(card).to_have_count(0)
    text = sms(police, server, "+447700900313", f"Réf {by_sms}: à lire")
    police.page.locator(".phone-message", has_text=by_sms).get_by_role(
        "link", name=t("inbox.reply_from")
    ).first.click()
    expect(police.page.locator("#f-from_phone")).to_have_value("+447700900313")
    police.page.locator("#f-text").fill("oui 00000")
    police.press("inbox.send")
    expect(police.main.get_by_role("status")).to_contain_text(t("sms.reply_unknown"))
    police.page.locator("#f-text").fill(f"oui {code_of(text)}")
    police.press("inbox.send")
    expect(police.main.get_by_role("status")).to_contain_text(code_of(text))
    police.go("/alerts")
    answered = police.page.locator(".alert-card.answered")
    for code, way in ((on_screen, "screen"), (by_sms, "sms")):
        expect(answered.filter(has_text=code)).to_contain_text(
            t(f"alerts.answered_via_{way}").split(",")[0]
        )


# --- the stay -----------------------------------------------------------------------------------


def test_the_address_opens_to_the_named_worker_alone_and_closes_with_the_stay(
    people: People, world: World, tonight: date
) -> None:
    path, placement = placed(world, tonight)
    worker, colleague = people("garde.aywaille"), people("garde.trooz")
    worker.go(path)
    expect(worker.main).not_to_contain_text("Fictive")
    worker.link("address.open").click()
    worker.reads("address.logged")
    expect(worker.page.locator(".address-text")).to_have_count(0)
    worker.press("address.show")
    expect(worker.page.locator(".address-text")).to_be_visible()
    address = worker.page.locator(".address-text").inner_text().strip()
    assert re.search(r"\b4\d{3} \w", address)
    colleague.go(f"{placement}/address")
    colleague.reads("error.not_found")
    worker.go(path)
    assert worker.in_history("address.look") == 1
    worker.press("action.arrive")
    worker.sure("depart")
    expect(worker.page.locator(".past .badge")).to_have_text(t("state.departed"))
    expect(worker.link("address.open")).to_have_count(0)
    worker.go(f"{placement}/address")
    worker.reads("error.address_only_while_running")
    expect(worker.button("address.show")).to_have_count(0)
    expect(worker.main).not_to_contain_text(address)


def test_they_arrive_stay_longer_and_leave(people: People, world: World, tonight: date) -> None:
    path, _ = placed(world, tonight)
    worker = people("garde.aywaille")
    worker.go(path)
    worker.press("action.arrive")
    expect(worker.state("arrived")).to_be_visible()
    worker.unfold("action.extend")
    worker.page.locator("#f-end_night").fill(tonight.isoformat())
    worker.press("action.extend.yes")
    expect(worker.page.locator(".sure .problem")).to_be_visible()
    expect(worker.page.locator("#f-end_night")).to_have_value(tonight.isoformat())
    longer = tonight + timedelta(days=3)
    worker.page.locator("#f-end_night").fill(longer.isoformat())
    worker.press("action.extend.yes")
    expect(worker.page.locator(".live .stay dd").first).to_contain_text(
        i18n.plural("fr", "request.nights", 3)
    )
    worker.sure("depart")
    worker.reads("request.closed", "outcome.housed")
    done = [worker.in_history(f"placement.{each}") for each in ("arrive", "extend", "depart")]
    assert done == [1, 1, 1]


@on_a_phone
@pytest.mark.parametrize(("action", "state"), [("no_show", "no_show"), ("cancel", "cancelled")])
def test_who_does_not_come_leaves_an_open_request(
    people: People, world: World, night: date, action: str, state: str
) -> None:
    path, _ = placed(world, night)
    worker = people("garde.aywaille")
    worker.go(path)
    worker.sure(action)
    expect(worker.page.locator(".past .badge")).to_have_text(t(f"state.{state}"))
    expect(worker.options).to_have_count(3)
    assert worker.in_history(f"placement.{action}") == 1


def test_the_staff_of_the_site_see_who_comes_and_say_that_they_are_there(
    people: People, world: World, tonight: date
) -> None:
    worker, staff = people("garde.trooz"), people("logement.sprimont")
    worker.go("/requests/new")
    worker.more(Person.WOMAN)
    worker.more(Person.CHILD)
    worker.page.locator("#f-first_night").fill(tonight.isoformat())
    worker.page.locator("#f-nights").fill("2")
    fold = worker.unfold("ask.prefer")
    fold.locator("label", has_text="Sprimont").click()
    worker.page.locator(".submit-bar button").click()
    expect(worker.options.first).to_contain_text("Sprimont")
    worker.hold_first()
    worker.confirm()
    code = worker.code
    staff.go("/")
    staff.page.locator(".row-link", has_text=code).click()
    staff.press("action.arrive")
    expect(staff.state("arrived")).to_be_visible()
    staff.sure("depart")
    expect(staff.state("departed")).to_be_visible()


# --- seeing it all ------------------------------------------------------------------------------


def test_the_board_shows_who_is_where_and_leads_to_the_request(
    people: People, world: World, night: date
) -> None:
    path, _ = placed(world, night)
    worker = people("garde.aywaille")
    worker.go(path)
    code = worker.code
    worker.go(f"/board?first={night.isoformat()}&nights=7")
    cell = worker.page.locator("a.cell-link:visible", has_text=code).first
    expect(cell.locator(".cell-awaited")).to_be_visible()
    assert worker.page.locator(".cell:visible").count() >= 13
    cell.click()
    expect(worker.page).to_have_url(f"{worker.url}{path}")


@on_a_phone
def test_the_history_names_who_did_what_in_order(people: People, night: date) -> None:
    worker = people("garde.aywaille")
    worker.ask(MOTHER_AND_CHILD, night)
    worker.hold_first()
    worker.confirm()
    worker.unfold("request.history")
    assert worker.history[:3] == [
        t(f"history.{each}") for each in ("request.ask", "placement.hold", "placement.confirm")
    ]
    expect(worker.page.locator(".timeline li").first).to_contain_text("Garde CPAS Aywaille")


def test_the_perpetrator_side_sees_its_side_alone(
    people: People, world: World, night: date
) -> None:
    victims, _ = placed(world, night)
    other, police = people("garde.auteurs"), people("sapv.secova")
    other.go("/requests/new")
    other.more(Person.MAN)
    other.page.locator("#f-first_night").fill(night.isoformat())
    other.page.locator("#f-nights").fill("2")
    other.page.locator(".submit-bar button").click()
    for option in other.options.all():
        expect(option.locator("h3")).to_contain_text(re.compile("Ardoise|Basalte"))
    other.hold_first()
    other.confirm()
    code = other.code
    hidden = ("Bruyère", "Genêt", "Aubépine", "Sureau", "Noisetier", "Églantine")
    for path in ("/", "/board", "/sites", "/requests", "/requests/new", "/alerts", "/messages"):
        other.go(path)
        seen = other.page.content()
        assert not [name for name in hidden if name in seen], path
    other.go(victims)
    other.reads("error.not_found")
    police.go("/alerts")
    expect(police.page.locator(".alert-card", has_text=code)).to_contain_text(
        t("alert.perpetrator_placed")
    )


@on_a_phone
def test_the_coordinator_switches_sides_and_never_sees_both(people: People) -> None:
    coordinator = people("coordination")
    coordinator.go("/")
    coordinator.page.locator(".choice-card[data-side=victims]").click()
    board = coordinator.main
    expect(board).to_contain_text("Bruyère")
    expect(board).not_to_contain_text("Ardoise")
    coordinator.page.locator(".tabs a[data-side=perpetrators]").click()
    expect(board).to_contain_text("Ardoise")
    expect(board).not_to_contain_text("Bruyère")
    coordinator.page.locator(".tabs a[data-side=victims]").click()
    expect(board).to_contain_text("Bruyère")


def test_every_language_is_one_tap_away_and_the_page_stays(people: People) -> None:
    worker = people("garde.aywaille", language=None)
    worker.go("/requests/new")
    for language in ("nl", "de", "en", "fr"):
        worker.page.get_by_role("link", name=t(f"language.{language}"), exact=True).click()
        expect(worker.page.locator("html")).to_have_attribute("lang", language)
        expect(worker.page.locator("h1")).to_have_text(t("ask.title", language))
        assert worker.path == "/requests/new"


@on_a_phone
def test_an_account_reads_its_own_language_first(people: People) -> None:
    staff = people("logement.sprimont", language=None)
    staff.go("/")
    expect(staff.page.locator("html")).to_have_attribute("lang", "nl")
    expect(staff.page.locator("h1")).to_have_text(t("home.staff.title", "nl"))


# --- the watch ----------------------------------------------------------------------------------


@on_a_phone
def test_a_script_cannot_send_anything_elsewhere(people: People) -> None:
    """Control: the policy blocks it, and the watch over the console notices the attempt."""
    visitor = people()
    visitor.go("/sign-in")
    with pytest.raises(Error, match="Failed to fetch"):
        visitor.page.evaluate(f"fetch({ELSEWHERE!r})")
    watch = people.watch(visitor)
    assert "Content Security Policy" in " ".join(watch.complaints)
    watch.complaints.clear()
    watch.strangers.clear()


@on_a_phone
def test_the_watch_notices_a_request_to_another_origin(people: People) -> None:
    """Control: with the policy switched off, the request itself is seen."""
    visitor = people(bypass_csp=True)
    visitor.go("/sign-in")
    with pytest.raises(Error, match="Failed to fetch"):
        visitor.page.evaluate(f"fetch({ELSEWHERE!r})")
    watch = people.watch(visitor)
    assert watch.strangers == [f"GET {ELSEWHERE}"]
    watch.complaints.clear()
    watch.strangers.clear()
