"""What is done for a placement on the spot: ticked steps, transport, incidents."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from litestar import Response, get, post
from litestar.params import FromPath, JSONBody
from pydantic import Field

from shelter.domain.handover import Checklist, Transport
from shelter.domain.incidents import IncidentKind, Severity
from shelter.domain.sides import Role
from shelter.services import handover, incidents, looks
from shelter.services.context import Tx
from shelter.services.durations import durations_of
from shelter_api.access import only
from shelter_api.language import language_of
from shelter_api.v1.common import Call, IdempotencyKey, In, Out, read, write_once

READERS = (Role.ON_CALL, Role.COMMUNE_STAFF, Role.COORDINATOR)
ON_SITE = (Role.ON_CALL, Role.COMMUNE_STAFF)


class StepOut(Out):
    checklist: Checklist
    step: str
    #: the network's own sentence, of a protocol
    text: str | None
    done: bool
    #: when somebody ticked it or took that back, and who
    at: datetime | None
    by: str | None
    due: date | None


class IncidentOut(Out):
    kind: IncidentKind
    severity: Severity
    note: str | None
    at: datetime
    by: str | None


class LongerOut(Out):
    end_night: date
    #: the end of one of the place's own lengths
    own: bool


class HandoverOut(Out):
    steps: list[StepOut]
    transport: Transport | None
    transport_hour: int | None
    incidents: list[IncidentOut]
    #: days until which the stay may be lengthened, by the place's own rule
    longer: list[LongerOut]


class StepIn(In):
    checklist: Checklist
    step: Annotated[str, Field(max_length=40)]
    done: bool


class TransportIn(In):
    transport: Transport
    hour: Annotated[int, Field(ge=0, le=23)] | None = None


class IncidentIn(In):
    kind: IncidentKind
    severity: Severity
    note: Annotated[str, Field(max_length=140)] | None = None


def _out(tx: Tx, placement_id: UUID, language: str) -> HandoverOut:
    row, request = looks.open_placement(tx, placement_id)
    lists = handover.checklists(tx, row, request, language)
    return HandoverOut(
        steps=[StepOut.model_validate(item) for items in lists.values() for item in items],
        transport=row.transport,
        transport_hour=row.transport_hour,
        incidents=[
            IncidentOut(
                kind=told.row.kind,
                severity=told.row.severity,
                note=told.note,
                at=told.row.recorded_at,
                by=told.by,
            )
            for told in incidents.incidents_of(tx, row)
        ],
        longer=[LongerOut.model_validate(each) for each in durations_of(tx, row).longer],
    )


@get("/placements/{placement_id:uuid}/handover", sync_to_thread=True, **only(*READERS))
def get_handover(request: Call, placement_id: FromPath[UUID]) -> HandoverOut:
    """What is handed over, thought of, on its way and gone wrong, and how long they may stay."""
    language = language_of(request)
    return read(request, lambda tx: _out(tx, placement_id, language))


def _act(
    request: Call, key: str, placement_id: UUID, body: In, work: Callable[[Tx], object]
) -> Response[Any]:
    language = language_of(request)

    def done(tx: Tx) -> HandoverOut:
        work(tx)
        tx.session.flush()
        return _out(tx, placement_id, language)

    return write_once(request, key, body.model_dump(mode="json"), done)


@post("/placements/{placement_id:uuid}/steps", sync_to_thread=True, **only(*ON_SITE))
def tick(
    request: Call,
    placement_id: FromPath[UUID],
    data: JSONBody[StepIn],
    idempotency_key: IdempotencyKey,
) -> Response[HandoverOut]:
    """Tick a step, or take that back."""

    def work(tx: Tx) -> object:
        return handover.tick(tx, placement_id, data.checklist, data.step, done=data.done)

    return _act(request, idempotency_key, placement_id, data, work)


@post("/placements/{placement_id:uuid}/transport", sync_to_thread=True, **only(*ON_SITE))
def bring(
    request: Call,
    placement_id: FromPath[UUID],
    data: JSONBody[TransportIn],
    idempotency_key: IdempotencyKey,
) -> Response[HandoverOut]:
    """Who brings them, towards which hour."""

    def work(tx: Tx) -> object:
        return handover.bring(tx, placement_id, data.transport, data.hour)

    return _act(request, idempotency_key, placement_id, data, work)


@post("/placements/{placement_id:uuid}/incidents", sync_to_thread=True, **only(*ON_SITE))
def record(
    request: Call,
    placement_id: FromPath[UUID],
    data: JSONBody[IncidentIn],
    idempotency_key: IdempotencyKey,
) -> Response[HandoverOut]:
    """Something went wrong: the coordination is told, and of a serious one the police."""

    def work(tx: Tx) -> object:
        return incidents.record(tx, placement_id, data.kind, data.severity, data.note)

    return _act(request, idempotency_key, placement_id, data, work)


route_handlers = (get_handover, tick, bring, record)
