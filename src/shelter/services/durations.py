"""How long a stay may last where it is, by the place's own length and renewals."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from shelter.db.tables import PlacementRow, StayRow, Unit
from shelter.services.context import Tx, found

#: offered beside the place's own lengths
SHORT = (1, 3, 7)


@dataclass(frozen=True, slots=True)
class Length:
    """The place's own rule for one unit, and what is left of it."""

    unit: Unit
    #: None: it has no limit
    max_stay_nights: int | None
    renewals_left: int
    #: the first night that a stay may not have any more; None without a limit
    longest: date | None


@dataclass(frozen=True, slots=True)
class Longer:
    """A day until which the stay could be lengthened, by the place's rule."""

    end_night: date
    added: int
    #: it is the end of one of the place's own lengths
    own: bool


@dataclass(frozen=True, slots=True)
class Durations:
    lengths: tuple[Length, ...]
    #: the place's own first, then short ones; whether the nights are free is seen when it is tried
    longer: tuple[Longer, ...]


def durations_of(tx: Tx, placement: PlacementRow) -> Durations:
    """For the units in which the placement ends now."""
    last = [
        stay
        for stay in tx.rows.stays([placement.id])
        if stay.left_at is None and stay.end_night == placement.end_night
    ]
    lengths, own = [], set[date]()
    for stay in last:
        unit: Unit = found(tx.rows.get(Unit, stay.unit_id), "unit")
        ends = _ends(stay, unit)
        own |= set(ends)
        slept = (stay.end_night - stay.first_night).days
        used = 0 if unit.max_stay_nights is None else max(0, -(-slept // unit.max_stay_nights) - 1)
        lengths.append(
            Length(
                unit,
                unit.max_stay_nights,
                max(0, unit.renewals - used),
                ends[-1] if ends else None,
            )
        )
    horizon = tx.tonight + timedelta(days=tx.network.defaults.horizon_nights)
    latest = min([horizon, *(each.longest for each in lengths if each.longest is not None)])
    short = {placement.end_night + timedelta(days=nights) for nights in SHORT}
    days = [*sorted(own), *sorted(short - own)]
    return Durations(
        tuple(lengths),
        tuple(
            Longer(day, (day - placement.end_night).days, day in own)
            for day in days
            if placement.end_night < day <= latest
        ),
    )


def _ends(stay: StayRow, unit: Unit) -> list[date]:
    """Where the place's lengths end: the first one, and each renewal of it."""
    if unit.max_stay_nights is None:
        return []
    return [
        stay.first_night + timedelta(days=unit.max_stay_nights * times)
        for times in range(1, unit.renewals + 2)
    ]
