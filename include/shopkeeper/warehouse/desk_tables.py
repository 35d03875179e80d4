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
    Column("unit_path", Text, nullable=False, comment="Of the one who is coached, as it was then."),
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
    Column("unit_path", Text, nullable=False),
    Column("week_starts_on", Date, nullable=False, comment="A Monday, in company time."),
    moment("held_at"),
    Column("led_by", Text, comment="The employee who led it."),
    moment("recorded_at"),
    UniqueConstraint("org_unit_id", "week_starts_on"),
    schema="ops",
    comment="A team's weekly talk about what customers said.",
)

HUDDLE_ANSWERS = Table(
    "huddle_answers",
    metadata,
    Column("huddle_id", UUID(), nullable=False),
    Column("response_key", Text, nullable=False, comment="_key of the raw answer."),
    PrimaryKeyConstraint("huddle_id", "response_key"),
    Index(None, "response_key"),
    schema="ops",
    comment="The answers that were talked about in a huddle, written down when it has been held.",
)

HUDDLE_ISSUES = Table(
    "huddle_issues",
    metadata,
    Column("issue_id", UUID(), primary_key=True),
    Column("huddle_id", UUID(), nullable=False),
    Column("raised_by", Text, nullable=False),
    Column("owner_employee_id", Text, comment="Who sees to it."),
    moment("raised_at", required=True),
    moment("done_at"),
    Column("done_by", Text),
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
    Column("unit_path", Text, nullable=False, comment="Of that employee, as it was then: who leads it, or leads above it, decides."),
    Column("reason", Text, nullable=False, comment="A code."),
    moment("opened_at", required=True),
    CheckConstraint("reason in ('not_my_customer', 'other_branch', 'not_about_service')", name="reason"),
    Index(None, "response_key"),
    Index(None, "employee_id"),
    schema="ops",
    comment="An employee says: that was not my customer.",
)

DISPUTE_DECISIONS = Table(
    "dispute_decisions",
    metadata,
    Column("decision_id", BigInteger, Identity(always=True), primary_key=True),
    Column("dispute_id", UUID(), nullable=False),
    Column("command_id", UUID(), nullable=False, unique=True, comment="Names what was asked for: asked twice, it happens once."),
    Column("decision", Text, nullable=False, comment="upheld or rejected"),
    Column("to_employee_id", Text, comment="Upheld: whose customer it was; empty for nobody's."),
    Column("decided_by", Text, nullable=False),
    moment("decided_at", required=True),
    Column("recorded_at", moment("recorded_at").type, nullable=False, server_default=text("clock_timestamp()")),
    CheckConstraint("decision in ('upheld', 'rejected')", name="decision"),
    CheckConstraint("decision = 'upheld' or to_employee_id is null", name="moved"),
    Index(None, "dispute_id"),
    schema="ops",
    comment=(
        "Append-only: the last decision on a dispute holds. Of an answer's disputes that are upheld, the one decided last says whose"
        " the answer is. Scores of the company never change by it."
    ),
)
