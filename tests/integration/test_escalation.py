"""Escalation: from number to number until somebody answers, each step once, whoever is killed."""

from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from unittest import mock
from uuid import UUID, uuid4

import pytest

from chaos.escalation import escalate_under_fire
from shelter.db.session import Database
from shelter.db.tables import Alert, AlertStep, Message, ServiceRow, Shift, User
from shelter.domain.alerts import USUAL_URGENT, AlertKind, StepEnd
from shelter.domain.errors import Conflict
from shelter.domain.messages import Channel, MessageState
from shelter.domain.sides import SYSTEM, Side
from shelter.services import alerts, escalation
from shelter.services.alerts import raise_alert
from shelter.services.context import Tx
from support.at_once import at_once
from support.world import World, secova_world

DUTY, SECOND, COORDINATOR = "+447700900303", "+447700900399", "+447700900301"
SERVICE = "cpas-aywaille"
VICTIMS = Side.VICTIMS


@pytest.fixture
def world(database: Database) -> World:
    return secova_world(database)


def with_second_phone(world: World) -> None:
    def write(tx: Tx) -> None:
        row = tx.session.get(ServiceRow, SERVICE)
        assert row is not None
        row.second_phone = SECOND
        tx.session.add(row)

    world.system.run(SYSTEM, write)


def raised(world: World, kind: AlertKind = AlertKind.ARRIVAL_MISSED, **given: Any) -> Alert:
    values = {"side": VICTIMS, "reference": "BCDFG", "occasion": str(uuid4())} | given
    alert = world.do(SYSTEM, raise_alert, kind, SERVICE, **values)
    assert alert is not None
    return alert


def arrive(world: World, state: MessageState = MessageState.DELIVERED) -> None:
    """Every message that was sent ends so."""

    def write(tx: Tx) -> None:
        for row in tx.rows.session.exec(tx.rows.select(Message)):
            row.state = state
            tx.session.add(row)

    world.system.run(SYSTEM, write)


def sent(world: World) -> list[tuple[Channel, str]]:
    rows = sorted(world.all(Message), key=lambda row: row.created_at)
    return [(row.channel, row.recipient) for row in rows]


def minutes(world: World, count: float) -> None:
    """Time goes by; what was sent has arrived, and the job runs."""
    arrive(world)
    world.clock.forward(minutes=count)
    for side in Side:
        escalation.escalate(world.system, side)


def test_the_first_step_is_taken_with_the_alert(world: World) -> None:
    alert = raised(world)
    assert sent(world) == [(Channel.SMS, DUTY)]
    steps = sorted(world.all(AlertStep, alert_id=alert.id), key=lambda step: step.number)
    assert [step.due_at - alert.created_at for step in steps] == [s.after for s in USUAL_URGENT]
    assert [step.ended for step in steps] == [StepEnd.TOLD] + [None] * 5


def test_an_alert_that_nobody_answers_goes_from_number_to_number(world: World) -> None:
    with_second_phone(world)
    raised(world)
    for _ in range(25):
        minutes(world, 1)
    assert sent(world) == [
        (Channel.SMS, DUTY),
        (Channel.SMS, SECOND),
        (Channel.VOICE, DUTY),
        (Channel.VOICE, SECOND),
        (Channel.SMS, COORDINATOR),
        (Channel.VOICE, COORDINATOR),
    ]


def test_a_step_is_taken_at_its_minute_and_not_before(world: World) -> None:
    with_second_phone(world)
    raised(world)
    minutes(world, 2.9)
    assert len(sent(world)) == 1
    minutes(world, 0.1)
    assert len(sent(world)) == 2


def test_a_network_may_say_other_steps(database: Database) -> None:
    def edited(text: str) -> str:
        own = '[[escalation.no_show]]\nafter_minutes = 0\ntell = "coordinator"\nby = "voice"\n'
        return text.replace("[convention]", own + "\n[convention]")

    world = secova_world(database, edited=edited)
    raised(world, AlertKind.NO_SHOW)
    assert sent(world) == [(Channel.VOICE, COORDINATOR)]


def test_where_there_is_no_next_number_the_step_behind_it_comes_at_once(world: World) -> None:
    raised(world)
    minutes(world, 3)
    assert sent(world) == [(Channel.SMS, DUTY), (Channel.VOICE, DUTY)]


def test_a_calm_alert_does_not_hurry_on_where_a_service_has_no_phone(world: World) -> None:
    """The coordinator is not woken for what can wait."""
    world.system.run(SYSTEM, lambda tx: tx.session.delete(tx.session.get(ServiceRow, SERVICE)))
    raised(world, AlertKind.STAY_ENDS)
    assert sent(world) == []
    minutes(world, 47 * 60)
    assert sent(world) == []
    minutes(world, 60)
    assert sent(world) == [(Channel.SMS, COORDINATOR)]
    # control: an urgent one does
    raised(world)
    assert sent(world)[1:] == [(Channel.SMS, COORDINATOR)]


def test_whoever_is_on_duty_is_told_on_their_own_phone_and_by_mail_if_they_chose_it(
    world: World,
) -> None:
    worker = world.user(_login_of(world, SERVICE))

    def write(tx: Tx) -> None:
        user = tx.session.get(User, worker.user_id)
        assert user is not None
        user.phone, user.mail, user.wants_mail = "+447700900555", "a@example.org", True
        user.language = "nl"
        tx.session.add(user)
        assert worker.user_id is not None
        tx.session.add(
            Shift(
                side=worker.side,
                service=SERVICE,
                user_id=worker.user_id,
                starts_at=tx.now - timedelta(hours=1),
                ends_at=tx.now + timedelta(hours=8),
                created_at=tx.now,
            )
        )

    world.system.run(SYSTEM, write)
    raised(world)
    assert set(sent(world)) == {(Channel.SMS, "+447700900555"), (Channel.MAIL, "a@example.org")}
    assert {row.language for row in world.all(Message)} == {"nl"}


def _login_of(world: World, service: str) -> str:
    return next(user.login for user in world.all(User) if user.service == service)


# --- messages that do not arrive ------------------------------------------------------------------


@pytest.mark.parametrize(
    "lost", [MessageState.FAILED, MessageState.UNDELIVERED, MessageState.EXPIRED]
)
def test_a_message_that_reached_nobody_brings_the_next_step_at_once(
    world: World, lost: MessageState
) -> None:
    with_second_phone(world)
    raised(world)
    arrive(world, lost)
    escalation.escalate(world.system, VICTIMS)
    assert sent(world)[-1] == (Channel.SMS, SECOND)
    escalation.escalate(world.system, VICTIMS)  # that one is on its way
    assert len(sent(world)) == 2


def test_a_message_that_is_late_brings_the_next_step(database: Database) -> None:
    world = secova_world(
        database, edited=lambda text: text.replace("after_minutes = 3\n", "after_minutes = 5\n", 1)
    )
    with_second_phone(world)
    raised(world)
    arrive(world, MessageState.ACCEPTED)
    world.clock.forward(minutes=2.9)
    escalation.escalate(world.system, VICTIMS)
    assert len(sent(world)) == 1
    world.clock.forward(minutes=0.1)
    escalation.escalate(world.system, VICTIMS)
    assert sent(world)[-1] == (Channel.SMS, SECOND)
    # what was hurried keeps its distance to the steps behind it
    steps = sorted(world.all(AlertStep), key=lambda step: step.number)
    assert steps[2].due_at - steps[1].due_at == timedelta(minutes=1)


def test_control_one_that_arrived_brings_nothing_early(database: Database) -> None:
    world = secova_world(
        database, edited=lambda text: text.replace("after_minutes = 3\n", "after_minutes = 5\n", 1)
    )
    with_second_phone(world)
    raised(world)
    minutes(world, 4)
    assert len(sent(world)) == 1


# --- answers --------------------------------------------------------------------------------------


def test_nobody_else_is_told_once_somebody_answered(world: World) -> None:
    with_second_phone(world)
    alert = raised(world)
    worker = world.user(_login_of(world, SERVICE))
    world.do(worker, alerts.acknowledge, alert.id)
    minutes(world, 60)
    assert len(sent(world)) == 1
    ends = Counter(step.ended for step in world.all(AlertStep))
    assert ends == {StepEnd.TOLD: 1, StepEnd.ANSWERED: 5}


def test_handing_on_tells_the_next_at_once_and_is_no_answer(world: World) -> None:
    with_second_phone(world)
    alert = raised(world)
    worker = world.user(_login_of(world, SERVICE))
    after = world.do(worker, alerts.hand_on, alert.id)
    assert after.acknowledged_at is None
    assert sent(world)[-1] == (Channel.SMS, SECOND)
    minutes(world, 3)
    assert sent(world)[-1] == (Channel.VOICE, DUTY)


def test_where_nobody_is_left_handing_on_is_refused_with_what_to_do(world: World) -> None:
    alert = raised(world)
    minutes(world, 60)
    worker = world.user(_login_of(world, SERVICE))
    with pytest.raises(Conflict) as refusal:
        world.do(worker, alerts.hand_on, alert.id)
    assert refusal.value.code == "nobody_next"


# --- once each ------------------------------------------------------------------------------------


def test_workers_that_tick_at_once_take_each_step_once(world: World) -> None:
    with_second_phone(world)
    ids = [raised(world).id for _ in range(60)]
    arrive(world)
    world.clock.forward(minutes=3)
    assert at_once([lambda: escalation.escalate(world.system, VICTIMS)] * 4) == {"done": 4}
    told = Counter(step.alert_id for step in world.all(AlertStep) if step.ended is StepEnd.TOLD)
    assert told == dict.fromkeys(ids, 2)
    assert len(world.all(Message)) == 120


@pytest.mark.postgres
def test_control_without_the_lock_a_step_is_taken_twice(postgres_database: Database) -> None:
    """On PostgreSQL: SQLite lets one writer in at a time, lock or none."""
    world = secova_world(postgres_database)
    with_second_phone(world)
    raised(world)
    arrive(world)
    world.clock.forward(minutes=3)
    found: list[UUID] = []
    advance = escalation.advance

    def slow(tx: Tx, alert: Alert) -> int:
        taken = advance(tx, alert)
        found.append(alert.id)
        time.sleep(0.5)
        return taken

    def unlocked(self: Any, **_given: Any) -> Any:
        return self

    with (
        mock.patch.object(escalation, "advance", slow),
        mock.patch("sqlmodel.sql.expression.SelectOfScalar.with_for_update", unlocked),
        ThreadPoolExecutor(2) as pool,
    ):
        tries = [pool.submit(escalation.escalate, world.system, VICTIMS) for _ in range(2)]
        for each in tries:
            each.exception()
    assert len(found) >= 2
    assert len([m for m in world.all(Message) if m.recipient == SECOND]) == 2


def test_a_tick_that_dies_before_its_commit_leaves_the_step_to_the_next(world: World) -> None:
    with_second_phone(world)
    raised(world)
    arrive(world)
    world.clock.forward(minutes=3)
    with (
        mock.patch.object(escalation, "_send", side_effect=RuntimeError("killed")),
        pytest.raises(RuntimeError),
    ):
        escalation.escalate(world.system, VICTIMS)
    assert len(sent(world)) == 1
    escalation.escalate(world.system, VICTIMS)
    assert sent(world)[-1] == (Channel.SMS, SECOND)


def test_steps_of_one_side_are_taken_whatever_the_other_side_has(world: World) -> None:
    raised(world)
    ours = world.do(
        SYSTEM,
        raise_alert,
        AlertKind.ARRIVAL_MISSED,
        "garde-secova",
        side=Side.PERPETRATORS,
        reference="X",
        occasion="y",
    )
    assert ours is not None
    arrive(world)
    world.clock.forward(minutes=6)
    escalation.escalate(world.system, Side.PERPETRATORS)
    ended = {step.alert_id for step in world.all(AlertStep) if step.number and step.ended}
    assert ended == {ours.id}


@pytest.mark.postgres
@pytest.mark.slow
def test_a_leader_that_is_killed_again_and_again_skips_nothing_and_repeats_nothing(
    postgres_database: Database,
) -> None:
    """A small ``make chaos-alerts``, without its clock."""
    outcome = escalate_under_fire(postgres_database.url, alerts=30, kills=3, seconds=6)
    assert outcome.leaders
    assert (outcome.twice, outcome.skipped, outcome.steps) == (0, 0, 30 * 4), outcome
