"""Leaving at once: somebody came in who must not see the screen."""

from __future__ import annotations

from typing import Any

from litestar import MediaType, Request, Response, get, post
from litestar.response import Redirect

from shelter.services.sessions import sign_out
from shelter.services.steps import give_up
from shelter_api.access import public
from shelter_api.auth import HALF, ended_cookies, kept
from shelter_api.pages.common import system_of

#: pages kept for the back button go too; the language of the screens may stay
CLEAR = {"Clear-Site-Data": '"cache", "storage"'}


@post("/leave", sync_to_thread=True, include_in_schema=False, **public())
def leave(request: Request[Any, Any, Any]) -> Response[Any]:
    """End the session, or a sign-in that is halfway; forget what the browser kept; lead away.

    Answers the same to somebody whose session ended long ago: the way out has no questions.
    """
    system = system_of(request)
    actor = request.scope.get("user")
    if actor is not None:
        system.run(actor, lambda tx: sign_out(tx, request.auth))
    give_up(system, kept(request, HALF))
    return Redirect("/away", status_code=303, headers=CLEAR, cookies=ended_cookies(system))


@get("/away", sync_to_thread=False, include_in_schema=False, **public())
def away(request: Request[Any, Any, Any]) -> Response[Any]:
    """An empty page that leads on by itself: a form may not be answered from another origin."""
    to = system_of(request).settings.exit_url
    return Response("", media_type=MediaType.HTML, headers={**CLEAR, "Refresh": f"0; url={to}"})


route_handlers = (leave, away)
