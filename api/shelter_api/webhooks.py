"""What Twilio tells us: signed, deduplicated, answered at once."""

from __future__ import annotations

from typing import Any
from xml.sax.saxutils import escape

from anyio import to_thread
from litestar import MediaType, Request, Response, post

from shelter.domain.errors import NotAllowed, NotFound
from shelter.domain.sides import SYSTEM
from shelter.messaging import STATUS_PATH
from shelter.messaging.twilio_gateway import state_of
from shelter.messaging.twilio_http import signature_is_valid
from shelter.services.context import Shelter
from shelter.services.inbound import receive
from shelter.services.outcomes import status_report
from shelter_api.access import public


async def _signed_form(request: Request[Any, Any, Any]) -> dict[str, str]:
    """The form of a webhook. Raises NotFound without Twilio, NotAllowed on a wrong signature."""
    system: Shelter = request.app.state.system
    twilio = system.settings.twilio
    if twilio is None:
        raise NotFound("not_found", what="page")
    form = {name: str(value) for name, value in (await request.form()).items()}
    # the public address, not the one that a proxy calls
    url = system.settings.public_url + request.url.path
    signature = request.headers.get("x-twilio-signature", "")
    if not signature_is_valid(twilio.auth_token, url, form, signature):
        raise NotAllowed("bad_signature")
    return form


@post(STATUS_PATH, include_in_schema=False, status_code=204, **public())
async def status(request: Request[Any, Any, Any]) -> None:
    form = await _signed_form(request)
    system: Shelter = request.app.state.system
    state = state_of(form.get("MessageStatus", ""))
    sid, code = form.get("MessageSid", ""), form.get("ErrorCode") or None
    await to_thread.run_sync(
        lambda: system.run(SYSTEM, lambda tx: status_report(tx, sid, state, code))
    )


@post("/webhooks/twilio/inbound", include_in_schema=False, status_code=200, **public())
async def inbound(request: Request[Any, Any, Any]) -> Response[str]:
    form = await _signed_form(request)
    system: Shelter = request.app.state.system
    answer = await to_thread.run_sync(
        receive,
        system,
        form.get("From", "")[:20],
        form.get("Body", "")[:1600],
        form.get("MessageSid", "")[:64],
    )
    words = f"<Message>{escape(answer)}</Message>" if answer else ""
    return Response(f"<Response>{words}</Response>", media_type=MediaType.XML)


route_handlers = (status, inbound)
