"""A housed person is written to with their consent, in their hours, and never otherwise."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from shelter.db.session import Database
from shelter.db.tables import (
    Alert,
    AuditEntry,
    DeafPhone,
    IdempotencyKey,
    Message,
    Request,
    SafeContact,
)
from shelter.domain.alerts import AlertKind
from shelter.domain.contacts import TEMPLATES, PersonMessage
from shelter.domain.errors import Conflict, Invalid, NotAllowed, NotFound, Stale
from shelter.domain.household import Person
from shelter.domain.messages import Channel, MessageState
from shelter.domain.requests import Outcome
from shelter.domain.sides import SYSTEM, Side
from shelter.services import contacts, data_subjects, intake, looks, placements, retention, stays
from shelter.services.contacts import Consent
from shelter.services.data_subjects import Asked
from support.jobs import run_jobs
from support.raw import all_seeing
from support.server import As, client_of
from support.world import FakeGateway, World, secova_world

WORKER, OTHER = "garde.aywaille", "garde.auteurs"
PHONE, ANOTHER = "+32470998877", "+32470665544"
CASE = "LI.37.L1.012345/2026"
#: the world's clock: a Saturday, 22:10 in Belgium
SOON = date(2026, 12, 20)


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type,misc]


@pytest.fixture
def world(database: Database) -> World:
    return secova_world(database)


def agreeing(**changed: Any) -> Consent:
    given: dict[str, Any] = {
        "phone": PHONE,
        "channel": Channel.SMS,
        "language": "fr",
        "hour_from": 9,
        "hour_until": 17,
        "recheck_on": SOON,
    }
    return Consent(**(given | changed))


def housed(world: World, login: str = WORKER, **given: Any) -> Request:
    who = {"people": {Person.MAN: 1}} if login == OTHER else {}
    request, placement = world.placed(world.user(login), nights=9, **(who | given))
    world.do(world.user(login), placements.arrive, placement.id)
    return request


def agreed(world: World, request: Request, login: str = WORKER, **changed: Any) -> SafeContact:
    present = world.do(world.user(login), contacts.contact_of, request.id)
    version = None if present is None else present.version
    return world.do(world.user(login), contacts.agree, request.id, agreeing(**changed), version)


def send(world: World, request: Request, which: PersonMessage = PersonMessage.CALL) -> Message:
    return world.do(world.user(WORKER), contacts.send, request.id, which)


def to_persons(world: World) -> list[Message]:
    return [row for row in world.all(Message) if row.template in TEMPLATES]


# --- the default is none -------------------------------------------------------------------------


def test_nothing_is_ever_sent_to_a_person_who_has_not_agreed(world: World) -> None:
    """A whole stay, with everything that makes the system write to somebody."""
    request = housed(world, case_reference=CASE)
    for which in PersonMessage:
        with pytest.raises(Conflict, match="no_safe_contact"):
            send(world, request, which)
    gateway = FakeGateway()
    for _ in range(10):
        world.clock.forward(hours=13)
        run_jobs(world.system, gateway)
    assert to_persons(world) == []
    assert gateway.accepted, "control: professionals are written to"
    # control: the same person, who has agreed
    agreed(world, request, hour_from=0, hour_until=0)
    send(world, request)
    run_jobs(world.system, gateway)
    assert [row.recipient for row in to_persons(world)] == [PHONE]
    assert PHONE in str(gateway.accepted)


# --- what is agreed to ---------------------------------------------------------------------------


@pytest.mark.parametrize("login", [WORKER, OTHER])
def test_each_side_s_service_records_it_for_its_own(world: World, login: str) -> None:
    request = housed(world, login)
    contact = agreed(world, request, login)
    assert contact.side is request.side
    assert world.do(world.user(login), contacts.reveal_phone, request.id) == PHONE


@pytest.mark.parametrize(
    "wrong",
    [
        {"phone": "0470 99 88 77"},
        {"channel": Channel.MAIL},
        {"language": "es"},
        {"hour_from": 24},
        {"hour_until": -1},
        {"recheck_on": date(2026, 11, 21)},
        {"recheck_on": date(2027, 2, 20)},  # 91 days ahead
    ],
)
def test_what_cannot_be_is_refused(world: World, wrong: dict[str, Any]) -> None:
    request = world.ask(world.user(WORKER))
    with pytest.raises(Invalid) as refused:
        agreed(world, request, **wrong)
    assert [problem.field for problem in refused.value.problems] == list(wrong)
    agreed(world, request, recheck_on=date(2027, 2, 19))  # control: 90 days


def test_two_who_record_at_once_do_not_overwrite_each_other(world: World) -> None:
    request = housed(world)
    agreed(world, request)
    with pytest.raises(Stale):
        world.do(world.user(WORKER), contacts.agree, request.id, agreeing(phone=ANOTHER), None)
    assert world.do(world.user(WORKER), contacts.reveal_phone, request.id) == PHONE
    assert agreed(world, request, phone=ANOTHER).version == 2
    assert world.do(world.user(WORKER), contacts.reveal_phone, request.id) == ANOTHER


# --- the number ----------------------------------------------------------------------------------


def test_the_number_is_for_the_person_s_own_service_and_every_look_is_on_record(
    world: World,
) -> None:
    request = housed(world)
    agreed(world, request)
    for login in ("garde.trooz", OTHER, "coordination", "sapv.secova", "logement.sprimont"):
        for act in (contacts.reveal_phone, contacts.contact_of, contacts.withdraw):
            with pytest.raises((NotAllowed, NotFound)):
                world.do(world.user(login), act, request.id)
    assert world.all(AuditEntry, action="contact.look") == []
    for _ in range(2):
        world.do(world.user(WORKER), contacts.reveal_phone, request.id)
    assert len(world.all(AuditEntry, action="contact.look")) == 2
    _, seen = world.do(world.user(WORKER), looks.who_looked, request.id)
    assert "contact.look" in {look.action for look in seen}


def test_the_number_lies_sealed_and_in_no_answer_but_the_one_that_reveals_it(
    world: World,
) -> None:
    request = world.ask(world.user(WORKER), case_reference=CASE)
    body = {"phone": PHONE, "language": "fr", "hour_from": 9, "hour_until": 17}
    with client_of(world) as client:
        worker, coordinator = (As(client, world.system, it) for it in (WORKER, "coordination"))
        path = f"/requests/{request.id}/contact"
        answers = [
            worker.post(path, body | {"recheck_on": str(SOON)}),
            worker.post(f"{path}/messages", {"message": "person_call"}),
            *(worker.get(it) for it in (path, "/messages", f"/requests/{request.id}/history")),
            *(coordinator.get(it) for it in ("/messages", f"/requests/{request.id}")),
            *(
                who.call("GET", page)
                for who in (worker, coordinator)
                for page in ("/messages", f"/requests/{request.id}")
            ),
            worker.call("GET", f"{path}/number"),
        ]
        assert {answer.status_code for answer in answers} <= {200, 201}
        assert all(PHONE not in answer.text for answer in answers)
        looked = worker.call("POST", f"/api/v1{path}/look")
        assert looked.json() == {"phone": PHONE}
        shown = worker.call("POST", f"{path}/number", headers={"Sec-Fetch-Site": "same-origin"})
        assert PHONE in shown.text
        assert coordinator.call("POST", f"/api/v1{path}/look").status_code == 403
    held = data_subjects.access(
        world.system,
        Asked(CASE, Side.VICTIMS, by="garde.aywaille", checked_by="coordination"),
    )
    [written] = held["requests"]
    assert written["safe_contact"]["by"] == "sms"
    assert PHONE not in str(held)
    kept = [str(row.answer) for row in world.all(IdempotencyKey)]
    assert kept and all(PHONE not in answer for answer in kept)
    with all_seeing(world.system.database).connect() as connection:
        rows = connection.execute(sa.text("SELECT * FROM safe_contact")).all()
        entries = connection.execute(sa.text("SELECT * FROM audit_entry")).all()
    assert (
        rows
        and PHONE not in str(rows)
        and PHONE.encode()
        not in b"".join(bytes(v) for row in rows for v in row if isinstance(v, bytes | memoryview))
    )
    assert PHONE not in str(entries)


# --- when it is sent -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "hours", "due", "expires"),
    [
        # 22:10: not before nine in the morning, and six hours later it would only confuse
        (utc(2026, 11, 21, 21, 10), (9, 17), "2026-11-22 08:00", "2026-11-22 14:00"),
        # inside: at once, and not after their end
        (utc(2026, 11, 22, 15, 30), (9, 17), "2026-11-22 15:30", "2026-11-22 16:00"),
        # across midnight, though the network is quiet then: the person's own hours count
        (utc(2026, 11, 21, 21, 10), (23, 2), "2026-11-21 22:00", "2026-11-22 01:00"),
        # the night in which the clocks go back, and the one in which they go forward
        (utc(2026, 10, 24, 21, 0), (1, 3), "2026-10-24 23:00", "2026-10-25 02:00"),
        (utc(2027, 3, 27, 21, 0), (1, 4), "2027-03-28 00:00", "2027-03-28 02:00"),
    ],
)
def test_a_message_waits_for_the_agreed_hours_and_is_useless_after_them(
    world: World, now: datetime, hours: tuple[int, int], due: str, expires: str
) -> None:
    world.clock.at = now
    request = world.ask(world.user(WORKER))
    agreed(
        world,
        request,
        hour_from=hours[0],
        hour_until=hours[1],
        recheck_on=world.clock.at.date() + timedelta(days=30),
    )
    message = send(world, request)
    assert f"{message.due_at:%Y-%m-%d %H:%M}" == due
    assert f"{message.expires_at:%Y-%m-%d %H:%M}" == expires


def test_the_worker_holds_it_until_then_and_drops_it_afterwards(world: World) -> None:
    request = world.ask(world.user(WORKER))
    agreed(world, request)
    send(world, request)
    gateway = FakeGateway()
    world.clock.at = datetime(2026, 11, 22, 7, 59, tzinfo=UTC)
    run_jobs(world.system, gateway)
    assert PHONE not in str(gateway.accepted)
    world.clock.forward(minutes=2)
    run_jobs(world.system, gateway)
    assert str(gateway.accepted).count(PHONE) == 1
    # control: nobody handed it over in time, and it does not arrive in the evening
    send(world, request)
    world.clock.at = datetime(2026, 11, 22, 18, 0, tzinfo=UTC)
    run_jobs(world.system, gateway)
    assert str(gateway.accepted).count(PHONE) == 1
    assert MessageState.EXPIRED in {row.state for row in to_persons(world)}


def test_tomorrow_is_not_said_tomorrow(world: World) -> None:
    request = world.ask(world.user(WORKER))
    agreed(world, request)
    with pytest.raises(Conflict, match="contact_too_late_for_tomorrow"):
        send(world, request, PersonMessage.TOMORROW)
    world.clock.at = datetime(2026, 11, 22, 10, tzinfo=UTC)
    assert send(world, request, PersonMessage.TOMORROW).due_at == world.clock.at


def test_by_voice_it_goes_as_a_call(world: World) -> None:
    request = world.ask(world.user(WORKER))
    agreed(world, request, channel=Channel.VOICE, language="nl")
    message = send(world, request, PersonMessage.MESSAGE)
    assert (message.channel, message.language) == (Channel.VOICE, "nl")
    assert message.template == "voice.person_message"


# --- when it may not be --------------------------------------------------------------------------


def test_after_its_day_nothing_is_sent_until_somebody_has_asked_again(world: World) -> None:
    request = housed(world)
    agreed(world, request, hour_from=0, hour_until=0, recheck_on=date(2026, 11, 30))
    world.clock.at = datetime(2026, 11, 30, 22, 59, tzinfo=UTC)  # the day's last minute
    message = send(world, request)
    assert message.expires_at == datetime(2026, 11, 30, 23, tzinfo=UTC)
    world.clock.forward(minutes=1)
    with pytest.raises(Conflict, match="contact_recheck_due"):
        send(world, request)
    agreed(world, request, hour_from=0, hour_until=0)
    send(world, request)


def test_a_message_whose_hours_come_after_that_day_is_refused_at_once(world: World) -> None:
    request = world.ask(world.user(WORKER))
    agreed(world, request, recheck_on=date(2026, 11, 22))
    world.clock.at = datetime(2026, 11, 22, 17, tzinfo=UTC)  # the hours of its last day are over
    with pytest.raises(Conflict, match="contact_recheck_due"):
        send(world, request)


def test_a_telephone_that_refused_our_messages_gets_none(world: World) -> None:
    request = world.ask(world.user(WORKER))
    agreed(world, request)
    world.system.run(
        SYSTEM, lambda tx: tx.session.add(DeafPhone(number=PHONE, since=world.clock.at))
    )
    with pytest.raises(Conflict, match="contact_opted_out"):
        send(world, request)


def test_nobody_of_the_other_side_learns_by_a_number_whether_it_had_our_messages(
    world: World,
) -> None:
    """Somebody types the number of a woman who asked us to write to her no more."""
    request = housed(world, OTHER)
    agreed(world, request, OTHER)
    world.system.run(
        SYSTEM, lambda tx: tx.session.add(DeafPhone(number=PHONE, since=world.clock.at))
    )
    assert world.do(world.user(OTHER), contacts.send, request.id, PersonMessage.CALL).due_at


def test_who_withdraws_is_forgotten_and_what_waited_is_not_sent(world: World) -> None:
    request = housed(world)
    agreed(world, request, hour_from=0, hour_until=0)
    send(world, request)
    gateway = FakeGateway()
    run_jobs(world.system, gateway)
    send(world, request)  # waits
    world.do(world.user(WORKER), contacts.withdraw, request.id)
    assert world.all(SafeContact) == []
    run_jobs(world.system, gateway)
    assert str(gateway.accepted).count(PHONE) == 1
    [sent] = to_persons(world)
    assert sent.recipient == "-"
    with pytest.raises(Conflict, match="no_safe_contact"):
        send(world, request)
    assert {e.action for e in world.all(AuditEntry)} >= {"contact.agree", "contact.withdraw"}
    world.do(world.user(WORKER), contacts.withdraw, request.id)  # twice is no error


def test_another_number_or_other_hours_take_back_what_waits(world: World) -> None:
    request = world.ask(world.user(WORKER))
    agreed(world, request)
    send(world, request)
    agreed(world, request, phone=ANOTHER)
    assert to_persons(world) == []


@pytest.mark.parametrize("way", ["closed", "departed"])
def test_with_the_request_ends_what_may_be_sent(world: World, way: str) -> None:
    worker = world.user(WORKER)
    if way == "closed":
        request = world.ask(worker)
    else:
        request, placement = world.placed(worker)
        world.do(worker, placements.arrive, placement.id)
    agreed(world, request)
    send(world, request)
    if way == "closed":
        world.do(worker, intake.close, request.id, Outcome.PERSON_DECLINED)
    else:
        world.do(worker, stays.depart, placement.id)
    assert to_persons(world) == []
    for act in (lambda: send(world, request), lambda: agreed(world, request)):
        with pytest.raises(Conflict, match="request_closed"):
            act()


def test_what_is_kept_goes_a_week_after_the_request(world: World) -> None:
    request = world.ask(world.user(WORKER))
    agreed(world, request, hour_from=0, hour_until=0)
    send(world, request)
    run_jobs(world.system, FakeGateway())
    world.do(world.user(WORKER), intake.close, request.id, Outcome.PERSON_DECLINED)
    world.clock.forward(days=7)
    retention.run(world.system)
    assert len(world.all(SafeContact)) == 1
    world.clock.forward(minutes=1)
    retention.run(world.system)
    assert world.all(SafeContact) == []
    assert {row.recipient for row in to_persons(world)} == {"-"}


# --- asking again --------------------------------------------------------------------------------


def test_the_service_is_reminded_three_days_before_once_each_side_its_own(world: World) -> None:
    for login in (WORKER, OTHER):
        agreed(world, housed(world, login), login, recheck_on=date(2026, 11, 30))

    def reminded() -> set[tuple[str, Side]]:
        for side in Side:
            contacts.remind(world.system, side)
        return {
            (alert.service, alert.side)
            for alert in world.all(Alert, kind=AlertKind.CONTACT_RECHECK)
        }

    world.clock.at = datetime(2026, 11, 26, 22, 59, tzinfo=UTC)
    assert reminded() == set()
    world.clock.forward(minutes=1)
    assert reminded() == {
        ("cpas-aywaille", Side.VICTIMS),
        ("garde-secova", Side.PERPETRATORS),
    }
    world.clock.forward(days=5)
    reminded()
    assert len(world.all(Alert, kind=AlertKind.CONTACT_RECHECK)) == 2
