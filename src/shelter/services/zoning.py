"""The zoning rule: no victim site and perpetrator site stand too near, or share a place.

Static separation is what makes independence possible (SAFETY.md §1): wherever a perpetrator is
placed, no victim site is near. So it is looked at wherever it could be broken.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlmodel import col

from shelter.db.rows import Rows
from shelter.db.tables import NetworkRow, Site, StayRow, Unit
from shelter.domain.errors import Conflict
from shelter.domain.sides import BOTH_SIDES
from shelter.services.context import Tx
from shelter.services.locations import solver_site
from shelter_solver import problem as model
from shelter_solver.verify import zoning_conflicts


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
    """
    rows = Rows(tx.session, BOTH_SIDES)
    standing = _open(rows) if only is None else [*_open(rows), *_lived_in(rows)]
    names = {str(site.id): site.name for site in standing}
    placed = [solver_site(tx, site) for site in standing]
    for first, second, _why in zoning_conflicts(placed, zoning):
        if only is not None and str(only.id) not in (first, second):
            continue
        if tx.actor.sides == BOTH_SIDES:
            raise Conflict("zoning", first=names[first], second=names[second])
        raise Conflict("zoning_unexplained")


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
