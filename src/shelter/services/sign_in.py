"""Signing in, step by step: a session exists when everything has been shown, and not before.

password ─┬─ no second factor, none required ──────────────────────────▶ session
          ├─ second factor: half a sign-in ─ code, or passkey ─────────▶ session
          └─ required, none yet: half a sign-in ─ set one up, codes ───▶ session
passkey ───────────────────────────────────────────────────────────────▶ session
provider ─ as after a password, or as after a second factor, by setting
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TypeVar

from sqlmodel import Session

from shelter.db.tables import SignInStep, StepKind, User
from shelter.domain.errors import NotAllowed, NotSignedIn, ShelterError
from shelter.domain.sides import SYSTEM
from shelter.services import hashing, passkeys, second_factor, sessions, steps, throttle
from shelter.services.accounts import by_login, normal_login
from shelter.services.context import Shelter, Tx
from shelter.services.second_factor import factors_of
from shelter.services.sessions import SignedIn, Visit, actor_of, start

T = TypeVar("T")

#: wrong codes after which one begins again with the password
MAX_TRIES = 5


@dataclass(frozen=True, slots=True)
class HalfSignedIn:
    """The password was right, and that is not enough. The token opens the second step alone."""

    token: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class SecondStep:
    """What the page of the second step shows."""

    app: bool
    passkey: bool
    #: a key to be set up, as text and as the address in its QR code; None with a factor there
    offered_app: tuple[str, str] | None
    #: of a demonstration
    demo_code: str | None


# --- the first step -------------------------------------------------------------------------------


def with_password(
    system: Shelter, login: str, password: str, visit: Visit | None = None
) -> SignedIn | HalfSignedIn:
    """Check the password. Raises NotSignedIn without saying what was wrong, and TooMany.

    The password is checked outside any transaction: hashing takes half a second, and on SQLite a
    transaction would hold everybody up for so long.
    """
    visit = visit or Visit()
    user, key = _checked(system, login, password, visit)

    def enter(tx: Tx) -> SignedIn | HalfSignedIn:
        present = second_factor.locked(tx, user.id)
        if not present.active or present.password_hash != user.password_hash:
            raise NotSignedIn("wrong_password")  # it was changed while it was being checked
        throttle.forget(tx, key)
        return after_first_factor(tx, present, visit, how="password")

    return system.run(actor_of(user), enter)


def with_password_and_code(
    system: Shelter, login: str, password: str, code: str | None, visit: Visit | None = None
) -> SignedIn:
    """For a program: both factors in one call. Raises as the two steps do, and NotSignedIn
    ``code_needed`` without the code, ``factor_needed`` where none is set up yet."""
    started = with_password(system, login, password, visit)
    if isinstance(started, SignedIn):
        return started
    step = second_step(system, started.token)
    if step is None or not (step.app or step.passkey):
        raise NotSignedIn("factor_needed")
    if not code:
        raise NotSignedIn("code_needed")
    return with_code(system, started.token, code)


def _checked(system: Shelter, login: str, password: str, visit: Visit) -> tuple[User, str]:
    login = normal_login(login)
    user = system.database.run(lambda session: by_login(session, login), read_only=True)
    key = throttle.password_key(system.keyring, login, visit.known_device)
    throttle.refuse_early(system, key)
    known = throttle.knows(system.keyring, login, visit.known_device)
    with hashing.place_in_line(known=known):
        throttle.take_a_try(system, key, f"user:{user.id}" if user else f"login:{key[:16]}")
        right = hashing.is_right(user.password_hash if user else None, password)
    if not right or user is None:
        raise NotSignedIn("wrong_password")
    return user, key


def after_first_factor(tx: Tx, user: User, visit: Visit, *, how: str) -> SignedIn | HalfSignedIn:
    """A session where one factor is enough, else half a sign-in. ``user`` is locked."""
    factors = factors_of(tx.session, user)
    if not factors.any and not factors.required:
        return started(tx, user, visit, how=how)
    if not factors.any:
        second_factor.offer_app(tx, user)
    token = steps.begin(tx, StepKind.SECOND_FACTOR, user_id=user.id, how=how, visit=asdict(visit))
    return HalfSignedIn(token, tx.now + steps.LENGTH)


def started(tx: Tx, user: User, visit: Visit, *, how: str) -> SignedIn:
    """Everything has been shown: the session, and the cookie by which the device is known."""
    token, expires = start(tx, user, visit, how=how)
    known = None
    if not visit.shared:
        known = visit.known_device
        if not throttle.knows(tx.keyring, user.login, known):
            known = throttle.new_device(tx.keyring, user.login)
    return SignedIn(token, actor_of(user), expires, visit.shared, known, visit.to)


# --- the second step ------------------------------------------------------------------------------


def second_step(system: Shelter, token: str) -> SecondStep | None:
    """What can be shown now; None when the half sign-in is over."""

    def look(tx: Tx, user: User) -> SecondStep:
        factors = factors_of(tx.session, user)
        return SecondStep(
            app=factors.app_since is not None,
            passkey=bool(factors.passkeys),
            offered_app=None if factors.any else second_factor.offered_app(tx, user),
            demo_code=second_factor.present_code(tx, user),
        )

    return _for_half(system, token, look, read_only=True)


def with_code(system: Shelter, token: str, code: str) -> SignedIn:
    """Finish with a code of the app or from the paper. Raises NotSignedIn and TooMany.

    The last used code is read and written under the lock of the account's row: of two who bring
    the same code at once, one gets in.
    """

    def show(tx: Tx, step: SignInStep, user: User) -> SignedIn | ShelterError:
        key = throttle.second_key(tx.keyring, user, step.detail["visit"]["known_device"])
        if wait := throttle.seconds_to_wait(tx, key, f"user:{user.id}"):
            return throttle.too_many(wait)
        how = second_factor.use_code(tx, user, code)
        if how is None:
            throttle.count(tx, key)
            return _wrong(tx, step)
        throttle.forget(tx, key)
        return _finished(tx, step, user, how)

    return _finish(system, token, show)


def passkey_options(system: Shelter, token: str | None) -> str:
    """For a whole sign-in (no token) or the second step. Raises NotSignedIn when that is over."""
    if token is None:
        return system.run(SYSTEM, lambda tx: passkeys.options_to_show(tx, None), read_only=True)
    made = _for_half(
        system,
        token,
        lambda tx, user: (
            passkeys.options_to_show(tx, user)
            if factors_of(tx.session, user).any
            else passkeys.options_to_add(tx, user)
        ),
    )
    if made is None:
        raise NotSignedIn("half_over")
    return made


def with_passkey(system: Shelter, credential: str, visit: Visit) -> SignedIn:
    """A passkey alone is a whole sign-in: it is two factors, and no password guess touches it."""

    def show(tx: Tx) -> SignedIn | ShelterError:
        user = passkeys.check(tx, credential, of=None)
        if isinstance(user, ShelterError):
            return user
        return started(tx, user, visit, how="passkey")

    return steps.settled(system.run(SYSTEM, show))


def second_with_passkey(system: Shelter, token: str, credential: str) -> SignedIn:
    def show(tx: Tx, step: SignInStep, user: User) -> SignedIn | ShelterError:
        checked = passkeys.check(tx, credential, of=user.id)
        if isinstance(checked, ShelterError):
            _wrong(tx, step)
            return checked
        return _finished(tx, step, user, "passkey")

    return _finish(system, token, show)


# --- setting up what the role requires, before there is a session ---------------------------------


def set_up_app(system: Shelter, token: str, code: str) -> tuple[SignedIn, list[str]]:
    """Prove the offered key with a code of it. The session, and the codes for the paper."""

    def show(tx: Tx, step: SignInStep, user: User) -> tuple[SignedIn, list[str]] | ShelterError:
        if factors_of(tx.session, user).any:
            return NotAllowed("factor_there")
        if not second_factor.add_app(tx, user, code):
            return _wrong(tx, step)
        codes = second_factor.new_recovery_codes(tx, user)
        return _finished(tx, step, user, "app"), codes

    return _finish(system, token, show)


def set_up_passkey(
    system: Shelter, token: str, credential: str, name: str
) -> tuple[SignedIn, list[str]]:
    def show(tx: Tx, step: SignInStep, user: User) -> tuple[SignedIn, list[str]] | ShelterError:
        if factors_of(tx.session, user).any:
            return NotAllowed("factor_there")
        added = passkeys.add(tx, user, credential, name)
        if isinstance(added, ShelterError):
            _wrong(tx, step)
            return added
        codes = second_factor.new_recovery_codes(tx, user)
        return _finished(tx, step, user, "passkey"), codes

    return _finish(system, token, show)


# --- what the steps share -------------------------------------------------------------------------


def _for_half(
    system: Shelter, token: str, work: Callable[[Tx, User], T], *, read_only: bool = False
) -> T | None:
    """Something on behalf of a half sign-in, as the account that it is of; None when it is over."""

    def look(session: Session) -> User | None:
        step = steps.of(session, StepKind.SECOND_FACTOR, token)
        if step is None or step.expires_at <= system.clock.now():
            return None
        user = session.get(User, step.user_id)
        return user if user is not None and user.active else None

    user = system.database.run(look, read_only=True)
    if user is None:
        return None

    def act(tx: Tx) -> T | None:
        present = tx.session.get(User, user.id)
        return work(tx, present) if present is not None else None

    return system.run(actor_of(user), act, read_only=read_only)


def _finish(
    system: Shelter, token: str, work: Callable[[Tx, SignInStep, User], T | ShelterError]
) -> T:
    """``work`` with the step and the account locked. Raises NotSignedIn when it is over."""

    def act(tx: Tx, user: User) -> T | ShelterError:
        # the account first, as for everything that ends its half sign-ins
        present = second_factor.locked(tx, user.id)
        step = steps.locked(tx, StepKind.SECOND_FACTOR, token)
        if step is None or not present.active:
            return NotSignedIn("half_over")
        return work(tx, step, present)

    outcome = _for_half(system, token, act)
    if outcome is None:
        raise NotSignedIn("half_over")
    return steps.settled(outcome)


def _finished(tx: Tx, step: SignInStep, user: User, how: str) -> SignedIn:
    visit = Visit(**step.detail["visit"])
    first = step.detail["how"]
    tx.session.delete(step)
    return started(tx, user, visit, how=f"{first}+{how}")


def _wrong(tx: Tx, step: SignInStep) -> NotSignedIn:
    """Count the try; after the last one the password is asked for again."""
    step.tries += 1
    if step.tries >= MAX_TRIES:
        tx.session.delete(step)
    else:
        tx.session.add(step)
    return second_factor.refused()


def forget_old(tx: Tx) -> None:
    """What is over: sessions, half sign-ins, counts of a day ago."""
    for noun in (sessions, steps, throttle):
        noun.forget_old(tx)
