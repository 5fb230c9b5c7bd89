"""The picture of the map: true distances, and labels that never lie over one another."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shelter.domain.geo import Box, Projection, Spot, place_labels
from shelter.domain.network_file import parse_network
from shelter.networks import BUNDLED, bundled
from shelter_solver.problem import Point, distance_m

NETWORKS = tuple(name for name in BUNDLED if not name.endswith(".sample"))


@pytest.mark.parametrize("name", NETWORKS)
def test_a_length_on_the_picture_is_the_length_on_the_ground(name: str) -> None:
    points = [each.centre for each in parse_network(bundled(name)).communes]
    flat = Projection.around(points, width=560, tallest=620, margin=40)
    for one in points:
        x, y = flat.xy(one)
        assert 39 <= x <= flat.width - 39 and 39 <= y <= flat.height - 39
        for other in points:
            drawn = math.dist((x, y), flat.xy(other)) / flat.scale * 1000
            assert drawn == pytest.approx(distance_m(one, other), rel=0.012, abs=60)
    assert flat.height <= 621


def test_north_is_up_and_east_is_right() -> None:
    south_west, north_east = Point(50.4, 5.5), Point(50.6, 5.8)
    flat = Projection.around([south_west, north_east], width=560, tallest=620, margin=40)
    (left, low), (right, high) = flat.xy(south_west), flat.xy(north_east)
    assert left < right and high < low  # the picture counts downwards


@given(st.floats(0.5, 400))
def test_the_scale_bar_is_a_round_length_that_fits(kilometres: float) -> None:
    flat = Projection(Point(50.5, 5.6), 560 / kilometres, 560, 300)
    assert flat.bar_km * flat.scale <= 140.001
    assert flat.bar_km * flat.scale >= 140 / 2.5 - 0.001
    assert f"{flat.bar_km:.0e}"[0] in "125"


spots = st.lists(
    st.builds(
        Spot,
        x=st.floats(20, 540),
        y=st.floats(20, 380),
        radius=st.sampled_from([4.0, 15.0]),
        width=st.floats(30, 160),
        height=st.sampled_from([20.0, 40.0]),
    ),
    max_size=25,
)


@given(spots)
def test_labels_meet_neither_each_other_nor_a_mark_nor_the_edge(marks: list[Spot]) -> None:
    bar = Box(0, 360, 150, 400)
    boxes = place_labels(marks, 560, 400, [bar])
    assert len(boxes) == len(marks)
    for number, box in enumerate(boxes):
        if box is None:
            continue
        assert box.left >= 0 and box.right <= 560 and box.top >= 0 and box.bottom <= 400
        others = [each for at, each in enumerate(boxes) if each is not None and at != number]
        assert not any(box.meets(each) for each in [*others, bar])
        assert not any(box.meets(mark.box) for at, mark in enumerate(marks) if at != number)


def test_a_label_alone_has_its_place() -> None:
    """Control: a search that placed nothing would break no rule."""
    (box,) = place_labels([Spot(100, 100, 15, 80, 20)], 560, 400)
    assert box == Box(119, 90, 199, 110)
