"""Pictures of the pages for the documentation: ``make screens`` writes them to docs/screens.

A few tell a night; then every page once, on a telephone, in fewer colours and no
longer than a table of them can show: the repository keeps every version of them.
"""

from __future__ import annotations

import base64
import re
import sys
import tempfile
from datetime import timedelta
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, ViewportSize, expect

from e2e.browser import chromium, chromium_path
from e2e.pages import State, every_state
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
#: every page: how much of it, and in how many colours
LONGEST, COLOURS = 1400, 48
_VARIES = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|\?.*")
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


def one_of_each(states: list[State]) -> list[State]:
    """The first state of each page: the same path for the same reader, whatever it is about."""
    found: dict[tuple[str | None, str], State] = {}
    for state in states:
        found.setdefault((state.login, _VARIES.sub("", state.path)), state)
    return list(found.values())


def every_page(phone: People, states: list[State]) -> dict[str, bytes]:
    """Every page on a telephone, by the name of its state."""
    drawn = {}
    screens: dict[str | None, Screen] = {}
    for state in one_of_each(states):
        screen = screens.setdefault(state.login, phone(state.login, reduced_motion="reduce"))
        state.open(screen)
        name = re.sub(r"[^a-z0-9]+", "-", state.name.lower()).strip("-")
        whole = screen.page.screenshot(full_page=True, animations="disabled")
        drawn[f"pages/{name}"] = in_few_colours(whole, COLOURS)
    return drawn


def in_few_colours(picture: bytes, colours: int) -> bytes:
    """The upper part of a picture as a PNG of so many colours."""
    whole = Image.open(BytesIO(picture))
    upper = whole.crop((0, 0, whole.width, min(whole.height, LONGEST)))
    out = BytesIO()
    upper.quantize(colours).save(out, "PNG", optimize=True)
    return out.getvalue()


def index(names: list[str]) -> str:
    """The page of docs/screens, three pictures in a row."""
    lines = ["# Every page, on a telephone", "", "Drawn by `make screens` in the demonstration."]
    for at in range(0, len(names), 3):
        row = names[at : at + 3]
        titles = [name.removeprefix("pages/").replace("-", " ") for name in row]
        lines += ["", f"| {' | '.join(titles)} |", f"|{'---|' * len(row)}"]
        lines.append(f"| {' | '.join(f'![]({name}.png)' for name in row)} |")
    return "\n".join(lines) + "\n"


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
        world = World(server.system, MovableClock())
        drawn = {name: in_few_colours(it, 128) for name, it in draw(browser, people, world).items()}
        pages = every_page(people["phone"], every_state(world))
        faults = [fault for each in people.values() for fault in each.leave()]
    for old in (FOLDER / "pages").glob("*.png"):
        old.unlink()
    (FOLDER / "pages").mkdir(exist_ok=True)
    (FOLDER / "README.md").write_text(index(list(pages)), encoding="utf-8")
    drawn |= pages
    for name, picture in drawn.items():
        (FOLDER / f"{name}.png").write_bytes(picture)
        print(f"  docs/screens/{name}.png  {len(picture) // 1000} kB")
    heavy = [name for name, picture in drawn.items() if len(picture) > MOST_BYTES]
    for fault in [*faults, *(f"{name} is too heavy" for name in heavy)]:
        print(fault, file=sys.stderr)
    return 1 if faults or heavy else 0


if __name__ == "__main__":
    sys.exit(main())
