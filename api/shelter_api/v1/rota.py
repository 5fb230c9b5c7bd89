"""Who is on call, the rota of a service, and swaps."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Annotated
from uuid import UUID

from litestar import Response, delete, get, patch, post
from litestar.params import FromPath, JSONBody, QueryParameter
from pydantic import AwareDatetime, Field

from shelter.db.tables import Shift, ShiftSwap
from shelter.domain.errors import FieldProblem, Invalid
from shelter.domain.rota import SwapState, local_instant, week_of
from shelter.services import duty, rota_gaps, shifts, swaps
from shelter.services.context import Tx
from shelter.services.holidays import public_holidays
from shelter_api.access import only
from shelter_api.v1.common import (
    Call,
    Day,
    IdempotencyKey,
    IfMatch,
    In,
    Out,
    read,
    tagged,
    version_of,
    write,
    write_once,
)

PLANNERS = tuple(sorted(shifts.PLANNERS))
MOST_DAYS = 62
Service = Annotated[
    str | None,
    QueryParameter(name="service", description="Its key; without it your own"),
]


class OnDutyOut(Out):
    name: str
    phone: str | None
    line: int
    until: datetime


class ServiceDutyOut(Out):
    service: str
    name: str
    people: list[OnDutyOut]
    duty_phone: str | None
    second_phone: str | None


class DutyOut(Out):
    items: list[ServiceDutyOut]


class ShiftIn(In):
    user_id: UUID
    starts_at: AwareDatetime
    ends_at: AwareDatetime
    line: Annotated[int, Field(ge=1, le=3)] = 1


class NewShiftIn(ShiftIn):
    service: str | None = None
    #: the same local hours every week, up to the one that begins on this day
    repeat_until: Day | None = None


class CopyIn(In):
    service: str | None = None
    #: a day of the week to fill
    week: Day


class ShiftOut(Out):
    id: UUID
    service: str
    user_id: UUID
    name: str
    line: int
    starts_at: datetime
    ends_at: datetime
    mine: bool
    version: int


class ShiftList(Out):
    items: list[ShiftOut]


class CopiedOut(ShiftList):
    #: somebody is there already, or the person has left
    left_out: int


class GapOut(Out):
    starts_at: datetime
    ends_at: datetime


class HolidayOut(Out):
    day: date
    name: str


class ColleagueOut(Out):
    id: UUID
    name: str


class RotaOut(Out):
    service: str
    shifts: list[ShiftOut]
    #: of the coming week
    gaps: list[GapOut]
    holidays: list[HolidayOut]
    colleagues: list[ColleagueOut]


class SwapIn(In):
    #: a colleague of the same service
    to_user: UUID


class SwapOut(Out):
    id: UUID
    shift_id: UUID
    from_user: UUID
    from_name: str
    to_user: UUID
    to_name: str
    line: int
    starts_at: datetime
    ends_at: datetime
    state: SwapState
    to_me: bool


class SwapList(Out):
    items: list[SwapOut]


class PhonesIn(In):
    service: str | None = None
    #: E.164; null goes back to what the network file says
    duty_phone: str | None
    second_phone: str | None


class PhonesOut(Out):
    service: str
    duty_phone: str | None
    second_phone: str | None


def _shift_out(view: shifts.ShiftView) -> ShiftOut:
    columns = {
        name: getattr(view.shift, name)
        for name in ShiftOut.model_fields
        if name not in {"name", "mine"}
    }
    return ShiftOut(**columns, name=view.name, mine=view.mine)


def _shifts_out(tx: Tx, rows: list[Shift]) -> list[ShiftOut]:
    return [_shift_out(view) for view in shifts.viewed(tx, rows)]


def _one(tx: Tx, row: Shift) -> ShiftOut:
    tx.session.flush()
    return _shifts_out(tx, [row])[0]


def _input(data: ShiftIn) -> shifts.ShiftInput:
    return shifts.ShiftInput(data.user_id, data.starts_at, data.ends_at, data.line)


def _swap_out(view: swaps.SwapView) -> SwapOut:
    return SwapOut(
        id=view.swap.id,
        shift_id=view.shift.id,
        from_user=view.swap.from_user,
        from_name=view.from_name,
        to_user=view.swap.to_user,
        to_name=view.to_name,
        line=view.shift.line,
        starts_at=view.shift.starts_at,
        ends_at=view.shift.ends_at,
        state=view.swap.state,
        to_me=view.to_me,
    )


def _decided(tx: Tx, swap: ShiftSwap) -> SwapOut:
    row = shifts.planned_shift(tx, swap.shift_id)
    return _swap_out(swaps.viewed_swaps(tx, [(swap, row)])[0])


@get("/duty", sync_to_thread=True, **only(*PLANNERS))
def duty_now(request: Call) -> DutyOut:
    """Who is on call now in each service that you may see, your own first."""

    def look(tx: Tx) -> DutyOut:
        return DutyOut(
            items=[
                ServiceDutyOut(
                    service=each.service.key,
                    name=each.service.name,
                    people=[
                        OnDutyOut(
                            name=person.name,
                            phone=person.phone,
                            line=person.line,
                            until=person.until,
                        )
                        for person in each.people
                    ],
                    duty_phone=each.duty_phone,
                    second_phone=each.second_phone,
                )
                for each in duty.duty_now(tx)
            ]
        )

    return read(request, look)


@get("/rota", sync_to_thread=True, **only(*PLANNERS))
def get_rota(
    request: Call,
    service: Service = None,
    first: Annotated[
        date | None, QueryParameter(name="first", description="A day; else this week's Monday")
    ] = None,
    days: Annotated[int, QueryParameter(name="days", description="1 to 62")] = 7,
) -> RotaOut:
    """The shifts that touch these local days, the gaps of the coming week, and public holidays."""
    if not 1 <= days <= MOST_DAYS:
        raise Invalid(FieldProblem("days", "range", (("min", 1), ("max", MOST_DAYS))))
    if first is not None and not date(2000, 1, 1) <= first < date(2900, 1, 1):
        raise Invalid(FieldProblem("first", "night_range"))

    def look(tx: Tx) -> RotaOut:
        key, zone = shifts.planned_service(tx, service), tx.network.timezone
        begins = first or week_of(tx.now.astimezone(zone).date())
        ends = begins + timedelta(days=days)
        start, end = (local_instant(day, time(), zone) for day in (begins, ends))
        return RotaOut(
            service=key,
            shifts=_shifts_out(tx, list(shifts.shifts_between(tx, (key,), start, end))),
            gaps=[
                GapOut(starts_at=gap.start, ends_at=gap.end)
                for gap in rota_gaps.coming_gaps(tx, (key,))[key]
            ],
            holidays=[
                HolidayOut(day=day, name=name)
                for day, name in sorted(public_holidays(begins, ends, tx.actor.language).items())
            ],
            colleagues=[
                ColleagueOut(id=user.id, name=user.name) for user in shifts.colleagues(tx, key)
            ],
        )

    return read(request, look)


@post("/rota/shifts", sync_to_thread=True, **only(*PLANNERS))
def add_shift(
    request: Call, data: JSONBody[NewShiftIn], idempotency_key: IdempotencyKey
) -> Response[ShiftList]:
    """Put a colleague on duty, once or every week until a day: all of it or nothing."""

    def add(tx: Tx) -> ShiftList:
        service = shifts.planned_service(tx, data.service)
        added = shifts.add_shift(tx, service, _input(data), repeat_until=data.repeat_until)
        return ShiftList(items=_shifts_out(tx, added))

    return write_once(request, idempotency_key, data.model_dump(mode="json"), add)


@post("/rota/copy", sync_to_thread=True, **only(*PLANNERS))
def copy_week(
    request: Call, data: JSONBody[CopyIn], idempotency_key: IdempotencyKey
) -> Response[CopiedOut]:
    """Fill a week as the one before it, where nobody is there yet."""

    def copy(tx: Tx) -> CopiedOut:
        service = shifts.planned_service(tx, data.service)
        copied = shifts.copy_week(tx, service, week_of(data.week))
        return CopiedOut(items=_shifts_out(tx, copied.shifts), left_out=copied.left_out)

    return write_once(request, idempotency_key, data.model_dump(mode="json"), copy)


@get("/rota/shifts/{shift_id:uuid}", sync_to_thread=True, **only(*PLANNERS))
def get_shift(request: Call, shift_id: FromPath[UUID]) -> Response[ShiftOut]:
    """One shift of a rota that you may change."""
    return tagged(read(request, lambda tx: _one(tx, shifts.planned_shift(tx, shift_id))))


@patch("/rota/shifts/{shift_id:uuid}", sync_to_thread=True, **only(*PLANNERS))
def edit_shift(
    request: Call, shift_id: FromPath[UUID], data: JSONBody[ShiftIn], if_match: IfMatch = None
) -> Response[ShiftOut]:
    """Change a shift (all its fields). What was asked of colleagues about it is taken back."""
    version = version_of(if_match)
    return tagged(
        write(
            request,
            lambda tx: _one(tx, shifts.edit_shift(tx, shift_id, _input(data), version)),
        )
    )


@delete("/rota/shifts/{shift_id:uuid}", status_code=204, sync_to_thread=True, **only(*PLANNERS))
def remove_shift(request: Call, shift_id: FromPath[UUID], if_match: IfMatch = None) -> None:
    """Take a shift that is not over out of the rota."""
    version = version_of(if_match)
    write(request, lambda tx: shifts.remove_shift(tx, shift_id, version))


@post("/rota/shifts/{shift_id:uuid}/swaps", sync_to_thread=True, **only(*PLANNERS))
def ask_swap(
    request: Call,
    shift_id: FromPath[UUID],
    data: JSONBody[SwapIn],
    idempotency_key: IdempotencyKey,
) -> Response[SwapOut]:
    """Ask a colleague to take your shift over. Several may be asked; the first yes counts."""
    return write_once(
        request,
        idempotency_key,
        data.model_dump(mode="json"),
        lambda tx: _decided(tx, swaps.ask_swap(tx, shift_id, data.to_user)),
    )


@get("/rota/swaps", sync_to_thread=True, **only(*PLANNERS))
def list_swaps(request: Call) -> SwapList:
    """What you are asked, then what you asked, while it waits for an answer."""
    return read(
        request, lambda tx: SwapList(items=[_swap_out(view) for view in swaps.waiting_swaps(tx)])
    )


@post("/rota/swaps/{swap_id:uuid}/agreement", sync_to_thread=True, **only(*PLANNERS))
def agree(
    request: Call, swap_id: FromPath[UUID], idempotency_key: IdempotencyKey
) -> Response[SwapOut]:
    """Take the shift over."""
    return write_once(
        request, idempotency_key, None, lambda tx: _decided(tx, swaps.agree_swap(tx, swap_id))
    )


@post("/rota/swaps/{swap_id:uuid}/refusal", sync_to_thread=True, **only(*PLANNERS))
def decline(
    request: Call, swap_id: FromPath[UUID], idempotency_key: IdempotencyKey
) -> Response[SwapOut]:
    """Say no."""
    return write_once(
        request, idempotency_key, None, lambda tx: _decided(tx, swaps.decline_swap(tx, swap_id))
    )


@post("/rota/swaps/{swap_id:uuid}/withdrawal", sync_to_thread=True, **only(*PLANNERS))
def withdraw(
    request: Call, swap_id: FromPath[UUID], idempotency_key: IdempotencyKey
) -> Response[SwapOut]:
    """Take your own question back."""
    return write_once(
        request, idempotency_key, None, lambda tx: _decided(tx, swaps.withdraw_swap(tx, swap_id))
    )


@get("/rota/phones", sync_to_thread=True, **only(*PLANNERS))
def get_phones(request: Call, service: Service = None) -> PhonesOut:
    """The phones of a service that you may change."""
    return read(request, lambda tx: PhonesOut.model_validate(duty.phones_of(tx, service)))


@post("/rota/phones", sync_to_thread=True, **only(*PLANNERS))
def set_phones(
    request: Call, data: JSONBody[PhonesIn], idempotency_key: IdempotencyKey
) -> Response[PhonesOut]:
    """Set a service's own phones, both."""
    return write_once(
        request,
        idempotency_key,
        data.model_dump(mode="json"),
        lambda tx: PhonesOut.model_validate(
            duty.set_phones(tx, data.service, data.duty_phone, data.second_phone)
        ),
    )


route_handlers = (
    duty_now,
    get_rota,
    add_shift,
    copy_week,
    get_shift,
    edit_shift,
    remove_shift,
    ask_swap,
    list_swaps,
    agree,
    decline,
    withdraw,
    get_phones,
    set_phones,
)
