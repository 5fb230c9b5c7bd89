"""Sessions end by themselves, are seen by their owner, and are ended from elsewhere."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import timedelta
from http.cookies import SimpleCookie

import httpx
import pytest
from litestar import Litestar
from litestar.testing import TestClient

from shelter.cli import DEMO_PASSWORD
from shelter.db.session import Database
from shelter.db.tables import AuditEntry, UserSession
from shelter.domain.devices import device_name
from shelter.domain.sides import SYSTEM
from shelter.services import sessions
from shelter.services.sessions import Visit, actor_of_token, sign_out
from shelter.services.sign_in import forget_old
from support.server import NOBODY, As, client_of, session_for
from support.sign_in import whole
from support.world import World, secova_world

LOGIN, OTHER = "garde.aywaille", "garde.auteurs"
SECURE = "https://shelter.example"
FIREFOX = "Mozilla/5.0 (Android 14; Mobile; rv:128.0) Gecko/128.0 Firefox/128.0"
OURS = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture
def world(database: Database) -> World:
    return secova_world(database, public_url=SECURE)


@pytest.fixture
def client(world: World) -> Iterator[TestClient[Litestar]]:
    with client_of(world) as client:
        yield client


def enter(client: httpx.Client, **fields: str) -> httpx.Response:
    return client.post(
        "/sign-in",
        data={"login": LOGIN, "password": DEMO_PASSWORD, **fields},
        headers={"User-Agent": FIREFOX, **OURS},
        follow_redirects=False,
    )


def cookies_of(answer: httpx.Response) -> SimpleCookie:
    jar: SimpleCookie = SimpleCookie()
    for line in answer.headers.get_list("set-cookie"):
        jar.load(line)
    return jar


# --- how long -----------------------------------------------------------------------------------


def test_only_a_hash_of_the_token_is_stored(world: World) -> None:
    token = whole(world).token
    [session] = world.all(UserSession)
    assert session.token_hash == hashlib.sha256(token.encode()).hexdigest()
    assert token not in str(session)
    assert actor_of_token(world.system, session.token_hash) is None  # the hash opens nothing
    assert actor_of_token(world.system, str(session.id)) is None  # nor does the public name


def test_each_sign_in_has_a_token_of_its_own_and_signing_out_ends_only_that(world: World) -> None:
    one, two = whole(world), whole(world)
    assert one.token != two.token
    world.do(one.actor, sign_out, one.token)
    assert actor_of_token(world.system, one.token) is None
    assert actor_of_token(world.system, two.token) is not None


def test_an_idle_session_ends(world: World) -> None:
    token = whole(world).token
    for _ in range(3):  # control: use keeps it open
        world.clock.forward(hours=1, minutes=59)
        assert actor_of_token(world.system, token) is not None
    world.clock.forward(seconds=sessions.IDLE.total_seconds())
    assert actor_of_token(world.system, token) is None


def test_on_a_shared_computer_it_ends_after_half_an_hour(world: World) -> None:
    shared, own = whole(world, visit=Visit(shared=True)).token, whole(world).token
    world.clock.forward(minutes=29)
    assert actor_of_token(world.system, shared) is not None
    world.clock.forward(minutes=30)
    assert actor_of_token(world.system, shared) is None
    assert actor_of_token(world.system, own) is not None  # control


def test_a_session_ends_after_a_shift_however_busy(world: World) -> None:
    token = whole(world).token
    end = world.clock.now() + sessions.LENGTH
    while world.clock.now() < end - timedelta(hours=1):
        world.clock.forward(hours=1)
        assert actor_of_token(world.system, token) is not None
    world.clock.at = end
    assert actor_of_token(world.system, token) is None
    world.clock.forward(seconds=1)
    world.do(SYSTEM, forget_old)
    assert world.all(UserSession) == []


def test_a_made_up_token_is_nobody(world: World) -> None:
    for token in ("", "x", "a" * 43):
        assert actor_of_token(world.system, token) is None


# --- what stays on the device -------------------------------------------------------------------


def test_on_ones_own_device_a_cookie_stays_by_which_it_is_known(
    client: TestClient[Litestar],
) -> None:
    jar = cookies_of(enter(client))
    assert int(jar["__Host-session"]["max-age"]) == 12 * 3600
    device = jar["__Host-device"]
    assert device["httponly"] and device["secure"] and device["path"] == "/"
    assert device["samesite"] == "strict" and not device["domain"]


def test_on_a_shared_computer_nothing_stays(client: TestClient[Litestar]) -> None:
    jar = cookies_of(enter(client, shared="on"))
    assert jar["__Host-session"]["max-age"] == "" == jar["__Host-session"]["expires"]
    assert "__Host-device" not in jar


# --- seen and ended by its owner ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "name"),
    [
        (FIREFOX, "Firefox, Android"),
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko)"
            " Chrome/130.0.0.0 Safari/537.36 Edg/130.0.0.0",
            "Edge, Windows",
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15"
            " (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1",
            "Safari, iPhone",
        ),
        ("curl/8.5", ""),
        ("", ""),
        ("<script>alert(1)</script>", ""),
    ],
)
def test_a_device_has_a_name_that_its_owner_knows_again(said: str, name: str) -> None:
    assert device_name(said) == name


def test_what_the_browser_said_of_itself_is_not_kept(
    client: TestClient[Litestar], world: World
) -> None:
    enter(client)
    [row] = world.all(UserSession)
    assert row.device == "Firefox, Android" and "128" not in str(row)


def test_somebody_sees_where_they_are_signed_in_and_ends_it(
    client: TestClient[Litestar], world: World
) -> None:
    enter(client)
    client.cookies.clear()
    me = As(client, world.system, LOGIN)
    listed = me.get("/sessions").json()["items"]
    assert sorted((each["device"], each["this"]) for each in listed) == [
        ("", True),
        ("Firefox, Android", False),
    ]
    assert set(listed[0]) == {
        *("id", "device", "shared", "created_at", "seen_at", "expires_at", "this")
    }
    [lost] = [each["id"] for each in listed if not each["this"]]
    assert me.delete(f"/sessions/{lost}").status_code == 204
    assert [each["this"] for each in me.get("/sessions").json()["items"]] == [True]
    assert me.delete(f"/sessions/{lost}").status_code == 404


def test_nobody_sees_or_ends_anybody_elses(client: TestClient[Litestar], world: World) -> None:
    me, other = As(client, world.system, LOGIN), As(client, world.system, OTHER)
    [theirs] = other.get("/sessions").json()["items"]
    assert theirs["id"] not in str(me.get("/sessions").json())
    for who in (me, As(client, world.system, "coordination"), As(client, world.system, "admin")):
        refused = who.delete(f"/sessions/{theirs['id']}")
        missing = who.delete(f"/sessions/{NOBODY}")
        assert refused.status_code == missing.status_code == 404
        assert refused.json() == missing.json()
    assert other.get("/me").status_code == 200  # control


def test_all_others_end_at_once_on_the_page(client: TestClient[Litestar], world: World) -> None:
    here, there = As(client, world.system, LOGIN), As(client, world.system, LOGIN)
    page = here.call("GET", "/account")
    assert page.status_code == 200 and "/account/sessions/end-others" in page.text
    done = here.call("POST", "/account/sessions/end-others", headers=OURS)
    assert done.status_code == 303
    assert (here.get("/me").status_code, there.get("/me").status_code) == (200, 401)


# --- changing what one signs in with ------------------------------------------------------------

NEW = "trois chats sur un radiateur"


def change_password(who: As, present: str = DEMO_PASSWORD, new: str = NEW) -> httpx.Response:
    return who.call(
        "POST",
        "/account/password",
        data={"present_password": present, "password": new},
        headers=OURS,
    )


def test_another_password_ends_the_other_sessions_and_keeps_this_one(
    client: TestClient[Litestar], world: World
) -> None:
    here, there = As(client, world.system, LOGIN), As(client, world.system, LOGIN)
    assert change_password(here).headers["location"] == "/account?done=password"
    assert (here.get("/me").status_code, there.get("/me").status_code) == (200, 401)
    assert len(world.all(AuditEntry, action="password.change")) == 1
    client.cookies.clear()
    assert enter(client).status_code == 401
    assert enter(client, password=NEW).status_code == 303


def test_a_password_changes_only_with_the_present_one_and_to_a_good_one(
    client: TestClient[Litestar], world: World
) -> None:
    me = As(client, world.system, LOGIN)
    for wrong in ({"present": "wrong"}, {"new": "short"}, {"new": "motdepasse12"}):
        refused = change_password(me, **wrong)
        assert refused.status_code == 422, wrong
        assert "wrong" not in refused.text and "motdepasse12" not in refused.text
    assert enter(client).status_code == 303  # control: the old one still is the password


def test_what_signs_in_changes_only_soon_after_a_sign_in(
    client: TestClient[Litestar], world: World
) -> None:
    """A session left open is not enough to lock its owner out."""
    me = As(client, world.system, LOGIN)
    changes = [
        f"/account/{what}"
        for what in ("password", "app", "app/code", "app/remove", "passkeys", "recovery-codes")
    ]
    world.clock.forward(minutes=16)
    for path in changes:
        answer = me.call("POST", path, data={"password": NEW}, headers=OURS)
        assert answer.status_code == 303, path
        assert answer.headers["location"].startswith("/sign-in?again"), path
    # control: right after a sign-in none is sent away
    fresh = As(client, world.system, LOGIN)
    for path in changes:
        answer = fresh.call("POST", path, data={"password": NEW}, headers=OURS)
        assert "again" not in answer.headers.get("location", ""), path


def test_signing_in_again_gives_a_new_session_and_ends_the_one_before(
    client: TestClient[Litestar], world: World
) -> None:
    first = session_for(world.system, LOGIN)
    client.cookies.set("__Host-session", first, domain="shelter.example")
    again = client.get("/sign-in?again&to=/account")
    assert again.status_code == 200 and 'value="/account"' in again.text
    done = enter(client, to="/account")
    assert done.headers["location"] == "/account"
    assert actor_of_token(world.system, first) is None
    assert cookies_of(done)["__Host-session"].value != first


def test_nobody_is_led_to_another_site_after_the_sign_in(client: TestClient[Litestar]) -> None:
    for to in ("https://evil.example", "//evil.example", "/\\evil.example", "javascript:x"):
        assert enter(client, to=to).headers["location"] == "/"
        client.cookies.clear()
