"""Public holidays of Belgium, by their names in the reader's language."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import lru_cache

import holidays

#: as the library calls our languages; one that it does not know is answered in French
_THEIRS = {"fr": "fr", "nl": "nl", "de": "de", "en": "en_US"}


def public_holidays(first: date, end: date, language: str) -> Mapping[date, str]:
    """The public holidays in [first, end)."""
    years = range(first.year, end.year + 1)
    return {
        day: name
        for year in years
        for day, name in _of_year(year, _THEIRS.get(language, "fr")).items()
        if first <= day < end
    }


@lru_cache(maxsize=64)
def _of_year(year: int, language: str) -> Mapping[date, str]:
    return dict(holidays.country_holidays("BE", years=year, language=language))
