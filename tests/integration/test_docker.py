"""What the container files name exists, and what they promise of safety is written in them."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import yaml
from psycopg import sql

from shelter.cli import _is_fit
from shelter.db.migrate import upgrade
from shelter.db.session import Database
from support.postgres import ROLE, PostgresServer

ROOT = Path(__file__).resolve().parents[2]
DOCKER = ROOT / "docker"

#: read by a library or by the image, not by our settings
READ_BY_OTHERS = {
    "PGPASSWORD": "libpq",
    "FORWARDED_ALLOW_IPS": "uvicorn",
}
SECRET = re.compile(r"PASSWORD|TOKEN|SECRET|ACCOUNT_SID|_KEY$")
#: a version of at least two numbers, as in 18.1-bookworm or 3.11.14-slim
PINNED = re.compile(r"[a-z]+:\d+(\.\d+)+(-[a-z0-9]+)*(@sha256:[0-9a-f]{64})?")


@dataclass(frozen=True)
class Instruction:
    name: str
    text: str

    @property
    def words(self) -> list[str]:
        """The arguments, of the JSON form or of the shell form."""
        form = self.text.split("CMD ", 1)[-1] if self.name == "HEALTHCHECK" else self.text
        return json.loads(form) if form.startswith("[") else shlex.split(form)


def instructions(text: str) -> list[Instruction]:
    """The instructions of a Dockerfile, continued lines joined and comments left out."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\s*\\\n\s*", " ", "\n".join(lines))
    return [
        Instruction(name.upper(), rest.strip())
        for name, _, rest in (line.strip().partition(" ") for line in joined.splitlines())
        if name
    ]


def stages(found: list[Instruction]) -> dict[str, list[Instruction]]:
    """The instructions of each stage; a stage without a name goes by its number."""
    result: dict[str, list[Instruction]] = {}
    for instruction in found:
        if instruction.name == "FROM":
            words = instruction.words
            current = words[2] if len(words) == 3 else str(len(result))
            result[current] = []
        result[current].append(instruction)
    return result


@pytest.fixture(scope="module")
def dockerfile() -> list[Instruction]:
    return instructions((DOCKER / "Dockerfile").read_text())


@pytest.fixture(scope="module")
def final_stage(dockerfile: list[Instruction]) -> list[Instruction]:
    return list(stages(dockerfile).values())[-1]


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((DOCKER / "compose.yaml").read_text())
    return loaded


def last(found: list[Instruction], name: str) -> Instruction:
    return [instruction for instruction in found if instruction.name == name][-1]


def ours(compose: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The services that run our image."""
    return {name: s for name, s in compose["services"].items() if s["image"] == "shelter"}


def shelter_help(command: str) -> subprocess.CompletedProcess[str]:
    program = "import sys; from shelter.cli import main; sys.exit(main())"
    return subprocess.run(
        [sys.executable, "-c", program, command, "--help"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def kept_out(path: str) -> bool:
    """Whether .dockerignore keeps a file from the build; its last matching line decides."""
    ignored = False
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        pattern = line.removeprefix("!").strip()
        if pattern and not pattern.startswith("#"):
            top = path.split("/")[0]
            if fnmatch(path, pattern) or fnmatch(top, pattern):
                ignored = not line.startswith("!")
    return ignored


def test_control_the_parser_joins_lines_and_splits_stages() -> None:
    text = '# c\nFROM a:1.2 AS x\nRUN one \\\n  # inside\n  && two\nFROM b:1.2\nCMD ["p", "q r"]'
    found = stages(instructions(text))
    assert list(found) == ["x", "1"]
    assert found["x"][1] == Instruction("RUN", "one && two")
    assert last(found["1"], "CMD").words == ["p", "q r"]


def test_every_image_is_pinned_to_a_version(
    dockerfile: list[Instruction], compose: dict[str, Any]
) -> None:
    bases = [i.words[0] for i in dockerfile if i.name == "FROM"]
    others = [s["image"] for s in compose["services"].values() if s["image"] != "shelter"]
    assert [image for image in bases + others if not PINNED.fullmatch(image)] == []
    assert len(set(bases)) == 1  # the interpreter that installed is the one that runs


@pytest.mark.parametrize("image", ["python", "python:latest", "python:3", "postgres:18"])
def test_control_a_loose_tag_is_noticed(image: str) -> None:
    assert not PINNED.fullmatch(image)


def test_every_copied_file_exists_and_reaches_the_build(dockerfile: list[Instruction]) -> None:
    names = list(stages(dockerfile))
    copied = [instruction.words for instruction in dockerfile if instruction.name == "COPY"]
    from_stages = [words[0] for words in copied if words[0].startswith("--from=")]
    sources = [s for words in copied if not words[0].startswith("--") for s in words[:-1]]

    assert [s for s in from_stages if s.removeprefix("--from=") not in names] == []
    assert [source for source in sources if not (ROOT / source).exists()] == []
    assert [source for source in sources if kept_out(source)] == []


def test_no_data_key_or_setting_of_a_developer_reaches_the_build() -> None:
    for path in (".env", "docker/.env", "var/keys.json", "var/shelter.db", ".git/config", ".venv"):
        assert kept_out(path), path


def test_everything_is_installed_with_hashes_or_without_dependencies(
    dockerfile: list[Instruction],
) -> None:
    installs = [
        command
        for instruction in dockerfile
        if instruction.name == "RUN"
        for command in instruction.text.split("&&")
        if re.search(r"\bpip (install|wheel)\b", command)
    ]
    assert installs
    assert [c for c in installs if "--require-hashes" not in c and "--no-deps" not in c] == []


def test_the_image_runs_as_nobody_in_particular(final_stage: list[Instruction]) -> None:
    user, group = last(final_stage, "USER").text.split(":")
    assert int(user) >= 10000
    assert int(group) >= 10000


def test_the_image_keeps_no_secret(dockerfile: list[Instruction]) -> None:
    named = [i.text for i in dockerfile if i.name in {"ENV", "ARG"}]
    assert [text for text in named if SECRET.search(text)] == []


def test_the_health_check_asks_for_a_page_that_the_api_has(final_stage: list[Instruction]) -> None:
    found = re.search(r"http://127\.0\.0\.1:8000(/[\w/]+)", last(final_stage, "HEALTHCHECK").text)
    assert found is not None
    api = "\n".join(path.read_text() for path in (ROOT / "api").rglob("*.py"))
    parent, _, leaf = found[1].rpartition("/")
    assert f'"{found[1]}"' in api or (f'"{parent}"' in api and f'"/{leaf}"' in api)


def test_every_command_that_a_container_runs_exists(
    final_stage: list[Instruction], compose: dict[str, Any]
) -> None:
    assert last(final_stage, "ENTRYPOINT").words == ["shelter"]
    commands = [last(final_stage, "CMD").words, *(s["command"] for s in ours(compose).values())]
    assert {words[0] for words in commands} == {"serve", "worker", "migrate"}
    for words in commands:
        shown = shelter_help(words[0])
        assert shown.returncode == 0, shown.stderr
        missing = [w for w in words[1:] if w.startswith("--") and w not in shown.stdout]
        assert missing == [], words


def test_control_a_command_that_does_not_exist_is_noticed() -> None:
    assert shelter_help("serv").returncode != 0


def test_every_variable_is_read_by_the_settings(
    dockerfile: list[Instruction], compose: dict[str, Any]
) -> None:
    settings = (ROOT / "src" / "shelter" / "settings.py").read_text()
    given = {name for service in ours(compose).values() for name in service["environment"]}
    given |= set(re.findall(r"\bSHELTER_\w+(?==)", (DOCKER / "Dockerfile").read_text()))
    assert [n for n in sorted(given - set(READ_BY_OTHERS)) if f'"{n}"' not in settings] == []


def test_every_secret_comes_from_outside_and_its_absence_stops_the_start(
    compose: dict[str, Any],
) -> None:
    values = [
        str(value)
        for service in compose["services"].values()
        for name, value in service.get("environment", {}).items()
        if SECRET.search(name)
    ]
    values += [secret["file"] for secret in compose["secrets"].values()]
    assert values
    assert [value for value in values if not re.fullmatch(r"\$\{\w+:\?[^}]+\}", value)] == []


def test_only_the_proxy_can_be_reached_and_the_replicas_cannot_call_out(
    compose: dict[str, Any],
) -> None:
    services, networks = compose["services"], compose["networks"]
    assert [name for name, service in services.items() if "ports" in service] == ["proxy"]
    inside = {name for name, network in networks.items() if network and network.get("internal")}
    outside = set(networks) - inside
    leads_out = {name for name, s in services.items() if outside & set(s["networks"])}
    assert leads_out == {"proxy", "worker"}


def test_two_replicas_start_after_the_migration_and_change_nothing_on_disk(
    compose: dict[str, Any],
) -> None:
    services = compose["services"]
    assert services["api"]["deploy"]["replicas"] >= 2
    for name in ("api", "worker"):
        condition = services[name]["depends_on"]["migrate"]["condition"]
        assert condition == "service_completed_successfully"
    for name, service in ours(compose).items():
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"], name
        assert "no-new-privileges:true" in service["security_opt"], name


def test_the_data_and_their_backups_outlive_the_containers(compose: dict[str, Any]) -> None:
    mounted = {
        name: [str(v).split(":")[0] for v in service.get("volumes", [])]
        for name, service in compose["services"].items()
    }
    assert "database" in mounted["database"]
    assert "backups" in mounted["backup"]
    named = {v for volumes in mounted.values() for v in volumes if not v.startswith(".")}
    assert named == set(compose["volumes"])
    files = {v for volumes in mounted.values() for v in volumes if v.startswith(".")}
    assert [path for path in files if not (DOCKER / path).exists()] == []


def test_the_proxy_speaks_to_the_replicas_with_tls_outside_and_small_bodies(
    compose: dict[str, Any],
) -> None:
    text = (DOCKER / "Caddyfile").read_text()
    upstream = re.search(r"dynamic a (\w+) (\d+)", text)
    assert upstream is not None
    assert upstream[2] in compose["services"][upstream[1]]["command"]
    assert re.search(r"max_size \d+KB", text)
    assert "auto_https off" not in text
    variables = set(re.findall(r"\{\$(\w+)", text))
    assert variables <= set(compose["services"]["proxy"]["environment"])


@pytest.mark.postgres
def test_the_application_has_an_ordinary_role_that_owns_its_database(
    postgres_server: PostgresServer,
) -> None:
    """The statements of the script itself, on a real server, under another name."""
    script = (DOCKER / "role.sh").read_text()
    found = re.search(r"<<'SQL'\n(.*)SQL\n", script, re.DOTALL)
    assert found is not None
    for statement in found[1].strip().split(";\n"):
        text = statement.rstrip(";").replace("shelter", "of_docker")
        statement_text: Any = text.replace(":'password'", "'x'")
        postgres_server.execute(sql.SQL(statement_text).format())
    try:
        as_application = Database(
            postgres_server.url("of_docker").replace(f"{ROLE}@", "of_docker@")
        )
        upgrade(as_application)
        assert not as_application.is_above_row_security()
        as_application.dispose()
    finally:
        postgres_server.drop_database("of_docker")
        postgres_server.execute(sql.SQL("DROP ROLE of_docker").format())


@pytest.mark.postgres
def test_nothing_serves_or_works_above_row_level_security(
    postgres_database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    superuser = Database(postgres_database.url.replace(f"{ROLE}@", "postgres@"))
    try:
        assert not _is_fit(superuser)
        assert "above row-level security" in capsys.readouterr().err
        assert _is_fit(postgres_database), "control"
    finally:
        superuser.dispose()
