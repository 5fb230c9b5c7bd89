"""Refusals to HTTP, in one place: RFC 9457 problem documents for programs, a page for people."""

from __future__ import annotations

from typing import Any

from litestar import MediaType, Request, Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.response import Redirect, Template

from shelter import i18n, logs
from shelter.domain.errors import (
    Conflict,
    Invalid,
    NotAllowed,
    NotFound,
    NotSignedIn,
    PreconditionRequired,
    ShelterError,
    Stale,
    Taken,
    TooMany,
)
from shelter_api.language import language_of

log = logs.get("api")

#: the first class that fits decides
STATUS: tuple[tuple[type[ShelterError], int], ...] = (
    (Invalid, 422),
    (NotSignedIn, 401),
    (NotAllowed, 403),
    (NotFound, 404),
    (Taken, 409),
    (Conflict, 409),
    (Stale, 412),
    (PreconditionRequired, 428),
    (TooMany, 429),
)


def status_of(error: ShelterError) -> int:
    return next((status for kind, status in STATUS if isinstance(error, kind)), 400)


def problem(request: Request[Any, Any, Any], error: ShelterError, **more: Any) -> dict[str, Any]:
    """The problem document of an expected refusal, in the caller's language."""
    language = language_of(request)
    document: dict[str, Any] = {
        "type": f"urn:shelter:{error.code}",
        "title": i18n.text(language, f"error.{error.code}", **error.params),
        "status": status_of(error),
        "detail": i18n.text(language, f"error.{error.code}.do", **error.params),
        "code": error.code,
        **more,
    }
    if isinstance(error, Invalid):
        document["errors"] = [
            {
                "field": item.field,
                "code": item.code,
                "detail": i18n.text(language, f"field.{item.code}", **dict(item.params)),
            }
            for item in error.problems
        ]
    return document


def on_refusal(request: Request[Any, Any, Any], error: ShelterError) -> Response[Any]:
    status = status_of(error)
    headers = {}
    if isinstance(error, TooMany):
        headers["Retry-After"] = str(error.params.get("seconds", 5))
    if wants_json(request):
        if status == 401:
            headers["WWW-Authenticate"] = "Bearer"
        return Response(
            problem(request, error),
            status_code=status,
            headers=headers,
            media_type="application/problem+json",
        )
    if isinstance(error, NotSignedIn) and error.code == "sign_in":
        return Redirect("/sign-in", status_code=303)
    language = language_of(request)
    return page(
        request,
        status,
        i18n.text(language, f"error.{error.code}", **error.params),
        i18n.text(language, f"error.{error.code}.do", **error.params),
        headers,
    )


def on_http_error(request: Request[Any, Any, Any], error: HTTPException) -> Response[Any]:
    """Refusals of the framework itself: unknown route, wrong method, a body that does not fit."""
    language = language_of(request)
    status = error.status_code
    code = {400: "bad_request", 404: "not_found", 405: "method_not_allowed", 413: "too_large"}.get(
        status, "bad_request" if status < 500 else "internal"
    )
    title = i18n.text(language, f"error.{code}", what="page")
    detail = i18n.text(language, f"error.{code}.do", what="page")
    headers = dict(error.headers or {})
    if not wants_json(request):
        return page(request, status, title, detail, headers)
    document: dict[str, Any] = {
        "type": f"urn:shelter:{code}",
        "title": title,
        "status": status,
        "detail": detail,
        "code": code,
    }
    if isinstance(error, ValidationException) and isinstance(error.extra, list):
        document["errors"] = [
            {"field": str(item.get("key", "")), "code": "shape", "detail": item.get("message", "")}
            for item in error.extra
            if isinstance(item, dict)
        ]
    return Response(
        document, status_code=status, headers=headers, media_type="application/problem+json"
    )


def on_defect(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    """A mistake of ours: the log has where, the user has what to do. No trace leaves the server."""
    log.error("request.failed", error=logs.error_name(error), status=500)
    language = language_of(request)
    title = i18n.text(language, "error.internal")
    detail = i18n.text(language, "error.internal.do")
    if not wants_json(request):
        return page(request, 500, title, detail, {})
    return Response(
        {
            "type": "urn:shelter:internal",
            "title": title,
            "status": 500,
            "detail": detail,
            "code": "internal",
        },
        status_code=500,
        media_type="application/problem+json",
    )


def page(
    request: Request[Any, Any, Any],
    status: int,
    title: str,
    detail: str,
    headers: dict[str, str],
) -> Response[Any]:
    return Template(
        "error.html",
        context={"title": title, "detail": detail, "status": status, "request": request},
        status_code=status,
        headers=headers,
        media_type=MediaType.HTML,
    )


def wants_json(request: Request[Any, Any, Any]) -> bool:
    path = request.scope["path"]
    return path.startswith(("/api/", "/health", "/webhooks/"))
