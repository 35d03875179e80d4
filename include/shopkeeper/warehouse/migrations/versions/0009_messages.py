"""What is sent to our own people: messages, their events, and the queue."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.create_table(
        "message_events",
        sa.Column("event_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("message_id", sa.UUID(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=True, comment="The server's own code, never its text."),
        sa.Column("reason", sa.Text(), nullable=True, comment="Why, in our own words; never an address."),
        sa.Column("actor", sa.Text(), server_default="shopkeeper", nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.CheckConstraint(
            "event in ('claimed', 'released', 'sending', 'sent', 'deferred', 'refused', 'doubtful', 'not_sent', 'digested')",
            name=op.f("message_events_event_check"),
        ),
        sa.PrimaryKeyConstraint("event_id", name=op.f("message_events_pkey")),
        schema="ops",
        comment="Append-only: everything that happened to a message.",
    )
    op.create_index(op.f("message_events_message_id_idx"), "message_events", ["message_id"], unique=False, schema="ops")
    op.create_table(
        "message_queue",
        sa.Column("message_id", sa.UUID(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False, comment="Temporary refusals so far."),
        sa.Column(
            "worker",
            sa.BigInteger(),
            nullable=True,
            comment="Advisory lock of the worker that has claimed it; a worker that died holds none.",
        ),
        sa.PrimaryKeyConstraint("message_id", name=op.f("message_queue_pkey")),
        schema="ops",
        comment="What is still to be sent to our own people.",
    )
    op.create_index(
        op.f("message_queue_due_at_idx"),
        "message_queue",
        ["due_at"],
        unique=False,
        schema="ops",
        postgresql_where=sa.text("worker is null"),
    )
    op.create_table(
        "messages",
        sa.Column(
            "message_id", sa.UUID(), nullable=False, comment="ids.stable_id('message', what makes it one): the same again is the same."
        ),
        sa.Column(
            "kind", sa.Text(), nullable=False, comment="alert, escalation, approval, feedback, thanks, scorecard, huddle_pack, digest"
        ),
        sa.Column("channel", sa.Text(), nullable=False, comment="email or chat"),
        sa.Column("employee_id", sa.Text(), nullable=True, comment="Who gets it, by e-mail."),
        sa.Column("target", sa.Text(), nullable=True, comment="Which chat of closed_loop.yml gets it."),
        sa.Column("about_order_id", sa.UUID(), nullable=True),
        sa.Column("about_response_key", sa.Text(), nullable=True),
        sa.Column(
            "is_urgent", sa.Boolean(), server_default=sa.text("false"), nullable=False, comment="Does not wait for quiet hours to end."
        ),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("digest_id", sa.UUID(), nullable=True, comment="The digest that it has become a part of, when there were too many."),
        sa.CheckConstraint("(channel = 'chat') = (target is not null)", name=op.f("messages_somewhere_check")),
        sa.CheckConstraint("(channel = 'email') = (employee_id is not null)", name=op.f("messages_somebody_check")),
        sa.CheckConstraint("channel in ('email', 'chat')", name=op.f("messages_channel_check")),
        sa.PrimaryKeyConstraint("message_id", name=op.f("messages_pkey")),
        schema="ops",
        comment="Written before anything is sent, in the transaction of what it tells about.",
    )
    op.create_index(op.f("messages_about_order_id_idx"), "messages", ["about_order_id"], unique=False, schema="ops")
    op.create_index(op.f("messages_employee_id_due_at_idx"), "messages", ["employee_id", "due_at"], unique=False, schema="ops")
    op.create_table(
        "message_texts",
        sa.Column("message_id", sa.UUID(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False, comment="Plain text."),
        sa.Column("html", sa.Text(), nullable=True),
        sa.Column(
            "excerpt", sa.Text(), nullable=True, comment="What a digest says of it below its title: mostly the customer's own words."
        ),
        sa.PrimaryKeyConstraint("message_id", name=op.f("message_texts_pkey")),
        schema="pii",
    )
