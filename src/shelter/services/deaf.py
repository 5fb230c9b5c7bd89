"""Telephones that opted out of our messages: nothing reaches them, so somebody must know."""

from __future__ import annotations

from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select

from shelter.db.tables import DeafPhone, ServiceRow, Site, User
from shelter.domain.alerts import AlertKind
from shelter.domain.sides import Side
from shelter.services.accounts import acts_on
from shelter.services.alerts import raise_alert
from shelter.services.context import Tx


def phone_is_deaf(tx: Tx, number: str) -> None:
    """Note that a number opted out, and tell the coordinator when it is one that we write to.

    For a transaction of the system that sees both sides. Saying it again changes nothing.
    """
    if tx.session.get(DeafPhone, number) is not None:
        return
    try:
        with tx.session.begin_nested():
            tx.session.add(DeafPhone(number=number, since=tx.now))
    except IntegrityError:  # told twice in the same moment
        return
    side = _side_of(tx, number)
    if side is None:
        return  # a stranger: nobody waits for our messages there
    tx.record("phone.deaf", f"phone:{_mark(tx, number)}", side=side)
    raise_alert(
        tx,
        AlertKind.DUTY_PHONE_DEAF,
        tx.network.coordinator,
        side=side,
        reference=number[-4:],  # which one; the whole number is on nobody's lock screen
        occasion=f"deaf:{_mark(tx, number)}:{tx.now.isoformat()}",
    )


def phone_hears(tx: Tx, number: str) -> None:
    """Note that a number opted in again."""
    row = tx.session.get(DeafPhone, number)
    if row is None:
        return
    tx.session.delete(row)
    side = _side_of(tx, number)
    if side is not None:
        tx.record("phone.hears", f"phone:{_mark(tx, number)}", side=side)


def _mark(tx: Tx, number: str) -> str:
    return tx.keyring.keyed_hash(f"phone|{number}")[:16]


def _side_of(tx: Tx, number: str) -> Side | None:
    """Whose phone it is; the perpetrator side's only when nobody else has it, None of a stranger.

    The victim side may know everything, the perpetrator side nothing of the other: so what both
    have is the victim side's.
    """
    sides: set[Side | None] = {
        row.side
        for query in (
            select(User).where(col(User.phone) == number),
            select(Site).where(col(Site.contact_phone) == number),
        )
        for row in tx.session.exec(query)
    }
    rows = {row.key: row for row in tx.session.exec(select(ServiceRow))}
    for service in tx.network.services:
        row = rows.get(service.key)
        phones = {service.duty_phone, service.second_phone}
        if row is not None:
            phones |= {row.duty_phone, row.second_phone}
        if number in phones:
            only_theirs = acts_on(tx, service.key, Side.PERPETRATORS) and not acts_on(
                tx, service.key, Side.VICTIMS
            )
            sides.add(Side.PERPETRATORS if only_theirs else Side.VICTIMS)
    if not sides:
        return None
    return Side.PERPETRATORS if sides == {Side.PERPETRATORS} else Side.VICTIMS
