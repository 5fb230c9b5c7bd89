"""What stands between two steps of a sign-in: short-lived, each good once.

A row where the password was right or somebody is in. Whoever has shown nothing yet carries the
step along, sealed: it becomes a row when it is used, so visitors from nowhere fill no table.
"""

from __future__ import annotations

import json
import secrets
from datetime import timedelta
from typing import Any, TypeVar
from uuid import UUID, uuid4

from sqlmodel import Session, col, delete, select
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url

from shelter.db.keys import KeyProblem
from shelter.db.tables import SignInStep, StepKind
from shelter.domain.errors import ShelterError
from shelter.domain.sides import SYSTEM
from shelter.services.context import Shelter, Tx
from shelter.services.sessions import token_hash

T = TypeVar("T")

_TABLE = "sign_in_step"
#: time to fetch the telephone, or the paper with the codes
LENGTH = timedelta(minutes=10)


def begin(
    tx: Tx,
    kind: StepKind,
    *,
    user_id: UUID | None = None,
    token: str | None = None,
    **detail: Any,
) -> str:
    """Note a step that is to be finished within ten minutes. Its token is stored as a hash."""
    forget_old(tx)
    token = token or secrets.token_urlsafe(32)
    tx.session.add(
        SignInStep(
            token_hash=token_hash(token),
            kind=kind,
            user_id=user_id,
            detail=detail,
            created_at=tx.now,
            expires_at=tx.now + LENGTH,
        )
    )
    return token


def of(session: Session, kind: StepKind, token: str) -> SignInStep | None:
    return session.exec(
        select(SignInStep).where(
            col(SignInStep.token_hash) == token_hash(token), col(SignInStep.kind) == kind
        )
    ).first()


def locked(tx: Tx, kind: StepKind, token: str) -> SignInStep | None:
    """The step, locked; None when it is over, used up or was never begun."""
    query = select(SignInStep).where(
        col(SignInStep.token_hash) == token_hash(token),
        col(SignInStep.kind) == kind,
        col(SignInStep.expires_at) > tx.now,
    )
    query = query.with_for_update().execution_options(populate_existing=True)
    return tx.session.exec(query).first()


def take(tx: Tx, kind: StepKind, token: str) -> SignInStep | None:
    """The step, used up herewith: of two who bring it, one gets it."""
    step = locked(tx, kind, token)
    if step is not None:
        tx.session.delete(step)
        tx.session.flush()
    return step


def hand_out(tx: Tx, kind: StepKind, **detail: Any) -> str:
    """A step that its visitor carries, to be finished within ten minutes. Nothing is stored."""
    name = uuid4()
    until = (tx.now + LENGTH).timestamp()
    plain = json.dumps({"until": until, "detail": detail})
    return bytes_to_base64url(name.bytes + tx.keyring.encrypt(_TABLE, name, kind.value, plain))


def carried(tx: Tx, kind: StepKind, token: str) -> dict[str, Any] | None:
    """The detail of a step that was handed out; None when it is over or not one of ours.

    Whether it has been used is told by ``use_up``.
    """
    try:
        raw = base64url_to_bytes(token)
        step = json.loads(tx.keyring.decrypt(_TABLE, UUID(bytes=raw[:16]), kind.value, raw[16:]))
    except (ValueError, KeyProblem):
        return None
    detail: dict[str, Any] = step["detail"]
    return detail if tx.now.timestamp() < step["until"] else None


def use_up(tx: Tx, kind: StepKind, token: str) -> bool:
    """Remember that a step that was carried is used; False when it was before.

    Only once it has led to an account, which the caller has locked: of two at once one is first.
    """
    name = UUID(bytes=base64url_to_bytes(token)[:16]).hex
    if of(tx.session, kind, name) is not None:
        return False
    begin(tx, kind, token=name)
    return True


def give_up(system: Shelter, token: str | None) -> None:
    """Whoever leaves is not halfway in any more: nobody finishes it on that screen."""
    if token is not None:
        system.run(SYSTEM, lambda tx: take(tx, StepKind.SECOND_FACTOR, token))


def end_all(tx: Tx, user_id: UUID) -> None:
    """No half sign-in of this account goes on. The account is locked, so none begins meanwhile."""
    tx.session.exec(delete(SignInStep).where(col(SignInStep.user_id) == user_id))


def settled(outcome: T | ShelterError) -> T:
    """What came of a step, raised when it is a refusal.

    A refusal that uses a step up or counts a try must be committed, so a transaction returns it.
    """
    if isinstance(outcome, ShelterError):
        raise outcome
    return outcome


def forget_old(tx: Tx) -> None:
    tx.session.exec(delete(SignInStep).where(col(SignInStep.expires_at) <= tx.now))
