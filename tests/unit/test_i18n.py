"""Four languages that say the same, within what an SMS may say, and never in the way of a user."""

from __future__ import annotations

import re
import threading
from datetime import UTC, date, datetime, timedelta
from importlib import resources
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shelter import i18n
from shelter.domain.codes import ALPHABET
from shelter.domain.commands import DEEDS, About, understand
from shelter.domain.contacts import TEMPLATES
from shelter.domain.messages import text_problems

BRUSSELS = ZoneInfo("Europe/Brussels")
SMS = [key for key in i18n.keys("fr") if key.startswith("sms.")]
REPLIES = [key for key in SMS if key.startswith("sms.reply_")]
#: messages that ask for an answer
ASKING = ("sms.alert", "sms.availability", "sms.placement_expected", "sms.placement_extended")
#: five letters each, and every letter takes one septet
LONGEST = {"ref": "WWWWW", "code": "MMMMM", "number": "+" + 15 * "2", "second": "+" + 15 * "3"}


def nights(language: str) -> list[str]:
    """How the nights of a unit may be told, in their longest form."""
    return [
        i18n.text(language, key, first="28/12/26", last="28/12/28")
        for key in i18n.keys("fr")
        if key.startswith("sms_nights.")
    ]


def broken(old: str, new: str) -> bytes:
    """The Dutch file with one mistake in it."""
    po = resources.files(i18n).joinpath("nl.po").read_bytes().decode()
    assert old in po
    return po.replace(old, new, 1).encode()


# The catalogues.


@pytest.mark.parametrize("language", i18n.LANGUAGES)
def test_every_language_says_what_french_says(language: str) -> None:
    assert i18n.problems(i18n.catalogue("fr"), i18n.catalogue(language)) == ()


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('msgid "sms.alert"', 'msgid "sms.alarm"', "sms.alert: missing"),
        ('msgid "sms.alert"', 'msgid "sms.alarm"', "sms.alarm: not in the model"),
        ('"Ref {ref}: bevestigd. Code {code}"', '""', "sms.placement_confirmed: empty"),
        ('"Ref {ref}: bevestigd. Code {code}"', '" "', "sms.placement_confirmed: empty"),
        (
            "{ref}: bevestigd",
            "{reference}: bevestigd",
            "sms.placement_confirmed: placeholders ['code', 'reference'], not ['code', 'ref']",
        ),
        ("{ref}: bevestigd", "{ref: bevestigd", "malformed placeholder"),
        ("{ref}: bevestigd", "{0}: bevestigd", "malformed placeholder"),
        ("{ref}: bevestigd", "{ref.x}: bevestigd", "malformed placeholder"),
        ("{ref}: bevestigd", "{ref!r}: bevestigd", "malformed placeholder"),
        ('msgstr[1] "{n} nachten"', 'msgstr[1] ""', "request.nights: empty"),
    ],
)
def test_a_mistake_in_a_catalogue_is_noticed(old: str, new: str, problem: str) -> None:
    found = i18n.problems(i18n.catalogue("fr"), i18n.read_catalogue(broken(old, new)))
    assert any(problem in text for text in found), found


def test_another_order_is_noticed() -> None:
    forms = i18n.catalogue("nl").forms
    turned = i18n.Catalogue({key: forms[key] for key in sorted(forms, reverse=True)})
    assert i18n.problems(i18n.catalogue("fr"), turned) == ("another order than the model's",)


def test_a_key_given_twice_is_noticed() -> None:
    with pytest.raises(ValueError, match=r"given twice: sms\.alert"):
        i18n.read_catalogue(broken('msgid "sms.availability"', 'msgid "sms.alert"'))


# What an SMS may say.


@pytest.mark.parametrize("language", i18n.LANGUAGES)
@pytest.mark.parametrize("key", SMS)
def test_an_sms_fits_one_segment_and_tells_nothing(language: str, key: str) -> None:
    assert len(nights(language)) == 4
    for said in nights(language):
        body = i18n.text(language, key, **LONGEST, nights=said)
        assert "{" not in body
        assert text_problems(body) == ()


def test_a_text_of_two_segments_would_be_noticed() -> None:
    """The control: one text, with codes of forty letters."""
    longer = LONGEST | {"code": 40 * "M"}
    assert text_problems(i18n.text("fr", "sms.availability", **longer)) != ()


@given(
    st.sampled_from(i18n.LANGUAGES),
    st.sampled_from(SMS),
    st.text(ALPHABET, min_size=5, max_size=5),
    st.text(ALPHABET, min_size=5, max_size=5),
)
def test_no_reference_or_code_makes_an_sms_unsendable(
    language: str, key: str, ref: str, code: str
) -> None:
    given = LONGEST | {"ref": ref, "code": code, "nights": nights(language)[0]}
    assert text_problems(i18n.text(language, key, **given)) == ()


@pytest.mark.parametrize("language", i18n.LANGUAGES)
@pytest.mark.parametrize("key", [key for key in SMS if key not in REPLIES])
def test_every_sms_that_is_queued_can_be_found_again_by_its_code(language: str, key: str) -> None:
    body = i18n.text(language, key, **LONGEST)
    assert LONGEST["code"] in body
    # to a person's own telephone no reference goes: whoever watches it would ask what it is
    assert (LONGEST["ref"] in body) is (key not in TEMPLATES)


@pytest.mark.parametrize("language", i18n.LANGUAGES)
@pytest.mark.parametrize("key", ASKING)
def test_a_question_says_what_to_answer_in_words_that_are_understood(
    language: str, key: str
) -> None:
    """Every command that a text shows is read back as a command with its code."""
    body = i18n.text(language, key, ref="BCDFG", code="MMMMM")
    shown = re.findall(r"\b([^\W\d_]+) MMMMM", body)
    assert len(shown) >= 2
    about = {"sms.alert": About.ALERT, "sms.availability": About.UNIT}.get(key, About.PLACEMENT)
    for word in shown:
        command = understand(f"{word} MMMMM")
        assert command.doubt is None, word
        assert command.verb is not None
        assert (about, command.verb) in DEEDS, word


@pytest.mark.parametrize("language", i18n.LANGUAGES)
@pytest.mark.parametrize("key", REPLIES)
def test_an_answer_shows_only_commands_that_are_understood(language: str, key: str) -> None:
    body = i18n.text(language, key, **LONGEST, nights=nights(language)[0])
    dates = "|".join(("jusqu'au", "tot", "bis", "until"))
    shown = rf"\b(?!Code\b)([A-Za-z]+ MMMMM(?: (?:(?:{dates}) )?[-\d/]*\d)?)"
    for command in re.findall(shown, body):
        assert understand(command).doubt is None, command


# Texts.


def test_a_text_has_its_parameters_put_in() -> None:
    assert (
        i18n.text("fr", "sms.placement_confirmed", ref="BCDFG", code="HJKMN")
        == "Réf BCDFG: confirmé. Code HJKMN"
    )


def test_a_parameter_may_have_any_name() -> None:
    assert i18n.text("fr", "age.now", language="x", key="y") == "à l'instant"


@pytest.mark.parametrize("language", ["es", "", "FR", "../fr"])
def test_a_language_that_we_do_not_speak_is_french(language: str) -> None:
    assert i18n.text(language, "age.now") == "à l'instant"


def test_a_missing_text_is_said_in_french_or_by_its_key(monkeypatch: pytest.MonkeyPatch) -> None:
    real = i18n._catalogue
    empty = i18n.Catalogue({"age.now": ("",)})
    monkeypatch.setattr(i18n, "_catalogue", lambda name: empty if name == "nl" else real(name))
    assert i18n.text("nl", "age.now") == "à l'instant"
    assert i18n.plural("nl", "request.nights", 0) == "0 nuit"  # counted as French counts
    assert i18n.text("nl", "no.such.key", n=1) == "no.such.key"
    assert i18n.plural("nl", "no.such.key", 2) == "no.such.key"


@pytest.mark.parametrize("template", ["{x}", "{", "}", "{0}", "{name.x}", "{name[x]}", "{name:d}"])
def test_no_mistake_in_a_text_reaches_a_user_as_an_error(
    template: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(i18n, "_catalogue", lambda _: i18n.Catalogue({"key": (template,)}))
    assert i18n.text("fr", "key", name="a") == template


def test_braces_in_a_parameter_are_only_braces() -> None:
    assert "{code}" in i18n.text("fr", "sms.alert", ref="{code}", code="HJKMN")


# Counting.


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("fr", ("0 nuit", "1 nuit", "2 nuits")),
        ("nl", ("0 nachten", "1 nacht", "2 nachten")),
        ("de", ("0 Nächte", "1 Nacht", "2 Nächte")),
        ("en", ("0 nights", "1 night", "2 nights")),
    ],
)
def test_things_are_counted_as_the_language_does(language: str, said: tuple[str, ...]) -> None:
    assert tuple(i18n.plural(language, "request.nights", n) for n in range(3)) == said


def test_large_numbers_have_the_languages_separators() -> None:
    assert i18n.plural("nl", "request.nights", 12_000) == "12.000 nachten"
    assert i18n.plural("fr", "request.nights", 1_000_000).endswith(" nuits")
    assert i18n.number("en", 1234.5) == "1,234.5"
    assert i18n.number("de", 1234.5) == "1.234,5"


# Dates.


@pytest.mark.parametrize(
    ("language", "full"),
    [
        ("fr", "samedi 21 novembre 2026"),
        ("nl", "zaterdag 21 november 2026"),
        ("de", "Samstag, 21. November 2026"),
        ("en", "Saturday, 21 November 2026"),
    ],
)
def test_a_date_in_full(language: str, full: str) -> None:
    assert i18n.date_text(language, date(2026, 11, 21), "full") == full


def test_a_time_is_told_in_the_networks_zone() -> None:
    summer = datetime(2026, 7, 1, 22, 30, tzinfo=UTC)
    assert i18n.datetime_text("fr", summer, BRUSSELS) == "2 juil. 2026, 00:30"
    winter = datetime(2026, 11, 21, 13, 5, 59, tzinfo=UTC)
    assert i18n.datetime_text("en", winter, BRUSSELS) == "21 Nov 2026, 14:05"


def test_a_time_without_a_zone_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="zone"):
        i18n.datetime_text("fr", datetime(2026, 7, 1, 22, 30), BRUSSELS)  # noqa: DTZ001


@pytest.mark.parametrize(
    ("elapsed", "said"),
    [
        (timedelta(hours=-3), "à l'instant"),
        (timedelta(seconds=59), "à l'instant"),
        (timedelta(minutes=5, seconds=59), "il y a 5 min"),
        (timedelta(minutes=59, seconds=59), "il y a 59 min"),
        (timedelta(hours=3, minutes=59), "il y a 3 h"),
        (timedelta(hours=23, minutes=59), "il y a 23 h"),
        (timedelta(days=2, hours=23), "il y a 2 j"),
        (timedelta(days=45), "il y a 45 j"),
    ],
)
def test_an_age_is_rounded_down(elapsed: timedelta, said: str) -> None:
    assert i18n.age("fr", elapsed) == said


def test_an_age_in_the_other_languages() -> None:
    day = timedelta(days=1)
    assert [i18n.age(language, day) for language in ("nl", "de", "en")] == [
        "1 d geleden",
        "vor 1 Tag",
        "1 d ago",
    ]
    assert i18n.age("de", 2 * day) == "vor 2 Tagen"


# The choice of a language.


@pytest.mark.parametrize(
    ("header", "language"),
    [
        (None, "fr"),
        ("", "fr"),
        ("nl-BE,nl;q=0.9,en;q=0.8", "nl"),
        ("en;q=0.2, de-BE;q=0.7", "de"),
        ("EN-gb", "en"),
        ("es,it;q=0.9", "fr"),
        ("es, *;q=0.5", "fr"),
        ("es, nl;q=0.3, *;q=0.1", "nl"),
        ("nl;q=0, de;q=0.1", "de"),
        ("de,nl", "de"),
        ("nl;q=nan,de;q=1e9,en;q=-1", "fr"),
        ("nl;level=1", "fr"),
        (";;;,,,=", "fr"),
        ("nl ; q=0.5 , de ; q=0.6", "de"),
    ],
)
def test_the_browsers_wish(header: str | None, language: str) -> None:
    assert i18n.negotiate(header) == language


@given(st.text(max_size=80))
def test_no_header_is_too_strange(header: str) -> None:
    assert i18n.negotiate(header) in i18n.LANGUAGES


# Threads.


def test_many_threads_may_ask_first() -> None:
    i18n._catalogue.cache_clear()
    i18n._locale.cache_clear()
    start, said = threading.Barrier(8), []

    def ask() -> None:
        start.wait()
        said.append(i18n.plural("de", "request.nights", 3))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert said == ["3 Nächte"] * 8
