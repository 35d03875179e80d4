"""Signs that a score is gamed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    op.create_table(
        "gaming_signals",
        sa.Column("build_id", sa.BigInteger(), nullable=False),
        sa.Column("programme", sa.Text(), nullable=False),
        sa.Column("dimension", sa.Text(), nullable=False, comment="branch, team or employee"),
        sa.Column("unit", sa.Text(), nullable=False, comment="The branch, the team, or the employee."),
        sa.Column("signal", sa.Text(), nullable=False, comment="What is counted; docs/gaming-review.md."),
        sa.Column(
            "n", sa.BigInteger(), nullable=False, comment="Interactions, invitations, answers, or pairs of answers that were looked at."
        ),
        sa.Column("observed", sa.BigInteger(), nullable=False, comment="Those of them that the signal counts."),
        sa.Column(
            "expected",
            sa.Numeric(precision=18, scale=4),
            nullable=True,
            comment="As many were to be expected, by the other units and the case mix.",
        ),
        sa.Column(
            "deviation",
            sa.Numeric(precision=18, scale=4),
            nullable=True,
            comment="Standard deviation of what was to be expected, differences between units in it.",
        ),
        sa.Column(
            "p",
            sa.Numeric(precision=18, scale=12),
            nullable=True,
            comment="Probability of at least as many; empty where there are too few other units.",
        ),
        sa.Column(
            "q_value",
            sa.Numeric(precision=18, scale=12),
            nullable=True,
            comment="Benjamini–Hochberg, over all units and signals of the run.",
        ),
        sa.Column("needs_review", sa.Boolean(), nullable=False),
        sa.Column("evidence_kind", sa.Text(), nullable=True, comment="response, invitation or interaction; where the unit needs review."),
        sa.Column("evidence", sa.Text(), nullable=True, comment="Their ids, comma separated, the newest 200."),
        sa.PrimaryKeyConstraint("build_id", "programme", "dimension", "unit", "signal", name=op.f("gaming_signals_pkey")),
        schema="analysis",
        comment="Each unit held against the others in each signal; the build at work alone.",
    )
