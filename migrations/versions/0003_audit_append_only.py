"""The database itself refuses to change the audit log: entries are added, and the oldest are cut.

An entry may be deleted once ``audit_head.cut_seq`` has passed it, and that may only move onward, to
an entry that is there, with its hash: a cut leaves the end of what it removed. Whoever owns the
server can drop these triggers; then the chain of hashes finds what was done.

Revision 0003.
"""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_ENDS_MOVE_BACK = """
    NEW.seq < OLD.seq OR NEW.cut_seq < OLD.cut_seq OR (
        (NEW.cut_seq <> OLD.cut_seq OR NEW.cut_hash <> OLD.cut_hash) AND NOT EXISTS (
            SELECT 1 FROM audit_entry WHERE seq = NEW.cut_seq AND hash = NEW.cut_hash
        )
    )
"""
_IS_KEPT = "OLD.seq > COALESCE((SELECT cut_seq FROM audit_head WHERE id = 1), 0)"

#: table, event, when it is refused (SQLite)
_SQLITE = (
    ("audit_entry", "update", "1"),
    ("audit_entry", "delete", _IS_KEPT),
    ("audit_head", "update", _ENDS_MOVE_BACK),
    ("audit_head", "delete", "1"),
)
_REFUSAL = "the audit log is append-only"


def upgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        for table, event, refused in _SQLITE:
            op.execute(
                f"CREATE TRIGGER {table}_no_{event} BEFORE {event.upper()} ON {table} "
                f"WHEN {refused} BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END"
            )
        return
    op.execute(
        f"""
        CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF TG_OP = 'DELETE' AND TG_TABLE_NAME = 'audit_entry' THEN
                IF NOT ({_IS_KEPT}) THEN RETURN OLD; END IF;
            ELSIF TG_OP = 'UPDATE' AND TG_TABLE_NAME = 'audit_head' THEN
                IF NOT ({_ENDS_MOVE_BACK}) THEN RETURN NEW; END IF;
            END IF;
            RAISE EXCEPTION '{_REFUSAL}' USING ERRCODE = 'integrity_constraint_violation';
        END $$
        """
    )
    for table in ("audit_entry", "audit_head"):
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION audit_is_append_only()"
        )
        op.execute(
            f"CREATE TRIGGER {table}_not_emptied BEFORE TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only()"
        )


def downgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        for table, event, _ in _SQLITE:
            op.execute(f"DROP TRIGGER {table}_no_{event}")
        return
    for table in ("audit_entry", "audit_head"):
        op.execute(f"DROP TRIGGER {table}_append_only ON {table}")
        op.execute(f"DROP TRIGGER {table}_not_emptied ON {table}")
    op.execute("DROP FUNCTION audit_is_append_only()")
