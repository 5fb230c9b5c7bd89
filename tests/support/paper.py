"""Reading what stands on a page of a PDF of ours, whose text is not compressed."""

from __future__ import annotations

import re

_SHOWN = re.compile(rb"\(((?:[^()\\]|\\.)*)\) Tj")
_ESCAPED = re.compile(rb"\\([0-7]{3}|.)")


def text_of(pdf: bytes) -> str:
    """All the words, in the order in which they are written, a space between two pieces."""
    return " ".join(_plain(piece) for piece in _SHOWN.findall(pdf))


def _plain(piece: bytes) -> str:
    def letter(match: re.Match[bytes]) -> bytes:
        given = match[1]
        return bytes([int(given, 8)]) if len(given) == 3 else given

    return _ESCAPED.sub(letter, piece).decode("cp1252")
