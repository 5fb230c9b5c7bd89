"""Signing in as one of the sample users, with the code that her app would show."""

from __future__ import annotations

from datetime import timedelta

import pyotp

from shelter.cli import DEMO_PASSWORD
from shelter.db.tables import User
from shelter.services.sessions import SignedIn, Visit
from shelter.services.sign_in import HalfSignedIn, with_password
from support.world import World

LOGIN, POLICE = "garde.aywaille", "sapv.secova"


def secret_of(world: World, login: str = POLICE, column: str = "totp_secret") -> str:
    [user] = world.all(User, login=login)
    return world.system.keyring.decrypt("app_user", user.id, column, getattr(user, column))


def code_of(world: World, login: str = POLICE, *, steps: int = 0) -> str:
    """What the app of ``login`` shows now, or some half minutes later."""
    at = world.clock.now() + timedelta(seconds=30 * steps)
    return pyotp.TOTP(secret_of(world, login)).at(at)


def half(world: World, login: str = POLICE, visit: Visit | None = None) -> str:
    """The token of half a sign-in."""
    begun = with_password(world.system, login, DEMO_PASSWORD, visit)
    assert isinstance(begun, HalfSignedIn)
    return begun.token


def whole(world: World, login: str = LOGIN, visit: Visit | None = None) -> SignedIn:
    begun = with_password(world.system, login, DEMO_PASSWORD, visit)
    assert isinstance(begun, SignedIn)
    return begun
