"""Templates: words, dates and names in the reader's language."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

from babel.dates import format_date, format_skeleton, format_time
from babel.numbers import format_currency
from jinja2 import StrictUndefined, pass_context
from jinja2.runtime import Context
from litestar import MediaType, Request
from litestar.plugins.jinja import JinjaTemplateEngine
from litestar.response import Template

from shelter import i18n
from shelter.domain.errors import FieldProblem
from shelter.domain.network import Network
from shelter.domain.sides import Role
from shelter.services.context import Tx
from shelter_api.language import language_of
from shelter_api.pages.common import Call, local_path, read, system_of

STATIC = Path(__file__).parent.parent / "static"
_ISO_DAY = re.compile(r"\d{4}-\d\d-\d\d")

#: what a wrong field is called above its form, by the first part of its name
LABELS: Mapping[str, str] = {
    "people": "ask.who",
    "first_night": "ask.first_night",
    "nights": "ask.nights",
    "arrival_hour": "ask.arrival_hour",
    "min_supervision": "ask.supervision",
    "case_reference": "ask.case",
    "keep_apart": "ask.apart",
    "avoid_communes": "ask.avoid_communes",
    "avoid_sites": "ask.avoid_sites",
    "avoid_zones": "ask.avoid_zones",
    "prefer_near": "ask.near",
    "prefer_communes": "ask.prefer",
    "own_cots": "ask.own_cots",
    "move_agreement": "ask.move_agreement",
    "urgency": "ask.urgency",
    "outcome": "request.close",
    "note": "request.note",
    "end_night": "action.extend",
    "name": "site.form.name",
    "commune": "site.form.commune",
    "address": "site.form.address",
    "lat": "ask.zone.lat",
    "lon": "ask.zone.lon",
    "places": "site.form.places",
    "contact_phone": "site.form.phone",
    "contact_language": "site.form.language",
    "description": "site.form.description",
    "service": "site.form.service",
    "side": "site.form.side",
    "label": "unit.form.label",
    "beds": "unit.form.beds",
    "cots": "unit.form.cots",
    "sharing": "unit.form.sharing",
    "admits": "unit.form.admits",
    "supervision": "unit.form.supervision",
    "intake_from": "unit.form.intake_from",
    "intake_until": "unit.form.intake_until",
    "cleaning_nights": "unit.form.cleaning",
    "max_stay_nights": "unit.form.max_stay",
    "renewals": "unit.form.renewals",
    "reason": "block.reason",
    "site_id": "override.site",
    "until": "override.until.label",
    "separation_id": "override.separation",
    "served_at": "order.served_at",
    "days": "order.days",
    "hearing_on": "order.hearing",
    "extended_until": "order.extend.until",
    "phone": "contact.phone",
    "channel": "contact.channel",
    "hour_from": "contact.from",
    "hour_until": "contact.until",
    "language": "contact.language",
    "recheck_on": "contact.recheck",
    "user_id": "rota.form.who",
    "line": "rota.form.line",
    "starts_at": "rota.form.day",
    "begins": "rota.form.begins",
    "ends_at": "rota.form.ends",
    "last_day": "rota.form.last_day",
    "repeat_until": "rota.form.repeat",
    "week": "rota.week.label",
    "duty_phone": "rota.phones.first",
    "second_phone": "rota.phones.second",
    "file": "rota.import.file",
    "mail": "account.mail",
}

#: path, text and icon of the ways through the pages, by role
WAYS: Mapping[Role, tuple[tuple[str, str, str], ...]] = {
    Role.ON_CALL: (
        ("/", "nav.home", "home"),
        ("/requests", "nav.requests", "people"),
        ("/board", "nav.board", "grid"),
        ("/alerts", "nav.alerts", "bell"),
        ("/rota", "nav.rota", "clock"),
    ),
    Role.COMMUNE_STAFF: (
        ("/", "nav.home", "home"),
        ("/sites", "nav.sites", "house"),
        ("/board", "nav.board", "grid"),
        ("/alerts", "nav.alerts", "bell"),
        ("/rota", "nav.rota", "clock"),
    ),
    Role.SAPV: (
        ("/", "nav.home", "home"),
        ("/orders", "nav.orders", "hand"),
        ("/alerts", "nav.alerts", "bell"),
        ("/rota", "nav.rota", "clock"),
    ),
    Role.COORDINATOR: (
        ("/", "nav.home", "home"),
        ("/requests", "nav.requests", "people"),
        ("/board", "nav.board", "grid"),
        ("/sites", "nav.sites", "house"),
        ("/alerts", "nav.alerts", "bell"),
        ("/rota", "nav.rota", "clock"),
    ),
    Role.ADMINISTRATOR: (("/", "nav.home", "home"),),
}


def set_up_templates(engine: JinjaTemplateEngine) -> None:
    """Give the templates their words. A name that a page forgot to give is an error."""
    environment = engine.engine
    environment.undefined = StrictUndefined
    environment.trim_blocks = environment.lstrip_blocks = True
    environment.globals.update(
        {
            "t": _text,
            "n": _plural,
            "language": _language,
            "languages": i18n.LANGUAGES,
            "here": _here,
            "ways": _ways,
            "shows_inbox": _shows_inbox,
            "exit_url": _exit_url,
            "asset": _asset(),
            "fresh_key": lambda: secrets.token_urlsafe(18),
            "unique": lambda: uuid4().hex[:8],
            "problem_text": _problem_text,
            "field_label": lambda problem: LABELS.get(problem.field.split(".")[0]),
        }
    )
    environment.filters.update(
        {
            "day": _day,
            "short_day": _short_day,
            "weekday": _weekday,
            "day_number": lambda day: day.day,
            "moment": _moment,
            "clock": _clock,
            "age": _age,
            "money": _money,
            "commune": _commune,
            "service": _service,
            "household": _household,
        }
    )


def render(
    template: str,
    *,
    status: int = 200,
    cookies: Any = None,
    **context: Any,
) -> Template:
    return Template(
        template,
        context=context,
        status_code=status,
        media_type=MediaType.HTML,
        cookies=cookies,
    )


def show(
    request: Call,
    template: str,
    work: Callable[[Tx], dict[str, Any]],
    *,
    status: int = 200,
    **more: Any,
) -> Template:
    """A page from one read-only transaction, with the network's names, zone and present time."""

    def look(tx: Tx) -> dict[str, Any]:
        facts = {"network": tx.network, "now": tx.now, "tonight": tx.tonight}
        return {**facts, **work(tx)}

    return render(template, status=status, **read(request, look), **more)


# --- words ------------------------------------------------------------------------------------


def _language_in(context: Context) -> str:
    return language_of(context["request"])


@pass_context
def _language(context: Context) -> str:
    return _language_in(context)


@pass_context
def _exit_url(context: Context) -> str:
    return system_of(context["request"]).settings.exit_url


@pass_context
def _text(context: Context, key: str, **params: object) -> str:
    return i18n.text(_language_in(context), key, **params)


@pass_context
def _plural(context: Context, key: str, n: int, **params: object) -> str:
    return i18n.plural(_language_in(context), key, n, **params)


@pass_context
def _problem_text(context: Context, problem: FieldProblem) -> str:
    """A field's problem in words; dates among its parameters as dates are written."""
    language = _language_in(context)
    params = {
        name: i18n.date_text(language, date.fromisoformat(value))
        if isinstance(value, str) and _ISO_DAY.fullmatch(value)
        else value
        for name, value in problem.params
    }
    return i18n.text(language, f"field.{problem.code}", **params)


# --- dates, in the ways that Belgium writes them -----------------------------------------------


@pass_context
def _day(context: Context, day: date, style: i18n.DateStyle = "medium") -> str:
    return i18n.date_text(_language_in(context), day, style)


@pass_context
def _short_day(context: Context, day: date) -> str:
    """ "sam. 21 nov." """
    return format_skeleton("MMMEd", _midday(day), locale=f"{_language_in(context)}_BE")


@pass_context
def _weekday(context: Context, day: date) -> str:
    return format_date(day, "EEEEEE", locale=f"{_language_in(context)}_BE")


@pass_context
def _moment(context: Context, at: datetime) -> str:
    return i18n.datetime_text(_language_in(context), at, _network(context).timezone)


@pass_context
def _clock(context: Context, at: datetime) -> str:
    local = at.astimezone(_network(context).timezone)
    return format_time(local.time(), "HH:mm", locale=f"{_language_in(context)}_BE")


@pass_context
def _age(context: Context, at: datetime) -> str:
    return i18n.age(_language_in(context), context["now"] - at)


@pass_context
def _money(context: Context, micros: int, currency: str) -> str:
    """Millionths of a currency, as exactly as an SMS costs: "0,0832 €"."""
    amount = Decimal(micros) / 1_000_000
    return format_currency(
        amount,
        currency,
        "#,##0.00## ¤",
        locale=f"{_language_in(context)}_BE",
        currency_digits=False,
    )


def _midday(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 12)  # noqa: DTZ001  (a day, in no zone)


# --- names ------------------------------------------------------------------------------------


def _network(context: Context) -> Network:
    network: Network = context["network"]
    return network


@pass_context
def _commune(context: Context, nis: str) -> str:
    try:
        return _network(context).commune(nis).name(_language_in(context))
    except KeyError:
        return nis


@pass_context
def _service(context: Context, key: str) -> str:
    try:
        return _network(context).service(key).name
    except KeyError:
        return key


@pass_context
def _household(context: Context, people: Mapping[str, int]) -> str:
    """ "1 femme, 2 enfants" """
    language = _language_in(context)
    order = ("woman", "man", "other_adult", "teen_girl", "teen_boy", "other_teen", "child")
    return ", ".join(
        i18n.plural(language, f"count.{kind}", people[kind])
        for kind in (*order, "infant")
        if people.get(kind)
    )


# --- the frame of a page -----------------------------------------------------------------------


@pass_context
def _here(context: Context) -> str:
    """The path to come back to; the answer to a POST has none of its own."""
    request: Request[Any, Any, Any] = context["request"]
    if request.method != "GET":
        return local_path(context.get("came_from"))
    query = f"?{request.url.query}" if request.url.query else ""
    return local_path(request.url.path + query)


@pass_context
def _ways(context: Context) -> list[dict[str, Any]]:
    request: Request[Any, Any, Any] = context["request"]
    actor = request.scope.get("user")
    if actor is None or actor.role is None:
        return []
    path = request.url.path
    return [
        {
            "path": way,
            "text": text,
            "icon": icon,
            "current": path == way or (way != "/" and path.startswith(f"{way}/")),
        }
        for way, text, icon in WAYS[actor.role]
    ]


@pass_context
def _shows_inbox(context: Context) -> bool:
    settings = system_of(context["request"]).settings
    actor = context["request"].scope.get("user")
    allowed = settings.demo or (actor is not None and actor.role is Role.ADMINISTRATOR)
    return settings.twilio is None and allowed


def _asset() -> Callable[[str], str]:
    """The address of a static file, with a mark that changes when its content does."""
    marks: dict[str, str] = {}

    def asset(name: str) -> str:
        if name not in marks:
            marks[name] = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:10]
        return f"/static/{name}?{marks[name]}"

    return asset
