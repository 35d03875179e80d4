"""Scores over time and between units."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    op.create_table(
        "shrunk_scores",
        sa.Column("build_id", sa.BigInteger(), nullable=False),
        sa.Column("programme", sa.Text(), nullable=False),
        sa.Column("metric", sa.Text(), nullable=False),
        sa.Column("period_grain", sa.Text(), nullable=False, comment="month, quarter, or rolling_90_days (those that end with as_of)"),
        sa.Column("period_starts_on", sa.Date(), nullable=False, comment="First day of the period."),
        sa.Column("period_ends_on", sa.Date(), nullable=False, comment="Last day of the period."),
        sa.Column("dimension", sa.Text(), nullable=False, comment="team, branch or org_region"),
        sa.Column("dimension_value", sa.Text(), nullable=False, comment="The unit."),
        sa.Column(
            "nps_shrunk",
            sa.Numeric(precision=9, scale=4),
            nullable=False,
            comment="Points; drawn towards the score of all units by how alike they are.",
        ),
        sa.Column("nps_shrunk_low", sa.Numeric(precision=9, scale=4), nullable=False, comment="95 %, with doubt about how alike they are."),
        sa.Column("nps_shrunk_high", sa.Numeric(precision=9, scale=4), nullable=False),
        sa.Column(
            "probability_top_quartile",
            sa.Numeric(precision=9, scale=4),
            nullable=True,
            comment="That the unit is in the best quarter; empty where its answers are too few to be ranked.",
        ),
        sa.Column(
            "prior_strength",
            sa.Numeric(precision=12, scale=2),
            nullable=False,
            comment="How many answers the other units count for; median.",
        ),
        sa.PrimaryKeyConstraint(
            "build_id",
            "programme",
            "metric",
            "period_grain",
            "period_starts_on",
            "period_ends_on",
            "dimension",
            "dimension_value",
            name=op.f("shrunk_scores_pkey"),
        ),
        schema="analysis",
        comment="What is believed of each unit's score given all units; the build at work alone.",
    )
