"""Row-level security: on PostgreSQL a transaction reads and writes rows of its sides alone.

``Database.run`` names the sides in ``shelter.sides``. Where nothing is named nothing is found. The
policies are forced, so that they hold for the tables' owner, too; a superuser stays above them,
which is why ``shelter serve`` refuses to run as one.

Revision 0002.
"""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TABLES = (
    "alert",
    "alert_step",
    "barring_order",
    "block",
    "break_glass",
    "figure",
    "known_address",
    "message",
    "occupied_night",
    "override",
    "placement",
    "request",
    "safe_contact",
    "separation",
    "site",
    "stay",
    "unit",
)
#: rows about no side (sign-ins, settings, duties of two-sided services) are everybody's
ALSO_WITHOUT_SIDE = ("audit_entry", "shift", "shift_swap")

_NAMED = "side = ANY (string_to_array(current_setting('shelter.sides', true), ','))"


def upgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        return  # SQLite has no such thing; there the session's own condition stands alone
    for table in (*TABLES, *ALSO_WITHOUT_SIDE):
        condition = _NAMED if table in TABLES else f"side IS NULL OR {_NAMED}"
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY sides ON {table} USING ({condition}) WITH CHECK ({condition})")


def downgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    for table in (*TABLES, *ALSO_WITHOUT_SIDE):
        op.execute(f"DROP POLICY sides ON {table}")
        op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")
