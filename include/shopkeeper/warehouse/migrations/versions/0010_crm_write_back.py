"""What the CRM is told, and what it said when it was asked."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.create_table(
        "crm_outbox",
        sa.Column("entry_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False, comment="task or customer"),
        sa.Column("external_id", sa.Text(), nullable=False, comment="Ours, and the CRM's key for it: the order's id, or the customer's."),
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("order_id", sa.UUID(), nullable=True),
        sa.Column(
            "content",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="All that the record is to hold: a later entry may stand for earlier ones.",
        ),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "skipped_for", sa.BigInteger(), nullable=True, comment="The newer entry about the same record that was sent in its place."
        ),
        sa.Column("problem", sa.Text(), nullable=True, comment="Why the last attempt failed, in our own words."),
        sa.CheckConstraint("kind in ('task', 'customer')", name=op.f("crm_outbox_kind_check")),
        sa.PrimaryKeyConstraint("entry_id", name=op.f("crm_outbox_pkey")),
        schema="ops",
        comment="Written in the transaction of what it tells about; sent until the CRM has confirmed it.",
    )
    op.create_index(
        op.f("crm_outbox_due_at_idx"), "crm_outbox", ["due_at"], unique=False, schema="ops", postgresql_where=sa.text("done_at is null")
    )
    op.create_index(op.f("crm_outbox_external_id_idx"), "crm_outbox", ["external_id"], unique=False, schema="ops")
    op.create_table(
        "crm_tasks",
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("crm_id", sa.Text(), nullable=True, comment="The CRM's own id."),
        sa.Column("state", sa.Text(), nullable=True, comment="open or closed, as the CRM says."),
        sa.Column("owner_employee_id", sa.Text(), nullable=True),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("difference", sa.Text(), nullable=True, comment="What it says otherwise than our orders; empty where both agree."),
        sa.PrimaryKeyConstraint("external_id", name=op.f("crm_tasks_pkey")),
        schema="ops",
        comment="What the CRM said of our tasks when it was last asked.",
    )
    op.create_table(
        "crm_pause",
        sa.Column("only_row", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("only_row", name=op.f("crm_pause_only_row_check")),
        sa.PrimaryKeyConstraint("only_row", name=op.f("crm_pause_pkey")),
        schema="ops",
        comment="Until when the CRM has asked us to stay away (Retry-After).",
    )
