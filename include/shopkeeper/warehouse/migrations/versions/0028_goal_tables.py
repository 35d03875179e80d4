"""Goals, and how far they are met."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"


def upgrade() -> None:
    op.create_table(
        "goals",
        sa.Column("goal_id", sa.Text(), primary_key=True),
        sa.Column("parent_goal_id", sa.Text(), nullable=True, comment="Goal that it is a part of."),
        sa.Column("programme", sa.Text(), nullable=False),
        sa.Column("metric", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False, comment="A department or role, never a person."),
        sa.Column("dimension", sa.Text(), nullable=False, comment="all, or a dimension of nps_by_segment."),
        sa.Column("dimension_value", sa.Text(), nullable=False),
        sa.Column("second_dimension", sa.Text(), nullable=True, comment="Where both have to hold."),
        sa.Column("second_value", sa.Text(), nullable=True),
        sa.Column("period_grain", sa.Text(), nullable=False, comment="month, quarter or year"),
        sa.Column("period_starts_on", sa.Date(), nullable=False),
        sa.Column("period_ends_on", sa.Date(), nullable=False),
        sa.Column("target", sa.Numeric(precision=9, scale=4), nullable=False, comment="Points."),
        sa.Column("position", sa.Integer(), nullable=False, comment="Place in the file."),
        schema="ops",
        comment="Goals of goals.csv, as the current build reads them.",
    )
    op.create_table(
        "goal_projections",
        sa.Column("build_id", sa.BigInteger(), nullable=False),
        sa.Column("goal_id", sa.Text(), nullable=False),
        sa.Column("responses_to_come", sa.Numeric(precision=14, scale=2), nullable=True, comment="Answers that are still expected."),
        sa.Column(
            "projected", sa.Numeric(precision=9, scale=4), nullable=True, comment="Score at the end of the period, expected; points."
        ),
        sa.Column("projected_low", sa.Numeric(precision=9, scale=4), nullable=True, comment="95 % of what may come."),
        sa.Column("projected_high", sa.Numeric(precision=9, scale=4), nullable=True),
        sa.Column(
            "probability_met", sa.Numeric(precision=9, scale=6), nullable=True, comment="That the score at the end is at least the target."
        ),
        sa.Column("children", sa.Integer(), nullable=False, comment="Goals that name it as their parent."),
        sa.Column(
            "children_imply",
            sa.Numeric(precision=9, scale=4),
            nullable=True,
            comment="Score that it has when they meet theirs and the rest goes on as it is.",
        ),
        sa.Column(
            "share_inside_parent",
            sa.Numeric(precision=9, scale=4),
            nullable=True,
            comment="Percent of its answers that are in the parent's cell, where the file alone cannot tell.",
        ),
        sa.PrimaryKeyConstraint("build_id", "goal_id"),
        schema="analysis",
        comment="What goals may come to, and what their parts say of them; the build at work alone.",
    )
