"""What somebody shows besides the password: a code app, codes on paper, or a passkey."""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote
from uuid import UUID

import pyotp
from sqlmodel import Session, col, delete, func, select

from shelter.db.tables import Passkey, RecoveryCode, User
from shelter.domain.codes import normalise_code, random_code
from shelter.domain.errors import Conflict, NotSignedIn
from shelter.domain.sides import Role
from shelter.services.context import Tx, found

#: who signs in with two factors, always: they see both sides, or give accounts to others
REQUIRED_OF = frozenset({Role.SAPV, Role.COORDINATOR, Role.ADMINISTRATOR})
STEP_S = 30
#: a clock may be one step off, either way
DRIFT = 1
RECOVERY_CODES = 10
#: 27 letters and digits: 57 bits, read and typed in three groups
RECOVERY_LENGTH = 12


@dataclass(frozen=True, slots=True)
class Factors:
    """What an account has besides its password."""

    app_since: datetime | None
    passkeys: Sequence[Passkey]
    recovery_left: int
    required: bool

    @property
    def any(self) -> bool:
        return self.app_since is not None or bool(self.passkeys)

    @property
    def last(self) -> bool:
        """Whether there is but one, and the role must have one."""
        return self.required and (self.app_since is not None) + len(self.passkeys) == 1


def factors_of(session: Session, user: User) -> Factors:
    passkeys = session.exec(
        select(Passkey)
        .where(col(Passkey.user_id) == user.id)
        .order_by(col(Passkey.created_at), col(Passkey.id))
    ).all()
    left = session.exec(
        select(func.count()).where(
            col(RecoveryCode.user_id) == user.id, col(RecoveryCode.used_at).is_(None)
        )
    ).one()
    return Factors(
        user.totp_since if user.totp_secret is not None else None,
        passkeys,
        left,
        user.role in REQUIRED_OF,
    )


def locked(tx: Tx, user_id: UUID) -> User:
    """The account, locked: what is checked of it stays true until it is written.

    On SQLite the transaction already is the only writer.
    """
    query = select(User).where(col(User.id) == user_id).with_for_update()
    user = tx.session.exec(query.execution_options(populate_existing=True)).first()
    return found(user, "user")


# --- the code app (TOTP, RFC 6238) ----------------------------------------------------------------


def offer_app(tx: Tx, user: User) -> None:
    """Make a key to be set up. It counts for nothing until a code of it was shown."""
    secret = pyotp.random_base32()
    user.totp_pending = tx.keyring.encrypt("app_user", user.id, "totp_pending", secret)
    tx.session.add(user)


def offered_app(tx: Tx, user: User) -> tuple[str, str] | None:
    """The key that is to be set up: as text, and as the address that its QR code holds."""
    if user.totp_pending is None:
        return None
    secret = tx.keyring.decrypt("app_user", user.id, "totp_pending", user.totp_pending)
    name = quote(f"Shelter:{user.login}")
    return secret, f"otpauth://totp/{name}?secret={secret}&issuer=Shelter"


def add_app(tx: Tx, user: User, code: str) -> bool:
    """Take the offered key over when ``code`` is of it. ``user`` is locked. Whether it was."""
    offered = offered_app(tx, user)
    if offered is None:
        return False
    step = step_of(offered[0], code, None, tx.now)
    if step is None:
        return False
    install_app(tx, user, offered[0], step)
    tx.record("factor.add", f"user:{user.id}", factor="app")
    return True


def install_app(tx: Tx, user: User, secret: str, step: int | None = None) -> None:
    user.totp_secret = tx.keyring.encrypt("app_user", user.id, "totp_secret", secret)
    user.totp_step = step
    user.totp_since = tx.now
    user.totp_pending = None
    tx.session.add(user)


def use_app_code(tx: Tx, user: User, code: str) -> bool:
    """Whether this is a code of the app that has not been used. ``user`` is locked."""
    if user.totp_secret is None:
        return False
    secret = tx.keyring.decrypt("app_user", user.id, "totp_secret", user.totp_secret)
    step = step_of(secret, code, user.totp_step, tx.now)
    if step is None:
        return False
    user.totp_step = step
    tx.session.add(user)
    return True


def step_of(secret: str, code: str, last: int | None, now: datetime) -> int | None:
    """The half minute whose code this is; None for a wrong code and for one of ``last`` or before.

    A code is therefore good once, and no older one after it.
    """
    typed = "".join(code.split())
    present = int(now.timestamp()) // STEP_S
    right = None
    for step in range(present - DRIFT, present + DRIFT + 1):
        same = hmac.compare_digest(pyotp.TOTP(secret).generate_otp(step).encode(), typed.encode())
        if same and (last is None or step > last):
            right = step
    return right


def present_code(tx: Tx, user: User) -> str | None:
    """The next code that would be taken: for the sign-in page of a demonstration, nothing else."""
    if not tx.system.settings.demo or user.totp_secret is None:
        return None
    secret = tx.keyring.decrypt("app_user", user.id, "totp_secret", user.totp_secret)
    step = int(tx.now.timestamp()) // STEP_S
    if user.totp_step is not None and user.totp_step >= step:
        step += 1
    return pyotp.TOTP(secret).generate_otp(step)


def remove_app(tx: Tx, user: User) -> None:
    """Raises Conflict when the role must have a second factor and this is the last."""
    factors = factors_of(tx.session, user)
    if factors.app_since is None:
        return
    if factors.last:
        raise Conflict("last_factor")
    user.totp_secret = user.totp_pending = user.totp_step = user.totp_since = None
    tx.session.add(user)
    tx.record("factor.remove", f"user:{user.id}", factor="app")
    _drop_codes_without_factor(tx, user)


def remove_passkey(tx: Tx, user: User, passkey_id: UUID) -> None:
    """Raises NotFound for anybody else's, and Conflict as ``remove_app`` does."""
    factors = factors_of(tx.session, user)
    passkey = found(next((p for p in factors.passkeys if p.id == passkey_id), None), "passkey")
    if factors.last:
        raise Conflict("last_factor")
    tx.session.delete(passkey)
    tx.record("factor.remove", f"user:{user.id}", factor="passkey")
    tx.session.flush()
    _drop_codes_without_factor(tx, user)


def remove_all(tx: Tx, user: User) -> None:
    user.totp_secret = user.totp_pending = user.totp_step = user.totp_since = None
    tx.session.add(user)
    for table in (Passkey, RecoveryCode):
        tx.session.exec(delete(table).where(col(table.user_id) == user.id))


# --- codes on paper -------------------------------------------------------------------------------


def new_recovery_codes(tx: Tx, user: User) -> list[str]:
    """Ten codes, each good once, shown once; those from before are void.

    Raises Conflict without a second factor that they could stand in for.
    """
    if not factors_of(tx.session, user).any:
        raise Conflict("no_factor")
    tx.session.exec(delete(RecoveryCode).where(col(RecoveryCode.user_id) == user.id))
    codes = [random_code(RECOVERY_LENGTH) for _ in range(RECOVERY_CODES)]
    for code in codes:
        tx.session.add(
            RecoveryCode(
                user_id=user.id, code_hash=_recovery_hash(tx, user, code), created_at=tx.now
            )
        )
    tx.record("recovery_codes.make", f"user:{user.id}")
    return ["-".join(code[n : n + 4] for n in range(0, RECOVERY_LENGTH, 4)) for code in codes]


def use_recovery_code(tx: Tx, user: User, code: str) -> bool:
    """Whether this is one of the codes that has not been used. ``user`` is locked."""
    row = tx.session.exec(
        select(RecoveryCode).where(
            col(RecoveryCode.user_id) == user.id,
            col(RecoveryCode.code_hash) == _recovery_hash(tx, user, code),
            col(RecoveryCode.used_at).is_(None),
        )
    ).first()
    if row is None:
        return False
    row.used_at = tx.now
    tx.session.add(row)
    tx.record("recovery_code.use", f"user:{user.id}")
    return True


def _recovery_hash(tx: Tx, user: User, code: str) -> str:
    return tx.keyring.keyed_hash(f"recovery|{user.id}|{normalise_code(code)}")


def _drop_codes_without_factor(tx: Tx, user: User) -> None:
    if not factors_of(tx.session, user).any:
        tx.session.exec(delete(RecoveryCode).where(col(RecoveryCode.user_id) == user.id))


def use_code(tx: Tx, user: User, code: str) -> str | None:
    """Which factor this code was of, app or paper; None when it is wrong. ``user`` is locked."""
    if use_app_code(tx, user, code):
        return "app"
    if use_recovery_code(tx, user, code):
        return "recovery_code"
    return None


def refused() -> NotSignedIn:
    return NotSignedIn("wrong_code")
