"""What Twilio asks during a call, signed like all that it posts."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from anyio import to_thread
from litestar import MediaType, Request, Response, post

from shelter import i18n
from shelter.domain.errors import NotFound
from shelter.domain.sides import SYSTEM
from shelter.messaging import CALL_KEY_PATH, CALL_STATUS_PATH, CALL_WORDS_PATH
from shelter.messaging.twilio_voice import state_of_call, words_alone, words_of_call
from shelter.services import calls
from shelter.services.context import Shelter
from shelter.services.outcomes import status_report
from shelter_api.access import public
from shelter_api.signed_posts import signed_form

Call = Request[Any, Any, Any]


def _message_of(request: Call) -> UUID:
    """Which of our messages the call is: named in the address that we gave, which is signed."""
    try:
        return UUID(request.query_params.get("m", ""))
    except ValueError:
        raise NotFound("not_found", what="message") from None


def _say(system: Shelter, message_id: UUID) -> str:
    said = system.run(SYSTEM, lambda tx: calls.words(tx, message_id), read_only=True)
    if not said.takes_key:
        return words_alone(said.text, said.language)
    key_url = f"{system.settings.public_url}{CALL_KEY_PATH}?m={message_id}"
    return words_of_call(
        said.text, said.language, key_url, i18n.text(said.language, "voice.no_key")
    )


@post(CALL_WORDS_PATH, include_in_schema=False, status_code=200, **public())
async def words(request: Call) -> Response[str]:
    await signed_form(request)
    system: Shelter = request.app.state.system
    said = await to_thread.run_sync(_say, system, _message_of(request))
    return Response(said, media_type=MediaType.XML)


@post(CALL_KEY_PATH, include_in_schema=False, status_code=200, **public())
async def key(request: Call) -> Response[str]:
    form = await signed_form(request)
    system: Shelter = request.app.state.system
    message_id = _message_of(request)
    pressed, call_id = form.get("Digits", "")[:4], form.get("CallSid", "")[:64]

    def answer() -> str:
        told = system.run(SYSTEM, lambda tx: calls.key_pressed(tx, message_id, pressed, call_id))
        if told is None:
            return _say(system, message_id)
        return words_alone(told.text, told.language)

    return Response(await to_thread.run_sync(answer), media_type=MediaType.XML)


@post(CALL_STATUS_PATH, include_in_schema=False, status_code=204, **public())
async def call_status(request: Call) -> None:
    form = await signed_form(request)
    system: Shelter = request.app.state.system
    message_id, state = _message_of(request), state_of_call(form.get("CallStatus", ""))
    call_id = form.get("CallSid", "")[:64]
    await to_thread.run_sync(
        lambda: system.run(
            SYSTEM, lambda tx: status_report(tx, call_id, state, None, message_id=message_id)
        )
    )


route_handlers = (words, key, call_status)
