"""The desk: coaching, huddles, the backlog, and disputes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.create_table(
        "backlog",
        sa.Column("item_id", sa.UUID(), nullable=False, comment="ids.stable_id('backlog', source | its id)"),
        sa.Column("source", sa.Text(), nullable=False, comment="huddle or work_order"),
        sa.Column("source_id", sa.UUID(), nullable=False, comment="The huddle's issue, or the order."),
        sa.Column("org_unit_id", sa.Text(), nullable=True),
        sa.Column("sent_by", sa.Text(), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("source in ('huddle', 'work_order')", name=op.f("backlog_source_check")),
        sa.PrimaryKeyConstraint("item_id", name=op.f("backlog_pkey")),
        sa.UniqueConstraint("source", "source_id", name=op.f("backlog_source_source_id_key")),
        schema="ops",
        comment="What the front line cannot mend itself: the outer loop's backlog.",
    )
    op.create_table(
        "coaching_answers",
        sa.Column("coaching_id", sa.UUID(), nullable=False),
        sa.Column("response_key", sa.Text(), nullable=False, comment="_key of the raw answer that was discussed."),
        sa.PrimaryKeyConstraint("coaching_id", "response_key", name=op.f("coaching_answers_pkey")),
        schema="ops",
    )
    op.create_index(op.f("coaching_answers_response_key_idx"), "coaching_answers", ["response_key"], unique=False, schema="ops")
    op.create_table(
        "coachings",
        sa.Column("coaching_id", sa.UUID(), nullable=False),
        sa.Column("employee_id", sa.Text(), nullable=False, comment="Who is coached."),
        sa.Column("coach_employee_id", sa.Text(), nullable=False, comment="The supervisor, or a peer."),
        sa.Column("org_unit_id", sa.Text(), nullable=True),
        sa.Column("unit_path", sa.Text(), nullable=False, comment="Of the one who is coached, as it was then."),
        sa.Column("held_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("result_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("coaching_id", name=op.f("coachings_pkey")),
        schema="ops",
        comment="One row per coaching talk about customers' answers.",
    )
    op.create_index(op.f("coachings_employee_id_idx"), "coachings", ["employee_id"], unique=False, schema="ops")
    op.create_table(
        "dispute_decisions",
        sa.Column("decision_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("dispute_id", sa.UUID(), nullable=False),
        sa.Column("command_id", sa.UUID(), nullable=False, comment="Names what was asked for: asked twice, it happens once."),
        sa.Column("decision", sa.Text(), nullable=False, comment="upheld or rejected"),
        sa.Column("to_employee_id", sa.Text(), nullable=True, comment="Upheld: whose customer it was; empty for nobody's."),
        sa.Column("decided_by", sa.Text(), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.CheckConstraint("decision in ('upheld', 'rejected')", name=op.f("dispute_decisions_decision_check")),
        sa.CheckConstraint("decision = 'upheld' or to_employee_id is null", name=op.f("dispute_decisions_moved_check")),
        sa.PrimaryKeyConstraint("decision_id", name=op.f("dispute_decisions_pkey")),
        sa.UniqueConstraint("command_id", name=op.f("dispute_decisions_command_id_key")),
        schema="ops",
        comment=(
            "Append-only: the last decision on a dispute holds. Of an answer's disputes that are upheld, the one decided last says whose"
            " the answer is. Scores of the company never change by it."
        ),
    )
    op.create_index(op.f("dispute_decisions_dispute_id_idx"), "dispute_decisions", ["dispute_id"], unique=False, schema="ops")
    op.create_table(
        "disputes",
        sa.Column("dispute_id", sa.UUID(), nullable=False, comment="ids.stable_id('dispute', answer | employee)"),
        sa.Column("response_key", sa.Text(), nullable=False),
        sa.Column("employee_id", sa.Text(), nullable=False, comment="Who says that it was not his or her customer."),
        sa.Column(
            "unit_path", sa.Text(), nullable=False, comment="Of that employee, as it was then: who leads it, or leads above it, decides."
        ),
        sa.Column("reason", sa.Text(), nullable=False, comment="A code."),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("reason in ('not_my_customer', 'other_branch', 'not_about_service')", name=op.f("disputes_reason_check")),
        sa.PrimaryKeyConstraint("dispute_id", name=op.f("disputes_pkey")),
        schema="ops",
        comment="An employee says: that was not my customer.",
    )
    op.create_index(op.f("disputes_employee_id_idx"), "disputes", ["employee_id"], unique=False, schema="ops")
    op.create_index(op.f("disputes_response_key_idx"), "disputes", ["response_key"], unique=False, schema="ops")
    op.create_table(
        "huddle_answers",
        sa.Column("huddle_id", sa.UUID(), nullable=False),
        sa.Column("response_key", sa.Text(), nullable=False, comment="_key of the raw answer."),
        sa.PrimaryKeyConstraint("huddle_id", "response_key", name=op.f("huddle_answers_pkey")),
        schema="ops",
        comment="The answers that were talked about in a huddle, written down when it has been held.",
    )
    op.create_index(op.f("huddle_answers_response_key_idx"), "huddle_answers", ["response_key"], unique=False, schema="ops")
    op.create_table(
        "huddle_issues",
        sa.Column("issue_id", sa.UUID(), nullable=False),
        sa.Column("huddle_id", sa.UUID(), nullable=False),
        sa.Column("raised_by", sa.Text(), nullable=False),
        sa.Column("owner_employee_id", sa.Text(), nullable=True, comment="Who sees to it."),
        sa.Column("raised_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("done_by", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("issue_id", name=op.f("huddle_issues_pkey")),
        schema="ops",
    )
    op.create_index(op.f("huddle_issues_huddle_id_idx"), "huddle_issues", ["huddle_id"], unique=False, schema="ops")
    op.create_table(
        "huddles",
        sa.Column("huddle_id", sa.UUID(), nullable=False, comment="ids.stable_id('huddle', unit | week)"),
        sa.Column("org_unit_id", sa.Text(), nullable=False),
        sa.Column("unit_path", sa.Text(), nullable=False),
        sa.Column("week_starts_on", sa.Date(), nullable=False, comment="A Monday, in company time."),
        sa.Column("held_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("led_by", sa.Text(), nullable=True, comment="The employee who led it."),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("huddle_id", name=op.f("huddles_pkey")),
        sa.UniqueConstraint("org_unit_id", "week_starts_on", name=op.f("huddles_org_unit_id_week_starts_on_key")),
        schema="ops",
        comment="A team's weekly talk about what customers said.",
    )
    op.create_table(
        "coaching_texts",
        sa.Column("coaching_id", sa.UUID(), nullable=False),
        sa.Column("will_try", sa.Text(), nullable=True, comment="What the employee will try."),
        sa.Column("result", sa.Text(), nullable=True, comment="What came of it."),
        sa.PrimaryKeyConstraint("coaching_id", name=op.f("coaching_texts_pkey")),
        schema="pii",
    )
    op.create_table(
        "huddle_texts",
        sa.Column("issue_id", sa.UUID(), nullable=False),
        sa.Column("issue", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("issue_id", name=op.f("huddle_texts_pkey")),
        schema="pii",
    )
