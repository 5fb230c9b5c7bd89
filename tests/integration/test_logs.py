"""The logs of a real server say what happened where, and nothing about anybody."""

from __future__ import annotations

import json
import re
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx

from shelter.cli import DEMO_PASSWORD
from support.server import As, Server, routes_of, running_server
from support.world import key

ALLOWED = {
    "event", "level", "timestamp", "request_id", "method", "route", "status", "duration_ms",
    "error", "where", "job", "count", "database", "network", "port", "version",
}  # fmt: skip

#: what must stay out: each is planted by the requests below, in every place that takes it
CANARIES = {
    "address": "77 rue du Canari Jaune",
    "site name": "Canarisite",
    "description": "canaridescription",
    "unit label": "Canariunit",
    "phone": "+447700900987",
    "case reference": "CANARI.41.LA.4711/2026",
    "other case": "CANARI.99.XX.0815/2026",
    "login": "canari.login",
    "wrong password": "canari-wrong-password",
    "text": "canaritext",
    "key": "canari-idempotency-key",
    "cookie": "canaricookie",
    "query": "canariquery",
    "path": "canaripath",
    "header": "canariheader",
    "origin": "canariorigin.example",
    "signature": "canarisignature",
    "language": "canarilanguage",
    "body": "canaribody",
}


def lines(server: Server) -> list[dict[str, Any]]:
    return [json.loads(line) for line in server.log.splitlines() if line]


def an_evening(server: Server, client: httpx.Client) -> dict[str, str]:
    """Requests of all kinds, good and bad, that carry the canaries; further words to look for."""
    c = CANARIES
    odd = {
        "Cookie": f"session={c['cookie']}; language={c['language']}",
        "User-Agent": c["header"],
        "X-Forwarded-For": c["header"],
        "X-Request-Id": c["header"],
        "Accept-Language": c["language"],
        "Referer": f"http://{c['origin']}/",
    }
    session = client.post(
        "/api/v1/session",
        json={"login": "logement.sprimont", "password": DEMO_PASSWORD},
        headers={"User-Agent": c["header"]},
    ).json()
    client.cookies.clear()
    staff = As(client, server.system, "logement.sprimont")
    staff.headers = {"Authorization": f"Bearer {session['token']}"} | odd
    worker = As(client, server.system, "garde.aywaille")
    worker.headers |= odd
    tokens = {"a token": session["token"], "another token": worker.token}

    site = staff.post(
        "/sites",
        {
            "name": c["site name"],
            "commune": "62100",
            "address": c["address"],
            "lat": 50.519,
            "lon": 5.69,
            "contact_phone": c["phone"],
            "description": c["description"],
        },
        once=c["key"],
    ).json()
    unit = staff.post(
        f"/sites/{site['id']}/units", {"label": c["unit label"], "beds": 9}, once=c["key"] + "2"
    ).json()
    request = worker.post(
        "/requests",
        {
            "people": {"woman": 1, "child": 7},
            "nights": 1,
            "case_reference": c["case reference"],
            "keep_apart": [{"case_reference": c["other case"]}],
        },
    ).json()
    offer = worker.get(f"/requests/{request['id']}/options").json()
    stay = offer["options"][0]["stays"][0]
    assert stay["unit_id"] == unit["id"]
    stays = [{name: stay[name] for name in ("unit_id", "first_night", "end_night")}]
    placement = worker.post(f"/requests/{request['id']}/holds", {"stays": stays}).json()
    confirmed = worker.post(f"/placements/{placement['id']}/confirmation")
    assert confirmed.status_code == 201
    look = staff.call("POST", f"/api/v1/placements/{placement['id']}/address-look")
    assert c["address"] in look.text
    messages = staff.get("/messages").json()["items"]
    assert any(message["recipient"] == c["phone"] for message in messages)
    assert any(item["recipient"] == c["phone"] for item in eventually_in_the_inbox(staff))

    # refused, in all the ways there are
    client.post("/api/v1/session", json={"login": c["login"], "password": c["wrong password"]})
    client.post("/sign-in", data={"login": c["login"], "password": c["wrong password"]})
    client.post("/sign-in", data={"x": c["body"]}, headers={"Origin": f"http://{c['origin']}"})
    client.get(f"/api/v1/{c['path']}?q={c['query']}", headers=odd)
    client.get(f"/{c['path']}?q={c['query']}", headers=odd)
    client.get(f"/static/{c['path']}.css?q={c['query']}")
    client.get(f"/language/fr?to=/{c['query']}", headers=odd)
    client.request("BREW", f"/api/v1/me?q={c['query']}")
    worker.get("/requests", cursor=c["query"])
    worker.get("/requests", limit=c["query"])
    worker.post("/requests", {"people": {"woman": 1}, c["body"]: c["body"]})
    worker.post("/requests", {"people": {c["body"]: 1}})
    worker.post("/requests", {"people": {"woman": 99}, "avoid_communes": [c["body"]]})
    worker.post("/inbox/replies", {"from_phone": c["phone"], "text": f"OUI {c['text']}"})
    worker.call(
        "POST",
        "/api/v1/requests",
        content=f'{{"{c["body"]}": ',
        headers={"Content-Type": "application/json", "Idempotency-Key": key()},
    )
    worker.call("POST", "/api/v1/requests", content=c["body"], headers={"Content-Type": c["body"]})
    for path in ("/webhooks/twilio/inbound", "/webhooks/twilio/status"):
        client.post(
            path,
            data={"From": c["phone"], "Body": c["text"], "MessageSid": c["text"]},
            headers={"X-Twilio-Signature": c["signature"]},
        )
    client.get("/api/v1/me", headers={"Authorization": f"Bearer {c['cookie']}"})
    client.get("/api/v1/me", headers={"Authorization": f"Basic {c['cookie']}"})
    return tokens | {
        "password": DEMO_PASSWORD,
        "request's id": request["id"],
        "site's id": site["id"],
        "request's reference": request["code"],
        "an SMS": messages[0]["body"],
        "user's name": "Logement Sprimont",
        "login used": "logement.sprimont",
        "worker's phone": "+447700900201",
        "database": server.system.settings.database_url,
    }


def eventually_in_the_inbox(staff: As, seconds: float = 20) -> list[dict[str, Any]]:
    """The worker inside the server delivers once a second."""
    until = time.monotonic() + seconds
    while True:
        items: list[dict[str, Any]] = staff.get("/inbox").json()["items"]
        if any(item["recipient"] == CANARIES["phone"] for item in items):
            return items
        assert time.monotonic() < until, "nothing was delivered"
        time.sleep(0.2)


def test_nothing_about_anybody_is_ever_logged(tmp_path: Path, database_url: str) -> None:
    with (
        running_server(
            tmp_path,
            database_url,
            SHELTER_LOG_LEVEL="debug",
            SHELTER_WORKER_INSIDE="1",
        ) as server,
        server.client() as client,
    ):
        words = CANARIES | an_evening(server, client)
        before = len(lines(server))
        # control: the log is being written, and a word planted where it may stand is found
        client.get("/health/live")
        assert wait_for(lambda: len(lines(server)) > before)
        assert "/health/live" in server.log
    log = server.log
    found = [name for name, word in words.items() if word.lower() in log.lower()]
    assert found == []
    assert "Traceback" not in log
    # a random request id may hold ten digits that look like a number: word boundaries set it apart
    assert not re.search(r"(?<![0-9a-f])(\+?32\d{8}|\+447700\d{6})(?![0-9a-f])", log), "no number"
    for line in lines(server):
        assert set(line) <= ALLOWED, line


def wait_for(condition: Any, seconds: float = 10) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if condition():
            return True
        time.sleep(0.05)
    return False


def test_each_request_leaves_one_line_with_its_id_route_and_status(tmp_path: Path) -> None:
    from shelter_api.app import create_app

    with running_server(tmp_path) as server, server.client() as client:
        routes = routes_of(create_app(server.system))
        templates = {re.sub(r":\w+}", "}", route.template) for route in routes}
        worker = As(client, server.system, "garde.aywaille")
        request = worker.post("/requests", {"people": {"woman": 1}})
        path = f"/requests/{request.json()['id']}"
        answers = [
            ("POST", "/api/v1/requests", request),
            ("GET", "/api/v1/requests/{request_id}", worker.get(path)),
            ("GET", "/api/v1/me", client.get("/api/v1/me")),
            ("GET", "/health/live", client.get("/health/live")),
            ("GET", "unknown", client.get("/nothing/here")),
            ("GET", "unknown", client.get("/api/v1/nothing")),
            ("DELETE", None, client.delete("/api/v1/requests")),
            ("POST", "/api/v1/requests", worker.post("/requests", {"people": {}})),
        ]
        ids = [answer.headers["x-request-id"] for _, _, answer in answers]
        assert wait_for(lambda: all(one in server.log for one in ids)), "a request left no line"
        by_id = {
            line["request_id"]: line for line in lines(server) if line.get("event") == "request"
        }
        for method, route, answer in answers:
            line = by_id[answer.headers["x-request-id"]]
            assert (line["method"], line["status"]) == (method, answer.status_code)
            assert route is None or line["route"] == route
            assert line["route"] in templates | {"unknown"}
            assert 0 < line["duration_ms"] < timedelta(seconds=60).total_seconds() * 1000
            assert line["level"] == "info" and line["timestamp"].endswith("Z")
