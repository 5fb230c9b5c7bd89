"""Who is on call now, in every service that the reader may see, and the services' own phones."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sqlmodel import col, select

from shelter.db.session import lock_rota
from shelter.db.tables import ServiceRow, Shift, Site, User
from shelter.domain.errors import FieldProblem, Invalid
from shelter.domain.network import Service
from shelter.domain.rota import LINES
from shelter.domain.sides import TWO_SIDED_ROLES, Role
from shelter.services.context import Tx
from shelter.services.rota import OnDuty, on_duty_of, side_of
from shelter.services.shifts import planned_service


@dataclass(frozen=True, slots=True)
class ServiceDuty:
    """A service, and whom to call there, in the order in which to try them."""

    service: Service
    people: tuple[OnDuty, ...]
    duty_phone: str | None
    second_phone: str | None

    @property
    def calls(self) -> tuple[tuple[OnDuty | None, int, str], ...]:
        """Who (None: the service's own phone), the line, and the number; each number once."""
        found: dict[str, tuple[OnDuty | None, int, str]] = {}
        phones = (self.duty_phone, self.second_phone, None)
        for line, phone in zip(LINES, phones, strict=True):
            for person in self.people:
                if person.line == line and person.phone:
                    found.setdefault(person.phone, (person, line, person.phone))
            if phone:
                found.setdefault(phone, (None, line, phone))
        return tuple(found.values())


def duty_now(tx: Tx) -> list[ServiceDuty]:
    """Who is on call now: one's own service first, then the others in the network's order.

    A side sees its own services and those that act on both; which ones there are is decided by
    rows of its own side and the network file. Services with nobody and no number are left out.
    """
    keys = _visible(tx)
    people = on_duty_of(tx, keys)
    rows = {
        row.key: row
        for row in tx.session.exec(select(ServiceRow).where(col(ServiceRow.key).in_(keys)))
    }
    views = []
    for service in tx.network.services:
        if service.key not in keys:
            continue
        row = rows.get(service.key)
        view = ServiceDuty(
            service,
            tuple(people[service.key]),
            (row.duty_phone if row is not None else None) or service.duty_phone,
            (row.second_phone if row is not None else None) or service.second_phone,
        )
        if view.people or view.duty_phone or view.second_phone:
            views.append(view)
    return sorted(views, key=lambda view: view.service.key != tx.actor.service)


def _visible(tx: Tx) -> set[str]:
    network, actor = tx.network, tx.actor
    if actor.role in TWO_SIDED_ROLES:
        return {service.key for service in network.services}
    if actor.role is Role.ADMINISTRATOR:
        return set()
    sides = actor.sides
    seen = {network.coordinator, *(service.key for service in network.victim_assistance)}
    if actor.service is not None:
        seen.add(actor.service)
    for query in (
        select(User.service).where(col(User.side).in_(sides), col(User.active).is_(True)),
        select(Site.service).where(col(Site.side).in_(sides)),
        select(Shift.service).where(col(Shift.side).in_(sides), col(Shift.ends_at) > tx.now),
    ):
        seen.update(str(key) for key in tx.session.exec(query.distinct()) if key is not None)
    return seen


@dataclass(frozen=True, slots=True)
class Phones:
    """A service's own phones as they are set here; None where the network file's count."""

    service: str
    duty_phone: str | None
    second_phone: str | None


def phones_of(tx: Tx, service: str | None = None) -> Phones:
    service = planned_service(tx, service)
    return Phones(service, tx.duty_phone(service), tx.second_phone(service))


def set_phones(
    tx: Tx, service: str | None, duty_phone: str | None, second_phone: str | None
) -> Phones:
    """Set a service's own phones; an empty one goes back to what the network file says.

    Raises Invalid with every number that is none.
    """
    service = planned_service(tx, service)
    given = {"duty_phone": duty_phone, "second_phone": second_phone}
    numbers = {name: re.sub(r"[\s./()-]", "", typed or "") for name, typed in given.items()}
    problems = [
        FieldProblem(name, "phone")
        for name, number in numbers.items()
        if number and not re.fullmatch(r"\+[1-9][0-9]{6,14}", number)
    ]
    if problems:
        raise Invalid(*problems)
    lock_rota(tx.session, service)
    row = tx.session.get(ServiceRow, service, with_for_update=True)
    if row is None:
        row = ServiceRow(key=service, updated_at=tx.now)
    before = (row.duty_phone, row.second_phone)
    row.duty_phone, row.second_phone = (
        numbers["duty_phone"] or None,
        numbers["second_phone"] or None,
    )
    if (row.duty_phone, row.second_phone) != before:
        row.updated_at = tx.now
        tx.session.add(row)
        tx.session.flush()
        # that they changed, not to what: the log is read by people who are not to call them
        tx.record("service.phones", f"service:{service}", side=side_of(tx, service))
    return phones_of(tx, service)
