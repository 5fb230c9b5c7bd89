"""A passkey is a whole sign-in: for this address, with its holder checked, each challenge once."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlmodel import col, select
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url

from shelter.db.session import Database
from shelter.db.tables import AuditEntry, Passkey, SignInStep, StepKind, User, UserSession
from shelter.domain.errors import Conflict, NotFound, NotSignedIn, TooMany
from shelter.domain.sides import SYSTEM
from shelter.services import passkeys, second_factor, sign_in, steps
from shelter.services.accounts import deactivate, reset_factors
from shelter.services.context import Tx
from shelter.services.sessions import Visit, actor_of_token
from support.authenticator import Authenticator
from support.server import As, client_of
from support.sign_in import half
from support.world import World, secova_world, settings_for

SECURE, HOST = "https://shelter.example", "shelter.example"
LOGIN, POLICE, COORDINATOR = "garde.aywaille", "sapv.secova", "coordination"


@pytest.fixture
def world(database: Database) -> World:
    return secova_world(database, public_url=SECURE)


def user_of(tx: Tx, login: str) -> User:
    return tx.session.exec(select(User).where(col(User.login) == login)).one()


def passkey_of(world: World, login: str = POLICE, device: Authenticator | None = None):  # type: ignore[no-untyped-def]
    """A device whose passkey is kept for ``login``."""
    device = device or Authenticator(SECURE, HOST)
    options = world.do(SYSTEM, lambda tx: passkeys.options_to_add(tx, user_of(tx, login)))
    made = world.do(
        SYSTEM, lambda tx: passkeys.add(tx, user_of(tx, login), device.make(options), "Téléphone")
    )
    return device, made


def asked(world: World) -> str:
    return sign_in.passkey_options(world.system, None)


def enter(world: World, credential: str) -> str:
    return sign_in.with_passkey(world.system, credential, Visit()).token


def test_a_passkey_alone_is_a_whole_sign_in(world: World) -> None:
    device, _ = passkey_of(world)
    token = enter(world, device.show(asked(world)))
    assert actor_of_token(world.system, token) == world.user(POLICE)
    [start] = world.all(AuditEntry, action="session.start")
    assert start.detail["how"] == "passkey"


def test_what_is_asked_of_the_browser(world: World) -> None:
    passkey_of(world)
    show = json.loads(asked(world))
    assert show["userVerification"] == "required" and show["rpId"] == HOST
    assert show["allowCredentials"] == [], "nobody learns whose passkeys there are"
    make = json.loads(world.do(SYSTEM, lambda tx: passkeys.options_to_add(tx, user_of(tx, POLICE))))
    chosen = make["authenticatorSelection"]
    assert chosen["userVerification"] == "required" and chosen["residentKey"] == "required"
    assert len(make["excludeCredentials"]) == 1


def test_a_challenge_is_good_once(world: World) -> None:
    device, _ = passkey_of(world)
    options = asked(world)
    assert enter(world, device.show(options))
    with pytest.raises(NotSignedIn, match="wrong_passkey"):
        enter(world, device.show(options))
    assert enter(world, device.show(asked(world)))  # control


def test_visitors_from_nowhere_fill_no_table(world: World) -> None:
    """A challenge for anybody is carried, sealed, by whoever asked for it."""
    device, _ = passkey_of(world)
    options = asked(world)
    for number in range(50):
        stranger = Authenticator(SECURE, HOST, count=number)
        with pytest.raises(NotSignedIn):
            enter(world, stranger.show(asked(world)))
        with pytest.raises(NotSignedIn):
            enter(world, device.show(asked(world), signature="AAAA"))
    assert world.all(SignInStep) == [] and world.all(UserSession) == []
    # and a sign-in that was running meanwhile goes on; only that is remembered
    assert enter(world, device.show(options))
    assert len(world.all(SignInStep)) == 1


def test_a_challenge_that_was_not_handed_out_is_refused(world: World) -> None:
    device, _ = passkey_of(world)
    options = json.loads(asked(world))
    sealed = base64url_to_bytes(options["challenge"])

    def show(challenge: bytes) -> str:
        asked_for = options | {"challenge": bytes_to_base64url(challenge)}
        return str(device.show(json.dumps(asked_for)))

    elsewhere = handed_out_elsewhere(world)
    for made_up in (
        b"x" * 32,
        sealed[:-1],
        sealed[1:],
        bytes(16) + sealed[16:],
        sealed[:-1] + bytes([sealed[-1] ^ 1]),
        base64url_to_bytes(elsewhere),
    ):
        with pytest.raises(NotSignedIn, match="wrong_passkey"):
            enter(world, show(made_up))
    assert enter(world, show(sealed))  # control


def handed_out_elsewhere(world: World) -> str:
    """A step of ours that was handed out for something else."""
    return str(world.do(SYSTEM, lambda tx: steps.hand_out(tx, StepKind.SINGLE_SIGN_ON)))


def test_of_two_who_bring_one_challenge_at_once_one_gets_in(world: World) -> None:
    device, _ = passkey_of(world)
    options = asked(world)
    shown = [device.show(options), device.show(options)]

    def attempt(credential: str) -> bool:
        try:
            return bool(enter(world, credential))
        except NotSignedIn:
            return False

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(attempt, shown)) == [False, True]
    assert len(world.all(UserSession)) == 1


def test_a_challenge_is_good_for_ten_minutes(world: World) -> None:
    device, _ = passkey_of(world)
    options = asked(world)
    world.clock.forward(minutes=10)
    with pytest.raises(NotSignedIn):
        enter(world, device.show(options))
    options = asked(world)
    world.clock.forward(minutes=9, seconds=59)
    assert enter(world, device.show(options))  # control
    world.clock.forward(minutes=10)
    enter(world, device.show(asked(world)))
    assert len(world.all(SignInStep)) == 1, "what is over is swept away"


def test_an_answer_from_a_look_alike_page_is_refused(world: World) -> None:
    device, _ = passkey_of(world)
    for origin in (
        "https://shelter.example.evil.example",
        "https://sheiter.example",
        "http://shelter.example",
        "https://shelter.example:8443",
        "https://sub.shelter.example",
    ):
        device.origin = origin
        with pytest.raises(NotSignedIn, match="wrong_passkey"):
            enter(world, device.show(asked(world)))
    device.origin, device.rp_id = SECURE, "evil.example"
    with pytest.raises(NotSignedIn):
        enter(world, device.show(asked(world)))
    device.rp_id = HOST
    assert enter(world, device.show(asked(world)))  # control


def test_a_device_that_did_not_check_its_holder_is_refused(world: World) -> None:
    device, _ = passkey_of(world)
    device.verified = False
    with pytest.raises(NotSignedIn):
        enter(world, device.show(asked(world)))
    careless = Authenticator(SECURE, HOST, verified=False)
    assert isinstance(passkey_of(world, LOGIN, careless)[1], NotSignedIn)
    assert world.all(Passkey, user_id=world.user(LOGIN).user_id) == []


def test_a_count_that_does_not_go_forward_is_a_copy_and_refused(world: World) -> None:
    device, _ = passkey_of(world)
    for _ in range(3):
        enter(world, device.show(asked(world)))
    device.count = 1
    with pytest.raises(NotSignedIn):
        enter(world, device.show(asked(world)))
    device.count = 3  # control: as the real one goes on
    assert enter(world, device.show(asked(world)))
    assert world.all(Passkey)[0].sign_count == 4


def test_somebody_elses_key_under_a_known_name_is_refused(world: World) -> None:
    device, _ = passkey_of(world)
    thief = Authenticator(SECURE, HOST, credential_id=device.credential_id)
    with pytest.raises(NotSignedIn):
        enter(world, thief.show(asked(world)))


def test_a_passkey_of_another_account_is_no_second_factor(world: World) -> None:
    mine, _ = passkey_of(world, POLICE)
    theirs, _ = passkey_of(world, COORDINATOR)
    token = half(world, POLICE)
    options = sign_in.passkey_options(world.system, token)
    with pytest.raises(NotSignedIn):
        sign_in.second_with_passkey(world.system, token, theirs.show(options))
    # an account's own handle under another's passkey
    forged = theirs.show(asked(world), userHandle=mine.user_handle)
    with pytest.raises(NotSignedIn):
        enter(world, forged)
    # a challenge for a whole sign-in is none for the second step
    with pytest.raises(NotSignedIn):
        sign_in.second_with_passkey(world.system, token, mine.show(asked(world)))
    options = sign_in.passkey_options(world.system, token)  # control
    entered = sign_in.second_with_passkey(world.system, token, mine.show(options))
    assert entered.actor == world.user(POLICE)


def test_a_challenge_of_one_account_is_none_for_another(world: World) -> None:
    device = Authenticator(SECURE, HOST)
    options = world.do(SYSTEM, lambda tx: passkeys.options_to_add(tx, user_of(tx, LOGIN)))
    added = world.do(
        SYSTEM, lambda tx: passkeys.add(tx, user_of(tx, POLICE), device.make(options), "")
    )
    assert isinstance(added, NotSignedIn) and world.all(Passkey) == []


def test_one_device_is_not_added_for_two_accounts(world: World) -> None:
    device, _ = passkey_of(world, POLICE)
    assert isinstance(passkey_of(world, LOGIN, device)[1], NotSignedIn)


def test_nonsense_is_refused_and_breaks_nothing(world: World) -> None:
    device, _ = passkey_of(world)
    good = json.loads(device.show(asked(world)))
    for nonsense in (
        "",
        "null",
        "[]",
        "{",
        '"x"',
        '{"response": null}',
        json.dumps(good | {"id": 7}),
        json.dumps(good | {"response": {}}),
        json.dumps(good | {"response": good["response"] | {"clientDataJSON": "AAAA"}}),
        json.dumps(good | {"response": good["response"] | {"authenticatorData": "AAAA"}}),
    ):
        with pytest.raises(NotSignedIn):
            enter(world, nonsense)
    assert world.all(UserSession) == []


def test_a_deactivated_account_has_no_way_in(world: World) -> None:
    device, _ = passkey_of(world)
    world.do(SYSTEM, deactivate, POLICE)
    with pytest.raises(NotSignedIn):
        enter(world, device.show(asked(world)))


def test_password_guesses_do_not_keep_a_passkey_out(world: World) -> None:
    device, _ = passkey_of(world)
    for _ in range(6):
        with pytest.raises((NotSignedIn, TooMany)):
            sign_in.with_password(world.system, POLICE, "guess")
    assert enter(world, device.show(asked(world)))


def test_a_required_factor_may_be_set_up_as_a_passkey_before_any_session(world: World) -> None:
    world.do(SYSTEM, reset_factors, POLICE)
    token, device = half(world, POLICE), Authenticator(SECURE, HOST)
    options = sign_in.passkey_options(world.system, token)
    entered, codes = sign_in.set_up_passkey(
        world.system, token, device.make(options), "Firefox, Android"
    )
    assert actor_of_token(world.system, entered.token) == world.user(POLICE)
    assert len(codes) == second_factor.RECOVERY_CODES
    assert world.all(Passkey)[0].name == "Firefox, Android"
    assert enter(world, device.show(asked(world)))


def test_the_last_factor_of_a_role_that_needs_one_stays(world: World) -> None:
    def remove(tx: Tx, login: str) -> None:
        user = second_factor.locked(tx, user_of(tx, login).id)
        [passkey] = second_factor.factors_of(tx.session, user).passkeys
        second_factor.remove_passkey(tx, user, passkey.id)

    world.do(SYSTEM, reset_factors, POLICE)
    passkey_of(world)
    with pytest.raises(Conflict, match="last_factor"):
        world.do(SYSTEM, remove, POLICE)
    passkey_of(world, LOGIN)
    world.do(SYSTEM, remove, LOGIN)  # control: others may

    def remove_anothers(tx: Tx) -> None:
        user = second_factor.locked(tx, user_of(tx, LOGIN).id)
        second_factor.remove_passkey(tx, user, world.all(Passkey)[0].id)

    with pytest.raises(NotFound):
        world.do(SYSTEM, remove_anothers)


def test_the_pages_add_use_and_remove_a_passkey(world: World) -> None:
    ours, device = {"Sec-Fetch-Site": "same-origin"}, Authenticator(SECURE, HOST)
    with client_of(world) as client:
        me = As(client, world.system, LOGIN)
        options = me.call("POST", "/account/passkeys/options", headers=ours)
        assert options.status_code == 200 and options.headers["cache-control"] == "no-store"
        added = me.call(
            "POST",
            "/account/passkeys",
            headers=ours,
            data={"credential": device.make(options.text)},
        )
        assert added.status_code == 200 and added.text.count("<li><code>") == 10
        page = me.call("GET", "/account").text
        assert "passkeys.js" in page and "/remove" in page
        asked_for = client.post("/sign-in/passkey/options", headers=ours)
        entered = client.post(
            "/sign-in/passkey",
            headers=ours,
            data={"credential": device.show(asked_for.text)},
            follow_redirects=False,
        )
        assert entered.status_code == 303 and entered.headers["location"] == "/"
        assert "__Host-session" in entered.headers["set-cookie"]
        client.cookies.clear()
        [passkey] = world.all(Passkey)
        gone = me.call("POST", f"/account/passkeys/{passkey.id}/remove", headers=ours)
        assert gone.status_code == 303 and world.all(Passkey) == []


def test_where_the_server_has_no_name_there_are_no_passkeys(sqlite_database: Database) -> None:
    """WebAuthn knows names of hosts alone."""
    for url, offered in (
        ("http://127.0.0.1:8000", False),
        ("http://[::1]:8000", False),
        ("http://localhost:8000", True),
        (SECURE, True),
    ):
        assert passkeys.offered(settings_for(sqlite_database, public_url=url)) is offered
    world = secova_world(sqlite_database)
    with client_of(world) as client:
        assert (
            "passkeys/options" not in As(client, world.system, LOGIN).call("GET", "/account").text
        )
        assert client.post("/sign-in/passkey/options").status_code == 404
