"""Short random codes that people read aloud, type and send by SMS."""

from __future__ import annotations

import secrets

#: no vowels (no words appear by chance), nothing that looks or sounds like something else
ALPHABET = "BCDFGHJKMNPQRSTVWXZ23456789"


def random_code(length: int) -> str:
    """A code of ``length`` letters; 27**length possibilities, from the system's CSPRNG."""
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


def normalise_code(text: str) -> str:
    """What somebody typed, as the code that they meant: case, spaces and dashes do not matter."""
    return "".join(c for c in text.upper() if c.isalnum())
