"""Units of a site: what each holds, and for whom."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlmodel import col

from shelter.db.session import lock_units
from shelter.db.tables import Unit
from shelter.domain.availability import Sharing
from shelter.domain.errors import Conflict, FieldProblem, Invalid, Stale
from shelter.domain.free_text import IN_PLACE, text_problems
from shelter.domain.household import EVERYONE, Person
from shelter.services.codes import unused_code
from shelter.services.context import Tx, found
from shelter.services.sites import managed_site

#: what may not change of a unit while somebody is in it or is promised it
_PROMISED = ("beds", "cots", "sharing", "admits")


@dataclass(frozen=True, slots=True)
class UnitInput:
    label: str
    beds: int
    cots: int = 0
    sharing: Sharing = Sharing.PRIVATE
    admits: frozenset[Person] = EVERYONE
    step_free: bool = False
    pets: bool = False
    quiet: bool = False
    supervision: int = 0
    intake_from: int = 0
    intake_until: int = 0
    cleaning_nights: int = 0
    max_stay_nights: int | None = None
    renewals: int = 0


def add_unit(tx: Tx, site_id: UUID, given: UnitInput) -> Unit:
    site = managed_site(tx, site_id)
    _check_unit(given)
    unit = Unit(
        site_id=site.id,
        side=site.side,
        code=unused_code(tx.session, col(Unit.code)),
        **_unit_columns(given),
        confirmed_at=tx.now,
        confirmed_by=tx.actor.user_id,
    )
    _save_unit(tx, unit)
    tx.record("unit.add", f"unit:{unit.id}", side=site.side, label=unit.label)
    return unit


def edit_unit(tx: Tx, unit_id: UUID, given: UnitInput, version: int) -> Unit:
    managed_unit(tx, unit_id)  # to wait for one of the other side would tell that it is in use
    lock_units(tx.session, [unit_id])
    unit = managed_unit(tx, unit_id, for_update=True)
    if unit.version != version:
        raise Stale("stale")
    _check_unit(given)
    columns = _unit_columns(given)
    # who was promised a place was promised this one: what it holds, and for whom
    promised = tx.rows.occupied([unit.id], tx.tonight, date.max)
    if promised and any(getattr(unit, name) != columns[name] for name in _PROMISED):
        raise Conflict("unit_is_promised")
    for name, value in columns.items():
        setattr(unit, name, value)
    unit.version += 1
    _save_unit(tx, unit)
    tx.record("unit.edit", f"unit:{unit.id}", side=unit.side, label=unit.label)
    return unit


def managed_unit(tx: Tx, unit_id: UUID, *, for_update: bool = False) -> Unit:
    unit: Unit = found(tx.rows.get(Unit, unit_id, for_update=for_update), "unit")
    if unit.retired:
        found(None, "unit")
    managed_site(tx, unit.site_id)
    return unit


def _check_unit(given: UnitInput) -> None:
    problems = [
        FieldProblem(name, "range", (("min", low), ("max", high)))
        for name, value, low, high in (
            ("beds", given.beds, 1, 40),
            ("cots", given.cots, 0, 12),
            ("supervision", given.supervision, 0, 3),
            ("intake_from", given.intake_from, 0, 23),
            ("intake_until", given.intake_until, 0, 23),
            ("cleaning_nights", given.cleaning_nights, 0, 14),
            ("renewals", given.renewals, 0, 12),
            (
                "max_stay_nights",
                1 if given.max_stay_nights is None else given.max_stay_nights,
                1,
                1100,
            ),
        )
        if not low <= value <= high
    ]
    if not 1 <= len(given.label.strip()) <= 40:
        problems.append(FieldProblem("label", "length", (("min", 1), ("max", 40))))
    problems.extend(text_problems("label", given.label, IN_PLACE))
    if not given.admits:
        problems.append(FieldProblem("admits", "missing"))
    if problems:
        raise Invalid(*problems)


def _unit_columns(given: UnitInput) -> dict[str, Any]:
    return {
        "label": given.label.strip(),
        "beds": given.beds,
        "cots": given.cots,
        "sharing": given.sharing,
        "admits": sorted(person.value for person in given.admits),
        "step_free": given.step_free,
        "pets": given.pets,
        "quiet": given.quiet,
        "supervision": given.supervision,
        "intake_from": given.intake_from,
        "intake_until": given.intake_until,
        "cleaning_nights": given.cleaning_nights,
        "max_stay_nights": given.max_stay_nights,
        "renewals": given.renewals,
    }


def _save_unit(tx: Tx, unit: Unit) -> None:
    label, site_id = unit.label, unit.site_id
    tx.session.add(unit)
    try:
        tx.session.flush()
    except IntegrityError as error:
        if "label" in str(error.orig) or "site_id" in str(error.orig):
            raise Conflict("unit_label_taken", label=label, site=str(site_id)) from None
        raise
