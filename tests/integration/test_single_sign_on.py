"""Single sign-on: the provider says who somebody is, and gives nobody an account."""

from __future__ import annotations

import base64
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from unittest import mock
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from authlib.integrations.requests_client import OAuth2Session
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey
from litestar import Litestar
from litestar.testing import TestClient

from shelter.db.session import Database
from shelter.db.tables import LinkedIdentity, SignInStep, User, UserSession
from shelter.domain.errors import NotSignedIn
from shelter.domain.sides import SYSTEM
from shelter.services import single_sign_on
from shelter.services.accounts import deactivate, link_identity
from shelter.services.sessions import SignedIn, Visit, actor_of_token, token_hash
from shelter.settings import SettingsError, SingleSignOn, load
from support.server import client_of, free_port
from support.world import World, secova_world

LOGIN, POLICE = "garde.aywaille", "sapv.secova"
SUBJECT = "b7c1-agent"
RETURN = single_sign_on.RETURN_PATH


@pytest.fixture(scope="module")
def provider() -> Iterator[str]:
    """A provider in a process of its own, over HTTP."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "oidc_provider_mock", "--host", "127.0.0.1"]
    process = subprocess.Popen(
        [*command, "--port", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        for _ in range(200):
            with suppress(httpx.TransportError):
                httpx.get(f"{url}/.well-known/openid-configuration")
                break
            time.sleep(0.05)
        yield url
    finally:
        process.terminate()
        process.wait(10)


def config_of(issuer: str, **changes: Any) -> SingleSignOn:
    given: dict[str, Any] = {
        "client_id": "shelter",
        "client_secret": "between us and nobody else",
        "name": "Police",
    }
    return SingleSignOn(issuer=issuer, **(given | changes))


@pytest.fixture
def world(database: Database, provider: str) -> World:
    single_sign_on._metadata.clear()
    world = secova_world(database, single_sign_on=config_of(provider))
    world.clock.at = datetime.now(UTC)  # the provider's clock is the real one
    return world


@pytest.fixture
def client(world: World) -> Iterator[TestClient[Litestar]]:
    with client_of(world) as client:
        yield client


def link(world: World, login: str = LOGIN, **way: str) -> None:
    assert world.system.settings.single_sign_on is not None
    world.do(
        SYSTEM,
        link_identity,
        login,
        world.system.settings.single_sign_on.issuer,
        **(way or {"subject": SUBJECT}),
    )


def claims(provider: str, subject: str = SUBJECT, **claims: Any) -> None:
    """What the provider says of somebody."""
    assert httpx.put(f"{provider}/users/{subject}", json=claims).status_code == 204


def go(client: TestClient[Litestar]) -> str:
    """The address of the provider to which the button leads."""
    answer = client.get("/sign-in/single", follow_redirects=False)
    assert answer.status_code == 303
    return answer.headers["location"]


def agree(url: str, subject: str = SUBJECT, **form: str) -> str:
    """The person says yes at the provider; the path to which it sends them back."""
    answer = httpx.post(url, data=form or {"sub": subject})
    assert answer.status_code == 302, answer.text
    back = urlsplit(answer.headers["location"])
    return f"{back.path}?{back.query}"


def come_back(client: TestClient[Litestar], path: str) -> httpx.Response:
    return client.get(path, follow_redirects=False)


def signed_in_as(client: TestClient[Litestar]) -> str | None:
    answer = client.get("/api/v1/me")
    return answer.json()["name"] if answer.status_code == 200 else None


# --- the way there and back ---------------------------------------------------------------------


def test_a_linked_identity_signs_in(client: TestClient[Litestar], world: World) -> None:
    link(world)
    page = client.get("/sign-in").text
    assert "/sign-in/single" in page and "Police" in page
    answer = come_back(client, agree(go(client)))
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert signed_in_as(client) == world.user(LOGIN).name


def test_the_request_carries_pkce_state_and_nonce_and_names_where_to_return(
    client: TestClient[Litestar], world: World
) -> None:
    asked = {name: value for name, [value] in parse_qs(urlsplit(go(client)).query).items()}
    assert asked["response_type"] == "code" and asked["code_challenge_method"] == "S256"
    assert len(asked["code_challenge"]) == 43 and len(asked["state"]) >= 43
    assert asked["redirect_uri"] == f"{world.system.settings.public_url}{RETURN}"
    assert asked["scope"] == "openid email"
    # neither the verifier nor the nonce nor the browser's secret is stored
    secret = client.cookies["single-sign-on"]
    assert world.all(SignInStep) == [], "whoever only sets out fills no table"
    carried = asked["state"] + str(base64.urlsafe_b64decode(asked["state"] + "=="))
    for hidden in (secret, asked["nonce"], token_hash(secret), "between us and nobody else"):
        assert hidden not in carried
    assert "between us and nobody else" not in go(client)


def test_the_browsers_part_is_in_a_cookie_that_scripts_cannot_read(
    database: Database, provider: str
) -> None:
    world = secova_world(
        database, single_sign_on=config_of(provider), public_url="https://shelter.example"
    )
    with client_of(world) as client:
        line = client.get("/sign-in/single", follow_redirects=False).headers["set-cookie"]
    assert line.startswith("__Host-single-sign-on=")
    for part in ("HttpOnly", "Secure", "SameSite=lax", "Path=/", "Max-Age=600"):
        assert part.lower() in line.lower()


def test_nobody_gets_an_account_by_signing_in_elsewhere(
    client: TestClient[Litestar], world: World
) -> None:
    before = len(world.all(User))
    answer = come_back(client, agree(go(client), "stranger"))
    assert answer.status_code == 401 and 'id="notice"' in answer.text
    assert signed_in_as(client) is None
    assert len(world.all(User)) == before and world.all(UserSession) == []


def test_a_deactivated_account_does_not_come_in_by_this_way(
    client: TestClient[Litestar], world: World
) -> None:
    link(world)
    world.do(SYSTEM, deactivate, LOGIN)
    assert come_back(client, agree(go(client))).status_code == 401


def test_saying_no_at_the_provider_is_told_plainly(client: TestClient[Litestar]) -> None:
    url = go(client)
    state = parse_qs(urlsplit(url).query)["state"][0]
    denied = httpx.post(url, data={"action": "deny"})
    assert "error=access_denied" in denied.headers["location"]
    answer = come_back(client, f"{RETURN}?error=access_denied&state={state}")
    assert answer.status_code == 401 and 'id="notice"' in answer.text
    assert signed_in_as(client) is None


# --- a second factor ----------------------------------------------------------------------------


def test_the_providers_word_is_one_factor_unless_the_setting_says_otherwise(
    client: TestClient[Litestar], world: World, provider: str
) -> None:
    link(world, POLICE)
    claims(provider, amr=["pwd", "otp"], acr="gold")
    answer = come_back(client, agree(go(client)))
    assert answer.headers["location"] == "/sign-in/second"
    assert signed_in_as(client) is None
    for accepted in ({"otp"}, {"gold"}):
        world.system.settings = replace(
            world.system.settings,
            single_sign_on=config_of(provider, second_factor=frozenset(accepted)),
        )
        answer = come_back(client, agree(go(client)))
        assert answer.headers["location"] == "/"
        assert signed_in_as(client) == world.user(POLICE).name
        client.cookies.clear()
    # control: accepted, but not said this time
    claims(provider, amr=["pwd"])
    answer = come_back(client, agree(go(client)))
    assert answer.headers["location"] == "/sign-in/second"


# --- linked by an address -----------------------------------------------------------------------


def test_a_verified_address_binds_the_first_who_comes_and_nobody_after(
    client: TestClient[Litestar], world: World, provider: str
) -> None:
    link(world, email="Agent@Police.example")
    claims(provider, "false", email="agent@police.example", email_verified=False)
    claims(provider, "silent", email="agent@police.example")
    claims(provider, "text", email="agent@police.example", email_verified="true")
    for unverified in ("false", "silent", "text"):
        assert come_back(client, agree(go(client), unverified)).status_code == 401
    claims(provider, "first", email="agent@police.example", email_verified=True)
    claims(provider, "second", email="agent@police.example", email_verified=True)
    assert come_back(client, agree(go(client), "first")).status_code == 303
    client.cookies.clear()
    assert come_back(client, agree(go(client), "second")).status_code == 401
    # control: the first keeps coming, whatever its address is by now
    claims(provider, "first", email="married@police.example", email_verified=True)
    assert come_back(client, agree(go(client), "first")).status_code == 303


def test_links_are_kept_as_keyed_hashes(world: World) -> None:
    link(world, email="agent@police.example")
    link(world, POLICE, subject=SUBJECT)
    kept = str([row.model_dump() for row in world.all(LinkedIdentity)])
    assert "police.example" not in kept and SUBJECT not in kept


# --- answers that are not to be believed --------------------------------------------------------


def test_an_answer_is_good_once_in_the_browser_that_asked_and_not_for_long(
    client: TestClient[Litestar], world: World
) -> None:
    link(world)
    path = agree(go(client))
    secret = client.cookies["single-sign-on"]

    client.cookies.clear()  # another browser: somebody is to be signed in as somebody else
    assert come_back(client, path).status_code == 401
    client.cookies.set("single-sign-on", secret)
    assert come_back(client, path).status_code == 303  # control: and the one who asked goes on
    client.cookies.clear()
    client.cookies.set("single-sign-on", secret)
    assert come_back(client, path).status_code == 401, "used up by the one before"

    late = agree(go(client))
    world.clock.forward(minutes=10)
    assert come_back(client, late).status_code == 401

    fresh = agree(go(client))
    assert come_back(client, fresh).status_code == 303  # control
    client.cookies.pop("session")
    assert come_back(client, fresh).status_code == 401, "replayed"


def test_made_up_answers_get_nowhere(client: TestClient[Litestar], world: World) -> None:
    link(world)
    for query in ("", "?code=x", "?state=x&code=x", "?state=&code=", "?error=x", "?state=%00"):
        assert come_back(client, f"{RETURN}{query}").status_code == 401, query
    path = agree(go(client))
    code = parse_qs(urlsplit(path).query)["code"][0]
    assert come_back(client, path.replace(code, "made-up")).status_code == 401
    other = agree(go(client))
    assert come_back(client, f"{other}&iss=https%3A%2F%2Fevil.example").status_code == 401
    assert world.all(UserSession) == []


KEY = RSAKey.generate_key(2048, {"kid": "k"})


def token(issuer: str, **changes: Any) -> dict[str, Any]:
    now = int(time.time())
    said = {"iss": issuer, "aud": "shelter", "sub": SUBJECT}
    said |= {"iat": now, "exp": now + 60} | changes
    return {name: value for name, value in said.items() if value is not None}


def finish(world: World, issuer: str, id_token: str, secret: str, state: str) -> object:
    """As if the provider's token endpoint had answered so."""
    real = single_sign_on._fetched

    def fetched(url: str) -> dict[str, Any]:
        return {"keys": [KEY.as_dict(private=False)]} if url.endswith("/jwks") else real(url)

    with (
        mock.patch.object(OAuth2Session, "fetch_token", return_value={"id_token": id_token}),
        mock.patch.object(single_sign_on, "_fetched", fetched),
    ):
        return single_sign_on.finish(world.system, {"state": state, "code": "c"}, secret)


def test_a_forged_foreign_or_old_token_is_not_believed(world: World, provider: str) -> None:
    link(world)
    stranger, secret_key = (
        RSAKey.generate_key(2048, {"kid": "k"}),
        OctKey.import_key("between us and nobody else"),
    )
    head = {"alg": "RS256", "kid": "k"}
    past = int(time.time()) - 600

    def attempt(key: Any = KEY, header: dict[str, str] = head, **changes: Any) -> object:
        url, secret = single_sign_on.begin(world.system, Visit())
        asked = parse_qs(urlsplit(url).query)
        said = token(provider, **({"nonce": asked["nonce"][0]} | changes))
        if header["alg"] == "none":
            signed = jwt.encode(header, said, key, algorithms=["none"])
        else:
            signed = jwt.encode(header, said, key, algorithms=[header["alg"]])
        return finish(world, provider, signed, secret, asked["state"][0])

    forged: dict[str, dict[str, Any]] = {
        "another's key": {"key": stranger},
        "our own secret as key": {"key": secret_key, "header": {"alg": "HS256", "kid": "k"}},
        "for another client": {"aud": "somebody-else"},
        "for several, not for us to use": {"aud": ["shelter", "x"], "azp": "x"},
        "of another provider": {"iss": "https://evil.example"},
        "for another request": {"nonce": "another"},
        "without a nonce": {"nonce": None},
        "over": {"exp": past, "iat": past - 60},
        "of nobody": {"sub": None},
    }
    for name, changes in forged.items():
        with pytest.raises(NotSignedIn, match="sso_failed"):
            pytest.fail(f"believed: {name}, {attempt(**changes)}")
    entered = attempt()  # control: the same way with a right one
    assert isinstance(entered, SignedIn)
    assert actor_of_token(world.system, entered.token) == world.user(LOGIN)


# --- what is missing or down --------------------------------------------------------------------


def test_without_a_provider_there_is_no_button_and_no_way(sqlite_database: Database) -> None:
    world = secova_world(sqlite_database)
    with client_of(world) as client:
        assert "/sign-in/single" not in client.get("/sign-in").text
        assert client.get("/sign-in/single").status_code == 404
        assert client.get(RETURN).status_code == 404


def test_a_provider_that_does_not_answer_is_told_on_the_page(sqlite_database: Database) -> None:
    single_sign_on._metadata.clear()
    world = secova_world(
        sqlite_database, single_sign_on=config_of("http://127.0.0.1:9", name="Police")
    )
    with client_of(world) as client:
        answer = client.get("/sign-in/single", follow_redirects=False)
        assert answer.status_code == 401 and 'id="notice"' in answer.text
        assert 'action="/sign-in"' in answer.text, "the password is still there"


def test_a_provider_that_calls_itself_otherwise_is_not_used(world: World, provider: str) -> None:
    world.system.settings = replace(
        world.system.settings,
        single_sign_on=config_of(provider.replace("127.0.0.1", "localhost")),
    )
    # asked by that name it answers with it; what it says of itself must be what is configured
    with (
        mock.patch.object(single_sign_on, "_fetched", return_value={"issuer": provider}),
        pytest.raises(NotSignedIn, match="sso_failed"),
    ):
        single_sign_on.begin(world.system, Visit())


def test_the_settings_name_what_is_missing_or_not_encrypted() -> None:
    given = {
        "SHELTER_OIDC_ISSUER": "https://id.example/",
        "SHELTER_OIDC_CLIENT_ID": "shelter",
        "SHELTER_OIDC_CLIENT_SECRET": "x",
        "SHELTER_OIDC_SECOND_FACTOR": "otp, gold",
    }
    read = load(given).single_sign_on
    assert read is not None and read.issuer == "https://id.example" and read.name == "id.example"
    assert read.second_factor == {"otp", "gold"}
    assert "'x'" not in repr(read)
    assert load({}).single_sign_on is None
    with pytest.raises(SettingsError, match="SHELTER_OIDC_CLIENT_SECRET"):
        load({**given, "SHELTER_OIDC_CLIENT_SECRET": ""})
    with pytest.raises(SettingsError, match="SHELTER_OIDC_ISSUER"):
        load({**given, "SHELTER_OIDC_ISSUER": "http://id.example"})
