"""Words without what could name a person, stories that may be told, and where builds stop reading the events of work orders."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.create_table(
        "redacted_verbatims",
        sa.Column("_key", sa.UUID(), nullable=False, comment="Of raw.survey_responses."),
        sa.Column("_batch_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "verbatim", sa.Text(), nullable=False, comment="Names, addresses, numbers of telephones, cards and accounts are replaced."
        ),
        sa.Column("replaced", sa.Integer(), nullable=False, comment="How many places were."),
        sa.Column("method", sa.Text(), nullable=False, comment="Version of the redaction: another version redacts anew."),
        sa.Column("build_id", sa.BigInteger(), nullable=False, comment="Before which build it got the words that it has."),
        sa.Column("redacted_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("_batch_id", "_key", name=op.f("redacted_verbatims_pkey")),
        schema="ops",
        comment="The verbatims of answers, redacted.",
    )
    op.create_table(
        "redacted_learned",
        sa.Column("event_id", sa.BigInteger(), autoincrement=False, nullable=False, comment="Of ops.work_order_events."),
        sa.Column("learned", sa.Text(), nullable=False, comment="Redacted as verbatims are."),
        sa.Column("replaced", sa.Integer(), nullable=False, comment="How many places were."),
        sa.Column("method", sa.Text(), nullable=False, comment="Version of the redaction: another version redacts anew."),
        sa.PrimaryKeyConstraint("event_id", name=op.f("redacted_learned_pkey")),
        schema="ops",
        comment="What call-backs taught, in the words of pii.work_order_texts, redacted.",
    )
    op.create_table(
        "story_decisions",
        sa.Column("decision_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("order_id", sa.UUID(), nullable=False, comment="The work order whose story it is."),
        sa.Column("decision", sa.Text(), nullable=False, comment="approved or withdrawn"),
        sa.Column("decided_by", sa.Text(), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.CheckConstraint("decision in ('approved', 'withdrawn')", name=op.f("story_decisions_decision_check")),
        sa.PrimaryKeyConstraint("decision_id", name=op.f("story_decisions_pkey")),
        schema="ops",
        comment="Append-only: the last decision on an order's story holds. Approved ones stand in the intranet, in redacted words.",
    )
    op.create_index(op.f("story_decisions_order_id_idx"), "story_decisions", ["order_id"], schema="ops")
    for table in ("builds", "current_build"):
        op.add_column(
            table,
            sa.Column(
                "last_order_event_id",
                sa.BigInteger(),
                server_default=sa.text("0"),
                nullable=False,
                comment="Events of work orders up to this one are read.",
            ),
            schema="ops",
        )
    op.add_column(
        "current_build",
        sa.Column("recovery_programme", sa.Text(), nullable=True, comment="Asks again after an order was resolved."),
        schema="ops",
    )
