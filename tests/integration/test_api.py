"""A night through the JSON API, on both databases: once each, in order, for many at once."""

from __future__ import annotations

import base64
import hashlib
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import httpx
import pytest
from litestar import Litestar
from litestar.testing import TestClient
from sqlmodel import Session, col, select

from shelter.db.session import Database
from shelter.db.tables import OccupiedNight, PlacementRow, Request, Site, Unit, User, UserSession
from shelter.domain.availability import BlockReason
from shelter.domain.household import Person
from shelter.domain.sides import BOTH_SIDES, SYSTEM, Role, Side
from shelter.services import availability, intake
from shelter.services.context import Shelter, Tx
from shelter.services.delivery import deliver
from shelter.services.sessions import actor_of
from support.server import NOBODY, As, client_of, running_server
from support.world import TONIGHT, FakeGateway, World, key, secova_world

T = TypeVar("T")


@pytest.fixture
def world(database: Database) -> World:
    return secova_world(database)


@pytest.fixture
def client(world: World) -> Iterator[TestClient[Litestar]]:
    with client_of(world) as client:
        yield client


@pytest.fixture
def worker(client: TestClient[Litestar], world: World) -> As:
    return As(client, world.system, "garde.aywaille")


def made(answer: httpx.Response, status: int = 201) -> Any:
    assert answer.status_code == status, answer.text
    return answer.json()


def at_once(people: int, work: Callable[[int], T]) -> list[T]:
    """``work`` for 0, 1, …, in as many threads, which all start in the same moment."""
    start = threading.Barrier(people)

    def one(number: int) -> T:
        start.wait()
        return work(number)

    with ThreadPoolExecutor(people) as pool:
        return list(pool.map(one, range(people)))


def choice(option: Any) -> dict[str, Any]:
    return {
        "stays": [
            {name: stay[name] for name in ("unit_id", "first_night", "end_night")}
            for stay in option["stays"]
        ]
    }


# --- the night ----------------------------------------------------------------------------------


def test_a_family_gets_from_the_first_call_to_the_closed_door(
    client: TestClient[Litestar], world: World, worker: As
) -> None:
    staff = As(client, world.system, "logement.sprimont")
    police = As(client, world.system, "sapv.secova")

    # the commune adds a house that alone is large enough
    address = "12 rue de la Canne à Sucre"
    site = made(
        staff.post(
            "/sites",
            {
                "name": "Tilleul",
                "commune": "62100",
                "address": address,
                "lat": 50.519,
                "lon": 5.69,
                "contact_phone": "+447700900301",
            },
        )
    )
    assert site["open"] and address not in str(site)
    unit = made(staff.post(f"/sites/{site['id']}/units", {"label": "Maison", "beds": 9}))
    assert unit["freshness"] == "fresh"

    # the worker on call asks, looks, holds, talks it over and confirms
    request = made(
        worker.post(
            "/requests",
            {"people": {"woman": 1, "child": 7}, "nights": 3, "case_reference": "LI.41.LA.77/2026"},
        )
    )
    assert request["state"] == "open" and "LI.41" not in str(request)
    offer = made(worker.get(f"/requests/{request['id']}/options"), 200)
    assert [stay["unit_id"] for stay in offer["options"][0]["stays"]] == [unit["id"]]
    assert len(offer["options"]) == 1 and offer["options"][0]["reasons"]
    placement = made(worker.post(f"/requests/{request['id']}/holds", choice(offer["options"][0])))
    assert (placement["state"], placement["actions"]) == ("held", ["confirm", "release"])
    place = f"/placements/{placement['id']}"
    assert worker.call("POST", f"/api/v1{place}/address-look").status_code == 403
    confirmed = made(worker.post(f"{place}/confirmation"))
    assert confirmed["state"] == "confirmed" and confirmed["version"] > placement["version"]

    # everybody who must know gets a message that says nothing to anybody else
    assert deliver(world.system, FakeGateway(), "test").handed_over == 3
    told = made(worker.get("/messages"), 200)["items"] + made(staff.get("/messages"), 200)["items"]
    assert {m["recipient"] for m in told} == {"+447700900201", "+447700900301"}
    assert all(m["state"] == "accepted" and request["code"] in m["body"] for m in told)
    (alert,) = made(police.get("/alerts", open_only=True), 200)["items"]
    assert (alert["kind"], alert["reference"]) == ("placement_confirmed", request["code"])
    answered = made(police.post(f"/alerts/{alert['id']}/acknowledgement"))
    assert answered["acknowledged_via"] == "screen" and answered["acknowledged_at"]
    assert made(police.get("/alerts", open_only=True), 200)["items"] == []

    # they arrive, stay longer, and leave
    look = made(staff.call("POST", f"/api/v1{place}/address-look"), 200)
    assert look["items"] == [{"site": "Tilleul", "address": address}]
    assert made(staff.post(f"{place}/arrival"))["state"] == "arrived"
    longer = made(
        worker.post(f"{place}/extension", {"end_night": str(TONIGHT + timedelta(days=5))})
    )
    assert longer["end_night"] == str(TONIGHT + timedelta(days=5))
    world.clock.forward(days=2)
    staff = As(client, world.system, "logement.sprimont")
    worker = As(client, world.system, "garde.aywaille")
    assert made(staff.post(f"{place}/departure"))["state"] == "departed"
    closed = made(worker.get(f"/requests/{request['id']}"), 200)
    assert (closed["state"], closed["outcome"]) == ("closed", "housed")
    assert [p["state"] for p in closed["placements"]] == ["departed"]
    history = made(worker.get(f"/requests/{request['id']}/history"), 200)["items"]
    actions = [entry["action"] for entry in history]
    assert actions[0] == "request.ask" and actions.count("placement.depart") == 1
    assert "address.look" in actions and address not in str(history)

    # control: what was given back can be given out again
    after = made(worker.post("/requests", {"people": {"woman": 1, "child": 7}, "nights": 1}))
    again = made(worker.get(f"/requests/{after['id']}/options"), 200)
    assert [s["unit_id"] for s in again["options"][0]["stays"]] == [unit["id"]]


def test_a_release_a_no_show_and_a_cancellation_open_the_request_again(worker: As) -> None:
    for ending, confirmed in (("release", False), ("no-show", True), ("cancellation", True)):
        request = made(worker.post("/requests", {"people": {"woman": 1}}))
        option = made(worker.get(f"/requests/{request['id']}/options"), 200)["options"][0]
        placement = made(worker.post(f"/requests/{request['id']}/holds", choice(option)))
        if confirmed:
            made(worker.post(f"/placements/{placement['id']}/confirmation"))
        made(worker.post(f"/placements/{placement['id']}/{ending}"))
        assert made(worker.get(f"/requests/{request['id']}"), 200)["state"] == "open"
        assert made(worker.get(f"/requests/{request['id']}/options"), 200)["options"]
        done = made(worker.post(f"/requests/{request['id']}/outcome", {"outcome": "mistake"}))
        assert (done["state"], done["outcome"]) == ("closed", "mistake")


def test_what_is_not_yours_is_not_there(
    client: TestClient[Litestar], world: World, worker: As
) -> None:
    request, placement = world.placed(world.user("garde.aywaille"))
    unit = world.unit("Bruyère", "Rez gauche")
    paths = [
        f"/requests/{request.id}",
        f"/requests/{request.id}/options",
        f"/requests/{request.id}/history",
        f"/placements/{placement.id}",
        f"/sites/{unit.site_id}",
    ]
    for login in ("garde.auteurs", "encadrement.esneux"):
        other = As(client, world.system, login)
        for path in paths:
            seen, absent = other.get(path), other.get(path.replace(path.split("/")[2], NOBODY))
            assert seen.status_code in {403, 404}
            # the other side's and nobody's look the same
            assert (seen.status_code, seen.content) == (absent.status_code, absent.content)
    colleague = As(client, world.system, "garde.trooz")
    assert [colleague.get(path).status_code for path in paths[:4]] == [404] * 4
    # control
    assert [worker.get(path).status_code for path in paths] == [200, 409, 200, 200, 200]


# --- once, and only once ------------------------------------------------------------------------


def test_a_repeated_call_gets_the_same_answer_and_does_nothing(worker: As) -> None:
    body = {"people": {"woman": 1}}
    once = key()
    first = worker.post("/requests", body, once=once)
    again = worker.post("/requests", body, once=once)
    assert first.status_code == again.status_code == 201
    assert (first.json(), first.headers["etag"]) == (again.json(), again.headers["etag"])
    assert len(made(worker.get("/requests"), 200)["items"]) == 1
    # control: another key is another request
    assert made(worker.post("/requests", body))["id"] != first.json()["id"]
    assert len(made(worker.get("/requests"), 200)["items"]) == 2


def test_a_repeated_confirmation_sends_its_messages_once(worker: As, world: World) -> None:
    request = made(worker.post("/requests", {"people": {"woman": 1}}))
    option = made(worker.get(f"/requests/{request['id']}/options"), 200)["options"][0]
    held_once = key()
    path = f"/requests/{request['id']}/holds"
    placement = made(worker.post(path, choice(option), once=held_once))
    once = key()
    confirmed = worker.post(f"/placements/{placement['id']}/confirmation", once=once)
    messages = made(worker.get("/messages"), 200)
    world.clock.forward(minutes=30)  # the hold would have run out meanwhile
    again = worker.post(f"/placements/{placement['id']}/confirmation", once=once)
    assert (again.status_code, again.json()) == (201, confirmed.json())
    assert made(worker.get("/messages"), 200) == messages
    # the hold's own answer is the old one too: a repetition is not a look at the present
    assert made(worker.post(path, choice(option), once=held_once)) == placement
    # control: a second confirmation with a key of its own is refused
    second = worker.post(f"/placements/{placement['id']}/confirmation")
    assert (second.status_code, second.json()["code"]) == (409, "placement_state")


def test_a_key_used_for_something_else_is_refused(
    client: TestClient[Litestar], world: World, worker: As
) -> None:
    once = key()
    made(worker.post("/requests", {"people": {"woman": 1}}, once=once))
    other = worker.post("/requests", {"people": {"woman": 2}}, once=once)
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_key_reused")
    elsewhere = worker.post(f"/requests/{UUID(int=1)}/outcome", {"outcome": "mistake"}, once=once)
    assert (elsewhere.status_code, elsewhere.json()["code"]) == (409, "idempotency_key_reused")
    assert len(made(worker.get("/requests"), 200)["items"]) == 1
    # control: keys are each user's own
    colleague = As(client, world.system, "garde.trooz")
    assert made(colleague.post("/requests", {"people": {"woman": 2}}, once=once))


def test_a_refused_call_may_be_repeated_with_its_key(worker: As) -> None:
    once = key()
    body = {"people": {"woman": 1}, "avoid_communes": ["00000"]}
    assert worker.post("/requests", body, once=once).status_code == 422
    assert worker.post("/requests", body, once=once).status_code == 422
    body["avoid_communes"] = []
    assert worker.post("/requests", body, once=once).status_code == 201


def test_twenty_copies_of_one_call_at_once_are_one(worker: As) -> None:
    body = {"people": {"woman": 1, "infant": 1}}
    once = key()
    answers = at_once(20, lambda _: worker.post("/requests", body, once=once))
    assert {answer.status_code for answer in answers} == {201}, answers[0].text
    assert all(answer.json() == answers[0].json() for answer in answers)
    assert len(made(worker.get("/requests"), 200)["items"]) == 1
    # control: with keys of their own they are twenty
    at_once(20, lambda _: worker.post("/requests", body))
    assert len(made(worker.get("/requests"), 200)["items"]) == 21


# --- many at once -------------------------------------------------------------------------------


def hire(system: Shelter, people: int) -> list[str]:
    """So many workers of one service, signed in; their tokens."""
    tokens = [secrets.token_urlsafe(32) for _ in range(people)]
    now = system.clock.now()

    def write(session: Session) -> None:
        like = session.exec(select(User).where(col(User.login) == "garde.aywaille")).one()
        for number, token in enumerate(tokens):
            user = User(
                login=f"garde{number}",
                name=f"Garde {number}",
                password_hash=like.password_hash,
                role=Role.ON_CALL,
                side=Side.VICTIMS,
                service=like.service,
                created_at=now,
            )
            session.add(user)
            session.flush()
            session.add(
                UserSession(
                    token_hash=hashlib.sha256(token.encode()).hexdigest(),
                    user_id=user.id,
                    created_at=now,
                    seen_at=now,
                    expires_at=now + timedelta(hours=1),
                )
            )

    system.database.run(write, sides=BOTH_SIDES)
    return tokens


def ask_for_each(system: Shelter, tokens: list[str]) -> list[UUID]:
    def write(tx: Tx) -> list[UUID]:
        user = tx.session.exec(select(User).where(col(User.login) == "garde0")).one()
        tx.actor = actor_of(user)
        given = intake.RequestInput(people={Person.WOMAN: 1, Person.CHILD: 2}, nights=2)
        return [intake.ask(tx, given).id for _ in tokens]

    return system.run(SYSTEM, write)


def close_all_but(system: Shelter, site: str, label: str) -> tuple[UUID, date]:
    """Leave one unit of the victim side open; it, and tonight."""

    def write(tx: Tx) -> tuple[UUID, date]:
        left = None
        for unit, its_site in tx.session.exec(
            select(Unit, Site)
            .join(Site, col(Site.id) == Unit.site_id)
            .where(col(Unit.side) == Side.VICTIMS)
        ).all():
            if (its_site.name, unit.label) == (site, label):
                left = unit.id
            else:
                availability.block_unit(tx, unit.id, BlockReason.CLOSED, tx.tonight, None)
        assert left is not None
        return left, tx.tonight

    return system.run(SYSTEM, write)


def test_two_hundred_workers_at_once_and_one_last_place(tmp_path: Path, database_url: str) -> None:
    """Exactly one gets it; each of the others is told at once what there is instead."""
    people = 200
    with running_server(tmp_path, database_url, SHELTER_LOG_LEVEL="error") as server:
        tokens = hire(server.system, people)
        requests = ask_for_each(server.system, tokens)
        unit, tonight = close_all_but(server.system, "Bruyère", "Rez gauche")
        body = {
            "stays": [
                {
                    "unit_id": str(unit),
                    "first_night": str(tonight),
                    "end_night": str(tonight + timedelta(days=2)),
                }
            ]
        }

        def take(number: int) -> httpx.Response:
            return httpx.post(
                f"{server.url}/api/v1/requests/{requests[number]}/holds",
                json=body,
                headers={
                    "Authorization": f"Bearer {tokens[number]}",
                    "Idempotency-Key": key(),
                },
                timeout=120,
            )

        began = time.monotonic()
        answers = at_once(people, take)
        print(f"{people} workers: {time.monotonic() - began:.1f} s")
        won = [answer for answer in answers if answer.status_code == 201]
        lost = [answer for answer in answers if answer.status_code == 409]
        assert (len(won), len(lost)) == (1, people - 1), {a.status_code for a in answers}
        for answer in lost:
            problem = answer.json()
            assert answer.headers["content-type"] == "application/problem+json"
            assert problem["type"] == "urn:shelter:taken"
            assert problem["offer"]["options"] == []
            assert problem["offer"]["fallbacks"], "where else to turn"
        held, nights = server.system.database.run(
            lambda session: (
                session.exec(select(PlacementRow)).all(),
                session.exec(select(OccupiedNight)).all(),
            ),
            read_only=True,
            sides=BOTH_SIDES,
        )
        assert [str(placement.id) for placement in held] == [won[0].json()["id"]]
        assert sorted(row.night for row in nights) == [tonight, tonight + timedelta(days=1)]


def test_who_comes_too_late_is_offered_what_is_free_now(
    client: TestClient[Litestar], world: World, worker: As
) -> None:
    body = {"people": {"woman": 1, "child": 3}, "nights": 2}
    mine, theirs = made(worker.post("/requests", body)), made(worker.post("/requests", body))
    first = made(worker.get(f"/requests/{mine['id']}/options"), 200)["options"][0]
    made(worker.post(f"/requests/{mine['id']}/holds", choice(first)))
    late = worker.post(f"/requests/{theirs['id']}/holds", choice(first))
    problem = made(late, 409)
    assert problem["type"] == "urn:shelter:taken"
    offered = problem["offer"]["options"]
    gone = {stay["unit_id"] for stay in first["stays"]}
    assert offered and all(s["unit_id"] not in gone for option in offered for s in option["stays"])
    # control: what is offered can be had
    made(worker.post(f"/requests/{theirs['id']}/holds", choice(offered[0])))


# --- lists, cursors, versions -------------------------------------------------------------------


def walk(worker: As, limit: int, between: Callable[[], object] = lambda: None) -> list[str]:
    seen: list[str] = []
    cursor: dict[str, Any] = {}
    for _ in range(100):
        page = made(worker.get("/requests", limit=limit, **cursor), 200)
        assert len(page["items"]) <= limit
        seen += [item["id"] for item in page["items"]]
        if page["next"] is None:
            return seen
        cursor = {"cursor": page["next"]}
        between()
    raise AssertionError("the list does not end")


@pytest.mark.parametrize("limit", [1, 3, 100])
def test_pages_lose_and_repeat_nothing_while_new_requests_arrive(
    worker: As, world: World, limit: int
) -> None:
    actor = world.user("garde.aywaille")

    def three() -> set[str]:
        """Two in the same microsecond, one a moment later."""
        made_now = {str(world.ask(actor).id), str(world.ask(actor).id)}
        world.clock.forward(milliseconds=1)
        return made_now | {str(world.ask(actor).id)}

    before = three() | three() | three()
    seen = walk(worker, limit, between=three)
    assert before <= set(seen)
    assert len(seen) == len(set(seen))
    # control: nothing in between, and the order is newest first
    everything = walk(worker, limit)
    whole = made(worker.get("/requests", limit=100), 200)["items"]
    if len(whole) < 100:
        assert everything == [item["id"] for item in whole]
        when = [datetime.fromisoformat(item["created_at"]) for item in whole]
        assert when == sorted(when, reverse=True)


def test_a_cursor_tells_nothing_and_opens_nothing(
    client: TestClient[Litestar], world: World, worker: As
) -> None:
    for _ in range(3):
        made(worker.post("/requests", {"people": {"woman": 1}}))
    page = made(worker.get("/requests", limit=1), 200)
    at, row_id = base64.urlsafe_b64decode(page["next"]).decode().split("|")
    assert row_id == page["items"][0]["id"] and at[:10] == page["items"][0]["created_at"][:10]
    # somebody else's cursor is only a place in one's own list
    stranger = As(client, world.system, "garde.auteurs")
    theirs = made(stranger.get("/requests", cursor=page["next"]), 200)
    assert theirs == {"items": [], "next": None}


def _cursor(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode()


BAD_CURSORS = (
    "",
    "x",
    "é",
    "=" * 8,
    "A" * 5000,
    "../../etc/passwd",
    "' OR 1=1 --",
    _cursor("2026-11-21|" + NOBODY),
    _cursor("2026-11-21T21:10:00|" + NOBODY),
    _cursor("2026-11-21T21:10:00+00:00|1"),
    _cursor("2026-11-21T21:10:00+00:00"),
    _cursor("2026-11-21T21:10:00+00:00|" + NOBODY + "|x"),
    # in UTC these are before the first year and after the last
    _cursor("0001-01-01T00:00:00+23:59|" + NOBODY),
    _cursor("9999-12-31T23:59:59-23:59|" + NOBODY),
    base64.urlsafe_b64encode(b"\xff\xfe\xfd").decode(),
)


def test_a_cursor_that_this_list_did_not_give_is_refused(worker: As) -> None:
    for bad in BAD_CURSORS:
        answer = worker.get("/requests", cursor=bad)
        assert answer.status_code == 422, (bad, answer.text)
        assert answer.json()["errors"][0]["field"] == "cursor"


def test_a_page_has_a_sensible_size(worker: As) -> None:
    for limit in (0, 101, -1, 10**30):
        answer = worker.get("/requests", limit=limit)
        assert answer.status_code == 422, limit
        assert answer.json()["errors"][0]["field"] == "limit"


def test_a_version_changes_with_what_it_is_the_version_of(worker: As) -> None:
    request = worker.post("/requests", {"people": {"woman": 1}})
    path = f"/requests/{request.json()['id']}"
    assert worker.get(path).headers["etag"] == request.headers["etag"]
    assert worker.get(path).headers["etag"] == worker.get(path).headers["etag"]
    edited = worker.patch(path, {"nights": 2}, if_match=request.headers["etag"])
    assert made(edited, 200)["nights"] == 2
    assert edited.headers["etag"] != request.headers["etag"]
    assert worker.get(path).headers["etag"] == edited.headers["etag"]
    # a weak one, as a proxy may make of it, is as good
    weak = worker.patch(path, {"nights": 3}, if_match=f"W/{edited.headers['etag']}")
    assert made(weak, 200)["nights"] == 3


def test_an_amendment_cannot_empty_a_stay(worker: As) -> None:
    request = worker.post("/requests", {"people": {"woman": 1}})
    path = f"/requests/{request.json()['id']}"
    for nights in (0, -1, 10**9):
        refused = worker.patch(path, {"nights": nights}, if_match=request.headers["etag"])
        assert refused.status_code in {400, 422}, nights
    assert made(worker.get(path), 200)["nights"] == 7


def test_only_one_of_two_edits_at_once_is_written(worker: As, world: World) -> None:
    request = worker.post("/requests", {"people": {"woman": 1}})
    path = f"/requests/{request.json()['id']}"
    tag = request.headers["etag"]
    answers = at_once(8, lambda n: worker.patch(path, {"nights": n + 1}, if_match=tag))
    assert sorted(answer.status_code for answer in answers) == [200] + [412] * 7
    (won,) = [answer for answer in answers if answer.status_code == 200]
    assert made(worker.get(path), 200)["nights"] == won.json()["nights"]


def test_no_row_holds_a_request_twice(worker: As, world: World) -> None:
    """Control for the tests above: the rows say what the answers say."""
    made(worker.post("/requests", {"people": {"woman": 1}}))
    rows = world.system.database.run(
        lambda s: s.exec(select(Request)).all(), read_only=True, sides=BOTH_SIDES
    )
    assert [str(row.id) for row in rows] == [
        item["id"] for item in made(worker.get("/requests"), 200)["items"]
    ]
