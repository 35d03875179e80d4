"""Tables of what the CRM is told: tasks for call-backs, and what each customer's record shows of the last answer. At least once."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Column, Identity, Index, Integer, Table, Text, text
from sqlalchemy.dialects.postgresql import JSONB, UUID

from shopkeeper.warehouse.tables import metadata, moment

CRM_OUTBOX = Table(
    "crm_outbox",
    metadata,
    Column("entry_id", BigInteger, Identity(always=True), primary_key=True),
    Column("kind", Text, nullable=False, comment="task or customer"),
    Column("external_id", Text, nullable=False, comment="Ours, and the CRM's key for it: the order's id, or the customer's."),
    Column("customer_id", Text, nullable=False),
    Column("order_id", UUID()),
    Column("content", JSONB, nullable=False, comment="All that the record is to hold: a later entry may stand for earlier ones."),
    moment("made_at", required=True),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    moment("due_at", required=True),
    moment("done_at"),
    Column("skipped_for", BigInteger, comment="The newer entry about the same record that was sent in its place."),
    Column("problem", Text, comment="Why the last attempt failed, in our own words."),
    CheckConstraint("kind in ('task', 'customer')", name="kind"),
    Index(None, "external_id"),
    Index(None, "due_at", postgresql_where=text("done_at is null")),
    schema="ops",
    comment="Written in the transaction of what it tells about; sent until the CRM has confirmed it.",
)

CRM_TASKS = Table(
    "crm_tasks",
    metadata,
    Column("external_id", Text, primary_key=True),
    Column("crm_id", Text, comment="The CRM's own id."),
    Column("state", Text, comment="open or closed, as the CRM says."),
    Column("owner_employee_id", Text),
    moment("seen_at", required=True),
    Column("difference", Text, comment="What it says otherwise than our orders; empty where both agree."),
    schema="ops",
    comment="What the CRM said of our tasks when it was last asked.",
)

CRM_PAUSE = Table(
    "crm_pause",
    metadata,
    Column("only_row", Boolean, primary_key=True, server_default=text("true")),
    moment("until", required=True),
    moment("asked_at", required=True),
    CheckConstraint("only_row", name="only_row"),
    schema="ops",
    comment="Until when the CRM has asked us to stay away (Retry-After).",
)
