"""Every word that a person reads: catalogues, dates, numbers and the choice of a language.

The catalogues are the ``.po`` files in this folder, with symbolic keys, compiled in memory at
first use. French is complete by definition: what another language lacks is said in French. A
wrong parameter never stops a page or an SMS; ``problems`` finds such mistakes in the tests.
"""

from __future__ import annotations

import re
import string
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache
from importlib import resources
from io import BytesIO
from typing import Literal
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date, format_time
from babel.messages.pofile import read_po
from babel.numbers import format_decimal

LANGUAGES = ("fr", "nl", "de", "en")
_FALLBACK = "fr"
#: the Belgian ways of writing dates and numbers, and a European one for English
_LOCALES = {"fr": "fr_BE", "nl": "nl_BE", "de": "de_BE", "en": "en_GB"}

DateStyle = Literal["short", "medium", "long", "full"]


@dataclass(frozen=True, slots=True)
class Catalogue:
    """One language's texts. A plain text has one form, a counted one has two: one, other."""

    forms: Mapping[str, tuple[str, ...]]


def text(language: str, key: str, /, **params: object) -> str:
    """The text of ``key`` with ``{name}`` replaced; in French, or the key itself, if missing."""
    return _filled(_found(language, key)[1][-1], params)


def plural(language: str, key: str, n: int, /, **params: object) -> str:
    """The form of ``key`` that ``n`` things take; ``{n}`` is the number as the language writes it.

    French counts zero as one ("0 nuit"), the others do not.
    """
    spoken, forms = _found(language, key)
    one = _locale(spoken).plural_form(n) == "one"
    return _filled(forms[0] if one else forms[-1], {"n": number(spoken, n), **params})


def date_text(language: str, day: date, style: DateStyle = "medium") -> str:
    """A date: 21/11/26, 21 nov. 2026, 21 novembre 2026, samedi 21 novembre 2026."""
    return format_date(day, format=style, locale=_locale(language))


def datetime_text(language: str, moment: datetime, zone: ZoneInfo) -> str:
    """Day and minute in ``zone``, without seconds. Raises ValueError for a time without a zone."""
    if moment.tzinfo is None:
        raise ValueError("a time without a zone could be read an hour wrong")
    locale, local = _locale(language), moment.astimezone(zone)
    day = format_date(local.date(), format="medium", locale=locale)
    minute = format_time(local.time(), format="short", locale=locale)
    return f"{day}, {minute}"


def number(language: str, value: int | float | Decimal) -> str:
    """A number with the language's own separators."""
    return format_decimal(value, locale=_locale(language))


def age(language: str, elapsed: timedelta) -> str:
    """How long ago, rounded down to minutes, hours or days: "il y a 5 min".

    Less than a minute, or a time in the future (two clocks differ), is "just now".
    """
    minutes = elapsed // timedelta(minutes=1)
    if minutes < 1:
        return text(language, "age.now")
    if minutes < 60:
        return plural(language, "age.minutes", minutes)
    if minutes < 24 * 60:
        return plural(language, "age.hours", minutes // 60)
    return plural(language, "age.days", elapsed.days)


def negotiate(accept_language: str | None) -> str:
    """The best of our languages for an ``Accept-Language`` header (RFC 9110 §12.5.4).

    French when the header is missing, unreadable, or names none of ours.
    """
    best, best_quality = _FALLBACK, 0.0
    for item in (accept_language or "").split(","):
        tag, _, parameter = item.partition(";")
        language = tag.strip().lower().split("-")[0]
        quality = _quality(parameter)
        if language == "*":
            language = _FALLBACK
        if language in LANGUAGES and quality > best_quality:
            best, best_quality = language, quality
    return best


def keys(language: str) -> tuple[str, ...]:
    """The keys of a language, in the order of its file."""
    return tuple(_catalogue(language).forms)


def catalogue(language: str) -> Catalogue:
    """One of our languages, for ``problems``."""
    return _catalogue(language)


def read_catalogue(po: bytes) -> Catalogue:
    """The texts of a ``.po`` file. Raises ValueError on what cannot be read, or a key given twice.

    Babel lets the second of two equal keys win in silence, hence the look at the lines.
    """
    names = re.findall(r'^msgid "(.+)"$', po.decode(), flags=re.MULTILINE)
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"given twice: {', '.join(twice)}")
    forms: dict[str, tuple[str, ...]] = {}
    for message in read_po(BytesIO(po), abort_invalid=True):
        if not message.id:
            continue  # the header
        key = message.id if isinstance(message.id, str) else message.id[0]
        said = message.string
        forms[key] = (said,) if isinstance(said, str) else tuple(said or ("",))
    return Catalogue(forms)


def problems(model: Catalogue, other: Catalogue) -> tuple[str, ...]:
    """Everything in which ``other`` fails ``model``: keys, their order, forms, placeholders."""
    found = [f"{key}: missing" for key in model.forms if key not in other.forms]
    found += [f"{key}: not in the model" for key in other.forms if key not in model.forms]
    if not found and tuple(model.forms) != tuple(other.forms):
        found.append("another order than the model's")
    for key, forms in other.forms.items():
        if not all(form and form.strip() for form in forms):
            found.append(f"{key}: empty")
            continue
        expected = model.forms.get(key, forms)
        if len(forms) != len(expected):
            found.append(f"{key}: {len(forms)} forms, not {len(expected)}")
        try:
            wanted, given = _names(expected), _names(forms)
        except ValueError as error:
            found.append(f"{key}: malformed placeholder: {error}")
            continue
        # A form for exactly one may say "one" in words, so forms are compared together.
        if wanted != given:
            found.append(f"{key}: placeholders {sorted(given)}, not {sorted(wanted)}")
    return tuple(found)


def _names(forms: tuple[str, ...]) -> set[str]:
    """The placeholders of all forms. Raises ValueError for one that is not a plain ``{name}``."""
    names: set[str] = set()
    for form in forms:
        for _, name, spec, conversion in string.Formatter().parse(form):
            if name is None:
                continue
            if not name.isidentifier() or spec or conversion:
                raise ValueError(f"{form!r} has one that is not a plain name")
            names.add(name)
    return names


def _found(language: str, key: str) -> tuple[str, tuple[str, ...]]:
    """The forms of a key, and the language that they are in after the fallback."""
    for candidate in (_known(language), _FALLBACK):
        forms = _catalogue(candidate).forms.get(key)
        if forms and all(forms):
            return candidate, forms
    return _FALLBACK, (key,)


def _filled(template: str, params: Mapping[str, object]) -> str:
    try:
        return template.format_map(params)
    except (LookupError, ValueError, AttributeError, TypeError):
        return template  # a page with a brace in it still helps somebody; an error page does not


def _quality(parameter: str) -> float:
    name, _, value = parameter.strip().partition("=")
    if not name:
        return 1.0
    # The grammar of a qvalue, and nothing else that float() would take ("nan", "1e9").
    if name.strip().lower() == "q" and re.fullmatch(r"[01](\.\d{0,3})?", value.strip()):
        return float(value)
    return 0.0


def _known(language: str) -> str:
    return language if language in LANGUAGES else _FALLBACK


@cache
def _locale(language: str) -> Locale:
    return Locale.parse(_LOCALES[_known(language)])


# Two threads at first use may both read a file; they get equal values, and one of them stays.
@cache
def _catalogue(language: str) -> Catalogue:
    return read_catalogue(resources.files(__name__).joinpath(f"{language}.po").read_bytes())
