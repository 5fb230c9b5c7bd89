"""Write migrations from ``shelter.db.tables``, by comparing with a throw-away PostgreSQL.

``make migration m="what changes"`` adds one. Before the first release,
``make migration-first`` rewrites the initial one in place instead.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from alembic import command

from shelter.db import migrate
from shelter.db.session import Database
from support.postgres import running_server

ROOT = Path(__file__).resolve().parents[2]
FIRST_REVISION, FIRST_MESSAGE = "0001", "First tables."
#: what autogeneration cannot see
BY_HAND = frozenset({"0002_row_security.py", "0003_audit_append_only.py"})


def write(message: str, *, revision: str | None = None) -> Path:
    """Compare the models with the migrated schema and write the difference. Returns the file."""
    with running_server() as server:
        database = Database(server.url(server.create_database()))
        try:
            settings = migrate.config(database)
            settings.set_main_option("file_template", "%%(rev)s_%%(slug)s")
            command.upgrade(settings, "head")
            scripts = command.revision(
                settings, message, autogenerate=True, rev_id=revision or _next_revision()
            )
        finally:
            database.dispose()
    assert scripts is not None
    assert not isinstance(scripts, list)
    path = Path(scripts.path)
    lines = [line.rstrip() for line in path.read_text().splitlines()]
    lines = [line for line in lines if not line.strip().startswith("# ###")]
    path.write_text("\n".join(lines) + "\n")
    for arguments in (["format", "--quiet"], ["check", "--fix", "--quiet"]):
        subprocess.run([sys.executable, "-m", "ruff", *arguments, path], check=True, cwd=ROOT)
    return path


def rewrite_first() -> Path:
    """Write the initial migration anew; allowed while only hand-written ones follow it."""
    versions = ROOT / "migrations" / "versions"
    present = [path for path in versions.glob("*.py") if path.name != "__init__.py"]
    first = next(path for path in present if path.name.startswith(f"{FIRST_REVISION}_"))
    by_hand = [path for path in present if path.name in BY_HAND]
    if set(present) != {first, *by_hand}:
        raise SystemExit("other migrations follow the first; add one with `make migration m=…`")
    kept = {path: path.read_text() for path in present}
    for path in present:
        path.unlink()
    try:
        written = write(FIRST_MESSAGE, revision=FIRST_REVISION)
    except BaseException:
        first.write_text(kept[first])
        raise
    finally:
        for path in by_hand:
            path.write_text(kept[path])
    return written


def _next_revision() -> str:
    versions = (ROOT / "migrations" / "versions").glob("[0-9][0-9][0-9][0-9]_*.py")
    return f"{max((int(path.name[:4]) for path in versions), default=0) + 1:04d}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("-m", "--message", help="what the new migration changes")
    what.add_argument("--first", action="store_true", help="rewrite the initial migration")
    chosen = parser.parse_args()
    path = rewrite_first() if chosen.first else write(chosen.message)
    sys.stdout.write(f"wrote {path.relative_to(ROOT)}; read it before you commit it\n")


if __name__ == "__main__":
    main()
