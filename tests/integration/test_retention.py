"""What nobody needs any more is gone, what lives is untouched, and the figures add up."""

from __future__ import annotations

import multiprocessing
import random
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlmodel import SQLModel

from shelter.db.session import Database
from shelter.db.tables import (
    AuditEntry,
    AuditHead,
    InboundSeen,
    LocalInboxMessage,
    Request,
    SignInTries,
    UserSession,
)
from shelter.domain.household import Person
from shelter.domain.messages import Channel
from shelter.domain.requests import Outcome, RequestState
from shelter.domain.retention import USUAL, Kind
from shelter.domain.sides import BOTH_SIDES, SYSTEM, Actor, Side
from shelter.services import (
    audit_chain,
    contacts,
    delivery,
    figures,
    intake,
    orders,
    placements,
    retention,
    retention_rules,
    stays,
)
from shelter.services.intake import KeptApart
from support.raw import all_seeing
from support.world import FakeGateway, MovableClock, World, key, keyring, secova_world, settings_for

CANARY = "Arrive tard, chien calme"
#: a purge looks for what is older: what is exactly as old as its period goes the moment after
MOMENT = timedelta(seconds=1)


@pytest.fixture
def world(database: Database) -> World:
    return secova_world(database)


def workers(world: World) -> dict[Side, Actor]:
    return {
        Side.VICTIMS: world.user("garde.aywaille"),
        Side.PERPETRATORS: world.user("garde.auteurs"),
    }


def asking(side: Side) -> dict[str, Any]:
    return {"people": {Person.MAN: 1}} if side is Side.PERPETRATORS else {}


def reached(world: World) -> contacts.Consent:
    day = world.clock.at.date() + timedelta(days=30)
    return contacts.Consent("+32470998877", Channel.SMS, "fr", 9, 17, day)


def lived_through(world: World) -> dict[str, set[UUID]]:
    """Requests of both sides that ended in every way, some that live on; ids by how they are."""
    ended: dict[str, set[UUID]] = defaultdict(set)
    for side, actor in workers(world).items():
        apart, who = (KeptApart(f"ZAAK-{side}-1"),), asking(side)
        housed, placement = world.placed(
            actor, note=CANARY, case_reference=f"CAS-{side}", keep_apart=apart, **who
        )
        world.do(actor, placements.arrive, placement.id)
        ended["housed"].add(housed.id)
        lives, living = world.placed(actor, note=CANARY, keep_apart=apart, **who)
        world.do(actor, placements.arrive, living.id)
        ended["lives"].add(lives.id)
        cancelled, gone = world.placed(actor, note=CANARY, **who)
        world.do(actor, placements.cancel, gone.id)
        world.do(actor, intake.close, cancelled.id, Outcome.PERSON_DECLINED)
        ended["turned away"].add(cancelled.id)
        forgotten = world.ask(actor, note=CANARY, nights=2, **who)
        ended["forgotten"].add(forgotten.id)
        delivery.deliver(world.system, FakeGateway(), "test")
        world.clock.forward(days=2)
        world.do(actor, stays.depart, placement.id)
        turned_away = world.ask(actor, note=CANARY, **who)
        for each in (turned_away, lives):
            world.do(actor, contacts.agree, each.id, reached(world), None)
        world.do(actor, intake.close, turned_away.id, Outcome.NO_PLACE)
        ended["turned away"].add(turned_away.id)
    delivery.deliver(world.system, FakeGateway(), "test")
    over, _in_force = (
        world.do(
            world.user("garde.auteurs"), orders.record, "CAS-perpetrators", served_at=world.clock.at
        )
        for _ in range(2)
    )
    world.do(world.user("garde.auteurs"), orders.end, over.id, over.version)
    admin = world.user("admin").user_id
    assert admin is not None
    for table in (
        InboundSeen(provider_id=key(), at=world.clock.at),
        LocalInboxMessage(recipient="+32470000000", body="x", received_at=world.clock.at),
        SignInTries(key=key(), failed=1, last_at=world.clock.at, next_at=world.clock.at),
        UserSession(
            token_hash=key(),
            user_id=admin,
            created_at=world.clock.at,
            seen_at=world.clock.at,
            expires_at=world.clock.at,
        ),
    ):
        world.system.run(SYSTEM, lambda tx, row=table: tx.session.add(row))  # type: ignore[misc]
    return ended


def dump(database: Database) -> dict[str, list[dict[str, Any]]]:
    """Every row of every table, as whoever holds the disk has it."""
    with all_seeing(database).connect() as connection:
        return {
            name: [dict(row._mapping) for row in connection.execute(sa.select(table))]
            for name, table in SQLModel.metadata.tables.items()
        }


def due_at(world: World) -> dict[tuple[str, str], datetime]:
    """When each row should be gone, reckoned from a dump; what lives on is not among them."""
    rows = dump(world.system.database)
    days = {kind: timedelta(days=n) for kind, n in USUAL.items()}
    requests = {row["id"]: row for row in rows["request"]}
    live = {row["request_id"] for row in rows["placement"] if row["ended_at"] is None}
    due: dict[tuple[str, str], datetime] = {}

    def request_ends(row: dict[str, Any]) -> datetime:
        over = row["first_night"] + timedelta(days=row["nights"])
        return row["closed_at"] or datetime(over.year, over.month, over.day, tzinfo=UTC)

    def with_request(row: dict[str, Any], own: datetime) -> datetime:
        request = row["request_id"]
        if requests[request]["closed_at"] is None:  # it goes with its request alone
            return due["request", str(request)]
        return min(own, due["request", str(request)])

    for row in rows["request"]:
        if row["id"] in live:
            continue
        housed = row["outcome"] == Outcome.HOUSED
        kind = Kind.REQUESTS_WITH_STAY if housed else Kind.REQUESTS_WITHOUT_STAY
        due["request", str(row["id"])] = request_ends(row) + days[kind]
        due["note", str(row["id"])] = request_ends(row) + days[Kind.NOTES]
    for name, kind, since in (
        ("message", Kind.MESSAGES, "created_at"),
        ("alert", Kind.ALERTS, "created_at"),
        ("placement", Kind.PLACEMENTS, "ended_at"),
    ):
        for row in rows[name]:
            if row["request_id"] in live:
                continue
            own = row[since] + days[kind]
            due[name, str(row["id"])] = own if row["request_id"] is None else with_request(row, own)
    for row in rows["separation"]:
        if row["request_id"] not in live:
            own = request_ends(requests[row["request_id"]]) + days[Kind.SEPARATIONS]
            due["separation", str(row["id"])] = with_request(row, own)
    for row in rows["safe_contact"]:
        if row["request_id"] not in live:
            own = request_ends(requests[row["request_id"]]) + days[Kind.SAFE_CONTACTS]
            due["safe_contact", str(row["id"])] = with_request(row, own)
    for row in rows["barring_order"]:
        if row["closed_at"] is not None:
            due["barring_order", str(row["id"])] = row["closed_at"] + days[Kind.BARRING_ORDERS]
    placement_of_stay = {row["id"]: row["placement_id"] for row in rows["stay"]}
    of_placement: dict[str, Callable[[dict[str, Any]], UUID]] = {
        "stay": lambda row: row["placement_id"],
        "occupied_night": lambda row: placement_of_stay[row["stay_id"]],
    }
    for name, placement_of in of_placement.items():
        for row in rows[name]:
            placement = ("placement", str(placement_of(row)))
            if placement in due:
                due[name, str(row["id"])] = due[placement]
    return due


def here(world: World) -> set[tuple[str, str]]:
    rows = dump(world.system.database)
    names = ["request", "message", "alert", "placement", "separation", "stay", "occupied_night"]
    names += ["safe_contact", "barring_order"]
    found = {(name, str(row["id"])) for name in names for row in rows[name]}
    noted = {("note", str(row["id"])) for row in rows["request"] if row["note"] is not None}
    return found | noted


def totals(world: World) -> dict[figures.Heading, figures.Count]:
    return world.system.run(SYSTEM, figures.totals, read_only=True)


def test_years_pass_and_at_every_step_exactly_what_is_due_is_gone(world: World) -> None:
    ended = lived_through(world)
    due, everything, before = due_at(world), here(world), totals(world)
    assert len(due) > 40
    assert {("note", str(each)) for each in ended["lives"]} < everything - set(due)

    for instant in sorted({*due.values()}):
        world.clock.at = max(world.clock.at, instant)
        retention.run(world.system)  # not yet: its period has just run out
        assert here(world) == {each for each in everything if due.get(each, instant) >= instant}
        world.clock.at += MOMENT
        retention.run(world.system)
        assert here(world) == {
            each for each in everything if each not in due or due[each] > instant
        }
        if world.clock.at < datetime(2027, 1, 1, tzinfo=UTC):
            continue  # those who live on slept another night meanwhile
    after = totals(world)
    assert {h: c.requests for h, c in after.items()} == {h: c.requests for h, c in before.items()}
    lives = {h for h in after if h.outcome == ""}
    assert {h: c for h, c in after.items() if h not in lives} == {
        h: c for h, c in before.items() if h not in lives
    }
    assert sum(count.nights for count in after.values()) > 0


def test_nothing_of_what_was_purged_stands_in_the_database_or_its_file(world: World) -> None:
    ended = lived_through(world)
    gone = {each for name, ids in ended.items() if name != "lives" for each in ids}
    requests = world.all(Request)
    secrets = [row.note for row in requests if row.id in gone and row.note is not None]
    codes = [row.code for row in requests if row.id in gone]
    assert len(secrets) == len(gone) == 8
    world.clock.forward(days=4000)
    # those who live on must not be disturbed by the others' going, nor the log by its cutting
    retention.run(world.system)
    text = str(dump(world.system.database))
    assert all(repr(secret) not in text for secret in secrets)
    assert all(code not in text for code in codes)
    assert all(str(each) not in text for each in gone)
    if world.system.database.is_sqlite:
        path = Path(str(world.system.database.engine.url.database))
        raw = b"".join(
            part.read_bytes() for part in path.parent.glob(f"{path.name}*") if part.is_file()
        )
        assert all(secret not in raw for secret in secrets)
        assert all(code.encode() not in raw for code in codes)


def test_control_before_the_purge_the_same_look_finds_all_of_it(world: World) -> None:
    ended = lived_through(world)
    text = str(dump(world.system.database))
    assert all(str(each) in text for ids in ended.values() for each in ids)
    assert all(repr(row.note) in text for row in world.all(Request) if row.note is not None)


def left_over(world: World) -> set[str]:
    """Tables with personal data in which something is left that does not belong to the living."""
    rows = dump(world.system.database)
    living = {row["id"] for row in rows["request"] if row["state"] != RequestState.CLOSED}
    live_placements = {row["id"] for row in rows["placement"] if row["request_id"] in living}
    living_alerts = {row["id"] for row in rows["alert"] if row["request_id"] in living}
    stays_of = {row["id"] for row in rows["stay"] if row["placement_id"] in live_placements}
    kept: dict[str, Callable[[dict[str, Any]], bool]] = {
        "request": lambda row: row["id"] in living,
        "stay": lambda row: row["placement_id"] in live_placements,
        "alert_step": lambda row: row["alert_id"] in living_alerts,
        "occupied_night": lambda row: row["stay_id"] in stays_of,
        "known_address": lambda row: row["placement_id"] in live_placements,
        # one that nobody has said to be over is in force, however old
        "barring_order": lambda row: row["closed_at"] is None,
        # the runs of this test, and what they cut
        "audit_entry": lambda row: row["action"].startswith(("retention.", "audit.")),
    }

    def of_the_living(row: dict[str, Any]) -> bool:
        return row.get("request_id") in living

    return {
        name
        for name in retention_rules.KIND_OF
        for row in rows[name]
        if not kept.get(name, of_the_living)(row)
    }


def test_after_ten_years_only_the_living_are_left_in_any_table_with_personal_data(
    world: World,
) -> None:
    lived_through(world)
    assert len(left_over(world)) >= 9
    world.clock.forward(days=3654)
    retention.run(world.system)
    assert left_over(world) == set()


@pytest.mark.parametrize("forgotten", [Kind.KNOWN_ADDRESSES, Kind.SESSIONS, Kind.INBOUND_MESSAGES])
def test_control_a_purge_that_forgets_a_kind_is_noticed(
    world: World, monkeypatch: pytest.MonkeyPatch, forgotten: Kind
) -> None:
    lived_through(world)
    rules = tuple(rule for rule in retention_rules.RULES if rule.kind is not forgotten)
    monkeypatch.setattr(retention, "RULES", rules)
    world.clock.forward(days=3654)
    retention.run(world.system)
    assert left_over(world) != set()


def test_every_table_has_a_kind_or_a_reason_to_be_kept() -> None:
    tables = set(SQLModel.metadata.tables)
    assert set(retention_rules.KIND_OF) | set(retention_rules.KEPT) == tables
    assert not set(retention_rules.KIND_OF) & set(retention_rules.KEPT)
    assert set(retention_rules.KIND_OF.values()) | {Kind.NOTES, Kind.REQUESTS_WITHOUT_STAY} == set(
        Kind
    )


def test_free_text_goes_first() -> None:
    assert retention_rules.RULES[0].kind is Kind.NOTES
    assert USUAL[Kind.NOTES] <= min(
        days
        for kind, days in USUAL.items()
        if kind not in {Kind.IDEMPOTENCY_KEYS, Kind.SESSIONS, Kind.SIGN_IN_GUESSES}
    )


def test_each_run_proves_what_it_removed(world: World) -> None:
    ended = lived_through(world)
    world.clock.forward(days=8)
    gone = retention.run(world.system)
    notes = [each for each in gone if each.kind is Kind.NOTES]
    assert {each.side for each in notes} == BOTH_SIDES
    entries = [e for e in world.all(AuditEntry) if e.subject == "retention:notes"]
    assert len(entries) == 2
    for entry in entries:
        names = sorted(
            str(row.id)
            for row in world.all(Request, side=entry.side)
            if row.id not in ended["lives"]
        )
        assert entry.detail["count"] == len(names) == 4
        assert entry.detail["digest"] == keyring().keyed_hash("\n".join(names))
        assert entry.detail["oldest"] < entry.detail["newest"]
        assert entry.request_id is None
    report = world.system.database.run(audit_chain.verify_chain, read_only=True, sides=BOTH_SIDES)
    assert report.broken_at is None


def test_what_would_go_is_shown_and_not_touched(world: World) -> None:
    lived_through(world)
    world.clock.forward(days=400)
    before = here(world)
    shown = {(each.kind, each.side): each.count for each in retention.due_now(world.system)}
    assert here(world) == before
    assert shown[Kind.NOTES, Side.VICTIMS] == 4
    gone = {(each.kind, each.side): each.count for each in retention.run(world.system)}
    assert gone[Kind.NOTES, Side.VICTIMS] == 4
    assert retention.due_now(world.system) == []


def test_perpetrators_data_go_by_their_own_dates_whatever_victims_do(database: Database) -> None:
    """The same perpetrator side beside two victim sides: what goes, and when, is the same."""
    world = secova_world(database)
    actors = workers(world)
    world.ask(actors[Side.VICTIMS], case_reference="CAS-9")
    _, placement = world.placed(
        actors[Side.PERPETRATORS], case_reference="CAS-9", **asking(Side.PERPETRATORS)
    )
    world.do(actors[Side.PERPETRATORS], placements.arrive, placement.id)
    world.clock.forward(days=1)
    world.do(actors[Side.PERPETRATORS], stays.depart, placement.id)
    victim, live = world.placed(actors[Side.VICTIMS], case_reference="CAS-9")
    world.do(actors[Side.VICTIMS], placements.arrive, live.id)
    delivery.deliver(world.system, FakeGateway(), "test")
    world.clock.forward(days=366)
    retention.run(world.system)
    assert [row.id for row in world.all(Request, side=Side.PERPETRATORS)] == []
    assert victim.id in {row.id for row in world.all(Request, side=Side.VICTIMS)}


def test_a_side_reads_figures_of_its_own_alone(world: World) -> None:
    lived_through(world)
    world.clock.forward(days=400)
    retention.run(world.system)
    shown = world.system.run(workers(world)[Side.PERPETRATORS], figures.totals, read_only=True)
    assert {heading.side for heading in shown} == {Side.PERPETRATORS}


def test_a_request_that_is_taken_up_again_is_not_purged(world: World) -> None:
    """Somebody asks again for a request that nobody closed: its nights lie ahead."""
    actor = workers(world)[Side.VICTIMS]
    request = world.ask(actor, note=CANARY, nights=1)
    world.clock.forward(days=200)
    tonight = world.clock.at.date()
    world.do(
        actor,
        intake.amend,
        request.id,
        intake.Amendment(first_night=tonight, nights=3),
        request.version,
    )
    retention.run(world.system)
    [kept] = world.all(Request)
    assert kept.note is not None


# --- kill -9 -------------------------------------------------------------------------------------

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["shelter.services.retention", "support.world"])


def _purge(url: str, now: datetime) -> None:
    retention.BATCH = 1
    database = Database(url, pool_size=2)
    clock = MovableClock(now)
    system = replace(World(_system(database, clock), clock)).system
    while True:
        retention.run(system)


def _system(database: Database, clock: MovableClock) -> Any:
    from shelter.services.context import Shelter

    return Shelter(settings_for(database), database, keyring(), clock)


def whole(world: World) -> None:
    rows = dump(world.system.database)
    requests = {row["id"] for row in rows["request"]}
    assert {row["request_id"] for row in rows["placement"]} <= requests
    assert {row["request_id"] for row in rows["separation"]} <= requests
    placements_here = {row["id"] for row in rows["placement"]}
    assert {row["placement_id"] for row in rows["stay"]} == placements_here
    proved = sum(
        row["detail"]["count"]
        for row in rows["audit_entry"]
        if row["subject"].startswith("retention:requests")
    )
    assert proved == sum(row["requests"] for row in rows["figure"])


@pytest.mark.slow
def test_killed_at_any_moment_nothing_is_half_gone_and_the_figures_add_up(world: World) -> None:
    chance = random.Random(4)
    for _ in range(2):
        lived_through(world)
    world.clock.forward(days=500)
    before = {heading: count.requests for heading, count in totals(world).items()}
    world.system.database.dispose()
    interrupted = 0
    for _ in range(6):
        process = _context.Process(
            target=_purge, args=(world.system.database.url, world.clock.at), daemon=True
        )
        done = world.all(AuditHead)[0].seq
        process.start()
        # the moment is counted from the first batch, so that it falls into work
        until = time.monotonic() + 20
        while time.monotonic() < until and world.all(AuditHead)[0].seq == done:
            time.sleep(0.001)
        time.sleep(chance.uniform(0, 0.05))
        process.kill()
        process.join(timeout=20)
        assert process.exitcode == -9
        whole(world)
        interrupted += bool(retention.due_now(world.system))
        world.system.database.dispose()
    retention.run(world.system)
    whole(world)
    assert interrupted >= 3
    assert {h: count.requests for h, count in totals(world).items()} == before
