"""What stands between two steps of a sign-in: short-lived rows, each good once."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Any, TypeVar
from uuid import UUID

from sqlmodel import Session, col, delete, select

from shelter.db.tables import SignInStep, StepKind
from shelter.domain.errors import ShelterError
from shelter.services.context import Tx
from shelter.services.sessions import token_hash

T = TypeVar("T")

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


def settled(outcome: T | ShelterError) -> T:
    """What came of a step, raised when it is a refusal.

    A refusal that uses a step up or counts a try must be committed, so a transaction returns it.
    """
    if isinstance(outcome, ShelterError):
        raise outcome
    return outcome


def forget_old(tx: Tx) -> None:
    tx.session.exec(delete(SignInStep).where(col(SignInStep.expires_at) <= tx.now))
