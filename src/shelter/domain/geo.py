"""Drawing places: a flat picture of a small country, and labels that stay apart."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from shelter_solver.problem import EARTH_RADIUS_M, Point

KM_A_DEGREE = EARTH_RADIUS_M * math.pi / 180 / 1000
#: a picture of less would show one point very large
_LEAST_SPAN_KM = 8.0


@dataclass(frozen=True, slots=True)
class Projection:
    """Equirectangular around the middle, north up: within a province off by less than a percent."""

    middle: Point
    #: units of the picture in a kilometre
    scale: float
    width: float
    height: float

    @classmethod
    def around(
        cls, points: Sequence[Point], *, width: float, tallest: float, margin: float
    ) -> Projection:
        """The largest picture of these points that is so wide and no taller."""
        south, north = min(p.lat for p in points), max(p.lat for p in points)
        west, east = min(p.lon for p in points), max(p.lon for p in points)
        middle = Point((south + north) / 2, (west + east) / 2)
        across = (east - west) * KM_A_DEGREE * math.cos(math.radians(middle.lat))
        up = (north - south) * KM_A_DEGREE
        across, up = max(across, _LEAST_SPAN_KM), max(up, _LEAST_SPAN_KM / 2)
        scale = min((width - 2 * margin) / across, (tallest - 2 * margin) / up)
        return cls(middle, scale, width, up * scale + 2 * margin)

    def xy(self, point: Point) -> tuple[float, float]:
        """Right and down from the upper left corner."""
        flat = math.cos(math.radians(self.middle.lat))
        east = (point.lon - self.middle.lon) * KM_A_DEGREE * flat
        south = (self.middle.lat - point.lat) * KM_A_DEGREE
        return (
            round(self.width / 2 + east * self.scale, 1),
            round(self.height / 2 + south * self.scale, 1),
        )

    @property
    def bar_km(self) -> float:
        """A round length for the scale bar: a quarter of the picture at most."""
        most = self.width / 4 / self.scale * (1 + 1e-9)
        power: float = 10.0 ** math.floor(math.log10(most))
        return next(step * power for step in (5, 2, 1) if step * power <= most)


@dataclass(frozen=True, slots=True)
class Box:
    left: float
    top: float
    right: float
    bottom: float

    def meets(self, other: Box) -> bool:
        return (
            self.left < other.right
            and other.left < self.right
            and self.top < other.bottom
            and other.top < self.bottom
        )


@dataclass(frozen=True, slots=True)
class Spot:
    """A mark on the picture and the size of what is to be written beside it."""

    x: float
    y: float
    radius: float
    width: float
    height: float

    @property
    def box(self) -> Box:
        r = self.radius
        return Box(self.x - r, self.y - r, self.x + r, self.y + r)

    def beside(self) -> tuple[Box, ...]:
        """Where its label may stand, the best place first: right, left, below, above, corners."""
        gap = self.radius + 4
        middle, right, left = self.y - self.height / 2, self.x + gap, self.x - gap - self.width
        centre, below, above = self.x - self.width / 2, self.y + gap, self.y - gap - self.height
        corners = ((right, below), (right, above), (left, below), (left, above))
        places = ((right, middle), (left, middle), (centre, below), (centre, above), *corners)
        return tuple(Box(x, y, x + self.width, y + self.height) for x, y in places)


def place_labels(
    spots: Sequence[Spot], width: float, height: float, taken: Sequence[Box] = ()
) -> list[Box | None]:
    """A place for each label in which it meets no mark and no other; None where there is none.

    The first spots choose first.
    """
    marks = [spot.box for spot in spots]
    used: list[Box] = list(taken)
    chosen: list[Box | None] = []
    for number, spot in enumerate(spots):
        others = [*marks[:number], *marks[number + 1 :], *used]
        place = next(
            (
                box
                for box in spot.beside()
                if box.left >= 0
                and box.top >= 0
                and box.right <= width
                and box.bottom <= height
                and not any(box.meets(other) for other in others)
            ),
            None,
        )
        chosen.append(place)
        if place is not None:
            used.append(place)
    return chosen
