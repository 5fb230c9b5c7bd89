"""What may be a password: long, and not what anybody would try first."""

from __future__ import annotations

from collections.abc import Iterable

from zxcvbn import zxcvbn

from shelter.domain.errors import FieldProblem

MIN_LENGTH = 12
#: decimal logarithm of the guesses that a good guesser needs (Wheeler, USENIX Security 2016); with
#: a throttle before it and Argon2 behind it, 10^10 is out of reach
_LEAST_GUESSES_LOG10 = 10.0
#: the estimator reads no further, and needs not
_LONGEST_READ = 72
#: words that a guesser would try here, of whatever network
_OUR_WORDS = ("shelter", "refuge", "abri", "hebergement", "opvang", "urgence", "violence", "cpas")


def password_problem(password: str, known: Iterable[str] = ()) -> FieldProblem | None:
    """Why ``password`` may not be used, or None.

    ``known`` are words that belong to the account (login, name, service, communes): a password made
    of them is no secret. Any character may be used, and nothing is asked but not to be guessable.
    """
    if len(password) < MIN_LENGTH:
        return FieldProblem("password", "too_short", (("min", MIN_LENGTH),))
    words = [*_OUR_WORDS, *(part for word in known for part in (word, *word.split()) if part)]
    found = zxcvbn(password[:_LONGEST_READ], user_inputs=words)
    if float(found["guesses_log10"]) < _LEAST_GUESSES_LOG10:
        return FieldProblem("password", "guessable")
    return None
