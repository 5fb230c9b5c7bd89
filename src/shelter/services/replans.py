"""Where else a household could be from tonight on: computed when it is looked at, never stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from shelter.db.tables import Alert, AlertStep, PlacementRow, Request
from shelter.domain.alerts import AlertKind
from shelter.domain.errors import Conflict, NotAllowed
from shelter.domain.placements import RUNNING
from shelter.domain.sides import Actor, Role
from shelter.services.alerts import readable_alert
from shelter.services.allocate import (
    LIMIT_S,
    ChangeView,
    OptionView,
    calls,
    change_view,
    option_view,
)
from shelter.services.context import Shelter, Tx, found
from shelter.services.escalation import steps_of
from shelter.services.lifecycle import readable_placement
from shelter.services.problems import Situation, situation
from shelter.services.separations import SAFETY_RULES
from shelter_solver import Answer, place, verify
from shelter_solver.result import Reason, Status

#: changes of a refusal that mean something for a household that is housed already
_HELPS = frozenset({"move_one", "two_units", "change_unit", "widen_communes", "bring_cots", "call"})


@dataclass(frozen=True, slots=True)
class Replan:
    """The other places for a placement, at ``computed_at``; or why there is none."""

    placement: PlacementRow
    request: Request
    #: where they are now breaks a safety rule
    is_broken: bool
    status: Status
    options: tuple[OptionView, ...]
    blocked: tuple[Reason, ...]
    changes: tuple[ChangeView, ...]
    computed_at: datetime


@dataclass(frozen=True, slots=True)
class AlertDetail:
    """An alert; of a broken separation also whose turn it is, and whether other places exist."""

    alert: Alert
    #: in their order: who was told, and who will be if nobody answers
    steps: Sequence[AlertStep]
    request: Request | None
    #: None: no placement is running any more, or this alert is about something else
    replan: Replan | None
    #: the reader works on the household and so may see where it could go
    may_see_places: bool


def replan(system: Shelter, actor: Actor, placement_id: UUID) -> Replan:
    """For the worker of a household, or a coordinator: where it could be moved today."""

    def read(tx: Tx) -> _Read:
        placement = readable_placement(tx, placement_id)
        if tx.actor.role not in {Role.ON_CALL, Role.COORDINATOR}:
            raise NotAllowed("not_allowed")
        if placement.state not in RUNNING:
            raise Conflict("placement_not_running")
        return _read(tx, placement)

    return _solved(system.run(actor, read, read_only=True))


def alert_detail(system: Shelter, actor: Actor, alert_id: UUID) -> AlertDetail:
    """An alert that the actor may read, with the computed re-plan of a broken separation."""

    def read(tx: Tx) -> tuple[AlertDetail, _Read | None]:
        alert = readable_alert(tx, alert_id)
        request = tx.rows.get(Request, alert.request_id) if alert.request_id is not None else None
        mine = request is not None and (
            tx.actor.role is Role.COORDINATOR
            or (tx.actor.role is Role.ON_CALL and request.service == tx.actor.service)
        )
        placement = (
            tx.rows.get(PlacementRow, alert.placement_id)
            if alert.kind is AlertKind.SEPARATION_BROKEN and alert.placement_id is not None
            else None
        )
        detail = AlertDetail(alert, steps_of(tx, alert.id), request, None, mine)
        if placement is None or placement.state not in RUNNING:
            return detail, None
        return detail, _read(tx, placement)

    detail, data = system.run(actor, read, read_only=True)
    return detail if data is None else replace(detail, replan=_solved(data))


@dataclass(frozen=True, slots=True)
class _Read:
    """All that a re-plan needs of the database, so that the solver runs outside of it."""

    placement: PlacementRow
    request: Request
    now: Situation
    to_call: tuple[ChangeView, ...]
    at: datetime
    stale_after: timedelta


def _read(tx: Tx, placement: PlacementRow) -> _Read:
    request: Request = found(tx.rows.get(Request, placement.request_id), "request")
    now = situation(tx, placement.side)
    to_call = tuple(calls(tx, now, placement.side))
    return _Read(placement, request, now, to_call, tx.now, tx.network.defaults.stale_after)


def _solved(data: _Read) -> Replan:
    now, party_id = data.now, str(data.request.id)
    [party] = [party for party in now.problem.parties if party.id == party_id]
    broken = any(
        violation.rule in SAFETY_RULES and party_id in (violation.party, violation.other)
        for violation in verify(now.problem, {party_id: party.present})
    )
    answer: Answer = place(now.problem, party_id, options=3, limit_s=LIMIT_S, seed=0)
    here = {stay.unit for stay in party.present if stay.end_night > 0}
    options = [o for o in answer.options if {stay.unit for stay in o.stays} != here]
    refusal = answer.refusal
    changes = [change for change in refusal.changes if change.code in _HELPS] if refusal else []
    at, limit = data.at, data.stale_after
    return Replan(
        placement=data.placement,
        request=data.request,
        is_broken=broken,
        status=answer.status,
        options=tuple(option_view(now, option, at, limit) for option in options),
        blocked=refusal.blocked if refusal else (),
        changes=(*(change_view(now, c, at, limit) for c in changes), *data.to_call)
        if not options
        else (),
        computed_at=at,
    )
