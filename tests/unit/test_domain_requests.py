"""How a request ends, and who needs a place."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from shelter.domain.household import ADULTS, EVERYONE, Household, Person
from shelter.domain.requests import STATED_OUTCOMES, TURNED_AWAY, Outcome


def test_the_person_s_own_decision_is_never_counted_as_turned_away() -> None:
    own = {Outcome.PERSON_DECLINED, Outcome.PERSON_UNREACHABLE}
    assert not own & TURNED_AWAY
    assert Outcome.MISTAKE not in TURNED_AWAY


def test_every_outcome_but_housed_can_be_stated() -> None:
    assert frozenset(Outcome) - STATED_OUTCOMES == {Outcome.HOUSED}
    assert TURNED_AWAY <= STATED_OUTCOMES


@given(st.dictionaries(st.sampled_from(Person), st.integers(0, 12)))
def test_everybody_has_a_bed_or_a_cot(people: dict[Person, int]) -> None:
    household = Household(people)
    assert household.beds + household.cots == household.size == sum(people.values())
    assert household.cots == people.get(Person.INFANT, 0)


def test_adults_are_part_of_everyone() -> None:
    assert ADULTS < EVERYONE
    assert Person.INFANT not in ADULTS
