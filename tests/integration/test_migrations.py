"""The migrations make exactly the schema of the models, on both databases, whoever runs them."""

from __future__ import annotations

import subprocess
import sys
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlmodel import SQLModel

import shelter.db.tables  # noqa: F401  (fills the metadata)
from shelter.db import migrate
from shelter.db.session import Database

Shape = dict[str, list[str]]


def shape(database: Database) -> Shape:
    """Everything that the database itself says of its tables, in an order that can be compared.

    ``alembic check`` alone does not see check constraints, so not a new member of an enum either.
    """
    inspector = sa.inspect(database.engine)
    shapes: Shape = {}
    for table in inspector.get_table_names():
        if table == "alembic_version":
            continue
        columns = [
            f"column {c['name']} {c['type']!r} nullable={c['nullable']} default={c['default']}"
            for c in inspector.get_columns(table)
        ]
        others: list[Any] = [
            ("primary key", inspector.get_pk_constraint(table)),
            *(("foreign key", found) for found in inspector.get_foreign_keys(table)),
            *(("unique", found) for found in inspector.get_unique_constraints(table)),
            *(("check", found) for found in inspector.get_check_constraints(table)),
            *(("index", _plain(found)) for found in inspector.get_indexes(table)),
        ]
        # sorted, for a column that is added later stands last, wherever the model has it
        shapes[table] = sorted([*columns, *(f"{kind} {found}" for kind, found in others)])
    return shapes


def _plain(index: Any) -> dict[str, Any]:
    """An index; the text of its condition instead of an object without a useful repr."""
    options = {name: str(value) for name, value in index.get("dialect_options", {}).items()}
    return {**index, "dialect_options": options}


def differences(database: Database, metadata: sa.MetaData) -> list[Any]:
    """What ``alembic check`` would report."""
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, metadata))


@pytest.fixture
def created_from_models(empty_database: Database) -> Database:
    SQLModel.metadata.create_all(empty_database.engine)
    return empty_database


def test_the_migrated_schema_has_no_difference_from_the_models(database: Database) -> None:
    assert differences(database, SQLModel.metadata) == []


def test_control_a_changed_model_is_noticed(database: Database) -> None:
    changed = sa.MetaData(naming_convention=SQLModel.metadata.naming_convention)
    for table in SQLModel.metadata.tables.values():
        table.to_metadata(changed)
    changed.tables["unit"].append_column(sa.Column("windows", sa.Integer(), nullable=True))
    sa.Index(None, changed.tables["unit"].c.retired)

    found = [difference[0] for difference in differences(database, changed)]

    assert sorted(found) == ["add_column", "add_index"]


def test_migrations_and_models_give_the_same_constraints_columns_and_indexes(
    created_from_models: Database,
) -> None:
    from_models = shape(created_from_models)
    SQLModel.metadata.drop_all(created_from_models.engine)
    migrate.upgrade(created_from_models)

    assert shape(created_from_models) == from_models
    assert any("check" in line for line in from_models["unit"])


def test_control_an_enum_with_a_new_member_is_noticed(created_from_models: Database) -> None:
    before = shape(created_from_models)
    SQLModel.metadata.drop_all(created_from_models.engine)
    changed = sa.MetaData(naming_convention=SQLModel.metadata.naming_convention)
    for table in SQLModel.metadata.tables.values():
        table.to_metadata(changed)
    site = changed.tables["site"]
    site.constraints = {c for c in site.constraints if not isinstance(c, sa.CheckConstraint)}
    sides = ["victims", "perpetrators", "both"]
    site.append_constraint(sa.CheckConstraint(site.c.side.in_(sides), name="side"))
    changed.create_all(created_from_models.engine)

    after = shape(created_from_models)

    assert {name for name in before if before[name] != after[name]} == {"site"}


def migrate_down(database: Database) -> None:
    command.downgrade(migrate.config(database), "base")


def test_every_migration_can_be_taken_back_and_leaves_nothing(database: Database) -> None:
    before = shape(database)

    migrate_down(database)
    assert shape(database) == {}
    assert not migrate.is_current(database)

    migrate.upgrade(database)
    assert shape(database) == before
    assert migrate.is_current(database)


def test_a_database_without_the_schema_is_not_current(empty_database: Database) -> None:
    assert not migrate.is_current(empty_database)


def test_upgrading_again_changes_nothing(database: Database) -> None:
    before = shape(database)
    migrate.upgrade(database)
    assert shape(database) == before


def test_processes_that_start_together_migrate_once(
    empty_database_url: str, empty_database: Database
) -> None:
    program = (
        "import sys\n"
        "from shelter.db import migrate\n"
        "from shelter.db.session import Database\n"
        "database = Database(sys.argv[1])\n"
        "sys.stdin.readline()\n"
        "migrate.upgrade(database)\n"
        "assert migrate.is_current(database)\n"
        "database.dispose()\n"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-W", "error", "-c", program, empty_database_url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        for _ in range(3)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write(b"go\n")
        process.stdin.flush()
    outputs = [process.communicate(timeout=60)[0].decode() for process in processes]

    assert [process.returncode for process in processes] == [0, 0, 0], outputs
    assert differences(empty_database, SQLModel.metadata) == []


def test_a_failed_migration_leaves_nothing_half_done(empty_database: Database) -> None:
    def fails_in_the_middle(
        _connection: Any, _cursor: Any, statement: str, *_others: Any, **_more: Any
    ) -> None:
        if "CREATE TABLE unit" in statement:
            raise OSError("the power went off")

    sa.event.listen(empty_database.engine, "before_cursor_execute", fails_in_the_middle)
    with pytest.raises(OSError, match="power"):
        migrate.upgrade(empty_database)
    sa.event.remove(empty_database.engine, "before_cursor_execute", fails_in_the_middle)
    assert sa.inspect(empty_database.engine).get_table_names() == []

    migrate.upgrade(empty_database)
    assert migrate.is_current(empty_database)


def test_references_are_enforced_again_after_a_migration(database: Database) -> None:
    migrate.upgrade(database)

    def stay_in_no_unit(session: Any) -> None:
        session.execute(
            sa.text(
                "INSERT INTO user_session (token_hash, user_id, created_at, seen_at, expires_at)"
                " VALUES ('x', :user, CURRENT_TIMESTAMP, CURRENT_TIMESTAMP, CURRENT_TIMESTAMP)"
            ),
            {"user": uuid4() if not database.is_sqlite else uuid4().hex},
        )

    with pytest.raises(sa.exc.IntegrityError):
        database.run(stay_in_no_unit)
