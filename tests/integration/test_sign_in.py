"""Signing in: one answer for every mistake, and no session before everything has been shown."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from threading import BoundedSemaphore
from unittest import mock

import pyotp
import pytest
from argon2 import PasswordHasher
from sqlmodel import Session, col, select

from shelter.cli import DEMO_PASSWORD
from shelter.db.session import Database
from shelter.db.tables import AuditEntry, RecoveryCode, SignInStep, SignInTries, User, UserSession
from shelter.domain.errors import Conflict, NotAllowed, NotSignedIn, TooMany
from shelter.domain.sides import SYSTEM, Role
from shelter.services import hashing, second_factor, sign_in
from shelter.services.accounts import change_password, deactivate, reset_factors, set_password
from shelter.services.context import Tx
from shelter.services.second_factor import REQUIRED_OF
from shelter.services.sessions import SignedIn, Visit, actor_of_token
from shelter.services.sign_in import HalfSignedIn, with_code, with_password
from support.server import DEMO_USERS, client_of
from support.sign_in import code_of, half, secret_of, whole
from support.world import World, secova_world

LOGIN, POLICE = "garde.aywaille", "sapv.secova"


@pytest.fixture
def world(database: Database) -> World:
    return secova_world(database)


def without_factors(world: World, login: str = POLICE) -> None:
    world.do(SYSTEM, reset_factors, login)


def noted(world: World, action: str) -> list[AuditEntry]:
    return world.all(AuditEntry, action=action)


# --- the password -----------------------------------------------------------------------------


def test_the_right_password_opens_a_session_as_oneself(world: World) -> None:
    entered = whole(world, f"  {LOGIN.upper()} ")
    assert entered.actor == world.user(LOGIN)
    assert actor_of_token(world.system, entered.token) == world.user(LOGIN)


def test_every_mistake_gets_the_same_answer(world: World) -> None:
    world.do(SYSTEM, deactivate, "garde.trooz")
    answers = set()
    for login, password in (
        (LOGIN, "wrong"),
        ("nobody.here", DEMO_PASSWORD),
        ("garde.trooz", DEMO_PASSWORD),
        (POLICE, "wrong"),
        ("", ""),
    ):
        with pytest.raises(NotSignedIn) as refusal:
            with_password(world.system, login, password)
        answers.add((refusal.value.code, tuple(refusal.value.params)))
    assert answers == {("wrong_password", ())}
    assert world.all(UserSession) == [] and world.all(SignInStep) == []


def test_an_unknown_login_costs_the_same_hash(world: World) -> None:
    """The stand-in has the parameters of a real hash, or its time would tell who has an account."""
    [user] = world.all(User, login=LOGIN)
    assert hashing._DUMMY.rsplit("$", 2)[0] == user.password_hash.rsplit("$", 2)[0]
    assert PasswordHasher().verify(user.password_hash, DEMO_PASSWORD)


def test_the_password_that_stands_for_nobody_opens_nothing() -> None:
    for password in ("", "A" * 43, "x"):
        assert hashing.is_right(None, password) is False


@contextmanager
def all_taken(line: BoundedSemaphore) -> Iterator[None]:
    """Every place of this line is taken by somebody else."""
    places = 0
    while line.acquire(blocking=False):
        places += 1
    try:
        yield
    finally:
        for _ in range(places):
            line.release()


def test_who_finds_a_long_line_is_told_to_come_back_and_no_hash_is_made(world: World) -> None:
    """Else a few dozen guesses at once would hold every thread, and nobody could ask for a bed."""
    with all_taken(hashing._line), pytest.raises(TooMany) as refusal:
        with_password(world.system, LOGIN, DEMO_PASSWORD)
    assert (refusal.value.code, refusal.value.params["seconds"]) == ("busy", 5)
    assert hashing.PLACES + hashing.KEPT_PLACES == 8
    # control: with a place free the same password is tried, and a refusal kept no place
    assert whole(world)
    assert hashing._line._value == hashing.PLACES


def test_a_long_line_counts_as_no_wrong_guess(world: World) -> None:
    """Who was told to come back in five seconds has tried nothing yet."""
    with all_taken(hashing._line):
        for _ in range(10):
            with pytest.raises(TooMany, match="busy"):
                with_password(world.system, LOGIN, DEMO_PASSWORD)
        assert world.all(SignInTries) == []
    assert whole(world)
    # control: a password that was tried is counted
    with pytest.raises(NotSignedIn):
        with_password(world.system, LOGIN, "wrong")
    assert [row.failed for row in world.all(SignInTries)] == [1]


def test_guesses_from_nowhere_leave_places_in_line_for_devices_that_are_known(
    world: World,
) -> None:
    known = Visit(known_device=whole(world).known_device)
    with all_taken(hashing._line):
        for made_up in (None, "x.y", f"{known.known_device}0"):
            with pytest.raises(TooMany, match="busy"):
                with_password(world.system, LOGIN, DEMO_PASSWORD, Visit(known_device=made_up))
        with pytest.raises(TooMany, match="busy"):  # known for another login
            with_password(world.system, "garde.trooz", DEMO_PASSWORD, known)
        assert whole(world, visit=known)
        with all_taken(hashing._kept), pytest.raises(TooMany, match="busy"):
            with_password(world.system, LOGIN, DEMO_PASSWORD, known)
    # control: with their own places taken they stand in the line of all others
    with all_taken(hashing._kept):
        assert whole(world, visit=known)


# --- who needs a second factor ----------------------------------------------------------------


def test_roles_that_see_both_sides_or_give_accounts_need_a_second_factor() -> None:
    assert {Role.SAPV, Role.COORDINATOR, Role.ADMINISTRATOR} == REQUIRED_OF


def test_the_password_alone_opens_no_session_where_a_second_factor_is_required(
    world: World,
) -> None:
    for login, (role, _) in DEMO_USERS.items():
        begun = with_password(world.system, login, DEMO_PASSWORD)
        assert isinstance(begun, HalfSignedIn if role in REQUIRED_OF else SignedIn), login
        # the token of a half sign-in is no session's
        assert (actor_of_token(world.system, begun.token) is None) == (role in REQUIRED_OF)


def test_a_code_of_the_app_finishes_the_sign_in(world: World) -> None:
    entered = with_code(world.system, half(world), code_of(world))
    assert actor_of_token(world.system, entered.token) == world.user(POLICE)
    assert [entry.detail["how"] for entry in noted(world, "session.start")] == ["password+app"]
    assert world.all(SignInStep) == [], "half a sign-in is used up"


def test_half_a_sign_in_ends_after_ten_minutes(world: World) -> None:
    token = half(world)
    world.clock.forward(minutes=10)
    with pytest.raises(NotSignedIn) as refusal:
        with_code(world.system, token, code_of(world))
    assert refusal.value.code == "half_over"
    assert sign_in.second_step(world.system, token) is None
    # control: just before, it is still good
    token = half(world)
    world.clock.forward(minutes=9, seconds=59)
    assert with_code(world.system, token, code_of(world))


def test_half_a_sign_in_takes_few_wrong_codes(world: World) -> None:
    token = half(world)
    for _ in range(sign_in.MAX_TRIES):
        with pytest.raises(NotSignedIn, match="wrong_code"):
            with_code(world.system, token, "000000")
    world.clock.forward(minutes=2)  # the account's own wait is over
    with pytest.raises(NotSignedIn, match="half_over"):
        with_code(world.system, token, code_of(world))
    # control: from the password on it works
    assert with_code(world.system, half(world), code_of(world))


def test_a_deactivated_account_cannot_finish(world: World) -> None:
    token = half(world)
    world.do(SYSTEM, deactivate, POLICE)
    with pytest.raises(NotSignedIn, match="half_over"):
        with_code(world.system, token, code_of(world))


def test_a_half_sign_in_is_stored_as_a_hash(world: World) -> None:
    token = half(world)
    [step] = world.all(SignInStep)
    assert token not in str(step)
    with pytest.raises(NotSignedIn):
        with_code(world.system, step.token_hash, code_of(world))


# --- codes are good once ----------------------------------------------------------------------


def test_the_same_code_is_refused_the_second_time(world: World) -> None:
    code = code_of(world)
    first, second = half(world), half(world)
    assert with_code(world.system, first, code)
    with pytest.raises(NotSignedIn, match="wrong_code"):
        with_code(world.system, second, code)
    # control: the next code of the same app is taken
    world.clock.forward(seconds=30)
    assert with_code(world.system, second, code_of(world))


def test_a_code_older_than_the_last_used_one_is_refused_too(world: World) -> None:
    older, first, second = code_of(world), half(world), half(world)
    assert with_code(world.system, first, code_of(world, steps=1))
    with pytest.raises(NotSignedIn, match="wrong_code"):
        with_code(world.system, second, older)


def test_a_clock_may_be_half_a_minute_off_and_no_more(world: World) -> None:
    secret, now = secret_of(world), world.clock.now()
    taken = {
        steps
        for steps in range(-4, 5)
        if second_factor.step_of(
            secret, pyotp.TOTP(secret).at(now + timedelta(seconds=30 * steps)), None, now
        )
    }
    assert taken == {-1, 0, 1}


def test_of_two_who_bring_one_code_at_once_one_gets_in(world: World) -> None:
    code = code_of(world)
    outcomes = in_parallel(
        [lambda token=token: with_code(world.system, token, code) for token in halves(world, 2)]
    )
    assert sorted(isinstance(outcome, SignedIn) for outcome in outcomes) == [False, True]
    assert len(world.all(UserSession)) == 1


def test_control_checked_in_one_transaction_and_written_in_the_next_both_get_in(
    world: World,
) -> None:
    """The race is there: only the lock between looking and writing keeps the second out."""
    code, both = code_of(world), threading.Barrier(2, timeout=20)
    [user] = world.all(User, login=POLICE)
    secret = secret_of(world)

    def careless() -> bool:
        def look(session: Session) -> int | None:
            row = session.get(User, user.id)
            assert row is not None
            return second_factor.step_of(secret, code, row.totp_step, world.clock.now())

        step = world.system.database.run(look, read_only=True)
        both.wait()

        def write(session: Session) -> None:
            row = session.exec(select(User).where(col(User.id) == user.id)).one()
            row.totp_step = step
            session.add(row)

        world.system.database.run(write)
        return step is not None

    assert in_parallel([careless, careless]) == [True, True]


def halves(world: World, number: int) -> list[str]:
    return [half(world) for _ in range(number)]


def in_parallel(works: list) -> list:  # type: ignore[type-arg]
    """What each returned or raised, run at once."""
    outcomes: list[object] = [None] * len(works)

    def run(place: int) -> None:
        try:
            outcomes[place] = works[place]()
        except Exception as error:
            outcomes[place] = error

    threads = [threading.Thread(target=run, args=(place,)) for place in range(len(works))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return outcomes


def test_the_apps_key_is_sealed_and_tied_to_its_account(world: World) -> None:
    secret = secret_of(world)
    [police], [coordinator] = world.all(User, login=POLICE), world.all(User, login="coordination")
    assert police.totp_secret is not None and secret.encode() not in police.totp_secret
    with pytest.raises(RuntimeError, match="altered or moved"):
        world.system.keyring.decrypt("app_user", coordinator.id, "totp_secret", police.totp_secret)


# --- setting up what is required --------------------------------------------------------------


def test_who_must_have_a_second_factor_sets_it_up_before_any_session(world: World) -> None:
    without_factors(world)
    token = half(world)
    step = sign_in.second_step(world.system, token)
    assert step is not None and not step.app and not step.passkey and step.offered_app
    assert world.all(UserSession) == []
    secret, uri = step.offered_app
    assert pyotp.parse_uri(uri).secret == secret
    with pytest.raises(NotSignedIn, match="wrong_code"):
        sign_in.set_up_app(world.system, token, "000000")
    entered, codes = sign_in.set_up_app(
        world.system, token, pyotp.TOTP(secret).at(world.clock.now())
    )
    assert actor_of_token(world.system, entered.token) == world.user(POLICE)
    assert len(set(codes)) == second_factor.RECOVERY_CODES
    assert [entry.detail["factor"] for entry in noted(world, "factor.add")] == ["app"]
    # the proving code is used up, and from now on a code is asked for
    with pytest.raises(NotSignedIn, match="wrong_code"):
        with_code(world.system, half(world), pyotp.TOTP(secret).at(world.clock.now()))


def test_who_has_a_second_factor_cannot_replace_it_with_the_password_alone(world: World) -> None:
    token = half(world)
    [user] = world.all(User, login=POLICE)
    world.do(SYSTEM, lambda tx: second_factor.offer_app(tx, second_factor.locked(tx, user.id)))
    pending = secret_of(world, column="totp_pending")
    with pytest.raises(NotAllowed, match="factor_there"):
        sign_in.set_up_app(world.system, token, pyotp.TOTP(pending).at(world.clock.now()))
    assert world.all(UserSession) == []


def test_a_role_keeps_its_last_second_factor_and_others_may_drop_theirs(world: World) -> None:
    def remove(tx: Tx, login: str) -> None:
        user = tx.session.exec(select(User).where(col(User.login) == login)).one()
        second_factor.remove_app(tx, second_factor.locked(tx, user.id))

    with pytest.raises(Conflict, match="last_factor"):
        world.do(SYSTEM, remove, POLICE)

    def install(tx: Tx, login: str) -> None:
        user = tx.session.exec(select(User).where(col(User.login) == login)).one()
        second_factor.install_app(tx, user, pyotp.random_base32())

    world.do(SYSTEM, install, LOGIN)
    assert half(world, LOGIN), "who chose a second factor is asked for it"
    world.do(SYSTEM, remove, LOGIN)
    assert whole(world, LOGIN)


# --- codes on paper ---------------------------------------------------------------------------


def recovery_codes(world: World, login: str = POLICE) -> list[str]:
    def make(tx: Tx) -> list[str]:
        user = tx.session.exec(select(User).where(col(User.login) == login)).one()
        return second_factor.new_recovery_codes(tx, second_factor.locked(tx, user.id))

    return world.do(SYSTEM, make)


def test_a_recovery_code_stands_in_for_the_app_once(world: World) -> None:
    code, another, *_ = recovery_codes(world)
    # as typed at night
    assert with_code(world.system, half(world), code.lower().replace("-", " "))
    with pytest.raises(NotSignedIn, match="wrong_code"):
        with_code(world.system, half(world), code)
    assert with_code(world.system, half(world), another)  # control
    assert len(noted(world, "recovery_code.use")) == 2
    assert sum(row.used_at is not None for row in world.all(RecoveryCode)) == 2


def test_of_two_who_bring_one_recovery_code_at_once_one_gets_in(world: World) -> None:
    code = recovery_codes(world)[0]
    outcomes = in_parallel(
        [lambda token=token: with_code(world.system, token, code) for token in halves(world, 2)]
    )
    assert sorted(isinstance(outcome, SignedIn) for outcome in outcomes) == [False, True]


def test_new_recovery_codes_void_the_old_ones_and_nobody_elses_are_taken(world: World) -> None:
    old, others = recovery_codes(world), recovery_codes(world, "coordination")
    new = recovery_codes(world)
    for code in (old[0], others[0]):
        with pytest.raises(NotSignedIn, match="wrong_code"):
            with_code(world.system, half(world), code)
    assert with_code(world.system, half(world), new[0])


def test_recovery_codes_are_kept_as_keyed_hashes(world: World) -> None:
    codes = recovery_codes(world)
    kept = str([row.model_dump() for row in world.all(RecoveryCode)])
    assert not [code for code in codes if code in kept or code.replace("-", "") in kept]


# --- what an administrator does at the terminal -----------------------------------------------


def test_resetting_factors_ends_the_sessions_and_asks_for_new_ones(world: World) -> None:
    entered = with_code(world.system, half(world), code_of(world))
    codes = recovery_codes(world)
    world.do(SYSTEM, reset_factors, POLICE)
    assert actor_of_token(world.system, entered.token) is None
    token = half(world)
    step = sign_in.second_step(world.system, token)
    assert step is not None and step.offered_app, "set up anew, before any session"
    with pytest.raises(NotSignedIn):
        with_code(world.system, token, codes[0])


def test_another_password_ends_every_session_and_the_old_one_is_wrong(world: World) -> None:
    entered = whole(world)
    world.do(SYSTEM, set_password, LOGIN, "trois chats sur un radiateur")
    assert actor_of_token(world.system, entered.token) is None
    with pytest.raises(NotSignedIn, match="wrong_password"):
        with_password(world.system, LOGIN, DEMO_PASSWORD)
    assert with_password(world.system, LOGIN, "trois chats sur un radiateur")


ANOTHER = "trois chats sur un radiateur"
ENDINGS: dict[str, Callable[[Tx], None]] = {
    "another password": lambda tx: set_password(tx, POLICE, ANOTHER),
    "factors reset": lambda tx: reset_factors(tx, POLICE),
    "deactivated and back": lambda tx: deactivated_and_back(tx),
}


def deactivated_and_back(tx: Tx) -> None:
    deactivate(tx, POLICE)
    tx.session.exec(select(User).where(col(User.login) == POLICE)).one().active = True


@pytest.mark.parametrize("ending", ENDINGS)
def test_half_a_sign_in_ends_with_the_password_the_factors_and_the_account(
    world: World, ending: str
) -> None:
    """A thief with the stolen password waits in the second step until her factors are reset."""
    token = half(world)
    assert sign_in.second_step(world.system, token) is not None  # control
    world.do(SYSTEM, ENDINGS[ending])
    assert sign_in.second_step(world.system, token) is None
    with pytest.raises(NotSignedIn, match="half_over"):
        sign_in.passkey_options(world.system, token)
    with pytest.raises(NotSignedIn, match="half_over"):
        sign_in.set_up_app(world.system, token, "000000")
    assert world.all(SignInStep) == [] and world.all(UserSession) == []


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_key_that_was_offered_before_is_offered_to_nobody_after(
    world: World, ending: str
) -> None:
    without_factors(world)
    token = half(world)
    [user] = world.all(User, login=POLICE)
    assert user.totp_pending is not None  # control
    shown = pyotp.TOTP(secret_of(world, column="totp_pending")).at(world.clock.now())
    world.do(SYSTEM, ENDINGS[ending])
    [user] = world.all(User, login=POLICE)
    assert user.totp_pending is None
    with pytest.raises(NotSignedIn, match="half_over"):
        sign_in.set_up_app(world.system, token, shown)
    assert world.all(UserSession) == []


@pytest.mark.parametrize("login", [LOGIN, POLICE])
def test_a_password_that_is_replaced_while_it_is_checked_opens_nothing(
    world: World, login: str
) -> None:
    slow = hashing.is_right

    def meanwhile(stored: str | None, password: str) -> bool:
        right = slow(stored, password)
        world.do(SYSTEM, set_password, login, ANOTHER)
        return right

    with (
        mock.patch.object(hashing, "is_right", meanwhile),
        pytest.raises(NotSignedIn, match="wrong_password"),
    ):
        with_password(world.system, login, DEMO_PASSWORD)
    assert world.all(UserSession) == [] and world.all(SignInStep) == []
    assert with_password(world.system, login, ANOTHER)  # control


def test_a_password_that_is_replaced_at_the_terminal_is_not_replaced_by_who_is_in(
    world: World,
) -> None:
    """Whoever is in with the stolen password is hashing the next one at that very moment."""
    entered, slow = whole(world), hashing.is_right

    def meanwhile(stored: str | None, password: str) -> bool:
        right = slow(stored, password)
        world.do(SYSTEM, set_password, LOGIN, ANOTHER)
        return right

    theirs = "quatre chiens sous une table"
    with mock.patch.object(hashing, "is_right", meanwhile), pytest.raises(NotSignedIn):
        change_password(world.system, entered.actor, entered.token, DEMO_PASSWORD, theirs)
    with pytest.raises(NotSignedIn, match="wrong_password"):
        with_password(world.system, LOGIN, theirs)
    assert with_password(world.system, LOGIN, ANOTHER)  # control


# --- over HTTP --------------------------------------------------------------------------------


def test_a_program_sends_password_and_code_in_one_call_over_http(world: World) -> None:
    with client_of(world) as client:

        def ask(**given: str) -> tuple[int, str]:
            body = {"login": POLICE, "password": DEMO_PASSWORD} | given
            answer = client.post("/api/v1/session", json=body)
            client.cookies.clear()
            return answer.status_code, answer.json().get("code", "")

        assert ask() == (401, "code_needed")
        assert ask(password="wrong", code=code_of(world)) == (401, "wrong_password")
        assert ask(code="000000") == (401, "wrong_code")
        assert world.all(UserSession) == []
        assert ask(code=code_of(world)) == (201, "")
        assert ask(code=code_of(world)) == (401, "wrong_code"), "the same code again"
        without_factors(world)
        assert ask(code="000000") == (401, "factor_needed")
        assert world.all(UserSession) == []


def test_the_second_step_is_a_cookie_that_opens_nothing_else_over_http(database: Database) -> None:
    world = secova_world(database, public_url="https://shelter.example")
    ours = {"Sec-Fetch-Site": "same-origin"}
    with client_of(world) as client:
        given = {"login": POLICE, "password": DEMO_PASSWORD}
        begun = client.post("/sign-in", data=given, headers=ours, follow_redirects=False)
        assert begun.headers["location"] == "/sign-in/second"
        [line] = begun.headers.get_list("set-cookie")
        assert line.startswith("__Host-sign-in=")
        for part in ("HttpOnly", "Secure", "Path=/", "Max-Age=600", "SameSite=lax"):
            assert part.lower() in line.lower()
        # as a session it is nobody's, in whatever way it is shown
        token = client.cookies["__Host-sign-in"]
        for headers in (
            {"Authorization": f"Bearer {token}"},
            {"Cookie": f"__Host-session={token}"},
        ):
            assert client.get("/api/v1/me", headers=headers).status_code == 401
        wrong = client.post("/sign-in/second", data={"code": "x"}, headers=ours)
        assert wrong.status_code == 401 and "__Host-session" not in str(wrong.headers)
        from_elsewhere = client.post(
            "/sign-in/second",
            data={"code": code_of(world)},
            headers={"Origin": "https://evil.example"},
        )
        assert from_elsewhere.status_code == 403
        done = client.post(
            "/sign-in/second",
            data={"code": code_of(world)},
            headers=ours,
            follow_redirects=False,
        )
        assert done.headers["location"] == "/"
        assert client.get("/api/v1/me").json()["role"] == "sapv"


@pytest.mark.parametrize("way", ["/leave", "/sign-out", "/api/v1/session"])
def test_whoever_leaves_is_not_halfway_in_any_more_over_http(world: World, way: str) -> None:
    """Somebody came into the room while she was looking for her telephone."""
    ours = {"Sec-Fetch-Site": "same-origin"}
    with client_of(world) as client:
        given = {"login": POLICE, "password": DEMO_PASSWORD}
        client.post("/sign-in", data=given, headers=ours, follow_redirects=False)
        token = client.cookies["sign-in"]
        assert sign_in.second_step(world.system, token) is not None  # control
        kept = f"sign-in={token}; single-sign-on=x"
        if way != "/leave":  # signed in, and once more halfway in
            kept += f"; session={whole(world).token}"
        client.cookies.clear()
        method = "DELETE" if way.startswith("/api") else "POST"
        gone = client.request(method, way, headers=ours | {"Cookie": kept}, follow_redirects=False)
        ended = {line.partition("=")[0] for line in gone.headers.get_list("set-cookie")}
        assert ended == {"session", "sign-in", "single-sign-on"}
        assert all("Max-Age=0" in line for line in gone.headers.get_list("set-cookie"))
    # nor with a copy of the cookie
    assert sign_in.second_step(world.system, token) is None
    assert world.all(SignInStep) == [] and world.all(UserSession) == []


def test_the_key_and_its_picture_are_shown_within_the_policy_over_http(world: World) -> None:
    without_factors(world)
    with client_of(world) as client:
        given = {"login": POLICE, "password": DEMO_PASSWORD}
        page = client.post("/sign-in", data=given, headers={"Sec-Fetch-Site": "same-origin"})
    secret = secret_of(world, column="totp_pending")
    assert "<svg" in page.text and "style=" not in page.text and "data:image" not in page.text
    shown = re.search(r'<code class="secret">([^<]+)<', page.text)
    assert shown is not None and shown[1].replace(" ", "") == secret
    assert page.headers["cache-control"] == "no-store"


def test_only_a_demonstration_shows_the_present_code(database: Database) -> None:
    world = secova_world(database, demo=True)
    for demo in (True, False):
        world.system.settings = replace(world.system.settings, demo=demo)
        step = sign_in.second_step(world.system, half(world))
        assert step is not None
        assert step.demo_code == (code_of(world) if demo else None)


def test_outside_a_demonstration_the_sample_has_no_second_factors(database: Database) -> None:
    world = secova_world(database, demo=False)
    assert {user.totp_secret for user in world.all(User)} == {None}
    step = sign_in.second_step(world.system, half(world))
    assert step is not None and step.offered_app
