"""A known vulnerability stops a change, unless it was accepted, with a reason, until a date."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from supply_chain import ACCEPTED, Accepted, accepted_advisories, verdict, without_new_secret

TODAY = date(2026, 11, 21)
SOUND = {"name": "sound", "version": "1.0", "vulns": []}
BROKEN = {
    "name": "broken",
    "version": "2.0",
    "vulns": [{"id": "PYSEC-2026-1", "aliases": ["CVE-2026-1"], "fix_versions": ["2.1"]}],
}


def until(day: date, advisory: str = "PYSEC-2026-1", package: str = "broken") -> Accepted:
    return Accepted(advisory, package, day, "never called")


def test_a_known_vulnerability_fails_and_says_what_mends_it() -> None:
    result = verdict([SOUND, BROKEN], [], TODAY)
    assert not result.passes
    assert result.found == ("broken 2.0: PYSEC-2026-1 (mended in 2.1)",)


def test_control_sound_packages_pass() -> None:
    result = verdict([SOUND], [], TODAY)
    assert result.passes and result.audited == 1


@pytest.mark.parametrize("advisory", ["PYSEC-2026-1", "CVE-2026-1"])
def test_an_accepted_one_passes_until_its_date_and_fails_after_it(advisory: str) -> None:
    assert verdict([BROKEN], [until(TODAY, advisory)], TODAY).passes
    late = verdict([BROKEN], [until(date(2026, 11, 20), advisory)], TODAY)
    assert not late.passes and "accepted until 2026-11-20" in late.expired[0]


def test_accepting_it_for_one_package_does_not_accept_it_for_another() -> None:
    result = verdict([BROKEN], [until(TODAY, package="other")], TODAY)
    assert result.found and not result.passes


def test_what_is_accepted_needlessly_is_said() -> None:
    result = verdict([SOUND], [until(TODAY, package="sound")], TODAY)
    assert not result.passes and "nothing is wrong any more" in result.needless[0]


def test_what_was_not_audited_is_counted_and_never_taken_for_sound() -> None:
    unanswered = {"name": "unknown", "skip_reason": "no answer"}
    result = verdict([SOUND, unanswered], [], TODAY)
    assert result.not_audited == ("unknown",) and result.audited == 1


def test_the_committed_list_can_be_read_and_an_entry_without_a_date_cannot() -> None:
    accepted_advisories(ACCEPTED.read_text())
    with pytest.raises(TypeError, match="until is a date"):
        accepted_advisories(
            '[[accepted]]\nadvisory="A"\npackage="p"\nuntil="soon"\nwhy="because"\n'
        )


def test_a_secret_in_a_file_is_found(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    key = "-----BEGIN RSA " + "PRIVATE KEY-----"
    (tmp_path / "deploy.md").write_text(f"{key}\nMIIEpAIBAAKCAQEA\n")
    (tmp_path / "notes.md").write_text("Keys are kept elsewhere.\n")

    assert not without_new_secret([str(tmp_path / "deploy.md")])
    assert "Private Key" in capfd.readouterr().out
    assert without_new_secret([str(tmp_path / "notes.md")]), "control"
