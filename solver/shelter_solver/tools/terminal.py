"""One line that tells a person at a terminal how far the solver is."""

from __future__ import annotations

import shutil
from types import TracebackType
from typing import TextIO

from shelter_solver.result import Progress
from shelter_solver.tools.words import printable

_CLEAR = "\r\x1b[K"


class ProgressLine:
    """Shows each ``Progress`` in the place of the one before; silent when nobody looks.

    Leaving the context takes the line away again.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._watched = stream.isatty()

    def __call__(self, progress: Progress) -> None:
        if self._watched:
            width = shutil.get_terminal_size().columns - 1
            self._write(told(progress)[:width])

    def __enter__(self) -> ProgressLine:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        if self._watched:
            self._write("")

    def _write(self, text: str) -> None:
        self._stream.write(_CLEAR + text)
        self._stream.flush()


def told(progress: Progress) -> str:
    """The progress in words, the time left last: ``near: best 40, bound 38, gap 5.0 %, …``."""
    parts = f", part {progress.part} of {progress.parts}" if progress.parts > 1 else ""
    return (
        f"{printable(progress.goal)}: best {progress.best}, bound {progress.bound}, "
        f"gap {100 * progress.gap:.1f} %{parts}, {max(0.0, progress.left_s):.0f} s left"
    )
