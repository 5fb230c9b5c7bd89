"""Accounts on the screens: an administrator keeps them, nobody locks the door from outside."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from shelter.cli import DEMO_PASSWORD
from shelter.db.session import Database
from shelter.db.tables import AuditEntry, Site, User, UserSession
from shelter.domain.errors import Conflict, Invalid, NotAllowed, Stale
from shelter.domain.sides import Role, Side
from shelter.services import shifts, sign_in, sites, users
from shelter.services.sessions import SignedIn, actor_of_token
from shelter.services.users import AccountChange, FactorReset, NewAccount, Wanted
from support.server import DEMO_USERS, As, client_of, session_for
from support.world import World, key, secova_world

ADMIN, WORKER, POLICE = "admin", "garde.aywaille", "sapv.secova"
SECRET = re.compile(r'<code class="secret">([A-Z2-7]{4}(?:-[A-Z2-7]{4}){3})</code>')


@pytest.fixture
def world(database: Database) -> World:
    return secova_world(database)


@pytest.fixture
def client(world: World) -> Iterator[TestClient[Litestar]]:
    with client_of(world) as client:
        yield client


def row(world: World, login: str) -> User:
    (user,) = world.all(User, login=login)
    return user


def new(**changes: Any) -> NewAccount:
    given: dict[str, Any] = {
        "login": "nouvelle.garde",
        "name": "Nouvelle garde",
        "role": Role.ON_CALL,
        "side": Side.VICTIMS,
        "service": "cpas-trooz",
        "phone": None,
        "language": "fr",
    }
    return NewAccount(**(given | changes))


def add(world: World, given: NewAccount, login: str = ADMIN) -> User:
    password = users.first_password()
    return world.do(world.user(login), users.add_account, given, password, "not-a-hash")


def form_of(page: str, **typed: str) -> dict[str, str]:
    (version,) = set(re.findall(r'name="version" value="(\d+)"', page)) or {"0"}
    return {"key": key(), "version": version, **typed}


# --- who may --------------------------------------------------------------------------------------


@pytest.mark.parametrize("login", [login for login in DEMO_USERS if login != ADMIN])
def test_nobody_but_an_administrator_sees_or_makes_accounts(
    world: World, client: TestClient[Litestar], login: str
) -> None:
    person, someone = As(client, world.system, login), row(world, WORKER).id
    for path in ("/users", "/users/new", f"/users/{someone}"):
        assert person.call("GET", path).status_code == 403, path
    for path in ("/users", *(f"/users/{someone}/{what}" for what in ("edit", "end", "password"))):
        assert person.call("POST", path, data={"key": key()}).status_code == 403, path
    with pytest.raises(NotAllowed):  # the service says it, too
        add(world, new(), login)
    assert As(client, world.system, ADMIN).call("GET", "/users").status_code == 200  # control


def test_the_list_is_narrowed_and_goes_on_where_it_ended(world: World) -> None:
    admin = world.user(ADMIN)

    def listed(**wanted: Any) -> set[str]:
        found = world.do(admin, users.list_accounts, Wanted(**wanted))
        return {each.user.login for each in found}

    everybody = listed()
    assert set(DEMO_USERS) <= everybody
    assert listed(role=Role.ADMINISTRATOR) == {ADMIN}
    of_service = listed(service=row(world, WORKER).service)
    assert WORKER in of_service < everybody
    world.do(admin, users.end_account, row(world, WORKER).id, 1)
    assert WORKER not in listed()
    assert listed(active=False) == {WORKER}
    assert WORKER in listed(active=None)

    seen, after = [], None
    while page := world.do(admin, users.list_accounts, Wanted(active=None), after=after, limit=3):
        seen += [each.user.login for each in page]
        after = page[-1].user.id
    assert len(seen) == len(set(seen)) == len(listed(active=None))


def test_the_list_tells_the_day_of_the_last_sign_in_and_no_hour(
    world: World, client: TestClient[Litestar]
) -> None:
    admin = As(client, world.system, ADMIN)
    page = f"/users/{row(world, WORKER).id}"
    assert "Jamais connecté" in admin.call("GET", page).text
    assert isinstance(sign_in.with_password(world.system, WORKER, DEMO_PASSWORD), SignedIn)
    assert row(world, WORKER).last_sign_in_on == world.clock.at.date()
    after = admin.call("GET", page).text
    assert "Jamais connecté" not in after
    assert "22:10" not in after


# --- a new account --------------------------------------------------------------------------------


def test_a_new_account_signs_in_with_the_password_that_was_shown_once(
    world: World, client: TestClient[Litestar]
) -> None:
    admin = As(client, world.system, ADMIN)
    typed = {
        "key": key(),
        "login": "Nouvelle.Garde ",
        "full_name": "Nouvelle garde",
        "role": "on_call",
        "side": "victims",
        "service": "cpas-trooz",
        "language": "nl",
        "phone": "+32 470 00 11 22",
    }
    shown = admin.call("POST", "/users", data=typed)
    assert shown.status_code == 200
    (password,) = SECRET.findall(shown.text)
    made = row(world, "nouvelle.garde")
    assert (made.language, made.phone, made.side) == ("nl", "+32470001122", Side.VICTIMS)
    assert isinstance(sign_in.with_password(world.system, made.login, password), SignedIn)

    # the answer got lost: the same form again makes nothing, and shows no password
    again = admin.call("POST", "/users", data=typed)
    assert (again.status_code, again.headers["location"]) == (303, f"/users/{made.id}?done=before")
    assert len(world.all(User, login="nouvelle.garde")) == 1
    told = str([(entry.subject, entry.detail) for entry in world.all(AuditEntry)])
    assert password not in told
    assert admin.call("GET", f"/users/{made.id}").text.count(password) == 0


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"login": "a"}, "login"),
        ({"name": "  "}, "full_name"),
        ({"side": None}, "side"),
        ({"role": Role.SAPV}, "side"),
        ({"role": Role.ADMINISTRATOR}, "side"),
        ({"service": "cpas-huy"}, "service"),
        ({"phone": "0470"}, "phone"),
        ({"language": "es"}, "language"),
    ],
)
def test_a_new_account_names_what_is_wrong(
    world: World, change: dict[str, Any], field: str
) -> None:
    with pytest.raises(Invalid) as refusal:
        add(world, new(**change))
    assert [problem.field for problem in refusal.value.problems] == [field]
    assert add(world, new()).active  # control


def test_an_administrator_puts_no_service_on_both_sides_though_they_see_no_site(
    world: World,
) -> None:
    """A service that has a site of a side and no account: the wall counts it, nonetheless."""
    there = {str(user.service) for user in world.all(User)}
    free = next(
        service.key
        for service in world.do(world.user(ADMIN), lambda tx: tx.network.services)
        if service.key not in there and not world.all(Site, service=service.key)
    )
    given = sites.SiteInput("Tilleul", "62009", "1 rue du Rêve", lat=50.4741, lon=5.6752)
    coordinator = world.user("coordination")
    world.do(coordinator, sites.add_site, given, side=Side.VICTIMS, service=free)
    with pytest.raises(Invalid) as refusal:
        add(world, new(side=Side.PERPETRATORS, service=free))
    assert refusal.value.problems[0].code == "service_other_side"
    assert add(world, new(service=free)).side is Side.VICTIMS  # control


# --- changing -------------------------------------------------------------------------------------


def test_an_edit_changes_four_things_and_its_record_tells_which(world: World) -> None:
    before = row(world, WORKER)
    given = AccountChange(" Autre nom ", before.service, before.phone, "de")
    world.do(world.user(ADMIN), users.edit_account, before.id, given, before.version)
    after = row(world, WORKER)
    assert (after.name, after.language, after.version) == ("Autre nom", "de", before.version + 1)
    assert (after.role, after.side, after.login) == (before.role, before.side, before.login)
    (entry,) = world.all(AuditEntry, action="user.edit")
    assert entry.detail == {"changed": ["language", "name"]}
    assert (entry.actor_name, entry.side) == (row(world, ADMIN).name, None)


def test_what_somebody_else_changed_meanwhile_is_not_written_over(
    world: World, client: TestClient[Litestar]
) -> None:
    admin, user = As(client, world.system, ADMIN), row(world, WORKER)
    page = admin.call("GET", f"/users/{user.id}").text
    typed = {"form": "edit", "full_name": "A", "service": str(user.service), "language": "fr"}
    first, second = form_of(page, **typed), form_of(page, **typed | {"full_name": "B"})
    assert admin.call("POST", f"/users/{user.id}/edit", data=first).status_code == 303
    stale = admin.call("POST", f"/users/{user.id}/edit", data=second)
    assert stale.status_code == 412
    assert 'value="B"' in stale.text  # what was typed is still there
    assert row(world, WORKER).name == "A"
    for what in ("end", "factors", "password"):
        late = form_of(page, factor_reason="lost")
        assert admin.call("POST", f"/users/{user.id}/{what}", data=late).status_code == 412, what
    assert row(world, WORKER).active


def test_a_form_that_is_sent_twice_changes_once(world: World, client: TestClient[Litestar]) -> None:
    admin, user = As(client, world.system, ADMIN), row(world, WORKER)
    given = form_of(admin.call("GET", f"/users/{user.id}").text)
    answers = [
        admin.call("POST", f"/users/{user.id}/end", data=given).headers["location"]
        for _ in range(2)
    ]
    assert answers == [f"/users/{user.id}?done=ended"] * 2
    assert len(world.all(AuditEntry, action="user.deactivate")) == 1


def test_an_old_sign_in_is_asked_for_again_before_anything_changes(
    world: World, client: TestClient[Litestar]
) -> None:
    admin, user = As(client, world.system, ADMIN), row(world, WORKER)
    given = form_of(admin.call("GET", f"/users/{user.id}").text)
    world.clock.forward(minutes=16)
    answer = admin.call("POST", f"/users/{user.id}/end", data=given)
    assert answer.headers["location"].startswith("/sign-in?again&to=/users/")
    assert row(world, WORKER).active
    again = As(client, world.system, ADMIN)  # control: a fresh one
    assert again.call("POST", f"/users/{user.id}/end", data=given).status_code == 303
    assert not row(world, WORKER).active


# --- ending and resetting -------------------------------------------------------------------------


def test_an_ended_account_is_out_and_comes_back_with_another_password(
    world: World, client: TestClient[Litestar]
) -> None:
    token, user = session_for(world.system, WORKER), row(world, WORKER)
    admin = As(client, world.system, ADMIN)
    world.do(world.user(ADMIN), users.end_account, user.id, user.version)
    assert actor_of_token(world.system, token) is None
    page = admin.call("GET", f"/users/{user.id}").text
    back = admin.call("POST", f"/users/{user.id}/password", data=form_of(page, back="on"))
    (password,) = SECRET.findall(back.text)
    with pytest.raises(Exception, match="wrong_password"):
        sign_in.with_password(world.system, WORKER, DEMO_PASSWORD)
    assert isinstance(sign_in.with_password(world.system, WORKER, password), SignedIn)


def test_the_last_administrator_cannot_be_ended(world: World) -> None:
    admin, user = world.user(ADMIN), row(world, ADMIN)
    with pytest.raises(Conflict, match="last_administrator"):
        world.do(admin, users.end_account, user.id, user.version)
    for weaken in (
        lambda tx: users.reset_factors(tx, user.id, FactorReset.LOST, user.version),
        lambda tx: users.give_password(tx, user.id, "hash", user.version),
    ):
        with pytest.raises(Conflict, match="own_sign_in"):
            world.do(admin, weaken)
    assert row(world, ADMIN).active
    # control: with a second one, either may be ended by the other, and then no more
    second = add(world, new(login="admin.deux", role=Role.ADMINISTRATOR, side=None, service=None))
    world.do(world.user("admin.deux"), users.end_account, user.id, row(world, ADMIN).version)
    with pytest.raises(Conflict, match="last_administrator"):
        world.do(world.user("admin.deux"), users.end_account, second.id, second.version)


def test_a_reset_takes_every_factor_away_says_why_and_asks_for_new_ones(
    world: World, client: TestClient[Litestar]
) -> None:
    token, police = session_for(world.system, POLICE), row(world, POLICE)
    admin = As(client, world.system, ADMIN)
    page = admin.call("GET", f"/users/{police.id}").text
    without = admin.call("POST", f"/users/{police.id}/factors", data=form_of(page))
    assert without.status_code == 422
    made_up = form_of(page, factor_reason="because")
    assert admin.call("POST", f"/users/{police.id}/factors", data=made_up).status_code == 422
    given = form_of(page, factor_reason="stolen")
    assert admin.call("POST", f"/users/{police.id}/factors", data=given).status_code == 303
    assert actor_of_token(world.system, token) is None
    (entry,) = world.all(AuditEntry, action="factors.reset")
    assert (entry.subject, entry.detail) == (f"user:{police.id}", {"reason": "stolen"})
    half = sign_in.with_password(world.system, POLICE, DEMO_PASSWORD)
    assert isinstance(half, sign_in.HalfSignedIn)
    step = sign_in.second_step(world.system, half.token)
    assert step is not None and step.offered_app is not None and not step.app


def test_sessions_are_ended_everywhere(world: World) -> None:
    for _ in range(3):
        session_for(world.system, WORKER)
    user, other = row(world, WORKER), row(world, "garde.trooz")
    session_for(world.system, "garde.trooz")
    world.do(world.user(ADMIN), users.end_sessions, user.id)
    assert world.all(UserSession, user_id=user.id) == []
    assert len(world.all(UserSession, user_id=other.id)) == 1  # control


def test_duties_to_come_are_a_warning_where_an_administrator_may_know_them(
    world: World, client: TestClient[Litestar]
) -> None:
    """Of two-sided services; a side's rota is nothing that somebody of no side is told."""
    admin, warned = As(client, world.system, ADMIN), {}
    for login in (POLICE, WORKER):
        user, start = row(world, login), world.clock.at + timedelta(days=2)
        page = f"/users/{user.id}"
        before = admin.call("GET", page).text
        duty = shifts.ShiftInput(user.id, start, start + timedelta(hours=9))
        world.do(world.user(login), shifts.add_shift, str(user.service), duty)
        warned[login] = re.sub(r'name="key" value="[^"]+"', "", before) != re.sub(
            r'name="key" value="[^"]+"', "", admin.call("GET", page).text
        )
    assert warned == {POLICE: True, WORKER: False}


def test_whoever_comes_with_a_given_password_is_asked_for_their_own(
    world: World, client: TestClient[Litestar]
) -> None:
    admin, user = As(client, world.system, ADMIN), row(world, WORKER)

    def comes(password: str) -> tuple[str, bool]:
        entered = sign_in.with_password(world.system, WORKER, password)
        assert isinstance(entered, SignedIn)
        page = As(client, world.system, WORKER).call("GET", "/account").text
        return entered.to, "Quelqu’un d’autre connaît votre mot de passe" in page

    assert comes(DEMO_PASSWORD) == ("/", False)  # control
    page = admin.call("GET", f"/users/{user.id}").text
    given = admin.call("POST", f"/users/{user.id}/password", data=form_of(page))
    (password,) = SECRET.findall(given.text)
    assert comes(password) == ("/account#h-password", True)


def test_a_password_of_ones_own_is_no_given_one(world: World) -> None:
    from shelter.services.accounts import change_password

    user = add(world, new(login="garde.neuve"))
    assert row(world, "garde.neuve").password_given_at == world.clock.at
    given = row(world, WORKER)
    assert given.password_given_at is None
    token = session_for(world.system, WORKER)
    world.do(world.user(ADMIN), users.give_password, given.id, given.password_hash, given.version)
    assert row(world, WORKER).password_given_at == world.clock.at
    token = session_for(world.system, WORKER)
    change_password(
        world.system, world.user(WORKER), token, DEMO_PASSWORD, "une phrase bien à moi, longue"
    )
    assert row(world, WORKER).password_given_at is None
    assert user.version == 1
    with pytest.raises(Stale):
        world.do(world.user(ADMIN), users.end_account, given.id, given.version)
