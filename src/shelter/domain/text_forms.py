"""One spelling for texts that are looked at."""

from __future__ import annotations

import re
import unicodedata

WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")

_INVISIBLE = frozenset({"Cf", "Mn", "Me"})
_LETTERS = frozenset({"Lu", "Ll", "Lt", "Lo"})
#: what NFKC makes of the micro sign, as in a dose
_MICRO = "\N{GREEK SMALL LETTER MU}"


def plain_form(text: str) -> str:
    """One form of every digit, dash and apostrophe, and nothing invisible in between."""
    text = unicodedata.normalize("NFKC", text)
    # what is left of marks after NFKC stands on a sign that has none, a digit for one
    text = "".join(c for c in text if unicodedata.category(c) not in _INVISIBLE)
    text = "".join(str(unicodedata.decimal(c, c)) for c in text)
    text = re.sub(r"[‐-―−]", "-", text)
    return re.sub(r"[’‘´`]", "'", text)


def is_of_another_script(plain: str) -> bool:
    """Whether a letter is not Latin: the lists of names, streets and numbers here read no other."""
    return any(
        unicodedata.category(c) in _LETTERS
        and c != _MICRO
        and not unicodedata.name(c, "").startswith("LATIN ")
        for c in plain
    )


def bare(word: str) -> str:
    """Small letters without accents."""
    decomposed = unicodedata.normalize("NFD", word.lower().replace("ß", "ss"))
    return "".join(c for c in decomposed if not unicodedata.combining(c))
