"""Who answers, and whom the answers speak for."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    op.create_table(
        "representativeness",
        sa.Column("build_id", sa.BigInteger(), nullable=False),
        sa.Column("programme", sa.Text(), nullable=False),
        sa.Column("weighting_wave", sa.Text(), nullable=False, comment="A wave of a relationship programme, else a month."),
        sa.Column("variable", sa.Text(), nullable=False, comment="segment, tenure_band or value_band; all; early_late"),
        sa.Column("category", sa.Text(), nullable=False, comment="Of the variable; `all` where the row is about all of them."),
        sa.Column("frame", sa.BigInteger(), nullable=True, comment="Customers or interactions that could have been asked."),
        sa.Column("answered", sa.BigInteger(), nullable=True, comment="Of those who were asked."),
        sa.Column("frame_share", sa.Numeric(precision=9, scale=6), nullable=True),
        sa.Column("respondent_share", sa.Numeric(precision=9, scale=6), nullable=True, comment="Of those who answered, by design weight."),
        sa.Column("response_propensity", sa.Numeric(precision=9, scale=6), nullable=True),
        sa.Column(
            "partial_r",
            sa.Numeric(precision=9, scale=6),
            nullable=True,
            comment="Unconditional; of a whole variable the root of the sum of squares over its categories.",
        ),
        sa.Column("r_indicator", sa.Numeric(precision=9, scale=6), nullable=True, comment="Bias-corrected; variable `all` alone."),
        sa.Column("r_low", sa.Numeric(precision=9, scale=6), nullable=True, comment="95 %."),
        sa.Column("r_high", sa.Numeric(precision=9, scale=6), nullable=True),
        sa.Column("r_uncorrected", sa.Numeric(precision=9, scale=6), nullable=True),
        sa.Column(
            "bias_bound",
            sa.Numeric(precision=9, scale=4),
            nullable=True,
            comment="The most by which the raw score can be wrong through these variables, in points.",
        ),
        sa.Column(
            "early_nps",
            sa.Numeric(precision=9, scale=4),
            nullable=True,
            comment="Points; answers before the reminder. Variable early_late alone.",
        ),
        sa.Column("late_nps", sa.Numeric(precision=9, scale=4), nullable=True, comment="Answers after it."),
        sa.Column("gap", sa.Numeric(precision=9, scale=4), nullable=True, comment="Late less early, points."),
        sa.Column("z", sa.Numeric(precision=12, scale=6), nullable=True),
        sa.Column("p", sa.Numeric(precision=9, scale=6), nullable=True),
        sa.PrimaryKeyConstraint("build_id", "programme", "weighting_wave", "variable", "category", name=op.f("representativeness_pkey")),
        schema="analysis",
        comment="Respondents against the frame, wave by wave, and early against late answers; the build at work alone.",
    )
