"""What a text that comes by SMS says to do: a pure function of the text, and rather too careful.

Case, accents, spaces, punctuation and order do not matter. But a text changes something only when
*every* word of it is known, there is one command, one code, and dates that can be read: "pas libre
BCDFG", "oui BCDFG si…" and "oui BCDFG ?" are answered with what to write instead.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from shelter.domain.codes import ALPHABET
from shelter.domain.command_dates import Day, SaidNights
from shelter.domain.command_words import (
    BESIDE_A_DATE,
    FRIENDLY,
    FROM,
    FROM_ON,
    MONTHS,
    ON_CALL_WORDS,
    OPT_IN_WORDS,
    OPT_OUT_WORDS,
    POLITE,
    SPOKEN,
    TO,
    VERBS,
    Verb,
)

CODE_LENGTH = 5
#: what is behind this is not read, and nobody means a command with so many words
MOST_SIGNS, MOST_WORDS = 1600, 40


class Doubt(StrEnum):
    """Why a text changes nothing."""

    NO_COMMAND = "no_command"
    TWO_COMMANDS = "two_commands"
    OTHER_WORDS = "other_words"  # one of them may turn the meaning round
    NO_CODE = "no_code"
    TWO_CODES = "two_codes"
    DATES = "dates"


@dataclass(frozen=True, slots=True)
class Command:
    """What a text says. With a ``doubt`` it changes nothing, whatever else is said here."""

    verb: Verb | None = None
    #: the readings of the one code that it echoes; empty without one
    codes: frozenset[str] = frozenset()
    #: of a unit; None: no date is said
    nights: SaidNights | None = None
    #: after "who": the words that may name a service
    about: tuple[str, ...] = ()
    doubt: Doubt | None = None
    #: that its words are of, when they are of one only
    language: str | None = None


class About(StrEnum):
    """What a message of ours was about, as far as an answer to it goes."""

    ALERT = "alert"
    UNIT = "unit"
    PLACEMENT = "placement"
    NOTICE = "notice"  # it asks for nothing


class Deed(StrEnum):
    """What an answer does."""

    ACKNOWLEDGE = "acknowledge"
    HAND_ON = "hand_on"
    CONFIRM = "confirm"
    DECLINE = "decline"
    STILL_TRUE = "still_true"
    FREE = "free"
    OCCUPIED = "occupied"
    CLOSED = "closed"
    NOTE = "note"


#: every answer that does something; any other pair is a code of another kind
DEEDS: Mapping[tuple[About, Verb], Deed] = {
    (About.ALERT, Verb.YES): Deed.ACKNOWLEDGE,
    (About.ALERT, Verb.NO): Deed.HAND_ON,
    (About.ALERT, Verb.HAND_ON): Deed.HAND_ON,
    (About.PLACEMENT, Verb.YES): Deed.CONFIRM,
    (About.PLACEMENT, Verb.NO): Deed.DECLINE,
    (About.UNIT, Verb.YES): Deed.STILL_TRUE,
    (About.UNIT, Verb.STILL_TRUE): Deed.STILL_TRUE,
    (About.UNIT, Verb.FREE): Deed.FREE,
    (About.UNIT, Verb.OCCUPIED): Deed.OCCUPIED,
    (About.UNIT, Verb.CLOSED): Deed.CLOSED,
    (About.NOTICE, Verb.YES): Deed.NOTE,
}
_DATED = frozenset({Verb.FREE, Verb.OCCUPIED, Verb.CLOSED})
#: what Twilio says of a text that it has answered itself (form field OptOutType)
_OPTED = {"STOP": Verb.OPT_OUT, "START": Verb.OPT_IN, "HELP": Verb.HELP}


def understand(text: str, opted: str | None = None) -> Command:
    """What ``text`` says; ``opted`` is what the carrier made of it, when it says so."""
    if opted in _OPTED:
        return Command(_OPTED[opted])
    alone = text[:MOST_SIGNS].strip(" \t\r\n.,;:!()\"'").upper()
    if alone in OPT_OUT_WORDS:
        return Command(Verb.OPT_OUT)
    if alone in OPT_IN_WORDS:
        return Command(Verb.OPT_IN)
    reading = _Reading(_plain(text))
    verbs = reading.verbs
    if verbs == {Verb.WHO}:
        about = tuple(w for w in reading.others if w not in ON_CALL_WORDS)
        return Command(Verb.WHO, about=about, language=reading.language)
    if verbs == {Verb.HELP}:
        return Command(Verb.HELP, language=reading.language)
    if verbs == {Verb.YES, Verb.STILL_TRUE}:  # "oui, toujours exact"
        verbs = {Verb.STILL_TRUE}
    verb = next(iter(verbs)) if len(verbs) == 1 else None
    return Command(
        verb,
        codes=reading.codes[0] if len(reading.codes) == 1 else frozenset(),
        nights=reading.nights,
        doubt=_doubt(reading, verbs, verb),
        language=reading.language,
    )


def _doubt(reading: _Reading, verbs: set[Verb], verb: Verb | None) -> Doubt | None:
    if not verbs:
        return Doubt.NO_COMMAND
    if len(verbs) > 1:
        return Doubt.TWO_COMMANDS
    if len(reading.codes) > 1:
        return Doubt.TWO_CODES
    if reading.unclear_dates:
        return Doubt.DATES
    if reading.others or (reading.nights is not None and verb not in _DATED):
        return Doubt.OTHER_WORDS
    if not reading.codes:
        return Doubt.NO_CODE
    return None


def _plain(text: str) -> str:
    """Capitals without accents; full-width and other dressed-up letters as ordinary ones."""
    parts = unicodedata.normalize("NFKD", text[:MOST_SIGNS])
    kept = "".join(c for c in parts if unicodedata.category(c) not in {"Mn", "Me", "Cf"})
    joined = re.sub(r"(?<=\w)['’‘`´](?=\w)", "", kept.upper())  # d'accord, jusqu'au
    return re.sub(r"\bT/M\b", "TM", joined)


# --- tokens -------------------------------------------------------------------------------------

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
_UNKNOWN = "?"


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    day: Day | None = None


def _tokens(plain: str) -> Iterator[_Token]:
    for match in _TOKEN.finditer(plain):
        kind, text = str(match.lastgroup), match.group()
        if kind == "date":
            day, month, *year = (int(part) for part in re.split(r"[/.\-\s]+", text))
            yield _Token(kind, text, Day(day, month, _year(year[0]) if year else None))
        elif kind == "word":
            yield from (_Token(kind, part) for part in _apart(text))
        elif kind == "other" and text not in FRIENDLY:
            yield _Token("word", _UNKNOWN)
        elif kind in {"number", "dash"}:
            yield _Token(kind, text)


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


# --- one text -----------------------------------------------------------------------------------


class _Reading:
    """The parts of a text: commands, dates, codes, and the words that are none of these."""

    def __init__(self, plain: str) -> None:
        tokens = _with_month_names(list(_tokens(plain)))
        self.verbs: set[Verb] = {VERBS[t.text] for t in tokens if t.text in VERBS}
        known = [SPOKEN[t.text] for t in tokens if t.text in SPOKEN]
        spoken = frozenset.intersection(*known) if known else frozenset()
        self.language = next(iter(spoken)) if len(spoken) == 1 else None
        self.unclear_dates = False
        self.nights: SaidNights | None = None
        rest = self._take_dates(tokens)
        self.codes: list[frozenset[str]] = []
        self.others: list[str] = []
        self._take_codes(rest)
        if len(tokens) > MOST_WORDS:
            self.others.append(_UNKNOWN)

    def _take_dates(self, tokens: list[_Token]) -> list[_Token | None]:
        """Read the dates; what is left of the tokens, with None where something was taken."""
        left: list[_Token | None] = [
            None if t.text in VERBS or t.text in POLITE else t for t in tokens
        ]
        places = [n for n, token in enumerate(tokens) if token.kind == "date"]
        if not places:
            return left
        if len(places) > 2:
            self.unclear_dates = True
            return left
        start, before = _connectives(tokens, places[0])
        first, last = tokens[places[0]].day, tokens[places[-1]].day
        if len(places) == 2:
            begin, between = _connectives(tokens, places[1])
            if begin != places[0] + 1 or not between & TO or before & TO:
                self.unclear_dates = True
        elif before & TO and start and _is_day(tokens[start - 1]):
            assert first is not None
            number = int(re.sub(r"\D", "", tokens[start - 1].text))
            first = Day(number, first.month, first.year)
            start, before = _connectives(tokens, start - 1)
            if before & TO:
                self.unclear_dates = True
        elif before & TO:
            first = None
        elif before & FROM_ON:
            last = None
        elif before & FROM:
            self.unclear_dates = True
        self.nights = SaidNights(first, last)
        left[start : places[-1] + 1] = [None] * (places[-1] + 1 - start)
        return left

    def _take_codes(self, left: list[_Token | None]) -> None:
        run: list[str] = []
        for token in (*left, None):
            if token is not None and token.kind == "dash":
                continue  # BCD-FG
            if token is not None:
                run.append(token.text)
                continue
            whole = "".join(run)
            parts = [whole] if _readings(whole) and _UNKNOWN not in run else run
            for part in parts:
                if not (readings := _readings(part)):
                    self.others.append(part)
                elif readings not in self.codes:
                    self.codes.append(readings)
            run = []


def _with_month_names(tokens: list[_Token]) -> list[_Token]:
    """ "12 mars", "1er mars 2027" as dates."""
    out: list[_Token] = []
    for token in tokens:
        month = MONTHS.get(token.text)
        if month is not None and out and _is_day(out[-1]):
            number = int(re.sub(r"\D", "", out.pop().text))
            out.append(_Token("date", "", Day(number, month)))
        elif out and out[-1].day is not None and not out[-1].text and _is_year(token):
            written = out.pop().day
            assert written is not None
            out.append(_Token("date", token.text, Day(written.day, written.month, int(token.text))))
        else:
            out.append(token)
    return out


def _is_day(token: _Token) -> bool:
    return token.kind == "number" and 1 <= int(re.sub(r"\D", "", token.text)) <= 31


def _is_year(token: _Token) -> bool:
    return token.kind == "word" and re.fullmatch(r"20\d\d", token.text) is not None


def _connectives(tokens: list[_Token], place: int) -> tuple[int, set[str]]:
    """The words that lead to the date at ``place``: where they begin, and which they are.

    A dash says "to" when something that may be a day stands before it.
    """
    said: set[str] = set()
    start = place
    while start:
        token = tokens[start - 1]
        if token.kind == "dash":
            if start >= 2 and (tokens[start - 2].kind == "date" or _is_day(tokens[start - 2])):
                said.add("TO")
        elif token.text in TO | FROM | FROM_ON | BESIDE_A_DATE:
            said.add(token.text)
        else:
            break
        start -= 1
    return start, said


# --- codes --------------------------------------------------------------------------------------

#: signs that no code has, and those that may have been read as them
_LOOKS_LIKE = {"O": "DQ", "0": "DQ", "I": "JT", "1": "JT", "L": "JT"}


def _readings(typed: str) -> frozenset[str]:
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
