"""Who is on duty: shifts, gaps, swaps, and whom the telephone reaches."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlmodel import Session, col, select

from shelter.db.session import Database
from shelter.db.tables import DeafPhone, ServiceRow, Shift, User
from shelter.domain.sides import BOTH_SIDES, SYSTEM
from shelter.services.context import Tx
from shelter.services.rota import OnDuty, Reachable, numbers, on_duty
from support.world import World, secova_world

GARDE = "cpas-aywaille"


@pytest.fixture
def world(database: Database) -> World:
    return secova_world(database)


def change(world: World, login: str, **values: Any) -> User:
    def work(session: Session) -> User:
        user = session.exec(select(User).where(col(User.login) == login)).one()
        for name, value in values.items():
            setattr(user, name, value)
        session.add(user)
        return user

    return world.system.database.run(work, sides=BOTH_SIDES)


def colleague(world: World, login: str, of: str = "garde.aywaille", **values: Any) -> User:
    """Another account of the same service."""

    def work(session: Session) -> User:
        known = session.exec(select(User).where(col(User.login) == of)).one()
        given = known.model_dump(exclude={"id"}) | {"login": login, "name": login, "phone": None}
        row = User(**(given | values))
        session.add(row)
        return row

    return world.system.database.run(work, sides=BOTH_SIDES)


def on_shift(
    world: World,
    login: str,
    *,
    line: int = 1,
    start: datetime | None = None,
    hours: float = 12,
) -> Shift:
    """A row as it lies in the database, past every rule."""
    user = world.user(login)
    assert user.user_id is not None
    person = user.user_id
    start = start or world.clock.now() - timedelta(hours=1)

    def work(session: Session) -> Shift:
        row = Shift(
            side=user.side,
            service=str(user.service),
            user_id=person,
            line=line,
            starts_at=start,
            ends_at=start + timedelta(hours=hours),
            created_at=world.clock.now(),
        )
        session.add(row)
        return row

    return world.system.database.run(work, sides=BOTH_SIDES)


def who(world: World, service: str = GARDE, at: datetime | None = None) -> list[OnDuty]:
    return world.do(SYSTEM, on_duty, service, at)


def reached(world: World, service: str = GARDE) -> list[Reachable]:
    return world.do(SYSTEM, numbers, service)


def phones(world: World, *, duty: str | None, second: str | None = None) -> None:
    def work(tx: Tx) -> None:
        row = tx.session.get(ServiceRow, GARDE) or ServiceRow(key=GARDE, updated_at=tx.now)
        row.duty_phone, row.second_phone = duty, second
        tx.session.add(row)

    world.system.run(SYSTEM, work)


# --- whom the telephone reaches -----------------------------------------------------------------


def test_who_is_on_duty_is_read_at_the_instant_that_is_asked_about(world: World) -> None:
    shift = on_shift(world, "garde.aywaille", hours=12)
    assert [person.user_id for person in who(world)] == [shift.user_id]
    assert who(world)[0].until == shift.ends_at
    assert len(who(world, at=shift.starts_at)) == 1
    assert who(world, at=shift.ends_at) == [], "the end is the next person's"
    assert who(world, at=shift.starts_at - timedelta(seconds=1)) == []


def test_nobody_whose_account_has_ended_or_moved_is_called(world: World) -> None:
    on_shift(world, "garde.aywaille")
    assert len(who(world)) == 1
    change(world, "garde.aywaille", active=False)
    assert who(world) == []


def test_mail_is_told_of_those_who_want_it(world: World) -> None:
    on_shift(world, "garde.aywaille")
    change(world, "garde.aywaille", mail="garde@example.org")
    assert who(world)[0].mail is None
    change(world, "garde.aywaille", wants_mail=True)
    assert who(world)[0].mail == "garde@example.org"


def test_numbers_are_tried_by_line_and_the_duty_phone_stands_between(world: World) -> None:
    phones(world, duty="+32470000001", second="+32470000002")
    first = change(world, "garde.aywaille", phone="+32470000011")
    second = colleague(world, "garde.two", phone="+32470000012")
    assert [each.number for each in reached(world)] == ["+32470000001", "+32470000002"]
    assert [each.user_id for each in reached(world)] == [None, None]

    on_shift(world, "garde.two", line=2)
    on_shift(world, "garde.aywaille", line=1)
    assert [(each.number, each.user_id) for each in reached(world)] == [
        ("+32470000011", first.id),
        ("+32470000001", None),
        ("+32470000012", second.id),
        ("+32470000002", None),
    ]


def test_the_duty_phone_comes_first_where_the_first_line_has_no_number(world: World) -> None:
    phones(world, duty="+32470000001")
    change(world, "garde.aywaille", phone=None)
    on_shift(world, "garde.aywaille")
    assert [each.number for each in reached(world)] == ["+32470000001"]


def test_no_number_is_tried_twice_and_none_that_hears_nothing(world: World) -> None:
    phones(world, duty="+32470000001", second="+32470000002")
    change(world, "garde.aywaille", phone="+32470000001")
    on_shift(world, "garde.aywaille")
    assert [each.number for each in reached(world)] == ["+32470000001", "+32470000002"]

    def deaf(tx: Tx) -> None:
        tx.session.add(DeafPhone(number="+32470000001", since=tx.now))

    world.system.run(SYSTEM, deaf)
    assert [each.number for each in reached(world)] == ["+32470000002"]
