"""Lists in pages, newest first: a page ends at a place, and the next one begins there.

Unlike an offset, a place neither repeats nor skips a row when new ones arrive meanwhile, and it
says nothing of how many there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, SQLModel
from sqlmodel.sql.expression import SelectOfScalar

R = TypeVar("R", bound=SQLModel)
#: when the last row of a page was made, and its identifier
Place = tuple[datetime, UUID]


def newest_first(
    session: Session,
    query: SelectOfScalar[R],
    made_at: Any,
    row_id: Any,
    *,
    after: Place | None,
    limit: int,
) -> Sequence[R]:
    """The rows of ``query`` that come after a place, by the column ``made_at``, then ``row_id``."""
    if after is not None:
        at, last = after
        query = query.where(sa.or_(made_at < at, sa.and_(made_at == at, row_id < last)))
    return session.exec(query.order_by(made_at.desc(), row_id.desc()).limit(limit)).all()
