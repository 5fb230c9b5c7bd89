"""Accounts: what is refused when one is made, and what ends with one."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import pytest

from shelter.cli import main
from shelter.db.session import Database
from shelter.db.tables import User
from shelter.domain.errors import Conflict, Invalid, NotFound
from shelter.domain.sides import SYSTEM, Role, Side
from shelter.services.accounts import (
    choose_mail,
    create_user,
    deactivate,
    link_identity,
    may_be_one_person,
    unlink_identities,
)
from shelter.services.sessions import actor_of_token
from support.server import session_for
from support.world import World, secova_world

LOGIN = "garde.aywaille"


@pytest.fixture
def world(database: Database) -> World:
    return secova_world(database)


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
        ({"password": "nouvelle.garde"}, "password"),
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


def test_a_deactivated_account_is_out_at_once(world: World) -> None:
    token, other = session_for(world.system, LOGIN), session_for(world.system, "garde.trooz")
    world.do(SYSTEM, deactivate, LOGIN)
    assert actor_of_token(world.system, token) is None
    assert actor_of_token(world.system, other) is not None  # control


@pytest.mark.parametrize(
    ("name", "phone", "one_person"),
    [
        ("Anne-Marie  d'Hondt", None, True),
        (" ANNE MARIE DHONDT.", None, True),
        ("Anne\u200bmarie D’Hondt", None, True),
        ("Añne-Mârie d'Hondt", None, True),
        ("d'Hondt Anne-Marie", None, True),
        ("Somebody Else", "+32470000001", True),
        ("Anne d'Hondt", None, False),
        ("Anne-Marie d'Hondt-Maes", "+32470000002", False),
        ("Somebody Else", None, False),
    ],
)
def test_a_name_typed_otherwise_makes_no_second_person(
    name: str, phone: str | None, one_person: bool
) -> None:
    given: dict[str, Any] = {"password_hash": "", "role": Role.SAPV}
    first = User(login="a", name="Anne-Marie d'Hondt", phone="+32470000001", **given)
    second = User(login="b", name=name, phone=phone, **given)
    assert may_be_one_person(first, second) is one_person
    assert may_be_one_person(second, first) is one_person


def test_the_people_of_the_sample_are_all_different_people(world: World) -> None:
    users = world.all(User)
    assert {"coordination", "sapv.secova"} <= {user.login for user in users}
    for one, other in combinations(users, 2):
        assert not may_be_one_person(one, other), (one.login, other.login)


def test_one_identity_of_the_provider_is_one_account(world: World) -> None:
    issuer = "https://id.example"
    world.do(SYSTEM, link_identity, LOGIN, issuer, subject="s1")
    with pytest.raises(Conflict, match="identity_taken"):
        world.do(SYSTEM, link_identity, "garde.trooz", issuer, subject="s1")
    world.do(SYSTEM, link_identity, "garde.trooz", issuer, subject="s2")
    assert world.do(SYSTEM, unlink_identities, LOGIN) == 1
    world.do(SYSTEM, link_identity, "garde.trooz", issuer, subject="s1")


def test_commands_name_an_account_that_is_not_there(world: World) -> None:
    with pytest.raises(NotFound):
        world.do(SYSTEM, deactivate, "nobody.here")


def test_the_terminal_adds_changes_links_and_ends_accounts(
    world: World,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Any,
    capsys: pytest.CaptureFixture[str],
) -> None:
    import io
    import sys

    from shelter.db.key_file import load_keyring

    keys = tmp_path / "keys.json"
    load_keyring(keys, create=True)
    for name, value in {
        "SHELTER_DATA_DIR": str(tmp_path),
        "SHELTER_DATABASE_URL": database_url,
        "SHELTER_KEY_FILE": str(keys),
        "SHELTER_OIDC_ISSUER": "https://id.example",
        "SHELTER_OIDC_CLIENT_ID": "shelter",
        "SHELTER_OIDC_CLIENT_SECRET": "x",
    }.items():
        monkeypatch.setenv(name, value)

    def run(*words: str, typed: str = "") -> int:
        monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
        return main(["user", *words])

    made = ("add", "chef.secova", "Cheffe", "--role", "administrator", "--password-stdin")
    assert run(*made, typed="une-phrase-assez-longue\n") == 0
    assert run("password", "chef.secova", "--password-stdin", typed="court\n") == 1
    assert run("password", "chef.secova", "--password-stdin", typed="encore-une-phrase-la\n") == 0
    assert run("link", "chef.secova", "--email", "chef@example.org") == 0
    assert run("link", LOGIN, "--email", "Chef@example.org") == 1
    assert run("unlink", "chef.secova") == 0
    assert run("reset-factors", "chef.secova") == 0
    token = session_for(world.system, LOGIN)
    assert run("deactivate", LOGIN) == 0
    assert actor_of_token(world.system, token) is None
    assert run("deactivate", "nobody.here") == 1
    capsys.readouterr()


# --- copies of alerts by mail -------------------------------------------------------------------


@pytest.mark.parametrize(
    "mail",
    [
        "",
        "anne",
        "anne@",
        "@service.be",
        "anne@service",
        "a b@service.be",
        "anne@service.be\nCc: x",
        "<anne@service.be>",
        "anne@service.be, ben@service.be",
        "a" * 250 + "@service.be",
    ],
)
def test_a_mail_address_that_a_header_would_misread_is_refused(world: World, mail: str) -> None:
    worker = world.user("garde.aywaille")
    with pytest.raises(Invalid) as refused:
        world.do(worker, choose_mail, mail, wanted=True)
    assert [problem.field for problem in refused.value.problems] == ["mail"]
    assert world.all(User, login="garde.aywaille")[0].wants_mail is False


def test_a_person_chooses_where_copies_go_and_whether(world: World) -> None:
    worker = world.user("garde.aywaille")
    world.do(worker, choose_mail, "anne.dupont@service-public.be", wanted=True)
    (row,) = world.all(User, login="garde.aywaille")
    assert (row.mail, row.wants_mail) == ("anne.dupont@service-public.be", True)
    world.do(worker, choose_mail, row.mail, wanted=False)
    assert world.all(User, login="garde.aywaille")[0].wants_mail is False
    with pytest.raises(Invalid):
        world.do(worker, choose_mail, None, wanted=True)
    world.do(worker, choose_mail, None, wanted=False)
    assert world.all(User, login="garde.aywaille")[0].mail is None
