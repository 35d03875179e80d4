"""Tables of what is sent to our own people: alerts, escalations, scorecards, digests. At most once, like the survey's e-mails."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Column, Identity, Index, Integer, Table, Text, text
from sqlalchemy.dialects.postgresql import UUID

from shopkeeper.warehouse.tables import metadata, moment

MESSAGES = Table(
    "messages",
    metadata,
    Column("message_id", UUID(), primary_key=True, comment="ids.stable_id('message', what makes it one): the same again is the same."),
    Column("kind", Text, nullable=False, comment="alert, escalation, approval, feedback, thanks, scorecard, huddle_pack, digest"),
    Column("channel", Text, nullable=False, comment="email or chat"),
    Column("employee_id", Text, comment="Who gets it, by e-mail."),
    Column("target", Text, comment="Which chat of closed_loop.yml gets it."),
    Column("about_order_id", UUID()),
    Column("about_response_key", Text),
    Column("is_urgent", Boolean, nullable=False, server_default=text("false"), comment="Does not wait for quiet hours to end."),
    moment("due_at", required=True),
    moment("made_at", required=True),
    Column("digest_id", UUID(), comment="The digest that it has become a part of, when there were too many."),
    CheckConstraint("channel in ('email', 'chat')", name="channel"),
    CheckConstraint("(channel = 'email') = (employee_id is not null)", name="somebody"),
    CheckConstraint("(channel = 'chat') = (target is not null)", name="somewhere"),
    Index(None, "employee_id", "due_at"),
    Index(None, "about_order_id"),
    schema="ops",
    comment="Written before anything is sent, in the transaction of what it tells about.",
)

MESSAGE_TEXTS = Table(
    "message_texts",
    metadata,
    Column("message_id", UUID(), primary_key=True),
    Column("title", Text, nullable=False),
    Column("body", Text, nullable=False, comment="Plain text."),
    Column("html", Text),
    Column("excerpt", Text, comment="What a digest says of it below its title: mostly the customer's own words."),
    schema="pii",
)

MESSAGE_EVENTS = Table(
    "message_events",
    metadata,
    Column("event_id", BigInteger, Identity(always=True), primary_key=True),
    Column("message_id", UUID(), nullable=False),
    Column("event", Text, nullable=False),
    Column("code", Text, comment="The server's own code, never its text."),
    Column("reason", Text, comment="Why, in our own words; never an address."),
    Column("actor", Text, nullable=False, server_default="shopkeeper"),
    moment("occurred_at", required=True),
    Column("recorded_at", moment("recorded_at").type, nullable=False, server_default=text("clock_timestamp()")),
    CheckConstraint(
        "event in ('claimed', 'released', 'sending', 'sent', 'deferred', 'refused', 'doubtful', 'not_sent', 'digested')", name="event"
    ),
    Index(None, "message_id"),
    schema="ops",
    comment="Append-only: everything that happened to a message.",
)

MESSAGE_QUEUE = Table(
    "message_queue",
    metadata,
    Column("message_id", UUID(), primary_key=True),
    moment("due_at", required=True),
    Column("attempts", Integer, nullable=False, server_default=text("0"), comment="Temporary refusals so far."),
    Column("worker", BigInteger, comment="Advisory lock of the worker that has claimed it; a worker that died holds none."),
    Index(None, "due_at", postgresql_where=text("worker is null")),
    schema="ops",
    comment="What is still to be sent to our own people.",
)
