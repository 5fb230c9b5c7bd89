"""``make audit``: known vulnerabilities of what is installed, and secrets in what is committed.

Advisories are asked for through pip-audit, for exactly the versions of the lock files. One that
cannot be mended today is accepted by name, with a reason and until a date, in
``requirements/accepted-advisories.toml``; after that date it fails again. What the advisory service
did not answer for is said loudly, and counted: it was not audited.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ("requirements/app.txt", "requirements/dev.txt")
ACCEPTED = ROOT / "requirements" / "accepted-advisories.toml"
BASELINE = ".secrets.baseline"


@dataclass(frozen=True, slots=True)
class Accepted:
    advisory: str
    package: str
    until: date
    why: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """Lines to print, by what they mean; ``found`` and ``expired`` fail."""

    found: tuple[str, ...]
    expired: tuple[str, ...]
    #: accepted, though nothing is wrong any more
    needless: tuple[str, ...]
    #: names of packages for which no advisory could be had
    not_audited: tuple[str, ...]
    audited: int

    @property
    def passes(self) -> bool:
        return not (self.found or self.expired or self.needless)


def accepted_advisories(text: str) -> tuple[Accepted, ...]:
    """Read the dated list. Raises KeyError or TypeError on an entry without id, date or reason."""
    entries = tomllib.loads(text).get("accepted", [])
    found = tuple(Accepted(e["advisory"], e["package"], e["until"], e["why"]) for e in entries)
    for entry in found:
        if type(entry.until) is not date or not entry.why.strip():
            raise TypeError(f"{entry.advisory}: until is a date, why is a sentence")
    return found


def verdict(
    dependencies: Sequence[Mapping[str, Any]], accepted: Sequence[Accepted], today: date
) -> Verdict:
    """What pip-audit's ``dependencies`` mean, given what was accepted."""
    by_name = {(entry.package, entry.advisory): entry for entry in accepted}
    found, expired, seen = [], [], set()
    for dependency in dependencies:
        for vulnerability in dependency.get("vulns", ()):
            name, version = dependency["name"], dependency["version"]
            names = [vulnerability["id"], *vulnerability.get("aliases", ())]
            keys = [(name, each) for each in names if (name, each) in by_name]
            mended = ", ".join(vulnerability.get("fix_versions", ())) or "no version yet"
            line = f"{name} {version}: {vulnerability['id']} (mended in {mended})"
            if not keys:
                found.append(line)
                continue
            seen.update(keys)
            if by_name[keys[0]].until < today:
                expired.append(f"{line}; accepted until {by_name[keys[0]].until}")
    skipped = {d["name"] for d in dependencies if "skip_reason" in d}
    return Verdict(
        tuple(found),
        tuple(expired),
        tuple(
            f"{entry.package}: {entry.advisory} is accepted, and nothing is wrong any more"
            for key, entry in by_name.items()
            if key not in seen and entry.package not in skipped
        ),
        tuple(sorted(skipped)),
        len(dependencies) - len(skipped),
    )


def _advisories() -> list[dict[str, Any]]:
    """What pip-audit says of both locks; the same package of both once."""
    by_version: dict[tuple[str, str], dict[str, Any]] = {}
    for lock in LOCKS:
        ran = subprocess.run(
            [
                *(sys.executable, "-m", "pip_audit", "--require-hashes", "--disable-pip"),
                *("--progress-spinner", "off", "--format", "json", "--requirement", lock),
            ],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        try:
            listed = json.loads(ran.stdout)["dependencies"]
        except ValueError:  # no service answered at all
            print(ran.stderr.strip().splitlines()[-1], file=sys.stderr)
            listed = [
                {"name": line.split("==")[0], "skip_reason": "no answer"}
                for line in (ROOT / lock).read_text().splitlines()
                if "==" in line
            ]
        for dependency in listed:
            by_version[dependency["name"], dependency.get("version", "")] = dependency
    return list(by_version.values())


def committed_files() -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--", ":!requirements/*.txt"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return listed.stdout.split("\0")[:-1]


def without_new_secret(files: Sequence[str]) -> bool:
    """Whether detect-secrets finds nothing in ``files`` but what the baseline judged."""
    command = [sys.executable, "-m", "detect_secrets.pre_commit_hook", "--baseline", BASELINE]
    # 3: nothing new, but lines have moved, and the baseline was written anew for the next commit
    return subprocess.run([*command, *files], cwd=ROOT, check=False).returncode in {0, 3}


def main() -> int:
    accepted = accepted_advisories(ACCEPTED.read_text())
    result = verdict(_advisories(), accepted, datetime.now(UTC).date())
    for line in (*result.found, *result.expired, *result.needless):
        print(line, file=sys.stderr)
    print(f"dependencies: {result.audited} audited, {len(result.found)} with a known vulnerability")
    if result.not_audited:
        print(
            f"NOT AUDITED, for no advisory service answered here: {len(result.not_audited)} "
            "packages. Run `make audit` where one can be reached before a release.",
            file=sys.stderr,
        )
    clean = without_new_secret(committed_files())
    print("secrets: none" if clean else "secrets: see above", flush=True)
    return 0 if result.passes and clean else 1


if __name__ == "__main__":
    sys.exit(main())
