"""What Twilio tells us is believed when it is signed, once, and never backwards."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlencode

import httpx
import pytest
from litestar import Litestar
from litestar.testing import TestClient
from sqlmodel import col, select

from chaos.reports import storm
from shelter.db.session import Database
from shelter.db.tables import Alert, Message
from shelter.domain.messages import MessageState
from shelter.domain.sides import BOTH_SIDES
from shelter.messaging import STATUS_PATH
from shelter.messaging.gateway import OutcomeUnknown
from shelter.services.delivery import deliver
from shelter.settings import Twilio
from shelter_api import signed_posts
from support.fake_twilio import FakeTwilio, TakenMessage
from support.server import client_of
from support.world import FakeGateway, World, secova_world

PUBLIC = "https://shelter.example"
INBOUND_PATH = "/webhooks/twilio/inbound"
DUTY = "sapv-secova"


@pytest.fixture
def twilio() -> Iterator[FakeTwilio]:
    """Here it only signs, as Twilio does."""
    with FakeTwilio() as twilio:
        yield twilio


@pytest.fixture
def world(database: Database, twilio: FakeTwilio) -> World:
    return secova_world(
        database,
        public_url=PUBLIC,
        twilio=Twilio(twilio.account_sid, twilio.auth_token, "+3200000000"),
    )


@pytest.fixture
def client(world: World) -> Iterator[TestClient[Litestar]]:
    with client_of(world) as client:
        yield client


@pytest.fixture
def sent(world: World, twilio: FakeTwilio) -> list[TakenMessage]:
    """A confirmed placement's messages, handed over, as Twilio has them in its books."""
    world.placed(world.user("garde.aywaille"))
    gateway = FakeGateway()
    deliver(world.system, gateway, "test")
    taken = [
        twilio.take(to, body, sid=f"SM{number}")
        for number, (to, body, _) in enumerate(gateway.accepted, 1)
    ]
    assert len(taken) >= 2
    return taken


def post(
    client: TestClient[Litestar], path: str, form: dict[str, str], signature: str | None
) -> httpx.Response:
    headers = {b"Content-Type": b"application/x-www-form-urlencoded"}
    if signature is not None:
        headers[b"X-Twilio-Signature"] = signature.encode()
    return client.post(path, content=urlencode(form), headers=headers)


def state(world: World, sid: str) -> tuple[MessageState, str | None]:
    row = world.system.database.run(
        lambda s: s.exec(select(Message).where(col(Message.provider_id) == sid)).one(),
        read_only=True,
        sides=BOTH_SIDES,
    )
    return row.state, row.error_code


def inbound(
    twilio: FakeTwilio, sender: str, text: str, sid: str = "SMinbound1"
) -> tuple[dict[str, str], str]:
    form = {"From": sender, "To": "+3200000000", "Body": text, "MessageSid": sid}
    return form, twilio.sign(PUBLIC + INBOUND_PATH, form)


def alert_message(world: World) -> tuple[Alert, Message]:
    """An alert's SMS to a duty phone, and the alert."""

    def look(session: object) -> tuple[Alert, Message]:
        message = session.exec(  # type: ignore[attr-defined]
            select(Message).where(col(Message.alert_id).is_not(None))
        ).first()
        return session.get(Alert, message.alert_id), message  # type: ignore[attr-defined]

    return world.system.database.run(look, read_only=True, sides=BOTH_SIDES)


def acknowledged(world: World, alert: Alert) -> bool:
    row = world.system.database.run(
        lambda s: s.get(Alert, alert.id), read_only=True, sides=BOTH_SIDES
    )
    assert row is not None
    return row.acknowledged_at is not None


# --- status reports -----------------------------------------------------------------------------


def test_a_signed_report_moves_its_message_on(
    client: TestClient[Litestar], world: World, twilio: FakeTwilio, sent: list[TakenMessage]
) -> None:
    for status, expected in (("sent", MessageState.SENT), ("delivered", MessageState.DELIVERED)):
        form, signature = twilio.report(sent[0], status, PUBLIC + STATUS_PATH)
        assert post(client, STATUS_PATH, form, signature).status_code == 204
        assert state(world, sent[0].sid)[0] is expected
    form, signature = twilio.report(sent[1], "undelivered", PUBLIC + STATUS_PATH, 30005)
    assert post(client, STATUS_PATH, form, signature).status_code == 204
    assert state(world, sent[1].sid) == (MessageState.UNDELIVERED, "30005")


def test_a_report_that_twilio_did_not_sign_changes_nothing(
    client: TestClient[Litestar], world: World, twilio: FakeTwilio, sent: list[TakenMessage]
) -> None:
    before = state(world, sent[0].sid)
    form, signature = twilio.report(sent[0], "failed", PUBLIC + STATUS_PATH, 30005)
    with FakeTwilio(auth_token="somebody-elses") as other:
        foreign = other.report(sent[0], "failed", PUBLIC + STATUS_PATH)[1]
    forged: dict[str, tuple[dict[str, str], str | None]] = {
        "unsigned": (form, None),
        "empty": (form, ""),
        "nonsense": (form, "x"),
        "not ASCII": (form, "é"),
        "another account's": (form, foreign),
        "changed status": (form | {"MessageStatus": "delivered"}, signature),
        "changed message": (form | {"MessageSid": sent[1].sid}, signature),
        "field added": (form | {"More": "1"}, signature),
        "field left out": ({k: v for k, v in form.items() if k != "ErrorCode"}, signature),
        "for the other address": twilio.report(sent[0], "failed", PUBLIC + INBOUND_PATH),
        "for another host": twilio.report(sent[0], "failed", "https://evil.example" + STATUS_PATH),
        "without encryption": twilio.report(
            sent[0], "failed", PUBLIC.replace("https", "http") + STATUS_PATH
        ),
    }
    for name, (body, sign) in forged.items():
        answer = post(client, STATUS_PATH, body, sign)
        assert (answer.status_code, answer.json()["code"]) == (403, "bad_signature"), name
        assert state(world, sent[0].sid) == before, name
    # control: the one that was not touched is taken
    assert post(client, STATUS_PATH, form, signature).status_code == 204
    assert state(world, sent[0].sid) == (MessageState.FAILED, "30005")


def test_the_hosts_own_word_does_not_change_what_is_signed(
    client: TestClient[Litestar], twilio: FakeTwilio, sent: list[TakenMessage]
) -> None:
    form, signature = twilio.report(sent[0], "sent", "https://evil.example" + STATUS_PATH)
    answer = client.post(
        STATUS_PATH,
        data=form,
        headers={
            "X-Twilio-Signature": signature,
            "Host": "evil.example",
            "X-Forwarded-Host": "evil.example",
        },
    )
    assert answer.status_code == 403


def test_reports_in_the_wrong_order_or_twice_never_bring_a_message_back(
    client: TestClient[Litestar], world: World, twilio: FakeTwilio, sent: list[TakenMessage]
) -> None:
    reports = {
        status: twilio.report(sent[0], status, PUBLIC + STATUS_PATH)
        for status in ("queued", "sent", "undelivered", "delivered")
    }
    post(client, STATUS_PATH, *reports["delivered"])
    for status in ("queued", "sent", "undelivered", "delivered", "sent"):
        assert post(client, STATUS_PATH, *reports[status]).status_code == 204
        assert state(world, sent[0].sid)[0] is MessageState.DELIVERED, status
    # control: in order they do move another message
    for status, expected in (
        ("sent", MessageState.SENT),
        ("undelivered", MessageState.UNDELIVERED),
        ("delivered", MessageState.DELIVERED),
    ):
        post(client, STATUS_PATH, *twilio.report(sent[1], status, PUBLIC + STATUS_PATH))
        assert state(world, sent[1].sid)[0] is expected


def test_a_report_about_nothing_or_in_new_words_is_taken_in_peace(
    client: TestClient[Litestar], world: World, twilio: FakeTwilio, sent: list[TakenMessage]
) -> None:
    unknown = twilio.take("+32470000000", "not ours", sid="SMunknown")
    for message, status in ((unknown, "delivered"), (sent[0], "teleported")):
        form, signature = twilio.report(message, status, PUBLIC + STATUS_PATH)
        assert post(client, STATUS_PATH, form, signature).status_code == 204
    assert state(world, sent[0].sid)[0] is MessageState.ACCEPTED
    bare: dict[str, str] = {}
    signature = twilio.sign(PUBLIC + STATUS_PATH, bare)
    assert post(client, STATUS_PATH, bare, signature).status_code in {204, 403}


def test_a_storm_of_forged_replayed_and_reordered_reports_does_nothing_wrong(
    world: World, twilio: FakeTwilio
) -> None:
    outcome = storm(world, twilio, 400)  # ``make chaos-messages`` posts 10 000
    assert (outcome.forged_taken, outcome.true_refused) == (0, 0), str(outcome)
    assert (outcome.double_effects, outcome.regressions) == (0, 0), str(outcome)
    assert outcome.forged > 200 < outcome.forged + outcome.true


def test_control_without_looking_at_signatures_the_storm_is_believed(
    sqlite_database: Database, twilio: FakeTwilio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signed_posts, "signature_is_valid", lambda *_: True)
    account = Twilio(twilio.account_sid, twilio.auth_token, "+3200000000")
    world = secova_world(sqlite_database, public_url=PUBLIC, twilio=account)
    outcome = storm(world, twilio, 100)
    assert outcome.forged_taken > 30 and outcome.regressions > 0


def test_a_report_that_is_quicker_than_the_answer_finds_its_message(
    client: TestClient[Litestar], world: World, twilio: FakeTwilio
) -> None:
    world.placed(world.user("garde.aywaille"))
    gateway = FakeGateway(faults=[OutcomeUnknown("timeout")] * 20)
    deliver(world.system, gateway, "test")
    [message, other, *_] = world.all(Message)
    assert message.state is MessageState.UNCERTAIN
    path = f"{STATUS_PATH}?m={message.id}"
    taken = twilio.take(message.recipient, message.body, sid="SMquick")
    form, signature = twilio.report(taken, "delivered", PUBLIC + path)
    # what was signed for one message is nothing for another
    assert post(client, f"{STATUS_PATH}?m={other.id}", form, signature).status_code == 403
    assert post(client, path, form, signature).status_code == 204
    assert state(world, "SMquick")[0] is MessageState.DELIVERED


# --- what people answer -------------------------------------------------------------------------


def test_a_signed_answer_with_the_code_acknowledges_an_alert_once(
    client: TestClient[Litestar], world: World, twilio: FakeTwilio, sent: list[TakenMessage]
) -> None:
    alert, message = alert_message(world)
    form, signature = inbound(twilio, message.recipient, f"oui {message.code.lower()}")
    answer = post(client, INBOUND_PATH, form, signature)
    assert answer.status_code == 200
    assert answer.headers["content-type"].split(";")[0] == "application/xml"
    assert message.code in answer.text and answer.text.startswith("<Response><Message>")
    assert acknowledged(world, alert)
    # the same one again, as a replayed request or Twilio's own repetition, says the same
    again = post(client, INBOUND_PATH, form, signature)
    assert (again.status_code, again.text) == (200, answer.text)


def test_an_answer_counts_from_its_own_telephone_with_its_own_code_alone(
    client: TestClient[Litestar], world: World, twilio: FakeTwilio, sent: list[TakenMessage]
) -> None:
    alert, message = alert_message(world)
    phone, code = message.recipient, message.code
    attempts = {
        "no code": (phone, "OUI"),
        "wrong code": (phone, "OUI BCDFG"),
        "no yes": (phone, code),
        "a no": (phone, f"NON {code}"),
        "another telephone": ("+32470999999", f"OUI {code}"),
        "a reference is no code": (phone, f"OUI {message.body.split()[0]}"),
        "nothing": (phone, ""),
        "markup": (phone, "<Response>&]]>"),
        "long": (phone, "OUI " * 5000),
    }
    for number, (name, (sender, text)) in enumerate(attempts.items()):
        form, signature = inbound(twilio, sender, text, f"SMattempt{number}")
        answer = post(client, INBOUND_PATH, form, signature)
        assert answer.status_code == 200, name
        assert "<Message>" in answer.text and "<Response>&" not in answer.text, name
        assert (code in answer.text) == (phone == sender and code in text), name
        assert not acknowledged(world, alert), name
    form, signature = inbound(twilio, phone, f"OUI {code}", "SMforged")
    assert post(client, INBOUND_PATH, form | {"Body": "x"}, signature).status_code == 403
    assert post(client, INBOUND_PATH, form, None).status_code == 403
    assert not acknowledged(world, alert)
    # control
    assert post(client, INBOUND_PATH, form, signature).status_code == 200
    assert acknowledged(world, alert)


# --- without Twilio -----------------------------------------------------------------------------


def test_without_twilio_there_is_no_webhook(database: Database, twilio: FakeTwilio) -> None:
    world = secova_world(database, public_url=PUBLIC)
    form = {"MessageSid": "SM1", "MessageStatus": "delivered"}
    with client_of(world) as client:
        for path in (STATUS_PATH, INBOUND_PATH):
            for signature in (None, twilio.sign(PUBLIC + path, form)):
                answer = post(client, path, form, signature)
                assert answer.status_code == 404
                assert answer.headers["content-type"] == "application/problem+json"


def test_the_local_inbox_is_gone_where_sms_are_real(
    client: TestClient[Litestar], world: World
) -> None:
    from support.server import As

    person = As(client, world.system, "garde.aywaille")
    assert person.get("/inbox").status_code == 404
    reply = person.post("/inbox/replies", {"from_phone": "+32470000000", "text": "OUI"})
    assert reply.status_code == 404
