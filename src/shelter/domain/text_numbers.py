"""Numbers that name somebody: telephone, national numbers, birth dates, accounts, plates."""

from __future__ import annotations

import re

from shelter.domain.text_forms import WORD, bare
from shelter.domain.words import words

EMAIL = re.compile(
    r"\S@\S|\w[ ]?(?:\(at\)|\[at\]| arobase | apenstaartje | klammeraffe )[ ]?\w", re.I
)
LINK = re.compile(
    r"https?:|\bwww\.|\b[\w-]{2,}\.(?:be|com|eu|org|net|nl|de|fr|lu|info|brussels)\b", re.I
)
ACCOUNT = re.compile(
    r"\b(?:AT|BE|BG|CH|CZ|DE|DK|EE|ES|FI|FR|GB|GR|HR|HU|IE|IT|LT|LU|LV|MA|NL|NO|PL|PT|RO|SE|SI|SK|TN|TR)"
    r" ?\d{2}(?:[ .-]?[A-Z0-9]{2,4}){3,8}\b(?<=\d\d)"
)

_UNITS = {
    **dict.fromkeys(("zero", "nul", "null"), "0"),
    **dict.fromkeys(("un", "une", "een", "ein", "eins", "one"), "1"),
    **dict.fromkeys(("deux", "twee", "zwei", "zwo"), "2"),
    **dict.fromkeys(("trois", "drie", "drei"), "3"),
    **dict.fromkeys(("quatre", "vier"), "4"),
    **dict.fromkeys(("cinq", "vijf", "funf"), "5"),
    **dict.fromkeys(("six", "zes", "sechs"), "6"),
    **dict.fromkeys(("sept", "zeven", "sieben"), "7"),
    **dict.fromkeys(("huit", "acht"), "8"),
    **dict.fromkeys(("neuf", "negen", "neun"), "9"),
}
_TEENS = {
    **dict.fromkeys(("dix", "tien", "zehn"), "10"),
    **dict.fromkeys(("onze", "elf"), "11"),
    **dict.fromkeys(("douze", "twaalf", "zwolf"), "12"),
    **dict.fromkeys(("treize", "dertien", "dreizehn"), "13"),
    **dict.fromkeys(("quatorze", "veertien", "vierzehn"), "14"),
    **dict.fromkeys(("quinze", "vijftien", "funfzehn"), "15"),
    **dict.fromkeys(("seize", "zestien", "sechzehn"), "16"),
    **dict.fromkeys(("zeventien", "siebzehn"), "17"),
    **dict.fromkeys(("achttien", "achtzehn"), "18"),
    **dict.fromkeys(("negentien", "neunzehn"), "19"),
}
_TENS = {
    **dict.fromkeys(("vingt", "vingts", "twintig", "zwanzig"), "20"),
    **dict.fromkeys(("trente", "dertig", "dreissig"), "30"),
    **dict.fromkeys(("quarante", "veertig", "vierzig"), "40"),
    **dict.fromkeys(("cinquante", "vijftig", "funfzig"), "50"),
    **dict.fromkeys(("soixante", "zestig", "sechzig"), "60"),
    **dict.fromkeys(("septante", "zeventig", "siebzig"), "70"),
    **dict.fromkeys(("octante", "tachtig", "achtzig"), "80"),
    **dict.fromkeys(("nonante", "negentig", "neunzig"), "90"),
}
_NUMBERS = {**_UNITS, **_TEENS, **_TENS}
#: achtenzeventig, achtundsiebzig
_COMPOUND = re.compile(rf"({'|'.join(_UNITS)})(?:en|und)({'|'.join(_TENS)})")
_LETTER_O = re.compile(r"(?<=\d)[oO](?=\W|\d|$)|(?<![^\W\d])[oO](?=\d)")
#: hours and days are harmless, but not where more digits stand beside them
_ALONE_BEFORE = "".join(
    [rf"(?<!\d[\s./_:-]{{{width}}})" for width in range(6)]
    + [rf"(?<!\d[^\w\s,]{{{width}}})" for width in range(1, 5)]
)
_ALONE_AFTER = r"(?![\s./_:-]{0,5}\d|[^\w\s,]{1,4}\d)"
_HOUR = r"(?:[01]?\d|2[0-3])\s?[:hHuU]\s?(?:[0-5]\d)?"
_DAY = (
    r"(?:20\d\d-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])"
    r"|(?:0?[1-9]|[12]\d|3[01])([./-])(?:0?[1-9]|1[0-2])(?:\1(?:20)?\d\d)?)"
)
_MOMENTS = tuple(
    re.compile(rf"{_ALONE_BEFORE}{moment}{_ALONE_AFTER}")
    for moment in (rf"{_DAY},?\s{{1,2}}{_HOUR}", _HOUR, _DAY)
)
#: eight digits, with up to four signs and any spaces between two of them, but not as a list with
#: commas
_MANY_DIGITS = re.compile(r"\d(?:(?:,|(?!\s*,\s*\d)(?:\s*(?:[^\w\s]|_)){0,4}\s*)\d){7,}")
#: stands between digits as a comma does in a list
_NO_DIGITS = " , "
_NUMBER_OF = re.compile(
    r"\b(?:t[eé]l[eé]?(?:phone|foon|efon|efoon)?|gsm|portable|handy|mobiel|whatsapp)\b\W{0,4}"
    r"(?:\w{1,8}\W{1,3}){0,2}\+?\d(?:[\s./()-]{0,3}\d){3,}",
    re.I,
)


def is_phone(plain: str) -> bool:
    digits = WORD.sub(lambda word: _as_digits(word.group()), plain)
    digits = re.sub(r"\s(?:point|punt|punkt|slash|tiret|streepje|strich)\s", " ", digits)
    digits = _LETTER_O.sub("0", digits)
    for harmless in _MOMENTS:
        digits = harmless.sub(_NO_DIGITS, digits)
    return bool(_MANY_DIGITS.search(digits) or _NUMBER_OF.search(digits))


def _as_digits(word: str) -> str:
    parts = []
    for part in word.split("-"):
        plain = bare(part)
        compound = _COMPOUND.fullmatch(plain)
        if compound:
            parts.append(_TENS[compound[2]][0] + _UNITS[compound[1]])
        else:
            parts.append(_NUMBERS.get(plain, part))
    return "-".join(parts)


_NATIONAL = re.compile(
    r"(?<!\d)(\d\d)[ ./-]?(\d\d)[ ./-]?(\d\d)[ ./-]{0,3}(\d{3})[ ./-]{0,3}(\d\d)(?!\d)"
)


def is_national_number(plain: str) -> bool:
    """Eleven digits whose last two are the check of the others, of either century."""
    return any(
        int(found[5]) in {97 - int(century + "".join(found.groups()[:4])) % 97 for century in "02"}
        for found in _NATIONAL.finditer(plain)
    )


_MONTH = (
    r"(?:janv(?:ier)?|f[eé]vr?(?:ier)?|mars|avr(?:il)?|mai|juin|juil(?:let)?|ao[uû]t|sept(?:embre)?"
    r"|oct(?:obre)?|nov(?:embre)?|d[eé]c(?:embre)?"
    r"|jan(?:uari)?|feb(?:ruari)?|maart|mrt|apr(?:il)?|mei|juni|juli|aug(?:ustus)?|sep(?:tember)?"
    r"|okt(?:ober)?|november|dec(?:ember)?"
    r"|j[aä]n(?:uar|ner)?|februar|m[aä]rz|maerz|august|september|dez(?:ember)?)\.?"
)
BIRTH = re.compile(
    r"\bn[eé]e?\s+(?:le|en)\s+\d|\bnée?\s+\d|°\s?\d|\bgeb(?:oren)?\.?\s+(?:op\s+|am\s+|in\s+|im\s+)?\d"
    r"|\b(?:date de naissance|naissance|geboortedatum|geburtsdatum|ddn)\b\W{0,3}\d"
    r"|(?<!\d)\d{1,2}[ ./-]\d{1,2}[ ./-](?:19\d\d|200\d|201\d)(?!\d)"
    rf"|(?<!\d)\d{{1,2}}(?:er|e|\.)?[\s./-]{{0,3}}{_MONTH}[\s./-]{{0,3}}(?:19\d\d|200\d|201\d)(?!\d)"
    r"|(?<!\d)(?:19\d\d|200\d|201\d)[./-]\d{1,2}[./-]\d{1,2}(?!\d)",
    re.I,
)

_PLATES = (
    re.compile(r"(?<![\w-])[1-9][ .-]?[A-Z]{3}[ .-]?\d{3}(?![\w-])", re.I),  # Belgium since 2010
    re.compile(r"(?<![\w-])(?:[A-Z]{3}[ .-]?\d{3}|\d{3}[ .-]?[A-Z]{3})(?![\w-])"),  # before
    re.compile(r"(?<![\w-])(?:[a-z]{3}-\d{3}|\d{3}-[a-z]{3})(?![\w-])"),
    re.compile(r"(?<![\w-])[A-Z]{2}[ -]\d{3}[ -][A-Z]{2}(?![\w-])"),  # France
    re.compile(r"(?<![\w-])[a-z]{2}-\d{3}-[a-z]{2}(?![\w-])"),
    re.compile(r"(?<![\w-])[A-ZÄÖÜ]{1,3}-[A-Z]{1,2}[ -]?\d{1,4}[EH]?(?![\w-])"),  # Germany
    re.compile(r"(?<![\w-])[A-Z]{2} ?\d{4}(?![\w-])"),  # Luxembourg
)
#: the Netherlands: three groups, six signs
_DUTCH_PLATE = re.compile(
    r"(?<![\w-])([A-Z]{1,3}|\d{1,3})-([A-Z]{1,3}|\d{1,3})-([A-Z]{1,3}|\d{1,3})(?![\w-])", re.I
)
#: words of three letters that stand before a number without being a plate, and countries
_NOT_A_PLATE = words("not_a_plate")


def is_plate(plain: str) -> bool:
    for pattern in _PLATES:
        for found in pattern.finditer(plain):
            letters = "".join(c for c in found.group() if c.isalpha()).lower()
            if letters not in _NOT_A_PLATE:
                return True
    return any(
        len(signs := "".join(found.groups())) == 6 and not signs.isdigit() and not signs.isalpha()
        for found in _DUTCH_PLATE.finditer(plain)
    )
