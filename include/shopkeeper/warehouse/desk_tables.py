"""Tables of the desk: coaching, huddles, the backlog that they feed, and disputes about whose customer an answer is from."""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, Date, Identity, Index, PrimaryKeyConstraint, Table, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import UUID

from shopkeeper.warehouse.tables import metadata, moment

COACHINGS = Table(
    "coachings",
    metadata,
    Column("coaching_id", UUID(), primary_key=True),
    Column("employee_id", Text, nullable=False, comment="Who is coached."),
    Column("coach_employee_id", Text, nullable=False, comment="The supervisor, or a peer."),
    Column("org_unit_id", Text),
    Column("unit_path", Text, comment="Of the one who is coached, as it was then."),
    moment("held_at", required=True),
    moment("recorded_at", required=True),
    moment("result_at"),
    Index(None, "employee_id"),
    schema="ops",
    comment="One row per coaching talk about customers' answers.",
)

COACHING_ANSWERS = Table(
    "coaching_answers",
    metadata,
    Column("coaching_id", UUID(), nullable=False),
    Column("response_key", Text, nullable=False, comment="_key of the raw answer that was discussed."),
    PrimaryKeyConstraint("coaching_id", "response_key"),
    Index(None, "response_key"),
    schema="ops",
)

COACHING_TEXTS = Table(
    "coaching_texts",
    metadata,
    Column("coaching_id", UUID(), primary_key=True),
    Column("will_try", Text, comment="What the employee will try."),
    Column("result", Text, comment="What came of it."),
    schema="pii",
)

HUDDLES = Table(
    "huddles",
    metadata,
    Column("huddle_id", UUID(), primary_key=True, comment="ids.stable_id('huddle', unit | week)"),
    Column("org_unit_id", Text, nullable=False),
    Column("unit_path", Text),
    Column("week_starts_on", Date, nullable=False),
    moment("held_at"),
    Column("led_by", Text, comment="The employee who led it."),
    UniqueConstraint("org_unit_id", "week_starts_on"),
    schema="ops",
    comment="A team's weekly talk about what customers said.",
)

HUDDLE_ISSUES = Table(
    "huddle_issues",
    metadata,
    Column("issue_id", UUID(), primary_key=True),
    Column("huddle_id", UUID(), nullable=False),
    Column("owner_employee_id", Text, comment="Who sees to it."),
    moment("raised_at", required=True),
    moment("done_at"),
    Index(None, "huddle_id"),
    schema="ops",
)

HUDDLE_TEXTS = Table(
    "huddle_texts",
    metadata,
    Column("issue_id", UUID(), primary_key=True),
    Column("issue", Text, nullable=False),
    schema="pii",
)

BACKLOG = Table(
    "backlog",
    metadata,
    Column("item_id", UUID(), primary_key=True, comment="ids.stable_id('backlog', source | its id)"),
    Column("source", Text, nullable=False, comment="huddle or work_order"),
    Column("source_id", UUID(), nullable=False, comment="The huddle's issue, or the order."),
    Column("org_unit_id", Text),
    Column("sent_by", Text, nullable=False),
    moment("sent_at", required=True),
    UniqueConstraint("source", "source_id"),
    CheckConstraint("source in ('huddle', 'work_order')", name="source"),
    schema="ops",
    comment="What the front line cannot mend itself: the outer loop's backlog.",
)

DISPUTES = Table(
    "disputes",
    metadata,
    Column("dispute_id", UUID(), primary_key=True, comment="ids.stable_id('dispute', answer | employee)"),
    Column("response_key", Text, nullable=False),
    Column("employee_id", Text, nullable=False, comment="Who says that it was not his or her customer."),
    Column("unit_path", Text),
    Column("reason", Text, nullable=False, comment="A code: not_my_customer, other_branch, not_about_service"),
    moment("opened_at", required=True),
    schema="ops",
)

DISPUTE_DECISIONS = Table(
    "dispute_decisions",
    metadata,
    Column("decision_id", BigInteger, Identity(always=True), primary_key=True),
    Column("dispute_id", UUID(), nullable=False),
    Column("decision", Text, nullable=False, comment="upheld or rejected"),
    Column("to_employee_id", Text, comment="Upheld: whose customer it was; empty for nobody's."),
    Column("decided_by", Text, nullable=False),
    moment("decided_at", required=True),
    Column("recorded_at", moment("recorded_at").type, nullable=False, server_default=text("clock_timestamp()")),
    CheckConstraint("decision in ('upheld', 'rejected')", name="decision"),
    Index(None, "dispute_id"),
    schema="ops",
    comment="Append-only: the last decision on a dispute holds. Scores of the company never change by it, only whose they are.",
)
