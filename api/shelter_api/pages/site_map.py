"""The map of sites, drawn here as SVG: no tile server learns where anybody looks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from litestar import Response, get

from shelter import i18n
from shelter.domain.geo import Box, Projection, Spot, place_labels
from shelter.domain.sides import Role, Side
from shelter.services.context import Tx
from shelter.services.site_map import Mark, SiteMap, site_map
from shelter_api.access import only
from shelter_api.language import language_of
from shelter_api.pages.common import Call
from shelter_api.pages.rendering import show
from shelter_solver.problem import Point

READERS = (Role.ON_CALL, Role.COMMUNE_STAFF, Role.COORDINATOR)
#: units of the picture; on a telephone one is three quarters of a pixel
WIDTH, TALLEST, MARGIN = 460.0, 520.0, 44.0
#: with more communes the picture is larger, and a label is a name alone
FEW, LARGER = 12, 1.95
RADIUS, SMALL = 15.0, 4.0
#: what a letter of a label takes in width and a line in height, at its 17 units
LETTER, LINE = 10.8, 20.0
RINGS = ("zoning", "separation")


@dataclass(frozen=True, slots=True)
class Label:
    """A commune's name at its place; ``more`` under it."""

    x: float
    y: float
    name: str
    more: str


@dataclass(frozen=True, slots=True)
class Drawn:
    mark: Mark
    x: float
    y: float
    radius: float
    label: Label | None


@dataclass(frozen=True, slots=True)
class Picture:
    width: float
    height: float
    paths: tuple[str, ...]
    drawn: tuple[Drawn, ...]
    #: centre and radius of the ring around the chosen commune; None without one
    ring: tuple[float, float, float] | None
    bar_km: float
    bar: float


def picture_of(it: SiteMap, language: str, ring_km: float) -> Picture:
    """Everything at its place, in an order that depends on the network and on what is counted."""
    corners = [
        Point(lat, lon) for rings in it.rings.values() for ring in rings for lon, lat in ring
    ]
    middles = [mark.commune.centre for mark in it.marks]
    few = len(it.marks) <= FEW
    larger = 1.0 if few else LARGER
    flat = Projection.around(
        corners + middles, width=WIDTH * larger, tallest=TALLEST * larger, margin=MARGIN
    )
    at = it.chosen.nis
    # what matters most chooses its place first
    marks = sorted(
        it.marks, key=lambda mark: (mark.commune.nis != at, mark.sites == 0, mark.commune.nis)
    )
    named = [_words(mark, language, few=few) for mark in marks]
    spots = [_spot(flat, mark, words) for mark, words in zip(marks, named, strict=True)]
    bar = Box(0, flat.height - LINE * 2, WIDTH / 4 + MARGIN, flat.height)
    places = place_labels(spots, flat.width, flat.height, [bar])
    drawn = tuple(
        Drawn(mark, spot.x, spot.y, spot.radius, _label(box, words))
        for mark, spot, words, box in zip(marks, spots, named, places, strict=True)
    )
    x, y = flat.xy(it.chosen.centre)
    return Picture(
        width=flat.width,
        height=round(flat.height, 1),
        paths=tuple(_path(flat, rings) for rings in it.rings.values()),
        drawn=drawn,
        ring=(x, y, round(ring_km * flat.scale, 1)) if ring_km else None,
        bar_km=flat.bar_km,
        bar=round(flat.bar_km * flat.scale, 1),
    )


def _words(mark: Mark, language: str, *, few: bool) -> tuple[str, str]:
    name = mark.commune.name(language)
    more = few and mark.sites > 0
    return name, i18n.plural(language, "map.sites", mark.sites) if more else ""


def _spot(flat: Projection, mark: Mark, words: tuple[str, str]) -> Spot:
    x, y = flat.xy(mark.commune.centre)
    lines = [line for line in words if line]
    width = max(len(line) for line in lines) * LETTER
    return Spot(x, y, RADIUS if mark.sites else SMALL, width, LINE * len(lines))


def _label(box: Box | None, words: tuple[str, str]) -> Label | None:
    return None if box is None else Label(box.left, box.top, *words)


def _path(flat: Projection, rings: Sequence[Sequence[tuple[float, float]]]) -> str:
    parts = []
    for ring in rings:
        points = (flat.xy(Point(lat, lon)) for lon, lat in ring[:-1])
        # whole units: finer than the eye, and points that fall together are one
        spots = dict.fromkeys(f"{x:.0f} {y:.0f}" for x, y in points)
        parts.append("M" + "L".join(spots) + "Z")
    return "".join(parts)


@get("/map", sync_to_thread=True, include_in_schema=False, **only(*READERS))
def view(request: Call) -> Response[Any]:
    """One side at a time: a two-sided reader names it."""
    named, language = request.query_params, language_of(request)
    side = named.get("side", "")
    ring = named.get("ring", "")

    def look(tx: Tx) -> dict[str, Any]:
        it = site_map(tx, Side(side) if side in set(Side) else None, named.get("from"))
        metres = {
            "zoning": tx.network.zoning.min_distance_m,
            "separation": tx.network.defaults.separation_m,
        }
        rings = {name: metres[name] / 1000 for name in RINGS if metres[name]}
        chosen = ring if ring in rings else next(iter(rings), None)
        two_sided = tx.actor.role is Role.COORDINATOR

        def address(**changes: str | None) -> str:
            parts = {"side": it.side.value if two_sided else None, "from": it.chosen.nis}
            parts |= {
                "ring": chosen,
                **{name.rstrip("_"): value for name, value in changes.items()},
            }
            return "/map?" + urlencode({name: value for name, value in parts.items() if value})

        return {
            "it": it,
            "picture": picture_of(it, language, rings[chosen] if chosen else 0.0),
            "rings": rings,
            "ring": chosen,
            "address": address,
            "sides": tuple(Side) if two_sided else (),
            "brings": two_sided,
            "others": sorted(
                (mark.commune for mark in it.marks), key=lambda each: each.name(language)
            ),
        }

    return show(request, "map/view.html", look)


route_handlers = (view,)
