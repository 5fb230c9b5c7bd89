"""A voice reads an alert's reference; a key acknowledges it or hands it on, once."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlencode
from uuid import UUID, uuid4
from xml.etree import ElementTree

import httpx
import pytest
from litestar import Litestar
from litestar.testing import TestClient

from shelter.db.session import Database
from shelter.db.tables import Alert, InboundSeen, Message
from shelter.domain.alerts import AlertKind
from shelter.domain.messages import Channel, MessageState
from shelter.domain.sides import SYSTEM, Side
from shelter.messaging import CALL_KEY_PATH, CALL_STATUS_PATH, CALL_WORDS_PATH
from shelter.services.alerts import raise_alert
from shelter.services.outbox import queue
from shelter.settings import Twilio
from support.fake_twilio import FakeTwilio
from support.server import client_of
from support.world import World, secova_world

PUBLIC = "https://shelter.example"
#: steps in which the second is a call, at once
STEPS = """[[escalation.arrival_missed]]
after_minutes = 0
tell = "duty"
by = "voice"

[[escalation.arrival_missed]]
after_minutes = 5
tell = "coordinator"
by = "sms"

[convention]"""


@pytest.fixture
def twilio() -> Iterator[FakeTwilio]:
    """Here it only signs, as Twilio does."""
    with FakeTwilio() as twilio:
        yield twilio


@pytest.fixture
def world(database: Database, twilio: FakeTwilio) -> World:
    return secova_world(
        database,
        edited=lambda text: text.replace("[convention]", STEPS),
        public_url=PUBLIC,
        twilio=Twilio(twilio.account_sid, twilio.auth_token, "+3200000000"),
    )


@pytest.fixture
def client(world: World) -> Iterator[TestClient[Litestar]]:
    with client_of(world) as client:
        yield client


@pytest.fixture
def call(world: World) -> Message:
    """A call about an alert of a service, as it waits to be made."""
    raised = world.do(
        SYSTEM,
        raise_alert,
        AlertKind.ARRIVAL_MISSED,
        "cpas-aywaille",
        side=Side.VICTIMS,
        reference="BCDFG",
        occasion=str(uuid4()),
    )
    assert raised is not None
    [message] = world.all(Message)
    assert message.channel is Channel.VOICE
    return message


def post(
    client: TestClient[Litestar],
    twilio: FakeTwilio,
    path: str,
    message_id: UUID | str,
    signature: str | None = None,
    **form: str,
) -> httpx.Response:
    form = {"CallSid": "CA1", "To": "+447700900303"} | form
    target = f"{path}?m={message_id}"
    return client.post(
        target,
        content=urlencode(form),
        headers={
            "Content-Type": "application/x-www-form-urlencoded",
            "X-Twilio-Signature": signature or twilio.sign(PUBLIC + target, form),
        },
    )


def said(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [each.text or "" for each in ElementTree.fromstring(answer.text).iter("Say")]


def alert(world: World) -> Alert:
    [row] = world.all(Alert)
    return row


def test_the_voice_spells_the_reference_and_waits_for_a_key(
    world: World, client: TestClient[Litestar], twilio: FakeTwilio, call: Message
) -> None:
    answer = post(client, twilio, CALL_WORDS_PATH, call.id)
    words = said(answer)
    assert "B, C, D, F, G" in words[0]
    assert words[:3] == [words[0]] * 3
    gathers = list(ElementTree.fromstring(answer.text).iter("Gather"))
    assert {each.get("action") for each in gathers} == {f"{PUBLIC}{CALL_KEY_PATH}?m={call.id}"}
    assert gathers[0][0].get("language") == "fr-FR"
    assert alert(world).acknowledged_at is None  # hearing it is no answer


def test_words_to_a_person_are_read_and_take_no_key(
    world: World, client: TestClient[Litestar], twilio: FakeTwilio
) -> None:
    message = world.do(
        SYSTEM,
        queue,
        "voice.person_message",
        to="+447700900777",
        language="fr",
        reference="BCDFG",
        side=Side.VICTIMS,
        service="cpas-aywaille",
        channel=Channel.VOICE,
    )
    answer = post(client, twilio, CALL_WORDS_PATH, message.id)
    assert said(answer) == [message.body]
    assert "Gather" not in answer.text
    assert "déjà" in said(post(client, twilio, CALL_KEY_PATH, message.id, Digits="1"))[0]


def test_one_is_an_answer(
    world: World, client: TestClient[Litestar], twilio: FakeTwilio, call: Message
) -> None:
    assert "noté" in said(post(client, twilio, CALL_KEY_PATH, call.id, Digits="1"))[0]
    assert alert(world).acknowledged_via == "voice"
    assert "déjà" in said(post(client, twilio, CALL_WORDS_PATH, call.id))[0]


def test_two_hands_on_once_however_often_it_is_posted(
    world: World, client: TestClient[Litestar], twilio: FakeTwilio, call: Message
) -> None:
    first = said(post(client, twilio, CALL_KEY_PATH, call.id, Digits="2"))
    assert "suivante" in first[0]
    assert said(post(client, twilio, CALL_KEY_PATH, call.id, Digits="2")) == first
    assert [row.recipient for row in world.all(Message, channel=Channel.SMS)] == ["+447700900301"]
    assert alert(world).acknowledged_at is None
    assert len(world.all(InboundSeen)) == 1
    # a second call: there is nobody left to hand it on to
    last = post(client, twilio, CALL_KEY_PATH, call.id, Digits="2", CallSid="CA2")
    assert "personne d’autre" in said(last)[0]


def test_another_key_brings_the_words_again(
    world: World, client: TestClient[Litestar], twilio: FakeTwilio, call: Message
) -> None:
    for key in ("7", "", "*", "12"):
        answer = post(client, twilio, CALL_KEY_PATH, call.id, Digits=key)
        assert "B, C, D, F, G" in said(answer)[0]
    assert alert(world).acknowledged_at is None


def test_what_is_not_signed_for_this_call_does_nothing(
    world: World, client: TestClient[Litestar], twilio: FakeTwilio, call: Message
) -> None:
    form = {"CallSid": "CA1", "To": "+447700900303", "Digits": "1"}
    of_another = twilio.sign(f"{PUBLIC}{CALL_KEY_PATH}?m={uuid4()}", form)
    for signature in ("", "forged", of_another, twilio.sign(PUBLIC + CALL_KEY_PATH, form)):
        answer = post(
            client, twilio, CALL_KEY_PATH, call.id, signature=signature or "-", Digits="1"
        )
        assert answer.status_code == 403
    assert post(client, twilio, CALL_KEY_PATH, uuid4(), Digits="1").status_code == 404
    assert post(client, twilio, CALL_KEY_PATH, "x", Digits="1").status_code == 404
    assert alert(world).acknowledged_at is None


@pytest.mark.parametrize(
    ("status", "state"),
    [("completed", MessageState.DELIVERED), ("no-answer", MessageState.UNDELIVERED)],
)
def test_how_a_call_ended_is_noted(
    world: World,
    client: TestClient[Litestar],
    twilio: FakeTwilio,
    call: Message,
    status: str,
    state: MessageState,
) -> None:
    answer = post(client, twilio, CALL_STATUS_PATH, call.id, CallStatus=status)
    assert answer.status_code == 204
    assert world.all(Message, id=call.id)[0].state is state
    assert alert(world).acknowledged_at is None
