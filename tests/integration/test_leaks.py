"""A small ``make leaks``: the attack learns nothing, and learns everything where there is a leak.

Directions, not figures: those of the full run are in docs/adr/0017-how-leaks-are-measured.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
import structlog

from leaks.attack import ROUND
from leaks.country import COMMUNES
from leaks.inference import accuracy, different_answers, timing_auc
from leaks.run import HTTP_EVERY, Case, attack

VICTIMS = 40


@pytest.fixture(scope="module", autouse=True)
def _quiet() -> Iterator[None]:
    before = structlog.get_config()
    yield
    structlog.configure(**before)


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    return sorted(attack(list(range(VICTIMS)), rounds=1), key=lambda case: case.number)


@pytest.fixture(scope="module")
def leaked() -> list[Case]:
    return sorted(attack(list(range(VICTIMS)), rounds=1, leaking=True), key=lambda c: c.number)


def test_every_victim_brings_the_same_answers_byte_for_byte(
    cases: list[Case], leaked: list[Case]
) -> None:
    different, questions = different_answers(cases)
    assert questions == 2 * (ROUND + 1)  # in the services and over HTTP, and the messages
    assert different == 0
    assert different_answers(leaked)[0] > COMMUNES  # control


def test_an_attacker_who_knows_the_map_guesses_no_better_than_blindly(
    cases: list[Case], leaked: list[Case]
) -> None:
    found = accuracy(cases)
    assert found.low <= 1 / COMMUNES + 0.02, found
    assert found.mean < 0.2, found
    # control: so few teach less than the hundreds of make leaks, which asks for 0.9
    assert accuracy(leaked).low >= 0.5


def test_the_attack_uses_both_ways_in_and_victims_who_are_everywhere(cases: list[Case]) -> None:
    """Control: an attack on one place, or one that is refused everywhere, would prove nothing."""
    assert sum(case.over_http for case in cases) == VICTIMS // HTTP_EVERY
    assert len({case.where[-1] for case in cases}) > COMMUNES / 2
    for case in cases:
        assert len(case.seen.seconds) == ROUND
        assert sum(case.seen.first[0]) == COMMUNES  # every wish is met, wherever the victim is


def test_a_question_has_the_same_number_for_every_victim() -> None:
    """Found broken: where some holds failed and others did not, the full run compared nothing."""
    for case in attack([1, 2], rounds=4, leaking=True):
        assert len(case.seen.seconds) == 4 * ROUND
        assert len(case.seen.answers) == 4 * (ROUND + 1)


def test_a_clock_that_shows_where_somebody_is_would_be_noticed(cases: list[Case]) -> None:
    """Controls of the measure itself, on made-up durations: no clock is trusted in this suite."""

    def seconds(case: Case, by: int, period: int, near: float = 0.0) -> list[tuple[float, float]]:
        noise = [1.0 + (case.number * 7 + c * by) % period / 50 for c in range(COMMUNES)]
        noise[case.where[0]] += near
        return [(each, each) for each in noise]

    def timed(near: float) -> list[Case]:
        return [
            replace(
                case,
                seen=replace(
                    case.seen,
                    wish_s=[seconds(case, 3, 11)],
                    options_s=[seconds(case, 13, 17, near)],
                ),
            )
            for case in cases
        ]

    assert timing_auc(timed(0.3)).mean > 0.8
    assert timing_auc(timed(0.0), slower=0.3).mean > 0.8
    nothing = timing_auc(timed(0.0))
    assert nothing.low < 0.55, nothing
