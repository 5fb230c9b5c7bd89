"""Promises of the project itself: what is installed, what is packaged, what the files give away."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory

ROOT = Path(__file__).resolve().parents[2]
REQUIREMENTS = sorted((ROOT / "requirements").glob("*.txt"))
#: in parts, so that this file does not name them
REGISTRIES = [
    ".".join(parts)
    for parts in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("npmjs", "org"),
        ("npmjs", "com"),
        ("docker", "io"),
        ("ghcr", "io"),
        ("quay", "io"),
        ("jsdelivr", "net"),
        ("unpkg", "com"),
    )
]
#: where this machine keeps the project and its user's files, unless that is a common short path
MACHINE_PATHS = [str(path) for path in (ROOT, Path.home()) if len(path.parts) > 2]
PIN = re.compile(
    r"(?P<name>[a-z0-9][a-z0-9._-]*)(\[[a-z0-9,-]+\])?==(?P<version>[\w.!+-]+)( ; [^#]+)?"
    r"(?P<hashes>( --hash=sha256:[0-9a-f]{64})+)"
)


def files_of_the_repository() -> list[Path]:
    """What is, or would be, committed."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    paths = [ROOT / name.decode() for name in listed.stdout.split(b"\0") if name]
    return [path for path in paths if path.is_file()]


def text_of(path: Path) -> str:
    """A file's text; nothing for a picture or the like."""
    try:
        return path.read_text()
    except UnicodeDecodeError:
        return ""


def pins(path: Path) -> dict[str, str]:
    """Name to version of a lock file. Raises AssertionError for any other kind of line."""
    found = {}
    for line in re.sub(r" *\\\n *", " ", path.read_text()).splitlines():
        pin = PIN.fullmatch(line.strip())
        assert pin is not None, line[:120]
        found[f"{pin['name']}{pin[4] or ''}"] = pin["version"]
    return found


@pytest.mark.parametrize("path", REQUIREMENTS, ids=lambda path: path.name)
def test_every_requirement_is_pinned_and_hashed_and_names_no_place(path: Path) -> None:
    assert len(pins(path)) > 20
    assert not re.search(r"://|--(extra-)?index-url|--find-links|--trusted-host", path.read_text())


@pytest.mark.parametrize(
    "line",
    [
        "litestar==2.25.0",
        "litestar>=2 --hash=sha256:" + "0" * 64,
        "--index-url https://packages.example/simple",
        "litestar @ https://packages.example/l.zip --hash=sha256:" + "0" * 64,
    ],
)
def test_control_a_loose_requirement_is_noticed(tmp_path: Path, line: str) -> None:
    path = tmp_path / "loose.txt"
    path.write_text(line + "\n")
    with pytest.raises(AssertionError):
        pins(path)


def test_the_tests_run_with_the_versions_that_are_deployed() -> None:
    app, dev = pins(ROOT / "requirements" / "app.txt"), pins(ROOT / "requirements" / "dev.txt")
    assert {name: dev.get(name) for name in app} == app


def test_every_direct_dependency_is_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    direct = {re.split(r"[\[<>=~! ]", wanted)[0] for wanted in project["dependencies"]}
    locked = {name.split(" ;")[0] for name in pins(ROOT / "requirements" / "app.txt")}
    assert direct - locked == set()


def test_no_file_names_a_registry_or_a_path_of_somebodys_machine() -> None:
    files = files_of_the_repository()
    assert ROOT / "pyproject.toml" in files
    found = [
        f"{path.relative_to(ROOT)}: {word}"
        for path in files
        for word in (*REGISTRIES, *MACHINE_PATHS)
        if word in text_of(path)
    ]
    assert found == []
    assert not (ROOT / "uv.lock").exists()  # it records where each file came from


def test_nothing_that_belongs_to_an_installation_is_in_the_repository() -> None:
    names = [path.relative_to(ROOT).as_posix() for path in files_of_the_repository()]
    suspicious = re.compile(r"(^|/)(\.env|keys\.json)$|\.(db|sqlite3?|pem|key|dump)$|^var/")
    assert [name for name in names if suspicious.search(name)] == []


def test_migrations_follow_each_other_in_one_line_in_the_order_of_their_names() -> None:
    settings = Config()
    settings.set_main_option("script_location", str(ROOT / "migrations").replace("%", "%%"))
    scripts = ScriptDirectory.from_config(settings)
    assert len(scripts.get_heads()) == 1
    in_order = [script.revision for script in scripts.walk_revisions()][::-1]
    assert in_order == [f"{number:04d}" for number in range(1, len(in_order) + 1)]
    assert [Path(s.path).name[:4] for s in scripts.walk_revisions()][::-1] == in_order


def test_every_way_in_is_explained_by_make_help_and_can_be_planned() -> None:
    listed = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    shown = set(re.findall(r"^  make ([a-z-]+)", listed.stdout, re.MULTILINE))
    makefile = (ROOT / "Makefile").read_text()
    phony = re.search(r"^\.PHONY: (.+)$", makefile, re.MULTILINE)
    assert phony is not None
    assert shown == set(phony[1].split())
    for target in sorted(shown):
        subprocess.run(
            ["make", "--dry-run", target, "m=x"], cwd=ROOT, capture_output=True, check=True
        )


def test_the_ci_program_can_be_run() -> None:
    path = ROOT / ".ci" / "run"
    assert os.access(path, os.X_OK)
    subprocess.run(["bash", "-n", path], check=True)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", folder],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel_holds_every_file_of_the_packages_and_no_test(wheel: Path) -> None:
    wanted = {
        Path(package, path.relative_to(ROOT / folder)).as_posix()
        for folder, package in {
            "src/shelter": "shelter",
            "solver/shelter_solver": "shelter_solver",
            "api/shelter_api": "shelter_api",
            "migrations": "shelter/_migrations",
        }.items()
        for path in files_of_the_repository()
        if path.is_relative_to(ROOT / folder)
    }
    with zipfile.ZipFile(wheel) as archive:
        packed = set(archive.namelist())
    assert wanted - packed == set()
    assert [n for n in packed - wanted if ".dist-info/" not in n] == []


def test_the_installed_wheel_migrates_with_its_own_migrations(wheel: Path, tmp_path: Path) -> None:
    installed = tmp_path / "installed"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(installed)
    program = (
        "import shelter\n"
        "from shelter.db import migrate\n"
        "from shelter.db.session import Database\n"
        "database = Database('sqlite:///new.db')\n"
        "migrate.upgrade(database)\n"
        "assert migrate.is_current(database)\n"
        "print(migrate.config(database).get_main_option('script_location'))\n"
        "database.dispose()\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()) == installed / "shelter" / "_migrations"


# --- what the documents say ----------------------------------------------------------------------

DOCUMENTS = sorted([*(ROOT / "docs").rglob("*.md"), ROOT / "README.md", ROOT / "SECURITY.md"])


def unknown_in(text: str, where: Path) -> list[str]:
    """Tests and files that a document names and that do not exist."""
    tests = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("*.py"))
    known = set(re.findall(r"def (test_\w+)\(", tests))
    named = set(re.findall(r"`(test_\w+)`", text))
    linked = [link.split("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", text)]
    files = [link for link in linked if link and "://" not in link]
    missing = sorted(named - known)
    return missing + [link for link in files if not (where.parent / link).exists()]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_test_and_file_that_a_document_names_exists(document: Path) -> None:
    assert unknown_in(document.read_text(), document) == []


def test_control_a_document_that_promises_too_much_is_noticed() -> None:
    text = "`test_that_nobody_wrote` and [a page](nowhere.md)"
    assert unknown_in(text, ROOT / "README.md") == ["test_that_nobody_wrote", "nowhere.md"]
