""" "Who is on call?" by SMS: a number, to numbers that the network knows, of their own side."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

import sqlalchemy as sa
from sqlmodel import col, select

from shelter import i18n
from shelter.db.tables import Site, User
from shelter.domain.commands import Command
from shelter.domain.network import Service
from shelter.domain.sides import Side
from shelter.services import rota
from shelter.services.accounts import acts_on
from shelter.services.context import Tx
from shelter.services.sms_answers import Said


@dataclass(frozen=True, slots=True)
class Asker:
    """Whose telephone it is, as far as this side knows."""

    service: str
    language: str


def known(tx: Tx, number: str) -> Asker | None:
    """A user, the contact of a site or a duty phone, of the side that the transaction is for.

    Two-sided people and phones are known on the victim side.
    """
    side = tx.actor.side
    assert side is not None
    of_side = col(User.side) == side
    if side is Side.VICTIMS:
        of_side = sa.or_(of_side, col(User.side).is_(None))
    user = tx.session.exec(
        select(User)
        .where(
            col(User.phone) == number,
            col(User.active).is_(True),
            col(User.service).is_not(None),
            of_side,
        )
        .order_by(col(User.login))
    ).first()
    if user is not None and user.service is not None:
        return Asker(user.service, user.language)
    site = tx.session.exec(
        tx.rows.select(Site)
        .where(col(Site.contact_phone) == number)
        .order_by(col(Site.created_at), col(Site.id))
    ).first()
    if site is not None:
        return Asker(site.service, site.contact_language)
    for service in _services(tx, two_sided=side is Side.VICTIMS):
        if number in {tx.duty_phone(service.key), tx.second_phone(service.key)}:
            return Asker(service.key, service.language)
    return None


def answer(tx: Tx, asker: Asker, command: Command) -> Said:
    """The number of the asker's own service, or of one that they name; never a person's name."""
    language = command.language or asker.language
    service: str | None = asker.service
    if command.about:
        named = [
            each.key
            for each in _services(tx, two_sided=True)
            if _is_called(tx, each, command.about)
        ]
        service = named[0] if len(named) == 1 else None
    if service is None:
        return Said("who", i18n.text(language, "sms.reply_who_which"))
    found = [each.number for each in rota.numbers(tx, service)]
    if not found:
        return Said("who", i18n.text(language, "sms.reply_who_nobody"))
    if len(found) == 1:
        return Said("who", i18n.text(language, "sms.reply_who", number=found[0]))
    words = i18n.text(language, "sms.reply_who_two", number=found[0], second=found[1])
    return Said("who", words)


def _services(tx: Tx, *, two_sided: bool) -> Iterator[Service]:
    """The services that act on this side, by its own rows; the coordinator's and SAPV's if wanted.

    Which those two kinds are is in the network file.
    """
    side = tx.actor.side
    assert side is not None
    both = {tx.network.coordinator, *(each.key for each in tx.network.victim_assistance)}
    for service in tx.network.services:
        if two_sided if service.key in both else acts_on(tx, service.key, side):
            yield service


def _is_called(tx: Tx, service: Service, words: tuple[str, ...]) -> bool:
    """Whether all the words are of the service's name, its key or its commune's names."""
    texts = [service.name, service.key]
    if service.commune is not None:
        texts.extend(tx.network.commune(service.commune).names.values())
    return set(words) <= {word for text in texts for word in _words(text)}


def _words(text: str) -> list[str]:
    plain = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return "".join(c if c.isalnum() else " " for c in plain.upper()).split()
