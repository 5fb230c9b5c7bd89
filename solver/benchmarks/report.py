"""What a person sees of a benchmark: tables that grow line by line, and one last line of ratios."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping


def say(text: str) -> None:
    """To the terminal at once, for some lines take minutes to earn."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


class Table:
    """Columns of fixed width, printed row by row; the head comes with the first row."""

    def __init__(self, *columns: tuple[str, int]) -> None:
        self.columns = columns
        self._begun = False

    def row(self, *cells: object) -> None:
        if not self._begun:
            self._begun = True
            say(self._line([name for name, _ in self.columns]))
        say(self._line(["–" if cell is None else str(cell) for cell in cells]))

    def _line(self, cells: list[str]) -> str:
        pairs = zip(cells, self.columns, strict=True)
        return "  ".join(cell.rjust(width) for cell, (_, width) in pairs).rstrip()


def last_line(ratios: Mapping[str, Mapping[str, object]]) -> str:
    """``bench-solver: batch.mid_proven=yes growth.exponent=1.05 …`` for all benchmarks that ran."""
    words = [
        f"{benchmark}.{_word(key)}={_value(value)}"
        for benchmark, own in ratios.items()
        for key, value in own.items()
    ]
    return " ".join(("bench-solver:", *words))


def _word(key: str) -> str:
    return re.sub(r"[^\w.~+-]+", "_", key).strip("_")


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "NO"
    return f"{value:.4g}" if isinstance(value, float) else _word(str(value))
