"""The protocols that the partners signed, as short lists of what to think of: ``[[protocol]]``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from shelter.domain.household import ADULTS, Person
from shelter.domain.sides import Side
from shelter.domain.toml_reader import Pattern, Table

#: more on one screen are read by nobody
MOST_STEPS = 12
_KEY = Pattern(
    r"[a-z][a-z0-9-]{0,39}", "a key", "write small letters, digits and dashes, a letter first"
)


class When(StrEnum):
    """Whose presence in a household calls for a step."""

    ALWAYS = "always"
    MINOR = "minor"
    ADULT = "adult"


@dataclass(frozen=True, slots=True)
class ProtocolStep:
    key: str
    side: Side
    when: When
    #: language → sentence; all the languages of the system are there
    texts: Mapping[str, str]

    def text(self, language: str) -> str:
        return self.texts.get(language) or self.texts["fr"]

    def concerns(self, side: Side, people: Mapping[Person, int]) -> bool:
        """Whether it is to be thought of for a household of this side."""
        there = {person for person, count in people.items() if count}
        if self.side is not side:
            return False
        match self.when:
            case When.MINOR:
                return bool(there - ADULTS)
            case When.ADULT:
                return bool(there & ADULTS)
        return True


def read_protocol(root: Table, languages: tuple[str, ...]) -> tuple[ProtocolStep, ...]:
    """The steps, in the order of the file; none where it names none."""
    steps: list[ProtocolStep] = []
    seen: set[str] = set()
    of_side = dict.fromkeys(Side, 0)
    for table in root.tables("protocol", needed=False):
        texts = table.table("text")
        step = ProtocolStep(
            key=table.once("key", table.text("key", _KEY), seen),
            side=table.member("side", Side),
            when=table.member("when", When),
            texts={language: texts.text(language) for language in languages},
        )
        of_side[step.side] += 1
        if of_side[step.side] == MOST_STEPS + 1:
            table.problem(
                "side",
                f"is step {MOST_STEPS + 1} of the {step.side}",
                f"keep {MOST_STEPS} for a side",
            )
        steps.append(step)
    return tuple(steps)
