"""Who is on call now, with numbers to tap; and the services' own phones."""

from __future__ import annotations

from typing import Any

from litestar import Response, get, post

from shelter.domain.errors import ShelterError
from shelter.domain.sides import Role
from shelter.services import duty, rota_gaps, shifts, swaps
from shelter.services.context import Tx
from shelter_api.access import only
from shelter_api.pages.common import Call, Notice, write_once
from shelter_api.pages.forms import Form, Posted
from shelter_api.pages.rendering import show

PLANNERS = tuple(sorted(shifts.PLANNERS))


def on_home(tx: Tx) -> dict[str, Any]:
    """What the first page says of the rota: one's own service now, its gaps, who asks for a swap.

    A coordinator sees the gaps of every service.
    """
    own = shifts.planned_service(tx)
    services = [own]
    if tx.actor.role is Role.COORDINATOR:
        services = [service.key for service in tx.network.services]
    return {
        "own_duty": next((each for each in duty.duty_now(tx) if each.service.key == own), None),
        "rota_gaps": [
            (service, gap)
            for service, found in rota_gaps.coming_gaps(tx, services).items()
            for gap in found
        ],
        "swaps_to_me": [swap for swap in swaps.waiting_swaps(tx) if swap.to_me],
    }


@get("/duty", sync_to_thread=True, include_in_schema=False, **only(*PLANNERS))
def duty_page(request: Call) -> Response[Any]:
    return show(request, "rota/duty.html", lambda tx: {"duties": duty.duty_now(tx)})


def _phones_page(
    request: Call, service: str | None, form: Form | None = None, notice: Notice | None = None
) -> Response[Any]:
    def look(tx: Tx) -> dict[str, Any]:
        phones = duty.phones_of(tx, service)
        filled = {
            "duty_phone": [phones.duty_phone or ""],
            "second_phone": [phones.second_phone or ""],
        }
        return {"phones": phones, "form": form or Form(filled)}

    return show(
        request,
        "rota/phones.html",
        look,
        status=notice.status if notice is not None else 200,
        notice=notice,
        done=request.query_params.get("done"),
        came_from="/rota/phones",
    )


@get("/rota/phones", sync_to_thread=True, include_in_schema=False, **only(*PLANNERS))
def phones_page(request: Call) -> Response[Any]:
    return _phones_page(request, request.query_params.get("service") or None)


@post("/rota/phones", sync_to_thread=True, include_in_schema=False, **only(*PLANNERS))
def set_phones(request: Call, form: Posted) -> Response[Any]:
    def work(tx: Tx) -> str:
        phones = duty.set_phones(
            tx,
            form.optional("service"),
            form.optional("duty_phone"),
            form.optional("second_phone"),
        )
        return f"/rota/phones?service={phones.service}&done=saved"

    try:
        return write_once(request, form, work)
    except ShelterError as error:
        return _phones_page(request, form.optional("service"), form, Notice(error))


route_handlers = (duty_page, phones_page, set_phones)
