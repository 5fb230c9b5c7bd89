"""Every route × every role × somebody else's object: as if the object did not exist.

The pairs are made from the route table and from the objects of a filled network; who may reach what
is written down here, from the promise (docs/safety.md), not from the code. Whatever a person may
not reach is answered exactly as an identifier that nothing has: status, headers, body.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
import sqlalchemy as sa
from litestar import Litestar, Request, get
from litestar.params import FromPath
from litestar.testing import TestClient
from sqlmodel import Session, SQLModel, col, select

from shelter.db.session import Database
from shelter.db.tables import (
    Alert,
    AudienceChange,
    BarringOrder,
    Block,
    Override,
    Passkey,
    PlacementRow,
    Shift,
    ShiftSwap,
    Site,
    Unit,
    User,
    UserSession,
)
from shelter.db.tables import Request as RequestRow
from shelter.domain.alerts import AlertKind
from shelter.domain.audience import AudienceReason, AudienceState
from shelter.domain.availability import BlockReason
from shelter.domain.decisions import OverrideReason, OverrideState
from shelter.domain.household import Person
from shelter.domain.placements import Action
from shelter.domain.requests import Outcome
from shelter.domain.rota import SwapState
from shelter.domain.sides import BOTH_SIDES, SYSTEM, TWO_SIDED_ROLES, Actor, Role, Side
from shelter.services import alerts, availability, intake, orders
from shelter_api.access import signed_in
from support.raw import all_seeing
from support.server import NOBODY, As, Route, client_of, example_of, routes_of
from support.world import World, secova_world

#: pairs on each database; the promise is 5 000 on both together
PAIRS = 2_600
#: objects of a kind that each person tries on each route; ISOLATION_OBJECTS=99 tries them all
OBJECTS = int(os.environ.get("ISOLATION_OBJECTS", "3"))
#: of every role and side, and a second service wherever there is one
PEOPLE = (
    "garde.aywaille",
    "garde.trooz",
    "garde.auteurs",
    "garde.auteurs.autre",
    "logement.chaudfontaine",
    "logement.sprimont",
    "encadrement.esneux",
    "encadrement.aywaille",
    "sapv.secova",
    "coordination",
    "admin",
)
#: parts of a path that name no object
WORDS = {"action", "code", "decision", "path", "file_path", "name"}
#: answers of this kind say the same about everything: nothing in them goes back to an object
FRESH = {"x-request-id", "date"}


@dataclass(frozen=True)
class Thing:
    """An object, and whose it is."""

    kind: str
    id: UUID
    side: Side | None
    services: frozenset[str]
    #: of a session or a passkey: whose alone it is
    user: UUID | None = None
    #: the object around it, where a path names both
    within: UUID | None = None


def may_reach(person: Actor, thing: Thing) -> bool:
    """Who may have to do with what at all. Everything else does not exist for them."""
    own = person.service in thing.services
    match thing.kind:
        case "session" | "passkey":
            return thing.user == person.user_id
        case "override" | "change":
            return person.role in TWO_SIDED_ROLES
        case "alert":
            return own or person.role is Role.COORDINATOR
        case "shift":
            writes_rotas = person.role is not Role.ADMINISTRATOR
            return (own and writes_rotas) or person.role is Role.COORDINATOR
        case "swap":  # who asks and who is asked
            return thing.user == person.user_id
        case "request":  # a lifted separation needs two people: SAPV and coordinator, of any case
            return (own and person.role is Role.ON_CALL) or person.role in TWO_SIDED_ROLES
        case "placement":
            at_work = person.role in {Role.ON_CALL, Role.COMMUNE_STAFF}
            return (own and at_work) or person.role is Role.COORDINATOR
        case "order":  # of the service that recorded it, or that works on its case
            return (own and person.role in {Role.ON_CALL, Role.SAPV}) or (
                person.role is Role.COORDINATOR
            )
        case "site":  # by its code name; those who look for places see all of their side
            sees = person.role is Role.ON_CALL and person.side is thing.side
            return sees or _runs(person, thing)
        case "unit" | "block":
            return _runs(person, thing)
    raise AssertionError(f"a new kind of object, {thing.kind}: say here who may reach it")


def _runs(person: Actor, thing: Thing) -> bool:
    if person.role is Role.COMMUNE_STAFF:
        return person.service in thing.services
    return person.role is Role.COORDINATOR


def _may_be_named_to(person: Actor, thing: Thing) -> bool:
    """What a list may name to somebody who cannot open it."""
    if person.role is Role.SAPV:  # decides, with another, what a site is for and what is lifted
        return thing.kind in {"site", "request", "placement"}
    seen_on_the_board = {"site", "unit", "block"}
    return (
        person.role is Role.ON_CALL
        and person.side is thing.side
        and thing.kind in seen_on_the_board
    )


# --- a network with something of everybody ------------------------------------------------------


@dataclass
class Stage:
    world: World
    client: TestClient[Litestar]
    people: dict[str, As]
    actors: dict[str, Actor]
    things: list[Thing]
    #: codes, names and numbers that stand for an object: in no log line, ever
    words: set[str]
    paths: dict[str, Any]
    components: dict[str, Any]

    def baseline(self) -> str:
        """A fingerprint of every row that a side owns."""
        lines = []
        with all_seeing(self.world.system.database).connect() as connection:
            for table in SQLModel.metadata.sorted_tables:
                if "side" in table.columns and table.name != "audit_entry":
                    rows = connection.execute(sa.select(table)).all()
                    lines += sorted(f"{table.name}{tuple(row)!r}" for row in rows)
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _second_worker(session: Session) -> None:
    """A second service on the perpetrator side; the sample has one."""
    like = session.exec(select(User).where(col(User.login) == "garde.auteurs")).one()
    given = like.model_dump(exclude={"id", "login", "service", "name", "phone"})
    session.add(
        User(**given, login="garde.auteurs.autre", name="Autre garde", service="cpas-sprimont")
    )


def _filled(database: Database) -> tuple[World, list[Thing], set[str]]:
    world = secova_world(database, demo=False)
    database.run(_second_worker, sides=BOTH_SIDES)
    system, things = world.system, list[Thing]()
    for login in PEOPLE[:4]:
        worker = world.user(login)
        people = {Person.WOMAN: 1} if worker.side is Side.VICTIMS else {Person.MAN: 1}
        world.ask(worker, people=people)  # open
        world.hold_first(worker, world.ask(worker, people=people, nights=2))
        world.placed(worker, people=people, nights=3)
        refused = world.ask(worker, people=people)
        world.do(worker, intake.close, refused.id, Outcome.NO_PLACE)
        world.do(
            SYSTEM,
            alerts.raise_alert,
            AlertKind.NO_SHOW,
            str(worker.service),
            refused,
            occasion=f"isolation:{login}",
        )
    for login in (PEOPLE[2], PEOPLE[3], "sapv.secova", "coordination"):
        world.do(world.user(login), orders.record, f"CAS/{login}", served_at=world.clock.at)
    for login in (PEOPLE[0], PEOPLE[2]):  # both sides of what the coordinator recorded
        world.ask(world.user(login), people={Person.MAN: 1}, case_reference="CAS/coordination")
    for unit in world.all(Unit):
        far = world.clock.at.date() + timedelta(days=70)
        world.do(
            SYSTEM,
            availability.block_unit,
            unit.id,
            BlockReason.CLOSED,
            far,
            far + timedelta(days=1),
        )

    def more(session: Session) -> None:
        police = session.exec(select(User).where(col(User.login) == "sapv.secova")).one()
        placed = session.exec(
            select(RequestRow).where(col(RequestRow.side) == Side.VICTIMS)
        ).first()
        site = session.exec(select(Site).where(col(Site.side) == Side.VICTIMS)).first()
        assert placed is not None and site is not None
        now = system.clock.now()
        session.add(
            Override(
                side=Side.VICTIMS,
                request_id=placed.id,
                other_case_hash="0" * 64,
                site_id=site.id,
                until=now.date() + timedelta(days=9),
                against=[],
                reason=next(iter(OverrideReason)),
                state=OverrideState.ASKED,
                asked_by=police.id,
                asked_at=now,
            )
        )
        session.add(
            AudienceChange(
                code="BCDFG",
                site_id=site.id,
                to_side=Side.PERPETRATORS,
                to_service="commune-esneux",
                reason=next(iter(AudienceReason)),
                state=AudienceState.ASKED,
                asked_by=police.id,
                asked_at=now,
            )
        )
        for login in PEOPLE:
            user = session.exec(select(User).where(col(User.login) == login)).one()
            if user.service is not None:
                shift = Shift(
                    side=user.side,
                    service=user.service,
                    user_id=user.id,
                    starts_at=now,
                    ends_at=now + timedelta(hours=9),
                    created_at=now,
                )
                session.add(shift)
                session.flush()
                session.add(
                    ShiftSwap(
                        side=user.side,
                        service=user.service,
                        shift_id=shift.id,
                        from_user=user.id,
                        to_user=user.id,
                        state=SwapState.ASKED,
                        asked_at=now,
                    )
                )
            session.add(
                Passkey(
                    user_id=user.id,
                    credential_id=f"credential-{login}",
                    public_key=b"key",
                    sign_count=0,
                    name=f"Clé {login}",
                    created_at=now,
                )
            )

    database.run(more, sides=BOTH_SIDES)
    words: set[str] = set()

    def gather(session: Session) -> None:
        def add(kind: str, row: Any, services: set[str], **other: Any) -> None:
            side = getattr(row, "side", None)
            things.append(Thing(kind, row.id, side, frozenset(services), **other))
            words.update({str(row.id), getattr(row, "code", None) or str(row.id)})

        for request in session.exec(select(RequestRow)):
            add("request", request, {request.service})
        runs = {site.id: site.service for site in session.exec(select(Site))}
        units = {unit.id: unit for unit in session.exec(select(Unit))}
        stays = SQLModel.metadata.tables["stay"]
        for placement in session.exec(select(PlacementRow)):
            there = (
                session.execute(
                    sa.select(stays.c.unit_id).where(stays.c.placement_id == placement.id)
                ).scalars()
                if database.is_sqlite
                else _units_of(session, placement.id)
            )
            sites = {runs[units[unit].site_id] for unit in there}
            add("placement", placement, {placement.service} | sites)
        for site in session.exec(select(Site)):
            add("site", site, {site.service})
        for unit in units.values():
            add("unit", unit, {runs[unit.site_id]})
        for block in session.exec(select(Block)):
            service = runs[units[block.unit_id].site_id]
            add("block", block, {service}, within=block.unit_id)
        for alert in session.exec(select(Alert)):
            add("alert", alert, {alert.service})
        for override in session.exec(select(Override)):
            add("override", override, set())
        of_case: dict[str | None, set[str]] = {}
        for request in session.exec(select(RequestRow)):
            of_case.setdefault(request.case_hash, set()).add(request.service)
        for order in session.exec(select(BarringOrder)):
            known = of_case.get(order.case_hash, set())
            police = {"sapv-secova"} if known else set()  # of the zone of these services
            add("order", order, {order.service} | known | police)
        for change in session.exec(select(AudienceChange)):
            add("change", change, set())
        for shift in session.exec(select(Shift)):
            add("shift", shift, {shift.service})
        for swap in session.exec(select(ShiftSwap)):
            add("swap", swap, {swap.service}, user=swap.from_user)
        for passkey in session.exec(select(Passkey)):
            add("passkey", passkey, set(), user=passkey.user_id)

    database.run(gather, sides=BOTH_SIDES)
    return world, things, words


def _units_of(session: Session, placement: UUID) -> list[UUID]:
    from shelter.db.tables import StayRow

    return list(session.exec(select(StayRow.unit_id).where(col(StayRow.placement_id) == placement)))


@contextmanager
def _on(database: Database, *routes: Any) -> Iterator[Stage]:
    world, things, words = _filled(database)
    with client_of(world) as client:
        for route in routes:
            client.app.register(route)
        people = {login: As(client, world.system, login) for login in PEOPLE}
        actors = {login: world.user(login) for login in PEOPLE}
        for row in world.all(UserSession):
            things.append(Thing("session", row.id, None, frozenset(), user=row.user_id))
        schema = client.get("/api/v1/schema/openapi.json").json()
        yield Stage(
            world,
            client,
            people,
            actors,
            things,
            words,
            schema["paths"],
            schema["components"]["schemas"],
        )


# --- the pairs ----------------------------------------------------------------------------------

#: what a body or a form says, so that it gets as far as the object that the path names
SAID: Mapping[str, Any] = {
    "people": {"man": 1},
    "nights": 3,
    "end_night": "2026-12-09",
    "first_night": "2026-11-23",
    "until": "2026-12-01",
    "outcome": "no_place",
    "reason": "closed",
    "name": "Ici",
    "commune": "62032",
    "address": "1 rue d’Ici",
    "lat": 50.53,
    "lon": 5.56,
    "label": "Chambre 9",
    "beds": 1,
    "approve": True,
    "case_reference": "LI.41.LA.0001/2026",
    "stays": [{"unit_id": NOBODY, "first_night": "2026-11-23", "end_night": "2026-11-25"}],
    "version": 1,
    "starts_at": "2026-11-23T21:00:00Z",
    "ends_at": "2026-11-24T06:00:00Z",
}


@dataclass
class Found:
    """What one walk over all pairs saw."""

    pairs: int = 0
    by_kind: Counter[str] = field(default_factory=Counter)
    leaks: list[str] = field(default_factory=list)
    baseline: dict[tuple[str, str, str], tuple[Any, ...]] = field(default_factory=dict)


def _kinds(template: str) -> list[str]:
    """The kinds of object that a path names, outermost first. A new word fails loudly."""
    kinds = []
    for name, type_ in re.findall(r"\{(\w+):(\w+)\}", template):
        if name in WORDS:
            continue
        assert type_ == "uuid" and name.endswith("_id"), f"{template}: what is {name}?"
        kinds.append(name.removesuffix("_id"))
    return kinds


def _path(template: str, ids: list[str], turn: int) -> str:
    left = iter(ids)

    def fill(match: re.Match[str]) -> str:
        if match[2] == "uuid":
            return next(left)
        words = {
            "action": [action.value for action in Action],
            "code": ["fr"],
            "decision": ["agree", "withdraw", "decline"],
        }.get(match[1], ["nothing"])
        return words[turn % len(words)]

    return re.sub(r"\{(\w+):(\w+)\}", fill, template)


def _call(stage: Stage, person: As, route: Route, path: str) -> httpx.Response:
    headers = {"If-Match": '"1"', "Sec-Fetch-Site": "same-origin"}
    if route.method == "GET":
        return person.call("GET", path, headers=headers)
    headers["Idempotency-Key"] = uuid4().hex
    if route.is_page:
        form = {name: str(value) for name, value in SAID.items() if not isinstance(value, list)}
        form |= {"people.man": "1", "key": uuid4().hex}
        return person.call(route.method, path, headers=headers, data=form)
    described = stage.paths.get(re.sub(r":\w+}", "}", route.template), {})
    content = described.get(route.method.lower(), {}).get("requestBody", {}).get("content", {})
    body = None
    if content:
        body = example_of(content["application/json"]["schema"], stage.components, **SAID)
    return person.call(route.method, path, headers=headers, json=body)


def _shown(answer: httpx.Response, ids: list[str]) -> tuple[Any, ...]:
    """What an answer shows, without the identifier that the caller already had."""

    def plain(text: str) -> str:
        for one in ids:
            text = text.replace(one, "{id}")
        return re.sub(r'(name="key" value=")[^"]+', r"\1…", text)

    headers = sorted(
        (name, plain(value)) for name, value in answer.headers.multi_items() if name not in FRESH
    )
    return answer.status_code, headers, plain(answer.text)


def walk(stage: Stage) -> Found:
    """Every route that names objects × every person × every object that is not theirs."""
    found = Found()
    routes = [r for r in routes_of(stage.client.app) if r.method not in {"OPTIONS", "HEAD"}]
    by_kind: dict[str, list[Thing]] = {}
    for thing in stage.things:
        by_kind.setdefault(thing.kind, []).append(thing)
    for route in routes:
        kinds = _kinds(route.template)
        if not kinds:
            continue
        inner = kinds[-1]
        assert by_kind.get(inner), f"{route.template}: make a {inner} in this test's network"
        for login, person in stage.people.items():
            theirs = [
                (turn, thing)
                for turn, thing in enumerate(by_kind[inner])
                if not may_reach(stage.actors[login], thing)
            ]
            drawn = random.Random(f"{route.method} {route.template} {login}")
            for turn, thing in drawn.sample(theirs, min(len(theirs), OBJECTS)):
                ids = [str(thing.within)] if len(kinds) > 1 else []
                ids.append(str(thing.id))
                _try(stage, found, route, login, person, ids, turn)
                found.by_kind[inner] += 1
    return found


def _try(
    stage: Stage,
    found: Found,
    route: Route,
    login: str,
    person: As,
    ids: list[str],
    turn: int,
) -> None:
    path = _path(route.template, ids, turn)
    nothing = [*ids[:-1], NOBODY]
    empty = _path(route.template, nothing, turn)
    known = (route.method, empty, login)
    if known not in found.baseline:
        found.baseline[known] = _shown(_call(stage, person, route, empty), nothing)
    answer = _shown(_call(stage, person, route, path), ids)
    found.pairs += 1
    if answer != found.baseline[known]:
        found.leaks.append(f"{login} {route.method} {path}: {answer} not {found.baseline[known]}")
    elif answer[0] < 400 and not (answer[0] == 303 and route.is_page):
        found.leaks.append(f"{login} {route.method} {path}: done")


def test_somebody_elses_object_is_answered_as_one_that_does_not_exist(
    database: Database, capfd: pytest.CaptureFixture[str]
) -> None:
    with _on(database) as stage:
        before = stage.baseline()
        found = walk(stage)
        assert found.leaks == []
        assert found.pairs >= PAIRS, (found.pairs, found.by_kind)
        assert set(found.by_kind) >= {
            "request",
            "placement",
            "site",
            "unit",
            "block",
            "alert",
            "order",
        }
        # no row of either side was touched, no message queued: nothing was counted or sent
        assert stage.baseline() == before
        # nor does any log line name one of them
        out, err = capfd.readouterr()
        logged = out + err
        assert "route=" in logged or '"route"' in logged  # control: there are lines
        assert {word for word in stage.words if word in logged} == set()


def test_what_a_body_names_is_nothing_either_unless_it_is_theirs(database: Database) -> None:
    """Sites to avoid and units to hold, guessed by their identifiers."""
    with _on(database) as stage:
        before, pairs = stage.baseline(), 0
        for login in PEOPLE[:4]:
            person, actor = stage.people[login], stage.actors[login]
            mine = next(
                row
                for row in stage.world.all(RequestRow, service=actor.service)
                if row.state == "open"
            )
            said: dict[str, Callable[[str], httpx.Response]] = {
                "site": lambda it, p=person: p.post(  # type: ignore[misc]
                    "/requests", {"people": {"man": 1}, "avoid_sites": [it]}
                ),
                "unit": lambda it, p=person, m=mine: p.post(  # type: ignore[misc]
                    f"/requests/{m.id}/holds",
                    {
                        "stays": [
                            {"unit_id": it, "first_night": "2026-11-23", "end_night": "2026-11-25"}
                        ]
                    },
                ),
            }
            for kind, say in said.items():
                nothing = _shown(say(NOBODY), [NOBODY])
                assert nothing[0] in {404, 422}
                for thing in stage.things:
                    # the victim side may be told of both: it is the other direction that leaks
                    if thing.kind != kind or thing.side is actor.side:
                        continue
                    assert _shown(say(str(thing.id)), [str(thing.id)]) == nothing, (login, kind)
                    pairs += 1
        assert pairs >= 20 and stage.baseline() == before


def test_lists_hold_nothing_of_anybody_else(database: Database) -> None:
    """Every list and page without an identifier names only what its reader may reach."""
    with _on(database) as stage:
        routes = [
            route
            for route in routes_of(stage.client.app)
            if route.method == "GET"
            and not _kinds(route.template)
            and not re.search(r"\{|schema|static|health|sign-in|language", route.template)
        ]
        assert len(routes) > 12
        seen = 0
        for login, person in stage.people.items():
            actor = stage.actors[login]
            foreign = {
                str(thing.id): thing for thing in stage.things if not may_reach(actor, thing)
            }
            for route in routes:
                for query in ("", "?side=victims", "?side=perpetrators", "?limit=100"):
                    answer = person.call("GET", route.template + query)
                    for identifier in set(
                        re.findall(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", answer.text)
                    ):
                        seen += 1
                        thing = foreign.get(identifier)
                        if thing is None or _may_be_named_to(actor, thing):
                            continue
                        pytest.fail(f"{login} {route.template}{query} shows {thing}")
        assert seen > 100  # control: lists are not empty


def test_a_key_of_somebody_else_brings_no_answer_of_theirs(database: Database) -> None:
    with _on(database) as stage:
        first, second = stage.people["garde.aywaille"], stage.people["garde.auteurs"]
        body = {"people": {"man": 1}}
        mine = first.post("/requests", body, once="the-same-key").json()
        theirs = second.post("/requests", body, once="the-same-key").json()
        assert mine["id"] != theirs["id"] and theirs["side"] == "perpetrators"


# --- controls -----------------------------------------------------------------------------------


def test_control_everybody_reaches_something_of_their_own(sqlite_database: Database) -> None:
    """A walk in which nothing exists for anybody would find no leak either."""
    needed = {
        Role.ON_CALL: {"request", "placement", "site"},
        Role.COMMUNE_STAFF: {"site", "unit"},
        Role.SAPV: {"alert", "order"},
        Role.COORDINATOR: {"request", "placement", "site", "unit", "alert", "order"},
        Role.ADMINISTRATOR: set[str](),
    }
    with _on(sqlite_database) as stage:
        looks = [
            route
            for route in routes_of(stage.client.app)
            if route.method == "GET" and len(_kinds(route.template)) == 1
        ]
        for login, person in stage.people.items():
            actor = stage.actors[login]
            assert actor.role is not None
            missing = set(needed[actor.role])
            for route in looks:
                kind = _kinds(route.template)[0]
                own = [t for t in stage.things if t.kind == kind and may_reach(actor, t)]
                for thing in own if kind in missing else ():
                    path = _path(route.template, [str(thing.id)], 0)
                    if person.call("GET", path).status_code == 200:
                        missing.discard(kind)
                        break
            assert missing == set(), login


def test_control_a_route_without_its_check_is_caught(sqlite_database: Database) -> None:
    @get("/api/v1/requests/{request_id:uuid}/summary", sync_to_thread=True, **signed_in())
    def summary(request: Request[Any, Any, Any], request_id: FromPath[UUID]) -> dict[str, str]:
        from shelter.domain.errors import NotFound

        def look(session: Session) -> dict[str, str]:
            row = session.get(RequestRow, request_id)
            if row is None:
                raise NotFound("not_found", what="request")
            return {"code": row.code}

        system = request.app.state.system
        answer: dict[str, str] = system.database.run(look, read_only=True, sides=BOTH_SIDES)
        return answer

    with _on(sqlite_database, summary) as stage:
        found = walk(stage)
        assert found.leaks and all("/summary" in leak for leak in found.leaks)
        assert json.dumps(found.leaks)
        assert {leak.split()[0] for leak in found.leaks} >= {"garde.auteurs", "admin"}


def test_control_a_new_kind_of_object_fails_loudly() -> None:
    with pytest.raises(AssertionError, match="what is thing"):
        _kinds("/api/v1/things/{thing:str}")
    stranger = Thing("thing", uuid4(), None, frozenset())
    with pytest.raises(AssertionError, match="a new kind"):
        may_reach(SYSTEM, stranger)
