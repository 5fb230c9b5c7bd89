"""One night of the SECOVA network, told through the public HTTP API of a running server.

``make story``: an empty database, a server and a worker process of their own, and the people of
the network who each do their part. A line a step; the last says how many failed.
"""

from __future__ import annotations

import os
import re
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import httpx
import pyotp

from shelter import networks

SHELTER = [sys.executable, "-m", "shelter.cli"]
PASSWORD = "une-phrase-assez-longue"
#: of the range that Ofcom keeps for drama: nobody answers there
SAPV_PHONE = "+447700900407"


class Failed(Exception):
    """A step did not do what the story says."""


def expect(condition: object, what: str) -> None:
    if not condition:
        raise Failed(what)


class Person:
    """Somebody of the network, signed in, with a telephone."""

    def __init__(self, url: str, login: str, phone: str, *, second_factor: bool = False) -> None:
        self.phone = phone
        self.http = httpx.Client(base_url=f"{url}/api/v1", timeout=20)
        code = _set_up_second_factor(url, login) if second_factor else None
        answer = self.http.post(
            "/session", json={"login": login, "password": PASSWORD, "code": code}
        )
        expect(answer.status_code == 201, f"{login} cannot sign in: {answer.text}")
        self.http.headers["Authorization"] = f"Bearer {answer.json()['token']}"

    def get(self, path: str, **params: Any) -> Any:
        answer = self.http.get(path, params=params)
        expect(answer.status_code == 200, f"GET {path}: {answer.status_code} {answer.text}")
        return answer.json()

    def post(self, path: str, body: Any = None, *, expected: int = 201) -> Any:
        answer = self.http.post(path, json=body, headers={"Idempotency-Key": secrets.token_hex(8)})
        expect(answer.status_code == expected, f"POST {path}: {answer.status_code} {answer.text}")
        return answer.json()

    def delete(self, path: str) -> None:
        answer = self.http.delete(path)
        expect(answer.status_code == 204, f"DELETE {path}: {answer.status_code} {answer.text}")


def _set_up_second_factor(url: str, login: str) -> str:
    """As the pages lead whoever's role needs it, before any session. Returns a recovery code."""
    with httpx.Client(base_url=url, timeout=20, headers={"Origin": url}) as browser:
        begun = browser.post("/sign-in", data={"login": login, "password": PASSWORD})
        expect(begun.headers.get("location") == "/sign-in/second", f"{login} needs no second step")
        page = browser.get("/sign-in/second").text
        secret = re.search(r'<code class="secret">([A-Z2-7 ]+)<', page)
        expect(secret, "no key to set up")
        assert secret is not None
        code = pyotp.TOTP(secret[1].replace(" ", "")).now()
        page = browser.post("/sign-in/second/app", data={"code": code}).text
        codes = re.findall(r"<li><code>([A-Z0-9-]+)<", page)
        expect(len(codes) == 10, "no recovery codes")
        return str(codes[0])


class Night:
    """The server of one night, the people, and what they remember from step to step."""

    def __init__(self, folder: Path) -> None:
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.environment = os.environ | {
            "SHELTER_DATA_DIR": str(folder),
            "SHELTER_PUBLIC_URL": self.url,
            "SHELTER_DEMO": "1",
            "SHELTER_WORKER_INSIDE": "",
            "SHELTER_LOG_LEVEL": "error",
        }
        self.folder = folder
        self.people: dict[str, Person] = {}
        self.notes: dict[str, Any] = {}

    def shelter(self, *arguments: str, words: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*SHELTER, *arguments],
            env=self.environment,
            input=words,
            text=True,
            capture_output=True,
            timeout=60,
            check=False,
        )

    @contextmanager
    def running(self, *arguments: str) -> Iterator[None]:
        process = subprocess.Popen([*SHELTER, *arguments], env=self.environment)
        try:
            yield
        finally:
            process.terminate()
            process.wait(timeout=20)

    def inbox(self, phone: str) -> list[str]:
        messages = self.people["worker"].get("/inbox")["items"]
        return [m["body"] for m in messages if m["recipient"] == phone]

    def sms(self, phone: str, beginning: str) -> str:
        """Wait for a message to a phone that begins so; its text."""

        def look() -> str | None:
            return next((b for b in self.inbox(phone) if b.startswith(beginning)), None)

        text: str = eventually(look, f"no SMS '{beginning}…' reached {phone}")
        return text


def eventually(look: Callable[[], Any], otherwise: str, seconds: float = 20) -> Any:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if found := look():
            return found
        time.sleep(0.2)
    raise Failed(otherwise)


# --- the steps ----------------------------------------------------------------------------------


def the_network_is_data(night: Night) -> None:
    """1. A network file is loaded; a bad one is refused with its line and what to do."""
    bad = networks.bundled("secova").replace('"62009"', '"6200"', 1)
    path = night.folder / "bad.toml"
    path.write_text(bad)
    line = bad[: bad.index('"6200"')].count("\n") + 1
    expect(night.shelter("migrate").returncode == 0, "the database cannot be made")
    refused = night.shelter("network", "load", str(path))
    expect(refused.returncode != 0 and f":{line}:" in refused.stderr, refused.stderr)
    # the shortest hold, so that the night does not wait long for one to run out
    text = networks.bundled("secova").replace("hold_minutes = 20", "hold_minutes = 1")
    sapv = 'key = "sapv-secova"\n'
    path.write_text(text.replace(sapv, f'{sapv}duty_phone = "{SAPV_PHONE}"\n', 1))
    loaded = night.shelter("network", "load", str(path))
    expect(loaded.returncode == 0 and "5 communes" in loaded.stdout, loaded.stderr)


def people_get_accounts(night: Night) -> None:
    """1b. The administrator adds the people of the night at the terminal."""
    for key, login, role, side, service, phone in (
        ("staff", "logement", "commune_staff", "victims", "commune-trooz", "+447700900401"),
        ("worker", "garde", "on_call", "victims", "cpas-trooz", "+447700900402"),
        ("colleague", "garde2", "on_call", "victims", "cpas-aywaille", "+447700900403"),
        ("other", "auteurs", "on_call", "perpetrators", "garde-secova", "+447700900404"),
        ("police", "sapv", "sapv", None, "sapv-secova", "+447700900405"),
        ("coordinator", "coord", "coordinator", None, "coordination-secova", "+447700900406"),
    ):
        done = night.shelter(
            "user",
            "add",
            login,
            login.title(),
            "--role",
            role,
            "--service",
            service,
            "--phone",
            phone,
            *(("--side", side) if side else ()),
            "--password-stdin",
            words=PASSWORD + "\n",
        )
        expect(done.returncode == 0, done.stderr)
        night.notes[f"account {key}"] = (login, phone)


def everybody_signs_in(night: Night) -> None:
    """2. Everybody signs in."""
    for key in ("staff", "worker", "colleague", "other", "police", "coordinator"):
        night.people[key] = Person(
            night.url,
            *night.notes[f"account {key}"],
            second_factor=key in {"police", "coordinator"},
        )
    night.notes["tonight"] = date.fromisoformat(night.people["staff"].get("/network")["tonight"])


def staff_add_a_site(night: Night) -> None:
    """2. Commune staff add a site with units, close nights, open them, say it is still true."""
    staff, tonight = night.people["staff"], night.notes["tonight"]
    site = staff.post(
        "/sites",
        {
            "name": "Noisetier",
            "commune": "62122",
            "address": "1 rue Fictive, 4870 Trooz",
            "lat": 50.570,
            "lon": 5.690,
            "contact_phone": staff.phone,
        },
    )
    expect(site["open"] and "Fictive" not in str(site), "the site is not open, or tells where")
    for label, beds, cots in (("Rez", 3, 1), ("Étage", 4, 0)):
        unit = staff.post(
            f"/sites/{site['id']}/units",
            {
                "label": label,
                "beds": beds,
                "cots": cots,
                "cleaning_nights": 1,
                "max_stay_nights": 30,
                "renewals": 1,
            },
        )
        night.notes[label] = unit["id"]
    block = staff.post(
        f"/units/{unit['id']}/blocks",
        {
            "reason": "out_of_service",
            "first_night": str(tonight),
            "end_night": str(tonight + timedelta(days=3)),
        },
    )
    board = staff.get("/board", nights=7)
    cells = {line["label"]: [n["cell"] for n in line["nights"]] for line in _lines(board)}
    expect(cells["Étage"][:4] == ["out_of_service"] * 3 + ["free"], str(cells))
    staff.delete(f"/units/{unit['id']}/blocks/{block['id']}")
    still = staff.post(f"/units/{unit['id']}/confirmation")
    expect(still["freshness"] == "fresh", "still true, yet not fresh")


def a_request_without_a_name(night: Night) -> None:
    """3. A worker asks for a place: no name, the case reference kept as a hash alone."""
    night.notes["request"] = _ask(night, "worker", case_reference="LI.43.L1.001234/2026")
    expect("001234" not in str(night.notes["request"]), "the case reference comes back")
    refused = night.people["worker"].http.post(
        "/requests",
        json={"people": {"woman": 1}, "name": "Somebody"},
        headers={"Idempotency-Key": "x1"},
    )
    expect(refused.status_code == 400, "a name was taken")


def options_with_reasons(night: Night) -> None:
    """4. Options come at once, with reasons in words; who fits nowhere learns what would help."""
    worker = night.people["worker"]
    offer = worker.get(f"/requests/{night.notes['request']['id']}/options")
    expect(offer["status"] == "optimal" and len(offer["options"]) == 2, str(offer))
    expect(all(r["text"] for o in offer["options"] for r in o["reasons"]), "no words")
    night.notes["option"] = offer["options"][0]["stays"]
    big = _ask(night, "worker", people={"woman": 1, "child": 1, "infant": 2})
    refusal = worker.get(f"/requests/{big['id']}/options")
    helps = [change["code"] for change in refusal["changes"]]
    expect(not refusal["options"] and "bring_cots" in helps, str(refusal))
    expect(refusal["blocked"] and refusal["fallbacks"], "no reason, or nowhere to turn to")
    worker.post(f"/requests/{big['id']}/outcome", {"outcome": "needs_not_met"})


def one_hold_wins(night: Night) -> None:
    """5. Two workers want one place: one holds it, the other is told and gets the next best."""
    mine = night.notes["request"]
    theirs = _ask(night, "colleague")
    stays = _choice(night.notes["option"])
    held = night.people["worker"].post(f"/requests/{mine['id']}/holds", stays)
    expect(held["state"] == "held" and held["hold_expires_at"], str(held))
    late = night.people["colleague"].post(f"/requests/{theirs['id']}/holds", stays, expected=409)
    instead = late["offer"]["options"]
    expect(late["code"] == "taken" and len(instead) == 1, str(late))
    expect(instead[0]["stays"][0]["unit_id"] != stays["stays"][0]["unit_id"], "the same again")
    forgotten = night.people["colleague"].post(
        f"/requests/{theirs['id']}/holds", _choice(instead[0]["stays"])
    )
    night.notes |= {"held": held, "forgotten": forgotten, "theirs": theirs}


def the_hold_is_confirmed(night: Night) -> None:
    """5. The hold is confirmed, once: a repeated click changes nothing."""
    worker, placement = night.people["worker"], night.notes["held"]["id"]
    key = {"Idempotency-Key": "one-click"}
    first = worker.http.post(f"/placements/{placement}/confirmation", headers=key)
    again = worker.http.post(f"/placements/{placement}/confirmation", headers=key)
    expect(first.status_code == again.status_code == 201, first.text)
    expect(first.json() == again.json() and first.json()["state"] == "confirmed", again.text)


def messages_arrive(night: Night) -> None:
    """6. The worker process sends the confirmations: to the worker and to the site's contact."""
    reference = night.notes["request"]["code"]
    mine = night.sms(night.people["worker"].phone, f"Réf {reference}: confirmé")
    night.sms(night.people["staff"].phone, f"Réf {reference}: arrivée")
    for word in ("Trooz", "Noisetier", "Fictive", "CPAS"):
        expect(word not in mine, f"an SMS says {word}")


def the_alert_is_answered_by_sms(night: Night) -> None:
    """6. The SAPV's duty phone gets an alert, and its answer with the code acknowledges it."""
    police = night.people["police"]
    open_now = police.get("/alerts", open_only=True)["items"]
    expect([a["kind"] for a in open_now] == ["placement_confirmed"], str(open_now))
    text = night.sms(SAPV_PHONE, f"Réf {night.notes['request']['code']}: à lire")
    code = text.split("OUI ")[1].split()[0]
    for phone, words in (("+447700900999", f"oui {code}"), (SAPV_PHONE, "oui")):
        stranger = {"from_phone": phone, "text": words}
        answer = police.http.post("/inbox/replies", json=stranger)
        expect(answer.status_code == 200 and answer.json()["answer"], "no helpful answer")
    expect(police.get("/alerts", open_only=True)["items"], "a stranger answered the alert")
    police.http.post("/inbox/replies", json={"from_phone": SAPV_PHONE, "text": f"oui {code}"})
    answered = police.get("/alerts")["items"][0]
    expect(answered["acknowledged_via"] == "sms", str(answered))


def arrival_extension_departure(night: Night) -> None:
    """5. They arrive, stay longer, leave; the unit is cleaned before it is free again."""
    worker, staff = night.people["worker"], night.people["staff"]
    placement = night.notes["held"]["id"]
    looked = worker.http.post(f"/placements/{placement}/address-look")
    expect("Fictive" in looked.text, "the worker cannot see where to go")
    hidden = night.people["colleague"].http.post(f"/placements/{placement}/address-look")
    expect(hidden.status_code == 404, "somebody else can")
    arrived = staff.post(f"/placements/{placement}/arrival")
    longer = date.fromisoformat(arrived["end_night"]) + timedelta(days=7)
    extended = worker.post(f"/placements/{placement}/extension", {"end_night": str(longer)})
    expect(extended["end_night"] == str(longer), "the stay is not longer")
    too_long = {"end_night": str(night.notes["tonight"] + timedelta(days=80))}
    refused = worker.post(f"/placements/{placement}/extension", too_long, expected=409)
    expect(refused["detail"], "no word about what to do")
    left = staff.post(f"/placements/{placement}/departure")
    expect(left["state"] == "departed", str(left))
    gone = worker.http.post(f"/placements/{placement}/address-look")
    expect(gone.status_code == 403, "the address stays open after the stay")
    cells = [n["cell"] for n in _line(worker.get("/board", nights=4), left["stays"][0]["unit"])]
    expect("cleaning" in cells, str(cells))


def nobody_came_and_taken_back(night: Night) -> None:
    """5. Nobody came: the nights are free again. A promise is taken back: the site is told."""
    worker, staff = night.people["worker"], night.people["staff"]
    for number, (action, state) in enumerate(
        (("no-show", "no_show"), ("cancellation", "cancelled"))
    ):
        request = _ask(
            night, "worker", first_night=str(night.notes["tonight"] + timedelta(days=20 + number))
        )
        stays = worker.get(f"/requests/{request['id']}/options")["options"][0]["stays"]
        held = worker.post(f"/requests/{request['id']}/holds", _choice(stays))
        worker.post(f"/placements/{held['id']}/confirmation")
        ended = worker.post(f"/placements/{held['id']}/{action}")
        expect(ended["state"] == state, str(ended))
        expect(worker.get(f"/requests/{request['id']}")["state"] == "open", "not open again")
        night.sms(staff.phone, f"Réf {request['code']}: terminé")
        worker.post(f"/requests/{request['id']}/outcome", {"outcome": "person_declined"})


def the_other_side(night: Night) -> None:
    """8. The perpetrator side finds its own places, and nothing of the victim side shows."""
    coordinator, other = night.people["coordinator"], night.people["other"]
    site = coordinator.post(
        "/sites",
        {
            "name": "Ardoise",
            "commune": "62032",
            "address": "2 rue Fictive, 4130 Esneux",
            "lat": 50.520,
            "lon": 5.550,
            "side": "perpetrators",
            "service": "commune-esneux",
        },
    )
    coordinator.post(f"/sites/{site['id']}/units", {"label": "1", "beds": 1, "supervision": 3})
    near = coordinator.http.post(
        "/sites",
        json={
            "name": "Basalte",
            "commune": "62122",
            "address": "3 rue Fictive, 4870 Trooz",
            "lat": 50.571,
            "lon": 5.691,
            "side": "perpetrators",
            "service": "commune-esneux",
        },
        headers={"Idempotency-Key": "near"},
    )
    expect(near.status_code == 409 and near.json()["code"] == "zoning", near.text)
    request = _ask(night, "other", people={"man": 1}, case_reference="LI.43.L1.001234/2026")
    offer = other.get(f"/requests/{request['id']}/options")
    expect([s["site"] for o in offer["options"] for s in o["stays"]] == ["Ardoise"], str(offer))
    held = other.post(f"/requests/{request['id']}/holds", _choice(offer["options"][0]["stays"]))
    other.post(f"/placements/{held['id']}/confirmation")
    seen = f"{other.get('/board')} {other.get('/sites')} {other.get('/alerts')}"
    expect("Noisetier" not in seen and "Trooz" not in seen, "the wall has a hole")
    hidden = other.http.get(f"/requests/{night.notes['request']['id']}")
    expect(hidden.status_code == 404, "a victim's request is found")
    police = night.people["police"]

    def told() -> Any:
        return [a for a in police.get("/alerts")["items"] if a["kind"] == "perpetrator_placed"]

    alert = eventually(told, "the SAPV was not told")[0]
    police.post(f"/alerts/{alert['id']}/acknowledgement")
    still_open = [a["id"] for a in police.get("/alerts", open_only=True)["items"]]
    expect(alert["id"] not in still_open, "answered on screen, yet open")


def the_clock_frees_the_hold(night: Night) -> None:
    """7. The ticking worker frees the hold that was never confirmed, and the history tells it."""
    colleague, placement = night.people["colleague"], night.notes["forgotten"]["id"]

    def freed() -> bool:
        return bool(colleague.get(f"/placements/{placement}")["state"] == "expired")

    eventually(freed, "the hold was never freed", seconds=90)
    history = colleague.get(f"/requests/{night.notes['theirs']['id']}/history")["items"]
    actions = [entry["action"] for entry in history]
    expect(actions == ["request.ask", "placement.hold", "placement.expire"], str(actions))


def the_record_is_whole(night: Night) -> None:
    """8. The audit log is unbroken."""
    verified = night.shelter("audit", "verify")
    expect(verified.returncode == 0 and "unbroken" in verified.stdout, verified.stderr)


BEFORE = (the_network_is_data, people_get_accounts)
STEPS = (
    everybody_signs_in,
    staff_add_a_site,
    a_request_without_a_name,
    options_with_reasons,
    one_hold_wins,
    the_hold_is_confirmed,
    messages_arrive,
    the_alert_is_answered_by_sms,
    arrival_extension_departure,
    nobody_came_and_taken_back,
    the_other_side,
    the_clock_frees_the_hold,
    the_record_is_whole,
)


def _ask(night: Night, who: str, **given: Any) -> Any:
    body = {"people": {"woman": 1, "child": 1}, "nights": 7} | given
    return night.people[who].post("/requests", body)


def _choice(stays: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "stays": [
            {name: stay[name] for name in ("unit_id", "first_night", "end_night")} for stay in stays
        ]
    }


def _lines(board: Any) -> list[Any]:
    return [line for rows in board["sites"] for line in rows["units"]]


def _line(board: Any, label: str) -> list[Any]:
    nights: list[Any] = next(li["nights"] for li in _lines(board) if li["label"] == label)
    return nights


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health/ready", timeout=2).status_code == 200
    except httpx.TransportError:
        return False


def main() -> int:
    failed = 0

    def tell(step: Callable[[Night], None]) -> None:
        nonlocal failed
        started = time.monotonic()
        words = (step.__doc__ or "").strip()
        try:
            step(night)
            print(f"  ok    {words} ({time.monotonic() - started:.1f} s)", flush=True)
        except (Failed, httpx.HTTPError, KeyError, IndexError, StopIteration) as error:
            failed += 1
            print(f"  FAIL  {words}\n        {type(error).__name__}: {error}", flush=True)

    with tempfile.TemporaryDirectory() as folder:
        night = Night(Path(folder))
        for step in BEFORE:
            tell(step)
        with night.running("serve", "--port", str(night.port)), night.running("worker"):
            eventually(lambda: _is_ready(night.url), "the server does not start", seconds=30)
            for step in STEPS:
                tell(step)
    print(f"story: {len(BEFORE) + len(STEPS)} steps, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
