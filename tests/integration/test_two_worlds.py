"""SAFETY.md §1: what the perpetrator side is told does not depend on the victim side.

Two worlds are alike on the perpetrator side and differ on the victim side alone. The same people
of the perpetrator side make the same calls in both, over every route that there is, and get the
same answers: status, headers and body, byte for byte, but for identifiers and codes that are
random, which are numbered in the order in which they appear.
"""

from __future__ import annotations

import base64
import itertools
import os
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from unittest import mock
from uuid import UUID

import httpx
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from litestar import Litestar, Request, get
from litestar.testing import TestClient
from sqlmodel import Session, col, select
from structlog.testing import capture_logs

from shelter.db.rows import Rows
from shelter.db.session import Database
from shelter.db.tables import (
    Alert,
    BarringOrder,
    Message,
    PlacementRow,
    Shift,
    ShiftSwap,
    Site,
    Unit,
)
from shelter.db.tables import Request as RequestRow
from shelter.domain.availability import BlockReason
from shelter.domain.contacts import PersonMessage
from shelter.domain.decisions import GlassReason, OverrideReason
from shelter.domain.errors import ShelterError
from shelter.domain.household import Person
from shelter.domain.messages import Channel
from shelter.domain.placements import Action
from shelter.domain.requests import Outcome
from shelter.domain.sides import BOTH_SIDES, SYSTEM, Side
from shelter.services import (
    alerts,
    availability,
    break_glass,
    contacts,
    context,
    duty,
    intake,
    looks,
    orders,
    overrides,
    placements,
    replans,
    shifts,
    sites,
    units,
)
from shelter.services.context import Shelter
from shelter.services.delivery import deliver
from shelter_api.access import signed_in
from shelter_solver.problem import Problem
from support.jobs import run_jobs
from support.server import As, Route, client_of, example_of, routes_of
from support.world import FakeGateway, MovableClock, World, keyring, secova_world, settings_for

PEOPLE = ("garde.auteurs", "encadrement.esneux", "encadrement.aywaille", "admin")
CASES = ("LI.41.LA.0001/2026", "LI.41.LA.0002/2026", "LI.41.LA.0003/2026")
UUIDS = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
IN_A_PATH = re.compile(
    rf"/(request|placement|site|unit|alert|block|order|shift|swap)s/({UUIDS.pattern})"
)
CODE = re.compile(r"\b[B-DF-HJ-NP-TV-Z2-9]{5}\b")
#: as a call says it, sign by sign
SPELLED = re.compile(r"\b(?:[B-DF-HJ-NP-TV-Z2-9], ){4}[B-DF-HJ-NP-TV-Z2-9]\b")
KINDS = ("request", "placement", "site", "unit", "alert", "block", "order", "shift", "swap")
IN_A_PATH = re.compile(rf"/({'|'.join(KINDS)})s/({UUIDS.pattern})")
#: chosen afresh for each answer: it tells nothing because nothing goes into it
FRESH = {"x-request-id", "date"}
OWN_SECRETS = re.compile(
    r'<svg[^>]* class="qr">.*?</svg>|(?<=<code class="secret">)[A-Z2-7 ]+'
    r"|(?<=<li><code>)[A-Z0-9]{4}(-[A-Z0-9]{4}){2}"
    # the address of a calendar feed, and the hash by which its owner revokes it
    r'|(?<=/calendar/)[\w-]{43}(?=\.ics)|(?<=name="feed" value=")[0-9a-f]{64}'
)


# --- what the victim side does ------------------------------------------------------------------


@dataclass
class Victims:
    """Things that happen on the victim side; each is drawn by its number."""

    world: World
    gateway: FakeGateway

    def __call__(self, action: int, pick: int) -> None:
        acts: Sequence[Callable[[int], object]] = (
            self.asks,
            self.is_placed,
            self.is_placed,
            self.keeps_apart,
            self.goes_on,
            self.goes_on,
            self.is_turned_away,
            self.loses_a_unit,
            self.gets_a_site,
            self.moves_a_site,
            self.answers_alerts,
            self.looks,
            self.moves_on,
            self.is_looked_into,
            self.is_allowed_a_place,
            self.agrees_to_messages,
            self.reads_orders,
            self.plans_duty,
            self.sets_phones,
        )
        with suppress(ShelterError):  # refused: then nothing has happened
            acts[action % len(acts)](pick)

    def plans_duty(self, pick: int) -> None:
        worker = self.worker(pick)
        assert worker.user_id is not None
        start = self.world.clock.at + timedelta(hours=pick % 200 - 4)
        given = shifts.ShiftInput(worker.user_id, start, start + timedelta(hours=9), 1 + pick % 3)
        self.world.do(worker, shifts.add_shift, str(worker.service), given)

    def sets_phones(self, pick: int) -> None:
        self.world.do(self.worker(pick), duty.set_phones, None, f"+3247{pick % 10**7:07}", None)

    def asks(self, pick: int, **more: Any) -> RequestRow:
        people = ({Person.WOMAN: 1, Person.CHILD: pick % 4}, {Person.WOMAN: 1}, {Person.MAN: 1})
        given: dict[str, Any] = {
            "people": people[pick % 3],
            "nights": 1 + pick % 9,
            "case_reference": CASES[pick % 3] if pick % 5 else None,
            "prefer_communes": (("62009",), ("62032",), ())[pick // 3 % 3],
        }
        return self.world.ask(self.worker(pick), **given | more)

    def is_placed(self, pick: int, **more: Any) -> None:
        request = self.asks(pick, **more)
        worker = self.worker(pick)
        offer = self.world.options(worker, request)
        if not offer.options:
            return
        option = offer.options[pick % len(offer.options)]
        choice = [
            placements.StayChoice(s.unit.id, s.first_night, s.end_night) for s in option.stays
        ]
        held = self.world.hold(worker, request, choice)
        if pick % 7:
            self.world.confirm(worker, held)

    def keeps_apart(self, pick: int) -> None:
        """From everybody of another case, as far as that: placed where it is still possible."""
        apart = intake.KeptApart(CASES[pick % 3], float(pick % 60))
        self.is_placed(pick, keep_apart=(apart,), case_reference=CASES[(pick + 1) % 3])

    def goes_on(self, pick: int) -> None:
        row = self._one(PlacementRow, pick)
        if row is None:
            return
        acts = (
            placements.arrive,
            placements.cancel,
            placements.no_show,
            placements.depart,
            placements.release,
            lambda tx, it: placements.extend(tx, it, row.end_night + timedelta(days=1 + pick % 5)),
        )
        worker = next(w for w in (self.worker(0), self.worker(1)) if w.service == row.service)
        self.world.system.run(worker, lambda tx: acts[pick % len(acts)](tx, row.id))

    def is_turned_away(self, pick: int) -> None:
        request = self.asks(pick)
        outcomes = (Outcome.NO_PLACE, Outcome.PERSON_DECLINED, Outcome.NO_SAFE_PLACE)
        self.world.system.run(
            self.worker(pick), lambda tx: intake.close(tx, request.id, outcomes[pick % 3])
        )

    def loses_a_unit(self, pick: int) -> None:
        unit = self._one(Unit, pick)
        assert unit is not None
        self.world.system.run(
            SYSTEM,
            lambda tx: availability.block_unit(
                tx, unit.id, list(BlockReason)[pick % 5], tx.tonight, None
            ),
        )

    def gets_a_site(self, pick: int) -> None:
        given = sites.SiteInput(
            name=f"Nouveau {pick}",
            commune="62100",
            address=f"{pick} rue Nouvelle",
            lat=50.4400 + (pick % 10) / 100,
            lon=5.7000,
        )
        staff = self.world.user("logement.sprimont")

        def add(tx: Any) -> None:
            site = sites.add_site(tx, given)
            units.add_unit(tx, site.id, units.UnitInput(label="A", beds=1 + pick % 6))

        self.world.system.run(staff, add)

    def moves_a_site(self, pick: int) -> None:
        site = self._one(Site, pick)
        assert site is not None
        given = sites.SiteInput(
            name=site.name,
            commune=site.commune,
            address="ailleurs",
            lat=50.4700 + (pick % 14) / 100,
            lon=5.6800,
        )
        self.world.system.run(SYSTEM, lambda tx: sites.edit_site(tx, site.id, given, site.version))

    def answers_alerts(self, pick: int) -> None:
        alert = self._one(Alert, pick)
        if alert is not None:
            self.world.system.run(
                self.world.user("coordination"), lambda tx: alerts.acknowledge(tx, alert.id)
            )

    def moves_on(self, pick: int) -> None:
        """A household goes to another place, as the re-plan says."""
        row = self._one(PlacementRow, pick)
        if row is None:
            return
        worker = next(w for w in (self.worker(0), self.worker(1)) if w.service == row.service)
        plan = replans.replan(self.world.system, worker, row.id)
        if plan.options:
            stays = plan.options[pick % len(plan.options)].stays
            choice = [placements.StayChoice(s.unit.id, s.first_night, s.end_night) for s in stays]
            self.world.system.run(worker, lambda tx: placements.move(tx, row.id, choice))

    def is_looked_into(self, pick: int) -> None:
        """A coordinator opens both sides of a case, from whichever, and looks at the other's."""
        coordinator = self.world.user("coordination")
        for side in (Side.VICTIMS, Side.PERPETRATORS) if pick % 2 else (Side.PERPETRATORS,):
            row = self._one(RequestRow, pick, side)
            if row is not None:
                self.world.do(coordinator, looks.request_looked_at, row)
                self.world.do(coordinator, looks.who_looked, row.id)
                reason = list(GlassReason)[pick % 4]
                self.world.do(coordinator, break_glass.open_glass, row.id, reason)
                self.world.do(coordinator, break_glass.look_through, row.id)

    def is_allowed_a_place(self, pick: int) -> None:
        """By two people, near somebody of the other side."""
        row, site = self._one(RequestRow, pick), self._one(Site, pick)
        if row is None or site is None:
            return
        override = self.world.do(
            self.world.user("coordination"),
            overrides.ask,
            row.id,
            site_id=site.id,
            until=self.world.clock.at.date() + timedelta(days=9),
            reason=OverrideReason.NO_OTHER_PLACE,
        )
        self.world.do(
            self.world.user("sapv.secova"), overrides.decide, override.id, approve=pick % 3 > 0
        )

    def agrees_to_messages(self, pick: int) -> None:
        row = self._one(RequestRow, pick)
        if row is None:
            return
        worker = next(w for w in (self.worker(0), self.worker(1)) if w.service == row.service)
        day = self.world.clock.at.date() + timedelta(days=1 + pick % 40)
        given = contacts.Consent("+32470998877", Channel.SMS, "fr", pick % 24, pick % 7, day)
        self.world.do(worker, contacts.agree, row.id, given, None)
        self.world.do(worker, contacts.send, row.id, list(PersonMessage)[pick % 3])

    def reads_orders(self, pick: int) -> None:
        for login in ("garde.aywaille", "garde.trooz", "sapv.secova"):
            person = self.world.user(login)
            for order in self.world.do(person, orders.list_orders):
                self.world.do(person, orders.open_order, order.id)
                if login != "sapv.secova":  # refused, and leaves no trace
                    with suppress(ShelterError):
                        self.world.do(person, orders.lift, order.id, pick % 3)

    def looks(self, pick: int) -> None:
        row = self._one(PlacementRow, pick)
        if row is not None:
            self.world.system.run(
                self.worker(pick), lambda tx: placements.reveal_address(tx, row.id)
            )

    def worker(self, pick: int) -> Any:
        return self.world.user(("garde.aywaille", "garde.trooz")[pick % 2])

    def _one(self, table: Any, pick: int, side: Side = Side.VICTIMS) -> Any:
        def look(session: Session) -> Any:
            rows = session.exec(
                select(table).where(col(table.side) == side).order_by(col(table.id))
            ).all()
            return rows[pick % len(rows)] if rows else None

        return self.world.system.database.run(look, read_only=True, sides=BOTH_SIDES)


# --- what the perpetrator side does -------------------------------------------------------------


class Forms(HTMLParser):
    """The forms of a page: where each goes, and what a browser would send."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str]]] = []
        self._fields: dict[str, str] | None = None
        self._select: str | None = None
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        name = given.get("name", "")
        if tag == "form":
            self._fields = {}
            if given.get("method", "get").lower() == "post":
                self.found.append((given.get("action", ""), self._fields))
        elif self._fields is None:
            return
        elif tag == "input" and name:
            ticked = given.get("type") not in {"checkbox", "radio"} or "checked" in given
            if ticked:
                self._fields[name] = given.get("value", "")
        elif tag == "select":
            self._select = name
        elif tag == "option" and self._select:
            if "selected" in given or self._select not in self._fields:
                self._fields[self._select] = given.get("value", "")
        elif tag == "button" and name:
            self._fields[name] = given.get("value", "")
        elif tag == "textarea" and name:
            self._fields[name] = ""

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._fields = None
        elif tag == "select":
            self._select = None


@dataclass
class Perpetrators:
    """People of one side who call everything that they find; what they were told is kept."""

    client: TestClient[Litestar]
    world: World
    told: list[str] = field(default_factory=list)
    #: identifiers that they were told, by kind, in the order of their appearance
    known: dict[str, list[str]] = field(default_factory=lambda: {kind: [] for kind in KINDS})
    forms: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    stays: list[dict[str, str]] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=dict)
    keys: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    #: identifiers that nobody told them, by kind: which one is guessed may change as victims come
    guessed: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.people = [As(self.client, self.world.system, login) for login in PEOPLE]
        self.routes = [r for r in routes_of(self.client.app) if r.method not in {"OPTIONS", "HEAD"}]
        schema = self.client.get("/api/v1/schema/openapi.json").json()
        self.paths, self.components = schema["paths"], schema["components"]["schemas"]

    def step(self, who: int, what: int, pick: int) -> None:
        """One call, or one form of a page that was seen."""
        person = self.people[who % len(self.people)]
        what %= len(self.routes) + 25
        if what < len(self.routes):
            self.call(person, self.routes[what], pick)
        elif self.forms:
            action, fields = self.forms[pick % len(self.forms)]
            filled = {name: value or self._typed(name, pick) for name, value in fields.items()}
            if action not in {"/sign-out", "/leave"}:
                self.send(person, "POST", action, form=filled)

    def call(self, person: As, route: Route, pick: int) -> None:
        if route.template in {"/sign-out", "/leave", "/api/v1/session"} and route.method != "GET":
            return  # others go on with this session
        path = self._path(route.template, pick)
        if route.method == "GET" or route.template.startswith("/webhooks"):
            self.send(person, route.method, path)
        elif route.is_page:
            self.send(person, route.method, path, form=self._named(pick, as_text=True))
        else:
            described = self.paths[re.sub(r":\w+}", "}", route.template)][route.method.lower()]
            content = described.get("requestBody", {}).get("content", {})
            body = None
            if content:
                schema = content["application/json"]["schema"]
                body = example_of(schema, self.components, **self._named(pick))
            self.send(person, route.method, path, body=body)

    def send(
        self,
        person: As,
        method: str,
        path: str,
        *,
        body: Any = None,
        form: dict[str, str] | None = None,
    ) -> httpx.Response:
        headers = {"Idempotency-Key": f"key-{next(self.keys)}", "Sec-Fetch-Site": "same-origin"}
        for identifier in UUIDS.findall(path):
            if method == "PATCH" and identifier in self.versions:
                headers["If-Match"] = self.versions[identifier]
        more = {"data": form} if form is not None else {"json": body} if body is not None else {}
        with capture_logs() as lines:
            answer = person.call(method, path, headers=headers, **more)
        # a new key for a code app, and codes on paper, are drawn for this answer alone
        drawn = OWN_SECRETS.search(answer.text) is not None
        shown = sorted(
            (name, value)
            for name, value in answer.headers.multi_items()
            if name not in FRESH | ({"content-length"} if drawn else set()) and name != "set-cookie"
        )
        self.told.append(
            f"{person.login} {method} {path}\n{answer.status_code}\n{shown}\n"
            + OWN_SECRETS.sub("(drawn)", answer.text)
            + f"\n{logged(lines)}"
        )
        assert answer.status_code != 500, self.told[-1]
        self._learn(path, answer)
        return answer

    def tour(self) -> None:
        """Everybody looks at everything that can be looked at, known or guessed."""
        for person in self.people:
            for route in self.routes:
                if route.method != "GET" or "schema" in route.template:
                    continue
                several = 2 if "{" in route.template else 1
                for pick in range(several):
                    self.call(person, route, pick)

    def _learn(self, path: str, answer: httpx.Response) -> None:
        kind = answer.headers.get("content-type", "")
        if "html" in kind:
            for name, identifier in IN_A_PATH.findall(answer.text):
                self._note(name, identifier)
            self.forms = (Forms(answer.text).found + self.forms)[:40]
        elif "json" in kind and "schema" not in path:
            self._learn_json(answer.json())

    def _learn_json(self, it: Any) -> None:
        if isinstance(it, list):
            for each in it:
                self._learn_json(each)
        if not isinstance(it, dict):
            return
        for name, value in it.items():
            if name.endswith("_id") and isinstance(value, str):
                self._note(name.removesuffix("_id"), value)
            self._learn_json(value)
        marks = {
            "household": "request",
            "hold_expires_at": "placement",
            "beds": "unit",
            "units": "site",
            "acknowledged_at": "alert",
            "reason": "block",
            "hearing_on": "order",
            "mine": "shift",
            "to_me": "swap",
        }
        for mark, kind in marks.items():
            if mark in it and "id" in it:
                self._note(kind, it["id"])
        if "version" in it and "id" in it:
            self.versions[it["id"]] = f'"{it["version"]}"'
        if {"unit_id", "first_night", "end_night"} <= set(it):
            self.stays.insert(0, {k: it[k] for k in ("unit_id", "first_night", "end_night")})

    def _note(self, kind: str, identifier: str) -> None:
        if kind in self.known and identifier not in self.known[kind]:
            self.known[kind].append(identifier)

    def _path(self, template: str, pick: int) -> str:
        def fill(match: re.Match[str]) -> str:
            name = match[1]
            if match[2] == "uuid":
                known = self.known.get(name.removesuffix("_id"), [])
                # now and then something of the other side, which nobody here has been told
                guess = self._guessed(name.removesuffix("_id"))
                choices = [*reversed(known[-4:]), guess]
                chosen = choices[pick % len(choices)]
                if chosen == guess:
                    self.guessed[guess] = name
                return chosen
            return {
                "action": list(Action)[pick % len(Action)].value,
                "code": ("fr", "nl", "de", "en")[pick % 4],
            }.get(name, "nothing")

        return re.sub(r"\{(\w+):(\w+)\}", fill, template)

    def _guessed(self, kind: str) -> str:
        """Something that is really there on the victim side, if there is any."""
        tables = {
            "request": RequestRow,
            "placement": PlacementRow,
            "site": Site,
            "unit": Unit,
            "alert": Alert,
            "order": BarringOrder,
            "shift": Shift,
            "swap": ShiftSwap,
        }
        nobody = str(UUID(int=1000 + (KINDS.index(kind) if kind in KINDS else 99)))
        table: Any = tables.get(kind)
        if table is None:
            return nobody

        def look(session: Session) -> str:
            row = session.exec(select(table).where(col(table.side) == Side.VICTIMS)).first()
            return nobody if row is None else str(row.id)

        return self.world.system.database.run(look, read_only=True, sides=BOTH_SIDES)

    def _named(self, pick: int, *, as_text: bool = False) -> dict[str, Any]:
        """What somebody of the perpetrator side may type, by the name of the field."""
        tonight = self.world.clock.at.date()
        stay = self.stays[pick % len(self.stays)] if self.stays else None
        given: dict[str, Any] = {
            "people": {("man", "woman", "other_adult")[pick % 3]: 1},
            "nights": 1 + pick % 6,
            "case_reference": CASES[pick % 3],
            "prefer_communes": [("62009", "62032")[pick % 2]],
            "end_night": str(tonight + timedelta(days=2 + pick % 12)),
            "outcome": ("no_place", "person_declined", "mistake")[pick % 3],
            "reason": ("closed", "occupied", "kept_back")[pick % 3],
            "first_night": str(tonight + timedelta(days=pick % 2)),
            "name": f"Ici {pick}",
            "commune": "62032",
            "address": f"{pick} rue d’Ici",
            "lat": 50.52 + (pick % 8) / 100,
            "lon": 5.56,
            "label": f"Chambre {pick}",
            "beds": 1 + pick % 3,
            "approve": bool(pick % 2),
            "served_at": self.world.clock.at.isoformat(),
            "days": 1 + pick % 15,
            "hearing_on": str(tonight + timedelta(days=pick % 20)),
            "extended_until": str(tonight + timedelta(days=14 + pick % 120)),
            "phone": "+32470665544",
            "channel": "sms",
            "language": "fr",
            "hour_from": pick % 24,
            "hour_until": pick % 5,
            "recheck_on": str(tonight + timedelta(days=pick % 95)),
            "message": ("person_call", "person_message", "person_tomorrow")[pick % 3],
            "user_id": str(self.world.user(PEOPLE[pick % 3]).user_id),
            "line": 1 + pick % 3,
            "starts_at": f"{tonight + timedelta(days=1 + pick % 9)}T17:00:00Z",
            "ends_at": f"{tonight + timedelta(days=2 + pick % 9)}T06:00:00Z",
            "week": str(tonight + timedelta(days=7)),
            "duty_phone": "+32470112233",
        }
        if stay is not None:
            given |= {"stays": [stay], "unit_id": stay["unit_id"]}
        if not as_text:
            return given
        text = {k: str(v) for k, v in given.items() if not isinstance(v, dict | list)}
        text["served_at"] = f"{tonight}T00:30"
        text |= {"starts_at": text["week"], "begins": "18:00", "ends_at": "08:00"}
        return text | {"people.man": "1", "key": f"form-{next(self.keys)}"}

    def _typed(self, name: str, pick: int) -> str:
        value = self._named(pick, as_text=True).get(name, "")
        return "" if name == "key" else value


def logged(lines: Sequence[Any]) -> list[tuple[str, str]]:
    """What a call left in the log, but for its random name and how long it took."""
    random = {"request_id", "duration_ms", "timestamp"}
    return [(n, str(v)) for line in lines for n, v in sorted(line.items()) if n not in random]


# --- two worlds ---------------------------------------------------------------------------------


@contextmanager
def identifiers_in_the_order_of_making() -> Iterator[None]:
    """Rows made in one moment are listed by their random identifiers: so let those be rising.

    The numbers themselves differ between the worlds; only their order is the same.
    """
    real, numbers = os.urandom, itertools.count(1)

    def urandom(size: int) -> bytes:
        if size != 16:
            return real(size)
        return b"\xff" + next(numbers).to_bytes(5, "big") + bytes(10)

    with mock.patch.object(os, "urandom", urandom):
        yield


def canonical(told: str, world: World) -> str:
    """Without what is random: identifiers, codes, keys of forms, cursors."""

    def look(session: Session) -> set[str]:
        return {
            code
            for table in (RequestRow, PlacementRow, Message, Unit, BarringOrder)
            for code in session.exec(select(table.code).where(col(table.side) == Side.PERPETRATORS))
        }

    codes = world.system.database.run(look, read_only=True, sides=BOTH_SIDES)

    def opened(match: re.Match[str]) -> str:
        try:
            plain = base64.urlsafe_b64decode(match[0] + "==").decode()
        except ValueError:
            return match[0]
        return f"cursor({plain})" if "|" in plain else match[0]

    told = SPELLED.sub(lambda match: match[0].replace(", ", ""), told)
    told = re.sub(r"[A-Za-z0-9_-]{60,}", opened, told)
    told = re.sub(r'(name="key" value=")[^"]+', r"\1…", told)
    order: dict[str, int] = {}

    def numbered(match: re.Match[str]) -> str:
        word = match[0]
        if len(word) == 5 and word not in codes:
            return word
        return f"#{order.setdefault(word, len(order))}"

    return re.sub(rf"{UUIDS.pattern}|\b[B-DF-HJ-NP-TV-Z2-9]{{5}}\b", numbered, told)


Step = tuple[int, int, int]
#: when (before which step), what, to whom
Event = tuple[int, int, int]
TICK = -1


@dataclass
class Stage:
    """Where worlds are set up: one application, whose world is exchanged."""

    client: TestClient[Litestar]
    fresh: Callable[[], World]

    def play(self, victims: Sequence[Event], steps: Sequence[Step]) -> list[str]:
        world = self.fresh()
        try:
            self.client.app.state.system = world.system
            self.client.cookies.clear()  # the last world's choice of a language
            with identifiers_in_the_order_of_making():
                return self._play(world, victims, steps)
        finally:
            world.system.database.dispose()

    def _play(self, world: World, events: Sequence[Event], steps: Sequence[Step]) -> list[str]:
        gateway = FakeGateway()
        victims, people = Victims(world, gateway), Perpetrators(self.client, world)
        beginning(people)
        for number, (who, what, pick) in enumerate([*steps, (TICK, 0, 0), (TICK, 0, 26)]):
            for when, action, target in events:
                if when == number:
                    victims(action, target)
            if who == TICK:
                world.clock.forward(hours=pick % 30, minutes=7)
                run_jobs(world.system, gateway)
                people.people = [As(self.client, world.system, login) for login in PEOPLE]
            else:
                people.step(who, what, pick)
        people.tour()
        people.told += messages_of_their_side(world)
        told = "\x00".join(people.told)
        for guess, name in people.guessed.items():
            told = told.replace(guess, f"a guessed {name}")
        return canonical(told, world).split("\x00")


def messages_of_their_side(world: World) -> list[str]:
    """What was sent about that side, to whom, when, and how it went."""
    rows = world.all(Message, side=Side.PERPETRATORS)

    def at(row: Message) -> tuple[Any, ...]:  # codes are random: they give no order
        return row.created_at, row.recipient, CODE.sub("", SPELLED.sub("", row.body))

    return [
        f"SMS {row.recipient} {row.body}\n{row.created_at} {row.due_at} {row.changed_at}"
        f" {row.state} {row.attempts} {row.urgent}"
        for row in sorted(rows, key=at)
    ]


def beginning(people: Perpetrators) -> None:
    """The same in every world: a request of each case, one of them placed, all on record."""
    worker = people.people[0]

    def say(method: str, path: str, body: Any = None) -> Any:
        return people.send(worker, method, f"/api/v1{path}", body=body).json()

    for person in people.people[:3]:
        people.send(person, "GET", "/api/v1/sites")
    for number, case in enumerate(CASES):
        request = say(
            "POST",
            "/requests",
            {
                "people": {"man": 1},
                "case_reference": case,
                "nights": 5,
                "prefer_communes": ["62009" if number else "62032"],
            },
        )
        offer = say("GET", f"/requests/{request['id']}/options")
        if number < 2 and offer["options"]:
            stays = [
                {name: stay[name] for name in ("unit_id", "first_night", "end_night")}
                for stay in offer["options"][0]["stays"]
            ]
            held = say("POST", f"/requests/{request['id']}/holds", {"stays": stays})
            if number == 0:
                say("POST", f"/placements/{held['id']}/confirmation")
    served = {"case_reference": CASES[0], "served_at": people.world.clock.at.isoformat()}
    order = say("POST", "/orders", served)
    say("POST", "/orders", {"case_reference": CASES[2]})
    later = str(people.world.clock.at.date() + timedelta(days=30))
    say("POST", f"/orders/{order['id']}/extension", {"extended_until": later, "version": 1})


def assert_same(one: list[str], other: list[str]) -> None:
    for first, second in zip(one, other, strict=True):
        assert first == second


def differ(one: list[str], other: list[str]) -> bool:
    return one != other


@pytest.fixture(scope="module")
def loaded(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Shelter]:
    """SECOVA's sample in a file that is only ever copied, and the system that made it."""
    path = tmp_path_factory.mktemp("worlds") / "loaded.db"
    shutil.copyfile(sqlite_template, path)
    database = Database(f"sqlite:///{path}")
    world = secova_world(database, demo=False)
    database.dispose()  # the last connection takes the write-ahead log with it
    return path, world.system


@pytest.fixture(scope="module")
def stage(
    loaded: tuple[Path, Shelter], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stage]:
    path, system = loaded
    folder, numbers = tmp_path_factory.mktemp("play"), itertools.count()

    def fresh() -> World:
        copy = folder / f"{next(numbers) % 4}.db"
        for old in folder.glob(f"{copy.name}*"):
            old.unlink()
        shutil.copyfile(path, copy)
        database, clock = Database(f"sqlite:///{copy}"), MovableClock()
        return World(
            Shelter(
                settings_for(database, demo=False), database, keyring(), clock, system._networks
            ),
            clock,
        )

    with client_of(fresh()) as client:
        yield Stage(client, fresh)


NUMBERS = st.integers(min_value=0, max_value=10_000)
EVENTS = st.lists(st.tuples(st.integers(0, 10), NUMBERS, NUMBERS), max_size=6)
STEPS = st.lists(
    st.one_of(
        st.tuples(NUMBERS, NUMBERS, NUMBERS),
        st.tuples(st.just(0), NUMBERS, NUMBERS),
        st.tuples(st.just(TICK), st.just(0), NUMBERS),
    ),
    max_size=12,
)


@settings(max_examples=12, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(one=EVENTS, other=EVENTS, steps=STEPS)
def test_what_the_perpetrator_side_is_told_is_independent_of_the_victim_side(
    stage: Stage, one: list[Event], other: list[Event], steps: list[Step]
) -> None:
    assert_same(stage.play(one, steps), stage.play(other, steps))


#: (victims here, victims there, what the perpetrator side does)
EXAMPLES: tuple[tuple[list[Event], list[Event], list[Step]], ...] = (
    ([], [(0, 1, n) for n in range(1, 12)], []),
    (
        [(0, 2, 5)],
        [(0, 2, 5), (0, 3, 9), (1, 12, 0), (2, 12, 1), (3, 12, 2), (1, 15, 1), (2, 16, 0)],
        [(TICK, 0, 5), *((0, n, n) for n in range(0, 40, 4)), (TICK, 0, 25)],
    ),
    (
        [(0, 1, 3), (1, 4, 0)],
        [(0, 1, 8), (0, 6, 1), (2, 9, 5)],
        [(0, n, n) for n in range(0, 60, 3)],
    ),
    ([(0, 8, 1)], [(0, 7, n) for n in range(14)], [(1, n, 7 * n) for n in range(0, 80, 4)]),
    (
        [(0, 2, 5), (1, 4, 0), (2, 4, 3), (3, 10, 0)],
        [(0, 3, 9), (1, 2, 6), (2, 6, 2)],
        [(TICK, 0, 5), *((2, n, 3 * n) for n in range(0, 80, 5)), (TICK, 0, 25)],
    ),
)


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_some_stories_are_told_alike_on_sqlite(stage: Stage, number: int) -> None:
    one, other, steps = EXAMPLES[number]
    assert_same(stage.play(one, steps), stage.play(other, steps))


@pytest.mark.postgres
@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_some_stories_are_told_alike_on_postgresql(postgres_template: Any, number: int) -> None:
    server, made = postgres_template.server, []
    name = server.create_database(postgres_template.name)
    filled = Database(server.url(name))
    secova_world(filled, demo=False)
    filled.dispose()

    def fresh() -> World:
        made.append(server.create_database(name))
        database, clock = Database(server.url(made[-1])), MovableClock()
        return World(Shelter(settings_for(database, demo=False), database, keyring(), clock), clock)

    one, other, steps = EXAMPLES[number]
    try:
        with client_of(fresh()) as client:
            stage = Stage(client, fresh)
            assert_same(stage.play(one, steps), stage.play(other, steps))
    finally:
        for database in (*made, name):
            server.drop_database(database)


def test_the_calls_reach_every_route_and_are_answered(stage: Stage) -> None:
    """Control: a walk that is refused everywhere would be the same in any two worlds."""
    routes = [r for r in routes_of(stage.client.app) if r.method not in {"OPTIONS", "HEAD"}]
    told = stage.play([], [(0, n, 3 * n) for n in range(len(routes) + 25)])
    reached = [each.split("\n")[1] for each in told]
    assert reached.count("200") > 60 and reached.count("201") >= 6 and reached.count("303") >= 1
    assert len(told) > 150
    assert any("POST /requests" in each for each in told), "a form of a page"


def test_a_flood_of_victim_messages_holds_up_no_message_of_the_other_side(stage: Stage) -> None:
    """Which of their messages have gone out after one round of the worker."""

    def after_one_round(flood: int) -> list[str]:
        world = stage.fresh()
        try:
            for _ in range(flood):
                Victims(world, FakeGateway()).is_turned_away(0)
            world.clock.forward(seconds=1)
            world.placed(world.user("garde.auteurs"), people={Person.MAN: 1})
            deliver(world.system, FakeGateway(), "test")

            def look(session: Session) -> list[str]:
                ours = select(Message.state).where(col(Message.side) == Side.PERPETRATORS)
                return sorted(session.exec(ours))

            return world.system.database.run(look, read_only=True, sides=BOTH_SIDES)
        finally:
            world.system.database.dispose()

    assert after_one_round(0) == after_one_round(40)


def test_looks_the_glass_and_places_by_two_people_tell_the_other_side_nothing(
    stage: Stage,
) -> None:
    """A coordinator looks at their own requests, too: that they did depends on the victims."""
    acts: list[Event] = [(0, 1, 1), (0, 13, 0), (0, 13, 1), (0, 14, 1)]
    steps = [(0, n, 3 * n) for n in range(20)]
    assert_same(stage.play(acts, steps), stage.play([], steps))
    with (
        # control: were such a look of the side of what is looked at, it would be seen
        mock.patch.object(looks, "BOTH_SIDES", frozenset()),
    ):
        assert differ(stage.play(acts, steps), stage.play([], steps))


# --- controls: a build that leaks is caught -----------------------------------------------------

#: somebody is placed who must be 59 km from everybody of the third case
NEAR: list[Event] = [(0, 3, 59)]


def test_control_an_offer_that_looks_at_victims_is_caught(stage: Stage) -> None:
    assert not differ(stage.play(NEAR, []), stage.play([], []))
    everything = classmethod(lambda cls, session, side: cls(session, BOTH_SIDES))
    # doors stand one behind the other: the transaction's sides (and on PostgreSQL its policies),
    # the rows that are read, and what the solver looks at
    with (
        mock.patch.object(context, "may_depend_on", return_value=BOTH_SIDES),
        mock.patch.object(Rows, "that_may_decide_for", everything),
        mock.patch.object(Problem, "seen_by", lambda self, side: self),
    ):
        assert differ(stage.play(NEAR, []), stage.play([], []))


def test_control_a_new_route_joins_by_itself_and_its_count_is_caught(
    loaded: tuple[Path, Shelter], stage: Stage
) -> None:
    @get("/api/v1/statistics", sync_to_thread=True, **signed_in())
    def statistics(request: Request[Any, Any, Any]) -> dict[str, int]:
        def count(session: Session) -> int:
            return session.exec(select(sa.func.count()).select_from(RequestRow)).one()

        return {
            "requests": request.app.state.system.database.run(
                count, read_only=True, sides=BOTH_SIDES
            )
        }

    with client_of(stage.fresh()) as client:
        client.app.register(statistics)
        leaking = Stage(client, stage.fresh)
        assert differ(leaking.play([(0, 0, 1)], []), leaking.play([], []))
        assert not differ(leaking.play([], []), leaking.play([], []))
