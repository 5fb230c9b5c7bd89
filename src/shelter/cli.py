"""``shelter``: everything that an administrator does at a terminal."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from sqlmodel import Session

from shelter import i18n, logs, networks, settings
from shelter.db.key_file import load_keyring
from shelter.db.keys import KeyProblem
from shelter.db.migrate import is_current, upgrade
from shelter.db.session import Database
from shelter.db.tables import NetworkRow
from shelter.domain.clock import SystemClock
from shelter.domain.errors import Invalid, ShelterError
from shelter.domain.network_file import parse_network
from shelter.domain.sample_file import parse_sample
from shelter.domain.sides import BOTH_SIDES, SYSTEM
from shelter.domain.toml_reader import NetworkFileError, read_text
from shelter.services import audit, audit_chain, demo
from shelter.services.context import Shelter
from shelter.services.networks import load_network
from shelter.upkeep_commands import add_upkeep_commands
from shelter.user_commands import add_user_commands
from shelter_solver.tools.commands import add_commands

DEMO_PASSWORD = "une-nuit-au-calme"  # noqa: S105  (shown on the sign-in page of a demo)


def open_system(config: settings.Settings) -> Shelter:
    """Connect the parts. On the embedded database missing keys are made on the spot."""
    config.data_dir.mkdir(parents=True, exist_ok=True)
    return Shelter(
        settings=config,
        database=Database(config.database_url),
        keyring=load_keyring(config.key_file, create=config.embedded, given=config.keys),
        clock=SystemClock(),
    )


def main(arguments: Sequence[str] | None = None) -> int:
    parser = _parser()
    options = parser.parse_args(arguments)
    if "tool" in options:  # works on files alone: no settings, no database
        return int(options.tool(options))
    try:
        config = settings.load()
        logs.configure(config.log_level)
        result: int = options.work(config, options)
        return result
    except (NetworkFileError, KeyProblem, settings.SettingsError, OSError) as error:
        print(error, file=sys.stderr)
    except Invalid as error:
        for problem in error.problems:
            print(f"{problem.field}: {problem.code} {dict(problem.params)}", file=sys.stderr)
    except ShelterError as error:
        print(i18n.text("en", f"error.{error.code}", **error.params), file=sys.stderr)
        print(i18n.text("en", f"error.{error.code}.do", **error.params), file=sys.stderr)
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="shelter", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, text: str, work: object) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=text, description=text)
        sub.set_defaults(work=work)
        return sub

    command("migrate", "bring the database to the present schema", _migrate)
    network = commands.add_parser("network", help="the network that this installation serves")
    network_commands = network.add_subparsers(required=True, metavar="COMMAND")
    load = network_commands.add_parser("load", help="load a network file, or a bundled name")
    load.add_argument("file", help=f"a TOML file, or one of: {', '.join(networks.BUNDLED)}")
    load.set_defaults(work=_network_load)
    sample = network_commands.add_parser(
        "sample", help="fill an empty network with fictitious sites and users"
    )
    sample.add_argument("file", help="a sample file, or the bundled secova.sample")
    sample.set_defaults(work=_network_sample)

    add_user_commands(commands, open_system)
    add_upkeep_commands(commands, open_system)

    chain = commands.add_parser("audit", help="the audit log")
    chain_commands = chain.add_subparsers(required=True, metavar="COMMAND")
    verify = chain_commands.add_parser("verify", help="find any edit, deletion or reordering")
    verify.add_argument("--head", help="a head noted earlier, or a file of them")
    verify.add_argument("--file", type=Path, help="check an export, not the database")
    verify.set_defaults(work=_audit_verify)
    head = chain_commands.add_parser("head", help="where the log ends, to be noted elsewhere")
    head.add_argument("--out", type=Path, help="add it to this file")
    head.set_defaults(work=_audit_head)
    export = chain_commands.add_parser("export", help="the whole log as lines of JSON")
    export.add_argument("--out", type=Path, help="a new file; without it standard output")
    export.set_defaults(work=_audit_export)

    serve = command("serve", "serve the pages and the API", _serve)
    demo_server = command(
        "run-demo", "SECOVA with fictitious sites and users, worker inside", _run_demo
    )
    for each in (serve, demo_server):
        each.add_argument("--host", default="127.0.0.1")
        each.add_argument("--port", type=int, default=8000)
    command("worker", "deliver messages and watch the clock", _worker)
    add_commands(commands)
    return parser


def _migrate(config: settings.Settings, _options: argparse.Namespace) -> int:
    config.data_dir.mkdir(parents=True, exist_ok=True)
    database = Database(config.database_url)
    upgrade(database)
    database.dispose()
    print("the database is up to date")
    return 0


def _text_of(name: str) -> str:
    return networks.bundled(name) if name in networks.BUNDLED else read_text(Path(name))


def _network_load(config: settings.Settings, options: argparse.Namespace) -> int:
    system = open_system(config)
    text = _text_of(options.file)
    network = system.run(SYSTEM, lambda tx: load_network(tx, text, name=options.file))
    print(f"{network.name}: {len(network.communes)} communes, {len(network.services)} services")
    return 0


def _network_sample(config: settings.Settings, options: argparse.Namespace) -> int:
    system = open_system(config)
    _fill(system, options.file)
    print(f"fictitious sites and users are loaded; every password is: {DEMO_PASSWORD}")
    return 0


def _fill(system: Shelter, name: str) -> None:
    text = _text_of(name)
    system.run(
        SYSTEM,
        lambda tx: demo.load_sample(tx, parse_sample(text, tx.network, name=name), DEMO_PASSWORD),
    )


def _audit_verify(config: settings.Settings, options: argparse.Namespace) -> int:
    given: str | None = options.head
    noted: tuple[audit.End, ...] = ()
    try:
        if given is not None and Path(given).is_file():
            noted, given = audit_chain.noted_heads(Path(given).read_text()), None
        if options.file is not None:
            with options.file.open(encoding="utf-8") as text:
                report = audit_chain.verify_export(text, expected_head=given, noted=noted)
        else:
            report = open_system(config).database.run(
                lambda session: audit_chain.verify_chain(session, expected_head=given, noted=noted),
                read_only=True,
                sides=BOTH_SIDES,
            )
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    if report.broken_at is not None:
        print(f"broken at entry {report.broken_at}", file=sys.stderr)
        return 1
    if report.too_old:
        print(f"{report.too_old} noted heads are older than what is kept", file=sys.stderr)
    print(f"{report.entries} entries, unbroken; head {report.head}")
    return 0


def _audit_head(config: settings.Settings, options: argparse.Namespace) -> int:
    system = open_system(config)
    line = system.database.run(
        lambda session: audit_chain.head_line(session, system.clock.now()),
        read_only=True,
        sides=BOTH_SIDES,
    )
    if options.out is not None:
        audit_chain.append_line(options.out, line)
    print(line)
    return 0


def _audit_export(config: settings.Settings, options: argparse.Namespace) -> int:
    system = open_system(config)
    # 0600, and never over a file that is there
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    with (
        open(os.open(options.out, flags, 0o600), "w", encoding="utf-8")
        if options.out is not None
        else contextlib.nullcontext(sys.stdout)
    ) as file:
        system.run(SYSTEM, lambda tx: audit_chain.write_export(tx, file))
    return 0


def _serve(config: settings.Settings, options: argparse.Namespace) -> int:
    import uvicorn

    if config.embedded:
        upgrade(open_system(config).database)
    elif not _is_fit(Database(config.database_url)):
        return 1
    uvicorn.run(
        "shelter_api.app:create_app",
        factory=True,
        host=options.host,
        port=options.port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=2,
    )
    return 0


def _is_fit(database: Database) -> bool:
    """Whether this code may work on a PostgreSQL database; says on standard error why not."""
    if not is_current(database):
        print("the database has another schema; run: shelter migrate", file=sys.stderr)
        return False
    if database.is_above_row_security():
        print(
            "the database's role is above row-level security; connect as an ordinary role "
            "(CREATE ROLE … NOSUPERUSER NOBYPASSRLS) that owns the database",
            file=sys.stderr,
        )
        return False
    return True


def _run_demo(config: settings.Settings, options: argparse.Namespace) -> int:
    os.environ.setdefault("SHELTER_PUBLIC_URL", f"http://{options.host}:{options.port}")
    os.environ.setdefault("SHELTER_WORKER_INSIDE", "1")
    os.environ.setdefault("SHELTER_DEMO", "1")
    config = settings.load()
    system = open_system(config)
    upgrade(system.database)
    first = system.database.run(_is_empty, read_only=True)
    if first:
        system.run(SYSTEM, lambda tx: load_network(tx, networks.bundled("secova"), name="secova"))
        _fill(system, "secova.sample")
    sample = parse_sample(
        networks.bundled("secova.sample"),
        parse_network(networks.bundled("secova")),
        name="secova.sample",
    )
    system.run(SYSTEM, lambda tx: demo.load_shifts(tx, sample))
    system.database.dispose()
    print(f"\nShelter, with fictitious sites and people, on {config.public_url}\n")
    print(f"  Sign in as one of these, with the password: {DEMO_PASSWORD}")
    for user in sample.users:
        print(f"    {user.login:26} {user.name}")
    print("\n  SMS arrive on the page /inbox. Stop with Ctrl-C.\n", flush=True)
    return _serve(config, options)


def _is_empty(session: Session) -> bool:
    return session.get(NetworkRow, 1) is None


def _worker(config: settings.Settings, _options: argparse.Namespace) -> int:
    from shelter.jobs.ticker import Ticker
    from shelter.services.gateways import gateway_of

    system = open_system(config)
    if not config.embedded and not _is_fit(system.database):
        return 1
    ticker = Ticker(system, gateway_of(system))
    ticker.start()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    stop.wait()
    ticker.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
