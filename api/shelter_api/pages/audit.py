"""The audit log, for coordinators: searched, verified, exported."""

from __future__ import annotations

import csv
from datetime import date
from io import StringIO
from typing import Any
from urllib.parse import urlencode

from litestar import Response, get, post

from shelter import i18n
from shelter.domain.errors import ShelterError
from shelter.domain.sides import Role
from shelter.services import audit_search
from shelter.services.audit_search import Line, Search
from shelter.services.context import Tx
from shelter.services.looks import LOOKS
from shelter_api.access import only
from shelter_api.language import language_of
from shelter_api.pages.common import Call, Notice, read, write_once
from shelter_api.pages.forms import Form, Posted
from shelter_api.pages.rendering import show

A_PAGE = 50
COLUMNS = ("seq", "at", "who", "side", "action", "words", "subject", "detail")
#: actions that have no words of their own on a request's page
PLAIN = (
    *("audience.ask", "audience.agree", "audience.withdraw", "audit.cut", "audit.export"),
    *("audit.look", "audit.verify", "boundaries.import", "boundaries.remove", "factor.add"),
    *("duty_sheet.print", "duty_sheet.write"),
    *("factor.remove", "factors.reset", "feed.make", "feed.revoke", "identity.bind"),
    *("identity.link", "identity.unlink", "keys.retire", "keys.rotate", "mail.choose"),
    *("network.load", "order.record", "order.serve", "order.hearing", "order.extend"),
    *("order.lift", "order.end", "order.look", "password.change", "person.access"),
    *("person.erase", "phone.deaf", "phone.hears", "recovery_code.use", "recovery_codes.make"),
    *("retention.purge", "sample.load", "service.phones", "session.start", "session.end"),
    *("shift.add", "shift.edit", "shift.remove", "sign_in.throttled", "site.add", "site.edit"),
    *("site.open", "site.still_true", "swap.ask", "swap.agree", "swap.decline"),
    *("swap.withdraw", "unit.add", "unit.edit", "unit.block", "unit.unblock", "unit.free"),
    *("unit.still_true", "user.create", "user.edit", "user.activate", "user.deactivate"),
    "zoning.refused",
)


def words_of(language: str, action: str) -> str:
    """An action in words: as a request's page or "who looked" says it, else by its own text."""
    texts = i18n.catalogue(language).forms
    keys = (f"{family}.{action}" for family in ("audit", "history", "looks"))
    return next((i18n.text(language, key) for key in keys if key in texts), action)


def known_actions(language: str) -> list[tuple[str, str]]:
    """Every action and its words, in the order of the words."""
    told = (key.removeprefix("history.") for key in i18n.keys(language) if key[:8] == "history.")
    known = {*PLAIN, *LOOKS, *(action for action in told if action.count(".") == 1)}
    return sorted(((each, words_of(language, each)) for each in known), key=lambda it: it[1])


def _day(typed: str | None, otherwise: date) -> date:
    try:
        return date.fromisoformat(typed) if typed else otherwise
    except ValueError:
        return otherwise


def _wanted(tx: Tx, request: Call) -> Search:
    """What the address asks for; what it does not name is as usual: a week of everything."""
    named, usual = request.query_params, audit_search.usual(tx)
    subject = named.get("subject", "")
    last = _day(named.get("last"), usual.last)
    return Search(
        first=_day(named.get("first"), min(usual.first, last)),
        last=last,
        who=named.get("who", "").strip()[:80],
        action=named.get("action", "")[:60],
        subject=subject if subject in audit_search.SUBJECTS else "",
    )


def _address(wanted: Search, **more: object) -> str:
    parts = {
        "first": wanted.first,
        "last": wanted.last,
        "who": wanted.who,
        "action": wanted.action,
        "subject": wanted.subject,
        **more,
    }
    return urlencode({name: str(value) for name, value in parts.items() if value})


def _page(request: Call, notice: Notice | None = None) -> Response[Any]:
    language = language_of(request)
    before = request.query_params.get("before", "")

    def look(tx: Tx) -> dict[str, Any]:
        wanted = audit_search.usual(tx) if notice is not None else _wanted(tx, request)
        at = int(before) if before.isdecimal() and len(before) < 16 else None
        found = audit_search.search(tx, wanted, before=at, limit=A_PAGE + 1)
        shown = found[:A_PAGE]
        return {
            "lines": [(line, words_of(language, line.action)) for line in shown],
            "earlier": _address(wanted, before=shown[-1].seq) if found[A_PAGE:] else None,
            "export": _address(wanted),
            "chain": audit_search.chain(tx),
            "form": Form(
                {
                    "first": [wanted.first.isoformat()],
                    "last": [wanted.last.isoformat()],
                    "who": [wanted.who],
                    "action": [wanted.action],
                    "subject": [wanted.subject],
                }
            ),
        }

    return show(
        request,
        "audit.html",
        look,
        status=notice.status if notice is not None else 200,
        notice=notice,
        actions=known_actions(language),
        subjects=audit_search.SUBJECTS,
        came_from="/audit",
    )


@get("/audit", sync_to_thread=True, include_in_schema=False, **only(Role.COORDINATOR))
def audit(request: Call) -> Response[Any]:
    try:
        return _page(request)
    except ShelterError as error:
        return _page(request, Notice(error))


@post("/audit/verify", sync_to_thread=True, include_in_schema=False, **only(Role.COORDINATOR))
def verify(request: Call, form: Posted) -> Response[Any]:
    """Walk the whole chain now; the page then says what was found."""
    report = read(request, audit_search.verify)

    def work(tx: Tx) -> str:
        audit_search.note_verified(tx, report)
        return "/audit"

    return write_once(request, form, work)


@get("/audit.csv", sync_to_thread=True, include_in_schema=False, **only(Role.COORDINATOR))
def audit_csv(request: Call) -> Response[Any]:
    """The entries of a search, oldest first. Every export is itself an entry."""
    language = language_of(request)

    def look(tx: Tx) -> tuple[Search, list[list[str]]]:
        wanted = _wanted(tx, request)
        return wanted, [_row(language, line) for line in audit_search.export(tx, wanted)]

    try:
        wanted, rows = read(request, look)
    except ShelterError as error:
        return _page(request, Notice(error))
    out = StringIO()
    writer = csv.writer(out)
    writer.writerow([i18n.text(language, f"audit.column.{name}") for name in COLUMNS])
    writer.writerows(rows)
    name = f"shelter-audit-{wanted.first}-{wanted.last}.csv"
    return Response(
        out.getvalue().encode("utf-8-sig"),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _row(language: str, line: Line) -> list[str]:
    told = (
        str(line.seq),
        line.at.isoformat(),
        line.who or i18n.text(language, "history.system"),
        i18n.text(language, f"side.{line.side}") if line.side else "",
        line.action,
        words_of(language, line.action),
        f"{line.kind}:{line.which}" if line.which else line.kind,
        line.detail,
    )
    # a spreadsheet takes such a beginning for a formula, and a name may begin as it likes
    return [f"'{cell}" if cell[:1] in {"=", "+", "-", "@", "\t"} else cell for cell in told]


route_handlers = (audit, verify, audit_csv)
