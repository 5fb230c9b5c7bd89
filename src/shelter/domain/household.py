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
    #: cots that come with it
    own_cots: int = 0

    @property
    def size(self) -> int:
        return sum(self.people.values())

    @property
    def beds(self) -> int:
        """Beds needed: everybody but infants."""
        return self.size - self.people.get(Person.INFANT, 0)

    @property
    def cots(self) -> int:
        """Cots needed of the place."""
        return max(0, self.people.get(Person.INFANT, 0) - self.own_cots)


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
