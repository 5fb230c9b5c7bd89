"""Problems and results as files.

A problem is one JSON object, ``{"version": 1, "start": "2026-11-21", "horizon": 30, …}``, with the
field names of ``problem.py``. A result is one too, ``{"version": 1, "kind": "schedule", "party":
null, "status": "optimal", …}``, with the field names of ``result.py``; ``kind`` says which result
it is, and ``party`` who asked, where one party did. Fields with a default may be left out. Dates
are ISO 8601, sets are lists, people are an object of counts. ``schema.py`` says the same as a JSON
Schema.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, cast

from shelter_solver.problem import Problem, ProblemError
from shelter_solver.result import Answer, Room, Schedule
from shelter_solver.tools.plain import object_of, read, read_object, to_plain

VERSION = 1

#: a file that plans more nights is a mistake: ten years
LONGEST_HORIZON = 3_660

Result = Schedule | Answer | Room

#: what ``kind`` says in a result file
KINDS: dict[str, type[Schedule] | type[Answer] | type[Room]] = {
    "answer": Answer,
    "schedule": Schedule,
    "room": Room,
}


@dataclass(frozen=True, slots=True)
class ResultFile:
    """What a result file holds. ``party`` is who asked; None for a schedule, which is for all."""

    result: Result
    party: str | None = None


def problem_to_json(problem: Problem) -> str:
    """The problem as JSON text; ``problem_from_json`` gives an equal problem back."""
    return _text(to_plain(problem))


def result_to_json(result: Result, party: str | None = None) -> str:
    """The result as JSON text; ``result_from_json`` gives an equal one back."""
    kind = next(name for name, kind in KINDS.items() if isinstance(result, kind))
    return _text({"kind": kind, "party": party, **to_plain(result)})


def answer_to_json(answer: Answer) -> str:
    """The answer as JSON text, without who asked."""
    return result_to_json(answer)


def problem_from_json(text: str | bytes) -> Problem:
    """Read a problem.

    Raises
    ------
    ProblemError
        Whatever is wrong; ``where`` is the path, e.g. ``$.units[3].beds``. Nothing else escapes.
    """
    problem = cast(Problem, read_object(Problem, _versioned(text), "$"))
    if problem.horizon > LONGEST_HORIZON:
        raise ProblemError("$.horizon", f"is more than {LONGEST_HORIZON} nights")
    return problem


def result_from_json(text: str | bytes) -> ResultFile:
    """Read a result, whichever kind it is.

    Raises
    ------
    ProblemError
        As for a problem. Whether the result keeps the rules of a problem, ``verify`` says.
    """
    data = _versioned(text)
    kind = data.pop("kind", None)
    if not isinstance(kind, str) or kind not in KINDS:
        raise ProblemError("$.kind", "must be one of " + ", ".join(KINDS))
    party = read(str | None, data.pop("party", None), "$.party")
    return ResultFile(read_object(KINDS[kind], data, "$"), party)


def _text(data: dict[str, Any]) -> str:
    return json.dumps({"version": VERSION, **data}, ensure_ascii=False, indent=1)


def _versioned(text: str | bytes) -> dict[str, Any]:
    data = object_of(text)
    version = data.pop("version", None)
    if version != VERSION or isinstance(version, bool):
        raise ProblemError("$.version", f"must be {VERSION}")
    return data
