"""Passkeys (WebAuthn): a key that stays on its device, opened there by a finger, face or PIN.

The device checks its holder, and the key proves the device: two factors in one, bound to the
address of this installation, so that no look-alike page can ask for it.
"""

from __future__ import annotations

import ipaddress
import json
from typing import Any
from uuid import UUID

from sqlmodel import col, select
from webauthn import (
    base64url_to_bytes,
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import bytes_to_base64url, parse_client_data_json
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from shelter.db.tables import Passkey, StepKind, User
from shelter.domain.errors import NotSignedIn
from shelter.services import steps
from shelter.services.context import Tx
from shelter.services.second_factor import factors_of, locked
from shelter.settings import Settings

MAX_NAME = 40
TIMEOUT_MS = 120_000


def offered(settings: Settings) -> bool:
    """Whether this installation has a name: passkeys are made for a name, never for a number."""
    try:
        ipaddress.ip_address(settings.host)
    except ValueError:
        return True
    return False


def options_to_add(tx: Tx, user: User) -> str:
    """What a browser needs to make a passkey for this account, as JSON."""
    options = generate_registration_options(
        rp_id=tx.system.settings.host,
        rp_name="Shelter",
        user_id=user.id.bytes,
        user_name=user.login,
        user_display_name=user.name,
        timeout=TIMEOUT_MS,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED,
            user_verification=UserVerificationRequirement.REQUIRED,
        ),
        exclude_credentials=_descriptors(tx, user),
    )
    _begin(tx, StepKind.PASSKEY_ADD, options.challenge, user.id)
    return options_to_json(options)


def options_to_show(tx: Tx, user: User | None) -> str:
    """What a browser needs to show a passkey, as JSON: any of ours, or one of this account."""
    carried = None if user else steps.hand_out(tx, StepKind.PASSKEY_SIGN_IN)
    options = generate_authentication_options(
        rp_id=tx.system.settings.host,
        challenge=base64url_to_bytes(carried) if carried else None,
        timeout=TIMEOUT_MS,
        allow_credentials=[] if user is None else _descriptors(tx, user),
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    if user is not None:
        _begin(tx, StepKind.PASSKEY_SECOND, options.challenge, user.id)
    return options_to_json(options)


def add(tx: Tx, user: User, credential: str, name: str) -> Passkey | NotSignedIn:
    """Keep a passkey that a browser has made. Uses its challenge up, whatever comes of it."""
    challenge = _challenge_of(credential)
    step = challenge and steps.take(tx, StepKind.PASSKEY_ADD, challenge)
    if not step or step.user_id != user.id:
        return _refused()
    try:
        made = verify_registration_response(
            credential=json.loads(credential),
            expected_challenge=base64url_to_bytes(challenge or ""),
            expected_origin=tx.system.settings.public_url,
            expected_rp_id=tx.system.settings.host,
            require_user_verification=True,
        )
    except (WebAuthnException, ValueError, KeyError, TypeError):
        return _refused()
    credential_id = bytes_to_base64url(made.credential_id)
    if tx.session.exec(
        select(Passkey.id).where(col(Passkey.credential_id) == credential_id)
    ).first():
        return _refused()
    passkey = Passkey(
        user_id=user.id,
        credential_id=credential_id,
        public_key=made.credential_public_key,
        sign_count=made.sign_count,
        name=name.strip()[:MAX_NAME],
        created_at=tx.now,
    )
    tx.session.add(passkey)
    tx.session.flush()
    tx.record("factor.add", f"user:{user.id}", factor="passkey")
    return passkey


def check(tx: Tx, credential: str, *, of: UUID | None) -> User | NotSignedIn:
    """Whose passkey was shown; ``of`` an account when the password was right before.

    A challenge opens one session at most. A count of signatures that does not go forward is a
    copy of the key, and is refused.
    """
    challenge = _challenge_of(credential)
    if challenge is None or not _asked(tx, challenge, of):
        return _refused()
    try:
        shown: dict[str, Any] = json.loads(credential)
        passkey, user = _locked(tx, str(shown["id"]))
        if passkey is None or user is None or (of is not None and passkey.user_id != of):
            return _refused()
        handle = shown["response"].get("userHandle")
        if handle and base64url_to_bytes(handle) != passkey.user_id.bytes:
            return _refused()
        verified = verify_authentication_response(
            credential=shown,
            expected_challenge=base64url_to_bytes(challenge),
            expected_origin=tx.system.settings.public_url,
            expected_rp_id=tx.system.settings.host,
            credential_public_key=passkey.public_key,
            credential_current_sign_count=passkey.sign_count,
            require_user_verification=True,
        )
    except (WebAuthnException, ValueError, KeyError, TypeError, AttributeError):
        return _refused()
    if not user.active:
        return _refused()
    if of is None and not steps.use_up(tx, StepKind.PASSKEY_SIGN_IN, challenge):
        return _refused()
    passkey.sign_count = verified.new_sign_count
    passkey.used_at = tx.now
    tx.session.add(passkey)
    return user


def _asked(tx: Tx, challenge: str, of: UUID | None) -> bool:
    """Whether this challenge is one of ours: of the second step of ``of``, or for anybody."""
    if of is None:
        return steps.carried(tx, StepKind.PASSKEY_SIGN_IN, challenge) is not None
    step = steps.take(tx, StepKind.PASSKEY_SECOND, challenge)
    return step is not None and step.user_id == of


def _locked(tx: Tx, credential_id: str) -> tuple[Passkey | None, User | None]:
    """A passkey and whose it is, the account locked first, as by whoever takes its factors away."""
    same = col(Passkey.credential_id) == credential_id
    owner = tx.session.exec(select(Passkey.user_id).where(same)).first()
    if owner is None:
        return None, None
    user = locked(tx, owner)
    query = select(Passkey).where(same).with_for_update()
    return tx.session.exec(query.execution_options(populate_existing=True)).first(), user


def _begin(tx: Tx, kind: StepKind, challenge: bytes, user_id: UUID | None) -> None:
    steps.begin(tx, kind, user_id=user_id, token=bytes_to_base64url(challenge))


def _challenge_of(credential: str) -> str | None:
    """The challenge that a browser says it answered: only to find it, not yet believed."""
    try:
        data = base64url_to_bytes(json.loads(credential)["response"]["clientDataJSON"])
        return bytes_to_base64url(parse_client_data_json(data).challenge)
    except (WebAuthnException, ValueError, KeyError, TypeError, AttributeError):
        return None


def _descriptors(tx: Tx, user: User) -> list[PublicKeyCredentialDescriptor]:
    return [
        PublicKeyCredentialDescriptor(id=base64url_to_bytes(passkey.credential_id))
        for passkey in factors_of(tx.session, user).passkeys
    ]


def _refused() -> NotSignedIn:
    return NotSignedIn("wrong_passkey")
