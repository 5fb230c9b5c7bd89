"""How long people wait: ``make bench`` asks a real server on the sample network, as workers do.

Times are what the server itself logged for each route, so the client's own work does not count.
Some places stay taken from round to round, so that the network fills up and refusals with their
explanations are measured too.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from collections import defaultdict
from contextlib import ExitStack
from pathlib import Path

from shelter.db.migrate import upgrade
from shelter.db.session import Database
from support.postgres import PostgresUnavailable
from support.postgres import running_server as running_postgres
from support.server import As, Server, running_server

ROUNDS = 300
#: a family of four, one of them a baby; a woman alone; a large family that hardly fits anywhere
HOUSEHOLDS = (
    {"woman": 1, "child": 2, "infant": 1},
    {"woman": 1},
    {"woman": 2, "teen_boy": 1, "child": 4, "infant": 2},
)
ASK, OPTIONS = "POST /api/v1/requests", "GET /api/v1/requests/{request_id}/options"


def work(server: Server) -> tuple[int, int]:
    """Many requests for a place; (answered with options, refused)."""
    placed = refused = 0
    with server.client() as client:
        worker = As(client, server.system, "garde.aywaille")
        for number in range(ROUNDS):
            body = {"people": HOUSEHOLDS[number % 3], "nights": 7 + number % 30}
            request = worker.post("/requests", body).json()
            offer = worker.get(f"/requests/{request['id']}/options").json()
            worker.get("/board")
            if not offer["options"]:
                refused += 1
                worker.post(f"/requests/{request['id']}/outcome", {"outcome": "no_place"})
                continue
            placed += 1
            stays = [
                {name: stay[name] for name in ("unit_id", "first_night", "end_night")}
                for stay in offer["options"][0]["stays"]
            ]
            held = worker.post(f"/requests/{request['id']}/holds", {"stays": stays}).json()
            if number % 20 == 0:
                worker.post(f"/placements/{held['id']}/confirmation")
            else:
                worker.post(f"/placements/{held['id']}/release")
    return placed, refused


def times_of(server: Server) -> dict[str, list[float]]:
    """Milliseconds by route, from the server's own log."""
    times: dict[str, list[float]] = defaultdict(list)
    for line in server.log.splitlines():
        if '"request"' in line:
            entry = json.loads(line)
            times[f"{entry['method']} {entry['route']}"].append(entry["duration_ms"])
    return times


def p95(values: list[float]) -> float:
    return statistics.quantiles(values, n=20)[-1]


def main() -> None:
    answers: dict[str, float] = {}
    with ExitStack() as stack:
        urls: dict[str, str | None] = {"sqlite": None}
        try:
            postgres = stack.enter_context(running_postgres())
            urls["postgresql"] = postgres.url(postgres.create_database())
        except PostgresUnavailable as reason:
            print(f"NOT MEASURED on PostgreSQL: {reason}")
        for name, url in urls.items():
            if url is not None:
                database = Database(url)
                upgrade(database)
                database.dispose()
            with tempfile.TemporaryDirectory() as folder:
                began = time.monotonic()
                with running_server(Path(folder), url) as server:
                    ready = time.monotonic() - began
                    placed, refused = work(server)
                    times = times_of(server)
            print(
                f"\n{name}: filled, started and ready in {ready:.1f} s; "
                f"{placed} requests got options, {refused} a refusal with its reasons"
            )
            print(f"  {'route':58} {'n':>5} {'p50 ms':>8} {'p95 ms':>8}")
            for route, values in sorted(times.items()):
                if len(values) >= 10:
                    middle = statistics.median(values)
                    print(f"  {route:58} {len(values):5} {middle:8.1f} {p95(values):8.1f}")
            both = [a + o for a, o in zip(times[ASK], times[OPTIONS], strict=True)]
            answers[name] = p95(both)
    figures = ", ".join(f"{value:.0f} ms on {name}" for name, value in answers.items())
    print(f"\nbench: request and its answer, p95 in the server: {figures}; wanted: 150 ms at most")


if __name__ == "__main__":
    main()
