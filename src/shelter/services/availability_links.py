"""Saying in one tap whether what is known of a site's units is true: a link without a sign-in.

Whoever has the link may say "still true", or of one unit that it is free, occupied or closed; it
opens nothing else. What it says is drawn from 2^133 possibilities, kept as a hash, good for two
days or until the next question about the same unit, and for no more than a hundred answers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum
from typing import TypeVar
from uuid import UUID

from sqlmodel import col, select, update

from shelter import i18n
from shelter.db.tables import AvailabilityLink, Block, Unit
from shelter.domain.availability import BlockReason
from shelter.domain.codes import random_code
from shelter.domain.errors import NotFound
from shelter.domain.messages import text_problems
from shelter.domain.sides import SYSTEM
from shelter.services import availability
from shelter.services.context import Shelter, Tx, found

T = TypeVar("T")
VIA = "link"
VALID_FOR = timedelta(hours=48)
#: of an alphabet without vowels, so that no link has a word in it
LETTERS = 28
#: answers that one link gives: more than any site has units, few enough to flood nothing
MOST_USES = 100
#: with a link, and without one where it would not fit or its host would say too much
WITH_LINK, WITHOUT_LINK = "sms.availability_link", "sms.availability"


class Said(StrEnum):
    """What may be said of a unit."""

    FREE = "free"
    OCCUPIED = "occupied"
    CLOSED = "closed"


class LinkOver(NotFound):
    """The link is over, or there never was such a one. ``known``: it was one of ours."""

    def __init__(self, *, known: bool) -> None:
        super().__init__("not_found", what="page")
        self.known = known


@dataclass(frozen=True, slots=True)
class UnitTonight:
    unit: Unit
    #: what takes it out tonight
    block: Block | None
    #: the network has promised it for tonight: that is ended elsewhere
    promised: bool


@dataclass(frozen=True, slots=True)
class Asked:
    """What the page of a link shows: units, and nothing of where they are or who is in them."""

    units: tuple[UnitTonight, ...]
    #: the unit of the question, for the top of the page
    asked: UUID


def link_for(tx: Tx, unit: Unit, language: str) -> str | None:
    """A new link for a question about ``unit``; the one before is dead. None where none fits.

    Called in the transaction that queues the message.
    """
    token = random_code(LETTERS)
    link = f"{tx.system.settings.public_url}/a/{token}"
    body = i18n.text(language, WITH_LINK, ref=unit.code, code=unit.code, link=link)
    if text_problems(body):
        return None
    tx.session.exec(
        update(AvailabilityLink)
        .where(col(AvailabilityLink.unit_id) == unit.id, col(AvailabilityLink.expires_at) > tx.now)
        .values(expires_at=tx.now)
    )
    tx.session.add(
        AvailabilityLink(
            side=unit.side,
            site_id=unit.site_id,
            unit_id=unit.id,
            token_hash=_hash(token),
            expires_at=tx.now + VALID_FOR,
        )
    )
    return link


def look(system: Shelter, token: str) -> Asked:
    """What is known of the site's units tonight. Changes nothing: programs follow links, too.

    Raises LinkOver.
    """
    return _by(system, token, _asked, read_only=True)


def still_true(system: Shelter, token: str) -> None:
    """Everything that is known of the site holds. Raises LinkOver."""

    def say(tx: Tx, link: AvailabilityLink) -> None:
        _use(tx, link)
        availability.confirm_site(tx, link.site_id, via=VIA)

    _by(system, token, say)


def change(system: Shelter, token: str, unit_id: UUID, said: Said, until: date | None) -> None:
    """From tonight until ``until``, the first night that is otherwise; None: until further notice.

    Raises LinkOver, NotFound for a unit of another site, Invalid for nights that cannot be, and
    Conflict where the unit is promised.
    """

    def say(tx: Tx, link: AvailabilityLink) -> None:
        _use(tx, link)
        unit = found(next((u for u in _units(tx, link) if u.id == unit_id), None), "unit")
        if said is Said.FREE:
            availability.free_unit(tx, unit.id, tx.tonight, until, via=VIA)
        else:
            reason = BlockReason(said.value)
            availability.block_unit(tx, unit.id, reason, tx.tonight, until, via=VIA)

    _by(system, token, say)


def _by(
    system: Shelter,
    token: str,
    work: Callable[[Tx, AvailabilityLink], T],
    *,
    read_only: bool = False,
) -> T:
    """Do ``work`` as the system on the side of the link: it reads and writes no more than that."""
    link = system.run(SYSTEM, lambda tx: _good(tx, token), read_only=True)
    actor = replace(SYSTEM, side=link.side)
    return system.run(actor, lambda tx: work(tx, _good(tx, token)), read_only=read_only)


def _good(tx: Tx, token: str) -> AvailabilityLink:
    query = select(AvailabilityLink).where(col(AvailabilityLink.token_hash) == _hash(token))
    row = tx.session.exec(query if tx.read_only else query.with_for_update()).first()
    if row is None or row.expires_at <= tx.now or row.uses >= MOST_USES:
        raise LinkOver(known=row is not None)
    return row


def _use(tx: Tx, link: AvailabilityLink) -> None:
    link.uses += 1
    tx.session.add(link)


def _units(tx: Tx, link: AvailabilityLink) -> tuple[Unit, ...]:
    return tuple(tx.rows.units([link.site_id]))


def _asked(tx: Tx, link: AvailabilityLink) -> Asked:
    units, tomorrow = _units(tx, link), tx.tonight + timedelta(days=1)
    every = tx.rows.blocks([unit.id for unit in units], tx.tonight, tomorrow)
    blocks = {block.unit_id: block for block in every}
    return Asked(
        tuple(
            UnitTonight(
                unit, blocks.get(unit.id), bool(tx.rows.occupied([unit.id], tx.tonight, tomorrow))
            )
            for unit in units
        ),
        link.unit_id,
    )


def _hash(token: str) -> str:
    return hashlib.sha256(token.upper().encode()).hexdigest()
