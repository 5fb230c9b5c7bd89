"""Asking for a place with one thumb, and what a dropped line does not lose."""

from __future__ import annotations

import re
from datetime import date

import pytest
from playwright.sync_api import expect

from e2e.people import PHONE, People, Screen, t
from shelter.db.tables import RequestDraft
from shelter.domain.household import Person
from support.world import World

WORKER = "garde.trooz"
#: from the first page to a place that is held
MOST_TAPS = 8

on_a_phone = pytest.mark.parametrize("size", [PHONE], ids=["390px"])


def count_taps(screen: Screen) -> None:
    """Every press of a thumb, on whatever page, kept for this tab."""
    screen.page.context.add_init_script(
        "addEventListener('click', (e) => { if (e.isTrusted) sessionStorage.taps ="
        " Number(sessionStorage.taps || 0) + 1; }, true);"
    )


@on_a_phone
def test_a_woman_with_two_children_has_a_place_held_in_eight_taps(people: People) -> None:
    worker = people(WORKER, has_touch=True)
    count_taps(worker)
    worker.go("/")
    worker.page.locator("a.button.huge").tap()
    for kind, times in ((Person.WOMAN, 1), (Person.CHILD, 2)):
        plus = worker.page.get_by_role(
            "button", name=t("form.more", what=t(f"person.{kind.value}")), exact=True
        )
        for _ in range(times):
            plus.tap()
    worker.page.locator(".submit-bar button").tap()
    expect(worker.page).to_have_url(re.compile("/requests/[0-9a-f-]{36}$"))
    worker.button("offer.hold", worker.options.first).first.tap()
    expect(worker.page.locator(".hold-clock")).to_be_visible()
    taps = int(worker.page.evaluate("Number(sessionStorage.taps)"))
    assert 3 < taps <= MOST_TAPS, taps  # control: they were counted
    worker.press("action.release")


@on_a_phone
def test_what_is_typed_is_saved_and_is_there_on_the_next_phone(
    people: People, world: World
) -> None:
    worker = people(WORKER)
    worker.go("/requests/new")
    status = worker.page.locator("[data-draft-status]")
    expect(status).to_have_text("")
    worker.more(Person.WOMAN)
    worker.more(Person.CHILD, 2)
    expect(status).to_have_text(re.compile(t("draft.saved", time="[0-9]{2}:[0-9]{2}")))
    # nothing of it is on this one
    assert worker.page.evaluate("localStorage.length + sessionStorage.length") == 0
    worker.page.reload()
    expect(worker.button("draft.discard")).to_be_visible()
    expect(worker.page.locator("#f-people-child")).to_have_value("2")
    worker.press("draft.discard")
    expect(worker.button("draft.discard")).to_have_count(0)
    expect(worker.page.locator("#f-people-child")).to_have_value("0")
    owner = world.user(WORKER).user_id
    assert [draft for draft in world.all(RequestDraft) if draft.user_id == owner] == []


@on_a_phone
def test_a_lost_line_is_silent_and_the_next_change_saves_it(people: People) -> None:
    worker = people(WORKER)
    worker.go("/requests/new")
    status = worker.page.locator("[data-draft-status]")
    with worker.page.expect_event("requestfailed"):
        worker.page.route("**/requests/draft", lambda route: route.abort(), times=1)
        worker.more(Person.WOMAN)
    expect(status).to_have_text("")
    expect(worker.page.locator("#line")).to_be_hidden()
    worker.more(Person.CHILD)
    expect(status).not_to_have_text("")
    people.watch(worker).forgive("net::ERR_FAILED")


@on_a_phone
def test_without_a_script_a_button_keeps_it(people: People) -> None:
    worker = people(WORKER, java_script_enabled=False)
    worker.go("/requests/new")
    worker.page.locator("#f-people-woman").fill("1")
    worker.press("draft.later")
    expect(worker.page.locator(".draft-waits")).to_be_visible()
    worker.page.locator(".draft-waits a").click()
    expect(worker.page.locator("#f-people-woman")).to_have_value("1")


def test_no_place_is_recorded_with_one_tap(people: People, night: date) -> None:
    worker = people(WORKER)
    worker.ask({Person.WOMAN: 12}, night)
    worker.reads("offer.none", "offer.elsewhere")
    worker.page.locator(".close-now button").click()
    worker.reads("request.closed", "outcome.needs_not_met")
    assert worker.page.locator(".fallbacks a[href^='tel:']").count() >= 1
