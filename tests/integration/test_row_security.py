"""Two walls around each side's rows: every query's own condition, and PostgreSQL's policies."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import aliased
from sqlmodel import Session, SQLModel, col, delete, func, select, update

import shelter
import shelter_api
from shelter.db.session import Database
from shelter.db.tables import (
    Alert,
    AuditEntry,
    IdempotencyKey,
    PlacementRow,
    Request,
    Shift,
    Site,
    StayRow,
    Unit,
    User,
)
from shelter.db.tables.columns import OneSided, PartlySided
from shelter.domain.household import Person
from shelter.domain.sides import BOTH_SIDES, Side
from support.raw import all_seeing
from support.world import World, secova_world

THEIRS = frozenset({Side.PERPETRATORS})
#: tables whose rows have no side; each is here because somebody thought about it
WITHOUT_SIDE = {
    "app_user": "accounts; a person may have no side",
    "audience_change": "which site is to serve whom; two-sided people alone read it",
    "audit_entry": "has a side or none; narrowed on PostgreSQL by a policy of its own",
    "audit_head": "the end of the chain",
    "calendar_feed": "secret addresses, each its owner's; a hash",
    "deaf_phone": "numbers that opted out, whoever they are called by",
    "idempotency_key": "an answer that its own user got before",
    "inbound_seen": "a provider's identifiers",
    "linked_identity": "sign-in",
    "local_inbox": "the demonstration's telephones",
    "network": "the network file",
    "passkey": "sign-in",
    "recovery_code": "sign-in",
    "service": "duty phones",
    "shift": "has a side or none (services that act on both); narrowed all the same, see below",
    "shift_swap": "as a shift",
    "sign_in_step": "sign-in",
    "sign_in_tries": "sign-in",
    "user_session": "sign-in",
}


@pytest.fixture
def world(database: Database) -> World:
    """Both sides have a placement, messages and alerts."""
    return _both_sides(database)


@pytest.fixture
def on_postgresql(postgres_database: Database) -> World:
    return _both_sides(postgres_database)


def _both_sides(database: Database) -> World:
    from shelter.domain.household import Person

    world = secova_world(database, demo=False)
    world.placed(world.user("garde.aywaille"))
    world.placed(world.user("garde.auteurs"), people={Person.MAN: 1})
    return world


def one_sided_tables() -> set[str]:
    """Tables with a side in every row, from the models' own columns."""
    return {
        table.name
        for table in SQLModel.metadata.tables.values()
        if "side" in table.columns and not table.columns["side"].nullable
    }


# --- every table is behind the walls ------------------------------------------------------------


def test_every_table_with_a_side_is_marked_so_that_queries_are_narrowed() -> None:
    marked = {table.__tablename__ for table in OneSided.__subclasses__()}  # type: ignore[attr-defined]
    assert marked == one_sided_tables()
    assert {"site", "request", "placement", "message"} <= marked  # control


def test_a_table_without_a_side_is_one_that_somebody_thought_about() -> None:
    """A new table: mark it ``OneSided``, or say here why its rows belong to no side."""
    assert set(SQLModel.metadata.tables) - one_sided_tables() == set(WITHOUT_SIDE)


@pytest.mark.postgres
def test_every_one_sided_table_has_forced_policies(postgres_database: Database) -> None:
    with all_seeing(postgres_database).connect() as connection:
        secured = {
            row.relname: (row.relrowsecurity, row.relforcerowsecurity, row.commands)
            for row in connection.execute(
                sa.text(
                    "SELECT relname, relrowsecurity, relforcerowsecurity,"
                    " (SELECT array_agg(polcmd::text) FROM pg_policy WHERE polrelid = c.oid"
                    "  AND polqual IS NOT NULL AND polwithcheck IS NOT NULL) AS commands"
                    " FROM pg_class c WHERE relkind = 'r'"
                    " AND relnamespace = 'public'::regnamespace"
                )
            )
        }
    for table in sorted(one_sided_tables() | {"audit_entry", "shift", "shift_swap"}):
        enabled, forced, commands = secured[table]
        assert enabled and forced, table
        assert commands == ["*"], table  # one policy, for reading and writing
    assert secured["network"][0] is False  # control: the query tells secured tables from others


@pytest.mark.postgres
def test_the_application_is_neither_superuser_nor_above_the_policies(
    postgres_database: Database,
) -> None:
    assert not postgres_database.is_above_row_security()
    above = Database(all_seeing(postgres_database).url.render_as_string())
    try:
        assert above.is_above_row_security()  # control
    finally:
        above.dispose()


# --- PostgreSQL: plain SQL as the application's own role ----------------------------------------


def _count(connection: sa.Connection, table: str) -> int:
    return int(connection.scalar(sa.text(f'SELECT count(*) FROM "{table}"')) or 0)


def _name_sides(connection: sa.Connection, sides: str) -> None:
    connection.execute(sa.text("SELECT set_config('shelter.sides', :s, true)"), {"s": sides})


@pytest.mark.postgres
def test_plain_sql_finds_no_row_of_a_side_that_was_not_named(on_postgresql: World) -> None:
    database = on_postgresql.system.database
    filled = set()
    for table in sorted(one_sided_tables()):
        with all_seeing(database).connect() as connection:
            sides = connection.execute(
                sa.text(f'SELECT side, count(*) AS rows FROM "{table}" GROUP BY side')
            )
            there: dict[str, int] = {row.side: row.rows for row in sides}
        filled |= {table} if set(there) == {"victims", "perpetrators"} else set()
        with database.engine.connect() as connection:
            assert _count(connection, table) == 0, table  # nothing was named
            for named in ("", "nobody", "victim", "victims "):
                _name_sides(connection, named)
                assert _count(connection, table) == 0, (table, named)
            for side in ("victims", "perpetrators"):
                _name_sides(connection, side)
                assert _count(connection, table) == there.get(side, 0), table
                query = sa.text(f'SELECT count(*) FROM "{table}" WHERE side <> :side')
                assert connection.scalar(query, {"side": side}) == 0
    # control: where both sides have rows, finding none means something
    assert filled >= {"alert", "message", "occupied_night", "placement", "request", "site", "stay"}


@pytest.mark.postgres
def test_the_audit_log_shows_a_side_its_own_entries_and_those_of_no_side(
    on_postgresql: World,
) -> None:
    with on_postgresql.system.database.engine.connect() as connection:
        _name_sides(connection, "perpetrators")
        sides = set(connection.scalars(sa.text("SELECT DISTINCT side FROM audit_entry")))
        assert "victims" not in sides and "perpetrators" in sides
        _name_sides(connection, "victims,perpetrators")
        assert "victims" in set(connection.scalars(sa.text("SELECT side FROM audit_entry")))


@pytest.mark.postgres
def test_plain_sql_writes_no_row_of_the_other_side(on_postgresql: World) -> None:
    database = on_postgresql.system.database
    copied = {"id": str(uuid4()), "site": None}
    with all_seeing(database).connect() as connection:
        columns = list(SQLModel.metadata.tables["block"].columns.keys())
        unit = connection.scalar(sa.text("SELECT id FROM unit WHERE side = 'victims' LIMIT 1"))
        ours = connection.scalar(sa.text("SELECT id FROM unit WHERE side = 'perpetrators' LIMIT 1"))
    assert {"unit_id", "side", "reason", "first_night"} <= set(columns)
    insert = sa.text(
        "INSERT INTO block (id, unit_id, side, reason, first_night, created_at)"
        " VALUES (:id, :unit, :side, 'closed', '2026-11-22', now())"
    )
    with database.engine.connect() as connection:
        _name_sides(connection, "perpetrators")
        with pytest.raises(DBAPIError, match="row-level security"):
            connection.execute(insert, {"id": copied["id"], "unit": unit, "side": "victims"})
        connection.rollback()
        _name_sides(connection, "perpetrators")
        # a row of one's own cannot be pushed over to the other side
        with pytest.raises(DBAPIError, match="row-level security"):
            connection.execute(sa.text("UPDATE unit SET side = 'victims'"))
        connection.rollback()
        _name_sides(connection, "perpetrators")
        for statement in (
            "UPDATE unit SET label = label WHERE side = 'victims'",
            "DELETE FROM alert WHERE side = 'victims'",
        ):
            assert connection.execute(sa.text(statement)).rowcount == 0
        # control: its own side it may write
        connection.execute(insert, {"id": copied["id"], "unit": ours, "side": "perpetrators"})
        connection.rollback()


@pytest.mark.postgres
def test_a_connection_that_goes_back_to_the_pool_forgets_its_sides(on_postgresql: World) -> None:
    database = Database(on_postgresql.system.database.url, pool_size=1)
    try:
        for read_only in (False, True):
            seen = database.run(
                lambda session: session.exec(select(Site.side)).all(),
                sides=BOTH_SIDES,
                read_only=read_only,
            )
            assert set(seen) == set(Side)
            with database.engine.connect() as connection:  # the very same connection
                assert _count(connection, "site") == 0
                assert not connection.scalar(
                    sa.text("SELECT current_setting('shelter.sides', true)")
                )
            assert database.run(lambda session: session.exec(select(Site)).all()) == []
    finally:
        database.dispose()


def _views_above_the_policies(connection: sa.Connection) -> set[str]:
    """Views run as their owner unless they say otherwise: policies would not hold for a reader."""
    return set(
        connection.scalars(
            sa.text(
                "SELECT relname FROM pg_class WHERE relkind IN ('v', 'm')"
                " AND relnamespace = 'public'::regnamespace"
                " AND (relkind = 'm' OR NOT coalesce("
                "   'security_invoker=true' = ANY(reloptions)"
                "   OR 'security_invoker=on' = ANY(reloptions), false))"
            )
        )
    )


@pytest.mark.postgres
def test_no_view_passes_over_the_policies(postgres_database: Database) -> None:
    with all_seeing(postgres_database).connect() as connection:
        assert _views_above_the_policies(connection) == set()
        # control: such a view is seen, and one that asks as its reader is not among them
        connection.execute(sa.text("CREATE VIEW leak AS SELECT * FROM site"))
        connection.execute(
            sa.text("CREATE VIEW fine WITH (security_invoker=true) AS SELECT * FROM site")
        )
        connection.execute(sa.text("CREATE MATERIALIZED VIEW copied AS SELECT id FROM site"))
        assert _views_above_the_policies(connection) == {"leak", "copied"}
        connection.rollback()


@pytest.mark.postgres
def test_no_function_runs_with_the_rights_of_its_owner(postgres_database: Database) -> None:
    with all_seeing(postgres_database).connect() as connection:
        query = sa.text(
            "SELECT proname FROM pg_proc WHERE prosecdef AND pronamespace = 'public'::regnamespace"
        )
        assert list(connection.scalars(query)) == []


# --- both databases: the ORM, without any condition ---------------------------------------------

Look = Callable[[Session], Any]


def _victims_in(session: Session, *, other: Any) -> Iterator[tuple[str, int]]:
    """Ways to ask for victims' rows; each with how many it found."""
    site_id, request_id, unit_id = other
    again = aliased(Site)
    yield "select", len([s for s in session.exec(select(Site)) if s.side is Side.VICTIMS])
    yield "get", int(session.get(Site, site_id) is not None)
    yield "get for update", int(session.get(Request, request_id, with_for_update=True) is not None)
    yield "where", len(session.exec(select(Site).where(col(Site.side) == Side.VICTIMS)).all())
    yield "column", list(session.exec(select(Site.side))).count(Side.VICTIMS)
    yield (
        "count",
        session.exec(
            select(func.count()).select_from(Site).where(col(Site.side) == Side.VICTIMS)
        ).one(),
    )
    yield (
        "aggregate",
        int(session.exec(select(func.max(Unit.beds)).where(col(Unit.id) == unit_id)).one() or 0),
    )
    yield (
        "join from both",
        len(
            session.exec(
                select(Unit, Site)
                .join(Site, col(Site.id) == Unit.site_id)
                .where(col(Site.id) == site_id)
            ).all()
        ),
    )
    yield (
        "join from accounts",
        len(
            session.exec(
                select(User.id, Request.code)
                .join(Request, col(Request.created_by) == User.id)
                .where(col(Request.id) == request_id)
            ).all()
        ),
    )
    yield (
        "outer join",
        sum(
            code is not None
            for _, code in session.exec(
                select(User.id, Request.code).outerjoin(
                    Request,
                    sa.and_(col(Request.created_by) == User.id, col(Request.id) == request_id),
                )
            )
        ),
    )
    yield "alias", len(session.exec(select(again).where(again.id == site_id)).all())
    yield (
        "subquery",
        len(
            session.exec(
                select(User.id).where(
                    col(User.id).in_(
                        select(Request.created_by).where(col(Request.id) == request_id)
                    )
                )
            ).all()
        ),
    )
    yield (
        "exists",
        len(
            session.exec(
                select(User.id).where(
                    sa.exists().where(
                        col(Request.id) == request_id, col(Request.created_by) == User.id
                    )
                )
            ).all()
        ),
    )
    yield (
        "scalar subquery",
        len(
            [
                found
                for found in session.exec(
                    select(
                        select(Request.code).where(col(Request.id) == request_id).scalar_subquery()
                    ).select_from(User)
                )
                if found is not None
            ]
        ),
    )
    yield (
        "common table expression",
        len(
            session.exec(
                select(select(Site.id).where(col(Site.id) == site_id).cte("them").c.id)
            ).all()
        ),
    )
    yield (
        "from a subquery",
        len(
            session.exec(
                select(select(Site.id).where(col(Site.id) == site_id).subquery().c.id)
            ).all()
        ),
    )
    yield (
        "union",
        len(
            session.execute(
                sa.union_all(
                    select(Site.id).where(col(Site.id) == site_id),
                    select(Unit.id).where(col(Unit.id) == unit_id),
                )
            ).all()
        ),
    )
    yield (
        "two tables",
        len(
            session.exec(
                select(StayRow.id, PlacementRow.id).where(
                    col(PlacementRow.id) == StayRow.placement_id,
                    col(PlacementRow.request_id) == request_id,
                )
            ).all()
        ),
    )
    yield (
        "keys",
        len(
            session.exec(
                select(IdempotencyKey.id, Request.id)
                .join(Request, col(Request.created_by) == IdempotencyKey.user_id)
                .where(col(Request.id) == request_id)
            ).all()
        ),
    )
    yield (
        "update",
        session.exec(update(Site).where(col(Site.id) == site_id).values(description="x")).rowcount,
    )
    yield "delete", session.exec(delete(Alert).where(col(Alert.request_id) == request_id)).rowcount


@pytest.mark.parametrize("first", [THEIRS, BOTH_SIDES], ids=["theirs first", "both first"])
def test_a_query_without_a_condition_finds_no_row_of_another_side(
    world: World, first: frozenset[Side]
) -> None:
    """In both orders, for a compiled query is kept and must not keep its first reader's sides."""
    database = world.system.database

    def somebody(session: Session) -> tuple[Any, Any, Any]:
        request = session.exec(select(Request).where(col(Request.side) == Side.VICTIMS)).one()
        unit = session.exec(select(Unit).where(col(Unit.side) == Side.VICTIMS)).first()
        assert unit is not None
        session.add(  # so that the join with the keys has something to be joined to
            IdempotencyKey(
                user_id=request.created_by,
                key="k",
                fingerprint="f",
                answer={},
                created_at=request.created_at,
            )
        )
        return unit.site_id, request.id, unit.id

    other = database.run(somebody, sides=BOTH_SIDES)

    def look(session: Session) -> dict[str, int]:
        found = dict(_victims_in(session, other=other))
        session.rollback()
        return found

    for sides in (first, (BOTH_SIDES if first is THEIRS else THEIRS), first):
        found = database.run(look, sides=sides)
        if sides == THEIRS:
            assert {name for name, count in found.items() if count} == set()
        else:  # control: each of these ways finds them where it may
            assert {name for name, count in found.items() if not count} == set()


def test_a_transaction_that_names_no_side_finds_no_row_at_all(world: World) -> None:
    database = world.system.database
    for table in OneSided.__subclasses__():
        assert database.run(lambda session, t=table: session.exec(select(t)).all()) == []  # type: ignore[misc]
    assert database.run(lambda session: session.exec(select(User)).all())  # control


# --- below the ORM ------------------------------------------------------------------------------

#: who may speak SQL or tables past the ORM's condition, and why
BELOW_THE_ORM = {
    "db/session.py": "sets the sides and the locks",
    "db/migrate.py": "the schema",
    "db/sealed.py": "names the encrypted columns; the rotation, a job of the system, reads them",
    "services/audit_chain.py": "reads the whole log, for the operator's verification alone",
    "services/retention.py": "empties SQLite's write-ahead log, by no table's name",
    "services/rotation.py": "encrypts every row anew under another key; runs as the system",
    "jobs/ticker.py": "the leader's lock",
}
_PAST_THE_ORM = re.compile(
    r"__table__|exec_driver_sql|\.connection\(\)|engine\.(connect|begin)|get_bind\(\)"
    r"|metadata\.tables|raw_connection|\.cursor\("
)


def test_core_statements_are_not_narrowed_by_the_session_so_the_policies_must(
    world: World,
) -> None:
    """What the next test guards against: on SQLite nothing else stands behind the ORM."""
    database = world.system.database
    table = SQLModel.metadata.tables["site"]
    query = sa.select(sa.func.count()).select_from(table).where(table.c.side == Side.VICTIMS)
    found = database.run(lambda session: session.execute(query).scalar_one(), sides=THEIRS)
    assert (found == 0) is (not database.is_sqlite)


def _speaks_past_the_orm(source: str) -> list[str]:
    """The lines of a module that reach a table or a connection around the ORM."""
    lines = [
        line.strip()
        for line in source.splitlines()
        if _PAST_THE_ORM.search(line) and not line.strip().startswith("#")
    ]
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name = (
            node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        )
        # text that becomes part of a constraint is no query; executing it is
        if name in {"execute", "scalar", "scalars", "exec"} and any(
            isinstance(each, ast.Call)
            and (each.func.attr if isinstance(each.func, ast.Attribute) else "") == "text"
            for each in ast.walk(node)
        ):
            lines.append(ast.unparse(node)[:80])
    return lines


def test_no_module_of_ours_reads_past_the_orm_but_these() -> None:
    found: dict[str, list[str]] = {}
    for package in (shelter, shelter_api):
        assert package.__file__ is not None
        root = Path(package.__file__).parent
        for path in sorted(root.rglob("*.py")):
            if "_migrations" in path.parts:
                continue
            name = path.relative_to(root).as_posix()
            if lines := _speaks_past_the_orm(path.read_text()):
                found[name] = lines
    assert {name: lines for name, lines in found.items() if name not in BELOW_THE_ORM} == {}
    assert set(BELOW_THE_ORM) - set(found) <= {"db/migrate.py"}  # no excuse outlives its reason
    # control: the look finds what it looks for
    assert _speaks_past_the_orm("session.execute(sa.text('SELECT 1'))")
    assert _speaks_past_the_orm("select(func.count()).select_from(Site.__table__)")
    assert not _speaks_past_the_orm("session.exec(select(Site))")


def test_the_audit_entries_of_the_other_side_are_found_by_no_query(world: World) -> None:
    """Neither by the one that forgets to narrow, on SQLite, where no policy stands behind it."""
    for login in ("garde.aywaille", "garde.auteurs"):
        world.ask(world.user(login), people={Person.MAN: 1})

    def sides_found(opened: frozenset[Side]) -> set[Side | None]:
        return world.system.database.run(
            lambda session: {entry.side for entry in session.exec(select(AuditEntry))},
            read_only=True,
            sides=opened,
        )

    assert sides_found(frozenset({Side.PERPETRATORS})) == {None, Side.PERPETRATORS}
    assert sides_found(frozenset()) == {None}
    assert sides_found(BOTH_SIDES) == {None, *Side}, "control"


def test_shifts_of_the_other_side_are_found_by_no_query_and_those_of_no_side_by_all(
    world: World,
) -> None:
    """A table whose rows may have no side is narrowed to its readers' sides and to those rows."""
    database = world.system.database
    assert {table.__tablename__ for table in PartlySided.__subclasses__()} == {  # type: ignore[attr-defined]
        "audit_entry",
        "shift",
        "shift_swap",
    }

    def fill(session: Session) -> None:
        for login in ("garde.aywaille", "garde.auteurs", "sapv.secova"):
            user = session.exec(select(User).where(col(User.login) == login)).one()
            at = world.clock.now()
            shift = Shift(
                side=user.side,
                service=str(user.service),
                user_id=user.id,
                starts_at=at,
                ends_at=at + timedelta(hours=9),
                created_at=at,
            )
            session.add(shift)

    database.run(fill, sides=BOTH_SIDES)

    def look(session: Session) -> set[Side | None]:
        return {row.side for row in session.exec(select(Shift))}

    def in_plain_sql(session: Session) -> int:
        return int(session.connection().execute(sa.text("SELECT count(*) FROM shift")).scalar_one())

    assert database.run(look, sides=THEIRS) == {Side.PERPETRATORS, None}
    assert database.run(look, sides=()) == {None}
    assert database.run(look, sides=BOTH_SIDES) == {*Side, None}  # control
    if not database.is_sqlite:
        assert database.run(in_plain_sql, sides=THEIRS) == 2
        assert database.run(in_plain_sql, sides=BOTH_SIDES) == 3  # control
