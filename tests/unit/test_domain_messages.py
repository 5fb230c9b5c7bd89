"""What an SMS may say, how long it is, and in which order its states come."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shelter.domain.messages import (
    FORBIDDEN_WORDS,
    GSM7_BASIC,
    GSM7_EXTENSION,
    OPT_OUT_WORDS,
    SEGMENT_SEPTETS,
    MessageState,
    septets,
    supersedes,
    text_problems,
)


def test_the_gsm_7_alphabets_have_the_size_of_the_standard() -> None:
    # TS 23.038 §6.2.1: 128 codes, one of which is the escape to the extension table
    assert len(GSM7_BASIC) == 127
    assert len(GSM7_EXTENSION) == 10
    assert not GSM7_BASIC & GSM7_EXTENSION


@pytest.mark.parametrize("character", sorted(GSM7_EXTENSION))
def test_a_character_of_the_extension_costs_two_septets(character: str) -> None:
    assert septets(character) == 2


@given(st.text(alphabet=sorted(GSM7_BASIC | GSM7_EXTENSION), max_size=200))
def test_a_length_is_the_characters_plus_the_extended_ones(text: str) -> None:
    assert septets(text) == len(text) + sum(c in GSM7_EXTENSION for c in text)


@pytest.mark.parametrize("text", ["ê", "ç", "’", "…", "œ", "–", "🏠"])
def test_a_character_outside_gsm_7_is_refused(text: str) -> None:
    (problem,) = text_problems(text)
    assert "is not in the GSM-7 alphabet" in problem


def test_one_segment_is_160_septets_and_no_more() -> None:
    assert text_problems("x" * SEGMENT_SEPTETS) == ()
    assert text_problems("x" * 161) == ("161 septets do not fit one segment",)
    assert text_problems("€" * 80) == ()
    assert text_problems("€" * 81) == ("162 septets do not fit one segment",)


@pytest.mark.parametrize("word", FORBIDDEN_WORDS)
def test_a_word_that_tells_too_much_is_refused_in_any_case(word: str) -> None:
    for text in (f"Ref K7 {word} ok", f"Ref K7 {word.upper()} ok"):
        assert f"says {word.strip()!r}" in text_problems(text)


def test_an_accent_hides_no_forbidden_word() -> None:
    assert "says 'tater'" in text_problems("Täter")


@pytest.mark.parametrize("word", sorted(OPT_OUT_WORDS))
def test_a_text_never_asks_for_an_opt_out_word(word: str) -> None:
    assert f"contains the opt-out word {word}" in text_problems(f"Ref K7. Reply {word.lower()}.")


def test_an_opt_out_word_inside_another_is_harmless() -> None:
    assert text_problems("Calendrier, legende, agenda") == ()


def test_a_neutral_text_passes_in_each_language() -> None:
    for text in (
        "Réf. K7M2: à confirmer. Répondez OK K7M2.",
        "Ref. K7M2: te bevestigen. Antwoord OK K7M2.",
        "Ref. K7M2: bitte bestätigen. Antwort OK K7M2.",
        "Ref. K7M2: please confirm. Reply OK K7M2.",
    ):
        assert text_problems(text) == ()


def test_every_problem_of_a_text_is_told() -> None:
    assert len(text_problems("Police: STOP ê")) == 3


FINAL = {
    MessageState.DELIVERED,
    MessageState.UNDELIVERED,
    MessageState.FAILED,
    MessageState.EXPIRED,
}


@pytest.mark.parametrize("late", [s for s in MessageState if s not in FINAL])
@pytest.mark.parametrize("final", sorted(FINAL))
def test_a_late_report_never_reopens_a_finished_message(
    late: MessageState, final: MessageState
) -> None:
    assert not supersedes(late, final)
    assert supersedes(final, late)


@pytest.mark.parametrize("state", MessageState)
def test_a_repeated_report_changes_nothing(state: MessageState) -> None:
    assert not supersedes(state, state)


def test_nothing_supersedes_delivered() -> None:
    assert not any(supersedes(state, MessageState.DELIVERED) for state in MessageState)
