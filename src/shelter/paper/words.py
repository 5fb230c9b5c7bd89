"""Days, hours and sentences as the papers write them, in one language."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from zoneinfo import ZoneInfo

from babel.dates import format_time

from shelter import i18n

Say = Callable[..., str]


def teller(language: str) -> Say:
    """The texts of one language, by key and parameters."""

    def t(key: str, **params: object) -> str:
        return i18n.text(language, key, **params)

    return t


def day(language: str, value: date) -> str:
    """ "samedi 21 novembre 2026": whoever reads it at night does not count days."""
    return i18n.date_text(language, value, "full")


def moment(language: str, at: datetime, zone: ZoneInfo) -> str:
    """ "samedi 21 novembre 2026, 18:00" """
    local = at.astimezone(zone)
    clock = format_time(local.time(), "HH:mm", locale=f"{language}_BE")
    return f"{i18n.date_text(language, local.date(), 'full')}, {clock}"


def short_moment(language: str, at: datetime, zone: ZoneInfo) -> str:
    """ "21/11/26 18:00" """
    local = at.astimezone(zone)
    clock = format_time(local.time(), "HH:mm", locale=f"{language}_BE")
    return f"{i18n.date_text(language, local.date(), 'short')} {clock}"
