"""Two ways for a question to get to the system, and what comes back."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from litestar import Litestar
from litestar.testing import TestClient
from sqlmodel import SQLModel

from leaks.victims import CASE
from shelter.domain.errors import ShelterError
from shelter.domain.household import Person
from shelter.domain.requests import Outcome
from shelter.services import alerts, allocate, board, intake, outbox, placements
from shelter.services.context import Tx
from shelter_api.v1.inbox import MessageOut
from shelter_api.v1.placements import placement_out
from shelter_api.v1.requests import offer_out
from support.server import As
from support.world import World

WORKER = "garde.auteurs"


@dataclass(frozen=True, slots=True)
class Answer:
    status: str
    #: what was said, as JSON would say it
    said: Any
    #: that it took: as a clock on the wall says, and as the processor's own does, which somebody on
    #: the network does not have, and which no other work on the machine disturbs
    seconds: tuple[float, float]


class Way(Protocol):
    """How a question gets to the system; the same questions on every way."""

    def sign_in(self) -> None: ...

    def call(self, name: str, target: UUID | None, given: dict[str, Any]) -> Answer: ...


@dataclass
class Services:
    """The use cases themselves, as the pages and the API call them."""

    world: World

    def sign_in(self) -> None:
        self.actor = self.world.user(WORKER)

    def call(self, name: str, target: UUID | None, given: dict[str, Any]) -> Answer:
        started = _clocks()
        try:
            said, status = self._do(name, target, given), "ok"
        except ShelterError as error:
            said, status = [error.code, str(error)], "refused"
        return Answer(status, said, _since(started))

    def _do(self, name: str, target: UUID | None, given: dict[str, Any]) -> Any:
        run, actor = self.world.system.run, self.actor
        it: Any = target
        placed: dict[str, Callable[[Tx], Any]] = {
            "confirm": lambda tx: placements.confirm(tx, it),
            "extend": lambda tx: placements.extend(tx, it, **given),
            "arrive": lambda tx: placements.arrive(tx, it),
            "depart": lambda tx: placements.depart(tx, it),
            "cancel": lambda tx: placements.cancel(tx, it),
            "release": lambda tx: placements.release(tx, it),
            "hold": lambda tx: placements.hold(tx, it, [placements.StayChoice(**given)]),
        }
        seen: dict[str, Callable[[Tx], Any]] = {
            "board": lambda tx: board.board(tx),
            "requests": lambda tx: intake.list_requests(tx),
            "alerts": lambda tx: alerts.list_alerts(tx),
            "messages": lambda tx: [
                MessageOut.model_validate(row).model_dump() for row in outbox.list_messages(tx)
            ],
            "history": lambda tx: [
                (entry.at, entry.actor_name, entry.action, entry.detail)
                for entry in intake.history(tx, it)
            ],
        }
        if name in placed:
            work = placed[name]
            return run(actor, lambda tx: placement_out(tx, work(tx)).model_dump(mode="json"))
        if name in seen:
            return _plain(run(actor, seen[name], read_only=True))
        match name:
            case "ask":
                more = {"people": {Person.MAN: 1}, "nights": 6, "case_reference": CASE}
                asked = intake.RequestInput(**more | _tuples(given))  # type: ignore[arg-type]
                return _plain(run(actor, lambda tx: intake.ask(tx, asked)))
            case "amend":
                version = given.pop("version")
                change = intake.Amendment(**_tuples(given))
                return _plain(run(actor, lambda tx: intake.amend(tx, it, change, version)))
            case "options":
                offer = allocate.offer(self.world.system, actor, it)
                return offer_out(offer, actor.language).model_dump(mode="json")
            case "close":
                return _plain(run(actor, lambda tx: intake.close(tx, it, Outcome.NO_PLACE)))
        raise ValueError(name)


@dataclass
class Http:
    """The JSON API, as a program of the service calls it."""

    client: TestClient[Litestar]
    world: World

    def sign_in(self) -> None:
        self.client.app.state.system = self.world.system
        self.worker = As(self.client, self.world.system, WORKER)

    def call(self, name: str, target: UUID | None, given: dict[str, Any]) -> Answer:
        body: Any = json.loads(json.dumps(given, default=str)) or None
        headers = {}
        match name:
            case "ask":
                body = {"people": {"man": 1}, "nights": 6, "case_reference": CASE} | (body or {})
                method, path = "POST", "/requests"
            case "amend":
                headers["If-Match"] = f'"{body.pop("version")}"'
                method, path = "PATCH", f"/requests/{target}"
            case "options" | "history":
                method, path = "GET", f"/requests/{target}/{name}"
            case "hold":
                body = {"stays": [body]}
                method, path = "POST", f"/requests/{target}/holds"
            case "close":
                body = {"outcome": "no_place"}
                method, path = "POST", f"/requests/{target}/outcome"
            case "board" | "requests" | "alerts" | "messages":
                method, path = "GET", f"/{name}"
            case _:
                noun = {
                    "confirm": "confirmation",
                    "extend": "extension",
                    "arrive": "arrival",
                    "depart": "departure",
                    "cancel": "cancellation",
                }.get(name, name)
                method, path = "POST", f"/placements/{target}/{noun}"
        if method == "POST":
            headers["Idempotency-Key"] = f"{name}-{time.perf_counter_ns()}"
        started = _clocks()
        answer = self.worker.call(method, f"/api/v1{path}", json=body, headers=headers)
        seconds = _since(started)
        heads = sorted(
            item for item in answer.headers.multi_items() if item[0] not in {"x-request-id", "date"}
        )
        assert answer.status_code < 500, answer.text
        status = "ok" if answer.is_success else "refused"
        said = answer.json()
        if isinstance(said, dict) and "next" in said:
            said["next"] = said["next"] is not None  # a cursor hides identifiers, which are random
        return Answer(
            status, said if status == "ok" else [answer.status_code, said, heads], seconds
        )


def _clocks() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()


def _since(started: tuple[float, float]) -> tuple[float, float]:
    wall, processor = _clocks()
    return wall - started[0], processor - started[1]


def _tuples(given: dict[str, Any]) -> dict[str, Any]:
    return {
        name: tuple(value) if isinstance(value, list) else value for name, value in given.items()
    }


def _plain(it: Any) -> Any:
    """Rows and dataclasses as JSON would have them; bytes are ciphertexts, which are random."""
    if isinstance(it, SQLModel):
        columns = it.model_dump()
        return {k: _plain(v) for k, v in columns.items() if not isinstance(v, bytes)}
    if isinstance(it, dict):
        return {str(k): _plain(v) for k, v in it.items()}
    if isinstance(it, list | tuple):
        return [_plain(each) for each in it]
    if hasattr(it, "__dataclass_fields__"):
        return {name: _plain(getattr(it, name)) for name in it.__dataclass_fields__}
    return it if isinstance(it, int | float | str | None) else str(it)
