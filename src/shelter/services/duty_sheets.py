"""What a duty sheet tells: one service's night on paper, for when the system is down.

A sheet is of one side. It is made by somebody who has that side alone, so that nothing of the
other can be on it; a two-sided coordinator gets one sheet for each.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime
from zoneinfo import ZoneInfo

from sqlmodel import col, select

from shelter.db.tables import PlacementRow, Site, Unit, User
from shelter.domain.network import Fallback
from shelter.domain.placements import RUNNING, PlacementState, occupied_until
from shelter.domain.sides import SYSTEM, Actor, Role, Side
from shelter.services.board import Cell, board
from shelter.services.context import Tx, found
from shelter.services.duty import ServiceDuty, duty_now
from shelter.services.lifecycle import sites_of


@dataclass(frozen=True, slots=True)
class Tonight:
    """Somebody who is there or awaited, by the code that people say on the phone."""

    code: str
    site: str
    unit: str
    state: PlacementState
    #: the day on which they leave, as far as was promised
    until: date
    arrival_hour: int | None


@dataclass(frozen=True, slots=True)
class Free:
    """A unit that somebody could be brought to tonight."""

    site: str
    unit: str
    commune: str
    beds: int
    cots: int
    phone: str | None
    #: when somebody last said that this is true
    known_at: datetime


@dataclass(frozen=True, slots=True)
class Sheet:
    network: str
    service: str
    language: str
    side: Side
    #: the reader has a sheet for each side: which one this is must be said
    two_sided: bool
    printed_at: datetime
    tonight: date
    timezone: ZoneInfo
    here: tuple[Tonight, ...]
    free: tuple[Free, ...]
    duties: tuple[ServiceDuty, ...]
    fallbacks: tuple[Fallback, ...]


def on_one_side(reader: Actor, side: Side | None) -> Actor:
    """The reader, narrowed: who acts on one side keeps it, a two-sided one names it.

    Narrowed, a coordinator reads as a worker of that side does.
    """
    if reader.side is not None:
        return reader
    return replace(reader, role=Role.ON_CALL, side=side or Side.VICTIMS)


def services_of(tx: Tx, side: Side) -> Iterator[Actor]:
    """Who prints a sheet for each service that works on a side, and for its coordination."""
    staff = set(tx.session.exec(select(Site.service).where(col(Site.side) == side).distinct()))
    workers: dict[str | None, set[Role]] = {}
    for user in tx.session.exec(
        select(User).where(col(User.side) == side, col(User.active).is_(True))
    ):
        workers.setdefault(user.service, set()).add(user.role)
    for service in tx.network.services:
        roles = workers.get(service.key, set())
        if service.key == tx.network.coordinator or Role.ON_CALL in roles:
            role = Role.ON_CALL
        elif service.key in staff or roles:
            role = Role.COMMUNE_STAFF
        else:
            continue
        yield Actor(None, SYSTEM.name, role, side, service.key, service.language)


def sheet(tx: Tx, *, two_sided: bool = False) -> Sheet:
    """Tonight, for the actor, who has one side."""
    assert tx.actor.side is not None
    network, side = tx.network, tx.actor.side
    try:
        service = network.service(tx.actor.service or "").name
    except KeyError:
        service = tx.actor.service or ""
    return Sheet(
        network=network.name,
        service=service,
        language=tx.actor.language,
        side=side,
        two_sided=two_sided,
        printed_at=tx.now,
        tonight=tx.tonight,
        timezone=network.timezone,
        here=tuple(_here(tx, of_all=two_sided)),
        free=tuple(_free(tx)),
        duties=tuple(duty_now(tx)),
        fallbacks=tuple(
            each
            for each in network.fallbacks
            if (each.for_victims if side is Side.VICTIMS else each.for_perpetrators)
        ),
    )


def _here(tx: Tx, *, of_all: bool) -> Iterator[Tonight]:
    live = [
        row
        for row in tx.rows.live_placements()
        if row.state in RUNNING
        and row.first_night <= tx.tonight
        and tx.tonight < occupied_until(row.state, row.end_night, tx.tonight)
    ]
    codes = {each.id: each for each in tx.rows.requests([row.request_id for row in live])}
    for row in sorted(live, key=lambda row: (row.first_night, str(row.id))):
        ours = of_all or (tx.actor.role is Role.ON_CALL and row.service == tx.actor.service)
        for stay, site in sites_of(tx, row):
            if not ours and site.service != tx.actor.service:
                continue
            if not _is_tonight(tx, row, stay.first_night, stay.end_night):
                continue
            unit: Unit = found(tx.rows.get(Unit, stay.unit_id), "unit")
            request = codes[row.request_id]
            yield Tonight(
                code=request.code,
                site=site.name,
                unit=unit.label,
                state=row.state,
                until=row.end_night,
                arrival_hour=row.transport_hour
                if row.transport_hour is not None
                else request.arrival_hour,
            )


def _is_tonight(tx: Tx, row: PlacementRow, first: date, end: date) -> bool:
    """Whether this stay of it is tonight's; the last one goes on until they leave."""
    return first <= tx.tonight and (end > tx.tonight or end == row.end_night)


def _free(tx: Tx) -> Iterator[Free]:
    for rows in board(tx, nights=1).sites:
        for line in rows.units:
            [night] = line.nights
            if night.cell not in {Cell.FREE, Cell.PART_FREE}:
                continue
            yield Free(
                site=rows.site.name,
                unit=line.unit.label,
                commune=rows.site.commune,
                beds=night.free_beds,
                cots=line.unit.cots,
                phone=rows.site.contact_phone or tx.duty_phone(rows.site.service),
                known_at=line.known_at,
            )
