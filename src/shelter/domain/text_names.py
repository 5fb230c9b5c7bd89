"""Names of people: after a title, by their first name, or two words with capitals."""

from __future__ import annotations

import re
from collections.abc import Collection
from itertools import pairwise

from shelter.domain.text_forms import WORD, bare
from shelter.domain.words import words

_TITLE = re.compile(
    r"(?<!\w)(?:(?i:mme|madame|mlle|mademoiselle|monsieur|messieurs|mesdames|mevr|mevrouw|mvr"
    r"|dhr|meneer|mijnheer|de heer|mrs|miss|herrn?|fräulein|frau|dr|docteur|ma[iî]tre|me)\.?"
    r"|M\.|Mr\.?|Ms\.?)\s+"
    r"(?:(?:von|van|de[nr]?|du|el|al|ben)\s+)*(?P<name>[^\W\d_][\w'.-]*)"
)
#: somebody is introduced
_CALLED = re.compile(
    r"\b(?:s'appelle(?:nt)?|se nomme|nommée?|prénom|nom de famille|nom\s*:"
    r"|heet|heten|voornaam|achternaam"
    r"|familienaam|naam\s*:|hei(?:ß|ss)t|namens|vorname|nachname|familienname|name\s*(?:ist|:))\s*:?\s*"
    r"(?P<name>[^\W\d_]+)",
    re.I,
)
_PARTICLE = re.compile(
    r"\b(?:[Vv]an (?:den|der|de)|[Vv]ande[nr]?|[Dd]el|[Dd]ella|[Bb]en|[Ee]l) [A-Z][\w'-]+"
)
_SAINT = frozenset({"saint", "sainte", "st", "ste", "sint", "sankt", "san", "santa"})
_CAPITAL = re.compile(r"[A-ZÀ-ÖØ-Þ][\w'-]*\w|[A-Z]\.")
#: names and nothing else
_FIRST_NAMES = words("first_names")
#: names that are words, too: they count with a capital only
_FIRST_NAMES_OR_WORDS = words("first_names_or_words")
#: words that say who somebody is without naming them, as they stand after a title or "called"
_NO_NAME = words("after_a_title")
#: words that begin with a capital without being a name: languages, days, months, what is shortened
_NO_PERSON = words("capitals")
#: how a German text is known: there every noun has a capital, and two in a row name nobody
_GERMAN = re.compile(
    r"[äöüß]|\b(?:und|mit|nicht|kein|keine|für|ein|eine|einen|der|die|das|braucht|ist|hat|bitte|kind|kinder|"
    r"hund|katze|nacht|nächte|ab|bis|bei|zwei|drei|nur|spricht|schläft|wegen|oder|kommt|ohne|zu|im|am)\b",
    re.I,
)
_DUTCH_OR_FRENCH = re.compile(
    r"\b(?:le|la|les|des|une|et|avec|pas|est|pour|het|een|met|niet|en|voor|van|geen|heeft)\b", re.I
)


def is_name(plain: str, known: Collection[str], language: str) -> bool:
    for introduced in (_TITLE, _CALLED):
        for found in introduced.finditer(plain):
            word = found["name"]
            initial = re.fullmatch(r"[A-Z]\.?", word)
            if initial or (
                bare(word.rstrip(".")) not in _NO_NAME
                and (introduced is _CALLED or word[0].isupper() or _is_first_name(word))
            ):
                return True
    if _PARTICLE.search(plain):
        return True
    before = ""
    for found in WORD.finditer(plain):
        parts = found.group().split("-")
        saint = bare(parts[0]) in _SAINT or bare(before) in _SAINT
        if not saint and any(_is_first_name(part) for part in parts):
            return True
        before = found.group()
    return language != "de" and _two_capitals(plain, known)


def _is_first_name(word: str) -> bool:
    for part in word.split("'")[-1:]:
        name = bare(part)
        if name in _FIRST_NAMES or (name in _FIRST_NAMES_OR_WORDS and part[:1].isupper()):
            return True
    return False


def _two_capitals(plain: str, known: Collection[str]) -> bool:
    """Two words with capitals one after the other: how people write a name, but in German."""
    if _GERMAN.search(plain) and not _DUTCH_OR_FRENCH.search(plain):
        return False
    seen = list(WORD.finditer(plain))
    shouted = plain.upper() == plain
    for first, second in pairwise(seen):
        if shouted or plain[first.end() : second.start()].strip(" "):
            continue  # something stands between them
        pair = (first.group(), second.group())
        if all(_CAPITAL.fullmatch(word) and not _names_nobody(word, known) for word in pair):
            return True
    return False


def _names_nobody(word: str, known: Collection[str]) -> bool:
    plain = bare(word)
    return (
        plain in _NO_PERSON
        or plain in known
        or (word.isupper() and len(word) <= 4)  # an abbreviation
        or plain in _NO_NAME
        or plain.split("-")[0] in _SAINT
        or plain.startswith(("d'", "l'", "qu'", "n'", "j'", "c'", "s'"))
    )
