"""Pages in place: what a lost line does not lose, what stays where it was, what is live."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, timedelta

import pytest
from playwright.sync_api import Route, expect

from e2e.people import DESK, People, Screen, t
from shelter.db.tables import AuditEntry, Block, Request, UserSession
from shelter.domain.availability import BlockReason
from shelter.domain.household import Person
from shelter.services import availability
from shelter_api.pages.styleguide import tokens
from support.world import World

WORKER, STAFF = "garde.aywaille", "logement.sprimont"


#: a live page looks again at once when somebody comes back to it, and then so often
EVERY_SECOND = """
() => {
  document.getElementById("main").dataset.live = "1";
  document.dispatchEvent(new Event("visibilitychange"));
}
"""


def marked(screen: Screen) -> Callable[[], bool]:
    """Whether the page is still the same document, not one that the browser fetched anew."""
    screen.page.evaluate("window.markedHere = true")
    return lambda: bool(screen.page.evaluate("window.markedHere === true"))


def test_a_lost_line_keeps_what_was_typed_and_a_second_press_counts_once(
    people: People, world: World
) -> None:
    worker = people(WORKER)
    worker.go("/requests/new")
    worker.more(Person.WOMAN)
    worker.unfold("ask.note.fold")
    worker.page.locator("#f-note").fill("Chien calme")
    before = len(world.all(Request))
    sent: list[str] = []

    def lost_on_the_way_back(route: Route) -> None:
        sent.append(route.request.post_data or "")
        route.fetch(max_redirects=0)  # it arrives, and its answer does not
        route.abort("connectionreset")

    worker.page.route("**/requests", lost_on_the_way_back, times=1)
    worker.page.locator(".submit-bar button").click()
    expect(worker.page.locator("#line")).to_have_text(t("line.unsent"))
    expect(worker.page.locator("#f-note")).to_have_value("Chien calme")
    expect(worker.page.locator("#f-people-woman")).to_have_value("1")
    assert len(sent) == 1
    worker.page.locator(".submit-bar button").click()
    expect(worker.page).to_have_url(re.compile("/requests/[0-9a-f-]{36}$"))
    expect(worker.page.locator("#line")).to_be_hidden()
    assert len(world.all(Request)) == before + 1
    people.watch(worker).forgive("net::ERR_CONNECTION_RESET")


def test_a_refusal_comes_in_place_with_the_words_that_were_typed(people: People) -> None:
    worker = people(WORKER)
    worker.go("/requests/new")
    same = marked(worker)
    worker.page.locator("#f-nights").fill("3")
    worker.page.locator(".submit-bar button").click()
    expect(worker.notice).to_be_focused()
    expect(worker.page.locator("#f-nights")).to_have_value("3")
    assert same()


def test_an_answer_has_its_own_address_and_the_way_back_works(people: People, night: date) -> None:
    worker = people(WORKER)
    worker.ask({Person.WOMAN: 1}, night)
    same = marked(worker)
    asked = worker.path
    worker.hold_first()
    assert same()
    assert worker.path == asked
    worker.go("/alerts")
    worker.page.go_back()
    expect(worker.page.locator(".hold-clock")).to_be_visible()


def test_the_board_moves_on_in_place_and_keeps_the_focus(people: People) -> None:
    worker = people(WORKER)
    worker.go("/board")
    same = marked(worker)
    later = worker.page.locator(".pager a").last
    span = worker.page.locator(".board-span")
    shown = span.inner_text()
    later.focus()
    worker.page.keyboard.press("Enter")
    expect(span).not_to_have_text(shown)
    assert "first=" in worker.path
    expect(worker.page.locator(".pager a").last).to_be_focused()
    assert same()


def test_the_board_is_live_but_does_not_keep_anybody_signed_in(
    people: People, world: World
) -> None:
    worker = people(WORKER)
    worker.go("/board")
    same = marked(worker)
    worker.page.evaluate(EVERY_SECOND)
    unit = world.unit("Genêt", "Studio")
    shown = worker.page.locator(f'[title^="{unit.label} "]:visible').first
    expect(shown).to_have_class(re.compile("cell-free"))
    sessions = {row.token_hash: row.seen_at for row in world.all(UserSession)}
    audit = len(world.all(AuditEntry))
    world.do(
        world.user("coordination"),
        availability.block_unit,
        unit.id,
        BlockReason.OUT_OF_SERVICE,
        world.system.run(world.user(WORKER), lambda tx: tx.tonight, read_only=True),
        None,
    )
    try:
        expect(worker.page.locator(f'[title^="{unit.label} "]:visible').first).to_have_class(
            re.compile("cell-out_of_service"), timeout=30_000
        )
        assert same()
        looked = [entry.action for entry in world.all(AuditEntry)[audit:]]
        assert looked == ["unit.block"]
        seen = {row.token_hash: row.seen_at for row in world.all(UserSession)}
        assert {key: seen[key] for key in sessions} == sessions
    finally:
        (block,) = world.all(Block, unit_id=unit.id)
        world.do(world.user("coordination"), availability.unblock_unit, unit.id, block.id)


def test_a_line_that_is_lost_is_said_on_a_live_page_and_taken_back(people: People) -> None:
    worker = people(WORKER)
    worker.go("/board")
    line = worker.page.locator("#line")
    worker.page.route("**/board*", lambda route: route.abort("internetdisconnected"))
    worker.page.evaluate(EVERY_SECOND)
    expect(line).to_have_text(t("line.lost"), timeout=30_000)
    worker.page.unroute("**/board*")
    expect(line).to_be_hidden()
    people.watch(worker).forgive("net::ERR_INTERNET_DISCONNECTED")


# --- the board by hand ---------------------------------------------------------------------------


@pytest.mark.parametrize("size", [DESK], ids=["1280px"])
def test_arrows_walk_over_the_nights_and_enter_opens_the_form(
    people: People, world: World, tonight: date
) -> None:
    staff = people(STAFF)
    staff.go("/board")
    stops = staff.page.locator('table[data-cells] a.cell-link[tabindex="0"]')
    expect(stops).to_have_count(1)
    stops.focus()
    last = staff.page.locator("table[data-cells] tr:has(a.cell-link)").first.locator("a").last
    staff.page.keyboard.press("End")
    expect(last).to_be_focused()
    staff.page.keyboard.press("ArrowDown")
    expect(stops).to_be_focused()
    assert stops.evaluate("it => it.closest('tr').sectionRowIndex") == 2
    staff.page.keyboard.press("Enter")
    expect(staff.page.locator("details[open] [name=first_night]")).to_be_visible()


@pytest.mark.parametrize("size", [DESK], ids=["1280px"])
def test_a_drag_over_three_nights_fills_the_form_with_them(
    people: People, world: World, tonight: date
) -> None:
    staff = people(STAFF)
    unit = world.unit("Sureau", "Maison A")
    staff.go(f"/board?first={(tonight + timedelta(days=200)).isoformat()}")
    row = staff.page.locator("table[data-cells] tr").filter(has_text=unit.label)
    cells = row.locator("a.cell-set")
    cells.nth(2).hover()
    staff.page.mouse.down()
    cells.nth(4).hover()
    expect(row.locator("td.is-picked")).to_have_count(3)
    staff.page.mouse.up()
    fold = staff.page.locator(f"#set-{unit.id}[open]")
    first = tonight + timedelta(days=202)
    expect(fold.locator("[name=first_night]")).to_have_value(first.isoformat())
    expect(fold.locator("[name=end_night]")).to_have_value((first + timedelta(days=3)).isoformat())


# --- light and dark ------------------------------------------------------------------------------


def test_dark_is_chosen_on_this_device_and_stays_whatever_the_device_prefers(
    people: People,
) -> None:
    visitor = people()
    visitor.page.emulate_media(color_scheme="light")
    visitor.go("/sign-in")
    ground = visitor.page.locator("body")
    light, dark = (
        f"rgb({int(colour[1:3], 16)}, {int(colour[3:5], 16)}, {int(colour[5:7], 16)})"
        for colour in (tokens(sheet)["ground"] for sheet in ("shelter.css", "dark.css"))
    )
    expect(ground).to_have_css("background-color", light)
    visitor.link("theme.dark").click()
    expect(ground).to_have_css("background-color", dark)
    assert visitor.path == "/sign-in"
    visitor.link("theme.auto").click()
    expect(ground).to_have_css("background-color", light)
    visitor.page.emulate_media(color_scheme="dark")
    expect(ground).to_have_css("background-color", dark)
    visitor.link("theme.light").click()
    expect(ground).to_have_css("background-color", light)
