"""Codes that nothing else has yet."""

from __future__ import annotations

from typing import Any

from sqlmodel import Session, select

from shelter.domain.codes import random_code

LENGTH = 5


def unused_code(session: Session, column: Any) -> str:
    """A random code that ``column`` does not hold.

    Of 27**5 codes, every hundredth is in use after 140 000 requests: chance alone would then
    turn one family in a hundred away.
    """
    while True:
        code = random_code(LENGTH)
        if session.exec(select(column).where(column == code)).first() is None:
            return code
