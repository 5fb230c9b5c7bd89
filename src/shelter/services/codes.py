"""Codes that nothing else has yet."""

from __future__ import annotations

from typing import Any

from sqlmodel import Session, select

from shelter.domain.codes import random_code

LENGTH = 5


def unused_code(session: Session, column: Any) -> str:
    """A random code that ``column`` does not hold among the rows that this transaction may see.

    Codes are unique on a side, not across both: a code that is refused because the other side has
    it would tell something, and the perpetrator side's transaction cannot look.

    Of 27**5 codes, every hundredth is in use after 140 000 requests: chance alone would then
    turn one family in a hundred away.
    """
    while True:
        code = random_code(LENGTH)
        if session.exec(select(column).where(column == code)).first() is None:
            return code
