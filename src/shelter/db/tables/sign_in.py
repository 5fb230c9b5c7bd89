"""What an account shows besides its password, and what stands between two steps of a sign-in."""

from __future__ import annotations

import uuid
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from shelter.db.tables.columns import enum_column, identifier, instant, json_column


class Passkey(SQLModel, table=True):
    """A public key whose private half never leaves a device (WebAuthn)."""

    __tablename__ = "passkey"
    id: uuid.UUID = identifier()
    user_id: uuid.UUID = Field(foreign_key="app_user.id", index=True)
    #: base64url, as the authenticator names it
    credential_id: str = Field(unique=True)
    public_key: bytes
    sign_count: int
    name: str
    created_at: datetime = instant()
    used_at: datetime | None = instant(nullable=True)


class RecoveryCode(SQLModel, table=True):
    """One of the codes on paper. Kept as a keyed hash, whose key is not in the database."""

    __tablename__ = "recovery_code"
    id: uuid.UUID = identifier()
    user_id: uuid.UUID = Field(foreign_key="app_user.id", index=True)
    code_hash: str = Field(unique=True)
    created_at: datetime = instant()
    used_at: datetime | None = instant(nullable=True)


class LinkedIdentity(SQLModel, table=True):
    """An account of the identity provider that may sign in as one of ours.

    Kept as keyed hashes: they are only ever compared. ``subject_hash`` is filled at the first
    sign-in where an administrator linked an e-mail address.
    """

    __tablename__ = "linked_identity"
    __table_args__ = (
        sa.UniqueConstraint("issuer", "subject_hash"),
        sa.UniqueConstraint("issuer", "email_hash"),
    )
    id: uuid.UUID = identifier()
    user_id: uuid.UUID = Field(foreign_key="app_user.id", index=True)
    issuer: str
    subject_hash: str | None = None
    email_hash: str | None = None
    created_at: datetime = instant()


class StepKind(StrEnum):
    SECOND_FACTOR = "second_factor"  # the password was right; it opens nothing yet
    PASSKEY_SIGN_IN = "passkey_sign_in"  # of nobody yet, so a row only from when it is used
    PASSKEY_SECOND = "passkey_second"
    PASSKEY_ADD = "passkey_add"
    SINGLE_SIGN_ON = "single_sign_on"  # likewise


class SignInStep(SQLModel, table=True):
    """Half of a sign-in: short-lived, used once, known by the hash of a random token."""

    __tablename__ = "sign_in_step"
    token_hash: str = Field(primary_key=True)
    kind: StepKind = Field(sa_column=enum_column(StepKind, "kind"))
    user_id: uuid.UUID | None = Field(default=None, foreign_key="app_user.id", index=True)
    tries: int = 0
    detail: dict[str, Any] = Field(sa_column=sa.Column(json_column(), nullable=False))
    created_at: datetime = instant()
    expires_at: datetime = instant(index=True)


class SignInTries(SQLModel, table=True):
    """Wrong guesses in a row at one secret. The same rows for logins that nobody has."""

    __tablename__ = "sign_in_tries"
    #: keyed hash of what is guessed at: an account's password, its second factor, from a device
    key: str = Field(primary_key=True)
    failed: int
    last_at: datetime = instant(index=True)
    #: before this nothing is tried
    next_at: datetime = instant()
    #: the refusal of this window is in the audit log
    told: bool = False
