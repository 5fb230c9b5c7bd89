"""Who is on call, and who opted out: by SMS, of one's own side, with no names."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

import pytest

from shelter import i18n
from shelter.db.session import Database
from shelter.db.tables import Alert, AuditEntry, DeafPhone, InboundSeen, Message, User
from shelter.domain.alerts import AlertKind
from shelter.domain.command_words import OPT_OUT_WORDS
from shelter.domain.sides import SYSTEM, Side
from shelter.services.context import Tx
from shelter.services.deaf import phone_is_deaf
from shelter.services.inbound import receive
from support.world import World, secova_world

#: of the sample: a worker of CPAS Aywaille and its duty phone, a victim site of it
WORKER, DUTY, SITE = "+447700900201", "+447700900303", "+447700900101"
SAPV, COORDINATION, STRANGER = "+447700900313", "+447700900301", "+32470123456"
_ids = count()
Say = Callable[[str, str], str]


@pytest.fixture
def world(database: Database) -> World:
    return secova_world(database)


@pytest.fixture
def say(world: World) -> Say:
    return lambda sender, text: receive(world.system, sender, text, f"SM-people-{next(_ids)}")


def phone_of(world: World, login: str) -> str:
    [user] = world.all(User, login=login)
    assert user.phone is not None
    return user.phone


def number(phone: str, language: str = "fr") -> str:
    return i18n.text(language, "sms.reply_who", number=phone)


# --- who is on call -----------------------------------------------------------------------------


def test_whom_the_network_knows_gets_the_number_of_their_own_service(
    world: World, say: Say
) -> None:
    for sender in (phone_of(world, "garde.aywaille"), DUTY, SITE):
        assert say(sender, "QUI") == number(DUTY)
    assert say(DUTY, "Wie heeft er wacht?") == number(DUTY, "nl")
    assert say(DUTY, "wer hat Dienst") == number(DUTY, "de")
    assert say(DUTY, "who is on call?") == number(DUTY, "en")


def test_another_service_is_named_by_words_of_its_name(world: World, say: Say) -> None:
    assert say(DUTY, "qui cpas trooz") == number("+447700900307")
    assert say(DUTY, "Qui est de garde au CPAS de Sprimont") in {
        number("+447700900306"),
        i18n.text("fr", "sms.reply_who_which"),
    }
    assert say(DUTY, "qui nulle part") == i18n.text("fr", "sms.reply_who_which")
    assert say(DUTY, "qui cpas") == i18n.text("fr", "sms.reply_who_which")  # there are five


def test_a_stranger_is_told_no_number(world: World, say: Say) -> None:
    answer = say(STRANGER, "QUI")
    assert answer == i18n.text("fr", "sms.reply_unknown")
    assert "+" not in answer


def test_nobody_is_told_a_name(world: World, say: Say) -> None:
    answer = say(DUTY, "QUI")
    for user in world.all(User):
        assert user.name not in answer


def test_the_perpetrator_side_is_told_of_its_own_services_alone(world: World, say: Say) -> None:
    theirs = phone_of(world, "garde.auteurs")
    own = say(theirs, "QUI")
    assert own.startswith(number("").strip())
    for service in ("cpas trooz", "cpas aywaille", "cpas chaudfontaine", "commune trooz"):
        assert say(theirs, f"qui {service}") == i18n.text("fr", "sms.reply_who_which")
    # control: the other side finds it
    assert say(DUTY, "qui cpas trooz") == number("+447700900307")


def test_what_the_perpetrator_side_is_told_depends_on_nothing_of_the_other(
    world: World, say: Say
) -> None:
    theirs = phone_of(world, "garde.auteurs")
    asked = ("QUI", "qui cpas trooz", "qui coordination", "aide", "oui BCDFH", "?")
    before = [say(theirs, each) for each in asked]

    def share(tx: Tx) -> None:
        user = tx.session.get(User, world.user("garde.trooz").user_id)
        assert user is not None
        user.phone, user.language = theirs, "nl"
        tx.session.add(user)

    world.system.run(SYSTEM, share)
    assert [say(theirs, each) for each in asked] == before


# --- opting out ---------------------------------------------------------------------------------


@pytest.mark.parametrize("word", sorted(OPT_OUT_WORDS))
def test_an_opt_out_alarms_the_coordinator_and_is_answered_by_the_carrier(
    sqlite_database: Database, word: str
) -> None:
    world = secova_world(sqlite_database)
    assert receive(world.system, DUTY, word.lower(), "SM1") == ""
    [seen] = world.all(InboundSeen)
    assert (seen.command, seen.answer) == ("opt_out", "")
    [alert] = world.all(Alert, kind=AlertKind.DUTY_PHONE_DEAF)
    assert (alert.service, alert.side) == ("coordination-secova", Side.VICTIMS)
    assert alert.reference == DUTY[-4:]
    [told] = world.all(Message, alert_id=alert.id)
    assert told.recipient == COORDINATION
    assert DUTY not in told.body


def test_a_phone_is_deaf_once_and_hears_again(world: World, say: Say) -> None:
    for _ in range(3):
        say(DUTY, "STOP")
    assert len(world.all(Alert, kind=AlertKind.DUTY_PHONE_DEAF)) == 1
    assert [row.number for row in world.all(DeafPhone)] == [DUTY]
    assert say(DUTY, "START") == ""
    assert world.all(DeafPhone) == []
    world.clock.forward(minutes=1)
    say(DUTY, "STOP")  # again: told again
    assert len(world.all(Alert, kind=AlertKind.DUTY_PHONE_DEAF)) == 2
    assert DUTY not in str([entry.detail for entry in world.all(AuditEntry)])


def test_the_alarm_is_the_perpetrator_sides_when_the_phone_is_theirs_alone(
    world: World, say: Say
) -> None:
    say(phone_of(world, "garde.auteurs"), "STOP")
    [alert] = world.all(Alert, kind=AlertKind.DUTY_PHONE_DEAF)
    assert alert.side is Side.PERPETRATORS


def test_a_strangers_opt_out_alarms_nobody(world: World, say: Say) -> None:
    assert say(STRANGER, "STOP") == ""
    assert world.all(Alert) == []
    assert [row.number for row in world.all(DeafPhone)] == [STRANGER]


def test_a_deaf_phone_is_not_given_out(world: World, say: Say) -> None:
    say(DUTY, "STOP")
    assert say(SITE, "QUI") != number(DUTY)


def test_what_the_carrier_says_is_believed_and_answered_by_it_alone(world: World) -> None:
    for sid, (text, said, what) in enumerate(
        (("arrêt", "STOP", "opt_out"), ("reprendre", "START", "opt_in"), ("info", "HELP", "help"))
    ):
        assert receive(world.system, DUTY, text, f"SM{sid}", said) == ""
        [seen] = world.all(InboundSeen, provider_id=f"SM{sid}")
        assert seen.command == what
    assert len(world.all(Alert, kind=AlertKind.DUTY_PHONE_DEAF)) == 1
    assert world.all(DeafPhone) == []


def test_a_word_that_is_not_alone_is_no_opt_out(world: World, say: Say) -> None:
    assert say(DUTY, "STOP svp") != ""
    assert world.all(DeafPhone) == []


def test_the_carriers_error_and_the_word_note_it_once(world: World, say: Say) -> None:
    world.system.run(SYSTEM, lambda tx: phone_is_deaf(tx, SAPV))
    say(SAPV, "STOP")
    assert len(world.all(Alert, kind=AlertKind.DUTY_PHONE_DEAF)) == 1
