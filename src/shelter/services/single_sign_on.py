"""Single sign-on: OpenID Connect, authorization code with PKCE, against one configured provider.

The provider says who somebody is; which of our accounts that is was said by an administrator
before. Nobody gets an account by signing in elsewhere.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import asdict
from threading import Lock
from typing import Any

import requests
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from sqlalchemy import or_
from sqlmodel import col, select

from shelter import logs
from shelter.db.tables import LinkedIdentity, StepKind, User
from shelter.domain.errors import NotFound, NotSignedIn, ShelterError
from shelter.domain.sides import SYSTEM
from shelter.services import second_factor, steps
from shelter.services.accounts import email_hash, subject_hash
from shelter.services.context import Shelter, Tx
from shelter.services.sessions import SignedIn, Visit, token_hash
from shelter.services.sign_in import HalfSignedIn, after_first_factor, started
from shelter.settings import LOOPBACK, SingleSignOn

log = logs.get("single_sign_on")

RETURN_PATH = "/sign-in/single/return"
SCOPE = "openid email"
TIMEOUT_S = 10
_STEP = StepKind.SINGLE_SIGN_ON
#: signatures that need a key of the provider's own; never ``none``, never one made with our secret
ALGORITHMS = ["RS256", "PS256", "ES256", "ES384", "EdDSA", "Ed25519"]
#: how far the provider's clock may be off
LEEWAY_S = 60

_metadata: dict[str, dict[str, Any]] = {}
_metadata_lock = Lock()


def begin(system: Shelter, visit: Visit) -> tuple[str, str]:
    """The provider's address to go to, and the secret that this browser keeps meanwhile.

    Raises NotFound where none is configured, and NotSignedIn when the provider does not answer.
    """
    config = _config(system)
    browser = secrets.token_urlsafe(32)
    endpoint = _metadata_of(config)["authorization_endpoint"]
    state = system.run(
        SYSTEM,
        lambda tx: steps.hand_out(tx, _STEP, browser=token_hash(browser), visit=asdict(visit)),
        read_only=True,
    )
    url, _ = _client(system, config).create_authorization_url(
        endpoint,
        state=state,
        nonce=_derived(browser, "nonce"),
        code_verifier=_derived(browser, "verifier"),
    )
    return str(url), browser


def finish(
    system: Shelter, answer: Mapping[str, str], browser: str | None
) -> SignedIn | HalfSignedIn:
    """What the provider's answer comes to. Raises NotSignedIn when it is not to be believed.

    The state opens one session at most, in the browser that it was given to, for ten minutes.
    """
    config, state = _config(system), answer.get("state", "")
    step = system.run(SYSTEM, lambda tx: steps.carried(tx, _STEP, state), read_only=True)
    if step is None or not browser or not _is_of(step, browser):
        raise NotSignedIn("sso_over")
    if "error" in answer or not answer.get("code"):
        raise NotSignedIn("sso_refused")
    if answer.get("iss", config.issuer).rstrip("/") != config.issuer:  # RFC 9207
        raise NotSignedIn("sso_failed")
    claims = _claims(system, config, answer["code"], browser)
    visit = Visit(**step["visit"])

    def enter(tx: Tx) -> SignedIn | HalfSignedIn | ShelterError:
        user = _user_of(tx, config, claims)
        if user is None:
            return NotSignedIn("sso_unknown")
        if not steps.use_up(tx, _STEP, state):
            return NotSignedIn("sso_over")
        if _shows_second_factor(config, claims):
            return started(tx, user, visit, how="single_sign_on")
        return after_first_factor(tx, user, visit, how="single_sign_on")

    outcome = system.run(SYSTEM, enter)
    if isinstance(outcome, ShelterError):
        raise outcome
    return outcome


def _config(system: Shelter) -> SingleSignOn:
    config = system.settings.single_sign_on
    if config is None:
        raise NotFound("not_found", what="page")
    return config


def _is_of(step: Mapping[str, Any], browser: str) -> bool:
    return hmac.compare_digest(str(step["browser"]), token_hash(browser))


def _derived(browser: str, use: str) -> str:
    """Nonce and verifier come from the browser's secret, so that neither is stored here."""
    return hmac.new(browser.encode(), use.encode(), hashlib.sha256).hexdigest()


def _client(system: Shelter, config: SingleSignOn) -> OAuth2Session:
    return OAuth2Session(
        config.client_id,
        config.client_secret,
        scope=SCOPE,
        redirect_uri=f"{system.settings.public_url}{RETURN_PATH}",
        code_challenge_method="S256",
    )


def _metadata_of(config: SingleSignOn) -> dict[str, Any]:
    """The provider's own description (OpenID Connect Discovery), read once by this process."""
    with _metadata_lock:
        if config.issuer not in _metadata:
            data = _fetched(f"{config.issuer}/.well-known/openid-configuration")
            if str(data.get("issuer", "")).rstrip("/") != config.issuer:
                raise _failed("issuer")
            for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
                _require_encrypted(str(data.get(name, "")))
            _metadata[config.issuer] = data
        return _metadata[config.issuer]


def _fetched(url: str) -> dict[str, Any]:
    try:
        answer = requests.get(url, timeout=TIMEOUT_S, allow_redirects=False)
        answer.raise_for_status()
        data = answer.json()
    except (requests.RequestException, ValueError) as error:
        raise _failed(logs.error_name(error)) from None
    if not isinstance(data, dict):
        raise _failed("shape")
    return data


def _require_encrypted(url: str) -> None:
    scheme, _, rest = url.partition("://")
    host = rest.partition("/")[0].partition(":")[0]
    if not (scheme == "https" or (scheme == "http" and host in LOOPBACK)):
        raise _failed("endpoint")


def _claims(system: Shelter, config: SingleSignOn, code: str, browser: str) -> CodeIDToken:
    """What the provider's ID token says, once its signature, audience, time and nonce are right."""
    metadata = _metadata_of(config)
    try:
        with _client(system, config) as client:
            token = client.fetch_token(
                metadata["token_endpoint"],
                grant_type="authorization_code",
                code=code,
                code_verifier=_derived(browser, "verifier"),
                timeout=TIMEOUT_S,
            )
        # fetched each time: sign-ins are rare, and keys may have been replaced
        keys = KeySet.import_key_set(_fetched(metadata["jwks_uri"]))  # type: ignore[arg-type]
        decoded = jwt.decode(token["id_token"], keys, algorithms=ALGORITHMS)
        claims = CodeIDToken(
            decoded.claims,
            decoded.header,
            options={
                "iss": {"essential": True, "value": config.issuer},
                "aud": {"essential": True, "value": config.client_id},
                "sub": {"essential": True},
            },
            params={
                "nonce": _derived(browser, "nonce"),
                "client_id": config.client_id,
                "access_token": token.get("access_token"),
            },
        )
        claims.validate(now=int(system.clock.now().timestamp()), leeway=LEEWAY_S)
    except (OAuthError, JoseError, requests.RequestException, ValueError, KeyError) as error:
        raise _failed(logs.error_name(error)) from None
    return claims


def _failed(why: str) -> NotSignedIn:
    log.warning("single_sign_on.failed", error=why)
    return NotSignedIn("sso_failed")


def _user_of(tx: Tx, config: SingleSignOn, claims: CodeIDToken) -> User | None:
    """The account that an administrator linked; a verified address is bound to its subject once."""
    subject = subject_hash(tx, config.issuer, str(claims["sub"]))
    ways = [col(LinkedIdentity.subject_hash) == subject]
    if claims.get("email") and claims.get("email_verified") is True:
        address = email_hash(tx, config.issuer, str(claims["email"]))
        ways.append(
            col(LinkedIdentity.subject_hash).is_(None) & (col(LinkedIdentity.email_hash) == address)
        )
    found = tx.session.exec(
        select(LinkedIdentity)
        .where(col(LinkedIdentity.issuer) == config.issuer, or_(*ways))
        .order_by(col(LinkedIdentity.subject_hash).is_(None))
        .with_for_update()
    ).first()
    if found is None:
        return None
    if found.subject_hash is None:
        found.subject_hash = subject
        tx.session.add(found)
        tx.record("identity.bind", f"user:{found.user_id}")
    user = second_factor.locked(tx, found.user_id)
    return user if user.active else None


def _shows_second_factor(config: SingleSignOn, claims: CodeIDToken) -> bool:
    methods = claims.get("amr") or []
    said = {str(claims.get("acr", "")), *(str(method) for method in methods)}
    return bool(said & config.second_factor)
