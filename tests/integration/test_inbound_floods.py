"""Thousands of texts, and thousands of posts: no wrong update, no silence, nothing twice."""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from anyio.from_thread import start_blocking_portal
from litestar import Litestar

from shelter.db.session import Database
from shelter.db.tables import (
    Alert,
    AlertStep,
    AuditEntry,
    Block,
    InboundSeen,
    Message,
    OccupiedNight,
    PlacementRow,
    StayRow,
    Unit,
)
from shelter.domain.alerts import AlertKind
from shelter.domain.sides import SYSTEM
from shelter.services import watch
from shelter.services.context import Tx
from shelter.services.inbound import receive
from shelter.settings import Twilio
from shelter_api.app import create_app
from support import sms_texts
from support.fake_twilio import FakeTwilio
from support.world import World, secova_world

PUBLIC, PATH = "https://shelter.example", "/webhooks/twilio/inbound"
PHONE, UNKNOWN = "+32470000001", "ZZ9ZW"
#: the whole flood takes minutes a database on two cores; `FLOOD=1` lets it come
WHOLE = bool(os.environ.get("FLOOD"))
TEXTS, POSTS = (2000, 10_000) if WHOLE else (400, 2000)


def codes_of_one_phone(world: World) -> dict[str, str]:
    """One phone was told of an alert, an arrival and a unit; the code of each."""
    world.placed(world.user("garde.aywaille"))
    world.clock.forward(days=2)
    watch.chase_stale_availability(world.system)

    def gather(tx: Tx) -> dict[str, str]:
        codes = {}
        for message in tx.session.exec(tx.rows.select(Message)):
            kind = message.template
            if kind in codes or kind not in {
                "sms.alert",
                "sms.placement_expected",
                "sms.availability",
            }:
                continue
            for site in tx.rows.sites():
                if site.contact_phone == message.recipient:
                    site.contact_phone = PHONE
                    tx.session.add(site)
            message.recipient = PHONE
            tx.session.add(message)
            codes[kind] = message.code
        return codes

    codes = world.system.run(SYSTEM, gather)
    assert len(codes) == 3
    return codes


def state(world: World) -> dict[str, Any]:
    """Everything that a text could change."""
    tables = (Alert, AlertStep, Block, Unit, PlacementRow, StayRow, OccupiedNight, Message)
    rows = {
        table.__tablename__: sorted(str(row.model_dump()) for row in world.all(table))
        for table in tables
    }
    return rows | {"audit": len(world.all(AuditEntry))}


def test_no_text_that_is_not_clear_changes_anything_or_is_passed_over(database: Database) -> None:
    world = secova_world(database)
    codes = list(codes_of_one_phone(world).values())
    texts = []
    for number, code in enumerate(codes):
        other = codes[number - 1]
        texts += [text for _, text in sms_texts.changes_nothing(code, other, UNKNOWN)]
        texts += [
            each.text
            for each in sms_texts.many(TEXTS // 3, code, UNKNOWN, seed=number)
            if each.verb is None
        ]
    before = state(world)
    for number, text in enumerate(texts):
        receive(world.system, PHONE, text, f"SM{number}")
    assert state(world) == before
    seen = world.all(InboundSeen)
    assert len(seen) == len(texts)
    # one without an answer says why: here the carrier's own words alone
    silent = Counter(row.command for row in seen if not row.answer)
    assert set(silent) <= {"opt_out", "opt_in"}
    assert all(row.command for row in seen)


def test_a_parser_that_overlooks_words_would_have_changed_something(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: the same texts, and a parser that skips what it does not know."""
    from shelter.domain import commands

    strict = commands._doubt
    monkeypatch.setattr(
        commands,
        "_doubt",
        lambda *a: None if (d := strict(*a)) is commands.Doubt.OTHER_WORDS else d,
    )
    world = secova_world(sqlite_database)
    code = codes_of_one_phone(world)["sms.alert"]
    before = state(world)
    for number, (_, text) in enumerate(sms_texts.changes_nothing(code, "HJKM7", UNKNOWN)):
        receive(world.system, PHONE, text, f"SM{number}")
    assert state(world) != before


# --- posts --------------------------------------------------------------------------------------


@pytest.fixture
def twilio() -> Iterator[FakeTwilio]:
    with FakeTwilio() as twilio:
        yield twilio


Post = tuple[dict[str, str], str | None]


def post_all(app: Litestar, posts: Iterable[Post]) -> list[tuple[int, str]]:
    """One after the other, in a thread of its own: a browser's test keeps its loop in this one."""

    async def one_by_one() -> list[tuple[int, str]]:
        return [await post(app, form, signature) for form, signature in posts]

    with start_blocking_portal() as portal:
        return portal.call(one_by_one)


async def post(app: Litestar, form: dict[str, str], signature: str | None) -> tuple[int, str]:
    """One post, without a client in between."""
    body = urlencode(form).encode()
    headers = [
        (b"host", b"shelter.example"),
        (b"content-type", b"application/x-www-form-urlencoded"),
        (b"content-length", str(len(body)).encode()),
    ]
    if signature is not None:
        headers.append((b"x-twilio-signature", signature.encode("utf-8", "replace")))
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "https",
        "path": PATH,
        "raw_path": PATH.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": headers,
        "client": ("192.0.2.1", 4711),
        "server": ("shelter.example", 443),
        "state": {},
    }
    sent: list[dict[str, Any]] = []

    async def take() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def give(message: Any) -> None:
        sent.append(message)

    await app(scope, take, give)  # type: ignore[arg-type]
    text = b"".join(part.get("body", b"") for part in sent[1:]).decode()
    return sent[0]["status"], text


def test_no_forged_post_is_taken_and_no_true_one_twice(
    database: Database, twilio: FakeTwilio
) -> None:
    """Ten thousand of each database when asked; the order is a dice's."""
    world = secova_world(
        database,
        public_url=PUBLIC,
        twilio=Twilio(twilio.account_sid, twilio.auth_token, "+3200000000"),
    )
    codes = codes_of_one_phone(world)
    said = [
        f"OUI {codes['sms.alert']}",
        f"NON {codes['sms.placement_expected']}",
        f"OCCUPE {codes['sms.availability']} 28/11",
        f"OUI {codes['sms.placement_expected']}",
        "AIDE",
        "n'importe quoi",
    ]
    forms = [
        {"From": PHONE, "To": "+3200000000", "Body": text, "MessageSid": f"SM{n:032}"}
        for n, text in enumerate(said)
    ]
    true = [(form, twilio.sign(PUBLIC + PATH, form)) for form in forms]
    dice = random.Random(7)
    posts: list[tuple[bool, int, dict[str, str], str | None]] = []
    with FakeTwilio(auth_token="somebody-elses") as other:
        while len(posts) < POSTS:
            n = dice.randrange(len(true))
            form, signature = true[n]
            if len(posts) < len(true):
                posts.append((True, len(posts), *true[len(posts)]))
            elif dice.random() < 0.2:
                posts.append((True, n, form, signature))
            else:
                posts.append((False, n, *_forged(dice, form, signature, other)))
    dice.shuffle(posts)
    app = create_app(world.system)
    before = len(world.all(AuditEntry))
    answers = post_all(app, [(form, signature) for _, _, form, signature in posts])

    forged = [answer for (is_true, *_), answer in zip(posts, answers, strict=True) if not is_true]
    assert {status for status, _ in forged} == {403}
    assert len(forged) > POSTS // 2
    for n in range(len(true)):
        same = {
            answer
            for (is_true, which, *_), answer in zip(posts, answers, strict=True)
            if is_true and which == n
        }
        assert len(same) == 1, said[n]
        assert next(iter(same))[0] == 200
    assert len(world.all(InboundSeen)) == len(true)
    done = Counter(entry.action for entry in world.all(AuditEntry)[before:])
    assert (done["alert.acknowledge"], done["message.answer"], done["unit.block"]) == (1, 2, 1)
    assert len(world.all(Block)) == 1


def _forged(
    dice: random.Random, form: dict[str, str], signature: str, other: FakeTwilio
) -> tuple[dict[str, str], str | None]:
    """A post that Twilio did not make, in one of the ways that somebody would try."""
    fresh = form | {"MessageSid": f"SM{dice.randrange(10**9):032}"}
    way = dice.randrange(8)
    if way == 0:
        return fresh, signature
    if way == 1:
        return form | {"Body": f"{form['Body']} "}, signature
    if way == 2:
        return form | {"From": "+32470000002"}, signature
    if way == 3:
        return form | {"OptOutType": "STOP"}, signature
    if way == 4:
        return fresh, other.sign(PUBLIC + PATH, fresh)
    if way == 5:
        return form, None
    if way == 6:
        return form, other.sign(PUBLIC + "/webhooks/twilio/status", form)
    at = dice.randrange(len(signature) - 2)
    changed = "A" if signature[at] != "A" else "B"
    return form, signature[:at] + changed + signature[at + 1 :]


def test_what_twilio_says_of_an_opt_out_comes_through_and_is_answered_by_it_alone(
    database: Database, twilio: FakeTwilio
) -> None:
    world = secova_world(
        database,
        public_url=PUBLIC,
        twilio=Twilio(twilio.account_sid, twilio.auth_token, "+3200000000"),
    )
    app = create_app(world.system)
    form = {"From": "+447700900303", "Body": "arrêt", "MessageSid": "SM1", "OptOutType": "STOP"}
    signed = twilio.sign(PUBLIC + PATH, form)
    assert post_all(app, [(form, signed)]) == [(200, "<Response></Response>")]
    assert len(world.all(Alert, kind=AlertKind.DUTY_PHONE_DEAF)) == 1
    nameless = {"From": "+447700900303", "Body": "QUI"}
    (answer,) = post_all(app, [(nameless, twilio.sign(PUBLIC + PATH, nameless))])
    assert answer[0] == 403  # it could be played again and again
