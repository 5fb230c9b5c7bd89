"""First tables.

Revision 0001.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "alert",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column(
            "side",
            sa.Enum(
                "victims",
                "perpetrators",
                name="side",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column(
            "kind",
            sa.Enum(
                "placement_confirmed",
                "perpetrator_placed",
                "review_wanted",
                "separation_broken",
                "no_place_found",
                "no_show",
                "arrival_missed",
                "stay_ends",
                "availability_stale",
                "message_failed",
                "glass_broken",
                "override_asked",
                "audience_asked",
                "zoning_refused_often",
                "perpetrator_absent",
                "site_declined",
                "order_served",
                "order_ends",
                "order_lifted",
                "order_extended",
                "duty_phone_deaf",
                "rota_gap",
                "contact_recheck",
                "nothing_delivered",
                name="kind",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("service", sa.String(), nullable=False),
        sa.Column("request_id", sa.Uuid(), nullable=True),
        sa.Column("placement_id", sa.Uuid(), nullable=True),
        sa.Column("unit_id", sa.Uuid(), nullable=True),
        sa.Column("reference", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("acknowledged_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("acknowledged_by", sa.Uuid(), nullable=True),
        sa.Column("acknowledged_via", sa.String(), nullable=True),
        sa.Column("occasion", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert")),
        sa.UniqueConstraint("occasion", name=op.f("uq_alert_occasion")),
    )
    op.create_index(op.f("ix_alert_request_id"), "alert", ["request_id"], unique=False)
    op.create_index("ix_alert_service_created", "alert", ["service", "created_at"], unique=False)
    op.create_index(op.f("ix_alert_side"), "alert", ["side"], unique=False)
    op.create_table(
        "app_user",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("login", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("password_hash", sa.String(), nullable=False),
        sa.Column(
            "role",
            sa.Enum(
                "on_call",
                "commune_staff",
                "sapv",
                "coordinator",
                "administrator",
                name="role",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column(
            "side",
            sa.Enum(
                "victims",
                "perpetrators",
                name="side",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=True,
        ),
        sa.Column("service", sa.String(), nullable=True),
        sa.Column("phone", sa.String(), nullable=True),
        sa.Column("mail", sa.String(), nullable=True),
        sa.Column("wants_mail", sa.Boolean(), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("totp_secret", sa.LargeBinary(), nullable=True),
        sa.Column("totp_step", sa.Integer(), nullable=True),
        sa.Column("totp_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("totp_pending", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_app_user")),
        sa.UniqueConstraint("login", name=op.f("uq_app_user_login")),
    )
    op.create_table(
        "audit_entry",
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        sa.Column("actor_name", sa.String(), nullable=False),
        sa.Column(
            "side",
            sa.Enum(
                "victims",
                "perpetrators",
                name="side",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=True,
        ),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("request_id", sa.Uuid(), nullable=True),
        sa.Column(
            "detail", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False
        ),
        sa.Column("previous_hash", sa.String(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_audit_entry")),
    )
    op.create_index(
        "ix_audit_entry_request_id_seq", "audit_entry", ["request_id", "seq"], unique=False
    )
    op.create_table(
        "audit_head",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.Column("cut_seq", sa.Integer(), nullable=False),
        sa.Column("cut_hash", sa.String(), nullable=False),
        sa.CheckConstraint("cut_seq <= seq", name=op.f("ck_audit_head_cut_before_end")),
        sa.CheckConstraint("id = 1", name=op.f("ck_audit_head_only_one")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_head")),
    )
    op.create_table(
        "barring_order",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column(
            "side",
            sa.Enum(
                "victims",
                "perpetrators",
                name="side",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("case_hash", sa.String(), nullable=False),
        sa.Column("service", sa.String(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "ordered",
                "served",
                "extended",
                "lifted",
                "ended",
                name="state",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("served_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("hearing_on", sa.Date(), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("recorded_by", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_barring_order")),
        sa.UniqueConstraint("side", "code", name=op.f("uq_barring_order_side_code")),
    )
    op.create_index(
        op.f("ix_barring_order_case_hash"), "barring_order", ["case_hash"], unique=False
    )
    op.create_index(op.f("ix_barring_order_side"), "barring_order", ["side"], unique=False)
    op.create_table(
        "deaf_phone",
        sa.Column("number", sa.String(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_deaf_phone")),
    )
    op.create_table(
        "figure",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column(
            "side",
            sa.Enum(
                "victims",
                "perpetrators",
                name="side",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("month", sa.String(), nullable=False),
        sa.Column("service", sa.String(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("urgency", sa.Integer(), nullable=False),
        sa.Column("requests", sa.Integer(), nullable=False),
        sa.Column("nights", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_figure")),
        sa.UniqueConstraint(
            "side",
            "month",
            "service",
            "outcome",
            "urgency",
            name=op.f("uq_figure_side_month_service_outcome_urgency"),
        ),
    )
    op.create_index(op.f("ix_figure_side"), "figure", ["side"], unique=False)
    op.create_table(
        "idempotency_key",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.Column(
            "answer", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_idempotency_key")),
        sa.UniqueConstraint("user_id", "key", name=op.f("uq_idempotency_key_user_id_key")),
    )
    op.create_index(
        op.f("ix_idempotency_key_created_at"), "idempotency_key", ["created_at"], unique=False
    )
    op.create_table(
        "inbound_seen",
        sa.Column("provider_id", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("command", sa.String(), nullable=True),
        sa.Column("answer", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("provider_id", name=op.f("pk_inbound_seen")),
    )
    op.create_table(
        "local_inbox",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column(
            "channel",
            sa.Enum(
                "sms",
                "voice",
                "mail",
                name="channel",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("recipient", sa.String(), nullable=False),
        sa.Column("body", sa.String(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_local_inbox")),
    )
    op.create_index(
        op.f("ix_local_inbox_received_at"), "local_inbox", ["received_at"], unique=False
    )
    op.create_table(
        "message",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column(
            "side",
            sa.Enum(
                "victims",
                "perpetrators",
                name="side",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column(
            "channel",
            sa.Enum(
                "sms",
                "voice",
                "mail",
                name="channel",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("recipient", sa.String(), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("service", sa.String(), nullable=True),
        sa.Column("template", sa.String(), nullable=False),
        sa.Column("body", sa.String(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "pending",
                "leased",
                "uncertain",
                "accepted",
                "sent",
                "delivered",
                "undelivered",
                "failed",
                "expired",
                name="state",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("urgent", sa.Boolean(), nullable=False),
        sa.Column("request_id", sa.Uuid(), nullable=True),
        sa.Column("alert_id", sa.Uuid(), nullable=True),
        sa.Column("unit_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("second_try", sa.Boolean(), nullable=False),
        sa.Column("lease_owner", sa.String(), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("provider_id", sa.String(), nullable=True),
        sa.Column("error_code", sa.String(), nullable=True),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("price_micros", sa.Integer(), nullable=True),
        sa.Column("currency", sa.String(), nullable=True),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("occasion", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_message")),
        sa.UniqueConstraint("occasion", name=op.f("uq_message_occasion")),
        sa.UniqueConstraint("side", "code", name=op.f("uq_message_side_code")),
    )
    op.create_index(op.f("ix_message_alert_id"), "message", ["alert_id"], unique=False)
    op.create_index(op.f("ix_message_created_at"), "message", ["created_at"], unique=False)
    op.create_index(op.f("ix_message_provider_id"), "message", ["provider_id"], unique=False)
    op.create_index(op.f("ix_message_request_id"), "message", ["request_id"], unique=False)
    op.create_index(op.f("ix_message_side"), "message", ["side"], unique=False)
    op.create_index("ix_message_state_due", "message", ["state", "due_at"], unique=False)
    op.create_table(
        "network",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("loaded_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_network_only_one")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_network")),
    )
    op.create_table(
        "service",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("duty_phone", sa.String(), nullable=True),
        sa.Column("second_phone", sa.String(), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_service")),
    )
    op.create_table(
        "sign_in_tries",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("told", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_sign_in_tries")),
    )
    op.create_index(op.f("ix_sign_in_tries_last_at"), "sign_in_tries", ["last_at"], unique=False)
    op.create_table(
        "site",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column(
            "side",
            sa.Enum(
                "victims",
                "perpetrators",
                name="side",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("commune", sa.String(), nullable=False),
        sa.Column("service", sa.String(), nullable=False),
        sa.Column("location", sa.LargeBinary(), nullable=False),
        sa.Column("contact_phone", sa.String(), nullable=True),
        sa.Column("contact_language", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_site")),
    )
    op.create_index(op.f("ix_site_service"), "site", ["service"], unique=False)
    op.create_index(op.f("ix_site_side"), "site", ["side"], unique=False)
    op.create_table(
        "alert_step",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column(
            "side",
            sa.Enum(
                "victims",
                "perpetrators",
                name="side",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("alert_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column(
            "tell",
            sa.Enum(
                "duty",
                "next",
                "coordinator",
                name="tell",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column(
            "channel",
            sa.Enum(
                "sms",
                "voice",
                "mail",
                name="channel",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "ended",
            sa.Enum(
                "told",
                "nobody",
                "answered",
                name="ended",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=True,
        ),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("message_id", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(
            ["alert_id"],
            ["alert.id"],
            name=op.f("fk_alert_step_alert_id_alert"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert_step")),
        sa.UniqueConstraint("alert_id", "number", name=op.f("uq_alert_step_alert_id_number")),
    )
    op.create_index("ix_alert_step_ended_due", "alert_step", ["ended", "due_at"], unique=False)
    op.create_index(op.f("ix_alert_step_side"), "alert_step", ["side"], unique=False)
    op.create_table(
        "audience_change",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column(
            "to_side",
            sa.Enum(
                "victims",
                "perpetrators",
                name="to_side",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("to_service", sa.String(), nullable=False),
        sa.Column(
            "reason",
            sa.Enum(
                "needed_there",
                "not_needed_here",
                "convention",
                "new_purpose",
                name="reason",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column(
            "state",
            sa.Enum(
                "asked",
                "agreed",
                "withdrawn",
                name="state",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("asked_by", sa.Uuid(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_by", sa.Uuid(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "decided_by IS NULL OR state <> 'agreed' OR decided_by <> asked_by",
            name=op.f("ck_audience_change_two_people"),
        ),
        sa.ForeignKeyConstraint(
            ["asked_by"], ["app_user.id"], name=op.f("fk_audience_change_asked_by_app_user")
        ),
        sa.ForeignKeyConstraint(
            ["decided_by"], ["app_user.id"], name=op.f("fk_audience_change_decided_by_app_user")
        ),
        sa.ForeignKeyConstraint(
            ["site_id"], ["site.id"], name=op.f("fk_audience_change_site_id_site")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audience_change")),
        sa.UniqueConstraint("code", name=op.f("uq_audience_change_code")),
    )
    op.create_index(
        op.f("ix_audience_change_site_id"), "audience_change", ["site_id"], unique=False
    )
    op.create_index(
        "uq_audience_change_site_asked",
        "audience_change",
        ["site_id"],
        unique=True,
        sqlite_where=sa.text("state = 'asked'"),
        postgresql_where=sa.text("state = 'asked'"),
    )
    op.create_table(
        "calendar_feed",
        sa.Column("token_hash", sa.String(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("whole_service", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["app_user.id"],
            name=op.f("fk_calendar_feed_user_id_app_user"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_calendar_feed")),
    )
    op.create_index(op.f("ix_calendar_feed_user_id"), "calendar_feed", ["user_id"], unique=False)
    op.create_table(
        "known_address",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column(
            "side",
            sa.Enum(
                "victims",
                "perpetrators",
                name="side",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("placement_id", sa.Uuid(), nullable=False),
        sa.Column("case_hash", sa.String(), nullable=True),
        sa.Column(
            "apart_from", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False
        ),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_night", sa.Date(), nullable=False),
        sa.ForeignKeyConstraint(
            ["site_id"], ["site.id"], name=op.f("fk_known_address_site_id_site")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_known_address")),
        sa.UniqueConstraint(
            "placement_id", "site_id", name=op.f("uq_known_address_placement_id_site_id")
        ),
    )
    op.create_index(
        op.f("ix_known_address_case_hash"), "known_address", ["case_hash"], unique=False
    )
    op.create_index(op.f("ix_known_address_side"), "known_address", ["side"], unique=False)
    op.create_index(op.f("ix_known_address_site_id"), "known_address", ["site_id"], unique=False)
    op.create_table(
        "linked_identity",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("issuer", sa.String(), nullable=False),
        sa.Column("subject_hash", sa.String(), nullable=True),
        sa.Column("email_hash", sa.String(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["app_user.id"], name=op.f("fk_linked_identity_user_id_app_user")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_linked_identity")),
        sa.UniqueConstraint(
            "issuer", "email_hash", name=op.f("uq_linked_identity_issuer_email_hash")
        ),
        sa.UniqueConstraint(
            "issuer", "subject_hash", name=op.f("uq_linked_identity_issuer_subject_hash")
        ),
    )
    op.create_index(
        op.f("ix_linked_identity_user_id"), "linked_identity", ["user_id"], unique=False
    )
    op.create_table(
        "passkey",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("credential_id", sa.String(), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("sign_count", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"], ["app_user.id"], name=op.f("fk_passkey_user_id_app_user")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_passkey")),
        sa.UniqueConstraint("credential_id", name=op.f("uq_passkey_credential_id")),
    )
    op.create_index(op.f("ix_passkey_user_id"), "passkey", ["user_id"], unique=False)
    op.create_table(
        "recovery_code",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("code_hash", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"], ["app_user.id"], name=op.f("fk_recovery_code_user_id_app_user")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recovery_code")),
        sa.UniqueConstraint("code_hash", name=op.f("uq_recovery_code_code_hash")),
    )
    op.create_index(op.f("ix_recovery_code_user_id"), "recovery_code", ["user_id"], unique=False)
    op.create_table(
        "request",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column(
            "side",
            sa.Enum(
                "victims",
                "perpetrators",
                name="side",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "open",
                "placed",
                "closed",
                name="state",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column(
            "outcome",
            sa.Enum(
                "housed",
                "no_place",
                "no_safe_place",
                "needs_not_met",
                "housed_elsewhere",
                "person_declined",
                "person_unreachable",
                "mistake",
                name="outcome",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=True,
        ),
        sa.Column("service", sa.String(), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("case_hash", sa.String(), nullable=True),
        sa.Column(
            "household", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False
        ),
        sa.Column("first_night", sa.Date(), nullable=False),
        sa.Column("nights", sa.Integer(), nullable=False),
        sa.Column("arrival_hour", sa.Integer(), nullable=True),
        sa.Column("urgency", sa.Integer(), nullable=False),
        sa.Column("step_free", sa.Boolean(), nullable=False),
        sa.Column("pets", sa.Boolean(), nullable=False),
        sa.Column("quiet", sa.Boolean(), nullable=False),
        sa.Column("pregnancy", sa.Boolean(), nullable=False),
        sa.Column("own_transport", sa.Boolean(), nullable=False),
        sa.Column(
            "languages", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False
        ),
        sa.Column("min_supervision", sa.Integer(), nullable=False),
        sa.Column("own_cots", sa.Integer(), nullable=False),
        sa.Column("may_use_two_units", sa.Boolean(), nullable=False),
        sa.Column("may_change_unit", sa.Boolean(), nullable=False),
        sa.Column("move_agreement", sa.String(), nullable=False),
        sa.Column(
            "avoid_communes",
            sa.JSON().with_variant(postgresql.JSONB(), "postgresql"),
            nullable=False,
        ),
        sa.Column(
            "avoid_sites", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False
        ),
        sa.Column(
            "prefer_communes",
            sa.JSON().with_variant(postgresql.JSONB(), "postgresql"),
            nullable=False,
        ),
        sa.Column("places", sa.LargeBinary(), nullable=False),
        sa.Column("note", sa.LargeBinary(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["created_by"], ["app_user.id"], name=op.f("fk_request_created_by_app_user")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_request")),
        sa.UniqueConstraint("side", "code", name=op.f("uq_request_side_code")),
    )
    op.create_index(op.f("ix_request_case_hash"), "request", ["case_hash"], unique=False)
    op.create_index(op.f("ix_request_created_at"), "request", ["created_at"], unique=False)
    op.create_index("ix_request_service_state", "request", ["service", "state"], unique=False)
    op.create_index(op.f("ix_request_side"), "request", ["side"], unique=False)
    op.create_table(
        "shift",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column(
            "side",
            sa.Enum(
                "victims",
                "perpetrators",
                name="side",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=True,
        ),
        sa.Column("service", sa.String(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("calendar_uid", sa.String(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("ends_at > starts_at", name=op.f("ck_shift_ends_later")),
        sa.CheckConstraint("line BETWEEN 1 AND 3", name=op.f("ck_shift_line")),
        sa.ForeignKeyConstraint(
            ["user_id"], ["app_user.id"], name=op.f("fk_shift_user_id_app_user")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shift")),
        sa.UniqueConstraint(
            "service",
            "calendar_uid",
            "starts_at",
            name=op.f("uq_shift_service_calendar_uid_starts_at"),
        ),
    )
    op.create_index("ix_shift_service_ends", "shift", ["service", "ends_at"], unique=False)
    op.create_index(op.f("ix_shift_side"), "shift", ["side"], unique=False)
    op.create_index(op.f("ix_shift_user_id"), "shift", ["user_id"], unique=False)
    op.create_table(
        "sign_in_step",
        sa.Column("token_hash", sa.String(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "second_factor",
                "passkey_sign_in",
                "passkey_second",
                "passkey_add",
                "single_sign_on",
                name="kind",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("user_id", sa.Uuid(), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column(
            "detail", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["app_user.id"], name=op.f("fk_sign_in_step_user_id_app_user")
        ),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_sign_in_step")),
    )
    op.create_index(
        op.f("ix_sign_in_step_expires_at"), "sign_in_step", ["expires_at"], unique=False
    )
    op.create_index(op.f("ix_sign_in_step_user_id"), "sign_in_step", ["user_id"], unique=False)
    op.create_table(
        "unit",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column(
            "side",
            sa.Enum(
                "victims",
                "perpetrators",
                name="side",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("label", sa.String(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("beds", sa.Integer(), nullable=False),
        sa.Column("cots", sa.Integer(), nullable=False),
        sa.Column(
            "sharing",
            sa.Enum(
                "private",
                "shared",
                "shared_same_gender",
                name="sharing",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column(
            "admits", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False
        ),
        sa.Column("step_free", sa.Boolean(), nullable=False),
        sa.Column("pets", sa.Boolean(), nullable=False),
        sa.Column("quiet", sa.Boolean(), nullable=False),
        sa.Column("supervision", sa.Integer(), nullable=False),
        sa.Column("intake_from", sa.Integer(), nullable=False),
        sa.Column("intake_until", sa.Integer(), nullable=False),
        sa.Column("cleaning_nights", sa.Integer(), nullable=False),
        sa.Column("max_stay_nights", sa.Integer(), nullable=True),
        sa.Column("renewals", sa.Integer(), nullable=False),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("confirmed_by", sa.Uuid(), nullable=True),
        sa.Column("retired", sa.Boolean(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("beds >= 1 AND cots >= 0", name=op.f("ck_unit_beds_and_cots")),
        sa.CheckConstraint("cleaning_nights >= 0", name=op.f("ck_unit_cleaning_nights")),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_unit_site_id_site")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_unit")),
        sa.UniqueConstraint("side", "code", name=op.f("uq_unit_side_code")),
        sa.UniqueConstraint("site_id", "label", name=op.f("uq_unit_site_id_label")),
    )
    op.create_index(op.f("ix_unit_confirmed_at"), "unit", ["confirmed_at"], unique=False)
    op.create_index(op.f("ix_unit_side"), "unit", ["side"], unique=False)
    op.create_index(op.f("ix_unit_site_id"), "unit", ["site_id"], unique=False)
    op.create_table(
        "user_session",
        sa.Column("token_hash", sa.String(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("device", sa.String(), nullable=False),
        sa.Column("shared", sa.Boolean(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["app_user.id"], name=op.f("fk_user_session_user_id_app_user")
        ),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_user_session")),
        sa.UniqueConstraint("id", name=op.f("uq_user_session_id")),
    )
    op.create_index(
        op.f("ix_user_session_expires_at"), "user_session", ["expires_at"], unique=False
    )
    op.create_index(op.f("ix_user_session_user_id"), "user_session", ["user_id"], unique=False)
    op.create_table(
        "block",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("unit_id", sa.Uuid(), nullable=False),
        sa.Column(
            "side",
            sa.Enum(
                "victims",
                "perpetrators",
                name="side",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column(
            "reason",
            sa.Enum(
                "closed",
                "occupied",
                "cleaning",
                "out_of_service",
                "kept_back",
                name="reason",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("first_night", sa.Date(), nullable=False),
        sa.Column("end_night", sa.Date(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.CheckConstraint(
            "end_night IS NULL OR end_night > first_night", name=op.f("ck_block_nights")
        ),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_block_unit_id_unit")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_block")),
    )
    op.create_index(op.f("ix_block_side"), "block", ["side"], unique=False)
    op.create_index(op.f("ix_block_unit_id"), "block", ["unit_id"], unique=False)
    op.create_table(
        "break_glass",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column(
            "side",
            sa.Enum(
                "victims",
                "perpetrators",
                name="side",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("request_id", sa.Uuid(), nullable=False),
        sa.Column("case_hash", sa.String(), nullable=False),
        sa.Column(
            "reason",
            sa.Enum(
                "danger",
                "contact",
                "authority",
                "mistake",
                name="reason",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("opened_by", sa.Uuid(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("side = 'victims'", name=op.f("ck_break_glass_victim_side")),
        sa.ForeignKeyConstraint(
            ["opened_by"], ["app_user.id"], name=op.f("fk_break_glass_opened_by_app_user")
        ),
        sa.ForeignKeyConstraint(
            ["request_id"],
            ["request.id"],
            name=op.f("fk_break_glass_request_id_request"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_break_glass")),
    )
    op.create_index(op.f("ix_break_glass_request_id"), "break_glass", ["request_id"], unique=False)
    op.create_index(op.f("ix_break_glass_side"), "break_glass", ["side"], unique=False)
    op.create_table(
        "override",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column(
            "side",
            sa.Enum(
                "victims",
                "perpetrators",
                name="side",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("request_id", sa.Uuid(), nullable=False),
        sa.Column("other_case_hash", sa.String(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("until", sa.Date(), nullable=False),
        sa.Column(
            "against", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False
        ),
        sa.Column(
            "reason",
            sa.Enum(
                "no_other_place",
                "person_asks",
                "way_is_safe",
                "authority",
                name="reason",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column(
            "state",
            sa.Enum(
                "asked",
                "approved",
                "declined",
                "withdrawn",
                name="state",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("asked_by", sa.Uuid(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_by", sa.Uuid(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("withdrawn_by", sa.Uuid(), nullable=True),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("side = 'victims'", name=op.f("ck_override_victim_side")),
        sa.CheckConstraint(
            "state <> 'approved' OR decided_by IS NOT NULL", name=op.f("ck_override_approved_by")
        ),
        sa.CheckConstraint("decided_by <> asked_by", name=op.f("ck_override_two_people")),
        sa.ForeignKeyConstraint(
            ["asked_by"], ["app_user.id"], name=op.f("fk_override_asked_by_app_user")
        ),
        sa.ForeignKeyConstraint(
            ["decided_by"], ["app_user.id"], name=op.f("fk_override_decided_by_app_user")
        ),
        sa.ForeignKeyConstraint(
            ["request_id"],
            ["request.id"],
            name=op.f("fk_override_request_id_request"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["site_id"], ["site.id"], name=op.f("fk_override_site_id_site"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["withdrawn_by"], ["app_user.id"], name=op.f("fk_override_withdrawn_by_app_user")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_override")),
    )
    op.create_index(op.f("ix_override_asked_at"), "override", ["asked_at"], unique=False)
    op.create_index(op.f("ix_override_request_id"), "override", ["request_id"], unique=False)
    op.create_index(op.f("ix_override_side"), "override", ["side"], unique=False)
    op.create_table(
        "placement",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column(
            "side",
            sa.Enum(
                "victims",
                "perpetrators",
                name="side",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("request_id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "held",
                "awaiting_review",
                "confirmed",
                "arrived",
                "departed",
                "no_show",
                "cancelled",
                "declined",
                "released",
                "expired",
                name="state",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("service", sa.String(), nullable=False),
        sa.Column("first_night", sa.Date(), nullable=False),
        sa.Column("end_night", sa.Date(), nullable=False),
        sa.Column("held_by", sa.Uuid(), nullable=False),
        sa.Column("held_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("hold_expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("confirmed_by", sa.Uuid(), nullable=True),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("arrived_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("left_early", sa.Boolean(), nullable=False),
        sa.Column("moved_by", sa.Uuid(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("end_night > first_night", name=op.f("ck_placement_nights")),
        sa.ForeignKeyConstraint(
            ["held_by"], ["app_user.id"], name=op.f("fk_placement_held_by_app_user")
        ),
        sa.ForeignKeyConstraint(
            ["request_id"], ["request.id"], name=op.f("fk_placement_request_id_request")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_placement")),
        sa.UniqueConstraint("side", "code", name=op.f("uq_placement_side_code")),
    )
    op.create_index(op.f("ix_placement_request_id"), "placement", ["request_id"], unique=False)
    op.create_index("ix_placement_side_state", "placement", ["side", "state"], unique=False)
    op.create_index(
        "uq_placement_request_live",
        "placement",
        ["request_id"],
        unique=True,
        sqlite_where=sa.text("state IN ('arrived', 'awaiting_review', 'confirmed', 'held')"),
        postgresql_where=sa.text("state IN ('arrived', 'awaiting_review', 'confirmed', 'held')"),
    )
    op.create_table(
        "safe_contact",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column(
            "side",
            sa.Enum(
                "victims",
                "perpetrators",
                name="side",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("request_id", sa.Uuid(), nullable=False),
        sa.Column(
            "channel",
            sa.Enum(
                "sms",
                "voice",
                "mail",
                name="channel",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("phone", sa.LargeBinary(), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("hour_from", sa.Integer(), nullable=False),
        sa.Column("hour_until", sa.Integer(), nullable=False),
        sa.Column("consented_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_by", sa.Uuid(), nullable=False),
        sa.Column("recheck_on", sa.Date(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("hour_from BETWEEN 0 AND 23", name=op.f("ck_safe_contact_hour_from")),
        sa.CheckConstraint("hour_until BETWEEN 0 AND 23", name=op.f("ck_safe_contact_hour_until")),
        sa.ForeignKeyConstraint(
            ["recorded_by"], ["app_user.id"], name=op.f("fk_safe_contact_recorded_by_app_user")
        ),
        sa.ForeignKeyConstraint(
            ["request_id"],
            ["request.id"],
            name=op.f("fk_safe_contact_request_id_request"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_safe_contact")),
        sa.UniqueConstraint("request_id", name=op.f("uq_safe_contact_request_id")),
    )
    op.create_index(op.f("ix_safe_contact_side"), "safe_contact", ["side"], unique=False)
    op.create_table(
        "separation",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("request_id", sa.Uuid(), nullable=False),
        sa.Column(
            "side",
            sa.Enum(
                "victims",
                "perpetrators",
                name="side",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("other_case_hash", sa.String(), nullable=False),
        sa.Column("min_distance_m", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(
            ["request_id"], ["request.id"], name=op.f("fk_separation_request_id_request")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_separation")),
    )
    op.create_index(
        op.f("ix_separation_other_case_hash"), "separation", ["other_case_hash"], unique=False
    )
    op.create_index(op.f("ix_separation_request_id"), "separation", ["request_id"], unique=False)
    op.create_index(op.f("ix_separation_side"), "separation", ["side"], unique=False)
    op.create_table(
        "shift_swap",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column(
            "side",
            sa.Enum(
                "victims",
                "perpetrators",
                name="side",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=True,
        ),
        sa.Column("service", sa.String(), nullable=False),
        sa.Column("shift_id", sa.Uuid(), nullable=False),
        sa.Column("from_user", sa.Uuid(), nullable=False),
        sa.Column("to_user", sa.Uuid(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "asked",
                "agreed",
                "declined",
                "withdrawn",
                name="state",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["from_user"], ["app_user.id"], name=op.f("fk_shift_swap_from_user_app_user")
        ),
        sa.ForeignKeyConstraint(
            ["shift_id"],
            ["shift.id"],
            name=op.f("fk_shift_swap_shift_id_shift"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["to_user"], ["app_user.id"], name=op.f("fk_shift_swap_to_user_app_user")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shift_swap")),
    )
    op.create_index(op.f("ix_shift_swap_service"), "shift_swap", ["service"], unique=False)
    op.create_index(op.f("ix_shift_swap_side"), "shift_swap", ["side"], unique=False)
    op.create_table(
        "stay",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column(
            "side",
            sa.Enum(
                "victims",
                "perpetrators",
                name="side",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("placement_id", sa.Uuid(), nullable=False),
        sa.Column("unit_id", sa.Uuid(), nullable=False),
        sa.Column("first_night", sa.Date(), nullable=False),
        sa.Column("end_night", sa.Date(), nullable=False),
        sa.Column("left_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("end_night > first_night", name=op.f("ck_stay_nights")),
        sa.ForeignKeyConstraint(
            ["placement_id"], ["placement.id"], name=op.f("fk_stay_placement_id_placement")
        ),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_stay_unit_id_unit")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stay")),
    )
    op.create_index(op.f("ix_stay_placement_id"), "stay", ["placement_id"], unique=False)
    op.create_index(op.f("ix_stay_side"), "stay", ["side"], unique=False)
    op.create_index(op.f("ix_stay_unit_id"), "stay", ["unit_id"], unique=False)
    op.create_table(
        "occupied_night",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column(
            "side",
            sa.Enum(
                "victims",
                "perpetrators",
                name="side",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("unit_id", sa.Uuid(), nullable=False),
        sa.Column("night", sa.Date(), nullable=False),
        sa.Column("bed", sa.Integer(), nullable=False),
        sa.Column("stay_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["stay_id"], ["stay.id"], name=op.f("fk_occupied_night_stay_id_stay")
        ),
        sa.ForeignKeyConstraint(
            ["unit_id"], ["unit.id"], name=op.f("fk_occupied_night_unit_id_unit")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_occupied_night")),
    )
    op.create_index(op.f("ix_occupied_night_stay_id"), "occupied_night", ["stay_id"], unique=False)
    op.create_index(
        "uq_occupied_night_unit_night_bed",
        "occupied_night",
        ["unit_id", "night", "bed"],
        unique=True,
    )


def downgrade() -> None:
    op.drop_index("uq_occupied_night_unit_night_bed", table_name="occupied_night")
    op.drop_index(op.f("ix_occupied_night_stay_id"), table_name="occupied_night")
    op.drop_table("occupied_night")
    op.drop_index(op.f("ix_stay_unit_id"), table_name="stay")
    op.drop_index(op.f("ix_stay_side"), table_name="stay")
    op.drop_index(op.f("ix_stay_placement_id"), table_name="stay")
    op.drop_table("stay")
    op.drop_index(op.f("ix_shift_swap_side"), table_name="shift_swap")
    op.drop_index(op.f("ix_shift_swap_service"), table_name="shift_swap")
    op.drop_table("shift_swap")
    op.drop_index(op.f("ix_separation_side"), table_name="separation")
    op.drop_index(op.f("ix_separation_request_id"), table_name="separation")
    op.drop_index(op.f("ix_separation_other_case_hash"), table_name="separation")
    op.drop_table("separation")
    op.drop_index(op.f("ix_safe_contact_side"), table_name="safe_contact")
    op.drop_table("safe_contact")
    op.drop_index(
        "uq_placement_request_live",
        table_name="placement",
        sqlite_where=sa.text("state IN ('arrived', 'awaiting_review', 'confirmed', 'held')"),
        postgresql_where=sa.text("state IN ('arrived', 'awaiting_review', 'confirmed', 'held')"),
    )
    op.drop_index("ix_placement_side_state", table_name="placement")
    op.drop_index(op.f("ix_placement_request_id"), table_name="placement")
    op.drop_table("placement")
    op.drop_index(op.f("ix_override_side"), table_name="override")
    op.drop_index(op.f("ix_override_request_id"), table_name="override")
    op.drop_index(op.f("ix_override_asked_at"), table_name="override")
    op.drop_table("override")
    op.drop_index(op.f("ix_break_glass_side"), table_name="break_glass")
    op.drop_index(op.f("ix_break_glass_request_id"), table_name="break_glass")
    op.drop_table("break_glass")
    op.drop_index(op.f("ix_block_unit_id"), table_name="block")
    op.drop_index(op.f("ix_block_side"), table_name="block")
    op.drop_table("block")
    op.drop_index(op.f("ix_user_session_user_id"), table_name="user_session")
    op.drop_index(op.f("ix_user_session_expires_at"), table_name="user_session")
    op.drop_table("user_session")
    op.drop_index(op.f("ix_unit_site_id"), table_name="unit")
    op.drop_index(op.f("ix_unit_side"), table_name="unit")
    op.drop_index(op.f("ix_unit_confirmed_at"), table_name="unit")
    op.drop_table("unit")
    op.drop_index(op.f("ix_sign_in_step_user_id"), table_name="sign_in_step")
    op.drop_index(op.f("ix_sign_in_step_expires_at"), table_name="sign_in_step")
    op.drop_table("sign_in_step")
    op.drop_index(op.f("ix_shift_user_id"), table_name="shift")
    op.drop_index(op.f("ix_shift_side"), table_name="shift")
    op.drop_index("ix_shift_service_ends", table_name="shift")
    op.drop_table("shift")
    op.drop_index(op.f("ix_request_side"), table_name="request")
    op.drop_index("ix_request_service_state", table_name="request")
    op.drop_index(op.f("ix_request_created_at"), table_name="request")
    op.drop_index(op.f("ix_request_case_hash"), table_name="request")
    op.drop_table("request")
    op.drop_index(op.f("ix_recovery_code_user_id"), table_name="recovery_code")
    op.drop_table("recovery_code")
    op.drop_index(op.f("ix_passkey_user_id"), table_name="passkey")
    op.drop_table("passkey")
    op.drop_index(op.f("ix_linked_identity_user_id"), table_name="linked_identity")
    op.drop_table("linked_identity")
    op.drop_index(op.f("ix_known_address_site_id"), table_name="known_address")
    op.drop_index(op.f("ix_known_address_side"), table_name="known_address")
    op.drop_index(op.f("ix_known_address_case_hash"), table_name="known_address")
    op.drop_table("known_address")
    op.drop_index(op.f("ix_calendar_feed_user_id"), table_name="calendar_feed")
    op.drop_table("calendar_feed")
    op.drop_index(
        "uq_audience_change_site_asked",
        table_name="audience_change",
        sqlite_where=sa.text("state = 'asked'"),
        postgresql_where=sa.text("state = 'asked'"),
    )
    op.drop_index(op.f("ix_audience_change_site_id"), table_name="audience_change")
    op.drop_table("audience_change")
    op.drop_index(op.f("ix_alert_step_side"), table_name="alert_step")
    op.drop_index("ix_alert_step_ended_due", table_name="alert_step")
    op.drop_table("alert_step")
    op.drop_index(op.f("ix_site_side"), table_name="site")
    op.drop_index(op.f("ix_site_service"), table_name="site")
    op.drop_table("site")
    op.drop_index(op.f("ix_sign_in_tries_last_at"), table_name="sign_in_tries")
    op.drop_table("sign_in_tries")
    op.drop_table("service")
    op.drop_table("network")
    op.drop_index("ix_message_state_due", table_name="message")
    op.drop_index(op.f("ix_message_side"), table_name="message")
    op.drop_index(op.f("ix_message_request_id"), table_name="message")
    op.drop_index(op.f("ix_message_provider_id"), table_name="message")
    op.drop_index(op.f("ix_message_created_at"), table_name="message")
    op.drop_index(op.f("ix_message_alert_id"), table_name="message")
    op.drop_table("message")
    op.drop_index(op.f("ix_local_inbox_received_at"), table_name="local_inbox")
    op.drop_table("local_inbox")
    op.drop_table("inbound_seen")
    op.drop_index(op.f("ix_idempotency_key_created_at"), table_name="idempotency_key")
    op.drop_table("idempotency_key")
    op.drop_index(op.f("ix_figure_side"), table_name="figure")
    op.drop_table("figure")
    op.drop_table("deaf_phone")
    op.drop_index(op.f("ix_barring_order_side"), table_name="barring_order")
    op.drop_index(op.f("ix_barring_order_case_hash"), table_name="barring_order")
    op.drop_table("barring_order")
    op.drop_table("audit_head")
    op.drop_index("ix_audit_entry_request_id_seq", table_name="audit_entry")
    op.drop_table("audit_entry")
    op.drop_table("app_user")
    op.drop_index(op.f("ix_alert_side"), table_name="alert")
    op.drop_index("ix_alert_service_created", table_name="alert")
    op.drop_index(op.f("ix_alert_request_id"), table_name="alert")
    op.drop_table("alert")
