"""Unmistakable addresses, references and places, told to a real server for a whole night.

Afterwards they are looked for wherever something is kept or sent: the raw database in every
spelling, the logs, the messages, exports, answers and error pages. They may stand in the one answer
that reveals an address to those who are named on a placement, and nowhere else.
"""

from __future__ import annotations

import base64
import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from sqlmodel import SQLModel

from shelter.db.session import Database
from shelter.db.tables import Message
from shelter.domain.sides import BOTH_SIDES, SYSTEM, Side
from shelter.services import audit_chain
from support.jobs import run_jobs
from support.raw import all_seeing
from support.server import As, Server, running_server
from support.world import FakeGateway, key

#: planted where it is asked for, and never to be seen again but in the one answer
SECRETS = {
    "victims' address": "4711 impasse du Canari Vert",
    "perpetrators' address": "815 venelle du Canari Rouge",
    "victims' latitude": "50.5170071",
    "victims' longitude": "5.6880077",
    "perpetrators' latitude": "50.5310013",
    "perpetrators' longitude": "5.5570019",
    "case": "LI.99.CANARI.4711/2026",
    "other case": "LI.99.CANARI.0815/2026",
    "shared place": "bus:canaribus-97",
    "zone's latitude": "50.4910031",
    "zone's longitude": "5.9030033",
    "near place's latitude": "50.5610041",
    "near place's longitude": "5.7010043",
    "person's number": "+32470471199",
}
#: not secret: the controls, found in every medium that is searched for the others
PLAIN = {"victims": "Canaripublic", "perpetrators": "Canariouvert"}


# --- spellings ----------------------------------------------------------------------------------


def spellings(word: str) -> set[bytes]:
    """The ways in which a text may hide in bytes."""
    found = set()
    for text in {word, word.lower(), word.upper()}:
        for encoding in ("utf-8", "utf-16-le", "utf-16-be"):
            raw = text.encode(encoding)
            found |= {raw, raw.hex().encode(), raw.hex().upper().encode()}
            # base64 at each of the three places where the word may begin in a longer text
            for before in range(3):
                coded = base64.b64encode(b"\0" * before + raw)
                found.add(coded[-(-before * 8 // 6) : -4])
        found.add(json.dumps(text).strip('"').encode())
    found.add(word[::-1].encode())
    return {each for each in found if len(each) >= 6}


def canaries_in(haystack: bytes) -> set[str]:
    return {
        name
        for name, word in SECRETS.items()
        if any(spelling in haystack for spelling in spellings(word))
    }


@pytest.mark.parametrize("name", SECRETS)
def test_control_a_canary_is_found_however_it_is_written(name: str) -> None:
    word = SECRETS[name]
    for hidden in (
        word.encode(),
        word.upper().encode(),
        word.encode("utf-16-le"),
        f"x{word.encode().hex()}x".encode(),
        base64.b64encode(b"ab" + word.encode() + b"cd"),
        base64.b64encode(b"a" + word.encode() + b"cd"),
        json.dumps({"it": word}).encode(),
    ):
        assert name in canaries_in(b"before " + hidden + b" after"), hidden
    assert canaries_in(b"nothing of the kind") == set()


# --- the night ----------------------------------------------------------------------------------


@dataclass
class Night:
    """Everything that came out of the system."""

    answers: list[tuple[str, bytes]] = field(default_factory=list)
    #: the answers that were asked to reveal an address
    reveals: list[bytes] = field(default_factory=list)

    def note(self, what: str, answer: httpx.Response) -> httpx.Response:
        head = "\n".join(f"{name}: {value}" for name, value in answer.headers.multi_items())
        self.answers.append((what, head.encode() + b"\n" + answer.content))
        return answer


class Person:
    """Somebody whose every answer is kept."""

    def __init__(self, client: httpx.Client, server: Server, night: Night, login: str) -> None:
        self.them, self.night = As(client, server.system, login), night

    def say(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        if method == "POST":
            headers["Idempotency-Key"] = key()
        answer = self.them.call(method, path, json=body, headers=headers)
        assert answer.status_code < 500, answer.text
        self.night.note(f"{self.them.login} {method} {path}", answer)
        is_json = "json" in answer.headers.get("content-type", "")
        return answer.json() if is_json else answer.text

    def api(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        return self.say(method, f"/api/v1{path}", body, **headers)


def a_night(server: Server, client: httpx.Client) -> Night:
    night = Night()

    def person(login: str) -> Person:
        return Person(client, server, night, login)

    s = SECRETS
    coordinator, police = person("coordination"), person("sapv.secova")
    sides = (
        (person("logement.sprimont"), person("garde.aywaille"), "victims", "woman", "62100"),
        (person("encadrement.esneux"), person("garde.auteurs"), "perpetrators", "man", "62032"),
    )
    for staff, worker, side, who, commune in sides:
        given = {
            "name": PLAIN[side],
            "commune": commune,
            "address": s[f"{side}' address"],
            "lat": float(s[f"{side}' latitude"]),
            "lon": float(s[f"{side}' longitude"]),
            "places": [s["shared place"]] if side == "victims" else [],
            "contact_phone": "+447700900987",
        }
        site = staff.api("POST", "/sites", given)
        assert "id" in site, site
        if side == "perpetrators":
            coordinator.api("POST", f"/sites/{site['id']}/opening")
        staff.api("POST", f"/sites/{site['id']}/units", {"label": "Canarichambre", "beds": 9})
        request = worker.api(
            "POST",
            "/requests",
            {
                "people": {who: 7},
                "nights": 2,
                "case_reference": s["case"],
                "keep_apart": [{"case_reference": s["other case"], "min_distance_km": 1}],
                "avoid_zones": [
                    {
                        "lat": float(s["zone's latitude"]),
                        "lon": float(s["zone's longitude"]),
                        "radius_km": 0.5,
                    }
                ],
                "prefer_near": [
                    {
                        "lat": float(s["near place's latitude"]),
                        "lon": float(s["near place's longitude"]),
                    }
                ],
            },
        )
        reached = {"phone": s["person's number"], "language": "fr", "hour_from": 9}
        contact = f"/requests/{request['id']}/contact"
        until = str(_days_after(request["first_night"], 30))
        agreed = reached | {"hour_until": 17, "recheck_on": until}
        assert "version" in worker.api("POST", contact, agreed)
        worker.api("POST", contact, agreed | {"hour_from": 99})
        worker.api("POST", contact, agreed | {"phone": s["person's number"] + "x", "version": 1})
        writer = worker if side == "perpetrators" else police
        order = writer.api("POST", "/orders", {"case_reference": s["case"]})
        writer.api("POST", "/orders", {"case_reference": s["case"] + "?!"})
        offer = worker.api("GET", f"/requests/{request['id']}/options")
        stay = offer["options"][0]["stays"][0]
        assert stay["site"] == PLAIN[side]
        chosen = {name: stay[name] for name in ("unit_id", "first_night", "end_night")}
        held = worker.api("POST", f"/requests/{request['id']}/holds", {"stays": [chosen]})
        place = f"/placements/{held['id']}"
        worker.api("POST", f"{place}/confirmation")
        looked = worker.them.post(f"{place}/address-look")
        assert looked.status_code == 200, looked.text
        night.reveals.append(looked.content)
        page = worker.them.call(
            "POST", f"{place}/address", headers={"Sec-Fetch-Site": "same-origin"}
        )
        night.reveals.append(page.content)
        worker.api("POST", f"{place}/arrival")
        later = {"end_night": str(_days_after(stay["end_night"], 3))}
        worker.api("POST", f"{place}/extension", later)
        refused = worker.api("POST", "/requests", {"people": {who: 9, "child": 9}, "nights": 1})
        worker.api("GET", f"/requests/{refused['id']}/options")
        worker.api("POST", f"/requests/{refused['id']}/outcome", {"outcome": "no_place"})
        # errors of all kinds, with the secrets in them
        worker.api("POST", "/requests", {"people": {who: 1}, "case_reference": s["case"] + "?!"})
        worker.api("POST", "/requests", {"people": {who: 1}, "nickname": s["case"]})
        worker.api(
            "POST", "/requests", {"people": {who: 1}, "keep_apart": [{"case_reference": "?"}]}
        )
        staff.api("POST", "/sites", given | {"commune": "99999"})
        staff.api("PATCH", f"/sites/{site['id']}", given, **{"If-Match": '"99"'})
        staff.api("POST", "/sites", given | {"lat": 12.0})
        # everybody looks at everything there is to look at
        for looker in (staff, worker, coordinator, police):
            for path in (
                "/board",
                "/sites",
                f"/sites/{site['id']}",
                f"/requests/{request['id']}",
                f"/requests/{request['id']}/history",
                f"/requests/{request['id']}/looks",
                f"/requests/{request['id']}/contact",
                "/orders",
                f"/orders/{order['id']}",
                place,
                "/messages",
                "/alerts",
                "/network",
                "/me",
            ):
                looker.api("GET", path)
                looker.say("GET", path)
        worker.api("POST", f"{place}/departure")
    for path in ("/health/live", "/health/ready", "/api/v1/schema/openapi.json", "/metrics"):
        night.note(path, client.get(path))
    for path in (f"/{s['case']}", f"/api/v1/requests?q={s['case']}", "/nothing"):
        answer = client.get(path)
        # a page leads back to where its reader is: the path that they typed themselves
        night.answers.append((path, answer.content.replace(path.encode(), b"")))
    _answers_by_sms(server, night)
    return night


def _days_after(day: str, days: int) -> Any:
    from datetime import date, timedelta

    return date.fromisoformat(day) + timedelta(days=days)


def _answers_by_sms(server: Server, night: Night) -> None:
    """The webhook is refused without a signature; its answer is kept all the same."""
    with server.client() as client:
        for path in ("/webhooks/twilio/inbound", "/webhooks/twilio/status"):
            said = {"From": "+447700900987", "Body": f"OUI {SECRETS['case']}", "MessageSid": "SM1"}
            night.note(path, client.post(path, data=said))


@dataclass
class Kept:
    """The night's traces, by medium."""

    night: Night
    media: dict[str, bytes]


def _kept(tmp_path: Path, database_url: str) -> Kept:
    with (
        running_server(
            tmp_path, database_url, SHELTER_LOG_LEVEL="debug", SHELTER_WORKER_INSIDE="0"
        ) as server,
        server.client() as client,
    ):
        night = a_night(server, client)
        gateway = FakeGateway()
        run_jobs(server.system, gateway)
        time.sleep(0.2)
        system = server.system
        bodies = system.database.run(
            lambda session: [
                f"{row.recipient} {row.body} {row.side}" for row in session.exec(_every_message())
            ],
            read_only=True,
            sides=BOTH_SIDES,
        )
        exported = system.run(
            SYSTEM, lambda tx: "\n".join(audit_chain.export(tx.session)), read_only=True
        )
        media = {
            "the database": _dump(system.database),
            "the database's files": _files(system.database),
            "the logs": server.log.encode(),
            "the messages": "\n".join(bodies).encode(),
            "what went out": repr(gateway.accepted).encode(),
            "the audit log's export": exported.encode(),
            "the answers": b"\n".join(content for _, content in night.answers),
        }
    return Kept(night, media)


def _every_message() -> Any:
    from sqlmodel import select

    return select(Message)


def _dump(database: Database) -> bytes:
    """Every row of every table, read from above the policies, as text and as its bytes."""
    parts = []
    with all_seeing(database).connect() as connection:
        for table in SQLModel.metadata.sorted_tables:
            columns = ", ".join(f'"{column.name}"' for column in table.columns)
            for row in connection.execute(sa.text(f'SELECT {columns} FROM "{table.name}"')):
                for value in row:
                    raw = bytes(value) if isinstance(value, bytes | memoryview) else None
                    parts.append(raw if raw is not None else str(value).encode())
    return b"\n".join(parts)


def _files(database: Database) -> bytes:
    """The raw files: what was deleted or overwritten may still be in them."""
    if not database.is_sqlite:
        return b"".join(value.encode() for value in PLAIN.values())  # the dump stands for them
    path = Path(database.url.removeprefix("sqlite:///"))
    return b"".join(each.read_bytes() for each in sorted(path.parent.glob(f"{path.name}*")))


def test_after_a_night_no_secret_is_left_anywhere_but_in_the_one_answer(
    tmp_path: Path, database_url: str
) -> None:
    kept = _kept(tmp_path, database_url)
    secrets_are_in_no_medium_and_what_is_no_secret_is_found(kept)
    no_message_or_log_line_names_a_site_or_a_unit(kept)
    the_one_answer_reveals_one_address_to_whom_it_is_for(kept)


def secrets_are_in_no_medium_and_what_is_no_secret_is_found(kept: Kept) -> None:
    searched = {medium for medium in kept.media if medium != "the answers"}
    found = {medium: canaries_in(kept.media[medium]) for medium in searched}
    assert {medium: names for medium, names in found.items() if names} == {}
    told = [what for what, content in kept.night.answers if canaries_in(content)]
    assert told == []
    # controls: each medium holds what it should, so that an empty one does not pass
    for medium in ("the database", "the database's files", "the answers"):
        assert all(name.encode() in kept.media[medium] for name in PLAIN.values()), medium
    assert b'"request"' in kept.media["the logs"] and b"/api/v1/sites" in kept.media["the logs"]
    assert b"Code" in kept.media["the messages"] and b"Code" in kept.media["what went out"]
    assert b"address.look" in kept.media["the audit log's export"]
    assert len(kept.night.answers) > 60


def no_message_or_log_line_names_a_site_or_a_unit(kept: Kept) -> None:
    """Not even by its code name."""
    for medium in ("the logs", "the messages", "what went out"):
        for word in (*PLAIN.values(), "Canarichambre"):
            assert word.encode() not in kept.media[medium], medium


def the_one_answer_reveals_one_address_to_whom_it_is_for(kept: Kept) -> None:
    addresses = [SECRETS["victims' address"], SECRETS["perpetrators' address"]]
    assert len(kept.night.reveals) == 4
    for number, content in enumerate(kept.night.reveals):
        mine, other = addresses[number // 2], addresses[1 - number // 2]
        assert mine in content.decode() and other not in content.decode()
        # the address, and nothing else of what is kept secret
        assert canaries_in(content) == {f"{list(Side)[number // 2].value}' address"}
