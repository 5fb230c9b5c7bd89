"""Lists of words, in small letters and without accents, as data."""

from __future__ import annotations

from importlib import resources


def words(name: str) -> frozenset[str]:
    """The words of ``name.txt``; a line that begins with # is a remark."""
    lines = resources.files(__name__).joinpath(f"{name}.txt").read_text("utf-8").splitlines()
    return frozenset(" ".join(line for line in lines if not line.startswith("#")).split())
