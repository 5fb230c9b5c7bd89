"""Rows into a ``Problem``: what may be considered, for the side that will read the answer."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TypeVar
from uuid import UUID

from shelter.db.rows import Rows
from shelter.db.tables import (
    Block,
    PlacementRow,
    Request,
    SeparationRow,
    Site,
    StayRow,
    Unit,
)
from shelter.domain.availability import BlockReason, Sharing
from shelter.domain.household import Person
from shelter.domain.placements import occupied_until
from shelter.domain.sides import Side
from shelter.services import overrides
from shelter.services.burned import burned_sites
from shelter.services.context import Tx
from shelter.services.locations import solver_site
from shelter.services.overrides import Whereabouts
from shelter_solver import problem as model

UNTIL_FURTHER_NOTICE = 10_000
EVERY_NIGHT = model.Nights(0, UNTIL_FURTHER_NOTICE)
TONIGHT = model.Nights(0, 1)
R = TypeVar("R")
P = TypeVar("P")


@dataclass(frozen=True, slots=True)
class Situation:
    """A problem, and the rows that its identifiers stand for."""

    problem: model.Problem
    sites: Mapping[str, Site]
    units: Mapping[str, Unit]
    blocks: Mapping[str, Sequence[Block]]
    #: of the parties that have a place, by party
    placements: Mapping[str, PlacementRow]
    #: the stays that make up their places now
    stay_ids: Mapping[str, Sequence[UUID]]

    def night(self, day: date) -> int:
        return (day - self.problem.start).days

    def day(self, night: int) -> date:
        return self.problem.start + timedelta(days=night)


def situation(
    tx: Tx,
    side: Side,
    *,
    asking: Request | None = None,
    renewing: bool = False,
    only_units: Sequence[UUID] | None = None,
    unreadable: Callable[[str, UUID, Exception], None] | None = None,
    trying: tuple[UUID, Whereabouts] | None = None,
) -> Situation:
    """The problem as ``side`` may know it, from tonight to the network's horizon.

    ``asking`` joins as a party without a present stay. With ``renewing`` a stay may last as long
    as its unit's renewals permit. ``only_units`` keeps to some units (a check needs no others).
    ``trying`` is a request and where it would be: what two people allowed there does not count.

    A row that cannot be read is an error, for nothing may be promised without it. A watch goes on
    with what is left: it gives ``unreadable``, which is told what, which row and why.
    """
    rows = Rows.that_may_decide_for(tx.session, side)
    network = tx.network
    start = tx.tonight
    horizon = network.defaults.horizon_nights
    placements = rows.live_placements()
    stays: dict[UUID, list[StayRow]] = {}
    for stay in rows.stays([placement.id for placement in placements]):
        stays.setdefault(stay.placement_id, []).append(stay)
    inhabited = {stay.unit_id for each in stays.values() for stay in each}
    every_site = rows.sites()
    units = rows.units([site.id for site in every_site])
    # a site that waits for its opening counts only where somebody still lives in it
    lived_in = {unit.site_id for unit in units if unit.id in inhabited}
    sites = {s.id: s for s in every_site if s.opened_at is not None or s.id in lived_in}
    units = [unit for unit in units if unit.site_id in sites]
    requests = {r.id: r for r in rows.requests([p.request_id for p in placements])}
    if asking is not None:
        requests[asking.id] = asking
        placements = [p for p in placements if p.request_id != asking.id]
    if only_units is not None:
        # the other units keep their sites: separations are about where people are
        units = [unit for unit in units if unit.id in inhabited.union(only_units)]
    blocks: dict[str, list[Block]] = {}
    for block in rows.blocks(
        [unit.id for unit in units], start, start + timedelta(days=2 * horizon)
    ):
        blocks.setdefault(str(block.unit_id), []).append(block)
    slept_in = _slept_in(rows, units, start, {stay.id for each in stays.values() for stay in each})
    solver_sites = _read_each(
        "site", sites.values(), lambda site: site.id, lambda site: solver_site(tx, site), unreadable
    )
    seen = {site.id for site in solver_sites}
    units = [unit for unit in units if str(unit.site_id) in seen]
    on_map = {unit.id for unit in units}
    sites_of_units = {unit.id: sites[unit.site_id] for unit in units}
    known = burned_sites(rows, [*requests.values()]) if side is Side.VICTIMS else {}

    def housed(placement: PlacementRow) -> model.Party:
        there = [stay for stay in stays.get(placement.id, ()) if stay.unit_id in on_map]
        request = requests[placement.request_id]
        return _housed(tx, request, placement, there, start, known.get(request.id, frozenset()))

    in_place = [p for p in placements if p.request_id in requests]
    parties = _read_each("request", in_place, lambda p: p.request_id, housed, unreadable)
    if asking is not None:
        parties.append(_asking(tx, asking, start, known.get(asking.id, frozenset())))
    involved = [requests[UUID(party.id)] for party in parties]
    lifted = overrides.lifted(tx, rows, placements, stays, sites_of_units, trying)
    problem = model.Problem(
        start=start,
        horizon=horizon,
        sites=tuple(solver_sites),
        units=tuple(
            _unit(
                u,
                blocks.get(str(u.id), ()),
                start,
                renewing,
                waiting=sites[u.site_id].opened_at is None,
                slept_in=u.id in slept_in,
            )
            for u in units
        ),
        parties=tuple(parties),
        separations=overrides.without(
            _separations(
                involved, rows.separations([r.id for r in involved]), network.defaults.separation_m
            ),
            lifted,
        ),
        zoning=network.zoning,
    )
    return Situation(
        problem,
        {str(site.id): site for site in sites.values()},
        {str(unit.id): unit for unit in units},
        blocks,
        {str(p.request_id): p for p in in_place},
        {
            str(p.request_id): [stay.id for stay in stays.get(p.id, ()) if stay.left_at is None]
            for p in in_place
        },
    )


def _read_each(
    what: str,
    rows: Iterable[R],
    identify: Callable[[R], UUID],
    read: Callable[[R], P],
    unreadable: Callable[[str, UUID, Exception], None] | None,
) -> list[P]:
    """Each row read; where ``unreadable`` is given, a bad one is told of and left out."""
    good = []
    for row in rows:
        try:
            good.append(read(row))
        except Exception as error:
            if unreadable is None:
                raise
            unreadable(what, identify(row), error)
    return good


def _slept_in(
    rows: Rows, units: Sequence[Unit], tonight: date, live: Collection[UUID]
) -> frozenset[UUID]:
    """Units that are full this night with people who left in the middle of it.

    Their placements are over, so that no party stands for them; their beds were slept in.
    """
    beds = Counter(
        row.unit_id
        for row in rows.occupied([unit.id for unit in units], tonight, tonight + timedelta(days=1))
        if row.stay_id not in live
    )
    return frozenset(
        unit.id
        for unit in units
        if beds[unit.id] >= (1 if unit.sharing is Sharing.PRIVATE else unit.beds)
    )


def _unit(
    unit: Unit,
    blocks: Sequence[Block],
    start: date,
    renewing: bool,
    *,
    waiting: bool,
    slept_in: bool,
) -> model.Unit:
    def ranges(kept_back: bool) -> tuple[model.Nights, ...]:
        return tuple(
            model.Nights(
                (block.first_night - start).days,
                UNTIL_FURTHER_NOTICE if block.end_night is None else (block.end_night - start).days,
            )
            for block in blocks
            if (block.reason is BlockReason.KEPT_BACK) == kept_back
        )

    longest = unit.max_stay_nights
    if longest is not None and renewing:
        longest *= 1 + unit.renewals
    return model.Unit(
        id=str(unit.id),
        site=str(unit.site_id),
        beds=unit.beds,
        cots=unit.cots,
        sharing=unit.sharing,
        admits=frozenset(Person(kind) for kind in unit.admits),
        step_free=unit.step_free,
        pets=unit.pets,
        quiet=unit.quiet,
        supervision=unit.supervision,
        intake_from=unit.intake_from,
        intake_until=unit.intake_until,
        cleaning_nights=unit.cleaning_nights,
        max_stay_nights=longest,
        closed=(EVERY_NIGHT,)
        if waiting
        else (*ranges(kept_back=False), *((TONIGHT,) if slept_in else ())),
        kept_back=ranges(kept_back=True),
    )


def _asking(tx: Tx, request: Request, start: date, burned: frozenset[str]) -> model.Party:
    return _party(
        tx,
        request,
        (request.first_night - start).days,
        request.nights,
        (),
        request.arrival_hour,
        burned,
    )


def _housed(
    tx: Tx,
    request: Request,
    placement: PlacementRow,
    stays: Sequence[StayRow],
    start: date,
    burned: frozenset[str],
) -> model.Party:
    end = occupied_until(placement.state, placement.end_night, start)

    def until(stay: StayRow) -> date:
        is_last = stay.left_at is None and stay.end_night == placement.end_night
        return end if is_last else stay.end_night

    present = tuple(
        model.Stay(str(stay.unit_id), (stay.first_night - start).days, (until(stay) - start).days)
        for stay in stays
    )
    return _party(
        tx,
        request,
        (placement.first_night - start).days,
        (end - placement.first_night).days,
        present,
        # whoever has not arrived yet must still be let in, wherever they are moved to
        None if placement.arrived_at is not None else request.arrival_hour,
        burned,
    )


def _party(
    tx: Tx,
    request: Request,
    first_night: int,
    nights: int,
    present: tuple[model.Stay, ...],
    arrival_hour: int | None,
    burned: frozenset[str],
) -> model.Party:
    private = json.loads(tx.keyring.decrypt("request", request.id, "places", request.places))
    return model.Party(
        id=str(request.id),
        side=request.side,
        people={Person(kind): count for kind, count in request.household.items()},
        first_night=first_night,
        nights=nights,
        arrival_hour=arrival_hour,
        urgency=request.urgency,
        step_free=request.step_free,
        pets=request.pets,
        quiet=request.quiet,
        min_supervision=request.min_supervision,
        own_cots=request.own_cots,
        excluded_communes=frozenset(request.avoid_communes),
        excluded_sites=burned.union(request.avoid_sites),
        danger_zones=tuple(
            model.Zone(model.Point(zone["lat"], zone["lon"]), zone["radius_m"])
            for zone in private["zones"]
        ),
        preferred_communes=frozenset(request.prefer_communes),
        preferred_points=tuple(model.Point(near["lat"], near["lon"]) for near in private["near"]),
        present=present,
        move_agreement=model.Agreement(request.move_agreement),
        may_use_two_units=request.may_use_two_units,
        may_change_unit=request.may_change_unit,
    )


def _separations(
    requests: Sequence[Request], stated: Sequence[SeparationRow], default_m: float
) -> tuple[model.Separation, ...]:
    """Stated separations, and the one that every case with two sides has by itself."""
    by_case: dict[str, list[Request]] = {}
    for request in requests:
        if request.case_hash is not None:
            by_case.setdefault(request.case_hash, []).append(request)
    found: list[model.Separation] = []
    for members in by_case.values():
        sides = {side: frozenset(str(r.id) for r in members if r.side is side) for side in Side}
        if all(sides.values()):
            found.append(model.Separation(sides[Side.VICTIMS], sides[Side.PERPETRATORS], default_m))
    for row in stated:
        others = frozenset(
            str(r.id) for r in by_case.get(row.other_case_hash, ()) if r.id != row.request_id
        )
        if others:
            found.append(
                model.Separation(frozenset({str(row.request_id)}), others, row.min_distance_m)
            )
    return tuple(found)
