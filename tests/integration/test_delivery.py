"""Delivery: handed over once, known for certain, never lost in silence."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest

from shelter.db.session import Database
from shelter.db.tables import Alert, DeafPhone, Message
from shelter.domain.alerts import AlertKind
from shelter.domain.messages import RANK, Channel, MessageState
from shelter.domain.sides import SYSTEM, Side
from shelter.jobs.ticker import Ticker
from shelter.messaging.gateway import OutcomeUnknown, Outgoing, Receipt, Refused, TryLater
from shelter.services import delivery, inquiries, watch
from shelter.services.delivery import LEASE, deliver, hand_over
from shelter.services.outbox import queue
from shelter.services.outcomes import status_report
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


def test_try_later_waits_as_long_as_the_provider_asked(world: World) -> None:
    message = promise(world)
    gateway = FakeGateway(faults=[TryLater(retry_after_s=90)])
    deliver(world.system, gateway, "a")
    assert now(world, message).state is M.PENDING
    world.clock.forward(seconds=89)
    assert deliver(world.system, gateway, "a").handed_over == 0
    world.clock.forward(seconds=6)  # a little later than asked, so that not all come back at once
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
    world.do(SYSTEM, delivery._claim, "dead", Side.VICTIMS, 1)
    world.clock.forward(seconds=LEASE.total_seconds())
    assert deliver(world.system, gateway, "b").handed_over == 0  # control: not yet
    world.clock.forward(seconds=1)
    deliver(world.system, gateway, "b")
    assert now(world, message).state is M.ACCEPTED
    assert len(gateway.accepted) == 1


def test_nobody_waits_for_the_lease_of_a_process_that_is_no_more(
    world: World, gateway: FakeGateway
) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    dead = delivery.owner_name().replace(str(os.getpid()), str(process.pid))
    for owner, state in ((delivery.owner_name(), M.LEASED), (dead, M.UNCERTAIN)):
        message = promise(world)
        world.do(SYSTEM, delivery._claim, owner, Side.VICTIMS, 1)
        delivery.sweep(world.system, gateway, Side.VICTIMS)
        assert now(world, message).state is state


@dataclass
class SlowGateway(FakeGateway):
    """A call outlives its lease, and another worker goes about it meanwhile."""

    world: World = field(default=None)  # type: ignore[assignment]
    #: what the other worker is told when it asks
    visible: bool = True
    busy: bool = False

    def send(self, out: Outgoing) -> Receipt:
        receipt = super().send(out)
        if not self.busy:
            self.busy = True
            self.world.clock.forward(seconds=LEASE.total_seconds() + 1)
            delivery.sweep(self.world.system, self, Side.VICTIMS)
            inquiries.reconcile(self.world.system, self, Side.VICTIMS)
        return receipt

    def find(self, out: Outgoing, since: datetime) -> Receipt | None:
        return super().find(out, since) if self.visible else None


@pytest.mark.parametrize("visible", [True, False])
def test_a_call_that_outlives_its_lease_is_not_made_again(world: World, visible: bool) -> None:
    """Found broken: what came back after the lease was thrown away, and the message sent again."""
    message = promise(world)
    gateway = SlowGateway(world=world, visible=visible)

    for owner in ("slow", "later", "later"):
        deliver(world.system, gateway, owner)
        world.clock.forward(minutes=1)

    assert [code for _, _, code in gateway.accepted] == [message.code]
    assert now(world, message).state is M.ACCEPTED


def test_an_old_answer_does_not_settle_a_newer_attempt(world: World) -> None:
    """Found broken: "not there", asked before a second attempt, sent the message a third time."""
    message = promise(world)
    deliver(world.system, FakeGateway(faults=[OutcomeUnknown("timeout")]), "a")
    asked = now(world, message)  # a slow worker asks, and is told: not there
    gateway = FakeGateway(lost_replies=1)
    deliver(world.system, gateway, "b")  # a quick one asks, too, sends, and loses the reply
    assert now(world, message).state is M.UNCERTAIN

    world.do(SYSTEM, inquiries._settle, asked, None)

    assert now(world, message).state is M.UNCERTAIN
    deliver(world.system, gateway, "b")
    assert len(gateway.accepted) == 1


@dataclass
class SafeGateway(FakeGateway):
    """For several threads. With ``line``, no call ends before so many are under way."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    line: threading.Barrier | None = None

    def send(self, out: Outgoing) -> Receipt:
        if self.line is not None:
            self.line.wait(timeout=20)
        with self.lock:
            return super().send(out)


def test_workers_at_the_same_time_never_send_a_message_twice(world: World) -> None:
    messages = [promise(world) for _ in range(60)]
    gateway = SafeGateway(lost_replies=10)
    line = threading.Barrier(4)

    def work(name: str) -> None:
        line.wait(timeout=20)
        hand_over(world.system, gateway, name, Side.VICTIMS, at_once=2)
        deliver(world.system, gateway, name)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, "abcd"))
    deliver(world.system, gateway, "last")

    assert Counter(code for _, _, code in gateway.accepted) == Counter(m.code for m in messages)
    assert {row.state for row in world.all(Message)} == {M.ACCEPTED}


def test_one_slow_call_does_not_hold_up_the_others(sqlite_database: Database) -> None:
    world = secova_world(sqlite_database)
    for _ in range(8):
        promise(world)
    gateway = SafeGateway(line=threading.Barrier(4))
    # would wait for ever if calls were made one after the other
    assert hand_over(world.system, gateway, "a", Side.VICTIMS, at_once=4) == 8
    assert len(gateway.accepted) == 8


def test_a_worker_that_is_to_stop_begins_nothing_new(world: World, gateway: FakeGateway) -> None:
    for _ in range(3):
        promise(world)
    count = hand_over(
        world.system, gateway, "a", Side.VICTIMS, enough=lambda: len(gateway.accepted) == 1
    )
    assert count == len(gateway.accepted) == 1
    assert {row.state for row in world.all(Message)} == {M.ACCEPTED, M.PENDING}


def test_every_worker_delivers_and_the_leader_alone_does_the_rest(
    world: World, gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Found broken: messages were handed over by the leader only, so none while it was dying."""
    watched: list[bool] = []
    monkeypatch.setattr(watch, "watch_separations", lambda _system: watched.append(True))
    for leads in (False, True):
        promise(world)
        ticker = Ticker(world.system, gateway)
        monkeypatch.setattr(ticker._leadership, "held", lambda leads=leads: leads)
        for job in ticker._scheduler.get_jobs():
            job.func()
        assert bool(watched) is leads
        assert {row.state for row in world.all(Message)} == {M.ACCEPTED}


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
        world.do(SYSTEM, status_report, "SM1", state, "30005")
    assert (now(world, message).state, now(world, message).error_code) == (M.UNDELIVERED, "30005")
    assert [alert.kind for alert in world.all(Alert)] == [AlertKind.MESSAGE_FAILED]


def test_a_telephone_that_was_out_of_reach_is_tried_once_more(
    world: World, gateway: FakeGateway
) -> None:
    message = promise(world)
    deliver(world.system, gateway, "a")
    for _ in range(2):  # the second is a replay
        world.do(SYSTEM, status_report, "SM1", M.UNDELIVERED, "30003", message.id)
    assert (now(world, message).state, world.all(Alert)) == (M.PENDING, [])
    assert deliver(world.system, gateway, "a").handed_over == 0  # control: not at once
    world.clock.forward(minutes=1)
    deliver(world.system, gateway, "a")
    row = now(world, message)
    assert (row.state, row.provider_id, len(gateway.accepted)) == (M.ACCEPTED, "SM2", 2)

    # what comes late about the first try is history
    world.do(SYSTEM, status_report, "SM1", M.UNDELIVERED, "30003", message.id)
    assert now(world, message).state is M.ACCEPTED
    world.do(SYSTEM, status_report, "SM2", M.UNDELIVERED, "30003", message.id)
    assert now(world, message).state is M.UNDELIVERED
    assert [alert.kind for alert in world.all(Alert)] == [AlertKind.MESSAGE_FAILED]
    # … unless it arrived after all
    world.do(SYSTEM, status_report, "SM1", M.DELIVERED, None, message.id)
    assert (now(world, message).state, now(world, message).error_code) == (M.DELIVERED, None)


@pytest.mark.parametrize("code", ["21211", "21614", "30005", "30006", "30007", "30036", "99999"])
def test_what_another_try_would_not_change_is_not_tried_again(
    sqlite_database: Database, code: str
) -> None:
    world = secova_world(sqlite_database)
    message, gateway = promise(world), FakeGateway()
    deliver(world.system, gateway, "a")
    world.do(SYSTEM, status_report, "SM1", M.UNDELIVERED, code)
    world.clock.forward(minutes=5)
    deliver(world.system, gateway, "a")
    row = now(world, message)
    assert (row.state, row.error_code, len(gateway.accepted)) == (M.UNDELIVERED, code, 1)
    assert [alert.kind for alert in world.all(Alert)] == [AlertKind.MESSAGE_FAILED]


def test_a_second_try_of_unknown_outcome_is_not_taken_for_the_first(
    world: World, gateway: FakeGateway
) -> None:
    message = promise(world)
    deliver(world.system, gateway, "a")
    world.do(SYSTEM, status_report, "SM1", M.UNDELIVERED, "30008")
    world.clock.forward(minutes=1)
    gateway.faults = [OutcomeUnknown("timeout")]
    deliver(world.system, gateway, "a")
    assert now(world, message).state is M.UNCERTAIN
    deliver(world.system, gateway, "a")  # the provider knows the first try, and no second
    assert (now(world, message).state, len(gateway.accepted)) == (M.ACCEPTED, 2)


@pytest.mark.parametrize("dies", [True, False])
def test_a_report_that_is_quicker_than_the_answer_is_not_lost(
    world: World, gateway: FakeGateway, dies: bool
) -> None:
    """Found broken: a report of a message whose provider's id was not noted yet was dropped."""
    message = promise(world)
    if dies:  # a worker that is killed before it notes the answer
        world.do(SYSTEM, delivery._claim, "dead", Side.VICTIMS, 1)
    else:
        gateway.faults = [OutcomeUnknown("timeout")]
        deliver(world.system, gateway, "a")
    assert now(world, message).state is (M.LEASED if dies else M.UNCERTAIN)
    assert not world.do(SYSTEM, status_report, "SM9", M.SENT, None)  # control: by its id alone

    assert world.do(SYSTEM, status_report, "SM9", M.SENT, None, message.id)

    row = now(world, message)
    assert (row.state, row.provider_id, row.lease_owner) == (M.SENT, "SM9", None)
    world.clock.forward(minutes=5)
    deliver(world.system, gateway, "b")
    assert gateway.accepted == []


def test_it_is_noted_when_a_message_was_accepted_and_when_it_arrived(
    world: World, gateway: FakeGateway
) -> None:
    message = promise(world)
    deliver(world.system, gateway, "a")
    accepted = world.clock.now()
    world.clock.forward(seconds=9)
    for state in (M.SENT, M.DELIVERED, M.DELIVERED):
        world.do(SYSTEM, status_report, "SM1", state, None)
        world.clock.forward(seconds=1)
    row = now(world, message)
    assert (row.accepted_at, row.delivered_at) == (accepted, accepted + timedelta(seconds=10))


# --- asked about ----------------------------------------------------------------------------------


@dataclass
class AskedGateway(FakeGateway):
    """Remembers what it was asked about, and says ``told``."""

    asked: list[tuple[str, datetime]] = field(default_factory=list)
    told: list[Receipt | TryLater] = field(default_factory=list)
    world: World = field(default=None)  # type: ignore[assignment]

    def look(self, provider_id: str, channel: Channel) -> Receipt:
        self.asked.append((provider_id, self.world.clock.now()))
        answer = self.told.pop(0) if self.told else Receipt(provider_id, M.ACCEPTED)
        if isinstance(answer, TryLater):
            raise answer
        return answer


def test_a_message_without_a_report_is_asked_about_more_and_more_rarely(world: World) -> None:
    message = promise(world)
    gateway = AskedGateway(world=world, told=[TryLater()])
    sent = world.clock.now()
    for _ in range(40):
        deliver(world.system, gateway, "a")
        world.clock.forward(minutes=1)
    minutes = [round((at - sent).total_seconds() / 60) for _, at in gateway.asked]
    assert minutes == [2, 4, 8, 16, 32]
    gateway.told = [
        Receipt("SM1", M.DELIVERED),
        Receipt("SM1", M.DELIVERED, price_micros=79_000, currency="EUR"),
    ]
    world.clock.forward(hours=1)
    deliver(world.system, gateway, "a")
    assert now(world, message).state is M.DELIVERED
    assert now(world, message).price_micros is None
    world.clock.forward(hours=3)
    deliver(world.system, gateway, "a")
    row = now(world, message)
    assert (row.price_micros, row.currency) == (79_000, "EUR")
    world.clock.forward(hours=24)
    deliver(world.system, gateway, "a")
    assert len(gateway.asked) == 7  # the price is known: nothing is left to ask


def test_somebody_is_told_of_a_message_that_nobody_knows_about_for_long(world: World) -> None:
    message = promise(world)
    gateway = SilentWhenAsked(lost_replies=1)
    deliver(world.system, gateway, "a")
    for _ in range(9):
        world.clock.forward(minutes=1)
        deliver(world.system, gateway, "a")
    assert world.all(Alert) == []  # control
    for _ in range(9):
        world.clock.forward(minutes=1)
        deliver(world.system, gateway, "a")
    assert [alert.kind for alert in world.all(Alert)] == [AlertKind.MESSAGE_FAILED]
    assert (now(world, message).state, len(gateway.accepted)) == (M.UNCERTAIN, 1)


# --- telephones that opted out --------------------------------------------------------------------


def test_a_telephone_that_turns_out_to_have_opted_out_is_told_to_the_coordinator_once(
    world: World,
) -> None:
    duty = world.system.run(SYSTEM, lambda tx: tx.duty_phone("sapv-secova"), read_only=True)
    for faults in ([Refused("21610")], [Refused("21610")]):
        promise(world, to=duty)
        deliver(world.system, FakeGateway(faults=[*faults]), "a")
    assert [row.number for row in world.all(DeafPhone)] == [duty]
    kinds = Counter(alert.kind for alert in world.all(Alert))
    assert kinds == {AlertKind.DUTY_PHONE_DEAF: 1, AlertKind.MESSAGE_FAILED: 2}
