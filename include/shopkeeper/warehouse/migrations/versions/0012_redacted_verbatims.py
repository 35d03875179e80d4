"""Verbatims without what could name a person."""

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
        sa.PrimaryKeyConstraint("_batch_id", "_key", name=op.f("redacted_verbatims_pkey")),
        schema="ops",
        comment="The verbatims of answers, redacted.",
    )
