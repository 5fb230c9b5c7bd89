"""A staff member in a cellar: the last answer with its age, and words that wait for a network."""

from __future__ import annotations

from datetime import date

import pytest
from playwright.sync_api import expect

from e2e.people import PHONE, People, Screen, t
from shelter.db.tables import AuditEntry, Block, Unit
from shelter.domain.availability import BlockReason
from shelter.services import availability
from support.world import World

STAFF = "logement.sprimont"
#: true once the page's worker sees to it; false after ten seconds
IN_CHARGE = """
() => Promise.race([
  navigator.serviceWorker.controller ? true : new Promise((done) =>
    navigator.serviceWorker.addEventListener("controllerchange", () => done(true))),
  new Promise((done) => setTimeout(() => done(false), 10_000)),
])
"""

pytestmark = pytest.mark.parametrize("size", [PHONE], ids=["390px"])


@pytest.fixture
def unit(world: World) -> Unit:
    return world.unit("Sureau", "Maison A")


def opened(people: People) -> Screen:
    """The page, with its worker in charge."""
    staff = people(STAFF)
    staff.go("/pocket")
    assert staff.page.evaluate(IN_CHARGE)
    staff.page.reload()
    return staff


def say(staff: Screen, unit: Unit, said: str) -> None:
    form = staff.page.locator(f'form[data-unit="{unit.id}"]')
    form.locator(f'button[value="{said}"]').click()


def free_again(world: World, unit: Unit, tonight: date) -> None:
    actor = world.user("coordination")
    for block in world.all(Block, unit_id=unit.id):
        if block.first_night <= tonight:
            world.do(actor, availability.unblock_unit, unit.id, block.id)


def test_what_is_said_without_a_network_arrives_once_when_it_is_back(
    people: People, world: World, unit: Unit, tonight: date
) -> None:
    staff = opened(people)
    before = len(world.all(AuditEntry))
    staff.page.context.set_offline(True)
    staff.page.reload()
    expect(staff.page.locator("h1")).to_have_text(t("pocket.title"))
    say(staff, unit, "closed")
    mark = staff.page.locator(f'[data-waits="{unit.id}"]')
    expect(mark).to_contain_text(t("pocket.waiting"))
    staff.page.reload()  # it waits on the device, not on the page
    expect(mark).to_contain_text(t("pocket.waiting"))
    assert not [b for b in world.all(Block, unit_id=unit.id) if b.first_night == tonight]
    try:
        staff.page.context.set_offline(False)
        expect(mark).to_be_hidden(timeout=45_000)
        expect(staff.page.locator(".card", has=mark).locator(".status")).to_have_text(
            t("cell.closed")
        )
        done = [e for e in world.all(AuditEntry)[before:] if e.subject == f"unit:{unit.id}"]
        assert [e.action for e in done] == ["unit.block"]
    finally:
        free_again(world, unit, tonight)


def test_the_last_answer_is_shown_with_its_age(people: People) -> None:
    staff = opened(people)
    age = staff.page.locator("#pocket-age")
    expect(age).to_be_hidden()
    staff.page.context.set_offline(True)
    staff.page.clock.install()
    staff.page.clock.fast_forward(3 * 3600 * 1000)
    staff.page.reload()
    expect(age).to_be_visible()
    staff.page.context.set_offline(False)


def test_what_is_no_longer_so_is_refused_and_said(
    people: People, world: World, unit: Unit, tonight: date
) -> None:
    staff = opened(people)
    worker = world.user("garde.aywaille")
    form = staff.page.locator(f'form[data-unit="{unit.id}"]')
    form.locator("[name=night]").evaluate("it => { it.value = '2020-01-01' }")
    say(staff, unit, "occupied")
    box = staff.page.locator("#pocket-refused")
    expect(box).to_contain_text(unit.label)
    assert not [
        b
        for b in world.all(Block, unit_id=unit.id)
        if b.reason is BlockReason.OCCUPIED and b.first_night <= tonight
    ]
    assert worker


def test_the_device_forgets_when_somebody_signs_out_or_leaves(people: People) -> None:
    staff = opened(people)
    kept = "caches.keys().then((names) => names.length)"
    assert staff.page.evaluate(kept) == 1
    staff.page.locator("details.account summary").click()
    staff.button("session.sign_out").click()
    expect(staff.page.locator("#login")).to_be_visible()
    assert staff.page.evaluate(kept) == 0
    assert staff.page.evaluate("localStorage.length") == 0


def test_nothing_about_a_household_is_on_the_device(people: People, world: World) -> None:
    request, placement = world.placed(world.user("garde.aywaille"))
    staff = opened(people)
    kept = staff.page.evaluate(
        "caches.open('pocket').then((c) => c.match('/pocket')).then((r) => r.text())"
    )
    assert "Maison A" in kept
    assert request.code not in kept
    assert placement.code not in kept
