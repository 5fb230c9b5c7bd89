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

from shelter_solver.problem import Nights, Party, Problem, ProblemError, Side, Stay, Unit
from shelter_solver.tools.render import own_side
from shelter_solver.tools.svg import LETTER, PATTERNS, STYLE, box, clean, cut, label
from shelter_solver.tools.words import counted, night
from shelter_solver.world import history

#: nights beyond this are not drawn, and the picture says so
MOST_NIGHTS = 366

# pixels
_LEFT, _TOP, _LANE, _BAR, _MARGIN = 190, 84, 20, 16, 12


class Kind(StrEnum):
    """What the placements make of a stay."""

    PRESENT = "present"
    NEW = "new"
    MOVED = "moved"


_SIGNS = {Kind.PRESENT: "", Kind.NEW: "+ ", Kind.MOVED: "→ "}


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
        self.drawn = dict.fromkeys(Kind, 0)
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
            rows.append(label(_MARGIN, y + 15, cut(told, self.width - _MARGIN), "head"))
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
        yield f'<title id="title">{clean(self._title())}</title>'
        yield f'<desc id="desc">{clean(self._summary())}</desc>'
        yield f"<style>{STYLE}</style><defs>{PATTERNS}</defs>"
        yield f'<rect class="page" width="{self.width}" height="{height}"/>'
        yield from _legend()
        yield from self._calendar(bottom)
        yield from rows
        for number, note in enumerate(notes):
            yield label(_MARGIN, bottom + 20 + 16 * number, note)
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
            yield from textwrap.wrap(told, int((self.width - 2 * _MARGIN) / LETTER))

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
                yield label(self._x(number) + 3, _TOP - 26, f"{day.year}-{day.month:02}", "head")
                month = (day.year, day.month)
            yield label(self._x(number) + 3, _TOP - 10, str(day.day))

    # --- rows ---

    def _row(self, unit: Unit, y: int, lanes: list[list[_Bar]]) -> Iterator[str]:
        height = len(lanes) * _LANE
        told = f"{unit.id} · {counted(unit.beds, 'bed')}"
        yield f'<g role="group"><title>{clean(told)}</title>'
        yield label(_MARGIN + 8, y + 14, cut(told, _LEFT - _MARGIN - 14))
        yield box("row", _LEFT, y, self.nights * self.night_px, height)
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
                    f"{clean(f'{told}, {self._range(nights)}')}</title></rect>"
                )

    def _bar(self, bar: _Bar, y: int) -> Iterator[str]:
        x, width = self._x(bar.first) + 2, (bar.end - bar.first) * self.night_px - 4
        told = f"{bar.party}, {bar.kind}: {self._range(bar.stay.nights)}"
        yield f'<g class="{bar.kind}" role="img"><title>{clean(told)}</title>'
        yield box("", x, y, width, _BAR, corner=3)
        name = cut(_SIGNS[bar.kind] + bar.party, width - 6)
        if name:
            yield label(x + 4, y + 12, name)
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
        yield f'<g class="{kind}">{box("", x, 12, 22, _BAR, corner=3)}</g>'
        yield label(x + 28, 24, f"{_SIGNS[kind]}{kind}")
        x += 100
    for pattern, told in (("shut", "closed"), ("kept", "kept back")):
        yield f'<rect x="{x}" y="12" width="22" height="{_BAR}" fill="url(#{pattern})"/>'
        yield label(x + 28, 24, told)
        x += 100
