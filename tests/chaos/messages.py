"""Messages arrive once: workers killed again and again before a Twilio that fails every fifth time.

``make chaos-messages`` sends 5 000 and kills 200 times; the suite runs a shortened form.
"""

from __future__ import annotations

import argparse
import sys
import tempfile

from chaos.night import SENDER, Night, Plan, door_of, without_leases
from shelter import logs
from shelter.db.migrate import upgrade
from shelter.db.session import Database
from shelter.messaging.twilio_gateway import TwilioGateway
from shelter.settings import Twilio
from support.fake_twilio import FakeTwilio
from support.world import secova_world


def main() -> int:
    # not at the top: each worker that is started imports this module, too
    from support.postgres import running_server

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=5000)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--rate", type=float, default=50.0)
    parser.add_argument("--faults", type=float, default=0.2)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--reports", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=5)
    chosen = parser.parse_args()
    plan = Plan(
        chosen.messages, chosen.rate, chosen.kills, chosen.faults, chosen.workers, seed=chosen.seed
    )
    calm = Plan(min(chosen.messages, int(60 * chosen.rate)), chosen.rate, workers=chosen.workers)
    bad: list[str] = []
    with running_server() as server:

        def fresh() -> Database:
            database = Database(server.url(server.create_database()))
            upgrade(database)
            return database

        for name, each in (("quiet night", calm), ("bad night", plan)):
            with FakeTwilio() as twilio, door_of(twilio) as door:
                outcome = Night(fresh(), twilio, door, each).run()
            print(f"{name}: {outcome}", flush=True)
            if outcome.lost or outcome.duplicates or outcome.unresolved:
                bad.append(f"{name}: a promise was broken")
            if each is calm and outcome.share_within(10) < 0.99:
                bad.append(f"{name}: slower than promised")
        with FakeTwilio() as twilio:
            night = Night(fresh(), twilio, twilio.url, Plan(100, rate=1000))
            doubled = without_leases(night, TwilioGateway(night.account))
        print(f"control without leases: {doubled} duplicates of 100", flush=True)
        if not doubled:
            bad.append("the control sent nothing twice, so the others prove nothing")
        with tempfile.TemporaryDirectory() as folder:
            sqlite = Database(f"sqlite:///{folder}/storm.db")
            upgrade(sqlite)
            for name, database in (("sqlite", sqlite), ("postgresql", fresh())):
                bad += _storm(name, database, chosen.reports)
                database.dispose()
    for problem in bad:
        print(problem, file=sys.stderr)
    return 1 if bad else 0


def _storm(name: str, database: Database, count: int) -> list[str]:
    from chaos.reports import storm

    logs.configure("warning")  # else every report is a line
    with FakeTwilio() as twilio:
        account = Twilio(twilio.account_sid, twilio.auth_token, SENDER)
        world = secova_world(database, public_url="https://shelter.example", twilio=account)
        outcome = storm(world, twilio, count)
    print(f"reports on {name}: {outcome}", flush=True)
    broken = (
        outcome.forged_taken + outcome.true_refused + outcome.regressions + outcome.double_effects
    )
    late = [f"{name}: a report waited {outcome.slowest_s:.1f} s"] if outcome.slowest_s > 1 else []
    return late + ([f"{name}: a report did something wrong"] if broken else [])


if __name__ == "__main__":
    sys.exit(main())
