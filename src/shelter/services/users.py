"""What an administrator does with accounts: finds, makes, changes and ends them.

An administrator works for no side. What a service does is not told here: of an account's shifts
those of two-sided services alone are found, as the database gives them.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import col, select

from shelter.db.tables import Passkey, Shift, User
from shelter.domain.errors import Conflict, FieldProblem, Invalid, NotAllowed, Stale
from shelter.domain.sides import Role, Side
from shelter.services import accounts, second_factor, sessions
from shelter.services.context import Tx, found
from shelter.services.second_factor import Factors, factors_of

#: 80 bits, in letters and digits that nobody confuses, in four groups
_LETTERS, _GROUPS, _GROUP = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 4, 4


class FactorReset(StrEnum):
    """Why an administrator takes somebody's second factors away."""

    LOST = "lost"
    STOLEN = "stolen"
    BROKEN = "broken"
    REPLACED = "replaced"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which accounts; what is None narrows nothing."""

    service: str | None = None
    role: Role | None = None
    active: bool | None = True


@dataclass(frozen=True, slots=True)
class Listed:
    user: User
    second_factor: bool


@dataclass(frozen=True, slots=True)
class Account:
    user: User
    factors: Factors
    signed_in: int
    #: duties to come, as far as somebody of no side may know them
    shifts: Sequence[Shift]


@dataclass(frozen=True, slots=True)
class NewAccount:
    login: str
    name: str
    role: Role
    side: Side | None
    service: str | None
    phone: str | None
    language: str


@dataclass(frozen=True, slots=True)
class AccountChange:
    name: str
    service: str | None
    phone: str | None
    language: str


def first_password() -> str:
    """A password that is told once, to be changed by whom it was made for."""
    return "-".join(
        "".join(secrets.choice(_LETTERS) for _ in range(_GROUP)) for _ in range(_GROUPS)
    )


def list_accounts(
    tx: Tx, wanted: Wanted, *, after: UUID | None = None, limit: int = 50
) -> Sequence[Listed]:
    """Accounts by name. ``after`` is the last one of the page before."""
    _administrator(tx)
    query = select(User)
    if wanted.service is not None:
        query = query.where(col(User.service) == wanted.service)
    if wanted.role is not None:
        query = query.where(col(User.role) == wanted.role)
    if wanted.active is not None:
        query = query.where(col(User.active).is_(wanted.active))
    last = tx.session.get(User, after) if after is not None else None
    if last is not None:
        query = query.where(
            sa.or_(
                col(User.name) > last.name,
                sa.and_(col(User.name) == last.name, col(User.id) > last.id),
            )
        )
    users = tx.session.exec(query.order_by(col(User.name), col(User.id)).limit(limit)).all()
    keys = select(Passkey.user_id).where(col(Passkey.user_id).in_([user.id for user in users]))
    with_passkey = set(tx.session.exec(keys))
    return [Listed(user, user.totp_secret is not None or user.id in with_passkey) for user in users]


def account(tx: Tx, user_id: UUID) -> Account:
    _administrator(tx)
    user: User = found(tx.session.get(User, user_id), "user")
    duties = select(Shift).where(col(Shift.user_id) == user.id, col(Shift.ends_at) > tx.now)
    return Account(
        user,
        factors_of(tx.session, user),
        len(sessions.running(tx, user.id)),
        tx.session.exec(duties.order_by(col(Shift.starts_at), col(Shift.id))).all(),
    )


def add_account(tx: Tx, given: NewAccount, password: str, hashed: str) -> User:
    """Raises Invalid, naming every wrong field, and Conflict on a taken login."""
    _administrator(tx)
    wrong = _language_problems(tx, given.language)
    if wrong:
        raise Invalid(*wrong)
    user = accounts.create_user(
        tx,
        login=given.login,
        name=given.name.strip(),
        password=password,
        role=given.role,
        side=given.side,
        service=None if given.role is Role.ADMINISTRATOR else given.service,
        phone=given.phone,
        language=given.language,
        hashed=hashed,
    )
    user.password_given_at = tx.now
    return user


def edit_account(tx: Tx, user_id: UUID, given: AccountChange, version: int) -> User:
    """Change what may change. Role and side do not: what somebody knows of a side stays known, so
    who goes over gets another account, by the same rules as everybody."""
    user = _locked(tx, user_id, version)
    service = None if user.role is Role.ADMINISTRATOR else given.service
    problems = [
        *accounts.name_problems(given.name),
        *accounts.phone_problems(given.phone),
        *_language_problems(tx, given.language),
    ]
    if service != user.service:
        problems += accounts.service_problems(tx, user.role, user.side, service)
    if problems:
        raise Invalid(*problems)
    after = {
        "name": given.name.strip(),
        "service": service,
        "phone": given.phone,
        "language": given.language,
    }
    changed = sorted(part for part, value in after.items() if getattr(user, part) != value)
    for part in changed:
        setattr(user, part, after[part])
    _save(tx, user)
    # which parts, not what they were: a name or a number is nobody's business in a log
    tx.record("user.edit", f"user:{user.id}", changed=changed)
    return user


def end_account(tx: Tx, user_id: UUID, version: int) -> User:
    """Nobody signs in with it any more. Raises Conflict for the administrators' last one."""
    user = _locked(tx, user_id, version)
    _refuse_last_administrator(tx, user)
    user.active = False
    accounts.end_all(tx, user)
    _save(tx, user)
    tx.record("user.deactivate", f"user:{user.id}")
    return user


def bring_back(tx: Tx, user_id: UUID, hashed: str, version: int) -> User:
    """An ended account signs in again, with another password: the old one may be known."""
    user = _locked(tx, user_id, version)
    wrong = accounts.service_problems(tx, user.role, user.side, user.service)
    if wrong:
        raise Invalid(*wrong)
    user.active = True
    accounts.set_hash(tx, user, hashed, but=None)
    _save(tx, user)
    tx.record("user.activate", f"user:{user.id}")
    return user


def give_password(tx: Tx, user_id: UUID, hashed: str, version: int) -> User:
    """Another password for somebody who forgot theirs; all their sessions end."""
    user = _locked(tx, user_id, version)
    _refuse_oneself(tx, user)
    accounts.set_hash(tx, user, hashed, but=None)
    _save(tx, user)
    return user


def reset_factors(tx: Tx, user_id: UUID, reason: FactorReset, version: int) -> User:
    """Take all second factors away: whose role must have one sets up a new one at once."""
    user = _locked(tx, user_id, version)
    _refuse_oneself(tx, user)
    second_factor.remove_all(tx, user)
    accounts.end_all(tx, user)
    _save(tx, user)
    tx.record("factors.reset", f"user:{user.id}", reason=reason.value)
    return user


def end_sessions(tx: Tx, user_id: UUID) -> User:
    """Whoever is signed in with this account is out; so is whoever is halfway in."""
    _administrator(tx)
    user = second_factor.locked(tx, user_id)
    accounts.end_all(tx, user)
    return user


def _administrator(tx: Tx) -> None:
    if tx.actor.role is not Role.ADMINISTRATOR:
        raise NotAllowed("not_allowed")


def _locked(tx: Tx, user_id: UUID, version: int) -> User:
    """The account, locked. Administrators' accounts all together: of two who end each other at
    the same time one is too late."""
    _administrator(tx)
    admins = select(User.id).where(col(User.role) == Role.ADMINISTRATOR).order_by(col(User.id))
    tx.session.exec(admins.with_for_update()).all()
    user = second_factor.locked(tx, user_id)
    if user.version != version:
        raise Stale("stale")
    return user


def _save(tx: Tx, user: User) -> None:
    user.version += 1
    tx.session.add(user)


def _refuse_last_administrator(tx: Tx, user: User) -> None:
    if user.role is not Role.ADMINISTRATOR:
        return
    others = select(User.id).where(
        col(User.role) == Role.ADMINISTRATOR, col(User.active).is_(True), col(User.id) != user.id
    )
    if tx.session.exec(others.limit(1)).first() is None:
        raise Conflict("last_administrator")


def _refuse_oneself(tx: Tx, user: User) -> None:
    """One's own sign-in is changed where one shows that one is oneself."""
    if user.id == tx.actor.user_id:
        raise Conflict("own_sign_in")


def _language_problems(tx: Tx, language: str) -> list[FieldProblem]:
    return [] if language in tx.network.languages else [FieldProblem("language", "choice")]
