"""A quarter in figures, for the council: one side at a time, no count that points at anybody."""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import col, select

from shelter.db.rows import Rows
from shelter.db.tables import (
    Figure,
    Message,
    OccupiedNight,
    PlacementRow,
    Request,
    Site,
    Unit,
)
from shelter.domain.availability import BlockReason, Freshness, Sharing, freshness
from shelter.domain.errors import NotAllowed
from shelter.domain.household import Person
from shelter.domain.messages import Channel, MessageState
from shelter.domain.quarters import Quarter
from shelter.domain.requests import Outcome
from shelter.domain.retention import Kind
from shelter.domain.sides import Role, Side
from shelter.domain.small_numbers import LEAST, Told, tell, tellable
from shelter.services.context import Tx

#: what the network could not do, by reason
REFUSED = (
    Outcome.NO_PLACE,
    Outcome.NO_SAFE_PLACE,
    Outcome.NEEDS_NOT_MET,
    Outcome.HOUSED_ELSEWHERE,
)
#: the person's own decision or absence: told apart, and never held against them
OWN = (Outcome.PERSON_DECLINED, Outcome.PERSON_UNREACHABLE)
OPEN = ""

#: children of an adult in a refuge, on average (Belgium; DOMAIN.md)
CHILDREN_PER_ADULT = 1.79
#: the Istanbul standard: one family place for so many inhabitants (Council of Europe, explanatory
#: report to the Convention, paragraph 135)
INHABITANTS_PER_FAMILY_PLACE = 10_000
#: a night in which a unit is not offered at all
NOT_OFFERED = frozenset({BlockReason.CLOSED, BlockReason.OUT_OF_SERVICE})


@dataclass(frozen=True, slots=True)
class Occupancy:
    """Of the units of a commune: nights that were offered, and nights that somebody was there.

    A shared unit counts by its beds: half of them taken is half a night.
    """

    units: int
    offered: float
    occupied: float

    @property
    def share(self) -> float | None:
        """From 0 to 1; None where nothing was offered, or too few nights were used to tell."""
        if not self.offered or tellable(round(self.occupied)) is None:
            return None
        return min(1.0, self.occupied / self.offered)


@dataclass(frozen=True, slots=True)
class Waiting:
    """How long something took, in seconds; None where too few are known."""

    count: int | None
    median_s: float | None
    p90_s: float | None


@dataclass(frozen=True, slots=True)
class KnownFor:
    """How old the word about a commune's units is now."""

    units: int
    stale: int
    median_s: float


@dataclass(frozen=True, slots=True)
class Delivery:
    """Messages handed over to a carrier and what is known of them, while they are kept."""

    handed_over: int | None
    delivered: int | None

    @property
    def share(self) -> float | None:
        if not self.handed_over or self.delivered is None:
            return None
        return self.delivered / self.handed_over


@dataclass(frozen=True, slots=True)
class FamilyPlaces:
    """Places for a parent with children against the Istanbul standard."""

    places: float
    inhabitants: int

    @property
    def per_10_000(self) -> float:
        return self.places / self.inhabitants * INHABITANTS_PER_FAMILY_PLACE

    @property
    def needed(self) -> float:
        return self.inhabitants / INHABITANTS_PER_FAMILY_PLACE


@dataclass(frozen=True, slots=True)
class Report:
    side: Side
    quarter: Quarter
    #: by outcome; ``OPEN`` of requests that nobody closed yet; entries by mistake are left out
    outcomes: Told[str]
    #: by service
    requests: Told[str]
    #: by commune (NIS); the quarter's nights until tonight
    occupancy: Mapping[str, Occupancy]
    to_confirmed: Waiting
    to_arrival: Waiting
    #: by commune, as it is now
    known_for: Mapping[str, KnownFor]
    #: by channel
    delivery: Mapping[Channel, Delivery]
    #: on the victims' side alone
    family_places: FamilyPlaces | None


def quarters(tx: Tx) -> tuple[Quarter, ...]:
    """Those that can be told in full, the latest first: older placements are purged."""
    latest = Quarter.of(tx.tonight)
    oldest = tx.tonight - timedelta(days=tx.network.retention.days[Kind.PLACEMENTS])
    return tuple(q for n in range(5) if (q := latest.after(-n)).first_day >= oldest)


def report(tx: Tx, side: Side, quarter: Quarter) -> Report:
    """The figures of one side. Raises NotAllowed for everybody but the coordination."""
    if tx.actor.role is not Role.COORDINATOR:
        raise NotAllowed("not_allowed")
    rows = Rows(tx.session, frozenset({side}))
    since, until = _instants(tx, quarter)
    sites = {site.id: site for site in rows.sites() if site.opened_at is not None}
    units = [unit for unit in rows.units(list(sites)) if not unit.retired]
    outcomes, services = (tell(each) for each in _requests(tx, side, quarter, since, until))
    if None in {outcomes.total, services.total}:
        # one would give away the total that the other hides
        outcomes, services = _without_total(outcomes), _without_total(services)
    return Report(
        side=side,
        quarter=quarter,
        outcomes=outcomes,
        requests=services,
        occupancy=_occupancy(tx, rows, sites, units, quarter),
        to_confirmed=_waiting(tx, side, since, until, "confirmed_at"),
        to_arrival=_waiting(tx, side, since, until, "arrived_at"),
        known_for=_known_for(tx, sites, units),
        delivery=_delivery(tx, side, since, until),
        family_places=_family_places(tx, units) if side is Side.VICTIMS else None,
    )


def _instants(tx: Tx, quarter: Quarter) -> tuple[datetime, datetime]:
    """Its beginning and its end, at midnight where the network is."""
    zone = tx.network.timezone
    begins, ends = (
        datetime.combine(day, time(), zone).astimezone(UTC)
        for day in (quarter.first_day, quarter.end)
    )
    return begins, ends


def _requests(
    tx: Tx, side: Side, quarter: Quarter, since: datetime, until: datetime
) -> tuple[Counter[str], Counter[str]]:
    """By outcome and by service: those that are still here, and those that were purged."""
    live = tx.session.execute(
        select(Request.service, Request.outcome, sa.func.count())
        .where(
            col(Request.side) == side,
            col(Request.created_at) >= since,
            col(Request.created_at) < until,
        )
        .group_by(col(Request.service), col(Request.outcome))
    ).all()
    gone = tx.session.execute(
        select(Figure.service, Figure.outcome, sa.func.sum(col(Figure.requests)))
        .where(col(Figure.side) == side, col(Figure.month).in_(quarter.months))
        .group_by(col(Figure.service), col(Figure.outcome))
    ).all()
    outcomes = Counter[str]({str(each): 0 for each in (Outcome.HOUSED, *REFUSED, *OWN, OPEN)})
    services = Counter[str]()
    for service, outcome, count in (*live, *gone):
        name = outcome.value if isinstance(outcome, Outcome) else outcome or OPEN
        if name == Outcome.MISTAKE:
            continue
        outcomes[name] += int(count)
        services[service] += int(count)
    return outcomes, services


def _without_total(told: Told[str]) -> Told[str]:
    return Told({key: count or None for key, count in told.counts.items()}, None)


def _occupancy(
    tx: Tx, rows: Rows, sites: Mapping[UUID, Site], units: Sequence[Unit], quarter: Quarter
) -> dict[str, Occupancy]:
    first, end = quarter.first_day, min(quarter.end, tx.tonight)
    ids = [unit.id for unit in units]
    used: Counter[UUID] = Counter()
    if ids and first < end:
        counted = (
            select(OccupiedNight.unit_id, sa.func.count())
            .where(
                col(OccupiedNight.unit_id).in_(ids),
                col(OccupiedNight.night) >= first,
                col(OccupiedNight.night) < end,
            )
            .group_by(col(OccupiedNight.unit_id))
        )
        used.update(dict(iter(tx.session.exec(counted))))
    away: defaultdict[UUID, set[date]] = defaultdict(set)
    elsewhere: defaultdict[UUID, set[date]] = defaultdict(set)
    for block in rows.blocks(ids, first, end) if first < end else ():
        nights = away if block.reason in NOT_OFFERED else elsewhere
        if block.reason in NOT_OFFERED or block.reason is BlockReason.OCCUPIED:
            last = min(block.end_night or end, end)
            day = max(block.first_night, first)
            nights[block.unit_id].update(
                day + timedelta(days=n) for n in range(max(0, (last - day).days))
            )
    found: dict[str, Occupancy] = {}
    for unit in units:
        site = sites[unit.site_id]
        assert site.opened_at is not None
        opened = max(first, site.opened_at.astimezone(tx.network.timezone).date())
        share = 1 if unit.sharing is Sharing.PRIVATE else unit.beds
        offered = max(0, (end - opened).days) - len({n for n in away[unit.id] if n >= opened})
        occupied = used[unit.id] / share + len(elsewhere[unit.id] - away[unit.id])
        before = found.get(site.commune, Occupancy(0, 0.0, 0.0))
        found[site.commune] = Occupancy(
            before.units + 1,
            before.offered + max(0, offered),
            before.occupied + min(occupied, max(0, offered)),
        )
    return found


def _waiting(tx: Tx, side: Side, since: datetime, until: datetime, what: str) -> Waiting:
    """From the asking to the first such moment of each request, where one came."""
    moment = sa.func.min(getattr(PlacementRow, what))
    pairs = tx.session.execute(
        select(Request.created_at, moment.label("moment"))
        .join(PlacementRow, col(PlacementRow.request_id) == Request.id)
        .where(
            col(Request.side) == side,
            col(Request.created_at) >= since,
            col(Request.created_at) < until,
            getattr(PlacementRow, what).is_not(None),
        )
        .group_by(col(Request.id), col(Request.created_at))
    ).all()
    took = sorted((at - created).total_seconds() for created, at in pairs)
    if len(took) < LEAST:
        return Waiting(tellable(len(took)), None, None)
    return Waiting(len(took), statistics.median(took), took[-(-len(took) * 9 // 10) - 1])


def _known_for(tx: Tx, sites: Mapping[UUID, Site], units: Sequence[Unit]) -> dict[str, KnownFor]:
    ages: defaultdict[str, list[float]] = defaultdict(list)
    stale: Counter[str] = Counter()
    for unit in units:
        commune = sites[unit.site_id].commune
        ages[commune].append((tx.now - unit.confirmed_at).total_seconds())
        limit = tx.network.defaults.stale_after
        stale[commune] += freshness(unit.confirmed_at, tx.now, limit) is Freshness.STALE
    return {
        commune: KnownFor(len(each), stale[commune], statistics.median(each))
        for commune, each in ages.items()
    }


def _delivery(tx: Tx, side: Side, since: datetime, until: datetime) -> dict[Channel, Delivery]:
    counts = tx.session.execute(
        select(Message.channel, Message.state, sa.func.count())
        .where(
            col(Message.side) == side,
            col(Message.accepted_at) >= since,
            col(Message.accepted_at) < until,
        )
        .group_by(col(Message.channel), col(Message.state))
    ).all()
    handed: Counter[Channel] = Counter()
    delivered: Counter[Channel] = Counter()
    for channel, state, count in counts:
        handed[channel] += count
        delivered[channel] += count if state is MessageState.DELIVERED else 0
    return {
        channel: Delivery(tellable(handed[channel]), tellable(delivered[channel]))
        for channel in sorted(handed)
    }


def _family_places(tx: Tx, units: Sequence[Unit]) -> FamilyPlaces:
    """Beds and cots where a mother with children may sleep, by the size of such a family."""
    needed = {Person.WOMAN.value, Person.CHILD.value}
    beds = sum(unit.beds + unit.cots for unit in units if needed <= set(unit.admits))
    inhabitants = sum(commune.population for commune in tx.network.communes)
    return FamilyPlaces(beds / (1 + CHILDREN_PER_ADULT), inhabitants)
