"""The networks that come with the program, and one fictitious sample to try them with."""

from __future__ import annotations

from importlib.resources import files

#: names to give to ``bundled``
BUNDLED = ("liege", "namur", "rezone-midi", "secova", "secova.sample")


def bundled(name: str) -> str:
    """The TOML text of a bundled file. Raises KeyError when ``name`` is not in ``BUNDLED``."""
    if name not in BUNDLED:
        raise KeyError(name)
    return files(__name__).joinpath(f"{name}.toml").read_text(encoding="utf-8")
