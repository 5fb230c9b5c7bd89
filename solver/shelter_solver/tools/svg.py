"""The ink and paper of the pictures: style, patterns, and XML that no name can break."""

from __future__ import annotations

from xml.sax.saxutils import escape

from shelter_solver.tools.words import printable

#: pixels of an average letter of the 11 px font
LETTER = 6.4

STYLE = """
text{font:11px system-ui,sans-serif;fill:#1b1b1b}
.head{font-weight:600}.page{fill:#fff}.row{fill:#7d8794;fill-opacity:.1}
.grid{stroke:#d5d8dd}.week{stroke:#8d949e}
.present rect{fill:#cbd6e2;stroke:#5b6b7c}
.new rect{fill:#c4e8cc;stroke:#14632b;stroke-width:2.5}
.moved rect{fill:#ffe2b8;stroke:#8a4b00;stroke-width:2.5;stroke-dasharray:5 3}
.shut{stroke:#7b7f86;stroke-width:2}.kept{fill:#6a3fa0}
@media (prefers-color-scheme:dark){
text{fill:#ececec}.page{fill:#14171a}.grid{stroke:#343b43}.week{stroke:#77808a}
.present rect{fill:#3b4858;stroke:#9fb0c2}
.new rect{fill:#1d4a2a;stroke:#7fd497}.moved rect{fill:#583a0d;stroke:#ffb454}
.shut{stroke:#8b929b}.kept{fill:#b593e6}}
"""

PATTERNS = (
    '<pattern id="shut" width="7" height="7" patternUnits="userSpaceOnUse" '
    'patternTransform="rotate(45)"><path class="shut" d="M0 0V7"/></pattern>'
    '<pattern id="kept" width="6" height="6" patternUnits="userSpaceOnUse">'
    '<circle class="kept" cx="3" cy="3" r="1.4"/></pattern>'
)


def clean(text: str) -> str:
    """Escaped; letters that XML forbids are among those that cannot be printed."""
    return escape(printable(text))


def cut(text: str, width: float) -> str:
    """As much of the text as fits into so many pixels."""
    letters = int(width / LETTER)
    if len(text) <= letters:
        return text
    return text[: letters - 1] + "…" if letters >= 2 else ""


def label(x: int, y: int, text: str, style: str = "") -> str:
    named = f' class="{style}"' if style else ""
    return f'<text x="{x}" y="{y}"{named}>{clean(text)}</text>'


def box(style: str, x: int, y: int, width: int, height: int, corner: int = 0) -> str:
    named = f' class="{style}"' if style else ""
    corners = f' rx="{corner}"' if corner else ""
    return f'<rect{named} x="{x}" y="{y}" width="{width}" height="{height}"{corners}/>'
