"""Who needs a place: a household counted by age band. Nobody has a name here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from shelter_solver.problem import Person as Person

ADULTS = frozenset({Person.WOMAN, Person.MAN, Person.OTHER_ADULT})
EVERYONE = frozenset(Person)
MAX_PER_KIND = 12


@dataclass(frozen=True, slots=True)
class Household:
    people: Mapping[Person, int]

    @property
    def size(self) -> int:
        return sum(self.people.values())

    @property
    def beds(self) -> int:
        return self.size - self.cots

    @property
    def cots(self) -> int:
        return self.people.get(Person.INFANT, 0)


class Language(StrEnum):
    """Languages that a household speaks, as a need: an interpreter or a worker must be found."""

    FRENCH = "fr"
    DUTCH = "nl"
    GERMAN = "de"
    ENGLISH = "en"
    ARABIC = "ar"
    TURKISH = "tr"
    SPANISH = "es"
    ITALIAN = "it"
    PORTUGUESE = "pt"
    ROMANIAN = "ro"
    POLISH = "pl"
    RUSSIAN = "ru"
    UKRAINIAN = "uk"
    DARI_PASHTO = "fa"
    SIGN = "sign"
    OTHER = "other"
