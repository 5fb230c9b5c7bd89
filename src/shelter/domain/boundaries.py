"""Boundaries of communes from a GeoJSON file (RFC 7946): what is taken, and what is refused.

A file comes from outside, so nothing of it is believed: its size, its shape, where it lies and how
many points it has are looked at before anything is kept, and only the network's communes are.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from shelter.domain.errors import FieldProblem, Invalid

#: a file of all communes of three provinces has half of it
MAX_BYTES = 2 * 1024 * 1024
USUAL_PROPERTY = "nis"
#: degrees around Belgium: west, south, east, north
BOX = (2.4, 49.4, 6.5, 51.6)
#: points of one commune that are kept: more than a picture on a telephone can show
MOST_POINTS = 240
#: points of a ring that are looked at one by one
_MOST_READ = 4_000
#: decimals of a degree: ten metres
DECIMALS = 4

Position = tuple[float, float]
Ring = tuple[Position, ...]
Rings = tuple[Ring, ...]


@dataclass(frozen=True, slots=True)
class Boundaries:
    """The rings of each commune by NIS code (drawn even-odd: a hole is a ring, too)."""

    rings: Mapping[str, Rings]
    #: the property that names the commune, and the others that could
    by: str
    could_be: tuple[str, ...] = ()
    #: the network's communes of which the file has nothing
    missing: tuple[str, ...] = ()
    #: points in the file and kept
    points: int = 0
    kept: int = field(default=0)

    def as_geojson(self) -> str:
        """A file of its own that says the same: each ring a polygon."""
        features = [
            {
                "type": "Feature",
                "properties": {USUAL_PROPERTY: nis},
                "geometry": {"type": "MultiPolygon", "coordinates": [[ring] for ring in rings]},
            }
            for nis, rings in self.rings.items()
        ]
        whole = {"type": "FeatureCollection", "features": features}
        return json.dumps(whole, separators=(",", ":"))


def read_boundaries(text: str, communes: Collection[str], by: str | None = None) -> Boundaries:
    """The boundaries of these communes in a file. Raises Invalid, with one problem of ``geojson``.

    ``by`` names the property with the NIS code; without it that is found out.
    """
    if len(text.encode()) > MAX_BYTES:
        raise _wrong("geojson_large", most=MAX_BYTES // (1024 * 1024))
    features = _features(text)
    could_be = _naming(features, communes)
    by = by or (USUAL_PROPERTY if USUAL_PROPERTY in could_be else next(iter(could_be), None))
    if by is None or by not in could_be:
        raise _wrong("geojson_property")
    found: dict[str, list[Ring]] = {}
    for feature in features:
        nis = _name(feature, by)
        if nis is not None and nis in communes:
            found.setdefault(nis, []).extend(_rings(feature.get("geometry")))
    kept = {nis: simplified(rings) for nis, rings in sorted(found.items())}
    return Boundaries(
        rings=kept,
        by=by,
        could_be=could_be,
        missing=tuple(sorted(set(communes) - set(kept))),
        points=sum(len(ring) for rings in found.values() for ring in rings),
        kept=sum(len(ring) for rings in kept.values() for ring in rings),
    )


def _wrong(code: str, **params: int) -> Invalid:
    return Invalid(FieldProblem("geojson", code, tuple(params.items())))


def _features(text: str) -> list[Mapping[str, Any]]:
    try:
        given = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise _wrong("geojson_not_json") from None
    features = given.get("features") if isinstance(given, dict) else None
    if not isinstance(given, dict) or given.get("type") != "FeatureCollection":
        raise _wrong("geojson_type")
    if not isinstance(features, list) or not all(isinstance(each, dict) for each in features):
        raise _wrong("geojson_type")
    return features


def _no_constant(name: str) -> Any:
    raise ValueError(name)  # NaN and Infinity are no JSON


def _naming(features: Sequence[Mapping[str, Any]], communes: Collection[str]) -> tuple[str, ...]:
    """The properties that name communes of the network, those that name most of them first."""
    named: dict[str, set[str]] = {}
    for feature in features:
        properties = feature.get("properties")
        for name in properties if isinstance(properties, dict) else ():
            if len(name) <= 60 and (nis := _name(feature, name)) in communes:
                named.setdefault(name, set()).add(str(nis))
    return tuple(sorted(named, key=lambda name: (-len(named[name]), name)))[:20]


def _name(feature: Mapping[str, Any], by: str) -> str | None:
    properties = feature.get("properties")
    value = properties.get(by) if isinstance(properties, dict) else None
    return str(value).strip() if isinstance(value, str | int) else None


def _rings(geometry: Any) -> Iterator[Ring]:
    kind = geometry.get("type") if isinstance(geometry, dict) else None
    given = geometry.get("coordinates") if isinstance(geometry, dict) else None
    if kind not in {"Polygon", "MultiPolygon"} or not isinstance(given, list):
        raise _wrong("geojson_geometry")
    for polygon in [given] if kind == "Polygon" else given:
        if not isinstance(polygon, list):
            raise _wrong("geojson_geometry")
        for ring in polygon:
            yield _ring(ring)


def _ring(given: Any) -> Ring:
    if not isinstance(given, list):
        raise _wrong("geojson_geometry")
    ring = tuple(_position(each) for each in given)
    if len(ring) < 4 or ring[0] != ring[-1]:
        raise _wrong("geojson_open_ring")
    return ring


def _position(given: Any) -> Position:
    """Longitude and latitude; a height, if there is one, is left out."""
    if not isinstance(given, list) or not 2 <= len(given) <= 4:
        raise _wrong("geojson_geometry")
    lon, lat = given[:2]
    for part in (lon, lat):
        if isinstance(part, bool) or not isinstance(part, int | float) or not math.isfinite(part):
            raise _wrong("geojson_geometry")
    west, south, east, north = BOX
    if not (west <= lon <= east and south <= lat <= north):
        raise _wrong("geojson_outside")
    return (float(lon), float(lat))


# --- fewer points -------------------------------------------------------------------------------


def simplified(rings: Sequence[Ring]) -> Rings:
    """The same shape with at most ``MOST_POINTS`` points, by a tolerance that grows until it fits.

    Islands and holes that become less than a triangle are left out; the largest ring stays.
    """
    tolerance = 10.0**-DECIMALS
    while True:
        kept = tuple(
            ring for ring in (_rounded(_fewer(ring, tolerance)) for ring in rings) if len(ring) >= 4
        )
        if kept and sum(len(ring) for ring in kept) <= MOST_POINTS:
            return kept
        if tolerance > 1:  # nothing is left that has an inside
            raise _wrong("geojson_shape")
        tolerance *= 1.5


def _rounded(ring: Sequence[Position]) -> Ring:
    """To ``DECIMALS``, without the points that thereby fall together."""
    kept: list[Position] = []
    for lon, lat in ring:
        point = (round(lon, DECIMALS), round(lat, DECIMALS))
        if not kept or kept[-1] != point:
            kept.append(point)
    return tuple(kept)


def _fewer(ring: Sequence[Position], tolerance: float) -> Sequence[Position]:
    """Douglas and Peucker's way: leave out what lies no further off than ``tolerance`` (degrees of
    latitude). A ring begins where it ends, so it is taken as two lines, to its farthest point."""
    ring = _thinned(ring)
    flat = math.cos(math.radians(ring[0][1]))
    plane = [(lon * flat, lat) for lon, lat in ring]
    far = max(range(len(plane)), key=lambda at: math.dist(plane[0], plane[at]))
    keep = {0, far, len(ring) - 1}
    spans = [(0, far), (far, len(ring) - 1)]
    while spans:
        first, last = spans.pop()
        if last - first < 2:
            continue
        at, off = _farthest(plane, first, last)
        if off > tolerance:
            keep.add(at)
            spans += [(first, at), (at, last)]
    return [ring[at] for at in sorted(keep)]


def _thinned(ring: Sequence[Position]) -> Sequence[Position]:
    """Every so many points of a ring that is longer than anybody could need."""
    step = -(-len(ring) // _MOST_READ)
    return ring if step <= 1 else [*ring[:-1:step], ring[-1]]


def _farthest(plane: Sequence[Position], first: int, last: int) -> tuple[int, float]:
    (ax, ay), (bx, by) = plane[first], plane[last]
    dx, dy = bx - ax, by - ay
    length = math.hypot(dx, dy)
    best, most = first, -1.0
    for at in range(first + 1, last):
        px, py = plane[at]
        off = (
            math.hypot(px - ax, py - ay)
            if length == 0
            else abs(dx * (ay - py) - dy * (ax - px)) / length
        )
        if off > most:
            best, most = at, off
    return best, most
