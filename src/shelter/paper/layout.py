"""Paper: A4 in black on white, large enough for a corridor at night, with lines to write on.

The same content gives the same bytes: no hour of making, no number of the document and nothing of
the machine stand in it. The fonts are those that every reader of PDF has, so that no file carries
one; what they cannot write is said without its accents.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from io import BytesIO
from typing import Any
from xml.sax.saxutils import escape

from reportlab.lib import colors
from reportlab.lib.enums import TA_LEFT
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.platypus import (
    CondPageBreak,
    Flowable,
    KeepTogether,
    Paragraph,
    SimpleDocTemplate,
    Spacer,
    Table,
    TableStyle,
)

MARGIN = 18 * mm
WIDTH = A4[0] - 2 * MARGIN
#: what the library keeps free inside its frame
_INSIDE = 6
_GREY = colors.Color(0.35, 0.35, 0.35)
#: a fingerprint of the content, which the library writes behind everything else
_FINGERPRINT = re.compile(rb"/ID\s*\[<[0-9a-f]*><[0-9a-f]*>\]\n%[^\n]*\n")


def _style(name: str, size: float, **more: Any) -> ParagraphStyle:
    given: dict[str, Any] = {
        "fontName": "Helvetica",
        "fontSize": size,
        "leading": size * 1.22,
        "alignment": TA_LEFT,
    }
    return ParagraphStyle(name, **(given | more))


_BOLD = {"fontName": "Helvetica-Bold"}
TITLE = _style("title", 19, **_BOLD, spaceAfter=2 * mm)
BIG = _style("big", 21, **_BOLD, spaceAfter=2.5 * mm)
HEADING = _style("heading", 12.5, **_BOLD, spaceBefore=4 * mm, spaceAfter=1.5 * mm)
TEXT = _style("text", 10.5, spaceAfter=1.5 * mm)
CELL = _style("cell", 10)
HEAD = _style("head", 9, **_BOLD)
SMALL = _style("small", 8.5, textColor=_GREY)


class Paper:
    """A document that grows from top to bottom; ``pdf`` is all of it."""

    def __init__(self, title: str, foot: str, language: str) -> None:
        self._title, self._foot, self._language = title, foot, language
        self._flow: list[Flowable] = [_words(title, TITLE)]

    def big(self, text: str) -> None:
        self._flow.append(_words(text, BIG))

    def heading(self, text: str) -> None:
        """The title of a part; it does not stand alone at the foot of a page."""
        self._flow += [CondPageBreak(30 * mm), _words(text, HEADING)]

    def text(self, *paragraphs: str) -> None:
        self._flow += [_words(each, TEXT) for each in paragraphs]

    def small(self, text: str) -> None:
        self._flow.append(_words(text, SMALL))

    def points(self, texts: Iterable[str], *, numbered: bool = False) -> None:
        """A list, one under the other."""
        rows = [
            [_words(f"{number}." if numbered else "–", CELL), _words(text, CELL)]
            for number, text in enumerate(texts, 1)
        ]
        self._put(rows, (7 * mm, WIDTH - 7 * mm), [])

    def facts(self, rows: Iterable[tuple[str, str]]) -> None:
        """What it is, and beside it how it is."""
        self._put(
            [[_words(name, HEAD), _words(value, CELL)] for name, value in rows],
            (52 * mm, WIDTH - 52 * mm),
            [("LINEBELOW", (0, 0), (-1, -1), 0.3, _GREY)],
        )

    def blanks(self, labels: Iterable[str]) -> None:
        """Labels, each with a line for a pen."""
        for label in labels:
            line = Table(
                [[""]],
                colWidths=[WIDTH],
                rowHeights=[1.5 * mm],
                hAlign="LEFT",
                style=[("LINEABOVE", (0, 0), (-1, 0), 0.6, colors.black)],
            )
            self._flow.append(KeepTogether([_words(label, SMALL), Spacer(1, 7 * mm), line]))

    def boxes(self, rows: Iterable[tuple[bool, str]]) -> None:
        """Lines with a box to tick; those that are done have their cross."""
        for done, text in rows:
            box = Table(
                [["X" if done else ""]],
                colWidths=[5 * mm],
                rowHeights=[5 * mm],
                style=[
                    ("BOX", (0, 0), (-1, -1), 0.9, colors.black),
                    ("FONT", (0, 0), (-1, -1), "Helvetica-Bold", 11),
                    ("ALIGN", (0, 0), (-1, -1), "CENTER"),
                    ("VALIGN", (0, 0), (-1, -1), "MIDDLE"),
                    ("LEFTPADDING", (0, 0), (-1, -1), 0),
                    ("RIGHTPADDING", (0, 0), (-1, -1), 0),
                    ("TOPPADDING", (0, 0), (-1, -1), 0),
                    ("BOTTOMPADDING", (0, 0), (-1, -1), 0),
                ],
            )
            self._put([[box, _words(text, CELL)]], (9 * mm, WIDTH - 9 * mm), [])

    def table(
        self, head: Sequence[str], rows: Sequence[Sequence[str]], shares: Sequence[float]
    ) -> None:
        """A table whose head is said again on every page; ``shares`` of the width by column."""
        width = WIDTH / sum(shares)
        cells = [[_words(each, HEAD) for each in head]]
        cells += [[_words(each, CELL) for each in row] for row in rows]
        self._put(
            cells,
            tuple(share * width for share in shares),
            [
                ("GRID", (0, 0), (-1, -1), 0.4, _GREY),
                ("LINEBELOW", (0, 0), (-1, 0), 1, colors.black),
            ],
            head=1,
        )

    def lines(self, title: str, head: Sequence[str], count: int, shares: Sequence[float]) -> None:
        """An empty table for a pen, whole on its page."""
        width = WIDTH / sum(shares)
        table = Table(
            [[_words(each, HEAD) for each in head], *([""] * len(head) for _ in range(count))],
            colWidths=[share * width for share in shares],
            rowHeights=[None, *([9 * mm] * count)],
            hAlign="LEFT",
            style=TableStyle([("GRID", (0, 0), (-1, -1), 0.4, _GREY)]),
        )
        self._flow.append(KeepTogether([_words(title, HEADING), table]))

    def pdf(self) -> bytes:
        """The document, for a reader of PDF."""
        out = BytesIO()
        document = SimpleDocTemplate(
            out,
            pagesize=A4,
            leftMargin=MARGIN - _INSIDE,
            rightMargin=MARGIN - _INSIDE,
            topMargin=12 * mm,
            bottomMargin=15 * mm,
            title=plain(self._title),
            author="",
            subject="",
            creator="Shelter",
            producer="Shelter",
            lang=self._language,
            displayDocTitle=1,
            invariant=1,
            # the length of what is compressed tells of what stands in it
            pageCompression=0,
        )
        document.build(self._flow, onFirstPage=self._frame, onLaterPages=self._frame)
        return _FINGERPRINT.sub(b"", out.getvalue())

    def _frame(self, canvas: Any, document: Any) -> None:
        canvas.setFont("Helvetica", 8.5)
        canvas.drawString(MARGIN, 10 * mm, plain(self._foot))
        canvas.drawRightString(A4[0] - MARGIN, 10 * mm, str(document.page))

    def _put(
        self,
        rows: Sequence[Sequence[Flowable]],
        widths: Sequence[float],
        style: Sequence[tuple[Any, ...]],
        head: int = 0,
    ) -> None:
        if not rows:
            return
        every = [
            ("VALIGN", (0, 0), (-1, -1), "TOP"),
            ("LEFTPADDING", (0, 0), (-1, -1), 1.2 * mm),
            ("RIGHTPADDING", (0, 0), (-1, -1), 1.2 * mm),
            ("TOPPADDING", (0, 0), (-1, -1), 0.5 * mm),
            ("BOTTOMPADDING", (0, 0), (-1, -1), 0.9 * mm),
        ]
        table = Table(
            rows,
            colWidths=list(widths),
            repeatRows=head,
            hAlign="LEFT",
            spaceAfter=0.8 * mm,
            style=TableStyle([*every, *style]),
        )
        self._flow.append(table)


def plain(text: str) -> str:
    """What the fonts can write; a letter that they lack loses its accent, another becomes "?"."""
    kept = []
    for letter in unicodedata.normalize("NFC", text):
        for form in (letter, unicodedata.normalize("NFKD", letter)):
            written = form.encode("cp1252", "ignore").decode("cp1252")
            if written:
                kept.append(written)
                break
        else:
            kept.append("?")
    return "".join(kept)


def _words(text: str, style: ParagraphStyle) -> Paragraph:
    return Paragraph(escape(plain(text)), style)
