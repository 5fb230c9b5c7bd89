"""Pictures of the pages for the documentation: ``make screens`` writes them to docs/screens.

Few and small on purpose: the repository keeps every version of them.
"""

from __future__ import annotations

import base64
import sys
import tempfile
from datetime import timedelta
from pathlib import Path

from playwright.sync_api import Browser, ViewportSize, expect

from e2e.browser import chromium, chromium_path
from e2e.people import PHONE, People, Screen
from shelter.domain.availability import BlockReason
from shelter.domain.household import Person
from shelter.domain.sides import SYSTEM
from shelter.services import availability, placements
from support.server import running_server
from support.world import MovableClock, World

FOLDER = Path(__file__).parents[2] / "docs" / "screens"
DESK: ViewportSize = {"width": 1280, "height": 844}
#: tall enough for the reasons of the first option
TALL = 800
MOST_BYTES = 150_000
MOTHER_AND_TWO = {Person.WOMAN: 1, Person.CHILD: 1, Person.INFANT: 1}
GAP = 24
SIDE_BY_SIDE = f"""
<!doctype html><html lang="fr"><title>Options</title><style>
  body {{ margin: 0; padding: {GAP}px; display: flex; gap: {GAP}px; background: #d4dddc }}
  img {{ display: block }}
</style><body>
"""


def tell_a_night(world: World) -> None:
    """Some people are housed, some are expected: the board of an ordinary evening."""
    worker, colleague = world.user("garde.aywaille"), world.user("garde.trooz")
    tonight = world.system.run(SYSTEM, lambda tx: tx.tonight, read_only=True)
    for who, start, needs in (
        (worker, 0, {"people": {Person.WOMAN: 1, Person.CHILD: 2}, "nights": 7}),
        (colleague, 0, {"people": {Person.WOMAN: 1, Person.CHILD: 1}, "min_supervision": 2}),
        (colleague, 1, {"people": {Person.WOMAN: 2, Person.CHILD: 1}, "step_free": True}),
        (colleague, 1, {"people": {Person.WOMAN: 1}, "nights": 5}),
    ):
        night = tonight + timedelta(days=start)
        _, placement = world.placed(who, **({"nights": 4, "first_night": night} | needs))
        if start == 0:
            world.do(who, placements.arrive, placement.id)
    staff, closed = world.user("logement.chaudfontaine"), world.unit("Genêt", "1er étage")
    block = (BlockReason.OUT_OF_SERVICE, tonight, tonight + timedelta(days=4))
    world.do(staff, availability.block_unit, closed.id, *block)
    other = world.user("garde.auteurs")
    world.placed(other, people={Person.MAN: 1}, nights=10)


def options_of(worker: Screen) -> str:
    """Ask as one does on the telephone; the path of the request with its options."""
    worker.go("/requests/new")
    for kind, number in MOTHER_AND_TWO.items():
        worker.more(kind, number)
    worker.page.locator("label[for=f-quiet-on]").click()
    worker.page.locator(".submit-bar button").click()
    expect(worker.options.first).to_be_visible()
    return worker.path


def side_by_side(browser: Browser, pictures: list[bytes]) -> bytes:
    width = PHONE["width"] + DESK["width"] + 3 * GAP
    page = browser.new_page(viewport={"width": width, "height": TALL + 2 * GAP})
    try:
        sources = [f"data:image/png;base64,{base64.b64encode(each).decode()}" for each in pictures]
        page.set_content(SIDE_BY_SIDE + "".join(f'<img alt="" src="{each}">' for each in sources))
        return page.screenshot()
    finally:
        page.close()


def draw(browser: Browser, people: dict[str, People], world: World) -> dict[str, bytes]:
    """Every picture by its name."""
    tell_a_night(world)
    drawn: dict[str, bytes] = {}

    def shoot(name: str, screen: Screen) -> None:
        screen.page.mouse.move(0, 0)
        drawn[name] = screen.page.screenshot(animations="disabled")

    phone, desk = people["phone"], people["desk"]
    dark = people["dark"]("garde.aywaille", color_scheme="dark")
    worker, wide = phone("garde.aywaille"), desk("garde.aywaille")
    worker.go("/requests/new")
    for kind, number in MOTHER_AND_TWO.items():
        worker.more(kind, number)
    shoot("ask", worker)
    path = options_of(worker)
    both = []
    for screen in (worker, wide):
        width = screen.page.evaluate("innerWidth")
        screen.page.set_viewport_size({"width": width, "height": TALL})
        screen.go(path)
        both.append(screen.page.screenshot(animations="disabled"))
        screen.page.set_viewport_size({"width": width, "height": PHONE["height"]})
    drawn["options"] = side_by_side(browser, both)
    worker.hold_first()
    shoot("held", worker)
    worker.confirm()
    dark.go(path)
    shoot("confirmed-dark", dark)
    wide.go("/board")
    shoot("board", wide)
    staff = desk("logement.chaudfontaine")
    staff.go("/")
    shoot("places", staff)
    police = phone("sapv.secova")
    police.go("/")
    shoot("alerts", police)
    return drawn


def main() -> int:
    program = chromium_path()
    if program is None:
        print("no Chromium was found; set SHELTER_CHROMIUM to the path of one", file=sys.stderr)
        return 1
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        running_server(Path(folder), SHELTER_WORKER_INSIDE="1") as server,
        chromium(program) as browser,
    ):
        people = {
            name: People(browser, server, size)
            for name, size in (("phone", PHONE), ("desk", DESK), ("dark", PHONE))
        }
        drawn = draw(browser, people, World(server.system, MovableClock()))
        faults = [fault for each in people.values() for fault in each.leave()]
    for name, picture in drawn.items():
        (FOLDER / f"{name}.png").write_bytes(picture)
        print(f"  docs/screens/{name}.png  {len(picture) // 1000} kB")
    heavy = [name for name, picture in drawn.items() if len(picture) > MOST_BYTES]
    for fault in [*faults, *(f"{name} is too heavy" for name in heavy)]:
        print(fault, file=sys.stderr)
    return 1 if faults or heavy else 0


if __name__ == "__main__":
    sys.exit(main())
