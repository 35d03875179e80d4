"""Weights of answers, and scores with them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def _points(name: str, comment: str | None = None) -> sa.Column[object]:
    return sa.Column(name, sa.Numeric(precision=9, scale=4), nullable=True, comment=comment)


def upgrade() -> None:
    op.create_table(
        "weighting_variables",
        sa.Column("programme", sa.Text(), nullable=False),
        sa.Column(
            "variable",
            sa.Text(),
            nullable=False,
            comment="Something known of a customer or an interaction when it is asked about.",
        ),
        sa.PrimaryKeyConstraint("programme", "variable", name=op.f("weighting_variables_pkey")),
        schema="ops",
        comment="Which variables the margins of each programme are made of, from company.yml.",
    )
    op.create_table(
        "weight_adjustments",
        sa.Column("build_id", sa.BigInteger(), nullable=False),
        sa.Column("programme", sa.Text(), nullable=False),
        sa.Column("weighting_wave", sa.Text(), nullable=False, comment="A wave of a relationship programme, else a month."),
        sa.Column("margin_cell", sa.UUID(), nullable=False, comment="The margins' variables crossed: _weighting_cells."),
        sa.Column(
            "adjustment",
            sa.Numeric(precision=18, scale=6),
            nullable=False,
            comment="What the design weights of its answers are multiplied by.",
        ),
        sa.PrimaryKeyConstraint("build_id", "programme", "weighting_wave", "margin_cell", name=op.f("weight_adjustments_pkey")),
        schema="analysis",
        comment="Adjustment for those who did not answer, by weighting wave and cell of its margins; the build at work alone.",
    )
    op.create_table(
        "survey_weightings",
        sa.Column("build_id", sa.BigInteger(), nullable=False),
        sa.Column("programme", sa.Text(), nullable=False),
        sa.Column("weighting_wave", sa.Text(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False, comment="raking or post_stratification"),
        sa.Column("margins", sa.Text(), nullable=False),
        sa.Column("iterations", sa.Integer(), nullable=False),
        sa.Column("is_converged", sa.Boolean(), nullable=False),
        sa.Column("trimmed", sa.BigInteger(), nullable=False, comment="Answers whose weight was cut."),
        sa.Column(
            "design_effect",
            sa.Numeric(precision=12, scale=6),
            nullable=True,
            comment="Of the weights: n times the sum of squares over the square of the sum.",
        ),
        sa.Column("n_effective", sa.Numeric(precision=18, scale=4), nullable=True, comment="Answers over the design effect."),
        sa.Column(
            "crossings_differ",
            sa.Boolean(),
            nullable=True,
            comment="Whether margins crossed, where they were not, differ from the frame in spite of weights.",
        ),
        sa.Column("warnings", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("build_id", "programme", "weighting_wave", name=op.f("survey_weightings_pkey")),
        schema="analysis",
        comment="How the answers of each weighting wave were weighted; the build at work alone.",
    )
    op.create_table(
        "weighted_scores",
        sa.Column("build_id", sa.BigInteger(), nullable=False),
        sa.Column("programme", sa.Text(), nullable=False),
        sa.Column("metric", sa.Text(), nullable=False),
        sa.Column(
            "period_grain", sa.Text(), nullable=False, comment="rolling_90_days, or, of dimension `all` alone, month, quarter or year"
        ),
        sa.Column("period_starts_on", sa.Date(), nullable=False, comment="First day of the period."),
        sa.Column("dimension", sa.Text(), nullable=False),
        sa.Column("dimension_value", sa.Text(), nullable=False),
        sa.Column("weighted_responses", sa.BigInteger(), nullable=False, comment="Answers that have a weight."),
        _points("nps_weighted", "Points."),
        _points("nps_weighted_low", "By replicate weights, 95 %."),
        _points("nps_weighted_high"),
        sa.Column("n_effective", sa.Numeric(precision=18, scale=4), nullable=True, comment="weighted_responses over the design effect."),
        sa.Column("design_effect", sa.Numeric(precision=12, scale=6), nullable=True, comment="Of the weights."),
        sa.PrimaryKeyConstraint(
            "build_id",
            "programme",
            "metric",
            "period_grain",
            "period_starts_on",
            "dimension",
            "dimension_value",
            name=op.f("weighted_scores_pkey"),
        ),
        schema="analysis",
        comment="Weighted scores with intervals from replicate weights; the build at work alone.",
    )
    op.create_table(
        "sensitivity_bands",
        sa.Column("build_id", sa.BigInteger(), nullable=False),
        sa.Column("programme", sa.Text(), nullable=False),
        sa.Column("metric", sa.Text(), nullable=False),
        sa.Column(
            "answering_from",
            sa.Numeric(precision=9, scale=4),
            nullable=False,
            comment="Detractors' rate of answering over promoters', at the low end.",
        ),
        sa.Column("answering_to", sa.Numeric(precision=9, scale=4), nullable=False),
        _points("nps_low_end", "The weighted score at answering_from, with its interval."),
        _points("nps_low_end_low"),
        _points("nps_low_end_high"),
        _points("nps_high_end", "The weighted score at answering_to."),
        _points("nps_high_end_low"),
        _points("nps_high_end_high"),
        sa.Column(
            "tipping_ratio",
            sa.Numeric(precision=9, scale=4),
            nullable=True,
            comment="At which the score would be 0; empty where none from 1/20 to 20 does that.",
        ),
        sa.Column("goal_tipping_ratio", sa.Numeric(precision=9, scale=4), nullable=True, comment="At which the score would be the goal."),
        sa.Column("sign_flips", sa.Boolean(), nullable=True, comment="Whether the score's sign is not the same over the whole range."),
        _points("goal", "The score that was promised, where one was."),
        sa.Column("goal_flips", sa.Boolean(), nullable=True, comment="Whether the goal is met at one end and missed at the other."),
        sa.PrimaryKeyConstraint("build_id", "programme", "metric", name=op.f("sensitivity_bands_pkey")),
        schema="analysis",
        comment="What the current score would be if answering depended on the score itself; the build at work alone.",
    )
