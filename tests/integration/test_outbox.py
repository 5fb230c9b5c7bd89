"""The outbox: promised once, handed over once, never in the quiet hours, never lost in silence."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shelter.db.session import Database
from shelter.db.tables import Alert, Message, NetworkRow
from shelter.domain.alerts import AlertKind
from shelter.domain.messages import RANK, MessageState
from shelter.domain.sides import SYSTEM, Side
from shelter.messaging.gateway import OutcomeUnknown, Outgoing, Receipt, Refused, TryLater
from shelter.services import outbox
from shelter.services.outbox import LEASE, after_quiet_hours, deliver, queue, status_report
from support.world import FakeGateway, World, secova_world

M = MessageState
PHONE = "+447700900999"


@pytest.fixture
def world(database: Database) -> World:
    return secova_world(database)


@pytest.fixture
def gateway() -> FakeGateway:
    return FakeGateway()


def promise(world: World, **given: Any) -> Message:
    values: dict[str, Any] = {
        "to": PHONE,
        "language": "fr",
        "reference": "BCDFG",
        "side": Side.VICTIMS,
        "service": "cpas-aywaille",
    }
    return world.do(SYSTEM, queue, "sms.placement_expected", **(values | given))


def now(world: World, message: Message) -> Message:
    [row] = world.all(Message, id=message.id)
    return row


# --- states ---------------------------------------------------------------------------------------


def test_a_message_is_handed_over_once(world: World, gateway: FakeGateway) -> None:
    message = promise(world)
    assert deliver(world.system, gateway, "a").handed_over == 1
    assert deliver(world.system, gateway, "a").handed_over == 0
    row = now(world, message)
    assert (row.state, row.provider_id, row.lease_owner) == (M.ACCEPTED, "SM1", None)
    assert gateway.accepted == [(PHONE, message.body, message.code)]


def test_nothing_is_promised_by_a_transaction_that_fails(
    world: World, gateway: FakeGateway
) -> None:
    def promise_and_fail(tx: Any) -> None:
        queue(
            tx,
            "sms.alert",
            to=PHONE,
            language="fr",
            reference="X",
            side=Side.VICTIMS,
            service=None,
        )
        raise LookupError

    with pytest.raises(LookupError):
        world.system.run(SYSTEM, promise_and_fail)
    assert world.all(Message) == []


def test_try_later_waits_as_long_as_the_provider_asked(world: World) -> None:
    message = promise(world)
    gateway = FakeGateway(faults=[TryLater(retry_after_s=90)])
    deliver(world.system, gateway, "a")
    assert now(world, message).state is M.PENDING
    world.clock.forward(seconds=89)
    assert deliver(world.system, gateway, "a").handed_over == 0
    world.clock.forward(seconds=1)
    assert deliver(world.system, gateway, "a").handed_over == 1
    assert now(world, message).state is M.ACCEPTED
    assert now(world, message).attempts == 2


def test_pauses_grow_to_minutes_when_the_provider_says_nothing(world: World) -> None:
    message = promise(world)
    gateway = FakeGateway(faults=[TryLater() for _ in range(12)])
    pauses = []
    for _ in range(12):
        deliver(world.system, gateway, "a")
        pauses.append((now(world, message).due_at - world.clock.now()).total_seconds())
        world.clock.at = now(world, message).due_at
    assert 1.5 <= pauses[0] <= 2.5
    assert all(225 <= pause <= 375 for pause in pauses[9:])


def test_a_refused_message_fails_and_is_told_once(world: World) -> None:
    """Found broken: a refused number failed in silence, and nobody called."""
    message = promise(world)
    gateway = FakeGateway(faults=[Refused("21211")])
    for _ in range(3):
        deliver(world.system, gateway, "a")
    row = now(world, message)
    assert (row.state, row.error_code, row.attempts) == (M.FAILED, "21211", 1)
    [alert] = world.all(Alert)
    assert (alert.kind, alert.service) == (AlertKind.MESSAGE_FAILED, "cpas-aywaille")


def test_a_lost_reply_is_asked_about_and_not_sent_again(world: World) -> None:
    message = promise(world)
    gateway = FakeGateway(lost_replies=1)
    deliver(world.system, gateway, "a")
    assert now(world, message).state is M.UNCERTAIN
    deliver(world.system, gateway, "a")
    row = now(world, message)
    assert (row.state, row.provider_id) == (M.ACCEPTED, "SM1")
    assert len(gateway.accepted) == 1


def test_an_unknown_outcome_that_the_provider_never_saw_is_sent_again(world: World) -> None:
    message = promise(world)
    gateway = FakeGateway(faults=[OutcomeUnknown("timeout")])
    deliver(world.system, gateway, "a")
    assert now(world, message).state is M.UNCERTAIN
    deliver(world.system, gateway, "a")
    assert now(world, message).state is M.ACCEPTED
    assert len(gateway.accepted) == 1


def test_an_uncertain_message_is_asked_about_only_once_it_has_settled(world: World) -> None:
    message = promise(world)
    gateway = FakeGateway(settles_after_s=120, faults=[OutcomeUnknown("timeout")])
    deliver(world.system, gateway, "a")
    world.clock.forward(seconds=119)
    assert deliver(world.system, gateway, "a").reconciled == 0
    assert now(world, message).state is M.UNCERTAIN
    world.clock.forward(seconds=1)
    assert deliver(world.system, gateway, "a").reconciled == 1


@dataclass
class SilentWhenAsked(FakeGateway):
    def find(self, out: Outgoing, since: datetime) -> Receipt | None:
        raise TryLater


def test_a_message_stays_uncertain_while_the_provider_cannot_be_asked(world: World) -> None:
    message = promise(world)
    gateway = SilentWhenAsked(lost_replies=1)
    for _ in range(3):
        deliver(world.system, gateway, "a")
    assert now(world, message).state is M.UNCERTAIN
    assert len(gateway.accepted) == 1


# --- leases ---------------------------------------------------------------------------------------


def test_a_worker_that_died_leaves_a_lease_that_runs_out_and_is_asked_about(
    world: World, gateway: FakeGateway
) -> None:
    message = promise(world)
    world.do(SYSTEM, outbox._claim, "dead", Side.VICTIMS)
    world.clock.forward(seconds=LEASE.total_seconds())
    assert deliver(world.system, gateway, "b").handed_over == 0  # control: not yet
    world.clock.forward(seconds=1)
    deliver(world.system, gateway, "b")
    assert now(world, message).state is M.ACCEPTED
    assert len(gateway.accepted) == 1


@dataclass
class SlowGateway(FakeGateway):
    """Each call takes so long that a whole batch outlives its leases; others work meanwhile."""

    world: World = field(default=None)  # type: ignore[assignment]
    other: FakeGateway = field(default_factory=FakeGateway)

    def send(self, out: Outgoing) -> Receipt:
        receipt = super().send(out)
        self.world.clock.forward(seconds=25)
        deliver(self.world.system, self, "other") if len(self.accepted) == 4 else None
        return receipt

    # the other worker uses the same provider and is quick


def test_a_slow_batch_is_not_sent_again_by_a_worker_who_took_it_over(world: World) -> None:
    """Found broken: the end of a batch was sent although its lease had run out, so twice."""
    messages = [promise(world) for _ in range(8)]
    gateway = SlowGateway(world=world)

    deliver(world.system, gateway, "slow")
    for _ in range(3):
        world.clock.forward(minutes=2)
        deliver(world.system, gateway, "later")

    assert Counter(code for _, _, code in gateway.accepted) == Counter(m.code for m in messages)


def test_an_old_answer_does_not_settle_a_newer_attempt(world: World) -> None:
    """Found broken: "not there", asked before a second attempt, sent the message a third time."""
    message = promise(world)
    deliver(world.system, FakeGateway(faults=[OutcomeUnknown("timeout")]), "a")
    asked = now(world, message)  # a slow worker asks, and is told: not there
    gateway = FakeGateway(lost_replies=1)
    deliver(world.system, gateway, "b")  # a quick one asks, too, sends, and loses the reply
    assert now(world, message).state is M.UNCERTAIN

    world.do(SYSTEM, outbox._settle, asked, None)

    assert now(world, message).state is M.UNCERTAIN
    deliver(world.system, gateway, "b")
    assert len(gateway.accepted) == 1


@dataclass
class SafeGateway(FakeGateway):
    """For several threads."""

    lock: threading.Lock = field(default_factory=threading.Lock)

    def send(self, out: Outgoing) -> Receipt:
        with self.lock:
            return super().send(out)


def test_workers_at_the_same_time_never_send_a_message_twice(world: World) -> None:
    messages = [promise(world) for _ in range(60)]
    gateway = SafeGateway(lost_replies=10)
    line = threading.Barrier(4)

    def work(name: str) -> None:
        line.wait(timeout=20)
        for _ in range(6):
            deliver(world.system, gateway, name)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, "abcd"))

    assert Counter(code for _, _, code in gateway.accepted) == Counter(m.code for m in messages)
    assert {row.state for row in world.all(Message)} == {M.ACCEPTED}


# --- quiet hours ----------------------------------------------------------------------------------


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


@pytest.mark.parametrize(
    ("local", "due"),
    [
        ("2026-11-21T21:59:59+01:00", "2026-11-21T21:59:59+01:00"),
        ("2026-11-21T22:00:00+01:00", "2026-11-22T07:00:00+01:00"),
        ("2026-11-22T00:30:00+01:00", "2026-11-22T07:00:00+01:00"),
        ("2026-11-22T06:59:59+01:00", "2026-11-22T07:00:00+01:00"),
        ("2026-11-22T07:00:00+01:00", "2026-11-22T07:00:00+01:00"),
        # 25 October 2026: 03:00 summer time is 02:00 again, and the night is an hour longer
        ("2026-10-24T23:00:00+02:00", "2026-10-25T07:00:00+01:00"),
        ("2026-10-25T02:30:00+02:00", "2026-10-25T07:00:00+01:00"),
        ("2026-10-25T02:30:00+01:00", "2026-10-25T07:00:00+01:00"),
        # 28 March 2027: 02:00 is 03:00, and the night is an hour shorter
        ("2027-03-27T23:00:00+01:00", "2027-03-28T07:00:00+02:00"),
        ("2027-03-28T03:10:00+02:00", "2027-03-28T07:00:00+02:00"),
    ],
)
def test_what_can_wait_waits_for_the_end_of_the_quiet_hours(
    sqlite_database: Database, local: str, due: str
) -> None:
    world = secova_world(sqlite_database)
    world.clock.at = at(local)
    assert promise(world, urgent=False).due_at == at(due)
    assert promise(world, urgent=True).due_at == at(local)  # control: what cannot wait, does not


@pytest.mark.parametrize(
    ("local", "due"),
    [
        ("2026-10-25T02:15:00+02:00", "2026-10-25T02:30:00+02:00"),
        # found broken: the second 02:15 was due at the first 02:30, so at once
        ("2026-10-25T02:15:00+01:00", "2026-10-25T02:30:00+01:00"),
    ],
)
def test_quiet_hours_that_end_in_the_repeated_hour_end_after_now(
    sqlite_database: Database, local: str, due: str
) -> None:
    world = secova_world(
        sqlite_database,
        edited=lambda text: text.replace('quiet_until = "07:00"', 'quiet_until = "02:30"'),
    )
    world.clock.at = at(local)
    assert promise(world, urgent=False).due_at == at(due)


def test_a_calm_message_that_was_held_up_is_not_sent_in_the_night(
    world: World, gateway: FakeGateway
) -> None:
    """Found broken: quiet hours counted only when the message was made."""
    world.clock.at = at("2026-11-21T21:59:00+01:00")
    calm, urgent = promise(world, urgent=False), promise(world)
    world.clock.forward(hours=4)  # no worker ran in between

    deliver(world.system, gateway, "a")

    assert [code for _, _, code in gateway.accepted] == [urgent.code]
    world.clock.at = at("2026-11-22T07:00:00+01:00")
    deliver(world.system, gateway, "a")
    assert [code for _, _, code in gateway.accepted] == [urgent.code, calm.code]


def test_quiet_hours_are_those_of_the_network(world: World) -> None:
    [row] = world.all(NetworkRow)
    assert 'quiet_from = "22:00"' in row.text
    world.clock.at = at("2026-11-21T23:00:00+01:00")
    ends = world.system.run(
        SYSTEM, lambda tx: after_quiet_hours(tx.now, tx.network.defaults, tx), read_only=True
    )
    assert ends == at("2026-11-22T07:00:00+01:00")


# --- too late -------------------------------------------------------------------------------------


def test_a_message_that_came_too_late_is_not_sent_and_is_told_once(
    world: World, gateway: FakeGateway
) -> None:
    message = promise(world)
    world.clock.forward(hours=6)
    assert deliver(world.system, gateway, "a").expired == 1
    assert deliver(world.system, gateway, "a").expired == 0
    assert now(world, message).state is M.EXPIRED
    [alert] = world.all(Alert)
    assert alert.kind is AlertKind.MESSAGE_FAILED
    assert message.code not in {code for _, _, code in gateway.accepted}


def test_the_lost_sms_of_an_alert_raises_no_alert_about_itself(
    world: World, gateway: FakeGateway
) -> None:
    promise(world)
    world.clock.forward(hours=6)
    deliver(world.system, FakeGateway(faults=[Refused("21211")]), "a")
    deliver(world.system, gateway, "a")
    assert len(world.all(Alert)) == 1


def test_a_message_that_is_found_unsent_after_its_time_is_not_sent(
    world: World, gateway: FakeGateway
) -> None:
    """Found broken: between asking and sending nobody looked at the clock again."""
    message = promise(world)
    deliver(world.system, FakeGateway(faults=[OutcomeUnknown("timeout")]), "a")
    world.clock.forward(hours=7)
    for _ in range(2):
        deliver(world.system, gateway, "a")
    assert now(world, message).state is M.EXPIRED
    assert message.code not in {code for _, _, code in gateway.accepted}


# --- reports --------------------------------------------------------------------------------------


def test_reports_never_bring_a_message_back(world: World, gateway: FakeGateway) -> None:
    """Every pair of reports, in both orders: the one of higher rank stays."""
    kinds = [M.ACCEPTED, M.SENT, M.UNDELIVERED, M.FAILED, M.DELIVERED]
    for first in kinds:
        for second in kinds:
            message = promise(world, service="cpas-esneux")
            deliver(world.system, gateway, "a")
            provider_id = now(world, message).provider_id
            assert provider_id is not None
            for state in (first, second):
                assert world.do(SYSTEM, status_report, provider_id, state, None)
            reached = now(world, message).state
            assert RANK[reached] == max(RANK[first], RANK[second], RANK[M.ACCEPTED])
            if RANK[first] == RANK[second] != RANK[M.ACCEPTED]:
                assert reached is first


def test_a_report_about_an_unknown_message_changes_nothing(world: World) -> None:
    assert not world.do(SYSTEM, status_report, "SM404", M.DELIVERED, None)


def test_a_message_that_was_not_delivered_is_told_once(world: World, gateway: FakeGateway) -> None:
    """Found broken: the provider said that nobody got it, and nobody was told."""
    message = promise(world)
    deliver(world.system, gateway, "a")
    for state in (M.SENT, M.UNDELIVERED, M.FAILED):
        world.do(SYSTEM, status_report, "SM1", state, "30003")
    assert now(world, message).error_code == "30003"
    assert [alert.kind for alert in world.all(Alert)] == [AlertKind.MESSAGE_FAILED]


def test_messages_live_for_hours_not_days(world: World) -> None:
    urgent, calm = promise(world), promise(world, urgent=False)
    assert urgent.expires_at - urgent.due_at == timedelta(hours=6)
    assert calm.expires_at - calm.due_at == timedelta(hours=24)
