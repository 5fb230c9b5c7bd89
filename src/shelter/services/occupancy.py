"""Who has which nights of a unit: checked against every rule, then written, bed by bed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlmodel import col, delete, select

from shelter.db.session import is_double_booking, lock_cases
from shelter.db.tables import (
    OccupiedNight,
    PlacementRow,
    Request,
    StayRow,
    Unit,
)
from shelter.domain.availability import Sharing
from shelter.domain.errors import Conflict, FieldProblem, Invalid, Taken
from shelter.domain.household import Household
from shelter.domain.nights import each_night
from shelter.services.context import Tx, found
from shelter.services.overrides import Whereabouts
from shelter.services.problems import situation
from shelter_solver import verify
from shelter_solver.problem import Stay

#: violations that mean: somebody else was faster
_TAKEN_RULES = frozenset({"occupied", "capacity", "cleaning", "closed", "shared_gender"})
MAX_PARTS = 6


@dataclass(frozen=True, slots=True)
class StayChoice:
    unit_id: UUID
    first_night: date
    end_night: date


def check_choice(choice: Sequence[StayChoice], tonight: date) -> None:
    problems = []
    if not 1 <= len(choice) <= MAX_PARTS:
        problems.append(FieldProblem("stays", "range", (("min", 1), ("max", MAX_PARTS))))
    problems.extend(
        FieldProblem(f"stays.{number}.end_night", "end_after_first")
        for number, stay in enumerate(choice)
        if not 0 < (stay.end_night - stay.first_night).days <= 366
    )
    problems.extend(  # nights that are over were slept in or not: nobody can be given them now
        FieldProblem(f"stays.{number}.first_night", "night_range")
        for number, stay in enumerate(choice)
        if stay.first_night < tonight
    )
    if problems:
        raise Invalid(*problems)


def refuse_unseen(tx: Tx, choice: Sequence[StayChoice]) -> None:
    """Before any unit is locked: to wait for one of the other side would tell that it is in use.

    Reads no rows into the session, for they are read again under the lock.
    """
    ids = {part.unit_id for part in choice}
    theirs = select(Unit.id).where(col(Unit.id).in_(ids), col(Unit.side).in_(tx.rows.sides))
    if ids.difference(tx.session.exec(theirs).all()):
        found(None, "unit")


def chosen_units(tx: Tx, choice: Sequence[StayChoice]) -> dict[UUID, Unit]:
    units: dict[UUID, Unit] = {}
    for part in choice:
        unit: Unit = found(tx.rows.get(Unit, part.unit_id), "unit")
        if unit.retired:
            found(None, "unit")
        units[unit.id] = unit
    return units


def refuse_taken(tx: Tx, choice: Sequence[StayChoice], units: dict[UUID, Unit]) -> None:
    """The quick look, for the many who come a second too late."""
    for part in choice:
        if units[part.unit_id].sharing is Sharing.PRIVATE and tx.rows.occupied(
            [part.unit_id], part.first_night, part.end_night
        ):
            raise Taken("taken")


def verify_choice(
    tx: Tx,
    request: Request,
    choice: Sequence[StayChoice],
    *,
    renewing: bool = False,
    moving: bool = False,
) -> None:
    """Check every hard rule again, without OR-Tools, on what the transaction sees.

    ``renewing`` lengthens a stay, ``moving`` brings a household that has one somewhere else.
    """
    is_housed = renewing or moving
    now = situation(
        tx,
        request.side,
        asking=None if is_housed else request,
        renewing=renewing,
        only_units=[part.unit_id for part in choice],
        trying=(request.id, _whereabouts(tx, choice)),
    )
    first = now.night(min(part.first_night for part in choice))
    end = now.night(max(part.end_night for part in choice))
    stays = tuple(  # nights that are over are not given out any more
        Stay(str(part.unit_id), max(0, now.night(part.first_night)), now.night(part.end_night))
        for part in choice
        if now.night(part.end_night) > 0
    )
    if not stays:
        raise Conflict("request_is_past")
    party = next(p for p in now.problem.parties if p.id == str(request.id))
    # a worker may choose other nights than were asked for: the rules are checked for those
    begin = first if is_housed else max(0, first)
    chosen = replace(
        party,
        first_night=begin,
        nights=end - begin,
        arrival_hour=None if renewing else party.arrival_hour,
    )
    parties = tuple(chosen if p is party else p for p in now.problem.parties)
    violations = verify(replace(now.problem, parties=parties), {party.id: stays})
    if not violations:
        return
    if any(violation.rule in _TAKEN_RULES for violation in violations):
        raise Taken("taken")
    raise Conflict("rule_forbids", rule=violations[0].rule)


def _whereabouts(tx: Tx, choice: Sequence[StayChoice]) -> Whereabouts:
    units = (tx.rows.get(Unit, part.unit_id) for part in choice)
    return Whereabouts(
        frozenset(unit.site_id for unit in units if unit is not None),
        max(part.end_night for part in choice),
    )


def lock_case(tx: Tx, request: Request) -> None:
    """Parties that must be kept apart are placed one after the other, never past each other."""
    hashes = {row.other_case_hash for row in tx.rows.separations([request.id])}
    if request.case_hash is not None:
        hashes.add(request.case_hash)
    lock_cases(tx.session, request.side, hashes)


def take(
    tx: Tx,
    placement: PlacementRow,
    choice: Sequence[StayChoice],
    units: Mapping[UUID, Unit],
    household: Household,
) -> None:
    """Write the stays of a placement and their nights. Raises Taken: somebody was faster."""
    try:
        tx.session.flush()
        for part in choice:
            stay = StayRow(
                side=placement.side,
                placement_id=placement.id,
                unit_id=part.unit_id,
                first_night=part.first_night,
                end_night=part.end_night,
            )
            tx.session.add(stay)
            tx.session.flush()
            unit = units[part.unit_id]
            occupy(tx, stay, unit, household, len(choice), part.first_night, part.end_night)
        tx.session.flush()
    except IntegrityError as error:
        if is_double_booking(error):
            raise Taken("taken") from None
        raise


def occupy(
    tx: Tx,
    stay: StayRow,
    unit: Unit,
    household: Household,
    parts: int,
    first: date,
    end: date,
) -> None:
    """Write the nights. A private unit is bed 0; a shared one gives its lowest free beds."""
    if unit.sharing is Sharing.PRIVATE:
        for night in each_night(first, end):
            tx.session.add(_taken(unit, night, 0, stay))
        return
    taken: dict[date, set[int]] = {}
    for row in tx.rows.occupied([unit.id], first, end):
        taken.setdefault(row.night, set()).add(row.bed)
    beds = min(household.beds, unit.beds) if parts > 1 else household.beds
    cots = min(household.cots, unit.cots) if parts > 1 else household.cots
    for night in each_night(first, end):
        used = taken.get(night, set())
        free_beds = [bed for bed in range(unit.beds) if bed not in used][:beds]
        free_cots = [cot for cot in range(unit.beds, unit.beds + unit.cots) if cot not in used][
            :cots
        ]
        if len(free_beds) < beds or len(free_cots) < cots:
            raise Taken("taken")
        for bed in free_beds + free_cots:
            tx.session.add(_taken(unit, night, bed, stay))


def free_nights(tx: Tx, stay_ids: Iterable[UUID], from_night: date) -> None:
    tx.session.exec(
        delete(OccupiedNight).where(
            col(OccupiedNight.stay_id).in_(list(stay_ids)), col(OccupiedNight.night) >= from_night
        )
    )


def _taken(unit: Unit, night: date, bed: int, stay: StayRow) -> OccupiedNight:
    return OccupiedNight(side=unit.side, unit_id=unit.id, night=night, bed=bed, stay_id=stay.id)
