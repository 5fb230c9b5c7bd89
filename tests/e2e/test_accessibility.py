"""Pages for everybody: read aloud, by keyboard alone, in the dark, small, and in large letters.

Every page is opened in every state that ``pages`` knows, once for each screen; each test then
states one promise about all of them.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, ViewportSize, expect

from e2e.pages import State, every_state
from e2e.people import DESK, PHONE, People, Screen
from shelter import cli
from shelter.domain.household import Person
from support.server import Server
from support.world import MovableClock, World

AXE_SCRIPT = Axe().axe_script
#: CSS pixels: WCAG 2.2, 2.5.8, and the habit of every telephone for what is pressed most
LEAST_TARGET, LEAST_BUTTON = 24, 44
NARROWEST = 320
FIRST_PAGE_BYTES = 60_000

SMALL_TARGETS = """
([leastTarget, leastButton]) => {
  const CONTROLS = "a, button, input, select, textarea, summary, .tick";
  const found = [];
  for (const it of document.querySelectorAll(CONTROLS)) {
    if (it.type === "hidden" || it.matches(".skip, .vh, .tick input")) continue;
    if (!it.checkVisibility() || getComputedStyle(it).display === "inline") continue;
    const { width, height } = it.getBoundingClientRect();
    const least = it.matches("button, .button") ? leastButton : leastTarget;
    if (Math.min(width, height) < least - 0.5)
      found.push(`${it.tagName}.${it.className} ${Math.round(width)}×${Math.round(height)} `
        + it.textContent.trim().slice(0, 30));
  }
  return found;
}
"""
#: what sticks out to the right when the document scrolls sideways
OVERFLOW = """
() => {
  const page = document.documentElement;
  if (page.scrollWidth <= page.clientWidth) return [];
  const out = (it) => it.getBoundingClientRect().right > page.clientWidth + 0.5;
  const found = [...document.querySelectorAll("body *")].filter((it) =>
    it.checkVisibility() && !it.closest(".board-scroll, .vh") && out(it)
    && ![...it.children].some(out));
  return [`${page.scrollWidth} > ${page.clientWidth}: ` + found.slice(0, 3).map((it) =>
    `${it.parentElement.className} > ${it.tagName}.${it.className}`).join(", ")];
}
"""
#: what has the focus, whether that shows, and whether a bar lies over all of it
FOCUS = """
() => {
  const it = document.activeElement;
  if (!it || it === document.body) return null;
  const shown = it.matches(".tick input") ? it.nextElementSibling : it;
  const { outlineStyle, outlineWidth } = getComputedStyle(shown);
  const box = shown.getBoundingClientRect();
  const inset = 3;
  const points = [
    [box.left + box.width / 2, box.top + box.height / 2],
    [box.left + box.width / 2, box.top + inset], [box.left + box.width / 2, box.bottom - inset],
  ];
  return {
    name: `${it.tagName}#${it.id}.${it.className} ${it.innerText.slice(0, 30).split("\\n")[0]}`,
    // the picker's button inside a date draws its own outline
    outlined: it.type === "date" || outlineStyle !== "none" && parseFloat(outlineWidth) >= 2,
    seen: points.some(([x, y]) => shown.contains(document.elementFromPoint(x, y))),
  };
}
"""
#: gives everything the focus in turn, down the page and up again; what is then wholly covered
COVERED = f"""
() => {{
  // a menu that somebody opened may lie over the page
  if (document.querySelector("details.account[open]")) return [];
  const look = {FOCUS.strip()};
  const all = [...document.querySelectorAll("main :is(a, button, input, select, summary)")].filter(
    (it) => it.checkVisibility() && !it.disabled && it.tabIndex >= 0 && it.type !== "hidden");
  const covered = new Set();
  for (const it of [...all, ...all.toReversed()]) {{
    it.focus();
    const found = look();
    if (found && document.activeElement === it && !found.seen) covered.add(found.name);
  }}
  document.activeElement.blur();
  return [...covered];
}}
"""


class Findings:
    """What is wrong, by promise, in the words of a report."""

    def __init__(self) -> None:
        self.wrong: defaultdict[str, list[str]] = defaultdict(list)
        #: by reader and title, the pages that have it
        self.titles: dict[tuple[str | None, str], set[str]] = defaultdict(set)
        self.visited = 0

    def visit(self, state: State, screen: Screen, size: ViewportSize) -> None:
        state.open(screen)
        self.visited += 1
        page = screen.page
        self._note("light", state, _axe(screen))
        page.emulate_media(color_scheme="dark")
        # the only rule that depends on the colours
        self._note("dark", state, _axe(screen, "color-contrast"))
        page.emulate_media(color_scheme="light")
        self._note("targets", state, page.evaluate(SMALL_TARGETS, [LEAST_TARGET, LEAST_BUTTON]))
        self._note("sideways", state, page.evaluate(OVERFLOW))
        self._note("covered", state, page.evaluate(COVERED))
        if (language := page.locator("html").get_attribute("lang")) != "fr":
            self._note("language", state, [str(language)])
        self.titles[state.login, page.title()].add(state.path.partition("?")[0])
        zoom = page.context.new_cdp_session(page)
        zoom.send("Page.setFontSizes", {"fontSizes": {"standard": 32, "fixed": 26}})
        self._note("large letters", state, page.evaluate(OVERFLOW))
        zoom.send("Page.setFontSizes", {"fontSizes": {"standard": 16, "fixed": 13}})
        zoom.detach()
        if size is PHONE:
            page.set_viewport_size({"width": NARROWEST, "height": size["height"]})
            self._note("sideways", state, [f"at 320: {it}" for it in page.evaluate(OVERFLOW)])
            page.set_viewport_size(size)

    def _note(self, promise: str, state: State, found: list[str]) -> None:
        self.wrong[promise].extend(f"{state.name}: {each}" for each in found)

    def none(self, promise: str) -> None:
        assert self.visited > 40
        assert not self.wrong[promise], "\n".join(self.wrong[promise])


def _axe(screen: Screen, *rules: str) -> list[str]:
    """The violations of these rules, or of all, in the document that is open."""
    options: dict[str, Any] = {"resultTypes": ["violations"]}
    if rules:
        options["runOnly"] = list(rules)
    if not screen.page.evaluate("'axe' in window"):
        screen.page.evaluate(AXE_SCRIPT)
    found = screen.page.evaluate("options => axe.run(document, options)", options)
    return [
        f"{violation['id']}: {' '.join(map(str, node['target']))} – {node['failureSummary']}"
        for violation in found["violations"]
        for node in violation["nodes"]
    ]


@pytest.fixture(scope="module")
def states(server: Server) -> list[State]:
    return every_state(World(server.system, MovableClock()))


@pytest.fixture(scope="module", params=[PHONE, DESK], ids=["390px", "1280px"])
def findings(
    request: pytest.FixtureRequest, browser: Browser, server: Server, states: list[State]
) -> Findings:
    """Every state, opened once on this screen."""
    size: ViewportSize = request.param
    everybody = People(browser, server, size)
    found = Findings()
    screens: dict[str | None, Screen] = {}
    for state in states:
        if state.login not in screens:
            screens[state.login] = everybody(state.login, reduced_motion="reduce")
        found.visit(state, screens[state.login], size)
    faults = everybody.leave()
    assert not faults, "pages misbehaved:\n" + "\n".join(faults)
    return found


def test_axe_finds_nothing_in_the_light(findings: Findings) -> None:
    findings.none("light")


def test_axe_finds_no_weak_contrast_in_the_dark(findings: Findings) -> None:
    findings.none("dark")


def test_no_page_scrolls_sideways(findings: Findings) -> None:
    """At 390 and 1280 px, and at 320 px, to which 400 % zoom brings a small screen."""
    findings.none("sideways")


def test_letters_of_twice_the_size_push_nothing_out_of_the_page(findings: Findings) -> None:
    findings.none("large letters")


def test_whatever_is_pressed_is_large_enough_for_a_thumb(findings: Findings) -> None:
    findings.none("targets")


def test_no_bar_lies_over_what_has_the_focus(findings: Findings) -> None:
    findings.none("covered")


def test_pages_say_in_which_language_they_are(findings: Findings) -> None:
    findings.none("language")


def test_every_page_has_a_title_of_its_own(findings: Findings) -> None:
    shared = {title: paths for title, paths in findings.titles.items() if len(paths) > 1}
    assert not shared


# --- by keyboard --------------------------------------------------------------------------------


def tab_to(screen: Screen, wanted: Locator) -> None:
    """Press Tab until ``wanted`` has the focus; every stop on the way must be seen."""
    target = wanted.element_handle()
    for _ in range(120):
        screen.page.keyboard.press("Tab")
        stop = screen.page.evaluate(FOCUS)
        if stop is None:
            continue
        assert stop["outlined"], f"focus does not show on {stop['name']}"
        assert stop["seen"], f"focus is hidden behind something on {stop['name']}"
        if screen.page.evaluate("it => it === document.activeElement", target):
            return
    raise AssertionError(f"Tab never reaches {wanted}")


def test_a_place_is_found_held_and_confirmed_by_keyboard_alone(people: People) -> None:
    worker = people()
    press = worker.page.keyboard.press
    worker.go("/sign-in")
    tab_to(worker, worker.page.locator("a.skip"))
    expect(worker.page.locator("a.skip")).to_be_in_viewport()
    tab_to(worker, worker.page.locator("#login"))
    worker.page.keyboard.type("garde.aywaille")
    tab_to(worker, worker.page.locator("#password"))
    worker.page.keyboard.type(cli.DEMO_PASSWORD)
    press("Enter")
    expect(worker.page).to_have_url(f"{worker.url}/")
    tab_to(worker, worker.page.locator("a.huge"))
    press("Enter")
    for kind in (Person.WOMAN, Person.CHILD):
        plus = worker.page.locator(f"[data-stepper]:has(#f-people-{kind.value}) .step").last
        plus.wait_for()
        tab_to(worker, plus)
        press("Space")
    tab_to(worker, worker.page.locator("#f-quiet-on"))
    press("Space")
    expect(worker.page.locator("#f-quiet-on")).to_be_checked()
    tab_to(worker, worker.page.locator(".submit-bar button"))
    press("Enter")
    expect(worker.options.first).to_be_visible()
    tab_to(worker, worker.button("offer.hold").first)
    press("Space")
    expect(worker.page.locator(".hold-clock")).to_be_visible()
    tab_to(worker, worker.button("action.confirm"))
    press("Enter")
    expect(worker.state("confirmed")).to_be_visible()


def test_escape_closes_the_account_menu_and_gives_the_focus_back(people: People) -> None:
    worker = people("garde.aywaille")
    worker.go("/")
    menu = worker.page.locator("details.account")
    menu.locator("summary").focus()
    worker.page.keyboard.press("Enter")
    expect(menu.locator(".account-panel")).to_be_visible()
    worker.page.keyboard.press("Tab")
    worker.page.keyboard.press("Escape")
    expect(menu.locator(".account-panel")).to_be_hidden()
    expect(menu.locator("summary")).to_be_focused()


# --- on a slow connection -----------------------------------------------------------------------


@pytest.mark.parametrize("login", [None, "garde.aywaille"])
def test_the_first_page_weighs_little(people: People, login: str | None) -> None:
    """All that a device which was never here must fetch, style and script included."""
    visitor = people(login)
    sizes: list[int] = []

    def weigh(request: Any) -> None:
        size = request.sizes()
        sizes.append(size["responseBodySize"] + size["responseHeadersSize"])

    visitor.page.on("requestfinished", weigh)
    visitor.page.goto(visitor.url, wait_until="networkidle")
    assert len(sizes) >= 3
    assert sum(sizes) <= FIRST_PAGE_BYTES


# --- the checks themselves ----------------------------------------------------------------------


def test_the_checks_notice_a_bad_page(people: People) -> None:
    """Control: a picture without words, grey on grey, a tiny button and a wide box are found."""
    visitor = people()
    visitor.go("/sign-in")
    assert not _axe(visitor)
    visitor.page.evaluate(
        """() => {
          const bad = document.createElement("div");
          bad.append(document.createElement("img"), "weak words");
          const tiny = bad.appendChild(document.createElement("button"));
          tiny.textContent = "×";
          bad.style.cssText = "color: #999; background: #aaa; width: 3000px";
          tiny.style.cssText = "width: 12px; height: 12px; padding: 0; outline: none";
          document.querySelector("main").prepend(bad);
          tiny.focus();
        }"""
    )
    assert {"image-alt", "color-contrast"} <= {each.split(":")[0] for each in _axe(visitor)}
    assert visitor.page.evaluate(SMALL_TARGETS, [LEAST_TARGET, LEAST_BUTTON])
    assert visitor.page.evaluate(OVERFLOW)
    assert visitor.page.evaluate(FOCUS)["outlined"] is False
