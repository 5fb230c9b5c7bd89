"""Quarters of a year, in which a council counts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

_WRITTEN = re.compile(r"(\d{4})-Q([1-4])")


@dataclass(frozen=True, slots=True, order=True)
class Quarter:
    """``number`` from 1 to 4."""

    year: int
    number: int

    def __str__(self) -> str:
        return f"{self.year}-Q{self.number}"

    @classmethod
    def of(cls, day: date) -> Quarter:
        return cls(day.year, (day.month - 1) // 3 + 1)

    @classmethod
    def parse(cls, text: str) -> Quarter | None:
        """ "2026-Q4"; None for anything else."""
        found = _WRITTEN.fullmatch(text)
        return cls(int(found[1]), int(found[2])) if found and int(found[1]) > 0 else None

    @property
    def first_day(self) -> date:
        return date(self.year, 3 * self.number - 2, 1)

    @property
    def end(self) -> date:
        """The first day of the next one."""
        return self.after(1).first_day

    @property
    def months(self) -> tuple[str, str, str]:
        """("2026-10", "2026-11", "2026-12")"""
        first = 3 * self.number - 2
        one, two, three = (f"{self.year:04}-{month:02}" for month in range(first, first + 3))
        return one, two, three

    def after(self, quarters: int) -> Quarter:
        """So many quarters later; earlier if negative."""
        count = self.year * 4 + self.number - 1 + quarters
        return Quarter(count // 4, count % 4 + 1)
