"""The application over HTTP: in this process, or as a real server in a process of its own."""

from __future__ import annotations

import hashlib
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
from litestar import Litestar
from litestar.routes import ASGIRoute, HTTPRoute
from litestar.testing import TestClient
from sqlmodel import Session, col, select

from shelter import cli, networks, settings
from shelter.db.key_file import load_keyring
from shelter.db.migrate import upgrade
from shelter.db.session import Database
from shelter.db.tables import User, UserSession
from shelter.domain.sample_file import parse_sample
from shelter.domain.sides import BOTH_SIDES, SYSTEM, Role, Side
from shelter.services import demo
from shelter.services.context import Shelter
from shelter.services.networks import load_network
from shelter_api.access import Access
from support.world import World, key

#: one sample user of every role and side; its role and side are part of the promise
DEMO_USERS: Mapping[str, tuple[Role, Side | None]] = {
    "garde.aywaille": (Role.ON_CALL, Side.VICTIMS),
    "garde.auteurs": (Role.ON_CALL, Side.PERPETRATORS),
    "logement.sprimont": (Role.COMMUNE_STAFF, Side.VICTIMS),
    "encadrement.esneux": (Role.COMMUNE_STAFF, Side.PERPETRATORS),
    "sapv.secova": (Role.SAPV, None),
    "coordination": (Role.COORDINATOR, None),
    "admin": (Role.ADMINISTRATOR, None),
}

#: an identifier that nothing has
NOBODY = "00000000-0000-4000-8000-000000000000"


# --- in this process ----------------------------------------------------------------------------


@contextmanager
def client_of(world: World, *, raise_errors: bool = False) -> Iterator[TestClient[Litestar]]:
    """A client of the application on ``world``; errors of ours come as their answers."""
    from shelter_api.app import create_app

    app = create_app(world.system)
    with TestClient(
        app, base_url=world.system.settings.public_url, raise_server_exceptions=raise_errors
    ) as client:
        yield client


class As:
    """Somebody who is signed in, with a program's token: ``As(client, world.system, login)``."""

    def __init__(self, client: httpx.Client, system: Shelter, login: str) -> None:
        self.client = client
        self.login = login
        self.token = session_for(system, login)
        self.headers = {"Authorization": f"Bearer {self.token}"}

    def call(self, method: str, path: str, **more: Any) -> httpx.Response:
        headers = self.headers | more.pop("headers", {})
        more.setdefault("follow_redirects", False)
        return self.client.request(method, path, headers=headers, **more)

    def get(self, path: str, **params: Any) -> httpx.Response:
        return self.call("GET", f"/api/v1{path}", params=params)

    def post(self, path: str, body: Any = None, *, once: str | None = None) -> httpx.Response:
        return self.call(
            "POST", f"/api/v1{path}", json=body, headers={"Idempotency-Key": once or key()}
        )

    def patch(self, path: str, body: Any, *, if_match: str | None = None) -> httpx.Response:
        headers = {} if if_match is None else {"If-Match": if_match}
        return self.call("PATCH", f"/api/v1{path}", json=body, headers=headers)

    def delete(self, path: str) -> httpx.Response:
        return self.call("DELETE", f"/api/v1{path}")


def session_for(system: Shelter, login: str) -> str:
    """A session's token without the half second that a password takes."""
    token = secrets.token_urlsafe(32)
    now = system.clock.now()

    def start(session: Session) -> None:
        user = session.exec(select(User).where(col(User.login) == login)).one()
        session.add(
            UserSession(
                token_hash=hashlib.sha256(token.encode()).hexdigest(),
                user_id=user.id,
                created_at=now,
                seen_at=now,
                expires_at=now + timedelta(hours=12),
            )
        )

    system.database.run(start, sides=BOTH_SIDES)
    return token


@dataclass(frozen=True)
class Route:
    """One method of one path, as the application has it."""

    method: str
    #: with ``{name:type}`` where an identifier goes
    template: str
    access: Access | None

    @property
    def path(self) -> str:
        """The template with identifiers that nothing has."""
        parts = []
        for part in self.template.split("/"):
            if not part.startswith("{"):
                parts.append(part)
            else:
                parts.append(NOBODY if ":uuid" in part else "nothing")
        return "/".join(parts)

    @property
    def is_page(self) -> bool:
        return not self.template.startswith(("/api/", "/health", "/webhooks/", "/static"))


def routes_of(app: Litestar) -> list[Route]:
    """Every method of every path. An ASGI mount counts as GET."""
    found: list[Route] = []
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            found += [
                Route(str(method), route.path, handler.opt.get("access"))
                for handler in route.route_handlers
                for method in handler.http_methods
            ]
        else:
            handler = getattr(route, "route_handler", None)
            access = handler.opt.get("access") if handler is not None else None
            found.append(Route("GET", route.path, access))
            assert isinstance(route, ASGIRoute), f"what is {route}?"
    return sorted(found, key=lambda r: (r.template, r.method))


def example_of(schema: Mapping[str, Any], components: Mapping[str, Any], **named: Any) -> Any:
    """A small value that an OpenAPI schema permits; ``named`` gives fields by their name.

    Knows what the schemas of this application use, so that a new route needs no new test.
    """
    if "$ref" in schema:
        return example_of(components[schema["$ref"].rsplit("/", 1)[-1]], components, **named)
    if "enum" in schema:
        return schema["enum"][0]
    for way in ("anyOf", "oneOf", "allOf"):
        if way in schema:
            return example_of(schema[way][0], components, **named)
    match schema.get("type"):
        case "object":
            required = schema.get("required", [])
            return {
                name: named[name] if name in named else example_of(part, components, **named)
                for name, part in schema.get("properties", {}).items()
                if name in required or name in named
            }
        case "array":
            return [example_of(schema["items"], components, **named)] * schema.get("minItems", 0)
        case "integer" | "number":
            return schema.get("minimum", 1)
        case "boolean":
            return False
        case "string":
            match schema.get("format"):
                case "uuid":
                    return NOBODY
                case "date":
                    return "2026-11-22"
                case "date-time":
                    return "2026-11-22T12:00:00Z"
            return "x" * max(1, schema.get("minLength", 1))
    return None


# --- a process of its own -----------------------------------------------------------------------


@dataclass
class Server:
    """A running server, and a ``Shelter`` of this process on the same database and keys."""

    url: str
    system: Shelter
    process: subprocess.Popen[bytes]
    folder: Path

    @property
    def log(self) -> str:
        """Everything that it has written to standard output and standard error."""
        return "".join(
            (self.folder / name).read_text(errors="replace") for name in ("stdout", "stderr")
        )

    def kill(self) -> None:
        """End it as a power cut does."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(timeout=10)

    def client(self, **more: Any) -> httpx.Client:
        return httpx.Client(base_url=self.url, timeout=60, **more)


@contextmanager
def running_server(
    folder: Path,
    database_url: str | None = None,
    *,
    sample: bool = True,
    host: str = "127.0.0.1",
    **environment: str,
) -> Iterator[Server]:
    """``shelter serve`` on a free port, with SECOVA and its sample users unless told otherwise.

    ``database_url`` is a migrated database; without one there is a new file in ``folder``.
    ``host`` is what browsers call it (passkeys are for a name, so for ``localhost``);
    ``environment`` adds or replaces variables.
    """
    port = free_port()
    variables = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("SHELTER_", "TWILIO_"))
    }
    variables |= {
        "SHELTER_DATA_DIR": str(folder),
        "SHELTER_PUBLIC_URL": f"http://{host}:{port}",
        "SHELTER_DEMO": "1",
        "SHELTER_LOG_LEVEL": "info",
        **environment,
    }
    if database_url is not None:
        variables["SHELTER_DATABASE_URL"] = database_url
    system = _system(variables)
    if sample:
        fill(system)
    command = [sys.executable, "-m", "shelter.cli", "serve", "--port", str(port)]
    with (folder / "stdout").open("wb") as out, (folder / "stderr").open("wb") as err:
        process = subprocess.Popen(command, env=variables, stdout=out, stderr=err)
    server = Server(f"http://{host}:{port}", system, process, folder)
    try:
        _wait_until_ready(server)
        yield server
    finally:
        process.terminate()
        try:
            process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(timeout=5)
        system.database.dispose()


def fill(system: Shelter) -> None:
    """SECOVA with its sample sites and users."""
    text = networks.bundled("secova")
    system.run(SYSTEM, lambda tx: load_network(tx, text, name="secova"))
    sample = networks.bundled("secova.sample")
    system.run(
        SYSTEM,
        lambda tx: demo.load_sample(
            tx, parse_sample(sample, tx.network, name="secova.sample"), cli.DEMO_PASSWORD
        ),
    )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _system(variables: Mapping[str, str]) -> Shelter:
    config = settings.load(variables)
    config.data_dir.mkdir(parents=True, exist_ok=True)
    load_keyring(config.key_file, create=True)
    if config.embedded:
        database = Database(config.database_url)
        upgrade(database)
        database.dispose()
    return cli.open_system(config)


def _wait_until_ready(server: Server, seconds: float = 120) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if server.process.poll() is not None:
            break
        with suppress(httpx.TransportError):
            if httpx.get(f"{server.url}/health/ready", timeout=5).status_code == 200:
                return
        time.sleep(0.05)
    raise AssertionError(f"the server did not come up:\n{server.log}")
