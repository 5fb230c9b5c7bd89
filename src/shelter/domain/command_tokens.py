"""A text by SMS cut into words, dates, numbers and codes, however it was typed."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from shelter.domain.codes import ALPHABET
from shelter.domain.command_dates import Day
from shelter.domain.command_words import FRIENDLY, MONTHS, VERBS

CODE_LENGTH = 5
#: what is behind this is not read
MOST_SIGNS = 1600
#: stands for a sign that may turn a meaning round, as a question mark does
UNKNOWN = "?"


_TOKEN = re.compile(
    r"""
    (?P<date>(?<![A-Z0-9])\d{1,2}(?:\s?/\s?|\.\s?)\d{1,2}(?:[/.](?:\d{4}|\d{2}))?(?![A-Z0-9/])
      | (?<![A-Z0-9])\d{1,2}-\d{1,2}-\d{4}(?![A-Z0-9]))
    | (?P<number>(?<![A-Z0-9])\d{1,2}(?:ER|E|STE|TH|ST|ND|RD)?(?![A-Z0-9]))
    | (?P<word>[A-Z0-9]+)
    | (?P<dash>[-–—])
    | (?P<nothing>[\s.,;:!()"'=+*_/<>«»’‘“”„…\[\]\#&]+)
    | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL | re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Token:
    """``kind`` is word, number, dash or date, which alone has a ``day``."""

    kind: str
    text: str
    day: Day | None = None


def tokens_of(text: str) -> list[Token]:
    """The parts of a text, without the signs that mean nothing."""
    tokens = _with_month_names(list(_tokens(_plain(text))))
    return [*tokens, Token("word", UNKNOWN)] if len(text) > MOST_SIGNS else tokens


def _tokens(plain: str) -> Iterator[Token]:
    for match in _TOKEN.finditer(plain):
        kind, text = str(match.lastgroup), match.group()
        if kind == "date":
            day, month, *year = (int(part) for part in re.split(r"[/.\-\s]+", text))
            yield Token(kind, text, Day(day, month, _year(year[0]) if year else None))
        elif kind == "word":
            yield from (Token(kind, part) for part in _apart(text))
        elif kind == "other" and text not in FRIENDLY:
            yield Token("word", UNKNOWN)
        elif kind in {"number", "dash"}:
            yield Token(kind, text)


def _apart(word: str) -> tuple[str, ...]:
    """ "OUIBCDFG" is a command and a code."""
    for command, code in (
        (word[:-CODE_LENGTH], word[-CODE_LENGTH:]),
        (word[CODE_LENGTH:], word[:CODE_LENGTH]),
    ):
        if command in VERBS and set(code) <= set(ALPHABET):
            return command, code
    return (word,)


def _year(number: int) -> int:
    return number + 2000 if number < 100 else number


def _with_month_names(tokens: list[Token]) -> list[Token]:
    """ "12 mars", "1er mars 2027" as dates."""
    out: list[Token] = []
    for token in tokens:
        month = MONTHS.get(token.text)
        if month is not None and out and is_day(out[-1]):
            number = int(re.sub(r"\D", "", out.pop().text))
            out.append(Token("date", "", Day(number, month)))
        elif out and out[-1].day is not None and not out[-1].text and _is_year(token):
            written = out.pop().day
            assert written is not None
            out.append(Token("date", token.text, Day(written.day, written.month, int(token.text))))
        else:
            out.append(token)
    return out


def is_day(token: Token) -> bool:
    """Whether it may be the day of a month."""
    return token.kind == "number" and 1 <= int(re.sub(r"\D", "", token.text)) <= 31


def _is_year(token: Token) -> bool:
    return token.kind == "word" and re.fullmatch(r"20\d\d", token.text) is not None


#: signs that no code has, and those that may have been read as them
_LOOKS_LIKE = {"O": "DQ", "0": "DQ", "I": "JT", "1": "JT", "L": "JT"}


def readings_of(typed: str) -> frozenset[str]:
    """The codes that may be meant: the one that was typed, or two where one sign is in no code."""
    if len(typed) != CODE_LENGTH:
        return frozenset()
    strange = [n for n, sign in enumerate(typed) if sign not in ALPHABET]
    if not strange:
        return frozenset({typed})
    if len(strange) > 1 or typed[strange[0]] not in _LOOKS_LIKE:
        return frozenset()
    at = strange[0]
    return frozenset(f"{typed[:at]}{sign}{typed[at + 1 :]}" for sign in _LOOKS_LIKE[typed[at]])


def _plain(text: str) -> str:
    """Capitals without accents; full-width and other dressed-up letters as ordinary ones."""
    parts = unicodedata.normalize("NFKD", text[:MOST_SIGNS])
    kept = "".join(c for c in parts if unicodedata.category(c) not in {"Mn", "Me", "Cf"})
    joined = re.sub(r"(?<=\w)['’‘`´](?=\w)", "", kept.upper())  # d'accord, jusqu'au
    return re.sub(r"\bT/M\b", "TM", joined)
