"""Street addresses, as they are written in French, Dutch and German."""

from __future__ import annotations

import re

from shelter.domain.text_forms import WORD, bare
from shelter.domain.words import words

_STREET = (
    r"(?:rue|ruelle|avenue|av\.|boulevard|boul\.|bd\.?|bld\.?|chauss[eé]e|chée|impasse|venelle"
    r"|all[eé]e|quai|(?<!sur )place|pl\.|sentier|drève|drev?e|square|clos|cité|chemin"
    r"|route|voie|thier|montagne|esplanade|faubourg|r\.)"
)
_OF = r"(?:(?:de la|de l'|des|du|de|d'|aux|au|à la|sous|sur|en|les|la|le|l')\s*)*"
#: a house number is followed by nothing, a postal code or a box; "2 enfants" is no house number
_HOUSE = (
    r"\d{1,4}\s?(?:[a-zA-Z]|bis|ter)?(?:/\w{1,3})?(?=\s*(?:$|[.;,)!?]|-|\d{4}\b|(?:à|a|te|in|bte|bo[iî]te|box|"
    r"bus|b\.|appt?\.?|app\.|[eé]tage|et|en|und|près|bij|bei)\b))"
)
_STREETS = (
    # rue de la Station, avenue Louise: a street with a name
    re.compile(rf"(?i:\b{_STREET}\s+{_OF})(?=[A-ZÀ-Ý])(?!(?i:P\+R|TEC|SNCB))\w"),
    # rue haute 12; rue de la gare, 5
    re.compile(
        rf"(?i:\b{_STREET}\s+(?:[\w'-]+\s+){{0,4}}[\w'-]*[^\W\d],?\s*(?:n[°o]\.?\s*)?{_HOUSE})"
    ),
    # 12, rue haute
    re.compile(rf"(?i:(?<!\d)\d{{1,4}}\s?[a-z]?,?\s+{_STREET}\s+{_OF}[^\W\d]{{3,}})"),
    # Kerkstraat, Bondgenotenlaan 12
    re.compile(r"\b[A-ZÀ-Ý][\w-]*(?:straat|laan|plein|steenweg|dreef|kaai)\b"),
    re.compile(
        rf"(?i:\b[\w-]{{2,}}(?:straat|str\.|laan|plein|steenweg|dreef|kaai|lei|dijk|weg|hof|pad|markt)"
        rf"\s*,?\s*(?:nr\.?\s*)?{_HOUSE})"
    ),
    re.compile(rf"(?i:\bsteenweg\s+(?:[\w'-]+\s+){{1,3}}{_HOUSE})"),
    # Bahnhofstraße, Malmedyer Str. 5, Am Markt 3
    re.compile(r"\b[A-ZÄÖÜ][\w-]*(?:stra(?:ß|ss)e|gasse)\b"),
    re.compile(
        rf"(?i:\b[\w-]{{2,}}(?:stra(?:ß|ss)e|str\.|weg|platz|gasse|allee|ring|ufer|damm|berg)\s*,?\s*{_HOUSE})"
    ),
    re.compile(rf"(?i:\b[\w-]{{3,}}er\s+(?:stra(?:ß|ss)e|str\.|weg|platz|allee)\s*,?\s*{_HOUSE})"),
    # coordinates
    re.compile(r"(?<!\d)(?:49|5[0-2])[.,]\d{3,}\D{1,4}[2-6][.,]\d{3,}"),
)
#: words for a kind of street or place, which name none
_ANY_STREET = words("any_street")


def is_address(plain: str) -> bool:
    for pattern in _STREETS:
        for found in pattern.finditer(plain):
            first = WORD.match(found.group())
            if first is None or bare(first.group()) not in _ANY_STREET:
                return True
    return False
