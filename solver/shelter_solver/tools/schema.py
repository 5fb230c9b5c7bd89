"""The file formats as JSON Schema (draft 2020-12), derived from the dataclasses.

Names, types, defaults and what must be there come from ``problem.py`` and ``result.py``; only what
a type cannot say (units, limits) is in the table ``FIELDS``. A schema cannot say everything: that a
unit's site exists, that a range has a night or that an id is given once, only reading tells.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import date
from enum import StrEnum
from types import NoneType, UnionType
from typing import Any, get_args, get_origin

from shelter_solver.problem import Problem
from shelter_solver.tools.files import KINDS, LONGEST_HORIZON, VERSION
from shelter_solver.tools.plain import LARGEST, hints, is_required, to_plain

Schema = dict[str, Any]

_NIGHT = "a night, counted from start: 0 is the night that begins on that date"
_END = "the first night that is no longer part of it"
_HOUR = "local hour of the day"

#: what the types do not say: unit, limits, meaning
FIELDS: dict[str, Schema] = {
    "Point.lat": {"minimum": -90, "maximum": 90, "description": "degrees, WGS84"},
    "Point.lon": {"minimum": -180, "maximum": 180, "description": "degrees, WGS84"},
    "Zone.radius_m": {"minimum": 0, "description": "metres"},
    "Nights.first_night": {"description": _NIGHT},
    "Nights.end_night": {"description": _END},
    "Stay.first_night": {"description": _NIGHT},
    "Stay.end_night": {"description": _END},
    "Site.places": {"description": "shared places, each kind:name, such as bus:71"},
    "Unit.beds": {"minimum": 0, "description": "for everybody but infants"},
    "Unit.cots": {"minimum": 0, "description": "for infants"},
    "Unit.admits": {"description": "the kinds of person who may stay; by default all"},
    "Unit.supervision": {
        "minimum": 0,
        "maximum": 3,
        "description": "0 none, 1 visits, 2 staff by day, 3 staff day and night",
    },
    "Unit.intake_from": {"minimum": 0, "maximum": 23, "description": _HOUR},
    "Unit.intake_until": {
        "minimum": 0,
        "maximum": 23,
        "description": f"{_HOUR}; equal to intake_from: any hour",
    },
    "Unit.cleaning_nights": {"minimum": 0, "description": "nights kept empty after each stay"},
    "Unit.max_stay_nights": {"minimum": 1, "description": "nights; null: no limit"},
    "Unit.closed": {"description": "nights in which nobody may stay"},
    "Unit.kept_back": {"description": "nights for parties of at least kept_back_urgency"},
    "Unit.reserve": {
        "minimum": 0,
        "description": "value of keeping it free; 100: as much in demand as the mean unit",
    },
    "Party.people": {
        "minProperties": 1,
        "additionalProperties": {"type": "integer", "minimum": 0, "maximum": LARGEST},
        "description": "how many of each kind; at least one",
    },
    "Party.first_night": {"description": _NIGHT},
    "Party.nights": {"minimum": 1, "description": "how many nights are asked for"},
    "Party.latest_first_night": {"description": "last night to begin; null: first_night"},
    "Party.arrival_hour": {"minimum": 0, "maximum": 23, "description": f"{_HOUR}; null: any"},
    "Party.urgency": {
        "minimum": 0,
        "maximum": 3,
        "description": "0 can wait, 1 soon, 2 tonight, 3 in danger now",
    },
    "Party.own_cots": {"minimum": 0, "description": "cots that the household brings"},
    "Party.min_supervision": {"minimum": 0, "maximum": 3, "description": "as Unit.supervision"},
    "Party.excluded_sites": {"description": "ids of sites that a dangerous person knows"},
    "Party.present": {"description": "where the party is or is promised to be"},
    "Party.move_agreement": {"description": "whose consent a move needs; none: never move"},
    "Separation.a": {"minItems": 1, "description": "ids of parties, each kept from all of b"},
    "Separation.b": {"minItems": 1, "description": "ids of parties, each kept from all of a"},
    "Separation.min_distance_m": {"minimum": 0, "description": "metres between their sites"},
    "Zoning.min_distance_m": {"minimum": 0, "description": "metres between sites of two sides"},
    "Problem.start": {"description": "the date on which night 0 begins"},
    "Problem.horizon": {
        "minimum": 0,
        "maximum": LONGEST_HORIZON,
        "description": "how many nights are planned",
    },
    "Problem.kept_back_urgency": {"description": "least urgency for kept-back nights"},
    "Option.score": {"description": "values of the ranked goals; smaller is better"},
    "Level.value": {"description": "what the goal came to; smaller is better"},
    "Level.bound": {"description": "what nobody can beat, given the levels before"},
    "HouseholdMove.km": {"description": "kilometres, whole"},
}


def problem_schema() -> Schema:
    """The schema of a problem file."""
    book = _Book()
    body = book.object_of(Problem, {"version": {"const": VERSION}})
    return _document("A problem for shelter_solver", body, book)


def result_schema() -> Schema:
    """The schema of a result file, of any kind."""
    book = _Book()
    for name, kind in KINDS.items():
        envelope: dict[str, Schema] = {
            "version": {"const": VERSION},
            "kind": {"const": name},
            "party": {
                "type": ["string", "null"],
                "default": None,
                "description": "the id of the party that asked; null: the result is for all",
            },
        }
        book.defs[kind.__name__] = book.object_of(kind, envelope)
    body = {"oneOf": [{"$ref": f"#/$defs/{kind.__name__}"} for kind in KINDS.values()]}
    return _document("A result of shelter_solver", body, book)


def _document(title: str, body: Schema, book: _Book) -> Schema:
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **body,
        "title": f"{title}, version {VERSION}",
        "$defs": dict(sorted(book.defs.items())),
    }


class _Book:
    """Writes schemas; each dataclass that is met gets one definition."""

    def __init__(self) -> None:
        self.defs: dict[str, Schema] = {}

    def object_of(self, kind: type, envelope: Mapping[str, Schema] | None = None) -> Schema:
        """An object with the fields of a dataclass, after those of the envelope."""
        envelope = envelope or {}
        properties = {field.name: self._field(kind, field) for field in fields(kind)}
        must = [name for name, schema in envelope.items() if "const" in schema]
        must += [field.name for field in fields(kind) if is_required(field)]
        return {
            "title": kind.__name__,
            "description": inspect.cleandoc(kind.__doc__ or "").replace("``", ""),
            "type": "object",
            "properties": {**envelope, **properties},
            "required": must,
            "additionalProperties": False,
        }

    def _field(self, kind: type, field: Any) -> Schema:
        schema = self._of(hints(kind)[field.name])
        schema.update(FIELDS.get(f"{kind.__name__}.{field.name}", {}))
        if field.default is not MISSING:
            schema["default"] = to_plain(field.default)
        elif field.default_factory is not MISSING:
            schema["default"] = to_plain(field.default_factory())
        return schema

    def _of(self, kind: Any) -> Schema:
        origin = get_origin(kind)
        if origin is UnionType:
            return self._union(get_args(kind))
        if origin in (tuple, frozenset):
            return {"type": "array", "items": self._of(get_args(kind)[0])}
        if origin is Mapping:
            key, value = get_args(kind)
            schema = {"type": "object", "additionalProperties": self._of(value)}
            return {**schema, "propertyNames": self._of(key)} if key is not str else schema
        if is_dataclass(kind):
            return self._reference(kind)
        if kind is date:
            return {"type": "string", "format": "date", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"}
        if issubclass(kind, StrEnum):
            return {"type": "string", "enum": [member.value for member in kind]}
        return dict(_SCALARS[kind])

    def _union(self, kinds: tuple[Any, ...]) -> Schema:
        """``X | None``, or scalars; limits given beside it speak of the numbers among them."""
        known = [self._of(kind) for kind in kinds if kind is not NoneType]
        if NoneType in kinds:
            known.append({"type": "null"})
        if any("$ref" in schema for schema in known):
            return {"anyOf": known}
        merged: Schema = {}
        for schema in known:
            merged.update(schema)
        return {**merged, "type": [schema["type"] for schema in known]}

    def _reference(self, kind: Any) -> Schema:
        name = kind.__name__
        if name not in self.defs:
            self.defs[name] = {}  # a dataclass that holds itself would not end
            self.defs[name] = self.object_of(kind)
        return {"$ref": f"#/$defs/{name}"}


_SCALARS: dict[type, Schema] = {
    str: {"type": "string"},
    int: {"type": "integer", "minimum": -LARGEST, "maximum": LARGEST},
    float: {"type": "number", "minimum": -LARGEST, "maximum": LARGEST},
    bool: {"type": "boolean"},
}
