"""What a text that comes by SMS says to do: a pure function of the text, and rather too careful.

Case, accents, spaces, punctuation and order do not matter. But a text changes something only when
*every* word of it is known, there is one command, one code, and dates that can be read: "pas libre
BCDFG", "oui BCDFG si…" and "oui BCDFG ?" are answered with what to write instead.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from shelter.domain.command_dates import Day, SaidNights
from shelter.domain.command_tokens import MOST_SIGNS, UNKNOWN, Token, is_day, readings_of, tokens_of
from shelter.domain.command_words import (
    BESIDE_A_DATE,
    FROM,
    FROM_ON,
    INCLUDED,
    ON_CALL_WORDS,
    OPT_IN_WORDS,
    OPT_OUT_WORDS,
    POLITE,
    SPOKEN,
    TO,
    VERBS,
    Verb,
)

#: nobody means a command with more
MOST_WORDS = 40


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
    reading = _Reading(tokens_of(text))
    verbs = reading.verbs
    if verbs == {Verb.WHO}:
        about = tuple(w for w in reading.words if w not in ON_CALL_WORDS | VERBS.keys())
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


class _Reading:
    """The parts of a text: commands, dates, codes, and the words that are none of these."""

    def __init__(self, tokens: list[Token]) -> None:
        self.words = [t.text for t in tokens if t.kind == "word" and t.text != UNKNOWN]
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
            self.others.append(UNKNOWN)

    def _take_dates(self, tokens: list[Token]) -> list[Token | None]:
        """Read the dates; what is left of the tokens, with None where something was taken."""
        left: list[Token | None] = [
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
        elif before & TO and start and is_day(tokens[start - 1]):
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
        end = places[-1] + 1
        if end < len(tokens) and tokens[end].kind == "dash":  # "12/3-": and then?
            self.unclear_dates = True
        if end < len(tokens) and tokens[end].text in INCLUDED:
            end += 1
        self.nights = SaidNights(first, last)
        left[start:end] = [None] * (end - start)
        return left

    def _take_codes(self, left: list[Token | None]) -> None:
        run: list[str] = []
        for token in (*left, None):
            if token is not None and token.kind == "dash":
                continue  # BCD-FG
            if token is not None:
                run.append(token.text)
                continue
            whole = "".join(run)
            parts = [whole] if readings_of(whole) and UNKNOWN not in run else run
            for part in parts:
                if not (readings := readings_of(part)):
                    self.others.append(part)
                elif readings not in self.codes:
                    self.codes.append(readings)
            run = []
        if any(len(readings) == 1 for readings in self.codes):
            # "nicht" beside a code is a word
            guesses = [readings for readings in self.codes if len(readings) > 1]
            self.codes = [readings for readings in self.codes if len(readings) == 1]
            self.others.extend(UNKNOWN for _ in guesses)


def _connectives(tokens: list[Token], place: int) -> tuple[int, set[str]]:
    """The words that lead to the date at ``place``: where they begin, and which they are.

    A dash says "to" when something that may be a day stands before it.
    """
    said: set[str] = set()
    start = place
    while start:
        token = tokens[start - 1]
        if token.kind == "dash":
            if start >= 2 and (tokens[start - 2].kind == "date" or is_day(tokens[start - 2])):
                said.add("TO")
        elif token.text in TO | FROM | FROM_ON | BESIDE_A_DATE:
            said.add(token.text)
        else:
            break
        start -= 1
    return start, said
