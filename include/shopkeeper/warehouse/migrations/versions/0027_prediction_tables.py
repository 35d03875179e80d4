"""What customers who did not answer would probably have said."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"


def upgrade() -> None:
    op.create_table(
        "predicted_customers",
        sa.Column("build_id", sa.BigInteger(), nullable=False),
        sa.Column("programme", sa.Text(), nullable=False),
        sa.Column("metric", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("invitation_id", sa.Text(), nullable=False, comment="The last one, which was not answered."),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("detractor", sa.Numeric(precision=9, scale=6), nullable=False, comment="Chance of the band, 0 to 1."),
        sa.Column("passive", sa.Numeric(precision=9, scale=6), nullable=False),
        sa.Column("promoter", sa.Numeric(precision=9, scale=6), nullable=False),
        sa.PrimaryKeyConstraint("build_id", "programme", "metric", "customer_id", name=op.f("predicted_customers_pkey")),
        schema="analysis",
        comment="What each customer who was asked and did not answer would probably have said; the build at work alone.",
    )
    op.create_table(
        "predicted_quality",
        sa.Column("build_id", sa.BigInteger(), nullable=False),
        sa.Column("programme", sa.Text(), nullable=False),
        sa.Column("metric", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False, comment="ordinal logit or boosting"),
        sa.Column("verdict", sa.Text(), nullable=False, comment="published, or why not"),
        sa.Column("answers", sa.BigInteger(), nullable=False),
        sa.Column("silent", sa.BigInteger(), nullable=False, comment="Customers who were asked and did not answer."),
        sa.Column("train_answers", sa.BigInteger(), nullable=True, comment="Answers that the model was fitted on."),
        sa.Column("calibration_answers", sa.BigInteger(), nullable=True, comment="Answers that made its chances honest."),
        sa.Column("test_answers", sa.BigInteger(), nullable=True, comment="The newest answers, which judge it."),
        sa.Column("train_starts_on", sa.Date(), nullable=True, comment="First day of asking of the slice."),
        sa.Column("calibration_starts_on", sa.Date(), nullable=True),
        sa.Column("test_starts_on", sa.Date(), nullable=True),
        sa.Column("test_ends_on", sa.Date(), nullable=True),
        sa.Column("brier", sa.Numeric(precision=9, scale=6), nullable=True, comment="Over three bands, 0 to 2."),
        sa.Column(
            "prior_brier", sa.Numeric(precision=9, scale=6), nullable=True, comment="Of telling everybody the shares of the bands so far."
        ),
        sa.Column("gain", sa.Numeric(precision=9, scale=6), nullable=True, comment="The latter less the former."),
        sa.Column("gain_low", sa.Numeric(precision=9, scale=6), nullable=True, comment="95 %."),
        sa.Column("gain_high", sa.Numeric(precision=9, scale=6), nullable=True),
        sa.Column(
            "calibration_error",
            sa.Numeric(precision=9, scale=6),
            nullable=True,
            comment="Chances against shares, mean over ten groups and three bands.",
        ),
        sa.Column("reliability", sa.Numeric(precision=9, scale=6), nullable=True, comment="Murphy's term of the Brier score."),
        sa.Column("kappa", sa.Numeric(precision=9, scale=6), nullable=True, comment="Quadratically weighted, of the likeliest band."),
        sa.Column("test_nps", sa.Numeric(precision=9, scale=4), nullable=True, comment="Measured score of the newest answers, points."),
        sa.Column(
            "missed_by",
            sa.Numeric(precision=9, scale=4),
            nullable=True,
            comment="Predicted less measured score of the newest answers, points.",
        ),
        sa.Column("missed_by_low", sa.Numeric(precision=9, scale=4), nullable=True, comment="95 %."),
        sa.Column("missed_by_high", sa.Numeric(precision=9, scale=4), nullable=True),
        sa.PrimaryKeyConstraint("build_id", "programme", "metric", "model", name=op.f("predicted_quality_pkey")),
        schema="analysis",
        comment="How good each model is on the newest answers; the build at work alone.",
    )
    op.create_table(
        "predicted_scores",
        sa.Column("build_id", sa.BigInteger(), nullable=False),
        sa.Column("programme", sa.Text(), nullable=False),
        sa.Column("metric", sa.Text(), nullable=False),
        sa.Column("dimension", sa.Text(), nullable=False, comment="all, or what the silent are grouped by"),
        sa.Column("dimension_value", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("silent", sa.BigInteger(), nullable=False, comment="Customers who were asked and did not answer."),
        sa.Column("held_out_answers", sa.BigInteger(), nullable=False, comment="Answers of the group that the model was not fitted on."),
        sa.Column("detractors", sa.Numeric(precision=9, scale=4), nullable=False, comment="Mean chance of being a detractor, points."),
        sa.Column("promoters", sa.Numeric(precision=9, scale=4), nullable=False, comment="Mean chance of being a promoter, points."),
        sa.Column(
            "score",
            sa.Numeric(precision=9, scale=4),
            nullable=True,
            comment="The latter less the former; empty where too few held-out answers tell how far it may be off.",
        ),
        sa.Column("score_low", sa.Numeric(precision=9, scale=4), nullable=True, comment="95 %."),
        sa.Column("score_high", sa.Numeric(precision=9, scale=4), nullable=True),
        sa.PrimaryKeyConstraint("build_id", "programme", "metric", "dimension", "dimension_value", name=op.f("predicted_scores_pkey")),
        schema="analysis",
        comment="What groups of those who did not answer would probably have said; the build at work alone.",
    )
