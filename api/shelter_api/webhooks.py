"""What Twilio tells us: signed, deduplicated, answered at once."""

from __future__ import annotations

from typing import Any
from uuid import UUID
from xml.sax.saxutils import escape

from anyio import to_thread
from litestar import MediaType, Request, Response, post

from shelter.domain.errors import NotAllowed
from shelter.domain.sides import SYSTEM
from shelter.messaging import STATUS_PATH
from shelter.messaging.twilio_gateway import state_of
from shelter.services.context import Shelter
from shelter.services.inbound import receive
from shelter.services.outcomes import status_report
from shelter_api.access import public
from shelter_api.signed_posts import signed_form


@post(STATUS_PATH, include_in_schema=False, status_code=204, **public())
async def status(request: Request[Any, Any, Any]) -> None:
    form = await signed_form(request)
    system: Shelter = request.app.state.system
    state = state_of(form.get("MessageStatus", ""))
    sid, code = form.get("MessageSid", "")[:64], form.get("ErrorCode") or None
    message_id = _message_id(request)
    await to_thread.run_sync(
        lambda: system.run(SYSTEM, lambda tx: status_report(tx, sid, state, code, message_id))
    )


def _message_id(request: Request[Any, Any, Any]) -> UUID | None:
    """Ours, from the address that the message was sent with; signed with the rest of it."""
    try:
        return UUID(request.query_params.get("m", ""))
    except ValueError:
        return None


@post("/webhooks/twilio/inbound", include_in_schema=False, status_code=200, **public())
async def inbound(request: Request[Any, Any, Any]) -> Response[str]:
    form = await signed_form(request)
    system: Shelter = request.app.state.system
    sid = form.get("MessageSid", "")[:64]
    if not sid:  # Twilio names every message; without a name it could count again and again
        raise NotAllowed("bad_signature")
    answer = await to_thread.run_sync(
        receive,
        system,
        form.get("From", "")[:20],
        form.get("Body", "")[:1600],
        sid,
        form.get("OptOutType") or None,
    )
    words = f"<Message>{escape(answer)}</Message>" if answer else ""
    return Response(f"<Response>{words}</Response>", media_type=MediaType.XML)


route_handlers = (status, inbound)
