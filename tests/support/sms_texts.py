"""Texts that people, mistaken or hostile, may send: two corpora by hand, and as many as wanted."""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from shelter.domain.codes import ALPHABET
from shelter.domain.command_words import Verb

FOLDER = Path(__file__).parents[1] / "data" / "inbound"
#: one spelling of each command in each language
SPOKEN: dict[Verb, tuple[str, ...]] = {
    Verb.YES: ("oui", "ja", "yes", "ok", "d'accord", "akkoord", "einverstanden"),
    Verb.NO: ("non", "nee", "nein", "no", "impossible", "onmogelijk", "unmöglich"),
    Verb.HAND_ON: ("suivant", "volgende", "nächste", "next"),
    Verb.STILL_TRUE: ("exact", "klopt", "stimmt", "correct"),
    Verb.FREE: ("libre", "vrij", "frei", "free", "verfügbar"),
    Verb.OCCUPIED: ("occupé", "bezet", "belegt", "occupied", "full"),
    Verb.CLOSED: ("fermé", "gesloten", "gesperrt", "closed"),
}
#: each turns the meaning of a command round, or may
POISON = (
    "pas", "plus", "jamais", "ne", "sauf", "mais", "si", "peut-être", "demain", "lundi", "presque",
    "niet", "geen", "nooit", "maar", "als", "misschien", "morgen", "maandag", "bijna",
    "nicht", "kein", "nie", "aber", "wenn", "vielleicht", "Montag", "fast", "mehr",
    "not", "never", "but", "if", "maybe", "tomorrow", "monday", "unless", "almost", "dont",
    "?", "❌", "👎", "нет", "لا", "不", "όχι", "STOP", "xyzzy", "1/13", "%", "$", "\x00", "{", "|",
)  # fmt: skip
POLITE = ("merci", "svp", "dank u", "bitte", "please", "thanks", "bonjour", "hallo", "")
_BETWEEN = (" ", "  ", ", ", ": ", " - ", "\n", " ! ", "...", "\t", " = ")


@dataclass(frozen=True, slots=True)
class Text:
    """What is sent, and the command that it is; None for what may change nothing."""

    text: str
    verb: Verb | None


def understood(code: str) -> list[tuple[str, str, str]]:
    """Command, nights and text of the corpus of what is to be understood."""
    rows = [line.split("|", 2) for line in _lines("understood.txt")]
    return [(verb, nights, text.replace("{code}", code)) for verb, nights, text in rows]


def changes_nothing(code: str, other: str, unknown: str) -> list[tuple[str, str]]:
    """Why, and the text, of the corpus of what may change nothing."""
    rows = [line.split("|", 1) for line in _lines("changes_nothing.txt")]
    given = {"{code}": code, "{other}": other, "{unknown}": unknown}
    texts = []
    for why, text in rows:
        for name, value in given.items():
            text = text.replace(name, value)
        texts.append((why, text))
    return texts


def _lines(name: str) -> list[str]:
    lines = (FOLDER / name).read_text("utf-8").split("\n")[:-1]
    return [line for line in lines if not line.startswith("#")]


def many(number: int, code: str, unknown: str, seed: int = 5) -> Iterator[Text]:
    """Texts of which it is known, from how they were made, what they may do."""
    dice = random.Random(seed)
    for _ in range(number):
        verb = dice.choice(list(SPOKEN))
        word = dice.choice(SPOKEN[verb])
        kind = dice.choice(("plain", "plain", "poison", "two", "codeless", "wrong", "noise"))
        polite = dice.choice(POLITE)
        if kind == "plain":
            yield Text(_put_together(dice, word, code, polite), verb)
        elif kind == "poison":
            yield Text(_put_together(dice, word, code, polite, dice.choice(POISON)), None)
        elif kind == "two":
            # a yes beside "still true" is one statement
            pair = {Verb.YES, Verb.STILL_TRUE}
            others = [v for v in SPOKEN if v is not verb and {v, verb} != pair]
            second = dice.choice(SPOKEN[dice.choice(others)])
            yield Text(_put_together(dice, word, second, code, polite), None)
        elif kind == "codeless":
            yield Text(_put_together(dice, word, polite), None)
        elif kind == "wrong":
            yield Text(_put_together(dice, word, unknown, polite), None)
        else:
            yield Text(_noise(dice), None)


def _put_together(dice: random.Random, *parts: str) -> str:
    words = [_mangled(dice, part) for part in parts if part]
    dice.shuffle(words)
    text = words[0]
    for word in words[1:]:
        text += dice.choice(_BETWEEN) + word
    return dice.choice(("", " ", "\n", "«")) + text + dice.choice(("", " ", ".", "!", "»"))


def _mangled(dice: random.Random, word: str) -> str:
    """The same word as tired thumbs and other keyboards write it."""
    if set(word.upper()) <= set(ALPHABET) and len(word) == 5 and dice.random() < 0.3:
        at = dice.randrange(1, 5)
        word = f"{word[:at]}{dice.choice((' ', '-', '.'))}{word[at:]}"
    case = dice.choice((str.upper, str.lower, str.title, str))
    word = case(word)
    return unicodedata.normalize("NFD" if dice.random() < 0.3 else "NFC", word)


def _noise(dice: random.Random) -> str:
    """Any signs at all: letters, symbols, controls, halves of pairs left out."""
    signs = (dice.randrange(1, 0x30000) for _ in range(dice.randrange(0, 300)))
    return "".join(chr(n) for n in signs if not 0xD800 <= n <= 0xDFFF)
