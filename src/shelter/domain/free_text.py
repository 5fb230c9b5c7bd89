"""What may not stand in a free text: whoever reads it must not learn who somebody is, or where.

A wall of reeds, not of stone: it stops what is typed without thinking. Rather than tell valid
numbers from wrong ones it refuses whatever looks like one, for a number with a slip of the finger
names somebody, too; a note about a bed needs no eight digits in a row.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from enum import StrEnum

from shelter.domain.errors import FieldProblem
from shelter.domain.network import Network
from shelter.domain.text_forms import WORD, bare, is_of_another_script, plain_form
from shelter.domain.text_names import is_name
from shelter.domain.text_numbers import (
    ACCOUNT,
    BIRTH,
    EMAIL,
    LINK,
    is_national_number,
    is_phone,
    is_plate,
)
from shelter.domain.text_streets import is_address


class Found(StrEnum):
    """What a text looks as if it held."""

    EMAIL = "email"
    LINK = "link"
    ACCOUNT = "account"
    NATIONAL_NUMBER = "national_number"
    BIRTH_DATE = "birth_date"
    PHONE = "phone"
    PLATE = "plate"
    ADDRESS = "address"
    NAME = "name"


MAX_NOTE = 140
#: refused in a note
IN_NOTE = frozenset(Found)
#: refused where a place is described: its name may be a saint's or a founder's
IN_PLACE = IN_NOTE - {Found.NAME}


def text_problems(
    field: str,
    text: str,
    refused: Collection[Found] = IN_NOTE,
    known: Collection[str] = (),
    language: str = "fr",
) -> list[FieldProblem]:
    """The problem of a text that holds one of ``refused``: ``field.text_KIND`` says what to do."""
    found = found_in(text, refused, known, language)
    return [] if found is None else [FieldProblem(field, f"text_{found}")]


def found_in(
    text: str,
    refused: Collection[Found] = IN_NOTE,
    known: Collection[str] = (),
    language: str = "fr",
) -> Found | None:
    """The first of ``refused`` that ``text`` seems to hold.

    ``known`` are words with a capital that name nobody: communes, services. ``language`` is the
    writer's: in German every noun has a capital, so there two of them in a row tell nothing.
    """
    plain = plain_form(text)
    checks: dict[Found, Callable[[], object]] = {
        Found.EMAIL: lambda: EMAIL.search(plain),
        Found.LINK: lambda: LINK.search(plain),
        Found.ACCOUNT: lambda: ACCOUNT.search(plain.upper()),
        Found.NATIONAL_NUMBER: lambda: is_national_number(plain),
        Found.BIRTH_DATE: lambda: BIRTH.search(plain),
        Found.PHONE: lambda: is_phone(plain),
        Found.PLATE: lambda: is_plate(plain),
        Found.ADDRESS: lambda: is_address(plain),
        Found.NAME: lambda: is_of_another_script(plain) or is_name(plain, known, language),
    }
    return next((kind for kind, check in checks.items() if kind in refused and check()), None)


def known_names(network: Network) -> frozenset[str]:
    """Words of the network's communes and services, as ``found_in`` wants them."""
    names = [name for commune in network.communes for name in commune.names.values()]
    names += [service.name for service in network.services]
    return frozenset(bare(word) for name in names for word in WORD.findall(plain_form(name)))
