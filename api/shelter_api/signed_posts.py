"""The forms that Twilio posts to us: read, and believed only with its signature."""

from __future__ import annotations

from typing import Any

from litestar import Request

from shelter.domain.errors import NotAllowed, NotFound
from shelter.messaging.twilio_http import signature_is_valid
from shelter.services.context import Shelter


async def signed_form(request: Request[Any, Any, Any]) -> dict[str, str]:
    """The form of a webhook. Raises NotFound without Twilio, NotAllowed on a wrong signature."""
    system: Shelter = request.app.state.system
    twilio = system.settings.twilio
    if twilio is None:
        raise NotFound("not_found", what="page")
    posted = await request.form()
    fields = {name: [str(value) for value in posted.getall(name)] for name in posted}
    # the public address, not the one that a proxy calls
    url = system.settings.public_url + request.url.path
    if request.url.query:
        url += "?" + request.url.query
    signature = request.headers.get("x-twilio-signature", "")
    if not signature_is_valid(twilio.auth_token, url, fields, signature):
        raise NotAllowed("bad_signature")
    return {name: values[-1] for name, values in fields.items()}
