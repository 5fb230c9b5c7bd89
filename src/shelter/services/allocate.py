"""Options for a request: OR-Tools decides, ``verify`` re-checks, a person chooses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from uuid import UUID

from shelter.db.tables import Request, Site, Unit
from shelter.domain.availability import Freshness, freshness
from shelter.domain.errors import Conflict
from shelter.domain.network import Fallback
from shelter.domain.requests import RequestState
from shelter.domain.sides import Actor, Side
from shelter.services import overrides
from shelter.services.context import Shelter, Tx
from shelter.services.intake import readable_request
from shelter.services.problems import EVERY_NIGHT, Situation, situation
from shelter_solver import Answer, place
from shelter_solver.result import Change, Option, Reason, Status

#: seconds that the solver may take; a verified answer is there long before
LIMIT_S = 2.0


@dataclass(frozen=True, slots=True)
class StayView:
    """Part of an option: which unit, from when to when, and how old what we know of it is."""

    unit: Unit
    site: Site
    first_night: date
    end_night: date
    known_at: datetime
    freshness: Freshness


@dataclass(frozen=True, slots=True)
class OptionView:
    stays: tuple[StayView, ...]
    reasons: tuple[Reason, ...]
    #: the ranked goal on which it lost to the option above it
    decided_by: str | None
    #: until when two people allow this place, although a separation forbids it
    allowed_until: date | None = None


@dataclass(frozen=True, slots=True)
class ChangeView:
    """Something small that would help, with the option that it opens (if it can be computed)."""

    code: str
    params: dict[str, str | int | float]
    option: OptionView | None = None


@dataclass(frozen=True, slots=True)
class Offer:
    """The answer to a request, at ``computed_at``."""

    request: Request
    status: Status
    options: tuple[OptionView, ...]
    blocked: tuple[Reason, ...]
    changes: tuple[ChangeView, ...]
    fallbacks: tuple[Fallback, ...]
    computed_at: datetime


def offer(system: Shelter, actor: Actor, request_id: UUID) -> Offer:
    """Up to three options for a request, or why there is none and what would help.

    Reads in one transaction and solves outside of it: a hold re-checks everything anyway.
    """

    allowed: list[tuple[date, Situation]] = []

    def read(tx: Tx) -> tuple[Request, Situation, list[ChangeView], datetime, timedelta]:
        allowed.clear()  # the work of a transaction may run twice
        request = readable_request(tx, request_id)
        if request.state is not RequestState.OPEN:
            raise Conflict(
                "request_closed"
                if request.state is RequestState.CLOSED
                else "request_has_placement"
            )
        if request.first_night < tx.tonight:
            # asked for a night that is over: what is left of the stay begins tonight
            left = request.nights - (tx.tonight - request.first_night).days
            if left < 1:
                raise Conflict("request_is_past")
            tx.session.expunge(request)
            request.first_night, request.nights = tx.tonight, left
        now = situation(tx, request.side, asking=request)
        allowed.extend(_allowed_by_two(tx, request))
        return request, now, calls(tx, now, request.side), tx.now, tx.network.defaults.stale_after

    request, now, to_call, at, limit = system.run(actor, read, read_only=True)
    answer: Answer = place(now.problem, str(request.id), options=3, limit_s=LIMIT_S, seed=0)
    refusal = answer.refusal
    network = system.run(actor, lambda tx: tx.network, read_only=True)
    options = [option_view(now, option, at, limit) for option in answer.options]
    for until, there in allowed:
        more = place(there.problem, str(request.id), options=1, limit_s=LIMIT_S, seed=0)
        options += [
            replace(option_view(there, option, at, limit), allowed_until=until)
            for option in more.options
            if max(there.day(stay.end_night) for stay in option.stays) <= until
            and all(option.stays != given.stays for given in answer.options)  # needs no permission
        ]
    return Offer(
        request=request,
        status=answer.status,
        options=tuple(options),
        blocked=refusal.blocked if refusal is not None else (),
        changes=(*(change_view(now, c, at, limit) for c in refusal.changes), *to_call)
        if refusal is not None
        else (),
        fallbacks=tuple(
            fallback
            for fallback in network.fallbacks
            if (fallback.for_victims if request.side is Side.VICTIMS else fallback.for_perpetrators)
        )
        if not options
        else (),
        computed_at=at,
    )


def _allowed_by_two(tx: Tx, request: Request) -> list[tuple[date, Situation]]:
    """For each site that two people allow this request: the problem of that site alone."""
    found = []
    for override in overrides.in_force(tx, request):
        there = overrides.Whereabouts(frozenset({override.site_id}), override.until)
        now = situation(tx, request.side, asking=request, trying=(request.id, there))
        units = tuple(
            unit if unit.site == str(override.site_id) else replace(unit, closed=(EVERY_NIGHT,))
            for unit in now.problem.units
        )
        found.append((override.until, replace(now, problem=replace(now.problem, units=units))))
    return found


def option_view(now: Situation, option: Option, at: datetime, limit: timedelta) -> OptionView:
    """The solver's option with the rows that it stands for."""
    stays = []
    for stay in option.stays:
        unit = now.units[stay.unit]
        stays.append(
            StayView(
                unit=unit,
                site=now.sites[str(unit.site_id)],
                first_night=now.day(stay.first_night),
                end_night=now.day(stay.end_night),
                known_at=unit.confirmed_at,
                freshness=freshness(unit.confirmed_at, at, limit),
            )
        )
    reasons = tuple(Reason(r.code, _dated(now, r.params)) for r in option.reasons)
    return OptionView(tuple(stays), reasons, option.decided_by)


def _dated(now: Situation, params: Mapping[str, str | int | float]) -> dict[str, str | int | float]:
    """The solver counts nights from tonight; people read dates."""
    return {
        name: now.day(value).isoformat()
        if name in {"first_night", "night"} and isinstance(value, int)
        else value
        for name, value in params.items()
    }


def change_view(now: Situation, change: Change, at: datetime, limit: timedelta) -> ChangeView:
    """What would help, with units by name and nights as dates."""
    params = _dated(now, change.params)
    if change.moved_to:
        # whose household it is stays with its own service: the unit is enough to make the call
        moved = next(p for p in now.problem.parties if p.id == change.moved_party).present
        after = {stay.unit for stay in change.moved_to}
        before = next((stay for stay in moved if stay.unit not in after), moved[0])
        unit, to = now.units[before.unit], now.units[change.moved_to[0].unit]
        params |= {
            "unit": f"{now.sites[str(unit.site_id)].name} {unit.label}",
            "to_unit": f"{now.sites[str(to.site_id)].name} {to.label}",
        }
    option = option_view(now, change.option, at, limit) if change.option is not None else None
    return ChangeView(change.code, params, option)


def calls(tx: Tx, now: Situation, side: Side) -> list[ChangeView]:
    """The service whose word on an unavailable unit is oldest: it may no longer be true."""
    unavailable = [
        unit
        for unit_id, unit in now.units.items()
        if unit.side is side
        and any(block.first_night <= tx.tonight for block in now.blocks.get(unit_id, ()))
    ]
    if not unavailable:
        return []
    oldest = min(unavailable, key=lambda unit: (unit.confirmed_at, unit.id))
    site = now.sites[str(oldest.site_id)]
    params: dict[str, str | int | float] = {
        "service": tx.network.service(site.service).name,
        "site": site.name,
        "known_at": oldest.confirmed_at.isoformat(),
    }
    phone = tx.duty_phone(site.service)
    if phone is not None:
        params["phone"] = phone
    return [ChangeView("call", params)]
