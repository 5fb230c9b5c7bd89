"""The pieces of which the screens are made, for those who make more of them. Read from the source
itself, so that it cannot fall behind."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from litestar import Response, get

from shelter.domain.errors import NotFound
from shelter.services.board import Cell
from shelter_api.access import signed_in
from shelter_api.pages.common import Call, system_of
from shelter_api.pages.forms import Form
from shelter_api.pages.rendering import STATIC, render

_TOKEN = re.compile(r"^\s+--([a-z-]+): (.+);$", re.MULTILINE)
#: text on its ground, as the sheet uses them
PAIRS = (
    ("ink", "ground"),
    ("ink", "surface"),
    ("ink", "sunken"),
    ("muted", "ground"),
    ("muted", "sunken"),
    ("accent", "surface"),
    ("on-accent", "accent"),
    ("accent-deep", "accent-soft"),
    ("good", "good-soft"),
    ("warn", "warn-soft"),
    ("bad", "bad-soft"),
    ("held", "held-soft"),
    ("strong-line", "surface"),
)


@dataclass(frozen=True, slots=True)
class Pair:
    """Two colours of one theme and their contrast (WCAG 2.2, 1.4.3: from 1 to 21)."""

    text: str
    ground: str
    contrast: float


def tokens(sheet: str) -> dict[str, str]:
    """The names that a style sheet gives in its first block, with their values."""
    source = (STATIC / sheet).read_text()
    return dict(_TOKEN.findall(source[: source.index("}")]))


def pairs(values: dict[str, str]) -> list[Pair]:
    return [Pair(a, b, contrast(values[a], values[b])) for a, b in PAIRS]


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two colours "#rrggbb" (WCAG 2.2, "contrast ratio")."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    """Relative luminance of an sRGB colour (WCAG 2.2, "relative luminance")."""
    parts = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@get("/styleguide", sync_to_thread=True, include_in_schema=False, **signed_in())
def styleguide(request: Call) -> Response[Any]:
    """On a demonstration alone: nobody needs it at night."""
    if not system_of(request).settings.demo:
        raise NotFound("not_found", what="page")
    light = tokens("shelter.css")
    dark = light | tokens("dark.css")
    return render(
        "styleguide.html",
        light=light,
        themes_of_pairs=(("light", pairs(light)), ("dark", pairs(dark))),
        cells=tuple(Cell),
        form=Form({}),
        notice=None,
    )


route_handlers = (styleguide,)
