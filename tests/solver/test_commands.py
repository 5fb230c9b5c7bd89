"""``shelter solve``, ``verify``, ``explain`` and ``schema``: through the same door as a person."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from shelter.cli import main
from shelter_solver import Agreement, Person, Problem, Side, Stay, place, problem_to_json
from shelter_solver.result import HouseholdMove, Progress, Room, Schedule, Status
from shelter_solver.tools import commands
from shelter_solver.tools.files import ResultFile, result_from_json, result_to_json
from shelter_solver.tools.terminal import ProgressLine, told
from solver.network import housed, party, problem, site, unit
from solver.two_worlds import two_worlds


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str


Shelter = Callable[..., Said]


@pytest.fixture
def shelter(capsys: pytest.CaptureFixture[str]) -> Shelter:
    def run(*words: object) -> Said:
        try:
            code = main([str(word) for word in words])
        except SystemExit as end:
            code = int(str(end.code))
        said = capsys.readouterr()
        return Said(code, said.out, said.err)

    return run


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Anna asks for a place; cleo is housed in the other of two units."""
    return saved(tmp_path, problem(unit(), unit("b"), party(), housed("cleo", "b")))


def saved(folder: Path, given: Problem, name: str = "problem.json") -> Path:
    path = folder / name
    path.write_text(problem_to_json(given), encoding="utf-8")
    return path


def folder_of(path: Path) -> set[str]:
    return {each.name for each in path.parent.iterdir()}


# --- solve ----------------------------------------------------------------------------------------


def test_solve_for_one_party_writes_a_result_that_verify_confirms(
    shelter: Shelter, file: Path, tmp_path: Path
) -> None:
    out, svg = tmp_path / "result.json", tmp_path / "picture.svg"
    said = shelter("solve", file, "--party", "anna", "--out", out, "--svg", svg)
    assert (said.code, said.err) == (0, "")
    assert "Option 1: room (site home, Ixelles)" in said.out
    read = result_from_json(out.read_bytes())
    assert read == ResultFile(place(problem(unit(), unit("b"), party(), housed("cleo", "b")),
                                    "anna"), "anna")  # fmt: skip
    assert "+ anna" in "".join(ElementTree.parse(svg).getroot().itertext())
    assert folder_of(file) == {"problem.json", "result.json", "picture.svg"}
    assert shelter("verify", file, out) == Said(0, "no rule is broken\n", "")


def test_a_result_is_readable_by_its_owner_alone(
    shelter: Shelter, file: Path, tmp_path: Path
) -> None:
    out = tmp_path / "result.json"
    shelter("solve", file, "--party", "anna", "--out", out)
    assert out.stat().st_mode & 0o077 == 0


def test_the_same_seed_gives_the_same_bytes(shelter: Shelter, file: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        shelter("solve", file, "--party", "anna", "--out", tmp_path / name, "--seed", 3)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_the_picture_can_be_drawn_for_one_side(shelter: Shelter, tmp_path: Path) -> None:
    given = problem(
        site("home"), site("theirs", audience=Side.PERPETRATORS), unit(), unit("cell", "theirs"),
        party(), housed("bob", "cell", side=Side.PERPETRATORS),
    )  # fmt: skip
    for side, seen, hidden in (("victims", "room", "cell"), ("perpetrators", "cell", "room")):
        svg = tmp_path / f"{side}.svg"
        shelter("solve", saved(tmp_path, given), "--party", "anna", "--svg", svg, "--side", side)
        drawn = svg.read_text(encoding="utf-8")
        assert seen in drawn and hidden not in drawn


# --- solve: what goes wrong -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{", "$: is not JSON: Expecting property name enclosed in double quotes: line 1 column 2"),
        ('{"version": 2}', "$.version: must be 1"),
        ('{"version": 1, "start": "2026-11-21", "horizon": 3, "unit": []}',
         "$.unit: is not a known key"),
        ('{"version": 1, "start": "2026-11-21", "horizon": 3, "a\\u001b[2J\\n": []}',
         "$.a\ufffd[2J\ufffd: is not a known key"),
        ("[" * 100_000, "$: is nested too deeply"),
    ],
    ids=lambda text: text[:20],
)  # fmt: skip
@pytest.mark.parametrize("command", ["solve", "explain"])
def test_a_wrong_file_is_one_sentence_with_the_place(
    shelter: Shelter, tmp_path: Path, command: str, text: str, sentence: str
) -> None:
    path = tmp_path / "wrong.json"
    path.write_text(text, encoding="utf-8")
    said = shelter(command, path, *(["anna"] if command == "explain" else []))
    assert said.code == 2
    assert said.out == ""
    assert said.err.startswith(f"shelter {command}: {path}: {sentence}")
    assert said.err.count("\n") == 1


def test_no_file_no_party_no_folder_are_told(shelter: Shelter, file: Path, tmp_path: Path) -> None:
    missing = tmp_path / "missing.json"
    assert shelter("solve", missing) == Said(
        2, "", f"shelter solve: {missing}: cannot be read: No such file or directory\n"
    )
    assert shelter("solve", tmp_path).err.endswith("cannot be read: Is a directory\n")
    for words in (("solve", file, "--party", "eve"), ("explain", file, "eve")):
        assert shelter(*words) == Said(
            2, "", f"shelter {words[0]}: {file}: parties: no party 'eve'\n"
        )
    said = shelter("solve", file, "--party", "anna", "--out", tmp_path / "no" / "result.json")
    assert (said.code, said.out) == (2, "")
    assert said.err.endswith("result.json: there is no such folder\n")


def test_no_file_is_written_over_what_it_was_made_from(
    shelter: Shelter, file: Path, tmp_path: Path
) -> None:
    before = file.read_bytes()
    for words in (("--out", file), ("--out", tmp_path / "x", "--svg", tmp_path / "x"),
                  ("--out", "/dev/null"), ("--svg", tmp_path)):  # fmt: skip
        assert shelter("solve", file, "--party", "anna", *words).code == 2
    assert file.read_bytes() == before
    assert folder_of(file) == {"problem.json"}


@pytest.mark.parametrize(
    "words",
    [("--limit", "nan"), ("--limit", "0"), ("--limit", "inf"), ("--seed", "-1"),
     ("--seed", str(2**31)), ("--side", "both")],
)  # fmt: skip
def test_limits_that_are_none_are_refused(
    shelter: Shelter, file: Path, words: tuple[str, ...]
) -> None:
    said = shelter("solve", file, "--party", "anna", *words)
    assert said.code == 2
    assert f"argument {words[0]}: " in said.err
    assert "Traceback" not in said.err


def test_nothing_is_half_written(
    shelter: Shelter, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is full when the second file is moved to its place."""
    out, svg = tmp_path / "result.json", tmp_path / "picture.svg"
    out.write_text("yesterday's", encoding="utf-8")

    def full(_from: Path, to: Path) -> None:
        raise OSError(28, "No space left on device", str(to))

    monkeypatch.setattr(os, "replace", full)
    said = shelter("solve", file, "--party", "anna", "--out", out, "--svg", svg)
    assert said.code == 2
    assert said.err == f"shelter solve: {out}: cannot be written: No space left on device\n"
    assert out.read_text(encoding="utf-8") == "yesterday's"
    assert folder_of(file) == {"problem.json", "result.json"}


# --- solve: room ----------------------------------------------------------------------------------


def crowded() -> Problem:
    """Anna and her child fit where cleo is; cleo, alone, fits elsewhere and may be asked."""
    cleo = housed("cleo", "room", people={Person.WOMAN: 1}, move_agreement=Agreement.PARTY)
    return problem(unit(), unit("small", beds=1), party(), cleo)


def test_who_is_refused_gets_room_by_moves_if_there_is_any(
    shelter: Shelter, tmp_path: Path
) -> None:
    file, out, svg = saved(tmp_path, crowded()), tmp_path / "room.json", tmp_path / "room.svg"
    said = shelter("solve", file, "--party", "anna", "--out", out, "--svg", svg)
    assert said.code == 0
    assert "1. cleo moves 0 km (its agreement: party): small" in said.out
    assert "Then room (site home, Ixelles)" in said.out
    assert isinstance(result_from_json(out.read_bytes()).result, Room)
    assert "→ cleo" in svg.read_text(encoding="utf-8")
    assert shelter("verify", file, out).out == "no rule is broken\n"


def test_who_is_refused_and_cannot_get_room_is_told_why(shelter: Shelter, tmp_path: Path) -> None:
    given = problem(unit(beds=1), party())
    file, out = saved(tmp_path, given), tmp_path / "refusal.json"
    said = shelter("solve", file, "--party", "anna", "--out", out)
    assert said.code == 0
    assert "1 unit: there are too few beds" in said.out
    assert json.loads(out.read_bytes())["status"] == "infeasible"
    assert shelter("verify", file, out) == Said(0, "no place is given: none to check\n", "")


# --- solve: the batch -----------------------------------------------------------------------------


def test_solve_for_all_writes_a_schedule_that_verify_confirms(
    shelter: Shelter, tmp_path: Path
) -> None:
    file = saved(tmp_path, problem(unit(), unit("b"), party(), party("bea"), party("zoe")))
    out, svg = tmp_path / "result.json", tmp_path / "picture.svg"
    said = shelter("solve", file, "--out", out, "--svg", svg, "--limit", 20)
    assert (said.code, said.err) == (0, ""), "no progress where nobody looks"
    assert "2 placed, 0 moved, 1 without a place." in said.out
    read = result_from_json(out.read_bytes())
    assert isinstance(read.result, Schedule)
    assert read.party is None
    assert "Without a place: " in svg.read_text(encoding="utf-8")
    assert shelter("verify", file, out).code == 0


def test_on_a_terminal_the_progress_is_shown_and_taken_away(
    shelter: Shelter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = saved(tmp_path, problem(unit(), party(), party("bea")))
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    assert shelter("solve", file).code == 0
    assert "\r\x1b[Kpromises: best 0, bound 0, gap 0.0 %, " in screen.getvalue()
    assert screen.getvalue().endswith("\r\x1b[K")


def interrupted(*_values: Any, **_more: Any) -> Any:
    raise KeyboardInterrupt


def test_who_stops_the_search_is_told_that_nothing_was_written(
    shelter: Shelter, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "replan", interrupted)
    said = shelter("solve", file, "--out", tmp_path / "result.json")
    assert said.code == 130
    assert said.err == "\nshelter solve: stopped; nothing was written\n"
    assert folder_of(file) == {"problem.json"}


def test_who_stops_the_search_for_room_keeps_the_answer(
    shelter: Shelter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "make_room", interrupted)
    out = tmp_path / "result.json"
    said = shelter("solve", saved(tmp_path, crowded()), "--party", "anna", "--out", out)
    assert said.code == 0
    assert "stopped while looking for moves that make room" in said.err
    assert json.loads(out.read_bytes())["kind"] == "answer"


# --- verify ---------------------------------------------------------------------------------------


def test_verify_says_each_broken_rule_in_words(
    shelter: Shelter, file: Path, tmp_path: Path
) -> None:
    wrong = Schedule(Status.OPTIMAL, {"anna": (Stay("b", 0, 7),)}, (), (), ())
    path = tmp_path / "wrong.json"
    path.write_text(result_to_json(wrong), encoding="utf-8")
    assert shelter("verify", file, path) == Said(
        1, "anna in b on night 0 (2026-11-21): another household is there (cleo)\n", ""
    )


def test_verify_looks_at_every_option_and_every_move(shelter: Shelter, tmp_path: Path) -> None:
    given = problem(unit(), unit("b"), party(), housed("cleo", "b"))
    file, path = saved(tmp_path, given), tmp_path / "wrong.json"
    answer = place(given, "anna")
    wrong = replace(answer.options[0], stays=(Stay("b", 0, 7),))
    twice = replace(answer, options=(*answer.options, wrong))
    path.write_text(result_to_json(twice, "anna"), encoding="utf-8")
    said = shelter("verify", file, path)
    assert said.code == 1
    assert said.out.startswith("option 2: anna in b on night 0")
    move = HouseholdMove("cleo", (Stay("room", 0, 7),), Agreement.NONE, 0)
    room = Room(Status.OPTIMAL, answer.options[0], (move,))
    path.write_text(result_to_json(room, "anna"), encoding="utf-8")
    said = shelter("verify", file, path)
    assert said.code == 1
    assert "cleo moves, and may not be asked to\n" in said.out


def test_verify_of_parties_and_units_that_do_not_exist(
    shelter: Shelter, file: Path, tmp_path: Path
) -> None:
    path = tmp_path / "wrong.json"
    wrong = Schedule(Status.OPTIMAL, {"eve": (Stay("b", 0, 7),), "anna": (Stay("attic", 0, 7),)},
                     (), (), ())  # fmt: skip
    path.write_text(result_to_json(wrong), encoding="utf-8")
    said = shelter("verify", file, path)
    assert said.code == 1
    assert "eve: the problem has no such party" in said.out
    assert "anna in attic on night 0 (2026-11-21): the problem has no such unit" in said.out


def test_verify_needs_to_know_who_asked(shelter: Shelter, file: Path, tmp_path: Path) -> None:
    path = tmp_path / "answer.json"
    path.write_text(result_to_json(place(problem(unit(), party()), "anna")), encoding="utf-8")
    assert shelter("verify", file, path) == Said(
        2, "", f"shelter verify: {path}: $.party: is missing; who asked?\n"
    )


def test_a_problem_is_no_result(shelter: Shelter, file: Path) -> None:
    said = shelter("verify", file, file)
    assert said.code == 2
    assert said.err.startswith(f"shelter verify: {file}: $.kind: must be one of")


# --- explain and schema ---------------------------------------------------------------------------


def test_explain_says_why_and_the_safe_words_do_not_depend_on_victims(
    shelter: Shelter, tmp_path: Path
) -> None:
    worlds = [
        [saved(tmp_path, world, f"{seed}-{number}.json") for number, world in enumerate(pair)]
        for seed in range(8)
        for pair in [two_worlds(seed, seed + 1)]
    ]
    safe = [[shelter("explain", file, "new", "--safe") for file in pair] for pair in worlds]
    whole = [[shelter("explain", file, "new") for file in pair] for pair in worlds]
    assert all(one == other and one.code == 0 for one, other in safe)
    assert any(one != other for one, other in whole), "the control"


def test_schema_prints_the_schema_of_each_kind_of_file(shelter: Shelter) -> None:
    for kind in ("problem", "result"):
        said = shelter("schema", kind)
        assert said.code == 0
        assert json.loads(said.out)["$schema"].endswith("2020-12/schema")
    assert shelter("schema", "picture").code == 2


def test_a_reader_who_has_read_enough_is_no_error(file: Path) -> None:
    """``shelter schema problem | head -1``, whose reader closes the pipe."""
    program = "import sys; from shelter.cli import main; sys.exit(main(sys.argv[1:]))"
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-c", program, "schema", "problem"],
        stdout=writing, stderr=subprocess.PIPE, timeout=60, check=False,
    )  # fmt: skip
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, b"")


# --- progress -------------------------------------------------------------------------------------


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


HALFWAY = Progress(30.0, 29.6, best=40, bound=38, goal="near", part=2, parts=3)


def test_progress_is_one_line_in_place() -> None:
    screen = Terminal()
    with ProgressLine(screen) as line:
        line(HALFWAY)
        line(HALFWAY)
    assert screen.getvalue() == f"\r\x1b[K{told(HALFWAY)}" * 2 + "\r\x1b[K"
    assert told(HALFWAY) == "near: best 40, bound 38, gap 5.0 %, part 2 of 3, 30 s left"


def test_progress_is_silent_where_nobody_looks() -> None:
    paper = io.StringIO()
    with ProgressLine(paper) as line:
        line(HALFWAY)
    assert paper.getvalue() == ""


def test_progress_never_wraps_the_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    screen = Terminal()
    ProgressLine(screen)(HALFWAY)
    assert screen.getvalue() == "\r\x1b[K" + told(HALFWAY)[:19]


@pytest.mark.parametrize(
    ("best", "bound", "gap"), [(40, 38, 0.05), (0, 0, 0.0), (0, -3, 3.0), (7, 7, 0.0)]
)
def test_the_gap_is_what_may_still_be_won(best: int, bound: int, gap: float) -> None:
    assert replace(HALFWAY, best=best, bound=bound).gap == gap
