"""Expected refusals. Each has a code: the key of its text in the user's language.

``error.<code>`` is the sentence, ``error.<code>.do`` says what to do next; HTTP statuses are
mapped in one place, ``shelter_api.errors``.
"""

from __future__ import annotations

from dataclasses import dataclass


class ShelterError(Exception):
    """A refusal that the user can do something about."""

    def __init__(self, code: str, **params: str | int | float) -> None:
        super().__init__(code)
        self.code = code
        self.params = params


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """One wrong input: ``field`` is a dotted path, ``code`` the key ``field.<code>``."""

    field: str
    code: str
    params: tuple[tuple[str, str | int | float], ...] = ()


class Invalid(ShelterError):
    """The input is wrong; ``problems`` lists every wrong field."""

    def __init__(self, *problems: FieldProblem) -> None:
        super().__init__("invalid")
        self.problems = problems


class NotSignedIn(ShelterError):
    """Nobody is signed in, or the session has ended."""


class NotAllowed(ShelterError):
    """This user may not do this."""


class NotFound(ShelterError):
    """Nothing there, as far as this user may know."""


class Conflict(ShelterError):
    """The state of things does not permit it (any more)."""


class Taken(Conflict):
    """Somebody else was faster: the place is gone."""


class Stale(ShelterError):
    """The thing was changed since the caller read it (If-Match)."""


class PreconditionRequired(ShelterError):
    """A header that protects against doing it twice, or over somebody's edit, is missing."""


class TooMany(ShelterError):
    """Slow down; ``params['seconds']`` says for how long."""
