"""The solver at a terminal: ``solve``, ``verify``, ``explain`` and ``schema``, on files alone.

What is wrong with a file is one sentence with the place in it, and exit code 2; 1 means that a
result breaks a rule, 130 that somebody stopped the search.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from shelter_solver.problem import Problem, ProblemError, Side, Stay
from shelter_solver.replan import replan
from shelter_solver.result import Answer, Room, Schedule
from shelter_solver.room import make_room
from shelter_solver.solve import place
from shelter_solver.tools import render, words
from shelter_solver.tools.claims import false_claims
from shelter_solver.tools.files import (
    Result,
    ResultFile,
    problem_from_json,
    result_from_json,
    result_to_json,
)
from shelter_solver.tools.picture import schedule_svg
from shelter_solver.tools.schema import problem_schema, result_schema
from shelter_solver.tools.terminal import ProgressLine
from shelter_solver.verify import verify

Placements = Mapping[str, tuple[Stay, ...]]
Command = Callable[[argparse.Namespace], int]

T = TypeVar("T")

SCHEMAS = {"problem": problem_schema, "result": result_schema}


class Unusable(Exception):
    """What the person gave cannot be used; the text is the whole message."""


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the solver's commands; each leaves ``tool``, to be called with the parsed options."""

    def command(name: str, text: str, work: Command) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=text, description=text)
        sub.set_defaults(tool=lambda options: _told(name, work, options))
        return sub

    solve = command("solve", "find places for all who wait in a file, or for one party", _solve)
    solve.add_argument("file", type=Path, help="a problem, JSON")
    solve.add_argument("--party", metavar="ID", help="place this party alone")
    solve.add_argument("--out", type=Path, metavar="RESULT.json", help="write the result")
    solve.add_argument("--svg", type=Path, metavar="PICTURE.svg", help="draw the result")
    solve.add_argument(
        "--side", type=Side, choices=list(Side), help="draw the sites and parties of one side only"
    )
    _add_limits(solve)
    check = command("verify", "check a result against every rule, in other code", _verify)
    check.add_argument("file", type=Path, help="a problem, JSON")
    check.add_argument("result", type=Path, help="a result, JSON")
    explain = command("explain", "say in words why a party gets these places, or none", _explain)
    explain.add_argument("file", type=Path, help="a problem, JSON")
    explain.add_argument("party", help="the id of a party")
    explain.add_argument("--safe", action="store_true", help="only what the party's side may know")
    _add_limits(explain)
    schema = command("schema", "print the JSON Schema of a kind of file", _schema)
    schema.add_argument("kind", choices=list(SCHEMAS))


def _add_limits(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--limit", type=_seconds, default=60.0, metavar="SECONDS")
    parser.add_argument("--seed", type=_seed, default=0, metavar="N", help="same seed, same result")


def _seconds(text: str) -> float:
    with suppress(ValueError):
        seconds = float(text)
        if math.isfinite(seconds) and seconds > 0:
            return seconds
    raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds above 0")


def _seed(text: str) -> int:
    with suppress(ValueError):
        if 0 <= int(text) < 2**31:  # what CP-SAT takes
            return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 0 to {2**31 - 1}")


def _told(name: str, work: Command, options: argparse.Namespace) -> int:
    """Run a command; what goes wrong becomes one sentence."""
    try:
        return work(options)
    except (ProblemError, Unusable) as error:
        print(f"shelter {name}: {words.printable(str(error))}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"\nshelter {name}: stopped", file=sys.stderr)
        return 130
    except BrokenPipeError:  # whoever read our words has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


# --- commands -------------------------------------------------------------------------------------


def _solve(options: argparse.Namespace) -> int:
    problem = _read(options.file, problem_from_json)
    _check_outputs(options)
    try:
        with _about(options.file):
            result = _search(problem, options)
    except KeyboardInterrupt:
        print("\nshelter solve: stopped; nothing was written", file=sys.stderr)
        return 130
    files: dict[Path, str] = {}
    if options.out is not None:
        files[options.out] = result_to_json(result, options.party)
    if options.svg is not None:
        chosen = next(iter(_placements(ResultFile(result, options.party)).values()), {})
        files[options.svg] = schedule_svg(problem, chosen, side=options.side)
    _write(files)
    _say(_in_words(problem, options.party, result))
    return 0


def _search(problem: Problem, options: argparse.Namespace) -> Result:
    return _replan(problem, options) if options.party is None else _place(problem, options)


def _replan(problem: Problem, options: argparse.Namespace) -> Schedule:
    with ProgressLine(sys.stderr) as line:
        return replan(problem, limit_s=options.limit, seed=options.seed, on_progress=line)


def _place(problem: Problem, options: argparse.Namespace) -> Answer | Room:
    """The places of one party; when there is none, agreed moves that make room."""
    answer = place(problem, options.party, limit_s=options.limit, seed=options.seed)
    if answer.options:
        return answer
    try:
        room = make_room(problem, options.party, limit_s=options.limit, seed=options.seed)
    except KeyboardInterrupt:
        print("\nstopped while looking for moves that make room", file=sys.stderr)
        return answer
    return answer if room.option is None else room


def _verify(options: argparse.Namespace) -> int:
    problem = _read(options.file, problem_from_json)
    saved = _read(options.result, result_from_json)
    if saved.party is None and not isinstance(saved.result, Schedule):
        raise Unusable(f"{options.result}: $.party: is missing; who asked?")
    found = 0
    for name, chosen in _placements(saved).items():
        for violation in verify(problem, chosen):
            found += 1
            _say(f"{name}{words.violation(problem, violation)}\n")
    if not isinstance(saved.result, Answer):
        for sentence in false_claims(problem, saved.result):
            found += 1
            _say(f"{sentence}\n")
    if not found:
        _say("no rule is broken\n" if _placements(saved) else "no place is given: none to check\n")
    return 1 if found else 0


def _placements(saved: ResultFile) -> dict[str, Placements]:
    """What the result would have people do; for an answer, one entry an option."""
    match saved.result:
        case Schedule(placements=placements):
            return {"": placements}
        case Room(option=None):
            return {}
        case Room(option=option, moves=moves) if option is not None:
            return {"": {**{m.party: m.stays for m in moves}, str(saved.party): option.stays}}
        case Answer(options=options):
            return {
                f"option {number}: ": {str(saved.party): option.stays}
                for number, option in enumerate(options, start=1)
            }
    raise TypeError(saved.result)


def _explain(options: argparse.Namespace) -> int:
    problem = _read(options.file, problem_from_json)
    told = render.safe if options.safe else render.full
    with _about(options.file):
        answer = place(problem, options.party, limit_s=options.limit, seed=options.seed)
        _say(told(problem, options.party, answer))
    return 0


def _schema(options: argparse.Namespace) -> int:
    _say(json.dumps(SCHEMAS[options.kind](), indent=1) + "\n")
    return 0


def _in_words(problem: Problem, party: str, result: Result) -> str:
    if isinstance(result, Schedule):
        return render.schedule(problem, result)
    if isinstance(result, Room):
        return render.room(problem, party, result)
    return render.full(problem, party, result)


# --- files ----------------------------------------------------------------------------------------


@contextmanager
def _about(file: Path) -> Iterator[None]:
    """Errors in here are about this file."""
    try:
        yield
    except ProblemError as error:
        raise Unusable(f"{file}: {error}") from None


def _read(file: Path, parse: Callable[[bytes], T]) -> T:
    try:
        text = file.read_bytes()
    except OSError as error:
        raise Unusable(f"{file}: cannot be read: {error.strerror}") from None
    with _about(file):
        return parse(text)


def _check_outputs(options: argparse.Namespace) -> None:
    """Before the search, so that no hour of it is lost to a misspelt folder."""
    taken = [options.file.resolve()]
    for file in (options.out, options.svg):
        if file is None:
            continue
        if not file.parent.is_dir():
            raise Unusable(f"{file}: there is no such folder")
        if file.exists() and not file.is_file():
            raise Unusable(f"{file}: is not an ordinary file")
        if file.resolve() in taken:
            raise Unusable(f"{file}: is named twice")
        taken.append(file.resolve())


def _write(files: Mapping[Path, str]) -> None:
    """All files or none, each complete: written beside its place, then moved there."""
    ready: list[tuple[Path, Path]] = []
    try:
        for file, text in files.items():
            # readable by its owner alone: it says where people are
            handle, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
            ready.append((Path(name), file))
            with open(handle, "w", encoding="utf-8") as out:
                out.write(text)
        for beside, file in ready:
            os.replace(beside, file)
    except OSError as error:
        raise Unusable(f"{error.filename}: cannot be written: {error.strerror}") from None
    finally:
        for beside, _ in ready:
            beside.unlink(missing_ok=True)


def _say(text: str) -> None:
    """To standard output, whose encoding may not know every letter."""
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(text.encode(encoding, "replace").decode(encoding))
    sys.stdout.flush()
