"""The zoning rule: no victim site and perpetrator site stand too near, or share a place.

Static separation is what makes independence possible (SAFETY.md §1): wherever a perpetrator is
placed, no victim site is near. So it is looked at wherever it could be broken.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial

from sqlmodel import col, select

from shelter.db.rows import Rows
from shelter.db.tables import AuditEntry, NetworkRow, Site, StayRow, Unit
from shelter.domain.alerts import AlertKind
from shelter.domain.errors import Conflict, TooMany
from shelter.domain.sides import BOTH_SIDES, Side
from shelter.services.alerts import raise_alert
from shelter.services.context import Tx
from shelter.services.locations import solver_site
from shelter_solver import problem as model
from shelter_solver.verify import zoning_conflicts

#: refusals that one person gets in so long: enough to open a site, too few to search for one
MOST_REFUSALS = 5
REFUSALS_COUNT_FOR = timedelta(days=1)
_REFUSED = "zoning.refused"


def open_site(tx: Tx, site: Site) -> None:
    """Let a site be given out. Raises Conflict while it breaks the zoning rule."""
    lock_rule(tx)
    site.opened_at = tx.now
    tx.session.add(site)
    tx.session.flush()
    # read again: a newer edition may have been loaded while this waited
    refuse_conflicts(tx, tx.system.network(tx.session).zoning, only=site)
    tx.record("site.open", f"site:{site.id}", side=site.side)


def lock_rule(tx: Tx) -> NetworkRow | None:
    """Lock the row that states the rule, and read it again: the newest edition counts.

    Two sites that are opened in the same moment would not see each other, nor a new edition.
    """
    return tx.session.get(NetworkRow, 1, with_for_update=True, populate_existing=True)


def refuse_conflicts(tx: Tx, zoning: model.Zoning, *, only: Site | None = None) -> None:
    """Raise Conflict when a victim site and a perpetrator site are too close.

    A network is judged by its open sites; a site that is to open (``only``) also by those that wait
    while somebody still lives in them. Which one it is, and why, is told to two-sided users alone.

    Each refusal says something of where a site is. So it is recorded, and a person who had too many
    gets no other: raises TooMany before any site is looked at.
    """
    _refuse_searching(tx)
    rows = Rows(tx.session, BOTH_SIDES)
    standing = _open(rows) if only is None else [*_open(rows), *_lived_in(rows)]
    names = {str(site.id): site.name for site in standing}
    placed = [solver_site(tx, site) for site in standing]
    for first, second, _why in zoning_conflicts(placed, zoning):
        if only is not None and str(only.id) not in (first, second):
            continue
        tx.if_refused.append(partial(_note_refusal, subject=first, other=second, only=only))
        if tx.actor.sides == BOTH_SIDES:
            raise Conflict("zoning", first=names[first], second=names[second])
        raise Conflict("zoning_unexplained")


def _refuse_searching(tx: Tx) -> None:
    """Asked under the lock of the rule: of many at once no more than few are ahead of the count."""
    refusals = _recent_refusals(tx)
    if len(refusals) < MOST_REFUSALS:
        return
    seconds = (refusals[-MOST_REFUSALS] + REFUSALS_COUNT_FOR - tx.now).total_seconds()
    raise TooMany(
        "zoning_too_often",
        most=MOST_REFUSALS,
        seconds=max(1, math.ceil(seconds)),
        hours=max(1, math.ceil(seconds / 3600)),
    )


def _recent_refusals(tx: Tx) -> Sequence[datetime]:
    """When the actor was refused, oldest first; never, for the system itself."""
    if tx.actor.user_id is None:
        return ()
    return tx.session.exec(
        select(AuditEntry.at)
        .where(
            col(AuditEntry.actor_id) == tx.actor.user_id,
            col(AuditEntry.action) == _REFUSED,
            col(AuditEntry.at) > tx.now - REFUSALS_COUNT_FOR,
        )
        .order_by(col(AuditEntry.seq))
    ).all()


def _note_refusal(tx: Tx, *, subject: str, other: str, only: Site | None) -> None:
    """Record a refusal after everything else was undone, and tell of the one that is too many."""
    if tx.actor.user_id is None:
        return
    if only is not None and str(only.id) == other:
        subject, other = other, subject
    # on the victim side's record: the two names link the sides
    tx.record(_REFUSED, f"site:{subject}", side=Side.VICTIMS, other=other)
    before = _recent_refusals(tx)
    if len(before) + 1 < MOST_REFUSALS:
        return
    told = [*(service.key for service in tx.network.victim_assistance), tx.network.coordinator]
    for service in dict.fromkeys(told):
        raise_alert(
            tx,
            AlertKind.ZONING_REFUSED_OFTEN,
            service,
            side=Side.VICTIMS,
            # once, until the first of them counts no more
            occasion=f"zoning:{tx.actor.user_id}:{min(before).isoformat()}",
        )


def _open(rows: Rows) -> Sequence[Site]:
    query = rows.select(Site).where(col(Site.opened_at).is_not(None))
    # as they are now: what this transaction read of them earlier may be over
    return rows.session.exec(query.execution_options(populate_existing=True)).all()


def _lived_in(rows: Rows) -> Sequence[Site]:
    """Sites that wait for their opening while somebody is in them, or is promised to be."""
    live = [placement.id for placement in rows.live_placements()]
    query = (
        rows.select(Site)
        .join(Unit, col(Unit.site_id) == Site.id)
        .join(StayRow, col(StayRow.unit_id) == Unit.id)
        .where(
            col(Site.opened_at).is_(None),
            col(StayRow.placement_id).in_(live),
            col(StayRow.left_at).is_(None),
        )
        .distinct()
    )
    return rows.session.exec(query.execution_options(populate_existing=True)).all()
