"""``shelter user``: accounts at a terminal."""

from __future__ import annotations

import argparse
import getpass
import sys
from collections.abc import Callable
from typing import Any

from shelter.domain.sides import SYSTEM, Role, Side
from shelter.services import accounts
from shelter.services.context import Shelter
from shelter.settings import Settings, SettingsError


def add_user_commands(commands: Any, open_system: Callable[[Settings], Shelter]) -> None:
    """Put ``user`` and its commands into the command line."""
    user = commands.add_parser("user", help="accounts")
    user_commands = user.add_subparsers(required=True, metavar="COMMAND")

    def command(
        name: str, text: str, work: Callable[[Shelter, argparse.Namespace], None]
    ) -> argparse.ArgumentParser:
        def run(config: Settings, options: argparse.Namespace) -> int:
            system = open_system(config)
            try:
                work(system, options)
            finally:
                system.database.dispose()
            return 0

        sub: argparse.ArgumentParser = user_commands.add_parser(name, help=text, description=text)
        sub.add_argument("login")
        sub.set_defaults(work=run)
        return sub

    add = command("add", "add an account; asks for its password", _add)
    add.add_argument("name")
    add.add_argument("--role", required=True, choices=[role.value for role in Role])
    add.add_argument("--side", choices=[side.value for side in Side])
    add.add_argument("--service")
    add.add_argument("--phone")
    add.add_argument("--mail", help="copies of alerts go there")
    add.add_argument("--language", default="fr")
    password = command("password", "give another password; ends its sessions", _password)
    for each in (add, password):
        each.add_argument(
            "--password-stdin", action="store_true", help="read the password from standard input"
        )
    command("deactivate", "nobody signs in with it any more; ends its sessions", _deactivate)
    command(
        "reset-factors",
        "take code app, passkeys and recovery codes away from somebody who lost them",
        _reset_factors,
    )
    link = command("link", "let an account of the identity provider sign in as this one", _link)
    who = link.add_mutually_exclusive_group(required=True)
    who.add_argument("--subject", help="the provider's own name for the account (sub)")
    who.add_argument("--email", help="its address, which the provider has verified")
    command("unlink", "no account of the identity provider signs in as this one", _unlink)


def _typed_password(options: argparse.Namespace) -> str:
    if options.password_stdin:
        return sys.stdin.readline().rstrip("\n")
    return getpass.getpass("password: ")


def _add(system: Shelter, options: argparse.Namespace) -> None:
    password = _typed_password(options)
    system.run(
        SYSTEM,
        lambda tx: accounts.create_user(
            tx,
            login=options.login,
            name=options.name,
            password=password,
            role=Role(options.role),
            side=Side(options.side) if options.side else None,
            service=options.service,
            phone=options.phone,
            mail=options.mail,
            language=options.language,
        ),
    )
    print(f"added {options.login}")


def _password(system: Shelter, options: argparse.Namespace) -> None:
    password = _typed_password(options)
    system.run(SYSTEM, lambda tx: accounts.set_password(tx, options.login, password))
    print(f"{options.login} has another password and is signed in nowhere")


def _deactivate(system: Shelter, options: argparse.Namespace) -> None:
    system.run(SYSTEM, lambda tx: accounts.deactivate(tx, options.login))
    print(f"{options.login} is deactivated and signed in nowhere")


def _reset_factors(system: Shelter, options: argparse.Namespace) -> None:
    system.run(SYSTEM, lambda tx: accounts.reset_factors(tx, options.login))
    print(f"{options.login} has no second factor now and is signed in nowhere")


def _link(system: Shelter, options: argparse.Namespace) -> None:
    provider = system.settings.single_sign_on
    if provider is None:
        raise SettingsError("SHELTER_OIDC_ISSUER: set it first; a link is to one provider")
    system.run(
        SYSTEM,
        lambda tx: accounts.link_identity(
            tx, options.login, provider.issuer, subject=options.subject, email=options.email
        ),
    )
    print(f"{options.login} may sign in with {provider.name}")


def _unlink(system: Shelter, options: argparse.Namespace) -> None:
    links = system.run(SYSTEM, lambda tx: accounts.unlink_identities(tx, options.login))
    print(f"{links} links of {options.login} are gone")
