"""Signing in: one answer for every mistake, and a session that ends."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Any

import pytest
from argon2 import PasswordHasher
from sqlmodel import col, select

from shelter.cli import DEMO_PASSWORD
from shelter.db.session import Database
from shelter.db.tables import User, UserSession
from shelter.domain.errors import Conflict, Invalid, NotSignedIn
from shelter.domain.sides import SYSTEM, Role, Side
from shelter.services import access
from shelter.services.access import (
    SESSION_IDLE,
    SESSION_LENGTH,
    actor_of_token,
    create_user,
    sign_in,
    sign_out,
)
from shelter.services.context import Tx
from support.world import World, secova_world

LOGIN = "garde.aywaille"


@pytest.fixture
def world(database: Database) -> World:
    return secova_world(database)


def deactivate(tx: Tx, login: str) -> None:
    user = tx.session.exec(select(User).where(col(User.login) == login)).one()
    user.active = False
    tx.session.add(user)


def test_the_right_password_opens_a_session_as_oneself(world: World) -> None:
    signed_in = sign_in(world.system, f"  {LOGIN.upper()} ", DEMO_PASSWORD)
    assert signed_in.actor == world.user(LOGIN)
    assert actor_of_token(world.system, signed_in.token) == world.user(LOGIN)
    assert signed_in.expires_at == world.clock.now() + SESSION_LENGTH


def test_every_mistake_gets_the_same_answer(world: World) -> None:
    world.do(SYSTEM, deactivate, "garde.trooz")
    answers = set()
    for login, password in (
        (LOGIN, "wrong"),
        ("nobody.here", DEMO_PASSWORD),
        ("garde.trooz", DEMO_PASSWORD),
        ("", ""),
    ):
        with pytest.raises(NotSignedIn) as refusal:
            sign_in(world.system, login, password)
        answers.add((refusal.value.code, tuple(refusal.value.params)))
    assert answers == {("wrong_password", ())}
    assert world.all(UserSession) == []


def test_an_unknown_login_costs_the_same_hash(world: World) -> None:
    """The stand-in has the parameters of a real hash, or its time would tell who has an account."""
    [user] = world.all(User, login=LOGIN)
    assert access._DUMMY.rsplit("$", 2)[0] == user.password_hash.rsplit("$", 2)[0]
    assert PasswordHasher().verify(user.password_hash, DEMO_PASSWORD)


def test_only_a_hash_of_the_token_is_stored(world: World) -> None:
    token = sign_in(world.system, LOGIN, DEMO_PASSWORD).token
    [session] = world.all(UserSession)
    assert session.token_hash == hashlib.sha256(token.encode()).hexdigest()
    assert token not in str(session)
    assert actor_of_token(world.system, session.token_hash) is None  # the hash opens nothing


def test_each_sign_in_has_a_token_of_its_own_and_signing_out_ends_only_that(world: World) -> None:
    one = sign_in(world.system, LOGIN, DEMO_PASSWORD)
    two = sign_in(world.system, LOGIN, DEMO_PASSWORD)
    assert one.token != two.token
    world.do(one.actor, sign_out, one.token)
    assert actor_of_token(world.system, one.token) is None
    assert actor_of_token(world.system, two.token) is not None


def test_an_idle_session_ends(world: World) -> None:
    token = sign_in(world.system, LOGIN, DEMO_PASSWORD).token
    for _ in range(3):  # control: use keeps it open
        world.clock.forward(hours=1, minutes=59)
        assert actor_of_token(world.system, token) is not None
    world.clock.forward(seconds=SESSION_IDLE.total_seconds())
    assert actor_of_token(world.system, token) is None


def test_a_session_ends_after_a_shift_however_busy(world: World) -> None:
    token = sign_in(world.system, LOGIN, DEMO_PASSWORD).token
    end = world.clock.now() + SESSION_LENGTH
    while world.clock.now() < end - timedelta(hours=1):
        world.clock.forward(hours=1)
        assert actor_of_token(world.system, token) is not None
    world.clock.at = end
    assert actor_of_token(world.system, token) is None


def test_a_deactivated_account_is_out_at_once(world: World) -> None:
    token = sign_in(world.system, LOGIN, DEMO_PASSWORD).token
    world.do(SYSTEM, deactivate, LOGIN)
    assert actor_of_token(world.system, token) is None


def test_a_made_up_token_is_nobody(world: World) -> None:
    for token in ("", "x", "a" * 43):
        assert actor_of_token(world.system, token) is None


def test_an_account_names_every_wrong_field(world: World) -> None:
    given: dict[str, Any] = {
        "login": "nouvelle.garde",
        "name": "Nouvelle garde",
        "password": "une-phrase-assez-longue",
        "role": Role.ON_CALL,
        "side": Side.VICTIMS,
        "service": "cpas-trooz",
    }
    for change, field in (
        ({"login": "a"}, "login"),
        ({"password": "short"}, "password"),
        ({"side": None}, "side"),
        ({"role": Role.SAPV}, "side"),
        ({"service": "cpas-huy"}, "service"),
        ({"phone": "0470"}, "phone"),
    ):
        with pytest.raises(Invalid) as refusal:
            world.do(SYSTEM, create_user, **(given | change))
        assert [problem.field for problem in refusal.value.problems] == [field]
    world.do(SYSTEM, create_user, **given)
    with pytest.raises(Conflict):
        world.do(SYSTEM, create_user, **given)
