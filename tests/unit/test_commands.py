"""A text by SMS is understood in four languages, and changes nothing unless every word is clear."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from shelter import i18n
from shelter.domain import command_tokens
from shelter.domain.codes import ALPHABET
from shelter.domain.command_dates import Day, ImpossibleDates, SaidNights, nights
from shelter.domain.command_words import (
    MONTHS,
    OPT_IN_WORDS,
    OPT_OUT_WORDS,
    POLITE,
    SPOKEN,
    VERBS,
    Verb,
)
from shelter.domain.commands import DEEDS, About, Command, Doubt, understand
from shelter.domain.messages import OPT_OUT_WORDS as CARRIERS_WORDS
from support import sms_texts

TONIGHT = date(2026, 11, 21)
CODE, OTHER, UNKNOWN = "GQ2BT", "HJKM7", "ZZ9ZW"
#: these say what to do, and do it without a code
FREE_OF_CODES = {Verb.WHO, Verb.HELP, Verb.OPT_OUT, Verb.OPT_IN}


def changes(command: Command, tonight: date = TONIGHT) -> bool:
    """Whether a message with this code, whatever it was about, would be answered by it."""
    if command.verb in FREE_OF_CODES or command.doubt is not None or CODE not in command.codes:
        return False
    if command.nights is not None:
        try:
            first, end = nights(command.nights, tonight)
        except ImpossibleDates:
            return False
        far = tonight + timedelta(days=2 * 366)
        return first <= far and (end is None or end <= far)
    return any((about, command.verb) in DEEDS for about in About)


# --- what is understood -------------------------------------------------------------------------


@pytest.mark.parametrize(("verb", "span", "text"), sms_texts.understood(CODE))
def test_what_people_write_is_understood(verb: str, span: str, text: str) -> None:
    command = understand(text)
    assert (command.verb, command.doubt) == (Verb(verb), None)
    assert command.codes == (frozenset() if command.verb in FREE_OF_CODES else {CODE})
    first, last = span.split("..")
    if command.nights is None:
        assert span == ".."
    else:
        begin, end = nights(command.nights, TONIGHT)
        assert begin == date.fromisoformat(first)
        assert end == (date.fromisoformat(last) + timedelta(days=1) if last else None)


@pytest.mark.parametrize(
    ("why", "text"), sms_texts.changes_nothing(CODE, OTHER, UNKNOWN), ids=lambda it: it[:30]
)
def test_what_is_not_clear_changes_nothing(why: str, text: str) -> None:
    command = understand(text)
    assert not changes(command), command
    if why in {"turned round", "a condition"}:  # for that reason, and not for want of a code
        assert command.doubt in {Doubt.OTHER_WORDS, Doubt.TWO_COMMANDS}, command
        assert command.codes == {CODE}


def test_the_corpora_are_as_large_as_they_say() -> None:
    nothing = Counter(why for why, _ in sms_texts.changes_nothing(CODE, OTHER, UNKNOWN))
    said = Counter(verb for verb, _, _ in sms_texts.understood(CODE))
    assert nothing.total() + said.total() >= 300
    assert set(said) == set(Verb)
    assert min(nothing.values()) >= 6


# --- two thousand ------------------------------------------------------------------------------


def test_two_thousand_texts_bring_no_wrong_update() -> None:
    wrong = []
    sure = 0
    for each in sms_texts.many(2000, CODE, UNKNOWN):
        command = understand(each.text)
        if each.verb is None:
            wrong += [each] if changes(command) else []
        else:
            sure += 1
            if command.verb is not each.verb or command.doubt or command.codes != {CODE}:
                wrong.append(each)
    assert wrong == []
    assert sure > 400  # so that "nothing is ever understood" would not pass


def test_a_parser_that_reads_the_words_it_knows_and_no_others_would_be_caught() -> None:
    """The control: a usual one, which looks for a command and a code anywhere."""

    def usual(text: str) -> bool:
        words = text.upper().split()
        return CODE in words and any(word in VERBS for word in words)

    wrong = [t for t in sms_texts.many(2000, CODE, UNKNOWN) if t.verb is None and usual(t.text)]
    assert len(wrong) > 50


@settings(max_examples=400, deadline=None)
@given(st.text(max_size=400))
@example("\ud800")
@example("A" * 5000)
@example("12/3" * 400)
@example("- " * 800)
@example(f"oui {CODE} {' ' * 1600} non")
@example("1er" * 500)
@example("\N{ARABIC LIGATURE SALLALLAHOU ALAYHE WASALLAM}" * 1600)
def test_no_text_at_all_is_an_error(text: str) -> None:
    assert not changes(understand(text))


@settings(max_examples=400, deadline=None)
@given(
    st.sampled_from(sorted(VERBS)),
    st.text(st.characters(codec="utf-8"), min_size=1, max_size=40),
    st.booleans(),
)
def test_words_of_no_list_beside_a_command_change_nothing(
    word: str, other: str, before: bool
) -> None:
    known = VERBS.keys() | POLITE
    letters = [w for w in command_tokens._plain(other).replace("-", " ").split() if w.isalpha()]
    strange = [w for w in letters if w not in known and len(w) not in {1, 5} and w.isascii()]
    text = f"{other} {word} {CODE}" if before else f"{word} {CODE} {other}"
    if strange:
        assert not changes(understand(text)), text


# --- codes --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "typed", ["gq2bt", "G Q 2 B T", "GQ2 BT", "g.q.2.b.t", "GQ2-BT", "ＧＱ２ＢＴ", "GQ2\u200bBT"]
)
def test_a_code_may_be_typed_with_spaces(typed: str) -> None:
    assert understand(f"oui {typed}").codes == {CODE}


@pytest.mark.parametrize("typed", ["GO2BT", "G02BT"])
def test_a_sign_that_no_code_has_stands_for_what_it_looks_like(typed: str) -> None:
    assert CODE in understand(f"oui {typed}").codes
    assert len(understand(f"oui {typed}").codes) == 2


def test_a_code_with_two_such_signs_is_none() -> None:
    assert understand("oui O0QBT").codes == frozenset()


def test_no_known_word_can_be_a_code() -> None:
    words = VERBS.keys() | POLITE | SPOKEN.keys() | MONTHS.keys()
    readable = [w for w in words if len(w) == 5 and set(w) <= set(ALPHABET)]
    assert readable == []


# --- dates --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tonight", "said", "expected"),
    [
        # in the last hours of a year the next one is meant
        (date(2026, 12, 31), Day(1, 1), (date(2027, 1, 1), date(2027, 1, 2))),
        # in January nobody means the December behind them
        (date(2027, 1, 2), Day(24, 12), None),
        (date(2027, 3, 28), Day(29, 3), (date(2027, 3, 29), date(2027, 3, 30))),
        (date(2028, 2, 1), Day(29, 2), (date(2028, 2, 29), date(2028, 3, 1))),
        (date(2027, 2, 1), Day(29, 2), None),
        (date(2027, 2, 1), Day(31, 2), None),
        # tonight is a night, yesterday's is over
        (TONIGHT, Day(21, 11), (TONIGHT, TONIGHT + timedelta(days=1))),
        (TONIGHT, Day(20, 11), None),
        (TONIGHT, Day(20, 11, 2027), (date(2027, 11, 20), date(2027, 11, 21))),
    ],
)
def test_the_year_of_a_date_is_the_one_that_people_mean(
    tonight: date, said: Day, expected: tuple[date, date] | None
) -> None:
    if expected is None:
        with pytest.raises(ImpossibleDates):
            nights(SaidNights(said, said), tonight)
    else:
        assert nights(SaidNights(said, said), tonight) == expected


@given(st.dates(date(2024, 1, 1), date(2030, 12, 31)), st.integers(0, 300), st.integers(0, 100))
def test_coming_nights_are_read_as_they_were_written(today: date, ahead: int, long: int) -> None:
    first = today + timedelta(days=ahead)
    last = first + timedelta(days=long)
    said = SaidNights(Day(first.day, first.month), Day(last.day, last.month))
    if (first.month, first.day) == (2, 29) or (last.month, last.day) == (2, 29):
        return  # which year is meant may be another one
    if (last.month < first.month and last.year == first.year + 1) or last.year == first.year:
        assert nights(said, today) == (first, last + timedelta(days=1))


# --- carriers' own words ------------------------------------------------------------------------


def test_the_eight_words_are_those_that_our_texts_may_not_contain() -> None:
    assert OPT_OUT_WORDS == CARRIERS_WORDS
    assert len(OPT_OUT_WORDS) == 8
    assert not (OPT_OUT_WORDS | OPT_IN_WORDS) & (VERBS.keys() | POLITE)


@pytest.mark.parametrize("word", sorted(OPT_OUT_WORDS))
def test_an_opt_out_is_the_word_alone(word: str) -> None:
    for text in (word, word.lower(), f" {word.title()}. ", f"{word}\n"):
        assert understand(text).verb is Verb.OPT_OUT
    for text in (f"{word} {CODE}", f"please {word.lower()} it", f"{word} {word}", f"non{word}"):
        assert understand(text).verb is not Verb.OPT_OUT


def test_what_the_carrier_says_counts_more_than_the_text() -> None:
    assert understand("arrêt", "STOP").verb is Verb.OPT_OUT
    assert understand(f"oui {CODE}", "STOP").verb is Verb.OPT_OUT
    assert understand("oui", "START").verb is Verb.OPT_IN
    assert understand("hilfe", "HELP").verb is Verb.HELP
    assert understand(f"oui {CODE}", "SOMETHING NEW").verb is Verb.YES


def test_yes_stays_a_yes() -> None:
    assert understand(f"YES {CODE}").verb is Verb.YES
    assert understand("YES").doubt is Doubt.NO_CODE


@pytest.mark.parametrize(
    ("text", "about"),
    [("qui", ()), ("QUI CPAS Trooz ?", ("CPAS", "TROOZ")), ("wie is van wacht", ())],
)
def test_who_may_name_a_service(text: str, about: tuple[str, ...]) -> None:
    assert understand(text).about == about


# --- what people are shown ----------------------------------------------------------------------


@pytest.mark.parametrize("language", i18n.LANGUAGES)
@pytest.mark.parametrize("verb", [v for v in Verb if v not in {Verb.OPT_OUT, Verb.OPT_IN}])
def test_every_command_that_people_are_shown_is_understood(verb: Verb, language: str) -> None:
    shown = i18n.text(language, f"command.{verb}", code=CODE)
    assert CODE in shown or verb in FREE_OF_CODES
    command = understand(shown)
    assert (command.verb, command.doubt) == (verb, None)
