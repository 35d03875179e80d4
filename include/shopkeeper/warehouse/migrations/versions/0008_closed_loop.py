"""The closed loop: what was noticed, work orders and their events, who works where, and who is absent."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"

# Whoever listens learns that something has come which the closed loop looks at (shopkeeper/airflow/triggers.py).
TELL_OF_BATCH = """
    create function ops.tell_of_batch() returns trigger language plpgsql
    as $$
    begin
        perform pg_notify('shopkeeper_closed_loop', '');
        return null;
    end
    $$
"""
ON_BATCH = """
    create trigger tell_closed_loop after insert on ops.batches
    for each row when (new.entity in ('survey_responses', 'complaints', 'calls') and new.accepted > 0)
    execute function ops.tell_of_batch()
"""
# Transactions that notify commit one after the other, so only the first answer of each second does. The listener waits for longer
# than a second before it passes the word on: what came in between is seen with the first.
TELL_OF_SUBMISSION = """
    create function ops.tell_of_submission() returns trigger language plpgsql
    as $$
    declare
        last_at timestamptz := (
            select received_at from pii.survey_submissions
            where batch_id is null and is_complete and submission_id < new.submission_id
            order by submission_id desc
            limit 1
        );
    begin
        if date_trunc('second', last_at) is distinct from date_trunc('second', new.received_at) then
            perform pg_notify('shopkeeper_closed_loop', '');
        end if;
        return null;
    end
    $$
"""
ON_SUBMISSION = """
    create trigger tell_closed_loop after insert on pii.survey_submissions
    for each row when (new.is_complete)
    execute function ops.tell_of_submission()
"""


def upgrade() -> None:
    op.create_table(
        "absences",
        sa.Column("absence_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("employee_id", sa.Text(), nullable=False),
        sa.Column("from_on", sa.Date(), nullable=False),
        sa.Column("to_on", sa.Date(), nullable=False, comment="Included."),
        sa.Column("recorded_by", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("withdrawn_by", sa.Text(), nullable=True),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("from_on <= to_on", name=op.f("absences_in_order_check")),
        sa.PrimaryKeyConstraint("absence_id", name=op.f("absences_pkey")),
        schema="ops",
        comment="While absent an employee is given no work; the supervisor is.",
    )
    op.create_index(op.f("absences_employee_id_idx"), "absences", ["employee_id"], unique=False, schema="ops")
    op.create_table(
        "directory",
        sa.Column("employee_id", sa.Text(), nullable=False),
        sa.Column("org_unit_id", sa.Text(), nullable=True, comment="Where the employee works today; empty for one who has left."),
        sa.Column("unit_path", sa.Text(), nullable=True, comment="Units from the company down to that one, such as /HQ/R1/B01/T001/."),
        sa.Column("manager_id", sa.Text(), nullable=True, comment="The supervisor."),
        sa.Column("role", sa.Text(), nullable=True),
        sa.Column("leads", sa.Boolean(), nullable=False, comment="Is the supervisor of somebody: sees the orders of the whole unit."),
        sa.Column("is_here", sa.Boolean(), nullable=False, comment="False for one who has left."),
        sa.Column("locale", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("employee_id", name=op.f("directory_pkey")),
        schema="ops",
        comment="Who works where today; made anew from the CRM's employees and units when these change. Without names and addresses.",
    )
    op.create_index(op.f("directory_manager_id_idx"), "directory", ["manager_id"], unique=False, schema="ops")
    op.create_table(
        "loop_reads",
        sa.Column("kind", sa.Text(), nullable=False, comment="batch, submission or publication"),
        sa.Column("id", sa.BigInteger(), nullable=False, comment="In ops.batches, pii.survey_submissions or quality.publications."),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("kind", "id", name=op.f("loop_reads_pkey")),
        schema="ops",
        comment="What the closed loop has looked at, in the transaction that wrote down what it found there.",
    )
    op.create_table(
        "signals",
        sa.Column("signal_id", sa.UUID(), nullable=False, comment="ids.stable_id('signal', rule | subject | subject key)"),
        sa.Column("rule", sa.Text(), nullable=False, comment="Its name in closed_loop.yml."),
        sa.Column("kind", sa.Text(), nullable=False, comment="What kind of rule it is."),
        sa.Column("subject", sa.Text(), nullable=False, comment="response, complaint, call or unit"),
        sa.Column(
            "subject_key", sa.Text(), nullable=False, comment="_key of the raw answer, the complaint's or call's id, or unit|period."
        ),
        sa.Column("customer_id", sa.Text(), nullable=True, comment="Empty for a unit."),
        sa.Column("interaction_id", sa.Text(), nullable=True),
        sa.Column("employee_id", sa.Text(), nullable=True, comment="Who served the customer."),
        sa.Column("org_unit_id", sa.Text(), nullable=True, comment="The unit that it is about."),
        sa.Column("programme", sa.Text(), nullable=True),
        sa.Column("score", sa.Integer(), nullable=True),
        sa.Column("previous_score", sa.Integer(), nullable=True),
        sa.Column(
            "value", sa.Numeric(precision=18, scale=4), nullable=True, comment="The failed-interaction score; a unit's change in points."
        ),
        sa.Column(
            "may_call_back", sa.Boolean(), nullable=True, comment="What the customer said to being called; empty where nobody asked."
        ),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("noticed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "outcome",
            sa.Text(),
            nullable=False,
            comment="opened an order, added to one, told somebody alone, left to the supervisor (no call wanted), or held out",
        ),
        sa.Column("order_id", sa.UUID(), nullable=True, comment="The order that it opened or was added to."),
        sa.Column("recorded_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.CheckConstraint("outcome in ('opened', 'added', 'told', 'supervisor', 'held_out')", name=op.f("signals_outcome_check")),
        sa.CheckConstraint("subject in ('response', 'complaint', 'call', 'unit')", name=op.f("signals_subject_check")),
        sa.PrimaryKeyConstraint("signal_id", name=op.f("signals_pkey")),
        schema="ops",
        comment="Append-only: each time that a rule was met, and what came of it.",
    )
    op.create_index(op.f("signals_customer_id_idx"), "signals", ["customer_id"], unique=False, schema="ops")
    op.create_index(op.f("signals_order_id_idx"), "signals", ["order_id"], unique=False, schema="ops")
    op.create_index(op.f("signals_subject_subject_key_idx"), "signals", ["subject", "subject_key"], unique=False, schema="ops")
    op.create_table(
        "work_order_events",
        sa.Column("event_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("order_id", sa.UUID(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("command_id", sa.UUID(), nullable=True, comment="Names what was asked for: asked twice, it happens once."),
        sa.Column("actor", sa.Text(), nullable=False, comment="An employee's id, shopkeeper, or crm."),
        sa.Column("employee_id", sa.Text(), nullable=True, comment="opened, assigned: to whom; escalated: to whose attention."),
        sa.Column("org_unit_id", sa.Text(), nullable=True, comment="opened, assigned: that employee's unit then."),
        sa.Column("unit_path", sa.Text(), nullable=True, comment="opened, assigned: that unit's place then."),
        sa.Column("signal_id", sa.UUID(), nullable=True),
        sa.Column(
            "call_wanted",
            sa.Boolean(),
            nullable=True,
            comment="opened, signal_added: what is known from then on of the customer's wish to be called.",
        ),
        sa.Column("reached", sa.Boolean(), nullable=True, comment="attempted: whether the customer was reached."),
        sa.Column(
            "reason",
            sa.Text(),
            nullable=True,
            comment="A code: why it was assigned, escalated, closed or reopened, or why the customer was not asked again.",
        ),
        sa.Column(
            "action", sa.Text(), nullable=True, comment="A code: what was done, such as apology, repair, refund, explanation, voucher."
        ),
        sa.Column(
            "impact", sa.Text(), nullable=True, comment="A code: what it brought, in the employee's judgement: saved, better, none, worse."
        ),
        sa.Column(
            "amount", sa.Numeric(precision=18, scale=2), nullable=True, comment="Money spent, or asked for, in the company's currency."
        ),
        sa.Column(
            "due_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="When the owner has to act because of it; empty where nothing follows.",
        ),
        sa.Column(
            "close_due_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="opened, reopened: by when the order is to be closed.",
        ),
        sa.Column(
            "about_event_id",
            sa.BigInteger(),
            nullable=True,
            comment="follow_up_done, approved, refused: the event that it settles.",
        ),
        sa.Column(
            "invitation_id",
            sa.UUID(),
            nullable=True,
            comment="recovery_asked: the invitation; its answer is what the customer says of it all.",
        ),
        sa.Column(
            "details",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
            comment="What only some events have. Never a person's words.",
        ),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "recorded_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
            comment="known_at cuts here.",
        ),
        sa.CheckConstraint(
            "event in ('opened', 'signal_added', 'answer_corrected', 'assigned', 'attempted', "
            "'escalated', 'follow_up_planned', 'follow_up_done', 'approval_asked', 'approved', "
            "'refused', 'spent', 'noted', 'closed', 'reopened', 'recovery_asked', 'recovery_left_out')",
            name=op.f("work_order_events_event_check"),
        ),
        sa.PrimaryKeyConstraint("event_id", name=op.f("work_order_events_pkey")),
        sa.UniqueConstraint("command_id", name=op.f("work_order_events_command_id_key")),
        schema="ops",
        comment="Append-only: everything that happened to a work order. Reopening erases nothing.",
    )
    op.create_index(
        op.f("work_order_events_invitation_id_idx"),
        "work_order_events",
        ["invitation_id"],
        unique=False,
        schema="ops",
        postgresql_where=sa.text("invitation_id is not null"),
    )
    op.create_index(op.f("work_order_events_order_id_idx"), "work_order_events", ["order_id"], unique=False, schema="ops")
    op.create_index(
        op.f("work_order_events_recorded_at_idx"),
        "work_order_events",
        ["recorded_at"],
        unique=False,
        schema="ops",
        postgresql_using="brin",
        postgresql_with={"autosummarize": "on"},
    )
    op.create_table(
        "work_orders",
        sa.Column("order_id", sa.UUID(), nullable=False, comment="ids.stable_id('work_order', signal that opened it)"),
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False, comment="Of the signal that opened it."),
        sa.Column("signal_id", sa.UUID(), nullable=False),
        sa.Column("interaction_id", sa.Text(), nullable=True),
        sa.Column("response_key", sa.Text(), nullable=True, comment="_key of the raw answer that it is about, if one."),
        sa.Column("about_employee_id", sa.Text(), nullable=True, comment="Who served the customer."),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("first_attempt_due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("arm", sa.Text(), nullable=True, comment="treated or delayed, in a randomised comparison; else empty"),
        sa.Column("state", sa.Text(), nullable=False, comment="open or closed"),
        sa.Column("owner_employee_id", sa.Text(), nullable=True, comment="Who has to act; empty while nobody could be found."),
        sa.Column("org_unit_id", sa.Text(), nullable=True, comment="The owner's unit when it was given to him or her."),
        sa.Column(
            "unit_path", sa.Text(), nullable=True, comment="That unit's place then, as in ops.directory: decides who sees the order."
        ),
        sa.Column("call_wanted", sa.Boolean(), nullable=False, comment="False: the customer declined a call, and the supervisor decides."),
        sa.Column(
            "attempts",
            sa.Integer(),
            server_default=sa.text("0"),
            nullable=False,
            comment="Calls since it was opened or last reopened.",
        ),
        sa.Column(
            "due_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="When the owner has to act next; empty once closed, and while it is held back.",
        ),
        sa.Column("close_due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("first_attempt_at", sa.DateTime(timezone=True), nullable=True, comment="The first call ever, before any reopening too."),
        sa.Column("reached_at", sa.DateTime(timezone=True), nullable=True, comment="When the customer was first reached."),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("close_reason", sa.Text(), nullable=True, comment="resolved, not_reached, not_pursued, no_call_wanted or merged"),
        sa.Column(
            "cost",
            sa.Numeric(precision=18, scale=2),
            server_default=sa.text("0"),
            nullable=False,
            comment="Spent on remedies, in the company's currency.",
        ),
        sa.Column(
            "awaits_approval",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
            comment="An offer above the limit is to be decided.",
        ),
        sa.CheckConstraint("(state = 'closed') = (closed_at is not null)", name=op.f("work_orders_closed_check")),
        sa.CheckConstraint("state in ('open', 'closed')", name=op.f("work_orders_state_check")),
        sa.PrimaryKeyConstraint("order_id", name=op.f("work_orders_pkey")),
        schema="ops",
        comment="One row per work order: call a customer back, and see that something is done. Written by the closed loop alone.",
    )
    op.create_index(op.f("work_orders_customer_id_idx"), "work_orders", ["customer_id"], unique=False, schema="ops")
    op.create_index(
        op.f("work_orders_due_at_idx"), "work_orders", ["due_at"], unique=False, schema="ops", postgresql_where=sa.text("state = 'open'")
    )
    op.create_index(
        "work_orders_one_open_per_customer",
        "work_orders",
        ["customer_id"],
        unique=True,
        schema="ops",
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_index(
        op.f("work_orders_owner_employee_id_idx"),
        "work_orders",
        ["owner_employee_id"],
        unique=False,
        schema="ops",
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_table(
        "work_order_texts",
        sa.Column("event_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("learned", sa.Text(), nullable=True, comment="What the call taught, in the employee's words."),
        sa.Column("action_taken", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("event_id", name=op.f("work_order_texts_pkey")),
        schema="pii",
        comment="What people wrote about an event of a work order.",
    )
    for statement in (TELL_OF_BATCH, ON_BATCH, TELL_OF_SUBMISSION, ON_SUBMISSION):
        op.execute(statement)
