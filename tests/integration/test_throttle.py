"""Guessing gets nowhere, from however many addresses, and keeps nobody out for long."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from unittest import mock

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from shelter.cli import DEMO_PASSWORD
from shelter.db.session import Database
from shelter.db.tables import AuditEntry, SignInTries
from shelter.domain.errors import NotSignedIn, TooMany
from shelter.domain.sides import SYSTEM
from shelter.services import hashing, throttle
from shelter.services.sessions import SignedIn, Visit
from shelter.services.sign_in import forget_old, with_code, with_password
from support.server import As, client_of
from support.sign_in import code_of, half
from support.world import World, secova_world

LOGIN, POLICE, NOBODY = "garde.aywaille", "sapv.secova", "nobody.here"
GUESSES, ADDRESSES = 10_000, 1_000


@pytest.fixture
def world(database: Database) -> World:
    return secova_world(database)


@pytest.fixture
def tried() -> Iterator[list[str]]:
    """The passwords that were hashed; hashing itself is left out, for it is slow on purpose."""
    seen: list[str] = []

    def is_right(stored: str | None, password: str) -> bool:
        seen.append(password)
        return stored is not None and password == DEMO_PASSWORD

    with mock.patch.object(hashing, "is_right", is_right):
        yield seen


def guess(world: World, login: str, password: str, visit: Visit | None = None) -> str:
    try:
        with_password(world.system, login, password, visit)
    except TooMany:
        return "throttled"
    except NotSignedIn:
        return "wrong"
    return "in"


def attack(world: World, login: str, guesses: int = GUESSES) -> None:
    """One after the other, spread over an hour."""
    for number in range(guesses):
        guess(world, login, f"guess-{number}")
        world.clock.forward(seconds=3600 / guesses)


@pytest.mark.slow
def test_of_ten_thousand_guesses_in_an_hour_ten_at_most_are_tried(
    world: World, tried: list[str]
) -> None:
    attack(world, LOGIN)
    assert 5 <= len(tried) <= 10


def test_a_login_that_nobody_has_is_counted_like_any_other(world: World, tried: list[str]) -> None:
    for login in (LOGIN, NOBODY):
        tried.clear()
        attack(world, login, 600)
        assert 5 <= len(tried) <= 10, login
    # the same tries at the same moments of their hour
    assert len({row.failed for row in world.all(SignInTries)}) == 1


def test_control_without_the_throttle_all_are_tried(world: World, tried: list[str]) -> None:
    with mock.patch.object(throttle, "wait_after", return_value=timedelta()):
        attack(world, LOGIN, 200)
    assert len(tried) == 200


def test_addresses_are_not_looked_at(world: World, tried: list[str]) -> None:
    """Over HTTP, each guess from another address, as far as headers can say so."""
    with client_of(world) as client:
        answers = [
            client.post(
                "/api/v1/session",
                json={"login": LOGIN, "password": f"guess-{number}"},
                headers={
                    "X-Forwarded-For": f"203.0.{number % ADDRESSES // 250}.{number % 250}",
                    "Forwarded": f"for=198.51.100.{number % 250}",
                },
            )
            for number in range(100)
        ]
    assert len(tried) == throttle.FREE
    assert [answer.status_code for answer in answers] == [401] * 5 + [429] * 95
    assert all(int(answer.headers["retry-after"]) <= 60 for answer in answers[5:])


def test_guesses_at_once_get_no_further_than_one_after_the_other(
    world: World, tried: list[str]
) -> None:
    start = threading.Barrier(20, timeout=30)

    def one(number: int) -> str:
        start.wait()
        return guess(world, LOGIN, f"guess-{number}")

    with ThreadPoolExecutor(20) as pool:
        outcomes = list(pool.map(one, range(20)))
    assert len(tried) == throttle.FREE
    assert outcomes.count("throttled") == 15


def test_the_person_gets_in_on_a_device_that_is_known_while_the_attack_goes_on(
    world: World, tried: list[str]
) -> None:
    entered = with_password(world.system, LOGIN, DEMO_PASSWORD)
    assert isinstance(entered, SignedIn) and entered.known_device
    known = Visit(known_device=entered.known_device)
    attack(world, LOGIN, 100)
    assert guess(world, LOGIN, DEMO_PASSWORD) == "throttled"  # control: from elsewhere
    for _ in range(3):
        assert guess(world, LOGIN, DEMO_PASSWORD, known) == "in"
    # and that does not give the attacker new tries
    assert guess(world, LOGIN, "guess") == "throttled"


def test_a_device_is_known_for_one_login_and_cannot_be_made_up(
    world: World, tried: list[str]
) -> None:
    other = with_password(world.system, "garde.trooz", DEMO_PASSWORD)
    assert isinstance(other, SignedIn) and other.known_device
    name = other.known_device.partition(".")[0]
    attack(world, LOGIN, 50)
    tried.clear()
    for made_up in (other.known_device, f"{name}.", f"{name}.{'0' * 64}", "x.y", ".", ""):
        assert guess(world, LOGIN, DEMO_PASSWORD, Visit(known_device=made_up)) == "throttled"
    assert tried == []


def test_a_known_device_is_no_way_to_guess_on(world: World, tried: list[str]) -> None:
    entered = with_password(world.system, LOGIN, DEMO_PASSWORD)
    assert isinstance(entered, SignedIn)
    known, before = Visit(known_device=entered.known_device), len(tried)
    for number in range(100):
        guess(world, LOGIN, f"guess-{number}", known)
    assert len(tried) - before == throttle.FREE


def test_on_a_shared_device_nothing_stays_by_which_it_is_known(
    world: World, tried: list[str]
) -> None:
    entered = with_password(world.system, LOGIN, DEMO_PASSWORD, Visit(shared=True))
    assert isinstance(entered, SignedIn) and entered.known_device is None


def test_without_such_a_device_the_wait_is_a_quarter_of_an_hour_at_most(
    world: World, tried: list[str]
) -> None:
    attack(world, LOGIN, 500)
    assert guess(world, LOGIN, DEMO_PASSWORD) == "throttled"
    world.clock.forward(seconds=max(throttle.WAITS).total_seconds())
    assert max(throttle.WAITS) == timedelta(minutes=15)
    assert guess(world, LOGIN, DEMO_PASSWORD) == "in"
    # the right password ends it
    assert world.all(SignInTries) == []


def test_the_refusal_says_how_long_and_nothing_of_who_has_an_account(
    world: World, tried: list[str]
) -> None:
    said = {}
    for login in (LOGIN, NOBODY):
        for number in range(throttle.FREE):
            guess(world, login, f"guess-{number}")
        with pytest.raises(TooMany) as refusal:
            with_password(world.system, login, "guess")
        said[login] = (refusal.value.code, refusal.value.params)
    assert said[LOGIN] == said[NOBODY] == ("too_many_tries", {"seconds": 60, "minutes": 1})


def test_what_is_counted_names_no_login(world: World, tried: list[str]) -> None:
    guess(world, LOGIN, "guess")
    [row] = world.all(SignInTries)
    assert LOGIN not in str(row)


def test_the_audit_log_has_one_line_a_window_and_not_one_a_guess(
    world: World, tried: list[str]
) -> None:
    attack(world, LOGIN, 400)
    lines = world.all(AuditEntry, action="sign_in.throttled")
    windows = len(tried) - throttle.FREE + 1
    assert len(lines) == windows
    assert {line.subject for line in lines} == {f"user:{world.user(LOGIN).user_id}"}
    attack(world, NOBODY, 50)
    for line in world.all(AuditEntry, action="sign_in.throttled"):
        assert NOBODY not in line.subject  # people type passwords there


def test_guesses_at_the_second_factor_are_counted_for_the_account(world: World) -> None:
    """Beginning again with the password gives no new tries."""
    outcomes = []
    with mock.patch.object(hashing, "is_right", lambda _stored, given: given == DEMO_PASSWORD):
        for number in range(60):
            token = half(world)
            try:
                with_code(world.system, token, f"{number:06}")
            except TooMany:
                outcomes.append("throttled")
            except NotSignedIn:
                outcomes.append("wrong")
            world.clock.forward(minutes=1)
    assert outcomes.count("wrong") <= 10
    assert 1 < len(world.all(AuditEntry, action="sign_in.throttled")) < outcomes.count("wrong")


def test_wrong_codes_from_elsewhere_do_not_keep_the_owner_out_on_a_device_that_is_known(
    world: World, tried: list[str]
) -> None:
    """Whoever stole the password may not keep her out with the second step either."""
    entered = with_code(world.system, half(world), code_of(world))
    known = Visit(known_device=entered.known_device)

    def wrong(visit: Visit) -> str:
        try:
            with_code(world.system, half(world, visit=visit), "000000")
        except TooMany:
            return "throttled"
        except NotSignedIn:
            return "wrong"
        return "in"

    tries = [wrong(Visit(known_device=f"made.up{number}")) for number in range(20)]
    assert tries == ["wrong"] * throttle.FREE + ["throttled"] * 15
    world.clock.forward(seconds=30)
    with pytest.raises(TooMany):  # control: from elsewhere
        with_code(world.system, half(world), code_of(world))
    assert with_code(world.system, half(world, visit=known), code_of(world))
    # that gives the thief no new tries, and the device is no way to guess on
    assert wrong(Visit()) == "throttled"
    assert [wrong(known) for _ in range(8)] == ["wrong"] * throttle.FREE + ["throttled"] * 3


def test_the_present_password_is_not_guessed_from_a_session_that_was_left_open(
    world: World, tried: list[str]
) -> None:
    new, before = "trois chats sur un radiateur", DEMO_PASSWORD
    with client_of(world) as client:
        me = As(client, world.system, LOGIN)

        def page(present: str):  # type: ignore[no-untyped-def]
            return me.call(
                "POST",
                "/account/password",
                data={"present_password": present, "password": new},
                headers={"Sec-Fetch-Site": "same-origin"},
            )

        def change(present: str) -> int:
            return int(page(present).status_code)

        answers = [change(f"guess-{number}") for number in range(20)]
        assert answers == [422] * throttle.FREE + [429] * 15
        assert tried == [f"guess-{number}" for number in range(throttle.FREE)]
        refused = page(before)
        assert refused.status_code == 429, "the right one tells nothing meanwhile"
        assert refused.headers["retry-after"] == "60" and "1 min" in refused.text
        # another session gives no new tries, and signing in is no part of it
        other = As(client, world.system, LOGIN)
        assert other.token != me.token
        me = other
        assert change("guess") == 429
        assert guess(world, LOGIN, before) == "in"
        world.clock.forward(minutes=1)
        assert change(before) == 303  # control
    assert world.all(SignInTries) == []


def test_password_guesses_do_not_touch_the_second_factor(world: World, tried: list[str]) -> None:
    token = half(world)
    attack(world, POLICE, 50)
    with pytest.raises(NotSignedIn, match="half_over"):
        with_code(world.system, token, "000000")


def test_counts_are_forgotten_after_a_day(world: World, tried: list[str]) -> None:
    guess(world, LOGIN, "guess")
    world.clock.forward(hours=23)
    world.do(SYSTEM, forget_old)
    assert len(world.all(SignInTries)) == 1
    world.clock.forward(hours=2)
    world.do(SYSTEM, forget_old)
    assert world.all(SignInTries) == []


def test_the_page_says_how_long_to_wait(world: World, tried: list[str]) -> None:
    with client_of(world) as client:
        answers = [sign_in(client, f"guess-{number}") for number in range(6)]
    assert [answer.status_code for answer in answers] == [401] * 5 + [429]
    assert answers[-1].headers["retry-after"] == "60"
    assert "1 min" in answers[-1].text


def sign_in(client: TestClient[Litestar], password: str):  # type: ignore[no-untyped-def]
    return client.post(
        "/sign-in",
        data={"login": LOGIN, "password": password},
        headers={"Sec-Fetch-Site": "same-origin"},
        follow_redirects=False,
    )
