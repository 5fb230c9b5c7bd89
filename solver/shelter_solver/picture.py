"""A picture of who is where: units by nights, as SVG. Self-contained, light and dark.

Kinds of stay differ by outline and by a sign before the name, not by colour alone. Each row and bar
carries its text for screen readers.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from xml.sax.saxutils import escape

from shelter_solver.problem import Nights, Party, Problem, ProblemError, Side, Stay, Unit
from shelter_solver.render import own_side
from shelter_solver.words import counted, night, printable
from shelter_solver.world import history

#: nights beyond this are not drawn, and the picture says so
MOST_NIGHTS = 366

# pixels
_LEFT, _TOP, _LANE, _BAR, _MARGIN = 190, 84, 20, 16, 12
_LETTER = 6.4


class Kind(StrEnum):
    """What the placements make of a stay."""

    PRESENT = "present"
    NEW = "new"
    MOVED = "moved"


_SIGNS = {Kind.PRESENT: "", Kind.NEW: "+ ", Kind.MOVED: "→ "}

_STYLE = """
text{font:11px system-ui,sans-serif;fill:#1b1b1b}
.head{font-weight:600}.page{fill:#fff}.row{fill:#f4f5f7}.grid{stroke:#d5d8dd}.week{stroke:#8d949e}
.present rect{fill:#cbd6e2;stroke:#5b6b7c}
.new rect{fill:#c4e8cc;stroke:#14632b;stroke-width:2.5}
.moved rect{fill:#ffe2b8;stroke:#8a4b00;stroke-width:2.5;stroke-dasharray:5 3}
.shut{stroke:#7b7f86;stroke-width:2}.kept{fill:#6a3fa0}
@media (prefers-color-scheme:dark){
text{fill:#ececec}.page{fill:#14171a}.row{fill:#1e2328}.grid{stroke:#343b43}.week{stroke:#77808a}
.present rect{fill:#3b4858;stroke:#9fb0c2}
.new rect{fill:#1d4a2a;stroke:#7fd497}.moved rect{fill:#583a0d;stroke:#ffb454}
.shut{stroke:#8b929b}.kept{fill:#b593e6}}
"""

_PATTERNS = (
    '<pattern id="shut" width="7" height="7" patternUnits="userSpaceOnUse" '
    'patternTransform="rotate(45)"><path class="shut" d="M0 0V7"/></pattern>'
    '<pattern id="kept" width="6" height="6" patternUnits="userSpaceOnUse">'
    '<circle class="kept" cx="3" cy="3" r="1.4"/></pattern>'
)


def schedule_svg(
    problem: Problem, placements: Mapping[str, tuple[Stay, ...]], *, side: Side | None = None
) -> str:
    """Draw every unit (rows, by site) over the nights from tonight on (columns).

    Parameters
    ----------
    problem
        The data. Parties that are not in ``placements`` stay where ``present`` says.
    placements
        New stays by party id, as in a ``Schedule``.
    side
        Draw only the sites, units and parties of this side; the picture is then a function of
        these and of the placements of these parties.

    Returns
    -------
    str
        An SVG document. Nights beyond ``MOST_NIGHTS`` are left out, and it says so.

    Raises
    ------
    ProblemError
        A placement names a party or a unit that the problem does not have.
    """
    _check(problem, placements)
    seen = problem if side is None else own_side(problem, side)
    return "".join(_Picture(seen, placements).document())


def _check(problem: Problem, placements: Mapping[str, tuple[Stay, ...]]) -> None:
    parties = {party.id for party in problem.parties}
    units = {unit.id for unit in problem.units}
    for party_id, stays in placements.items():
        if party_id not in parties:
            raise ProblemError("placements", f"no party {party_id!r}")
        for stay in stays:
            if stay.unit not in units:
                raise ProblemError(f"placements[{party_id}]", f"no unit {stay.unit!r}")


@dataclass(frozen=True, slots=True)
class _Bar:
    party: str
    kind: Kind
    stay: Stay
    #: the part that is drawn
    first: int
    end: int


class _Picture:
    def __init__(self, problem: Problem, placements: Mapping[str, tuple[Stay, ...]]) -> None:
        self.problem = problem
        self.nights = min(problem.horizon, MOST_NIGHTS)
        self.night_px = max(9, min(28, 1080 // max(1, self.nights)))
        self.width = max(560, _LEFT + self.nights * self.night_px + _MARGIN)
        self.bars: dict[str, list[_Bar]] = {unit.id: [] for unit in problem.units}
        self.unplaced: list[str] = []
        self.drawn = {kind: 0 for kind in Kind}
        for party in problem.parties:
            self._settle(party, placements.get(party.id))

    def _settle(self, party: Party, new: tuple[Stay, ...] | None) -> None:
        kept = party.present
        if new:
            kept = history(party, min(stay.first_night for stay in new))
        housed = {stay.unit for stay in party.present if stay.end_night > 0}
        kind = Kind.MOVED if housed - {stay.unit for stay in new or ()} else Kind.NEW
        if new == party.present:
            kind = Kind.PRESENT
        asked = party.first_night + party.nights > 0
        if asked and not new and not housed:
            self.unplaced.append(party.id)
        for stay, as_kind in (*((s, Kind.PRESENT) for s in kept), *((s, kind) for s in new or ())):
            first, end = max(0, stay.first_night), min(stay.end_night, self.nights)
            if first < end and stay.unit in self.bars:
                self.bars[stay.unit].append(_Bar(party.id, as_kind, stay, first, end))
                self.drawn[as_kind] += 1

    def document(self) -> Iterator[str]:
        rows: list[str] = []
        y = _TOP
        for site in self.problem.sites:
            units = [unit for unit in self.problem.units if unit.site == site.id]
            if not units:
                continue
            told = f"{site.id}, {site.commune} ({site.audience})"
            rows.append(_text(_MARGIN, y + 15, _cut(told, self.width - _MARGIN), "head"))
            y += 22
            for unit in units:
                lanes = _lanes(self.bars[unit.id])
                rows.extend(self._row(unit, y, lanes))
                y += len(lanes) * _LANE + 2
        bottom = y
        notes = list(self._notes())
        height = bottom + 10 + 16 * len(notes)
        size = f'width="{self.width}" height="{height}" viewBox="0 0 {self.width} {height}"'
        yield f'<svg xmlns="http://www.w3.org/2000/svg" {size} '
        yield 'role="graphics-document document" aria-labelledby="title desc">'
        yield f'<title id="title">{_safe(self._title())}</title>'
        yield f'<desc id="desc">{_safe(self._summary())}</desc>'
        yield f"<style>{_STYLE}</style><defs>{_PATTERNS}</defs>"
        yield f'<rect class="page" width="{self.width}" height="{height}"/>'
        yield from _legend()
        yield from rows
        yield from self._calendar(bottom)
        for number, note in enumerate(notes):
            yield _text(_MARGIN, bottom + 20 + 16 * number, note)
        yield "</svg>\n"

    def _title(self) -> str:
        return f"Units and nights from {night(self.problem, 0)}"

    def _summary(self) -> str:
        return (
            f"{counted(len(self.problem.units), 'unit')}, {counted(self.nights, 'night')}; stays: "
            f"{self.drawn[Kind.PRESENT]} present, {self.drawn[Kind.NEW]} new, "
            f"{self.drawn[Kind.MOVED]} moved; parties without a place: {len(self.unplaced)}."
        )

    def _notes(self) -> Iterator[str]:
        yield self._summary()
        if self.problem.horizon > self.nights:
            yield f"Nights from {night(self.problem, self.nights)} on are not drawn."
        if self.unplaced:
            told = "Without a place: " + ", ".join(self.unplaced)
            yield from textwrap.wrap(told, int((self.width - 2 * _MARGIN) / _LETTER))

    # --- columns ---

    def _x(self, number: int) -> int:
        return _LEFT + number * self.night_px

    def _day(self, number: int) -> date | None:
        try:
            return self.problem.start + timedelta(days=number)
        except OverflowError:  # beyond the calendar
            return None

    def _calendar(self, bottom: int) -> Iterator[str]:
        """The days above the rows, and the lines between the nights."""
        every = 1 if self.night_px >= 20 else 7
        thin = "".join(f"M{self._x(n)} {_TOP}V{bottom}" for n in range(self.nights + 1) if n % 7)
        thick = "".join(f"M{self._x(n)} {_TOP - 6}V{bottom}" for n in range(0, self.nights + 1, 7))
        yield f'<path class="grid" stroke-width=".5" d="{thin}"/><path class="week" d="{thick}"/>'
        month = None
        for number in range(0, self.nights, every):
            day = self._day(number)
            if day is None:
                return
            if (day.year, day.month) != month:
                yield _text(self._x(number) + 3, _TOP - 26, f"{day.year}-{day.month:02}", "head")
                month = (day.year, day.month)
            yield _text(self._x(number) + 3, _TOP - 10, str(day.day))

    # --- rows ---

    def _row(self, unit: Unit, y: int, lanes: list[list[_Bar]]) -> Iterator[str]:
        height = len(lanes) * _LANE
        told = f"{unit.id} · {counted(unit.beds, 'bed')}"
        yield f'<g role="group"><title>{_safe(told)}</title>'
        yield _text(_MARGIN + 8, y + 14, _cut(told, _LEFT - _MARGIN - 14))
        yield _box("row", _LEFT, y, self.nights * self.night_px, height)
        yield from self._hatched(unit.kept_back, "kept", "kept back", y, height)
        yield from self._hatched(unit.closed, "shut", "closed", y, height)
        for number, lane in enumerate(lanes):
            for bar in lane:
                yield from self._bar(bar, y + number * _LANE + (_LANE - _BAR) // 2)
        yield "</g>"

    def _hatched(
        self, ranges: Iterable[Nights], pattern: str, told: str, y: int, height: int
    ) -> Iterator[str]:
        for nights in ranges:
            first, end = max(0, nights.first_night), min(nights.end_night, self.nights)
            if first < end:
                width = (end - first) * self.night_px
                yield (
                    f'<rect x="{self._x(first)}" y="{y}" width="{width}" height="{height}" '
                    f'fill="url(#{pattern})" role="img"><title>'
                    f"{_safe(f'{told}, {self._range(nights)}')}</title></rect>"
                )

    def _bar(self, bar: _Bar, y: int) -> Iterator[str]:
        x, width = self._x(bar.first) + 2, (bar.end - bar.first) * self.night_px - 4
        told = f"{bar.party}, {bar.kind}: {self._range(bar.stay.nights)}"
        yield f'<g class="{bar.kind}" role="img"><title>{_safe(told)}</title>'
        yield _box("", x, y, width, _BAR, round_=3)
        name = _cut(_SIGNS[bar.kind] + bar.party, width - 6)
        if name:
            yield _text(x + 4, y + 12, name)
        yield "</g>"

    def _range(self, nights: Nights) -> str:
        count = counted(nights.end_night - nights.first_night, "night")
        return f"{count} from {night(self.problem, nights.first_night)}"


def _lanes(bars: Iterable[_Bar]) -> list[list[_Bar]]:
    """The bars in as few lanes as they need so that none hides another; at least one lane."""
    lanes: list[list[_Bar]] = [[]]
    for bar in sorted(bars, key=lambda bar: (bar.first, bar.end, bar.party)):
        free = next((lane for lane in lanes if not lane or lane[-1].end <= bar.first), None)
        if free is None:
            lanes.append([bar])
        else:
            free.append(bar)
    return lanes


def _legend() -> Iterator[str]:
    x = _MARGIN
    for kind in Kind:
        yield f'<g class="{kind}">{_box("", x, 12, 22, _BAR, round_=3)}</g>'
        yield _text(x + 28, 24, f"{_SIGNS[kind]}{kind}")
        x += 100
    for pattern, told in (("shut", "closed"), ("kept", "kept back")):
        yield f'<rect x="{x}" y="12" width="22" height="{_BAR}" fill="url(#{pattern})"/>'
        yield _text(x + 28, 24, told)
        x += 100


# --- XML ------------------------------------------------------------------------------------------


def _safe(text: str) -> str:
    """Escaped; letters that XML forbids are among those that cannot be printed."""
    return escape(printable(text))


def _cut(text: str, width: float) -> str:
    """As much of the text as fits into so many pixels."""
    letters = int(width / _LETTER)
    if len(text) <= letters:
        return text
    return text[: letters - 1] + "…" if letters >= 2 else ""


def _text(x: int, y: int, text: str, style: str = "") -> str:
    named = f' class="{style}"' if style else ""
    return f'<text x="{x}" y="{y}"{named}>{_safe(text)}</text>'


def _box(style: str, x: int, y: int, width: int, height: int, round_: int = 0) -> str:
    named = f' class="{style}"' if style else ""
    corners = f' rx="{round_}"' if round_ else ""
    return f'<rect{named} x="{x}" y="{y}" width="{width}" height="{height}"{corners}/>'
