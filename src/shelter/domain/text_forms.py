"""One spelling for texts that are looked at."""

from __future__ import annotations

import re
import unicodedata

WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")


def plain_form(text: str) -> str:
    """One form of every digit, dash and apostrophe, and nothing invisible in between."""
    text = unicodedata.normalize("NFKC", text)
    text = "".join(c for c in text if unicodedata.category(c) != "Cf")
    text = "".join(str(unicodedata.decimal(c, c)) for c in text)
    text = re.sub(r"[‐-―−]", "-", text)
    return re.sub(r"[’‘´`]", "'", text)


def bare(word: str) -> str:
    """Small letters without accents."""
    decomposed = unicodedata.normalize("NFD", word.lower().replace("ß", "ss"))
    return "".join(c for c in decomposed if not unicodedata.combining(c))
