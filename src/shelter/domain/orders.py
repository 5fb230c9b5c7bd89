"""Temporary barring orders (ITR): what may follow what, and how long one lasts.

Law of 15 May 2012 on the temporary residence ban in case of domestic violence: at most fourteen
days from its notification to the person concerned (article 3, § 3, as amended in 2019; not from the
incident), which the family court may lift or extend by at most three months. From which day the
three months run we could not verify, so they are counted here from the end of the fourteen days:
that refuses a slip of the keyboard and never a judgment. The figures stand in the network file.

No clock frees a place: an end that has passed changes no placement, and not even the order.
"""

from __future__ import annotations

import calendar
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from shelter.domain.errors import Conflict
from shelter.domain.toml_reader import Table


class OrderState(StrEnum):
    ORDERED = "ordered"  # by the prosecutor, orally perhaps; not notified yet: no day runs
    SERVED = "served"  # notified: fourteen days at most
    EXTENDED = "extended"  # by the family court
    LIFTED = "lifted"  # by the court, before its end
    ENDED = "ended"  # somebody said that it is over; no clock does


class OrderAct(StrEnum):
    """What somebody says has happened to an order."""

    SERVE = "serve"
    EXTEND = "extend"
    LIFT = "lift"
    END = "end"


#: its days run, until somebody says that it is over
IN_FORCE = frozenset({OrderState.SERVED, OrderState.EXTENDED})
#: nothing more happens to it
CLOSED = frozenset({OrderState.LIFTED, OrderState.ENDED})

#: from which states, and to which. One that is never notified is lifted, or said to be over
_MOVES: Mapping[OrderAct, tuple[frozenset[OrderState], OrderState]] = {
    OrderAct.SERVE: (frozenset({OrderState.ORDERED}), OrderState.SERVED),
    OrderAct.EXTEND: (IN_FORCE, OrderState.EXTENDED),
    OrderAct.LIFT: (IN_FORCE | {OrderState.ORDERED}, OrderState.LIFTED),
    OrderAct.END: (IN_FORCE | {OrderState.ORDERED}, OrderState.ENDED),
}


def next_state(state: OrderState, act: OrderAct) -> OrderState:
    """Raises Conflict when ``act`` is not possible from ``state``."""
    before, after = _MOVES[act]
    if state not in before:
        raise Conflict("order_not_possible")
    return after


def acts_for(state: OrderState) -> tuple[OrderAct, ...]:
    """What may be said of an order in this state, in the order of the buttons."""
    return tuple(act for act, (before, _) in _MOVES.items() if state in before)


@dataclass(frozen=True, slots=True)
class OrderLaw:
    """What the law allows, as the network file has it."""

    #: an order's own days, from its notification
    days: int = 14
    #: by how much the court may extend it, all extensions together
    extension_months: int = 3
    #: so long before its end it is told that it ends
    told_before: timedelta = timedelta(days=3)


def read_order_law(table: Table) -> OrderLaw:
    """The ``[orders]`` of a network file; what is left out is as usual."""
    usual = OrderLaw()
    day = timedelta(days=1)
    return OrderLaw(
        days=table.integer("order_days", 1, 92, usual.days),
        extension_months=table.integer("extension_months", 0, 24, usual.extension_months),
        told_before=day * table.integer("told_before_days", 1, 14, usual.told_before // day),
    )


def end_of(served_at: datetime, days: int, zone: ZoneInfo) -> datetime:
    """The end of an order: the same local time, ``days`` days later (UTC).

    Not so many times 24 hours: what was notified at 22:10 ends at 22:10 by the clock on the wall,
    and after a change of the clocks nobody at three in the morning reckons with an hour. Of a time
    that comes twice the first is meant, so that no hour counts as protected that may not be; one
    that the clocks skip is read as if they had not been changed yet.
    """
    local = served_at.astimezone(zone)
    return _at(local.date() + timedelta(days=days), local.time(), zone)


def end_on(day: date, zone: ZoneInfo) -> datetime:
    """The end of an extension "until" a day: its last minute (UTC)."""
    return _at(day, time(23, 59), zone)


def last_day(served_at: datetime, law: OrderLaw, zone: ZoneInfo) -> date:
    """The last day to which the court may extend an order that was notified then."""
    first = end_of(served_at, law.days, zone).astimezone(zone).date()
    year, month = divmod(first.year * 12 + first.month - 1 + law.extension_months, 12)
    return date(year, month + 1, min(first.day, calendar.monthrange(year, month + 1)[1]))


def _at(day: date, clock: time, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, clock.replace(tzinfo=None, fold=0), zone).astimezone(UTC)
