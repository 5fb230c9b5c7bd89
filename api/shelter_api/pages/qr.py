"""A key to be set up in a code app: as a picture for its camera, and as text for its keyboard."""

from __future__ import annotations

import io

import segno
from markupsafe import Markup


def qr_code(text: str) -> Markup:
    """The QR code as an SVG element: part of the page, so nothing but the page is fetched.

    Its colours are attributes and classes of our own style sheet: no inline style is needed.
    """
    out = io.BytesIO()
    segno.make(text, error="m").save(
        out,
        kind="svg",
        xmldecl=False,
        svgns=True,
        nl=False,
        border=4,
        scale=1,
        omitsize=True,
        light="#fff",
        dark="#000",
        svgclass="qr",
        lineclass=None,
    )
    return Markup(out.getvalue().decode())  # noqa: S704  (made here, of lines alone)


def grouped(secret: str) -> str:
    """In fours, as one reads it aloud."""
    return " ".join(secret[start : start + 4] for start in range(0, len(secret), 4))
