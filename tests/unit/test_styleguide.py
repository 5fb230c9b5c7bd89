"""The colours: every pair of text and ground can be read, by day and by night."""

from __future__ import annotations

import pytest

from shelter_api.pages.styleguide import contrast, pairs, tokens


@pytest.mark.parametrize("sheets", [("shelter.css",), ("shelter.css", "dark.css")])
def test_every_text_can_be_read_on_its_ground(sheets: tuple[str, ...]) -> None:
    values = {name: value for sheet in sheets for name, value in tokens(sheet).items()}
    for pair in pairs(values):
        least = 3 if pair.text == "strong-line" else 4.5
        assert pair.contrast >= least, pair


def test_the_night_has_no_name_that_the_day_has_not() -> None:
    light, dark = tokens("shelter.css"), tokens("dark.css")
    assert dark.keys() <= light.keys()
    only_light = {name for name in light.keys() - dark.keys() if light[name].startswith("#")}
    assert only_light == {"sun"}


@pytest.mark.parametrize(
    ("one", "other", "ratio"),
    [("#000000", "#ffffff", 21.0), ("#767676", "#ffffff", 4.54), ("#777777", "#777777", 1.0)],
)
def test_contrast_is_measured_as_the_guidelines_do(one: str, other: str, ratio: float) -> None:
    assert contrast(one, other) == pytest.approx(ratio, abs=0.01)
