"""The picture: everybody in it, nobody hidden, any name, no side shown to the other."""

from __future__ import annotations

from itertools import combinations
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shelter_solver import Nights, Problem, ProblemError, Sharing, Side, Stay, place
from shelter_solver.tools import picture
from shelter_solver.tools.picture import MOST_NIGHTS, schedule_svg
from solver.network import housed, party, problem, random_problem, site, unit, with_party
from solver.two_worlds import MARK, marked, two_worlds

SVG = "{http://www.w3.org/2000/svg}"
SEEDS = st.integers(0, 10**6)
#: what a name must not be able to break
ODD = "<x>&\"']]> \x00\x1b\u2028 &amp; </svg>"

Box = tuple[float, float, float, float]


def boxes(text: str, kind: str | None = None) -> dict[str, Box]:
    """The drawn stays by their told text: x, y, width, height."""
    kinds = {kind} if kind else {"present", "new", "moved"}
    found: dict[str, Box] = {}
    for group in ElementTree.fromstring(text).iter(f"{SVG}g"):
        title, rect = group.find(f"{SVG}title"), group.find(f"{SVG}rect")
        if group.get("class") in kinds and title is not None and rect is not None:
            told = f"{title.text}" if kind else f"{len(found)} {title.text}"
            x, y, width, height = (float(rect.get(k, "")) for k in ("x", "y", "width", "height"))
            found[told] = (x, y, width, height)
    return found


def texts(text: str) -> str:
    return "\n".join(ElementTree.fromstring(text).itertext())


def placed(given: Problem, name: str = "new") -> dict[str, tuple[Stay, ...]]:
    options = place(given, name).options
    return {name: options[0].stays} if options else {}


# --- everybody is in it ---------------------------------------------------------------------------


def test_present_new_and_moved_stays_are_told_apart_without_colour() -> None:
    given = problem(unit("a"), unit("b"), unit("c"), housed("ann", "a"), housed("bea", "b"),
                    party("cleo"), horizon=20)  # fmt: skip
    drawn = schedule_svg(given, {"bea": (Stay("c", 0, 7),), "cleo": (Stay("b", 0, 7),)})
    assert list(boxes(drawn, "present")) == ["ann, present: 7 nights from night 0 (2026-11-21)"]
    assert list(boxes(drawn, "new")) == ["cleo, new: 7 nights from night 0 (2026-11-21)"]
    assert list(boxes(drawn, "moved")) == ["bea, moved: 7 nights from night 0 (2026-11-21)"]
    assert {"ann", "+ cleo", "→ bea"} <= set(texts(drawn).split("\n"))
    assert "stroke-dasharray" in drawn


def test_nights_slept_before_a_move_are_drawn_as_present() -> None:
    given = problem(unit("a"), unit("b"), housed("ann", "a", 0, 9), horizon=20)
    given = with_party(given, "ann", first_night=3, nights=6)
    drawn = schedule_svg(given, {"ann": (Stay("b", 3, 9),)})
    assert list(boxes(drawn, "present")) == ["ann, present: 3 nights from night 0 (2026-11-21)"]
    assert list(boxes(drawn, "moved")) == ["ann, moved: 6 nights from night 3 (2026-11-24)"]


def test_a_bar_covers_its_nights_and_no_other() -> None:
    given = problem(unit(), housed("ann", "room", -3, 2), housed("bea", "room", 2, 5),
                    housed("cleo", "room", 5, 99), horizon=10)  # fmt: skip
    (ann, bea, cleo) = boxes(schedule_svg(given, {})).values()
    night = (bea[0] - ann[0]) / 2
    assert bea[0] + bea[2] <= ann[0] + 5 * night <= cleo[0] + night
    assert cleo[0] == ann[0] + 5 * night
    assert cleo[0] + cleo[2] <= ann[0] + 10 * night, "beyond the horizon"


@settings(max_examples=100, deadline=None, derandomize=True)
@given(SEEDS)
def test_no_stay_hides_another(seed: int) -> None:
    world = random_problem(seed)
    drawn = boxes(schedule_svg(world, placed(world)))
    assert not hidden(drawn)


def hidden(drawn: dict[str, Box]) -> bool:
    return any(
        a[0] < b[0] + b[2] and b[0] < a[0] + a[2] and a[1] < b[1] + b[3] and b[1] < a[1] + a[3]
        for a, b in combinations(drawn.values(), 2)
    )


def test_control_stays_in_one_lane_do_hide_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture, "_lanes", lambda bars: [list(bars)])
    room = unit(sharing=Sharing.SHARED)
    drawn = schedule_svg(problem(room, housed("ann", "room"), housed("bea", "room")), {})
    assert hidden(boxes(drawn))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(SEEDS)
def test_every_stay_from_tonight_on_is_drawn(seed: int) -> None:
    world = random_problem(seed)
    seen = [
        stay
        for party in world.parties
        for stay in party.present
        if stay.end_night > 0 and stay.first_night < world.horizon
    ]
    assert len(boxes(schedule_svg(world, {}))) == len(seen)


def test_who_gets_nothing_is_listed() -> None:
    given = problem(unit(), housed("ann", "room"), party("bea"), party("cleo"), party("gone"))
    given = with_party(given, "gone", first_night=-9, nights=2)
    assert "Without a place: bea, cleo" in texts(schedule_svg(given, {})).split("\n")
    told = texts(schedule_svg(given, {"bea": (Stay("room", 8, 15),)}))
    assert "Without a place: cleo" in told.split("\n")


def test_closed_and_kept_back_nights_are_hatched_and_told() -> None:
    given = problem(unit(closed=(Nights(-2, 2),), kept_back=(Nights(4, 90),)), horizon=10)
    drawn = schedule_svg(given, {})
    assert drawn.count('fill="url(#shut)"') == drawn.count('fill="url(#kept)"') == 2  # and legend
    assert "closed, 4 nights from night -2 (2026-11-19)" in texts(drawn)
    assert "kept back, 86 nights from night 4 (2026-11-25)" in texts(drawn)


def test_a_placement_of_nobody_or_nowhere_is_an_error() -> None:
    given = problem(unit(), party())
    with pytest.raises(ProblemError, match="no party 'eve'"):
        schedule_svg(given, {"eve": ()})
    with pytest.raises(ProblemError, match="no unit 'attic'"):
        schedule_svg(given, {"anna": (Stay("attic", 0, 7),)})


# --- it can be shown anywhere ---------------------------------------------------------------------


def test_no_name_breaks_the_picture() -> None:
    given = problem(
        site(ODD, commune=ODD), unit(ODD, ODD), housed(ODD, ODD), party(f"{ODD}2"), horizon=9
    )
    root = ElementTree.fromstring(schedule_svg(given, {}))
    assert root.tag == f"{SVG}svg"
    assert {"svg", "title", "desc", "style", "defs", "pattern", "path", "circle", "rect", "g",
            "text"} == {each.tag.removeprefix(SVG) for each in root.iter()}  # fmt: skip
    assert "<x>&\"']]>" in "".join(root.itertext())


def test_it_needs_nothing_from_outside_and_runs_nothing() -> None:
    drawn = schedule_svg(random_problem(3), {})
    assert drawn.count("http") == 1, "the name of the SVG language alone"
    assert drawn.count("url(") == drawn.count("url(#")
    for word in ("href", "<script", "@import", "<foreignObject", "<image"):
        assert word not in drawn


def test_it_speaks_to_those_who_do_not_see_it() -> None:
    given = problem(unit(), housed("ann", "room"), party("bea"))
    root = ElementTree.fromstring(schedule_svg(given, {}))
    assert root.get("aria-labelledby") == "title desc"
    assert root.findtext(f"{SVG}title") == "Units and nights from night 0 (2026-11-21)"
    assert root.findtext(f"{SVG}desc") == (
        "1 unit, 60 nights; stays: 1 present, 0 new, 0 moved; parties without a place: 1."
    )


def test_it_follows_light_and_dark() -> None:
    assert "@media (prefers-color-scheme:dark)" in schedule_svg(problem(unit()), {})


@pytest.mark.parametrize(("units", "nights"), [(14, 30), (120, 90)])
def test_it_stays_small(units: int, nights: int) -> None:
    """A stay each three nights in every unit: as crowded as a network gets."""
    rooms = [unit(f"unit-{number}") for number in range(units)]
    people = [
        housed(f"household-{room.id}-{first}", room.id, first, first + 3)
        for room in rooms
        for first in range(0, nights, 3)
    ]
    drawn = schedule_svg(problem(*rooms, *people, horizon=nights), {})
    assert len(boxes(drawn)) == len(people)
    assert len(drawn.encode()) < 5_000 + 300 * units + 300 * len(people)


@pytest.mark.parametrize("horizon", [0, 1, MOST_NIGHTS + 1, 10**12])
def test_any_horizon_gives_a_picture_of_bounded_size(horizon: int) -> None:
    drawn = schedule_svg(problem(unit(), housed("ann", "room", 0, horizon + 1),
                                 horizon=horizon), {})  # fmt: skip
    assert len(drawn) < 40_000
    beyond = [line for line in texts(drawn).split("\n") if line.endswith("are not drawn.")]
    assert len(beyond) == (horizon > MOST_NIGHTS)


def test_a_network_without_units_is_a_picture_too() -> None:
    assert "0 units, 60 nights" in texts(schedule_svg(problem(), {}))


# --- the wall -------------------------------------------------------------------------------------


@settings(max_examples=100, deadline=None, derandomize=True)
@given(SEEDS, SEEDS)
def test_the_perpetrators_picture_is_the_same_whoever_and_wherever_the_victims_are(
    seed: int, other_seed: int
) -> None:
    one, other = two_worlds(seed, other_seed)
    pictures = {
        schedule_svg(world, placed(world) | of_a_victim(world), side=Side.PERPETRATORS)
        for world in (one, other)
    }
    assert len(pictures) == 1


def of_a_victim(world: Problem) -> dict[str, tuple[Stay, ...]]:
    victims = [party.id for party in world.parties if party.side is Side.VICTIMS]
    return {name: (Stay(world.units[0].id, 0, 3),) for name in victims[:1]}


def test_control_the_whole_pictures_of_these_worlds_differ() -> None:
    pairs = [two_worlds(seed, seed + 1) for seed in range(20)]
    assert any(schedule_svg(one, {}) != schedule_svg(other, {}) for one, other in pairs)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(SEEDS)
def test_the_victims_picture_names_nothing_of_the_perpetrators_side(seed: int) -> None:
    world = marked(random_problem(seed))
    assert MARK not in schedule_svg(world, placed_all(world), side=Side.VICTIMS)


def placed_all(world: Problem) -> dict[str, tuple[Stay, ...]]:
    name = next(party.id for party in world.parties if party.id.endswith("new"))
    return placed(world, name)


def test_control_the_whole_picture_does_name_it() -> None:
    worlds = [marked(random_problem(seed)) for seed in range(20)]
    assert any(MARK in schedule_svg(world, {}) for world in worlds)
