"""Keeping true what is known of a unit: closed nights, occupation, and "still true"."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from shelter.db.session import lock_units
from shelter.db.tables import Block, Site, Unit
from shelter.domain.availability import BlockReason
from shelter.domain.errors import Conflict, FieldProblem, Invalid
from shelter.services.context import Tx, found
from shelter.services.sites import managed_site
from shelter.services.units import managed_unit


def block_unit(
    tx: Tx,
    unit_id: UUID,
    reason: BlockReason,
    first_night: date,
    end_night: date | None,
    *,
    via: str | None = None,
) -> Block:
    """Take a unit out for the nights [first_night, end_night); None: until further notice.

    ``via`` names another way than the screens, for the record. Raises Conflict when somebody was
    promised a night of it: those stays come first, and are moved or ended on their own pages.
    """
    unit = managed_unit(tx, unit_id)
    _check_nights(tx, first_night, end_night)
    lock_units(tx.session, [unit.id])
    end = end_night or date.max
    if tx.rows.occupied([unit.id], first_night, end):
        raise Conflict("unit_is_promised")
    for known in tx.rows.blocks([unit.id], first_night, end):
        covers = known.first_night <= first_night and end <= (known.end_night or date.max)
        if covers and known.reason is reason:  # said again: still true
            _confirm(tx, unit)
            tx.record("unit.still_true", f"unit:{unit.id}", side=unit.side, **_by_way_of(via))
            return known
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
        **_by_way_of(via),
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


def free_unit(
    tx: Tx, unit_id: UUID, first_night: date, end_night: date | None, *, via: str | None = None
) -> None:
    """End what takes a unit out in the nights [first_night, end_night), and nothing outside them.

    What is kept back stays so: that is a decision, not a state of the place. Raises Conflict when
    somebody was promised a night, the first alone when there is no end: a promise is ended on its
    own page, by somebody who knows that they left.
    """
    unit = managed_unit(tx, unit_id)
    _check_nights(tx, first_night, end_night)
    lock_units(tx.session, [unit.id])
    if tx.rows.occupied([unit.id], first_night, end_night or first_night + timedelta(days=1)):
        raise Conflict("unit_is_promised")
    for block in tx.rows.blocks([unit.id], first_night, end_night or date.max):
        if block.reason is not BlockReason.KEPT_BACK:
            _cut(tx, block, first_night, end_night)
    _confirm(tx, unit)
    tx.record(
        "unit.free",
        f"unit:{unit.id}",
        side=unit.side,
        first_night=first_night.isoformat(),
        end_night=end_night.isoformat() if end_night else None,
        **_by_way_of(via),
    )


def _cut(tx: Tx, block: Block, first_night: date, end_night: date | None) -> None:
    """Take the nights [first_night, end_night) out of a block: one before and one after remain."""
    if end_night is not None and (block.end_night is None or block.end_night > end_night):
        after = Block(**block.model_dump(exclude={"id", "first_night"}), first_night=end_night)
        tx.session.add(after)
    if block.first_night >= first_night:
        tx.session.delete(block)
    else:
        block.end_night = first_night
        tx.session.add(block)


def confirm_unit(tx: Tx, unit_id: UUID, *, via: str | None = None) -> Unit:
    """ "Still true", for one unit."""
    unit = managed_unit(tx, unit_id, for_update=True)
    _confirm(tx, unit)
    tx.record("unit.still_true", f"unit:{unit.id}", side=unit.side, **_by_way_of(via))
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


def _check_nights(tx: Tx, first_night: date, end_night: date | None) -> None:
    """Raises Invalid for nights that are past, turned round, or too far away to be meant."""
    horizon = tx.tonight + timedelta(days=2 * 366)
    problems = []
    if first_night < tx.tonight - timedelta(days=1) or first_night > horizon:
        problems.append(FieldProblem("first_night", "night_range"))
    if end_night is not None and not first_night < end_night <= horizon:
        problems.append(FieldProblem("end_night", "end_after_first"))
    if problems:
        raise Invalid(*problems)


def _by_way_of(via: str | None) -> dict[str, Any]:
    return {} if via is None else {"via": via}
