"""The figures of a quarter: a page of bars, and the same lines as CSV and as a workbook."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO, StringIO
from typing import Any

from litestar import Response, get
from xlsxwriter import Workbook

from shelter import i18n
from shelter.domain.network import Network
from shelter.domain.quarters import Quarter
from shelter.domain.requests import Outcome
from shelter.domain.sides import Role, Side
from shelter.domain.small_numbers import LEAST
from shelter.services import quarterly
from shelter.services.context import Tx
from shelter.services.quarterly import OPEN, OWN, REFUSED, Report, Waiting
from shelter_api.access import only
from shelter_api.language import language_of
from shelter_api.pages.common import Call, read
from shelter_api.pages.rendering import show

READERS = (Role.COORDINATOR,)
#: kinds of figures, those that need a word of explanation, what they count
SECTIONS = frozenset(
    (
        "requests",
        "refused",
        "own",
        "services",
        "occupancy",
        "waiting",
        "known",
        "delivery",
        "family",
    )
)
ABOUT = frozenset(("own", "family", "occupancy", "known", "waiting"))
UNITS = ("requests", "percent", "minutes", "hours", "places")
COLUMNS = ("side", "quarter", "section", "figure", "value", "unit", "more")
SPREADSHEET = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@dataclass(frozen=True, slots=True)
class Line:
    """One figure. ``value`` None: too small to be told, or not known."""

    #: one of ``SECTIONS``
    section: str
    label: str
    value: float | None
    #: one of ``UNITS``; percent from 0 to 100
    unit: str
    #: None says why: hidden, or unknown
    hidden: bool = False
    more: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """Lines of one kind and the value of the longest bar."""

    key: str
    lines: tuple[Line, ...]

    @property
    def most(self) -> float:
        if self.lines[0].unit == "percent":
            return 100.0
        return max((line.value or 0.0 for line in self.lines), default=0.0) or 1.0


def lines_of(it: Report, network: Network, language: str) -> Iterator[Line]:
    """The report in words and numbers, in the order of the page."""

    def t(key: str, **params: object) -> str:
        return i18n.text(language, key, **params)

    def outcomes(section: str, which: tuple[str, ...]) -> Iterator[Line]:
        for outcome in which:
            count = it.outcomes.counts[outcome]
            words = t(f"outcome.{outcome}") if outcome else t("figures.open")
            yield Line(section, words, count, "requests", count is None)

    total = it.outcomes.total
    yield Line("requests", t("figures.total"), total, "requests", total is None)
    yield from outcomes("requests", (Outcome.HOUSED, OPEN))
    yield from outcomes("refused", REFUSED)
    yield from outcomes("own", OWN)
    for key, count in sorted(it.requests.counts.items()):
        name = next((each.name for each in network.services if each.key == key), key)
        yield Line("services", name, count, "requests", count is None)
    for nis, use in it.occupancy.items():
        share = None if use.share is None else round(use.share * 100, 1)
        more = t(
            "figures.of_nights",
            units=i18n.plural(language, "figures.units", use.units),
            nights=i18n.plural(language, "request.nights", round(use.offered)),
        )
        name = network.commune(nis).name(language)
        yield Line("occupancy", name, share, "percent", share is None and use.offered > 0, more)
    yield from _waiting(t("figures.to_confirmed"), it.to_confirmed, t)
    yield from _waiting(t("figures.to_arrival"), it.to_arrival, t)
    for nis, known in it.known_for.items():
        more = t("figures.stale", stale=known.stale, units=known.units)
        hours = round(known.median_s / 3600, 1)
        yield Line("known", network.commune(nis).name(language), hours, "hours", more=more)
    for channel, sent in it.delivery.items():
        share = None if sent.share is None else round(sent.share * 100, 1)
        hidden = sent.handed_over is None or sent.delivered is None
        yield Line("delivery", t(f"figures.channel.{channel}"), share, "percent", hidden)
    if it.family_places is not None:
        places = it.family_places
        yield Line("family", t("figures.family.have"), round(places.places, 1), "places")
        yield Line("family", t("figures.family.need"), round(places.needed, 1), "places")


def _waiting(label: str, waiting: Waiting, t: Any) -> Iterator[Line]:
    hidden = waiting.count is None
    for part, seconds in (("median", waiting.median_s), ("p90", waiting.p90_s)):
        minutes = None if seconds is None else round(seconds / 60)
        yield Line("waiting", f"{label}, {t(f'figures.{part}')}", minutes, "minutes", hidden)


def sections_of(lines: Iterator[Line]) -> tuple[Section, ...]:
    found: dict[str, list[Line]] = {}
    for line in lines:
        found.setdefault(line.section, []).append(line)
    return tuple(Section(key, tuple(each)) for key, each in found.items())


@get("/figures", sync_to_thread=True, include_in_schema=False, **only(*READERS))
def figures(request: Call) -> Response[Any]:
    language = language_of(request)

    def look(tx: Tx) -> dict[str, Any]:
        it = _report(tx, request)
        return {
            "report": it,
            "sections": sections_of(lines_of(it, tx.network, language)),
            "quarters": quarterly.quarters(tx),
            "sides": tuple(Side),
            "least": LEAST,
            "explained": ABOUT,
            "hidden": it.outcomes.hides or it.requests.hides,
        }

    return show(request, "figures.html", look)


@get("/figures.csv", sync_to_thread=True, include_in_schema=False, **only(*READERS))
def figures_csv(request: Call) -> Response[bytes]:
    """One line a figure; with the mark that makes a spreadsheet read accents."""
    out = StringIO()
    writer = csv.writer(out)
    it, rows = _rows(request)
    writer.writerows(rows)
    return _file(out.getvalue().encode("utf-8-sig"), "text/csv; charset=utf-8", it, "csv")


@get("/figures.xlsx", sync_to_thread=True, include_in_schema=False, **only(*READERS))
def figures_xlsx(request: Call) -> Response[bytes]:
    out = BytesIO()
    it, rows = _rows(request)
    # nothing that begins with "=" is a formula, and no temporary file is left anywhere
    with Workbook(out, {"in_memory": True, "strings_to_formulas": False}) as book:
        sheet = book.add_worksheet(str(it.quarter))
        head = book.add_format({"bold": True, "bottom": 1})
        for number, row in enumerate(rows):
            sheet.write_row(number, 0, row, head if number == 0 else None)
        sheet.autofilter(0, 0, len(rows) - 1, len(rows[0]) - 1)
        sheet.freeze_panes(1, 0)
        sheet.autofit()
    return _file(out.getvalue(), SPREADSHEET, it, "xlsx")


def _rows(request: Call) -> tuple[Report, list[list[str | float]]]:
    language = language_of(request)

    def t(key: str) -> str:
        return i18n.text(language, key)

    def look(tx: Tx) -> tuple[Report, list[Line]]:
        it = _report(tx, request)
        return it, list(lines_of(it, tx.network, language))

    it, lines = read(request, look)
    rows: list[list[str | float]] = [[t(f"figures.column.{name}") for name in COLUMNS]]
    for line in lines:
        value: str | float = "" if line.value is None else line.value
        rows.append(
            [
                t(f"side.{it.side}"),
                str(it.quarter),
                t(f"figures.section.{line.section}"),
                line.label,
                f"< {LEAST}" if line.hidden else value,
                t(f"figures.unit.{line.unit}"),
                line.more,
            ]
        )
    return it, rows


def _file(content: bytes, kind: str, it: Report, ending: str) -> Response[bytes]:
    name = f"shelter-{it.side}-{it.quarter}.{ending}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(content, media_type=kind, headers=headers)


def _report(tx: Tx, request: Call) -> Report:
    """What the address names, else the victims' side and the quarter that runs."""
    named = request.query_params.get("side")
    told = quarterly.quarters(tx)
    asked = Quarter.parse(request.query_params.get("quarter", ""))
    side = Side(named) if named in set(Side) else Side.VICTIMS
    quarter = asked if asked in told else Quarter.of(tx.tonight)
    assert quarter is not None
    return quarterly.report(tx, side, quarter)


route_handlers = (figures, figures_csv, figures_xlsx)
