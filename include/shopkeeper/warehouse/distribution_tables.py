"""Tables of information distribution: which recovery stories may be told."""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, Identity, Index, Table, Text, text
from sqlalchemy.dialects.postgresql import UUID

from shopkeeper.warehouse.tables import metadata, moment

STORY_DECISIONS = Table(
    "story_decisions",
    metadata,
    Column("decision_id", BigInteger, Identity(always=True), primary_key=True),
    Column("order_id", UUID(), nullable=False, comment="The work order whose story it is."),
    Column("decision", Text, nullable=False, comment="approved or withdrawn"),
    Column("decided_by", Text, nullable=False),
    moment("decided_at", required=True),
    Column("recorded_at", moment("recorded_at").type, nullable=False, server_default=text("clock_timestamp()")),
    CheckConstraint("decision in ('approved', 'withdrawn')", name="decision"),
    Index(None, "order_id"),
    schema="ops",
    comment="Append-only: the last decision on an order's story holds. Approved ones stand in the intranet, in redacted words.",
)
