"""Everything that the environment decides, read once into one frozen object."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


class SettingsError(ValueError):
    """The environment contradicts itself; the text says which variable and what to write."""


@dataclass(frozen=True, slots=True)
class Twilio:
    account_sid: str
    auth_token: str = field(repr=False)
    #: E.164 number or messaging service id (``MG…``)
    sender: str
    #: another address of the API, for tests against a local server
    api_url: str | None = None
    #: E.164 number that calls come from; None: no calls
    caller: str | None = None


@dataclass(frozen=True, slots=True)
class Smtp:
    """The server that takes mail."""

    host: str
    port: int
    #: tls, starttls, or none for a loopback address
    encryption: str
    sender: str
    user: str | None = None
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class SingleSignOn:
    """An OpenID Connect provider whose accounts may sign in."""

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    #: what the button calls it
    name: str
    #: values of ``acr`` or ``amr`` that say that the provider saw a second factor; none by default
    second_factor: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Settings:
    #: where the embedded database, the key file and nothing else live
    data_dir: Path
    database_url: str = field(repr=False)
    #: how browsers reach the server; https, but for a loopback address
    public_url: str
    key_file: Path
    twilio: Twilio | None
    #: tick inside the serving process, for a single-machine installation
    worker_inside: bool
    #: show demo sign-ins and the local inbox to everybody who is signed in
    demo: bool
    log_level: str
    smtp: Smtp | None = None
    #: what a collector of metrics shows as its bearer token; None: there are no metrics
    metrics_token: str | None = field(default=None, repr=False)
    single_sign_on: SingleSignOn | None = None
    #: the key file's content itself, for installations with a secret manager
    keys: str | None = field(default=None, repr=False)
    #: a page about nothing in particular, to which the quick exit leads
    exit_url: str = "https://www.meteo.be/"
    #: where the worker notes the audit log's head once a day: a place that others keep
    audit_head_file: Path | None = None

    @property
    def host(self) -> str:
        """The host of ``public_url``; passkeys are made for it."""
        return urlsplit(self.public_url).hostname or ""

    @property
    def secure(self) -> bool:
        return self.public_url.startswith("https://")

    @property
    def embedded(self) -> bool:
        return self.database_url.startswith("sqlite")


def load(environ: Mapping[str, str] = os.environ) -> Settings:
    """Read ``SHELTER_*`` variables. Raises SettingsError, naming the variable."""
    data_dir = Path(environ.get("SHELTER_DATA_DIR", "var")).resolve()
    database_url = environ.get("SHELTER_DATABASE_URL", f"sqlite:///{data_dir / 'shelter.db'}")
    if database_url.startswith(("postgresql://", "postgres://")):
        database_url = "postgresql+psycopg://" + database_url.split("://", 1)[1]
    if not database_url.startswith(("sqlite:///", "postgresql+psycopg://")):
        raise SettingsError(
            "SHELTER_DATABASE_URL: write sqlite:///PATH or postgresql://USER@HOST/NAME"
        )
    public_url = environ.get("SHELTER_PUBLIC_URL", "http://127.0.0.1:8000").rstrip("/")
    parts = urlsplit(public_url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise SettingsError("SHELTER_PUBLIC_URL: write https://HOST")
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise SettingsError(
            f"SHELTER_PUBLIC_URL: {public_url} is not encrypted; write https://{parts.hostname}"
        )
    return Settings(
        data_dir=data_dir,
        database_url=database_url,
        public_url=public_url,
        key_file=Path(environ.get("SHELTER_KEY_FILE", data_dir / "keys.json")),
        twilio=_twilio(environ),
        smtp=_smtp(environ),
        metrics_token=environ.get("SHELTER_METRICS_TOKEN") or None,
        worker_inside=environ.get("SHELTER_WORKER_INSIDE", "") in {"1", "true", "yes"},
        demo=environ.get("SHELTER_DEMO", "") in {"1", "true", "yes"},
        log_level=environ.get("SHELTER_LOG_LEVEL", "info"),
        exit_url=_exit_url(environ),
        audit_head_file=Path(environ["SHELTER_AUDIT_HEAD_FILE"])
        if environ.get("SHELTER_AUDIT_HEAD_FILE")
        else None,
        keys=environ.get("SHELTER_KEYS") or None,
        single_sign_on=_single_sign_on(environ),
    )


def _single_sign_on(environ: Mapping[str, str]) -> SingleSignOn | None:
    prefix = "SHELTER_OIDC_"
    names = [f"{prefix}{part}" for part in ("ISSUER", "CLIENT_ID", "CLIENT_SECRET")]
    given = [name for name in names if environ.get(name)]
    if not given:
        return None
    missing = [name for name in names if name not in given]
    if missing:
        raise SettingsError(f"{', '.join(missing)}: missing, though {given[0]} is set")
    issuer = environ[names[0]].rstrip("/")
    parts = urlsplit(issuer)
    local = parts.scheme == "http" and parts.hostname in LOOPBACK
    if not parts.hostname or not (parts.scheme == "https" or local):
        raise SettingsError(f"{names[0]}: write https://HOST, as the provider names itself")
    return SingleSignOn(
        issuer=issuer,
        client_id=environ[names[1]],
        client_secret=environ[names[2]],
        name=environ.get(f"{prefix}NAME") or parts.hostname,
        second_factor=frozenset(
            environ.get(f"{prefix}SECOND_FACTOR", "").replace(",", " ").split()
        ),
    )


def _exit_url(environ: Mapping[str, str]) -> str:
    url = environ.get("SHELTER_EXIT_URL", "https://www.meteo.be/")
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname or not url.isprintable() or " " in url:
        raise SettingsError("SHELTER_EXIT_URL: write https://HOST/ of a page that anybody may see")
    return url


def _twilio(environ: Mapping[str, str]) -> Twilio | None:
    names = ("TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "TWILIO_SENDER")
    given = [name for name in names if environ.get(name)]
    if not given:
        return None
    missing = [name for name in names if name not in given]
    if missing:
        raise SettingsError(f"{', '.join(missing)}: missing, though {given[0]} is set")
    return Twilio(
        account_sid=environ["TWILIO_ACCOUNT_SID"],
        auth_token=environ["TWILIO_AUTH_TOKEN"],
        sender=environ["TWILIO_SENDER"],
        api_url=environ.get("TWILIO_API_URL") or None,
        caller=_caller(environ),
    )


def _caller(environ: Mapping[str, str]) -> str | None:
    """The number to call from: its own variable, else the sender where that is a number."""
    given = environ.get("TWILIO_CALLER") or environ["TWILIO_SENDER"]
    if given.startswith("+") and given[1:].isdigit():
        return given
    if environ.get("TWILIO_CALLER"):
        raise SettingsError("TWILIO_CALLER: write an international number, such as +3242223344")
    return None


SMTP_PORTS = {"smtps": 465, "smtp": 587}


def _smtp(environ: Mapping[str, str]) -> Smtp | None:
    url = environ.get("SHELTER_SMTP_URL")
    if not url:
        return None
    parts = urlsplit(url)
    if parts.scheme not in SMTP_PORTS or not parts.hostname:
        raise SettingsError("SHELTER_SMTP_URL: write smtps://USER:PASSWORD@HOST or smtp://…")
    sender = environ.get("SHELTER_MAIL_FROM")
    if not sender or "@" not in sender:
        raise SettingsError("SHELTER_MAIL_FROM: write the address that mail comes from")
    local = parts.hostname in LOOPBACK
    return Smtp(
        host=parts.hostname,
        port=parts.port or SMTP_PORTS[parts.scheme],
        encryption="tls" if parts.scheme == "smtps" else "none" if local else "starttls",
        sender=sender,
        user=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
    )
