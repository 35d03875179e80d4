"""Tables that privacy writes: verbatims without what could name a person, so that marts may carry them."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, PrimaryKeyConstraint, Table, Text
from sqlalchemy.dialects.postgresql import UUID

from shopkeeper.warehouse.tables import metadata, moment

REDACTED_VERBATIMS = Table(
    "redacted_verbatims",
    metadata,
    Column("_key", UUID(), nullable=False, comment="Of raw.survey_responses."),
    Column("_batch_id", BigInteger, nullable=False),
    Column("verbatim", Text, nullable=False, comment="Names, addresses, numbers of telephones, cards and accounts are replaced."),
    Column("replaced", Integer, nullable=False, comment="How many places were."),
    Column("method", Text, nullable=False, comment="Version of the redaction: another version redacts anew."),
    Column("build_id", BigInteger, nullable=False, comment="Before which build it got the words that it has."),
    moment("redacted_at", required=True),
    PrimaryKeyConstraint("_batch_id", "_key"),
    schema="ops",
    comment="The verbatims of answers, redacted.",
)

REDACTED_LEARNED = Table(
    "redacted_learned",
    metadata,
    Column("event_id", BigInteger, primary_key=True, autoincrement=False, comment="Of ops.work_order_events."),
    Column("learned", Text, nullable=False, comment="Redacted as verbatims are."),
    Column("replaced", Integer, nullable=False, comment="How many places were."),
    Column("method", Text, nullable=False, comment="Version of the redaction: another version redacts anew."),
    schema="ops",
    comment="What call-backs taught, in the words of pii.work_order_texts, redacted.",
)
