"""Noticing that a separation no longer holds: told to the victim side and the SAPV, nobody else.

The perpetrator side's requests neither wait for this nor see that it ran (SAFETY.md §1): the worker
looks over everybody at every tick, whether or not anything changed, and writes only what is new.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from sqlmodel import col, select

from shelter import logs
from shelter.db.tables import Alert, PlacementRow, Request
from shelter.domain.alerts import AlertKind
from shelter.domain.placements import LIVE
from shelter.domain.sides import SYSTEM, Side
from shelter.services.alerts import raise_alert, victim_assistance_of
from shelter.services.context import Shelter, Tx
from shelter.services.problems import Situation, situation
from shelter_solver import verify, zoning_conflicts
from shelter_solver.result import Violation

#: rules that something outside a stay can break later: a placement, or a site that was moved
SAFETY_RULES = frozenset(
    {"separation", "zoning", "danger_zone", "excluded_commune", "excluded_site", "excluded_place"}
)
log = logs.get("jobs")


@dataclass(frozen=True, slots=True)
class Breach:
    """A victim's household that is no longer safe where it is."""

    request_id: UUID
    placement_id: UUID
    #: names what happened: the same two, once more too near, are another occasion
    occasion: str


def watch_separations(system: Shelter) -> int:
    """Raise an alert for every breach that was not told yet; how many were raised.

    Reads in one transaction that no writer waits for. Each breach is told in one of its own, and
    what cannot be read or told stops nothing else.
    """
    breaches = system.run(SYSTEM, _breaches, read_only=True)
    told = 0
    for breach in breaches:
        try:
            told += system.run(SYSTEM, lambda tx, it=breach: _tell(tx, it))  # type: ignore[misc]
        except Exception as error:
            log.error("separation.untold", error=logs.error_name(error))
    return told


def _breaches(tx: Tx) -> list[Breach]:
    """What is broken now and was not told yet, in the order of the placements."""

    def unreadable(what: str, row_id: UUID, error: Exception) -> None:
        log.error("separation.unreadable", what=what, row=str(row_id), error=logs.error_name(error))

    now = situation(tx, Side.VICTIMS, unreadable=unreadable)
    victims = {p.id for p in now.problem.parties if p.side is Side.VICTIMS}
    present = {party.id: party.present for party in now.problem.parties if party.present}
    found: dict[str, Breach] = {}
    for violation in verify(now.problem, present):
        if violation.rule not in SAFETY_RULES:
            continue
        for party_id in (violation.party, violation.other):
            if party_id is None or party_id not in victims:
                continue
            placement = now.placements[party_id]
            occasion = f"separation:{placement.id}:{_what_happened(now, violation, party_id)}"
            found.setdefault(occasion, Breach(placement.request_id, placement.id, occasion))
    told = set(
        tx.session.exec(
            select(Alert.placement_id, Alert.occasion).where(
                col(Alert.placement_id).in_({breach.placement_id for breach in found.values()}),
                col(Alert.kind) == AlertKind.SEPARATION_BROKEN,
            )
        )
    )
    # the occasion of an alert ends with the service that was told
    begun = {occasion.rsplit(":", 1)[0] for _, occasion in told if occasion is not None}
    return sorted(
        (breach for breach in found.values() if breach.occasion not in begun),
        key=lambda breach: breach.occasion,
    )


def _what_happened(now: Situation, violation: Violation, victim: str) -> str:
    """A mark of who is where: it changes when either is placed anew or a site has moved."""
    if violation.other is not None:
        other = violation.other if victim == violation.party else violation.party
        return _mark([*_stays(now, victim), *_stays(now, other)])
    assert violation.unit is not None
    site = now.sites[str(now.units[violation.unit].site_id)]
    near = []
    if violation.rule == "zoning":
        pairs = zoning_conflicts(now.problem.sites, now.problem.zoning)
        others = {there for here, there, _ in pairs if here == str(site.id)}
        near = [f"{each}@{now.sites[each].version}" for each in others]
    return _mark([violation.rule, f"{site.id}@{site.version}", *_stays(now, victim), *near])


def _stays(now: Situation, party_id: str) -> Iterable[str]:
    return (str(stay_id) for stay_id in now.stay_ids.get(party_id, ()))


def _mark(parts: Iterable[str]) -> str:
    return hashlib.sha256("|".join(sorted(parts)).encode()).hexdigest()[:24]


def _tell(tx: Tx, breach: Breach) -> int:
    """The service that works on the household, and the victim assistance of its police zone."""
    request = tx.rows.get(Request, breach.request_id)
    placement = tx.rows.get(PlacementRow, breach.placement_id)
    if request is None or placement is None or placement.state not in LIVE:
        return 0
    # somebody outside the service must know of it, even in a network without a SAPV
    police = [service.key for service in victim_assistance_of(tx, request.service)]
    told = 0
    for service in dict.fromkeys([request.service, *(police or [tx.network.coordinator])]):
        alert = raise_alert(
            tx,
            AlertKind.SEPARATION_BROKEN,
            service,
            request,
            placement=placement,
            occasion=breach.occasion,
        )
        told += alert is not None
    return told
