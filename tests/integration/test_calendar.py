"""Calendar feeds that tell no more than hours, and calendar files that are never trusted."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import icalendar
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import Session, col, select

from shelter.db.session import Database
from shelter.db.tables import AuditEntry, CalendarFeed, Shift, User
from shelter.domain.errors import Conflict, Invalid, NotAllowed, NotFound
from shelter.domain.sides import BOTH_SIDES
from shelter.services import shifts
from shelter.services.calendar_feed import make_feed, read_feed, revoke_feed
from shelter.services.calendar_file import MAX_CHARACTERS, MAX_EVENTS, read_calendar
from shelter.services.calendar_import import Change, ImportPlan, LeftOut, apply_import, plan_import
from shelter.services.shifts import ShiftInput
from support.server import As, client_of
from support.world import EVENING, World, secova_world

GARDE = "cpas-aywaille"
BRUSSELS = ZoneInfo("Europe/Brussels")


@pytest.fixture
def world(database: Database) -> World:
    return secova_world(database)


def account(world: World, login: str, **values: Any) -> User:
    """An account of the worker's service, made when there is none."""

    def work(session: Session) -> User:
        user = session.exec(select(User).where(col(User.login) == login)).first()
        if user is None:
            known = session.exec(select(User).where(col(User.login) == "garde.aywaille")).one()
            copied = known.model_dump(exclude={"id", "login", "name", "phone"})
            user = User(**copied, login=login, name=f"Name of {login}")
        for name, value in values.items():
            setattr(user, name, value)
        session.add(user)
        return user

    return world.system.database.run(work, sides=BOTH_SIDES)


def local(day: int, hour: int, month: int = 11) -> datetime:
    return datetime(2026, month, day, hour, tzinfo=BRUSSELS).astimezone(UTC)


def event(uid: str, start: str, end: str, summary: str = "garde.aywaille", *more: str) -> str:
    lines = [
        "BEGIN:VEVENT",
        f"UID:{uid}",
        f"SUMMARY:{summary}",
        f"DTSTART;TZID=Europe/Brussels:{start}",
        f"DTEND;TZID=Europe/Brussels:{end}",
        *more,
        "END:VEVENT",
    ]
    return "\r\n".join(lines)


def calendar(*events: str) -> str:
    parts = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//test//", *events, "END:VCALENDAR", ""]
    return "\r\n".join(parts)


NIGHT = event("night-1", "20261122T220000", "20261123T070000")


def planned(world: World, text: str, login: str = "garde.aywaille") -> ImportPlan:
    return world.do(world.user(login), plan_import, None, text)


def brought(world: World, text: str, login: str = "garde.aywaille") -> ImportPlan:
    plan = planned(world, text, login)
    return world.do(world.user(login), apply_import, None, text, plan.fingerprint)


def changes(plan: ImportPlan) -> list[str]:
    return [line.change.value for line in plan.lines]


# --- feeds --------------------------------------------------------------------------------------


def add(world: World, login: str, day: int, line: int = 1) -> Shift:
    user_id = world.user(login).user_id
    assert user_id is not None
    given_ = ShiftInput(user_id, local(day, 22), local(day + 1, 7), line)
    return world.do(world.user(login), shifts.add_shift, GARDE, given_)[0]


def test_a_feed_is_read_without_signing_in_and_tells_service_line_and_hours_alone(
    world: World,
) -> None:
    account(world, "garde.two", phone="+32470000012", mail="two@example.org")
    add(world, "garde.aywaille", 22)
    add(world, "garde.two", 22, line=2)
    worker = world.user("garde.aywaille")
    tokens = {whole: world.do(worker, make_feed, whole_service=whole) for whole in (False, True)}
    with client_of(world) as client:
        own, whole = (client.get(f"/calendar/{tokens[kind]}.ics") for kind in (False, True))
    assert own.headers["content-type"] == "text/calendar; charset=utf-8"
    (mine,) = icalendar.Calendar.from_ical(own.text).walk("VEVENT")
    assert mine.decoded("DTSTART") == local(22, 22)
    assert str(mine["SUMMARY"]) == "Garde CPAS d'Aywaille, ligne 1"
    assert len(icalendar.Calendar.from_ical(whole.text).walk("VEVENT")) == 2
    names = {property_.split(":")[0].split(";")[0] for property_ in whole.text.splitlines()}
    assert {n for n in names if not n.startswith(" ")} == {
        "BEGIN", "END", "VERSION", "PRODID", "METHOD", "REFRESH-INTERVAL", "UID", "DTSTAMP",
        "DTSTART", "DTEND", "SEQUENCE", "SUMMARY", "X-SHELTER-LINE",
    }  # fmt: skip
    for secret in ("+32470000012", "two@example.org", "Name of", "démo", "garde.two"):
        assert secret not in whole.text


def test_only_a_hash_of_the_address_is_kept_and_nothing_of_it_is_logged(
    world: World, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    with client_of(world) as client:
        worker = As(client, world.system, "garde.aywaille")
        page = worker.call("POST", "/rota/calendar/feeds", data={"key": "x", "whole": "own"})
        found = re.search(r"/calendar/([\w-]{43})\.ics", page.text)
        assert found is not None
        assert client.get(found[0]).status_code == 200
        later = worker.call("GET", "/rota/calendar").text
    (row,) = world.all(CalendarFeed)
    assert found[1] not in later, "it is shown once"
    assert found[1] not in str(row)
    assert row.read_at == world.clock.now()
    assert found[1] not in str([entry.detail for entry in world.all(AuditEntry)])
    printed = capsys.readouterr()
    assert found[1] not in caplog.text + printed.out + printed.err


def test_a_feed_that_was_revoked_or_whose_owner_has_left_is_no_more_there_than_a_guess(
    world: World,
) -> None:
    worker = world.user("garde.aywaille")
    first, second = (world.do(worker, make_feed, whole_service=False) for _ in range(2))
    hashed = {row.token_hash for row in world.all(CalendarFeed)}
    with client_of(world) as client:
        assert client.get(f"/calendar/{first}.ics").status_code == 200
        for one in hashed:
            with pytest.raises(NotFound):
                world.do(world.user("garde.trooz"), revoke_feed, one)
        account(world, "garde.aywaille", active=False)
        gone = client.get(f"/calendar/{first}.ics")
        guess = client.get(f"/calendar/{'x' * 43}.ics")
        assert gone.text.replace(first, "x" * 43) == guess.text
        assert gone.status_code == 404
        account(world, "garde.aywaille", active=True)
        for one in hashed:
            world.do(worker, revoke_feed, one)
        assert client.get(f"/calendar/{second}.ics").status_code == 404
    assert client.get("/calendar/nothing").status_code == 404


def test_a_person_has_few_feeds_and_an_administrator_none(world: World) -> None:
    worker = world.user("garde.aywaille")
    for _ in range(5):
        world.do(worker, make_feed, whole_service=False)
    with pytest.raises(Conflict, match="feeds_too_many"):
        world.do(worker, make_feed, whole_service=False)
    with pytest.raises(NotAllowed):
        world.do(world.user("admin"), make_feed, whole_service=False)


def test_a_feed_of_one_side_shows_no_shift_of_the_other(world: World) -> None:
    """Even were a service on both: the reader's own sides decide."""
    add(world, "garde.aywaille", 22)
    token = world.do(world.user("garde.auteurs"), make_feed, whole_service=True)

    def other_service(session: Session) -> None:
        user = session.exec(select(User).where(col(User.login) == "garde.auteurs")).one()
        user.service = GARDE
        session.add(user)

    world.system.database.run(other_service, sides=BOTH_SIDES)
    assert b"VEVENT" not in read_feed(world.system, token)


# --- import -------------------------------------------------------------------------------------


def test_a_file_is_shown_first_and_then_brought_in_as_it_was_shown(world: World) -> None:
    plan = planned(world, calendar(NIGHT))
    assert changes(plan) == ["new"]
    assert world.all(Shift) == [], "only shown"
    brought(world, calendar(NIGHT))
    (row,) = world.all(Shift)
    assert (row.starts_at, row.ends_at, row.calendar_uid) == (
        local(22, 22),
        local(23, 7),
        "night-1",
    )


def test_the_same_event_again_changes_its_shift_and_makes_no_second_one(world: World) -> None:
    brought(world, calendar(NIGHT))
    assert changes(brought(world, calendar(NIGHT))) == ["same"]
    moved = event("night-1", "20261124T200000", "20261125T070000")
    assert changes(brought(world, calendar(moved))) == ["changed"]
    (row,) = world.all(Shift)
    assert (row.starts_at, row.version) == (local(24, 20), 2)
    cancelled = event("night-1", "20261124T200000", "20261125T070000", "x", "STATUS:CANCELLED")
    assert changes(brought(world, calendar(cancelled))) == ["removed"]
    assert world.all(Shift) == []


def test_a_repeat_keeps_local_time_and_each_of_its_days_is_followed(world: World) -> None:
    world.clock.at = local(10, 12, month=10)
    rule = event(
        "r", "20261017T220000", "20261018T070000", "garde.aywaille", "RRULE:FREQ=WEEKLY;COUNT=3"
    )
    brought(world, calendar(rule))
    rows = sorted(world.all(Shift), key=lambda row: row.starts_at)
    assert [row.starts_at for row in rows] == [
        local(17, 22, month=10),
        local(24, 22, month=10),
        local(31, 22, month=10),
    ]
    lengths = [(row.ends_at - row.starts_at) / timedelta(hours=1) for row in rows]
    assert lengths == [9, 10, 9], "the night of the change is an hour longer"
    one_moved = event(
        "r", "20261025T220000", "20261026T070000", "garde.aywaille",
        "RECURRENCE-ID;TZID=Europe/Brussels:20261024T220000",
    )  # fmt: skip
    fewer = rule.replace("COUNT=3", "COUNT=2")
    assert sorted(changes(brought(world, calendar(fewer, one_moved)))) == [
        "changed",
        "removed",
        "same",
    ]
    assert sorted(row.starts_at for row in world.all(Shift)) == [
        local(17, 22, month=10),
        local(25, 22, month=10),
    ]


def test_a_colleague_is_found_by_mail_login_or_property_and_nobody_else_is(world: World) -> None:
    account(world, "garde.two", mail="Two@Example.org")
    others = (
        event("a", "20261122T080000", "20261122T100000", "x", "ATTENDEE:mailto:two@example.ORG"),
        event("b", "20261122T100000", "20261122T120000", "Garde (GARDE.TWO), ligne 2"),
        event(
            "c", "20261122T120000", "20261122T140000", "x",
            "X-SHELTER-LOGIN:garde.two", "X-SHELTER-LINE:3",
        ),
        event("d", "20261122T140000", "20261122T160000", "garde.trooz"),
        event("e", "20261122T160000", "20261122T180000", "garde.two garde.aywaille"),
        event("f", "20261122T180000", "20261122T180500"),
    )  # fmt: skip
    plan = planned(world, calendar(*others))
    assert [(line.name, line.line, line.why) for line in plan.lines] == [
        ("Name of garde.two", 1, None),
        ("Name of garde.two", 2, None),
        ("Name of garde.two", 3, None),
        (None, 1, LeftOut.NOBODY),
        (None, 1, LeftOut.SEVERAL),
        ("Garde CPAS Aywaille (démo)", 1, LeftOut.LENGTH),
    ]


def test_what_cannot_be_beside_the_rest_is_left_out_and_the_rest_is_brought_in(
    world: World,
) -> None:
    account(world, "garde.two")
    add(world, "garde.aywaille", 22)
    text = calendar(
        event("a", "20261122T220000", "20261123T070000", "garde.two"),
        event("b", "20261123T220000", "20261124T070000", "garde.two"),
        event("c", "20261123T230000", "20261124T010000", "garde.two ligne 2"),
    )
    plan = brought(world, text)
    assert [(line.change, line.why) for line in plan.lines] == [
        (Change.LEFT_OUT, LeftOut.SAME_LINE),
        (Change.NEW, None),
        (Change.LEFT_OUT, LeftOut.SAME_PERSON),
    ]
    assert len(world.all(Shift)) == 2


def test_two_events_that_change_places_are_changed_together(world: World) -> None:
    account(world, "garde.two")
    one, two = ("20261122T220000", "20261123T070000"), ("20261123T220000", "20261124T070000")
    brought(world, calendar(event("a", *one), event("b", *two, "garde.two")))
    plan = brought(world, calendar(event("a", *two), event("b", *one, "garde.two")))
    assert changes(plan) == ["changed", "changed"]


def test_what_was_shown_and_is_no_longer_so_is_not_done(world: World) -> None:
    account(world, "garde.two")
    plan = planned(world, calendar(NIGHT))
    add(world, "garde.two", 22)
    with pytest.raises(Conflict, match="import_changed"):
        world.do(
            world.user("garde.aywaille"), apply_import, None, calendar(NIGHT), plan.fingerprint
        )
    assert len(world.all(Shift)) == 1


def test_a_file_of_another_service_is_no_way_into_it(world: World) -> None:
    for login in ("garde.trooz", "garde.auteurs"):
        with pytest.raises(NotFound):
            world.do(world.user(login), plan_import, GARDE, calendar(NIGHT))
    plan = planned(world, calendar(NIGHT), "garde.auteurs")
    assert [line.why for line in plan.lines] == [LeftOut.NOBODY], "nobody of the other side"


# --- files that nobody should trust -------------------------------------------------------------

BAD = [
    ("", "calendar"),
    ("hello", "calendar"),
    ("BEGIN:VCALENDAR\n", "calendar"),
    ("BEGIN:VCALENDAR\nBEGIN:VEVENT\nEND:VCALENDAR", "calendar"),
    ("%PDF-1.4 \x00\x01", "calendar"),
    (calendar(NIGHT) + "x" * MAX_CHARACTERS, "calendar_large"),
    (calendar(*[NIGHT] * (MAX_EVENTS + 1)), "calendar_many"),
    (calendar(NIGHT.replace("Europe/Brussels", "Mars/Olympus")), "calendar_zone"),
    (calendar(NIGHT.replace("UID:night-1", "X-UID:night-1")), "calendar_uid"),
    (calendar(NIGHT.replace("UID:night-1", "UID:" + "u" * 300)), "calendar_uid"),
    (calendar(NIGHT.replace("20261122T220000", "99999999")), "calendar"),
    *(
        (
            calendar(event("r", "20261122T220000", "20261123T070000", "garde.aywaille", rule)),
            "calendar_rule",
        )
        for rule in (
            "RRULE:FREQ=SECONDLY",
            "RRULE:FREQ=MINUTELY;COUNT=9",
            "RRULE:FREQ=HOURLY",
            "RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
            "RRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30",
            "RRULE:FREQ=DAILY;BYSETPOS=999",
            "RRULE:FREQ=WEEKLY;INTERVAL=0",
            "RRULE:FREQ=WEEKLY;INTERVAL=-1",
            "EXRULE:FREQ=DAILY",
        )
    ),
    (
        calendar(
            event("r", "19010101T000000", "19010101T070000", "x", "RRULE:FREQ=DAILY;INTERVAL=1")
        ),
        "calendar_rule",
    ),
    (
        calendar(
            *(
                event(f"r{n}", "20261122T220000", "20261123T070000", "x", "RRULE:FREQ=DAILY")
                for n in range(5)
            )
        ),
        "calendar_many",
    ),
]


@pytest.mark.parametrize(("text", "code"), BAD)
def test_a_bad_file_is_refused_with_what_to_do(text: str, code: str) -> None:
    with pytest.raises(Invalid) as refused:
        read_calendar(text, EVENING, BRUSSELS)
    assert [(p.field, p.code) for p in refused.value.problems] == [("file", code)]


def test_the_file_itself_decides_no_time_zone() -> None:
    """A zone that the file describes could be hours off, or take long to work out."""
    lie = (
        "BEGIN:VTIMEZONE\r\nTZID:Europe/Brussels\r\nBEGIN:STANDARD\r\nDTSTART:16010101T000000\r\n"
        "TZOFFSETFROM:+0900\r\nTZOFFSETTO:+0900\r\nEND:STANDARD\r\nEND:VTIMEZONE"
    )
    (found,) = read_calendar(calendar(lie, NIGHT), EVENING, BRUSSELS)
    assert found.span.start == local(22, 22)
    outlook = NIGHT.replace("Europe/Brussels", "Romance Standard Time")
    (same,) = read_calendar(calendar(outlook), EVENING, BRUSSELS)
    assert same.span.start == local(22, 22)
    floating = NIGHT.replace(";TZID=Europe/Brussels", "")
    (here,) = read_calendar(calendar(floating), EVENING, BRUSSELS)
    assert here.span.start == local(22, 22)


def test_a_whole_day_is_from_midnight_to_midnight() -> None:
    day = "BEGIN:VEVENT\r\nUID:d\r\nSUMMARY:x\r\nDTSTART;VALUE=DATE:20261122\r\nEND:VEVENT"
    (found,) = read_calendar(calendar(day), EVENING, BRUSSELS)
    assert (found.span.start, found.span.end) == (local(22, 0), local(23, 0))


pieces = st.sampled_from(
    [
        "BEGIN:VEVENT", "END:VEVENT", "UID:a", "SUMMARY:garde.aywaille", "DTSTART:20261122T220000",
        "DTEND:20261123T070000", "DTSTART;VALUE=DATE:20261122", "DURATION:PT9H", "DURATION:-P1D",
        "RRULE:FREQ=DAILY", "RRULE:FREQ=", "RRULE:", "RDATE:20261201T220000", "EXDATE:x",
        "RECURRENCE-ID:20261122T220000", "ATTENDEE:mailto:", "BEGIN:VTIMEZONE", "END:VTIMEZONE",
        "BEGIN:VALARM", "END:VALARM", "DTSTART:00010101T000000Z", "DTEND:99991231T235959Z",
        "X-WR-TIMEZONE:Nowhere", "STATUS:CANCELLED", " folded", "SEQUENCE:x",
    ]
)  # fmt: skip


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(lines=st.lists(st.one_of(pieces, st.text(max_size=30)), max_size=25))
def test_whatever_a_file_holds_it_is_read_or_refused(lines: list[str]) -> None:
    with suppress(Invalid):
        for found in read_calendar(calendar(*lines), EVENING, BRUSSELS):
            assert found.span.end > EVENING


# --- over HTTP ----------------------------------------------------------------------------------


def test_a_file_goes_from_upload_to_preview_to_rota_without_a_script(world: World) -> None:
    with client_of(world) as client:
        worker = As(client, world.system, "garde.aywaille")
        form = {"key": "a", "sent": "form"}
        shown = worker.call(
            "POST",
            "/rota/calendar/import",
            data=form,
            files={"file": ("x.ics", calendar(NIGHT), "text/calendar")},
        )
        assert shown.status_code == 200
        mark = re.search(r'name="fingerprint" value="(\w+)"', shown.text)
        assert mark is not None
        assert world.all(Shift) == []
        sent = {"key": "b", "fingerprint": mark[1], "calendar": calendar(NIGHT)}
        done = worker.call("POST", "/rota/calendar/apply", data=sent)
        assert (done.status_code, len(world.all(Shift))) == (303, 1)
        again = worker.call("POST", "/rota/calendar/apply", data=sent)
        assert (again.status_code, len(world.all(Shift))) == (303, 1)
        for content in (b"", b"\xff\xfe\x00", b"hello"):
            bad = worker.call(
                "POST", "/rota/calendar/import", data=form, files={"file": ("x.ics", content)}
            )
            assert bad.status_code == 422, content
        nothing = worker.call("POST", "/rota/calendar/import", data=form)
        assert nothing.status_code == 422
        stale = worker.call(
            "POST", "/rota/calendar/apply", data=sent | {"key": "c", "fingerprint": "x"}
        )
        assert (stale.status_code, "fingerprint" in stale.text) == (409, False), "nothing to do"
