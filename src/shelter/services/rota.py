"""Who is on duty for a service, and which numbers reach it, in the order in which to try them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlmodel import col, select

from shelter.db.tables import DeafPhone, Shift, Site, User
from shelter.domain.rota import LINES
from shelter.domain.sides import Side
from shelter.services.context import Tx


@dataclass(frozen=True, slots=True)
class OnDuty:
    """One person who is on duty, until ``until``."""

    user_id: UUID
    name: str
    phone: str | None
    #: only while the person wants copies of alerts by mail
    mail: str | None
    language: str
    line: int
    until: datetime


@dataclass(frozen=True, slots=True)
class Reachable:
    """A number that may be called or written to; ``user_id`` None: the service's own phone."""

    number: str
    language: str
    user_id: UUID | None


def on_duty(tx: Tx, service: str, at: datetime | None = None) -> list[OnDuty]:
    """Who is on duty for a service at an instant (now), first line first."""
    return on_duty_of(tx, (service,), at)[service]


def on_duty_of(
    tx: Tx, services: Collection[str], at: datetime | None = None
) -> Mapping[str, list[OnDuty]]:
    """Who is on duty, for each of these services; an empty list where nobody is."""
    at = tx.now if at is None else at
    query = (
        select(Shift, User)
        .join(User, col(User.id) == col(Shift.user_id))
        .where(
            col(Shift.service).in_(services),
            col(Shift.starts_at) <= at,
            col(Shift.ends_at) > at,
            # who has left the service, or the network, is not called
            col(User.service) == col(Shift.service),
            col(User.active).is_(True),
        )
        .order_by(col(Shift.line), col(Shift.starts_at), col(Shift.id))
    )
    there: dict[str, list[OnDuty]] = {service: [] for service in services}
    for shift, user in tx.session.exec(query):
        there[shift.service].append(
            OnDuty(
                user_id=user.id,
                name=user.name,
                phone=user.phone,
                mail=user.mail if user.wants_mail else None,
                language=user.language,
                line=shift.line,
                until=shift.ends_at,
            )
        )
    return there


def numbers(tx: Tx, service: str, at: datetime | None = None) -> list[Reachable]:
    """The numbers at which a service is reached, in the order in which to try them, each once.

    First line, duty phone, second line, second duty phone, third line. A number that opted out of
    our messages is left out, but not on the perpetrator side: who set a woman's number as a duty
    phone there would learn whether it ever had our messages. The carrier refuses it, and the next
    step comes at once.
    """
    tried: dict[str, Reachable] = {}
    for each in _in_order(tx, service, on_duty(tx, service, at)):
        tried.setdefault(each.number, each)
    deaf = _deaf_of(tx, tried) if side_of(tx, service) is Side.VICTIMS else ()
    return [each for number, each in tried.items() if number not in deaf]


def _in_order(tx: Tx, service: str, people: Sequence[OnDuty]) -> Iterator[Reachable]:
    language = service_language(tx, service)
    for line, phone in zip(
        LINES, (tx.duty_phone(service), tx.second_phone(service), None), strict=True
    ):
        for person in people:
            if person.line == line and person.phone is not None:
                yield Reachable(person.phone, person.language, person.user_id)
        if phone is not None:
            yield Reachable(phone, language, None)


def _deaf_of(tx: Tx, phones: Collection[str]) -> Collection[str]:
    if not phones:
        return ()
    return tx.session.exec(select(DeafPhone.number).where(col(DeafPhone.number).in_(phones))).all()


def side_of(tx: Tx, service: str) -> Side:
    """The side that a service acts on; the victim side when it acts on both, or nobody is there."""
    for table in (User, Site, Shift):
        sides = select(table.side).where(
            col(table.service) == service, col(table.side).is_not(None)
        )
        for side in tx.session.exec(sides.limit(1)):
            if side is not None:
                return Side(side)
    return Side.VICTIMS


def service_language(tx: Tx, service: str) -> str:
    """The language in which a service's own phone is written to."""
    try:
        return tx.network.service(service).language
    except KeyError:
        return tx.network.languages[0]
