"""Nobody protects a family's address with a password that is tried first."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shelter.cli import DEMO_PASSWORD
from shelter.services.passwords import MIN_LENGTH, password_problem

ABOUT = ("logement.sprimont", "Julie Fictive", "cpas-aywaille", "Chaudfontaine")


def code_of(password: str, known: tuple[str, ...] = ()) -> str | None:
    problem = password_problem(password, known)
    return problem.code if problem else None


@given(st.text(max_size=MIN_LENGTH - 1))
def test_a_short_one_is_refused_and_told_how_long(password: str) -> None:
    problem = password_problem(password)
    assert problem is not None
    assert (problem.code, problem.params) == ("too_short", (("min", MIN_LENGTH),))


@pytest.mark.parametrize(
    "password",
    [
        "motdepasse12",
        "azertyuiop12",
        "aaaaaaaaaaaaaaaa",
        "123456789012",
        "password-123",
        "shelter-2026",
        "hebergement12",
    ],
)
def test_what_a_guesser_tries_first_is_refused(password: str) -> None:
    assert code_of(password) == "guessable"


@pytest.mark.parametrize("password", ["logement.sprimont", "Julie Fictive 1", "chaudfontaine12"])
def test_words_of_the_account_are_no_secret(password: str) -> None:
    assert code_of(password, ABOUT) == "guessable"


@pytest.mark.parametrize(
    "password",
    [
        DEMO_PASSWORD,
        "Trois chats dorment sur le radiateur",
        "x9f!kd02mmaZ",
        "ünïcödé ist erlaubt, auch 漢字",
        "Quatre vaches regardent passer le train de nuit, " * 4,
    ],
)
def test_control_a_sentence_or_a_generated_one_passes(password: str) -> None:
    assert code_of(password, ABOUT) is None
