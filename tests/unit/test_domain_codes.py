"""Codes that people read aloud and type."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shelter.domain.codes import ALPHABET, normalise_code, random_code
from shelter.domain.messages import septets, text_problems


def test_no_two_letters_of_a_code_look_alike() -> None:
    assert len(ALPHABET) == len(set(ALPHABET)) == 27
    assert not set(ALPHABET) & set("01OILAEUY")


@given(st.integers(1, 20))
def test_a_code_has_its_length_and_survives_a_text_message(length: int) -> None:
    code = random_code(length)
    assert len(code) == septets(code) == length
    assert set(code) <= set(ALPHABET)
    assert text_problems(f"Ref {code}") == ()


def test_codes_do_not_repeat() -> None:
    # 27**8 is about 2.8e11: a repetition among 1000 has a chance of one in 500 000
    assert len({random_code(8) for _ in range(1000)}) == 1000


@pytest.mark.parametrize("typed", ["k7m2pq", " K7M 2PQ ", "K7M-2PQ", "k7m.2pq\n", "K7M–2PQ"])
def test_case_spaces_and_dashes_do_not_matter(typed: str) -> None:
    assert normalise_code(typed) == "K7M2PQ"


@given(st.text(max_size=30))
def test_a_normalised_code_stays_as_it_is(typed: str) -> None:
    once = normalise_code(typed)
    assert normalise_code(once) == once
