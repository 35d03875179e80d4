"""Weights of answers, and scores with them."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Date, Integer, Numeric, PrimaryKeyConstraint, Table, Text
from sqlalchemy.dialects.postgresql import UUID

from shopkeeper.warehouse.tables import metadata


def _points(name: str, comment: str | None = None) -> Column[object]:
    return Column(name, Numeric(9, 4), comment=comment)


WEIGHTING_VARIABLES = Table(
    "weighting_variables",
    metadata,
    Column("programme", Text, nullable=False),
    Column("variable", Text, nullable=False, comment="Something known of a customer or an interaction when it is asked about."),
    PrimaryKeyConstraint("programme", "variable"),
    schema="ops",
    comment="Which variables the margins of each programme are made of, from company.yml.",
)

WEIGHT_ADJUSTMENTS = Table(
    "weight_adjustments",
    metadata,
    Column("build_id", BigInteger, nullable=False),
    Column("programme", Text, nullable=False),
    Column("weighting_wave", Text, nullable=False, comment="A wave of a relationship programme, else a month."),
    Column("margin_cell", UUID(), nullable=False, comment="The margins' variables crossed: _weighting_cells."),
    Column("adjustment", Numeric(18, 6), nullable=False, comment="What the design weights of its answers are multiplied by."),
    PrimaryKeyConstraint("build_id", "programme", "weighting_wave", "margin_cell"),
    schema="analysis",
    comment="Adjustment for those who did not answer, by weighting wave and cell of its margins; the build at work alone.",
)

SURVEY_WEIGHTINGS = Table(
    "survey_weightings",
    metadata,
    Column("build_id", BigInteger, nullable=False),
    Column("programme", Text, nullable=False),
    Column("weighting_wave", Text, nullable=False),
    Column("method", Text, nullable=False, comment="raking or post_stratification"),
    Column("margins", Text, nullable=False),
    Column("iterations", Integer, nullable=False),
    Column("is_converged", Boolean, nullable=False),
    Column("trimmed", BigInteger, nullable=False, comment="Answers whose weight was cut."),
    Column("design_effect", Numeric(12, 6), comment="Of the weights: n times the sum of squares over the square of the sum."),
    Column("n_effective", Numeric(18, 4), comment="Answers over the design effect."),
    Column("crossings_differ", Boolean, comment="Whether margins crossed, where they were not, differ from the frame in spite of weights."),
    Column("warnings", Text),
    PrimaryKeyConstraint("build_id", "programme", "weighting_wave"),
    schema="analysis",
    comment="How the answers of each weighting wave were weighted; the build at work alone.",
)

WEIGHTED_SCORES = Table(
    "weighted_scores",
    metadata,
    Column("build_id", BigInteger, nullable=False),
    Column("programme", Text, nullable=False),
    Column("metric", Text, nullable=False),
    Column("period_grain", Text, nullable=False, comment="rolling_90_days, or, of dimension `all` alone, month, quarter or year"),
    Column("period_starts_on", Date, nullable=False, comment="First day of the period."),
    Column("dimension", Text, nullable=False),
    Column("dimension_value", Text, nullable=False),
    Column("weighted_responses", BigInteger, nullable=False, comment="Answers that have a weight."),
    _points("nps_weighted", "Points."),
    _points("nps_weighted_low", "By replicate weights, 95 %."),
    _points("nps_weighted_high"),
    Column("n_effective", Numeric(18, 4), comment="weighted_responses over the design effect."),
    Column("design_effect", Numeric(12, 6), comment="Of the weights."),
    PrimaryKeyConstraint("build_id", "programme", "metric", "period_grain", "period_starts_on", "dimension", "dimension_value"),
    schema="analysis",
    comment="Weighted scores with intervals from replicate weights; the build at work alone.",
)

SENSITIVITY_BANDS = Table(
    "sensitivity_bands",
    metadata,
    Column("build_id", BigInteger, nullable=False),
    Column("programme", Text, nullable=False),
    Column("metric", Text, nullable=False),
    Column("answering_from", Numeric(9, 4), nullable=False, comment="Detractors' rate of answering over promoters', at the low end."),
    Column("answering_to", Numeric(9, 4), nullable=False),
    _points("nps_low_end", "The weighted score at answering_from, with its interval."),
    _points("nps_low_end_low"),
    _points("nps_low_end_high"),
    _points("nps_high_end", "The weighted score at answering_to."),
    _points("nps_high_end_low"),
    _points("nps_high_end_high"),
    Column("tipping_ratio", Numeric(9, 4), comment="At which the score would be 0; empty where none from 1/20 to 20 does that."),
    Column("goal_tipping_ratio", Numeric(9, 4), comment="At which the score would be the goal."),
    Column("sign_flips", Boolean, comment="Whether the score's sign is not the same over the whole range."),
    _points("goal", "The score that was promised, where one was."),
    Column("goal_flips", Boolean, comment="Whether the goal is met at one end and missed at the other."),
    PrimaryKeyConstraint("build_id", "programme", "metric"),
    schema="analysis",
    comment="What the current score would be if answering depended on the score itself; the build at work alone.",
)
