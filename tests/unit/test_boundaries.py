"""Boundaries from a file: what is refused, what is kept, and how few points are enough."""

from __future__ import annotations

import json
import math
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shelter.domain.boundaries import MAX_BYTES, MOST_POINTS, read_boundaries, simplified
from shelter.domain.errors import Invalid
from shelter.domain.network_file import parse_network
from shelter.networks import bundled

DATA = Path(__file__).parents[2].parent / "shared" / "data"
COMMUNES = {each.nis for each in parse_network(bundled("secova")).communes}
SQUARE = [[5.5, 50.5], [5.6, 50.5], [5.6, 50.6], [5.5, 50.6], [5.5, 50.5]]


def file_of(rings: Any = None, *, kind: str = "Polygon", **properties: Any) -> str:
    geometry = {"type": kind, "coordinates": [SQUARE] if rings is None else rings}
    named = properties or {"nis": "62009"}
    feature = {"type": "Feature", "properties": named, "geometry": geometry}
    return json.dumps({"type": "FeatureCollection", "features": [feature]})


def refusal(text: str, by: str | None = None) -> str:
    with pytest.raises(Invalid) as caught:
        read_boundaries(text, COMMUNES, by)
    (problem,) = caught.value.problems
    assert problem.field == "geojson"
    return problem.code


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "geojson_not_json"),
        ("{", "geojson_not_json"),
        ("[" * 100_000, "geojson_not_json"),
        (file_of([[[math.nan, 50.5], *SQUARE[1:]]]), "geojson_not_json"),
        ("[]", "geojson_type"),
        ('{"type": "Feature"}', "geojson_type"),
        ('{"type": "FeatureCollection", "features": [1]}', "geojson_type"),
        (file_of(nis="99999"), "geojson_property"),
        (file_of(nis=["62009"]), "geojson_property"),
        (file_of(kind="Point"), "geojson_geometry"),
        (file_of([[[5.5, "50.5"], *SQUARE[1:]]]), "geojson_geometry"),
        (file_of([[[5.5, True], *SQUARE[1:]]]), "geojson_geometry"),
        (file_of([[[5.5], *SQUARE[1:]]]), "geojson_geometry"),
        (file_of({"a": 1}), "geojson_geometry"),
        (file_of([SQUARE[:-1]]), "geojson_open_ring"),
        (file_of([SQUARE[:2]]), "geojson_open_ring"),
        (file_of([[[lat, lon] for lon, lat in SQUARE]]), "geojson_outside"),
        (file_of([[[2.3, 48.8], *SQUARE[1:-1], [2.3, 48.8]]]), "geojson_outside"),
        (file_of([[[5.5, 50.5]] * 5]), "geojson_shape"),
        (" " * (MAX_BYTES + 1), "geojson_large"),
    ],
)
def test_what_is_no_such_file_is_named(text: str, code: str) -> None:
    assert refusal(text) == code


def test_a_sound_file_is_taken() -> None:
    """Control of the above: the square is right, and so is one with a height and another name."""
    assert read_boundaries(file_of(), COMMUNES).rings == {"62009": (tuple(map(tuple, SQUARE)),)}
    high = [[[*position, 120] for position in SQUARE]]
    other = read_boundaries(file_of(high, INS=62009, id=1), COMMUNES)
    assert (other.by, set(other.rings)) == ("INS", {"62009"})
    assert other.missing == tuple(sorted(COMMUNES - {"62009"}))


def test_the_property_is_found_out_or_named() -> None:
    text = file_of(code="62009", nis="62009", name="Aywaille")
    assert read_boundaries(text, COMMUNES).by == "nis"
    assert read_boundaries(text, COMMUNES).could_be == ("code", "nis")
    assert read_boundaries(text, COMMUNES, "code").by == "code"
    assert refusal(text, "name") == "geojson_property"


@pytest.mark.parametrize(
    ("name", "network", "communes"),
    [
        ("communes_secova.geojson", "secova", 5),
        ("communes_liege_namur_bruxelles.geojson", "secova", 5),
        ("communes_liege_namur_bruxelles.geojson", "liege", 75),
    ],
)
def test_the_files_of_the_project_are_taken_and_only_the_networks_communes(
    name: str, network: str, communes: int
) -> None:
    path = DATA / name
    if not path.exists():
        pytest.skip(f"{name} lies in ../shared/data, which is not here")
    known = {each.nis: each for each in parse_network(bundled(network)).communes}
    given = read_boundaries(path.read_text(encoding="utf-8"), known)
    assert len(given.rings) == communes
    assert given.missing == ()
    assert given.kept <= communes * MOST_POINTS
    for nis, rings in given.rings.items():
        lons, lats = zip(*(position for ring in rings for position in ring), strict=True)
        centre = known[nis].centre
        assert min(lons) < centre.lon < max(lons) and min(lats) < centre.lat < max(lats)
    # what is shown is sent back, and is the same file
    assert read_boundaries(given.as_geojson(), known).rings == given.rings


@settings(deadline=None, max_examples=25)
@given(st.integers(5, 9000), st.floats(0.001, 0.3), st.integers(0, 2**32))
def test_few_points_keep_the_shape(number: int, radius: float, seed: int) -> None:
    """A ragged circle: at most so many points, closed, and none far from where the line was."""
    step = 2 * math.pi / number
    ring = [
        (
            5.5 + radius * (1 + 0.04 * math.sin(n * (seed % 97 + 1))) * math.cos(n * step),
            50.5 + radius * (1 + 0.04 * math.sin(n * (seed % 89 + 1))) * math.sin(n * step),
        )
        for n in range(number)
    ]
    (kept,) = simplified([(*ring, ring[0])])
    assert 4 <= len(kept) <= MOST_POINTS
    assert kept[0] == kept[-1]
    area = abs(sum(a[0] * b[1] - b[0] * a[1] for a, b in pairwise(kept))) / 2
    whole = (*ring, ring[0])
    before = abs(sum(a[0] * b[1] - b[0] * a[1] for a, b in pairwise(whole))) / 2
    assert area == pytest.approx(before, rel=0.5)


def test_a_ring_of_very_many_points_is_read_and_one_without_an_inside_refused() -> None:
    """A hundred thousand points: a circle is kept, a line that turns in on itself is no area."""
    turn = 2 * math.pi / 100_000
    angles = [n * turn for n in range(100_000)]
    circle = [(5.5 + 0.1 * math.cos(each), 50.5 + 0.1 * math.sin(each)) for each in angles]
    (kept,) = simplified([(*circle, circle[0])])
    assert 8 <= len(kept) <= MOST_POINTS
    spiral = [
        (5.5 + n * 1e-6 * math.cos(n / 50), 50.5 + n * 1e-6 * math.sin(n / 50))
        for n in range(100_000)
    ]
    with pytest.raises(Invalid) as caught:
        simplified([(*spiral, spiral[0])])
    assert caught.value.problems[0].code == "geojson_shape"
