"""Keeping true what is known of a unit: closed nights, occupation, and "still true"."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, timedelta
from uuid import UUID

from shelter.db.session import lock_units
from shelter.db.tables import Block, Site, Unit
from shelter.domain.availability import BlockReason
from shelter.domain.errors import Conflict, FieldProblem, Invalid
from shelter.services.context import Tx, found
from shelter.services.sites import managed_site
from shelter.services.units import managed_unit


def block_unit(
    tx: Tx, unit_id: UUID, reason: BlockReason, first_night: date, end_night: date | None
) -> Block:
    """Take a unit out for the nights [first_night, end_night); None: until further notice.

    Raises Conflict when somebody was promised a night of it: those stays come first, and are
    moved or ended on their own pages.
    """
    unit = managed_unit(tx, unit_id)
    horizon = tx.tonight + timedelta(days=2 * 366)
    problems = []
    if first_night < tx.tonight - timedelta(days=1) or first_night > horizon:
        problems.append(FieldProblem("first_night", "night_range"))
    if end_night is not None and not first_night < end_night <= horizon:
        problems.append(FieldProblem("end_night", "end_after_first"))
    if problems:
        raise Invalid(*problems)
    lock_units(tx.session, [unit.id])
    if tx.rows.occupied([unit.id], first_night, end_night or date.max):
        raise Conflict("unit_is_promised")
    block = Block(
        unit_id=unit.id,
        side=unit.side,
        reason=reason,
        first_night=first_night,
        end_night=end_night,
        created_at=tx.now,
        created_by=tx.actor.user_id,
    )
    tx.session.add(block)
    _confirm(tx, unit)
    tx.record(
        "unit.block",
        f"unit:{unit.id}",
        side=unit.side,
        reason=reason.value,
        first_night=first_night.isoformat(),
        end_night=end_night.isoformat() if end_night else None,
    )
    return block


def unblock_unit(tx: Tx, unit_id: UUID, block_id: UUID) -> None:
    """End a block now: nights before tonight stay as they were."""
    unit = managed_unit(tx, unit_id)
    block: Block = found(tx.rows.get(Block, block_id, for_update=True), "block")
    if block.unit_id != unit.id:
        found(None, "block")
    if block.first_night >= tx.tonight:
        tx.session.delete(block)
    elif block.end_night is None or block.end_night > tx.tonight:
        block.end_night = tx.tonight
        tx.session.add(block)
    _confirm(tx, unit)
    tx.record("unit.unblock", f"unit:{unit.id}", side=unit.side, reason=block.reason.value)


def confirm_unit(tx: Tx, unit_id: UUID) -> Unit:
    """ "Still true", for one unit."""
    unit = managed_unit(tx, unit_id, for_update=True)
    _confirm(tx, unit)
    tx.record("unit.still_true", f"unit:{unit.id}", side=unit.side)
    return unit


def confirm_site(tx: Tx, site_id: UUID) -> Site:
    """ "Still true", for everything on a site, in one tap."""
    site = managed_site(tx, site_id)
    for unit in tx.rows.units([site.id]):
        _confirm(tx, unit)
    tx.record("site.still_true", f"site:{site.id}", side=site.side)
    return site


def current_blocks(tx: Tx, unit_ids: Collection[UUID]) -> dict[UUID, list[Block]]:
    """Blocks from tonight on, by unit."""
    grouped: dict[UUID, list[Block]] = {}
    end = tx.tonight + timedelta(days=2 * 366)
    for block in tx.rows.blocks(unit_ids, tx.tonight, end):
        grouped.setdefault(block.unit_id, []).append(block)
    return grouped


def _confirm(tx: Tx, unit: Unit) -> None:
    unit.confirmed_at, unit.confirmed_by = tx.now, tx.actor.user_id
    tx.session.add(unit)
