"""Requests for a place, the options for them, and holding one."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from litestar import Response, get, patch, post
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from pydantic import Field

from shelter import i18n
from shelter.domain.availability import Freshness
from shelter.domain.errors import ShelterError, Taken
from shelter.domain.household import Language, Person
from shelter.domain.requests import Outcome, RequestState, Urgency
from shelter.domain.sides import Role, Side
from shelter.services import allocate, intake, looks, placements
from shelter.services.context import Tx
from shelter_api.access import only
from shelter_api.errors import problem
from shelter_api.language import language_of
from shelter_api.v1.common import (
    Call,
    Cursor,
    Day,
    IdempotencyKey,
    IfMatch,
    In,
    Out,
    limit_of,
    page_of,
    place_of,
    read,
    system_of,
    tagged,
    version_of,
    write,
    write_once,
)
from shelter_api.v1.placements import PlacementOut, placement_out
from shelter_solver.result import Reason

READERS = (Role.ON_CALL, Role.COORDINATOR)
Km = Annotated[float, Field(ge=0, le=intake.MAX_DISTANCE_KM, allow_inf_nan=False)]


class PlaceOnMapIn(In):
    """A point: a commune (its centre), or coordinates."""

    commune: str | None = None
    lat: Annotated[float, Field(ge=49, le=52, allow_inf_nan=False)] | None = None
    lon: Annotated[float, Field(ge=2, le=7, allow_inf_nan=False)] | None = None
    radius_km: Km = 0.0


class KeptApartIn(In):
    case_reference: str
    min_distance_km: Km | None = None


class RequestIn(In):
    """Who needs a place. No name is asked, none has a field."""

    people: dict[Person, int]
    first_night: date | None = None
    nights: int = 7
    arrival_hour: int | None = None
    urgency: Urgency = Urgency.TONIGHT
    step_free: bool = False
    pets: bool = False
    quiet: bool = False
    pregnancy: bool = False
    own_transport: bool = False
    languages: Annotated[list[Language], Field(max_length=20)] = []
    min_supervision: int = 0
    #: cots that come with the household
    own_cots: int = 0
    may_use_two_units: bool = False
    may_change_unit: bool = False
    move_agreement: str = "none"
    avoid_communes: Annotated[list[str], Field(max_length=100)] = []
    avoid_sites: Annotated[list[UUID], Field(max_length=100)] = []
    avoid_zones: Annotated[list[PlaceOnMapIn], Field(max_length=20)] = []
    keep_apart: Annotated[list[KeptApartIn], Field(max_length=20)] = []
    prefer_communes: Annotated[list[str], Field(max_length=100)] = []
    prefer_near: Annotated[list[PlaceOnMapIn], Field(max_length=20)] = []
    #: only its keyed hash is stored
    case_reference: str | None = None
    #: for colleagues; refused when it looks as if it named somebody or a place
    note: str | None = None


class AmendmentIn(In):
    first_night: date | None = None
    nights: Annotated[int, Field(ge=1)] | None = None
    arrival_hour: int | None = None
    urgency: Urgency | None = None
    avoid_communes: Annotated[list[str], Field(max_length=100)] | None = None
    prefer_communes: Annotated[list[str], Field(max_length=100)] | None = None
    own_cots: int | None = None
    may_use_two_units: bool | None = None
    may_change_unit: bool | None = None
    move_agreement: str | None = None
    #: "" takes it away
    note: str | None = None


class RequestOut(Out):
    id: UUID
    code: str
    side: Side
    state: RequestState
    outcome: Outcome | None
    service: str
    created_at: datetime
    household: dict[str, int]
    first_night: date
    nights: int
    arrival_hour: int | None
    urgency: int
    step_free: bool
    pets: bool
    quiet: bool
    pregnancy: bool
    own_transport: bool
    languages: list[str]
    min_supervision: int
    own_cots: int
    may_use_two_units: bool
    may_change_unit: bool
    move_agreement: str
    avoid_communes: list[str]
    prefer_communes: list[str]
    version: int


class RequestDetail(RequestOut):
    #: only here: in no list, and in no answer that is kept for a repeated POST
    note: str | None
    placements: list[PlacementOut]


class RequestList(Out):
    items: list[RequestOut]
    #: give it as ``cursor`` to get the next page; None on the last
    next: str | None


class StayIn(In):
    unit_id: UUID
    first_night: Day
    end_night: Day


class HoldIn(In):
    stays: Annotated[list[StayIn], Field(min_length=1, max_length=placements.MAX_PARTS)]


class OutcomeIn(In):
    outcome: Outcome


class ReasonOut(Out):
    code: str
    #: texts and numbers
    params: dict[str, Any]
    text: str


class StayOut(Out):
    unit_id: UUID
    unit: str
    site: str
    commune: str
    first_night: date
    end_night: date
    known_at: datetime
    freshness: Freshness


class OptionOut(Out):
    stays: list[StayOut]
    reasons: list[ReasonOut]
    decided_by: str | None
    #: until when two people allow this place, although a separation forbids it
    allowed_until: date | None = None


class ChangeOut(ReasonOut):
    option: OptionOut | None


class FallbackOut(Out):
    name: str
    phone: str | None


class OfferOut(Out):
    status: str
    computed_at: datetime
    options: list[OptionOut]
    blocked: list[ReasonOut]
    changes: list[ChangeOut]
    fallbacks: list[FallbackOut]


class HistoryEntry(Out):
    at: datetime
    who: str
    action: str
    detail: dict[str, Any]


class History(Out):
    items: list[HistoryEntry]


def _request_input(data: RequestIn) -> intake.RequestInput:
    given = data.model_dump(
        exclude={
            "avoid_zones",
            "prefer_near",
            "keep_apart",
            "avoid_communes",
            "avoid_sites",
            "prefer_communes",
            "languages",
        }
    )
    return intake.RequestInput(
        **given,
        languages=tuple(data.languages),
        avoid_communes=tuple(data.avoid_communes),
        avoid_sites=tuple(data.avoid_sites),
        prefer_communes=tuple(data.prefer_communes),
        avoid_zones=tuple(intake.PlaceOnMap(**zone.model_dump()) for zone in data.avoid_zones),
        prefer_near=tuple(intake.PlaceOnMap(**near.model_dump()) for near in data.prefer_near),
        keep_apart=tuple(intake.KeptApart(**apart.model_dump()) for apart in data.keep_apart),
    )


def _detail(tx: Tx, request_id: UUID) -> RequestDetail:
    request = intake.readable_request(tx, request_id)
    return RequestDetail(
        **RequestOut.model_validate(request).model_dump(),
        note=intake.note_of(tx, request),
        placements=[placement_out(tx, row) for row in intake.placements_of(tx, request)],
    )


@post("/requests", sync_to_thread=True, **only(Role.ON_CALL))
def ask(
    request: Call, data: JSONBody[RequestIn], idempotency_key: IdempotencyKey
) -> Response[RequestOut]:
    """Say who needs a place. Options come from ``/requests/{id}/options``."""
    return write_once(
        request,
        idempotency_key,
        data.model_dump(mode="json"),
        lambda tx: RequestOut.model_validate(intake.ask(tx, _request_input(data))),
    )


@get("/requests", sync_to_thread=True, **only(*READERS))
def list_requests(
    request: Call,
    in_state: Annotated[RequestState | None, QueryParameter(name="state")] = None,
    after: Cursor = None,
    limit: FromQuery[int] = 50,
) -> RequestList:
    """Your service's requests, newest first, in pages."""
    place, size = place_of(after), limit_of(limit)

    def look(tx: Tx) -> RequestList:
        rows = intake.list_requests(tx, state=in_state, after=place, limit=size + 1)
        page, following = page_of(rows, size)
        return RequestList(items=[RequestOut.model_validate(row) for row in page], next=following)

    return read(request, look)


@get("/requests/{request_id:uuid}", sync_to_thread=True, **only(*READERS))
def get_request(request: Call, request_id: FromPath[UUID]) -> Response[RequestDetail]:
    """One request with its placements."""

    def look(tx: Tx) -> RequestDetail:
        looks.request_looked_at(tx, intake.readable_request(tx, request_id))
        return _detail(tx, request_id)

    return tagged(read(request, look))


@patch("/requests/{request_id:uuid}", sync_to_thread=True, **only(Role.ON_CALL))
def amend_request(
    request: Call,
    request_id: FromPath[UUID],
    data: JSONBody[AmendmentIn],
    if_match: IfMatch = None,
) -> Response[RequestDetail]:
    """Change what the person agreed to change, while nothing is held."""
    version = version_of(if_match)
    given = data.model_dump()
    for name in ("avoid_communes", "prefer_communes"):
        given[name] = None if given[name] is None else tuple(given[name])

    def amend(tx: Tx) -> RequestDetail:
        intake.amend(tx, request_id, intake.Amendment(**given), version)
        tx.session.flush()
        return _detail(tx, request_id)

    return tagged(write(request, amend))


@get("/requests/{request_id:uuid}/options", sync_to_thread=True, **only(*READERS))
def options(request: Call, request_id: FromPath[UUID]) -> OfferOut:
    """Up to three options with reasons; or why there is none, and what would help."""
    offer = allocate.offer(system_of(request), request.user, request_id)
    return offer_out(offer, language_of(request))


@post("/requests/{request_id:uuid}/holds", sync_to_thread=True, **only(Role.ON_CALL))
def hold(
    request: Call,
    request_id: FromPath[UUID],
    data: JSONBody[HoldIn],
    idempotency_key: IdempotencyKey,
) -> Response[PlacementOut]:
    """Hold a place for a few minutes. Who comes too late gets 409 and what is free now."""
    choice = [placements.StayChoice(**stay.model_dump()) for stay in data.stays]
    try:
        return write_once(
            request,
            idempotency_key,
            data.model_dump(mode="json"),
            lambda tx: placement_out(tx, placements.hold(tx, request_id, choice)),
        )
    except Taken as taken:
        try:
            offer = allocate.offer(system_of(request), request.user, request_id)
            instead = offer_out(offer, language_of(request)).model_dump(mode="json")
        except ShelterError:
            instead = None
        late: Response[Any] = Response(
            problem(request, taken, offer=instead),
            status_code=409,
            media_type="application/problem+json",
        )
        return late


@post("/requests/{request_id:uuid}/outcome", sync_to_thread=True, **only(Role.ON_CALL))
def close(
    request: Call,
    request_id: FromPath[UUID],
    data: JSONBody[OutcomeIn],
    idempotency_key: IdempotencyKey,
) -> Response[RequestOut]:
    """End a request without a stay; the person's own decision is counted apart."""
    return write_once(
        request,
        idempotency_key,
        data.model_dump(mode="json"),
        lambda tx: RequestOut.model_validate(intake.close(tx, request_id, data.outcome)),
    )


@get("/requests/{request_id:uuid}/history", sync_to_thread=True, **only(*READERS))
def history(request: Call, request_id: FromPath[UUID]) -> History:
    """What was done about a request, oldest first."""

    def look(tx: Tx) -> History:
        row = intake.readable_request(tx, request_id)
        looks.note(tx, "history.look", f"request:{row.id}", row)
        return History(
            items=[
                HistoryEntry(at=e.at, who=e.actor_name, action=e.action, detail=e.detail)
                for e in intake.history(tx, request_id)
            ]
        )

    return read(request, look)


def offer_out(offer: allocate.Offer, language: str) -> OfferOut:
    return OfferOut(
        status=offer.status.value,
        computed_at=offer.computed_at,
        options=[option_out(view, language) for view in offer.options],
        blocked=[reason_out("blocked", reason, language) for reason in offer.blocked],
        changes=[change_out(change, language) for change in offer.changes],
        fallbacks=[FallbackOut(name=f.name, phone=f.phone) for f in offer.fallbacks],
    )


def option_out(view: allocate.OptionView, language: str) -> OptionOut:
    return OptionOut(
        stays=[
            StayOut(
                unit_id=stay.unit.id,
                unit=stay.unit.label,
                site=stay.site.name,
                commune=stay.site.commune,
                first_night=stay.first_night,
                end_night=stay.end_night,
                known_at=stay.known_at,
                freshness=stay.freshness,
            )
            for stay in view.stays
        ],
        reasons=[reason_out("reason", reason, language) for reason in view.reasons],
        decided_by=view.decided_by,
        allowed_until=view.allowed_until,
    )


def change_out(change: allocate.ChangeView, language: str) -> ChangeOut:
    return ChangeOut(
        **_reason("change", change.code, change.params, language).model_dump(),
        option=option_out(change.option, language) if change.option is not None else None,
    )


def reason_out(kind: str, reason: Reason, language: str) -> ReasonOut:
    return _reason(kind, reason.code, dict(reason.params), language)


def _reason(kind: str, code: str, params: dict[str, str | int | float], language: str) -> ReasonOut:
    return ReasonOut(code=code, params=params, text=i18n.text(language, f"{kind}.{code}", **params))


route_handlers = (
    ask,
    list_requests,
    get_request,
    amend_request,
    options,
    hold,
    close,
    history,
)
