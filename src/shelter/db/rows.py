"""What a side may read. Every query goes through a ``Rows`` and carries its sides.

A perpetrator-side service receives ``Rows`` that cannot return a victim-side row: independence by
construction, not by remembering a condition (SAFETY.md §1).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date
from typing import TypeVar
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, SQLModel, col, select
from sqlmodel.sql.expression import SelectOfScalar

from shelter.db.tables import (
    Block,
    OccupiedNight,
    PlacementRow,
    Request,
    SeparationRow,
    Site,
    StayRow,
    Unit,
)
from shelter.domain.placements import LIVE
from shelter.domain.sides import Side, may_depend_on

R = TypeVar("R", bound=SQLModel)


class Rows:
    """Reads rows of some sides only."""

    def __init__(self, session: Session, sides: frozenset[Side]) -> None:
        self.session = session
        self.sides = sides

    @classmethod
    def that_may_decide_for(cls, session: Session, side: Side) -> Rows:
        """All that an answer given to ``side`` may depend on."""
        return cls(session, may_depend_on({side}))

    def get(self, table: type[R], row_id: UUID, *, for_update: bool = False) -> R | None:
        """The row, or None: it does not exist, or not for these sides."""
        query = self.select(table).where(col(table.id) == row_id)  # type: ignore[attr-defined]
        if for_update:
            query = query.with_for_update().execution_options(populate_existing=True)
        return self.session.exec(query).first()

    def sites(self, *, service: str | None = None, opened: bool = False) -> Sequence[Site]:
        query = self.select(Site).order_by(col(Site.name), col(Site.id))
        if service is not None:
            query = query.where(col(Site.service) == service)
        if opened:
            query = query.where(col(Site.opened_at).is_not(None))
        return self.session.exec(query).all()

    def units(self, site_ids: Collection[UUID]) -> Sequence[Unit]:
        query = (
            self.select(Unit)
            .where(col(Unit.site_id).in_(site_ids), col(Unit.retired).is_(False))
            .order_by(col(Unit.label), col(Unit.id))
        )
        return self.session.exec(query).all()

    def blocks(self, unit_ids: Collection[UUID], first: date, end: date) -> Sequence[Block]:
        """Blocks that touch the nights [first, end)."""
        query = (
            self.select(Block)
            .where(
                col(Block.unit_id).in_(unit_ids),
                col(Block.first_night) < end,
                sa.or_(col(Block.end_night).is_(None), col(Block.end_night) > first),
            )
            .order_by(col(Block.first_night), col(Block.id))
        )
        return self.session.exec(query).all()

    def live_placements(self) -> Sequence[PlacementRow]:
        query = self.select(PlacementRow).where(col(PlacementRow.state).in_(LIVE))
        return self.session.exec(query.order_by(col(PlacementRow.id))).all()

    def live_placement_of(self, request_id: UUID) -> PlacementRow | None:
        query = self.select(PlacementRow).where(
            col(PlacementRow.request_id) == request_id, col(PlacementRow.state).in_(LIVE)
        )
        return self.session.exec(query).first()

    def placements_of(self, request_id: UUID) -> Sequence[PlacementRow]:
        query = self.select(PlacementRow).where(col(PlacementRow.request_id) == request_id)
        return self.session.exec(query.order_by(col(PlacementRow.held_at).desc())).all()

    def stays(self, placement_ids: Collection[UUID]) -> Sequence[StayRow]:
        query = self.select(StayRow).where(col(StayRow.placement_id).in_(placement_ids))
        return self.session.exec(query.order_by(col(StayRow.first_night), col(StayRow.id))).all()

    def requests(self, request_ids: Collection[UUID]) -> Sequence[Request]:
        return self.session.exec(self.select(Request).where(col(Request.id).in_(request_ids))).all()

    def separations(self, request_ids: Collection[UUID]) -> Sequence[SeparationRow]:
        return self.session.exec(
            self.select(SeparationRow).where(col(SeparationRow.request_id).in_(request_ids))
        ).all()

    def separations_from(self, case_hashes: Collection[str]) -> Sequence[tuple[SeparationRow, str]]:
        """Separations from these cases, each with the case of the request that states it."""
        query = (
            select(SeparationRow, Request.case_hash)
            .join(Request, col(Request.id) == SeparationRow.request_id)
            .where(
                col(SeparationRow.other_case_hash).in_(case_hashes),
                col(SeparationRow.side).in_(self.sides),
                col(Request.side).in_(self.sides),
                col(Request.case_hash).is_not(None),
            )
        )
        return [(row, str(case)) for row, case in self.session.exec(query)]

    def occupied(
        self, unit_ids: Collection[UUID], first: date, end: date
    ) -> Sequence[OccupiedNight]:
        """What is taken of these units in the nights [first, end)."""
        query = self.select(OccupiedNight).where(
            col(OccupiedNight.unit_id).in_(unit_ids),
            col(OccupiedNight.night) >= first,
            col(OccupiedNight.night) < end,
        )
        return self.session.exec(query).all()

    def select(self, table: type[R]) -> SelectOfScalar[R]:
        """A query over the rows of these sides, to be narrowed further."""
        return select(table).where(col(table.side).in_(self.sides))  # type: ignore[attr-defined]
