"""The two databases that every promise is kept on, and how a test gets a fresh one.

A test that asks for ``database`` runs twice, on SQLite and on PostgreSQL, each time on its own
copy of a database that was migrated once.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from shelter.db import migrate
from shelter.db.session import Database
from support.postgres import PostgresServer, PostgresUnavailable, running_server

ENGINES = ("sqlite", pytest.param("postgres", marks=pytest.mark.postgres))


def _refuse_to_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Where CI=true, what was not tested counts as broken."""
    if os.environ.get("CI") == "true" and report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"nothing may be skipped where CI=true: {reason}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    _refuse_to_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    _refuse_to_skip(report)
    return report


@pytest.hookimpl(tryfirst=True)  # before xdist reads the marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What a module's tests share is made once, in one worker, and not in each."""
    for item in items:
        info = getattr(item, "_fixtureinfo", None)
        definitions = info.name2fixturedefs.values() if info is not None else ()
        if any(each[-1].scope == "module" for each in definitions if each):
            item.add_marker(pytest.mark.xdist_group(item.nodeid.partition("::")[0]))


@dataclass(frozen=True)
class PostgresTemplate:
    """A server and the name of its migrated database, which is only ever copied."""

    server: PostgresServer
    name: str


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """One throw-away server for this process (so one for each xdist worker)."""
    starting = running_server()
    try:
        server = starting.__enter__()
    except PostgresUnavailable as reason:
        pytest.skip(f"PostgreSQL could not be started, so nothing was tested on it: {reason}")
    try:
        yield server
    finally:
        starting.__exit__(None, None, None)


@pytest.fixture(scope="session")
def postgres_template(postgres_server: PostgresServer) -> PostgresTemplate:
    """A PostgreSQL database that was migrated once."""
    name = postgres_server.create_database()
    _migrate(postgres_server.url(name))
    return PostgresTemplate(postgres_server, name)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file that was migrated once."""
    path = tmp_path_factory.mktemp("template") / "shelter.db"
    _migrate(f"sqlite:///{path}")
    return path


@pytest.fixture(params=ENGINES)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a fresh migrated database, for tests that start other processes."""
    if request.param == "sqlite":
        yield _sqlite_copy(request.getfixturevalue("sqlite_template"), tmp_path)
        return
    template: PostgresTemplate = request.getfixturevalue("postgres_template")
    name = template.server.create_database(template.name)
    try:
        yield template.server.url(name)
    finally:
        template.server.drop_database(name)


@pytest.fixture(params=ENGINES)
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a database in which no migration has run."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.db'}"
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    name = server.create_database()
    try:
        yield server.url(name)
    finally:
        server.drop_database(name)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A fresh migrated database: the test runs on SQLite and on PostgreSQL."""
    yield from _opened(database_url)


@pytest.fixture
def empty_database(empty_database_url: str) -> Iterator[Database]:
    """A database in which no migration has run, on SQLite and on PostgreSQL."""
    yield from _opened(empty_database_url)


@pytest.fixture
def sqlite_database(sqlite_template: Path, tmp_path: Path) -> Iterator[Database]:
    """A fresh migrated database on SQLite alone, for what does not depend on the database."""
    yield from _opened(_sqlite_copy(sqlite_template, tmp_path))


@pytest.fixture
def postgres_database(postgres_template: PostgresTemplate) -> Iterator[Database]:
    """A fresh migrated database on PostgreSQL alone; mark the test ``postgres``."""
    server = postgres_template.server
    name = server.create_database(postgres_template.name)
    try:
        yield from _opened(server.url(name))
    finally:
        server.drop_database(name)


def _opened(url: str) -> Iterator[Database]:
    database = Database(url)
    try:
        yield database
    finally:
        database.dispose()


def _migrate(url: str) -> None:
    database = Database(url)
    try:
        migrate.upgrade(database)
    finally:
        database.dispose()


def _sqlite_copy(template: Path, folder: Path) -> str:
    copy = folder / "shelter.db"
    shutil.copyfile(template, copy)
    return f"sqlite:///{copy}"
