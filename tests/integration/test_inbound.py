"""Answers by SMS: a code and a number together, or nothing changes."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import count

import pytest
from sqlmodel import col, select

from shelter import i18n
from shelter.db.session import Database
from shelter.db.tables import Alert, AlertStep, AuditEntry, InboundSeen, Message, Unit, User
from shelter.domain.alerts import AlertKind, StepEnd
from shelter.domain.household import Person
from shelter.domain.sides import SYSTEM, Side
from shelter.services import intake, placements, sms_answers, watch
from shelter.services.context import Tx
from shelter.services.inbound import receive
from support.world import World, secova_world

SAPV, SITE = "+447700900313", "+447700900101"
_ids = count()

Say = Callable[[str, str], str]


@pytest.fixture
def world(database: Database) -> World:
    return secova_world(database)


@pytest.fixture
def say(world: World) -> Say:
    return lambda sender, text: receive(world.system, sender, text, f"SM-in-{next(_ids)}")


@pytest.fixture
def alert_code(world: World) -> str:
    """The SAPV's duty phone was told of a placement."""
    world.placed(world.user("garde.aywaille"))
    [message] = world.all(Message, recipient=SAPV)
    return message.code


def acknowledged(world: World) -> bool:
    [alert] = world.all(Alert, kind=AlertKind.PLACEMENT_CONFIRMED)
    return alert.acknowledged_at is not None


def reply(key: str, language: str = "fr", **params: str) -> str:
    return i18n.text(language, f"sms.{key}", **params)


# --- alerts -------------------------------------------------------------------------------------


@pytest.mark.parametrize("word", ["OUI", "JA", "YES", "OK", "oui", "Ouï", "d'accord", "okay"])
def test_yes_in_four_languages_acknowledges_an_alert(sqlite_database: Database, word: str) -> None:
    world = secova_world(sqlite_database)
    world.placed(world.user("garde.aywaille"))
    [message] = world.all(Message, recipient=SAPV)
    answer = receive(world.system, SAPV, f"  {word}   {message.code.lower()} !", "SM1")
    assert acknowledged(world)
    assert answer == reply("reply_acknowledged", code=message.code)


def test_an_acknowledgement_is_on_the_record(world: World, say: Say, alert_code: str) -> None:
    say(SAPV, f"OUI {alert_code}")
    [alert] = world.all(Alert, kind=AlertKind.PLACEMENT_CONFIRMED)
    assert (alert.acknowledged_via, alert.acknowledged_by) == ("sms", None)
    [entry] = world.all(AuditEntry, action="alert.acknowledge")
    assert entry.subject == f"alert:{alert.id}"
    assert entry.detail == {"via": "sms", "service": alert.service}


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("OUI", "reply_unknown"),
        ("OUI BCDFH", "reply_wrong_code"),
        ("OUI {code} HJKMN", "reply_two_codes"),
        ("{code}", "reply_unsure_alert"),
        ("OUI NON {code}", "reply_unsure_alert"),
        ("LIBRE {code}", "reply_unsure_alert"),
        ("PAS OUI {code}", "reply_unsure_alert"),
        ("O UI {code}", "reply_unsure_alert"),
        ("STOP {code}", "reply_unsure_alert"),
        ("OUI {code}X", "reply_unknown"),
        ("AIDE {code}", "reply_help"),
        ("", "reply_unknown"),
    ],
)
def test_anything_else_changes_nothing_and_is_answered_helpfully(
    sqlite_database: Database, text: str, answer: str
) -> None:
    world = secova_world(sqlite_database)
    world.placed(world.user("garde.aywaille"))
    [message] = world.all(Message, recipient=SAPV)
    steps = world.all(AlertStep)
    said = receive(world.system, SAPV, text.format(code=message.code), "SM1")
    assert not acknowledged(world)
    assert world.all(AlertStep) == steps
    assert said == reply(answer, code=message.code)
    [seen] = world.all(InboundSeen)
    assert seen.answer == said
    assert seen.command


def test_the_right_code_from_another_phone_changes_nothing(
    world: World, say: Say, alert_code: str
) -> None:
    for sender in (SITE, "+447700900201", "+447700900998"):
        assert say(sender, f"OUI {alert_code}") == reply("reply_wrong_code")
    assert not acknowledged(world)
    say(SAPV, f"OUI {alert_code}")  # control
    assert acknowledged(world)


def test_a_parser_that_needs_no_code_would_change_something(
    world: World, say: Say, alert_code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control of every test here that says "nothing changed"."""
    assert say(SAPV, "OUI") == reply("reply_unknown")
    assert not acknowledged(world)

    def latest(tx: Tx, sender: str, _codes: object) -> Message | None:
        query = tx.rows.select(Message).where(col(Message.recipient) == sender)
        return tx.session.exec(query).first()

    from shelter.domain import commands

    strict = commands._doubt
    monkeypatch.setattr(sms_answers, "answered_message", latest)
    monkeypatch.setattr(
        commands,
        "_doubt",
        lambda *a: None if (d := strict(*a)) is commands.Doubt.NO_CODE else d,
    )
    say(SAPV, "OUI")
    assert acknowledged(world)


def test_the_code_of_another_message_to_the_same_phone_answers_that_one(
    world: World, say: Say, alert_code: str
) -> None:
    world.placed(world.user("garde.trooz"))
    other = next(m for m in world.all(Message, recipient=SAPV) if m.code != alert_code)
    say(SAPV, f"OUI {other.code}")
    done = {a.id for a in world.all(Alert) if a.acknowledged_at is not None}
    assert done == {other.alert_id}


def test_saying_yes_twice_is_no_error_and_the_first_counts(
    world: World, say: Say, alert_code: str
) -> None:
    say(SAPV, f"OUI {alert_code}")
    at = world.clock.now()
    world.clock.forward(hours=1)
    assert say(SAPV, f"OUI {alert_code}") == reply("reply_acknowledged", code=alert_code)
    [alert] = world.all(Alert, kind=AlertKind.PLACEMENT_CONFIRMED)
    assert alert.acknowledged_at == at


@pytest.mark.parametrize("word", ["NON", "suivant", "volgende", "nächste"])
def test_not_me_tells_the_next_number_at_once(sqlite_database: Database, word: str) -> None:
    world = secova_world(sqlite_database)
    world.placed(world.user("garde.aywaille"))
    [message] = world.all(Message, recipient=SAPV)

    def taken() -> int:
        steps = world.all(AlertStep, alert_id=message.alert_id)
        return sum(step.ended in {StepEnd.TOLD, StepEnd.NOBODY} for step in steps)

    before = taken()
    said = receive(world.system, SAPV, f"{word} {message.code}", "SM1")
    assert said == reply("reply_handed_on", code=message.code)
    assert taken() > before
    assert not acknowledged(world)
    [entry] = world.all(AuditEntry, action="alert.hand_on")
    assert entry.detail["via"] == "sms"


def test_what_somebody_took_is_not_handed_on(world: World, say: Say, alert_code: str) -> None:
    say(SAPV, f"OUI {alert_code}")
    assert say(SAPV, f"NON {alert_code}") == reply("reply_taken", code=alert_code)
    assert not world.all(AuditEntry, action="alert.hand_on")


def test_when_there_is_nobody_next_somebody_is_told_to_call(
    world: World, say: Say, alert_code: str
) -> None:
    for _ in world.all(AlertStep):
        answer = say(SAPV, f"NON {alert_code}")
    assert answer == reply("reply_nobody_next", code=alert_code)


# --- once ---------------------------------------------------------------------------------------


def test_a_replayed_webhook_gets_the_same_answer_and_does_nothing(
    world: World, alert_code: str
) -> None:
    answer = receive(world.system, SAPV, f"OUI {alert_code}", "SM-same")
    entries = len(world.all(AuditEntry))
    for text in (f"OUI {alert_code}", f"NON {alert_code}", "QUI", "?"):
        assert receive(world.system, SAPV, text, "SM-same") == answer
    assert len(world.all(AuditEntry)) == entries
    [seen] = world.all(InboundSeen)
    assert (seen.command, seen.answer) == ("acknowledge", answer)


def test_a_webhook_that_comes_twice_in_the_same_moment_is_dealt_with_once(
    world: World, alert_code: str
) -> None:
    """Found broken on PostgreSQL: the copy ended in an error of the server."""
    line = threading.Barrier(8)

    def arrive(_number: int) -> str:
        line.wait(timeout=20)
        return receive(world.system, SAPV, f"OUI {alert_code}", "SM-same")

    with ThreadPoolExecutor(8) as pool:
        answers = Counter(pool.map(arrive, range(8)))

    assert answers == {reply("reply_acknowledged", code=alert_code): 8}
    assert len(world.all(InboundSeen)) == 1
    assert len(world.all(AuditEntry, action="alert.acknowledge")) == 1


def test_a_post_that_somebody_kept_counts_no_more_when_its_record_is_gone(
    world: World, say: Say, alert_code: str
) -> None:
    """Its request may be open for months, and so may its messages be kept."""
    world.clock.forward(days=30)
    assert say(SAPV, f"OUI {alert_code}") == reply("reply_wrong_code")
    assert not acknowledged(world)
    world.clock.forward(minutes=-1)
    assert say(SAPV, f"OUI {alert_code}") == reply("reply_acknowledged", code=alert_code)


# --- placements ---------------------------------------------------------------------------------


@pytest.fixture
def expected(world: World) -> Message:
    """A site was told that somebody comes."""
    world.placed(world.user("garde.aywaille"))
    [message] = world.all(Message, template="sms.placement_expected")
    return message


def _answers(world: World, message: Message) -> list[dict[str, str]]:
    """What the worker of the request reads in its history."""
    worker = world.user("garde.aywaille")
    assert message.request_id is not None
    entries = world.do(worker, intake.history, message.request_id)
    return [e.detail for e in entries if e.action == "message.answer"]


def test_a_site_that_agrees_is_seen_in_the_history(
    world: World, say: Say, expected: Message
) -> None:
    answer = say(expected.recipient, f"oui {expected.code}")
    assert answer == reply("reply_acknowledged", code=expected.code)
    assert _answers(world, expected) == [{"answer": "yes", "via": "sms"}]
    assert not world.all(Alert, kind=AlertKind.SITE_DECLINED)


def test_a_site_that_declines_alerts_who_placed_them_and_frees_nothing(
    world: World, say: Say, expected: Message
) -> None:
    for _ in range(2):
        answer = say(expected.recipient, f"impossible {expected.code}")
        assert answer == reply("reply_declined", code=expected.code)
    [alert] = world.all(Alert, kind=AlertKind.SITE_DECLINED)
    assert (alert.service, alert.request_id) == ("cpas-aywaille", expected.request_id)
    assert alert.placement_id is not None
    assert world.placement(alert.placement_id).state.value == "confirmed"
    assert [a["answer"] for a in _answers(world, expected)] == ["no", "no"]
    assert world.all(Message, alert_id=alert.id)[0].urgent


def test_an_answer_about_what_is_over_changes_nothing(
    world: World, say: Say, expected: Message
) -> None:
    worker = world.user("garde.aywaille")
    [placement] = world.do(worker, lambda tx: list(tx.rows.live_placements()))
    world.do(worker, placements.cancel, placement.id)
    for word in ("OUI", "NON"):
        said = say(expected.recipient, f"{word} {expected.code}")
        assert said == reply("reply_over", code=expected.code)
    assert not _answers(world, expected)
    assert not world.all(Alert, kind=AlertKind.SITE_DECLINED)


def test_a_message_that_asks_for_nothing_may_be_confirmed_and_not_declined(
    world: World, say: Say, expected: Message
) -> None:
    [told] = world.all(Message, template="sms.placement_confirmed")
    assert say(told.recipient, f"NON {told.code}") == reply("reply_unsure_notice", code=told.code)
    assert not _answers(world, told)
    say(told.recipient, f"ok {told.code} merci")
    assert _answers(world, told) == [{"answer": "yes", "via": "sms"}]


# --- the language -------------------------------------------------------------------------------


def _speak(world: World, site_name: str, phone: str, language: str) -> None:
    def change(tx: Tx) -> None:
        [site] = [site for site in tx.rows.sites() if site.name == site_name]
        site.contact_phone, site.contact_language = phone, language
        tx.session.add(site)

    world.system.run(SYSTEM, change)


def test_still_true_by_sms_makes_a_unit_fresh(world: World, say: Say) -> None:
    world.clock.forward(days=2)
    watch.chase_stale_availability(world.system)
    asked = [m for m in world.all(Message, recipient=SITE) if m.unit_id is not None]
    first = asked[0]
    assert say(SITE, f"oui {first.code}") == reply("reply_still_true", code=first.code)
    for message in asked:
        [unit] = world.all(Unit, id=message.unit_id)
        fresh = unit.confirmed_at == world.clock.now()
        assert fresh == (message is first)  # control: the other unit of the site is not
    [entry] = world.all(AuditEntry, action="unit.still_true")
    assert entry.detail == {"via": "sms"}


def test_people_are_answered_in_the_language_of_the_place_that_they_were_asked_about(
    world: World, say: Say
) -> None:
    phone = "+32470999888"
    _speak(world, "Ardoise", phone, "de")
    world.clock.forward(days=2)
    watch.chase_stale_availability(world.system)
    message = world.all(Message, recipient=phone)[0]
    unsure = reply("reply_unsure_unit", "de", code=message.code)
    assert say(phone, f"? {message.code}") == unsure
    assert say(phone, f"ja {message.code}") == reply("reply_still_true", "de", code=message.code)
    assert say(phone, "?") == reply("reply_unknown", "fr")  # of no message: the network's first
    assert say(phone, "hilfe") == reply("reply_help", "de")  # or that of the words


def test_the_answer_to_one_side_tells_nothing_of_the_other(world: World, say: Say) -> None:
    phone = "+32470999888"
    _speak(world, "Ardoise", phone, "de")
    world.clock.forward(days=2)
    watch.chase_stale_availability(world.system)
    message = world.all(Message, recipient=phone)[0]
    words = ("?", f"? {message.code}", f"ja {message.code}", "wer", "wer cpas trooz", "ja BCDFH")
    before = [say(phone, each) for each in words]
    _speak(world, "Genêt", phone, "nl")  # a victim site's contact has the same telephone
    victims = world.user("logement.chaudfontaine").user_id

    def share(tx: Tx) -> None:
        user = tx.session.get(User, victims)
        assert user is not None
        user.phone, user.language = phone, "nl"
        tx.session.add(user)
        twin = Message(**message.model_dump(exclude={"id", "side", "occasion"}), side=Side.VICTIMS)
        tx.session.add(twin)  # codes are unique on a side only

    world.system.run(SYSTEM, share)
    assert [say(phone, each) for each in words] == before
    _speak(world, "Ardoise", phone, "en")  # control: their own side's counts
    assert say(phone, words[1]) == reply("reply_unsure_unit", "en", code=message.code)


def test_the_perpetrator_side_is_settled_without_a_look_at_the_other(
    world: World, say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    _speak(world, "Ardoise", "+32470999888", "de")
    world.clock.forward(days=2)
    watch.chase_stale_availability(world.system)
    message = world.all(Message, recipient="+32470999888")[0]
    seen: list[tuple[object, ...]] = []
    run = type(world.system.database).run

    def watched(self: Database, work: object, **more: object) -> object:
        seen.append(tuple(more.get("sides", ())))  # type: ignore[arg-type]
        return run(self, work, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(type(world.system.database), "run", watched)
    say("+32470999888", f"ja {message.code}")
    assert [sorted(str(side) for side in sides) for sides in seen] == [["perpetrators"]]
    seen.clear()
    say(SITE, "?")  # control: nobody's text goes on to the victim side
    assert len(seen) == 2


def test_a_man_is_declined_on_his_own_side(world: World, say: Say) -> None:
    world.placed(world.user("garde.auteurs"), people={Person.MAN: 1})
    [message] = world.all(Message, template="sms.placement_expected")
    say(message.recipient, f"NON {message.code}")
    [alert] = world.all(Alert, kind=AlertKind.SITE_DECLINED)
    assert (alert.side.value, alert.service) == ("perpetrators", message_service(world, message))


def message_service(world: World, message: Message) -> str:
    def look(tx: Tx) -> str:
        from shelter.db.tables import Request

        return str(
            tx.session.exec(
                select(Request.service).where(col(Request.id) == message.request_id)
            ).one()
        )

    return world.system.run(SYSTEM, look)


def test_the_window_for_answers_is_that_of_the_record(world: World) -> None:
    from shelter.domain.retention import Kind

    kept = world.system.run(SYSTEM, lambda tx: tx.network.retention)
    now = world.clock.now()
    assert now - kept.cutoff(Kind.INBOUND_MESSAGES, now) == timedelta(days=30)
