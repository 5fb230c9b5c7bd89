"""The audit log: append-only, and any edit, deletion, reordering or cut is found."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from sqlmodel import Session

from shelter import cli
from shelter.db.session import Database
from shelter.db.tables import AuditEntry, AuditHead
from shelter.domain.sides import BOTH_SIDES, SYSTEM, Side
from shelter.services import audit, audit_chain
from shelter.services.audit import GENESIS, End, hash_of, line_of
from shelter.services.audit_chain import ChainReport, verify_chain
from support.raw import all_seeing
from support.world import World, empty_world, secova_world

TAMPERINGS = 1000
ENTRIES: sa.Table = AuditEntry.__table__  # type: ignore[attr-defined]
HEAD: sa.Table = AuditHead.__table__  # type: ignore[attr-defined]
Row = dict[str, Any]


@pytest.fixture
def world(database: Database) -> World:
    """A short chain, with everything in its entries that an entry can have."""
    world = empty_world(database)
    add(world, 12)
    return world


def add(world: World, count: int) -> None:
    sides = (Side.VICTIMS, Side.PERPETRATORS, None)
    for number in range(count):
        world.system.run(
            SYSTEM,
            lambda tx, n=number: tx.record(  # type: ignore[misc]
                f"test.{n}",
                f"thing:{n}",
                side=sides[n % 3],
                request_id=UUID(int=n) if n % 2 else None,
                number=n,
                text="é",
            ),
        )
        world.clock.forward(minutes=1)


def report_of(world: World, **more: Any) -> ChainReport:
    return world.system.database.run(
        lambda session: verify_chain(session, **more), read_only=True, sides=BOTH_SIDES
    )


def end_of(world: World) -> End:
    report = report_of(world)
    return End(report.entries, report.head)


@contextmanager
def as_owner_of_the_server(database: Database) -> Iterator[Session]:
    """A session above every policy, in which the triggers are dropped; nothing of it stays."""
    engine = database.engine if database.is_sqlite else all_seeing(database)
    with engine.connect() as connection:
        transaction = connection.begin()
        if database.is_sqlite:
            triggers = connection.execute(
                sa.text("SELECT name FROM sqlite_master WHERE type = 'trigger'")
            )
            for name in triggers.scalars().all():
                connection.execute(sa.text(f"DROP TRIGGER {name}"))
        else:
            for table in (ENTRIES, HEAD):
                connection.execute(sa.text(f"ALTER TABLE {table.name} DISABLE TRIGGER USER"))
        session = Session(bind=connection, join_transaction_mode="create_savepoint")
        session.info["sides"] = tuple(sorted(BOTH_SIDES))
        yield session
        session.close()
        transaction.rollback()


# --- ways to tamper -------------------------------------------------------------------------------


class Tampering:
    """What whoever holds the server could do to the tables, each time somewhere else."""

    def __init__(self, session: Session, rows: list[Row], chance: random.Random) -> None:
        self.session, self.rows, self.chance = session, rows, chance

    def do(self, statement: Any, values: Any = None) -> None:
        self.session.connection().execute(statement, values)

    def change(self, seq: int, /, **values: Any) -> None:
        self.do(ENTRIES.update().where(ENTRIES.c.seq == seq).values(**values))

    def edit(self) -> None:
        row = self.chance.choice(self.rows)
        column = self.chance.choice(list(row))
        value = row[column]
        self.change(
            row["seq"],
            **{
                column: {
                    "seq": row["seq"] + 1000,
                    "at": row["at"] + timedelta(seconds=self.chance.choice([-60, 1, 3600])),
                    "actor_id": uuid4(),
                    "side": Side.VICTIMS if value is not Side.VICTIMS else None,
                    "request_id": uuid4() if value is None else None,
                    "detail": {**row["detail"], "number": -1},
                    "hash": f"{self.chance.getrandbits(256):064x}",
                    "previous_hash": f"{self.chance.getrandbits(256):064x}",
                }.get(column, f"{value}x")
            },
        )

    def delete(self) -> None:
        self.do(ENTRIES.delete().where(ENTRIES.c.seq == self.chance.choice(self.rows)["seq"]))

    def delete_and_close_ranks(self) -> None:
        gone = self.chance.randrange(1, len(self.rows))
        self.do(ENTRIES.delete().where(ENTRIES.c.seq == gone))
        for seq in range(gone + 1, len(self.rows) + 1):
            self.change(seq, seq=seq - 1)
        self.move_head(len(self.rows) - 1, self.rows[-1]["hash"])

    def reorder(self) -> None:
        one, two = self.chance.sample(range(1, len(self.rows) + 1), 2)
        self.change(one, seq=-1)
        self.change(two, seq=one)
        self.change(-1, seq=two)

    def swap_what_they_say(self) -> None:
        """The content changes places; numbers and hashes stay."""
        one, two = self.chance.sample(self.rows, 2)
        said = ("at", "action", "subject", "detail", "side", "request_id")
        self.change(one["seq"], **{name: two[name] for name in said})
        self.change(two["seq"], **{name: one[name] for name in said})

    def insert(self) -> None:
        """A made-up entry, well chained to the last, that the head row does not know."""
        row = dict(self.chance.choice(self.rows))
        row |= {"seq": len(self.rows) + 1, "previous_hash": self.rows[-1]["hash"]}
        row["hash"] = hash_of(line_of(_Row(row)))
        self.do(ENTRIES.insert(), row)

    def insert_between(self) -> None:
        here = self.chance.randrange(1, len(self.rows))
        for seq in range(len(self.rows), here, -1):
            self.change(seq, seq=seq + 1)
        row = dict(self.rows[here - 1]) | {"seq": here + 1, "action": "never"}
        row["previous_hash"] = self.rows[here - 1]["hash"]
        row["hash"] = hash_of(line_of(_Row(row)))
        self.do(ENTRIES.insert(), row)
        self.move_head(len(self.rows) + 1, self.rows[-1]["hash"])

    def replay(self) -> None:
        row = dict(self.chance.choice(self.rows)) | {"seq": len(self.rows) + 1}
        self.do(ENTRIES.insert(), row)
        self.move_head(row["seq"], row["hash"])

    def truncate_the_end(self) -> None:
        kept = self.chance.randrange(len(self.rows))
        self.do(ENTRIES.delete().where(ENTRIES.c.seq > kept))

    def truncate_the_beginning(self) -> None:
        gone = self.chance.randrange(1, len(self.rows))
        self.do(ENTRIES.delete().where(ENTRIES.c.seq <= gone))

    def cut_the_beginning_and_note_it(self) -> None:
        """As ``cut_before`` does it, but without the entry that says so."""
        gone = self.chance.randrange(1, len(self.rows))
        self.do(ENTRIES.delete().where(ENTRIES.c.seq <= gone))
        self.do(HEAD.update().values(cut_seq=gone, cut_hash=self.rows[gone - 1]["hash"]))

    def move_the_head_row(self) -> None:
        at = self.chance.randrange(len(self.rows) - 1)
        self.move_head(at, self.rows[at - 1]["hash"] if at else GENESIS)

    # those that only a head that was noted elsewhere finds

    def truncate_the_end_and_move_the_head_row(self) -> None:
        kept = self.chance.randrange(1, len(self.rows))
        self.do(ENTRIES.delete().where(ENTRIES.c.seq > kept))
        self.move_head(kept, self.rows[kept - 1]["hash"])

    def edit_and_hash_everything_again(self) -> None:
        first = self.chance.randrange(len(self.rows))
        previous = self.rows[first]["previous_hash"]
        for row in self.rows[first:]:
            new = dict(row) | {"previous_hash": previous}
            if row is self.rows[first]:
                new["actor_name"] = "somebody else"
            new["hash"] = previous = hash_of(line_of(_Row(new)))
            self.change(row["seq"], **new)
        self.move_head(len(self.rows), previous)

    def move_head(self, seq: int, hashed: str) -> None:
        self.do(HEAD.update().values(seq=seq, hash=hashed))


class _Row:
    def __init__(self, values: Row) -> None:
        self.__dict__.update(values)


FOUND_BY_ITSELF: tuple[Callable[[Tampering], None], ...] = (
    Tampering.edit,
    Tampering.delete,
    Tampering.delete_and_close_ranks,
    Tampering.reorder,
    Tampering.swap_what_they_say,
    Tampering.insert,
    Tampering.insert_between,
    Tampering.replay,
    Tampering.truncate_the_end,
    Tampering.truncate_the_beginning,
    Tampering.cut_the_beginning_and_note_it,
    Tampering.move_the_head_row,
)
FOUND_WITH_A_NOTED_HEAD: tuple[Callable[[Tampering], None], ...] = (
    Tampering.truncate_the_end_and_move_the_head_row,
    Tampering.edit_and_hash_everything_again,
)
WAYS = FOUND_BY_ITSELF + FOUND_WITH_A_NOTED_HEAD


def test_1000_random_tamperings_are_all_found(world: World) -> None:
    noted = end_of(world)
    chance = random.Random(20261121)
    missed, missed_by_numbers = [], 0
    with as_owner_of_the_server(world.system.database) as session:
        original = session.connection().execute(sa.select(ENTRIES).order_by(ENTRIES.c.seq))
        rows = [dict(row) for row in original.mappings()]
        assert verify_chain(session, noted=[noted]).broken_at is None
        for number in range(TAMPERINGS):
            way = WAYS[number % len(WAYS)]
            with session.begin_nested() as point:
                way(Tampering(session, rows, chance))
                heads = [] if way in FOUND_BY_ITSELF else [noted]
                if verify_chain(session, noted=heads).broken_at is None:
                    missed.append((number, way.__name__))
                if way not in FOUND_BY_ITSELF:
                    # control: it is the head from elsewhere that finds these
                    assert verify_chain(session).broken_at is None, way.__name__
                missed_by_numbers += numbers_are_whole(session)
                point.rollback()
        assert verify_chain(session, noted=[noted]).broken_at is None  # put back, it is whole

    assert missed == []
    assert missed_by_numbers > 200, "control: a check of numbers alone misses many"
    assert report_of(world, noted=[noted]).broken_at is None


def numbers_are_whole(session: Session) -> bool:
    """What a log without hashes could check: no number is missing, none is there twice."""
    seqs = session.connection().scalars(sa.select(ENTRIES.c.seq).order_by(ENTRIES.c.seq)).all()
    end = session.connection().scalar(sa.select(HEAD.c.seq))
    return list(seqs) == list(range(1, (end or 0) + 1))


def test_an_untouched_chain_is_whole(database: Database) -> None:
    world = secova_world(database)
    world.placed(world.user("garde.aywaille"))
    report = report_of(world)
    assert report.entries > 20
    assert report.broken_at is None
    for head in (report.head, GENESIS):
        assert report_of(world, expected_head=head).broken_at is None
    assert report_of(world, noted=[End(0, GENESIS), End(report.entries, report.head)]) == report
    assert report_of(world, expected_head="f" * 64).broken_at == report.entries + 1
    assert report_of(world, noted=[End(report.entries + 1, "f" * 64)]).broken_at is not None


# --- the database refuses by itself --------------------------------------------------------------


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_entry SET action = 'x' WHERE seq = 3",
        "UPDATE audit_entry SET at = at WHERE seq = 3",
        "DELETE FROM audit_entry WHERE seq = 3",
        "DELETE FROM audit_entry",
        "DELETE FROM audit_head",
        "UPDATE audit_head SET seq = seq - 1",
        "UPDATE audit_head SET cut_seq = 3",
        "UPDATE audit_head SET cut_seq = 3, cut_hash = 'f'",
        "TRUNCATE audit_entry",
        "TRUNCATE audit_head",
    ],
)
def test_the_database_refuses_to_change_or_delete_an_entry(world: World, statement: str) -> None:
    database = world.system.database
    if "TRUNCATE" in statement and database.is_sqlite:
        statement = statement.replace("TRUNCATE", "DELETE FROM")
    before = report_of(world)
    with (
        pytest.raises(sa.exc.DBAPIError, match="append-only"),
        all_seeing(database).begin() as connection,
    ):
        connection.execute(sa.text(statement))
    assert report_of(world) == before


def test_control_without_the_triggers_the_same_statement_goes_through(world: World) -> None:
    with as_owner_of_the_server(world.system.database) as session:
        session.connection().execute(sa.text("UPDATE audit_entry SET action = 'x' WHERE seq = 3"))
        assert verify_chain(session).broken_at == 3


# --- cutting the oldest part ---------------------------------------------------------------------


def cut(world: World, **ago: float) -> int:
    before = world.clock.at - timedelta(**ago)
    return world.do(SYSTEM, audit.cut_before, before)


def test_the_oldest_part_can_be_cut_and_the_rest_is_still_verified(world: World) -> None:
    old, noted = End(1, world.all(AuditEntry, seq=1)[0].hash), end_of(world)
    assert cut(world, minutes=5) == 7  # of twelve, a minute apart
    assert min(row.seq for row in world.all(AuditEntry)) == 8
    report = report_of(world, noted=[old, noted])
    assert (report.entries, report.broken_at, report.too_old) == (13, None, 1)
    [said] = world.all(AuditEntry, action="audit.cut")
    assert said.detail["removed"] == 7 and said.actor_name == "system"

    assert cut(world, minutes=5) == 0  # nothing is that old any more
    add(world, 3)
    assert cut(world, minutes=0) == 5 + 1 + 3
    assert len(world.all(AuditEntry)) == 1  # the entry about the cut
    add(world, 1)
    assert report_of(world, noted=[noted]).broken_at is None


def test_a_cut_is_no_way_to_hide_something(world: World) -> None:
    """A forged cut is not in the log; a further cut than the recorded one is found."""
    cut(world, minutes=5)
    with as_owner_of_the_server(world.system.database) as session:
        nine = session.connection().scalar(sa.select(ENTRIES.c.hash).where(ENTRIES.c.seq == 9))
        session.connection().execute(ENTRIES.delete().where(ENTRIES.c.seq <= 9))
        session.connection().execute(HEAD.update().values(cut_seq=9, cut_hash=nine))
        assert verify_chain(session).broken_at == 10


def test_only_the_system_cuts(sqlite_database: Database) -> None:
    world = secova_world(sqlite_database)
    world.clock.forward(days=400)
    for login in ("coordination", "garde.aywaille", "admin"):
        with pytest.raises(PermissionError):
            world.do(world.user(login), audit.cut_before, world.clock.at)
    assert cut(world, days=1) > 20  # control


# --- outside the database ------------------------------------------------------------------------


def exported(world: World) -> list[str]:
    return world.system.database.run(
        lambda session: list(audit_chain.export(session)), read_only=True, sides=BOTH_SIDES
    )


def test_an_export_is_verified_without_the_database(world: World) -> None:
    noted = end_of(world)
    text = exported(world)
    assert len(text) == 1 + 12 + 1
    assert audit_chain.verify_export(text, noted=[noted]) == report_of(world)
    cut(world, minutes=5)
    assert audit_chain.verify_export(exported(world)) == report_of(world)


def test_every_tampering_with_an_export_is_found(world: World) -> None:
    text = exported(world)
    chance = random.Random(7)
    for number in range(300):
        lines = list(text)
        match number % 5:
            case 0:
                lines.pop(chance.randrange(1, len(lines)))
            case 1:
                one, two = chance.sample(range(1, len(lines) - 1), 2)
                lines[one], lines[two] = lines[two], lines[one]
            case 2:
                lines = lines[: chance.randrange(1, len(lines))]
            case 3:
                at = chance.randrange(1, len(lines) - 1)
                row = json.loads(lines[at])
                name = chance.choice(sorted(row))
                row[name] = {"seq": 99, "detail": {}}.get(name, f"{row[name]}x")
                lines[at] = json.dumps(row)
            case 4:
                lines.insert(len(lines) - 1, chance.choice(text[1:-1]))
        try:
            report = audit_chain.verify_export(lines)
        except ValueError:
            continue
        assert report.broken_at is not None, (number, lines)


def test_the_command_line_verifies_notes_heads_and_exports(
    world: World,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(cli, "open_system", lambda _config: world.system)
    heads, file = tmp_path / "heads.jsonl", tmp_path / "audit.jsonl"
    assert cli.main(["audit", "verify"]) == 0
    assert "12 entries, unbroken" in capsys.readouterr().out
    assert cli.main(["audit", "head", "--out", str(heads)]) == 0
    add(world, 1)
    assert cli.main(["audit", "head", "--out", str(heads)]) == 0
    assert len(heads.read_text().splitlines()) == 2
    assert cli.main(["audit", "head"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["entries"] == 13
    assert cli.main(["audit", "export", "--out", str(file)]) == 0
    assert world.all(AuditEntry, action="audit.export")
    for more in ([], ["--head", str(heads)], ["--head", report_of(world).head]):
        assert cli.main(["audit", "verify", *more]) == 0, more
    assert cli.main(["audit", "verify", "--file", str(file), "--head", str(heads)]) == 0

    assert cli.main(["audit", "verify", "--head", "f" * 64]) == 1
    heads.write_text('{"at": "", "entries": 5, "head": "' + "f" * 64 + '"}\n')
    assert cli.main(["audit", "verify", "--head", str(heads)]) == 1
    assert "broken at entry 5" in capsys.readouterr().err
    assert cli.main(["audit", "verify", "--file", str(file), "--head", str(heads)]) == 1
    file.write_text(file.read_text().replace("thing:3", "thing:4", 1))
    assert cli.main(["audit", "verify", "--file", str(file)]) == 1
    assert "broken at entry 4" in capsys.readouterr().err
    file.write_text("hello\n")
    assert cli.main(["audit", "verify", "--file", str(file)]) == 1


def test_the_worker_notes_the_head_once_a_day(sqlite_database: Database, tmp_path: Path) -> None:
    path = tmp_path / "heads.jsonl"
    world = empty_world(sqlite_database, audit_head_file=path)
    add(world, 2)
    for _ in range(3):
        audit_chain.note_head_daily(world.system)
    world.clock.forward(hours=24)
    add(world, 1)
    audit_chain.note_head_daily(world.system)
    noted = audit_chain.noted_heads(path.read_text())
    assert [head.seq for head in noted] == [2, 3]
    assert report_of(world, noted=noted).broken_at is None
    assert path.stat().st_mode & 0o077 == 0
    audit_chain.note_head_daily(empty_world(sqlite_database).system)  # not configured: nothing


# --- what is written ------------------------------------------------------------------------------


def test_what_failed_leaves_no_entry(world: World) -> None:
    before = report_of(world)

    def fail(tx: Any) -> None:
        tx.record("never", "never")
        raise LookupError

    with pytest.raises(LookupError):
        world.system.run(SYSTEM, fail)
    assert report_of(world) == before


def test_the_chain_holds_on_both_databases(world: World) -> None:
    """An instant, a number and an accent come back from the database as they were hashed."""
    detail: Any = {"é": ["ü", 1, 1.5, None, True], "a": {"z": 1, "b": -0.25}}
    world.system.run(SYSTEM, lambda tx: tx.record("test", "x", **detail))
    assert report_of(world).broken_at is None
