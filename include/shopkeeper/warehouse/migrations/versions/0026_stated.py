"""What providers' own pages say of the score, as each build found it in company.yml."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"


def upgrade() -> None:
    op.create_table(
        "stated_scores",
        sa.Column("build_id", sa.BigInteger(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("programme", sa.Text(), nullable=False),
        sa.Column("metric", sa.Text(), nullable=False),
        sa.Column("period_grain", sa.Text(), nullable=False, comment="month, quarter or year, of the calendar"),
        sa.Column("period_starts_on", sa.Date(), nullable=False),
        sa.Column("period_ends_on", sa.Date(), nullable=False),
        sa.Column("score", sa.Numeric(precision=9, scale=4), nullable=False, comment="Points, as stated."),
        sa.Column(
            "digits",
            sa.Integer(),
            nullable=False,
            comment="After the point, as stated: a page that shows whole numbers has rounded.",
        ),
        sa.Column("answers", sa.BigInteger(), nullable=True, comment="As stated; empty where nothing is said of it."),
        sa.PrimaryKeyConstraint(
            "build_id", "provider", "programme", "metric", "period_grain", "period_starts_on", name=op.f("stated_scores_pkey")
        ),
        schema="quality",
        comment="Scores that providers state themselves, from company.yml, as each build found them. No score of ours is made of them.",
    )
