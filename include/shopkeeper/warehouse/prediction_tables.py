"""What customers who did not answer would probably have said."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Date, Numeric, PrimaryKeyConstraint, Table, Text

from shopkeeper.warehouse.tables import metadata


def _programme() -> list[Column[object]]:
    return [
        Column("build_id", BigInteger, nullable=False),
        Column("programme", Text, nullable=False),
        Column("metric", Text, nullable=False),
    ]


def _points(name: str, comment: str) -> list[Column[object]]:
    return [
        Column(name, Numeric(9, 4), comment=comment),
        Column(f"{name}_low", Numeric(9, 4), comment="95 %."),
        Column(f"{name}_high", Numeric(9, 4)),
    ]


PREDICTED_CUSTOMERS = Table(
    "predicted_customers",
    metadata,
    *_programme(),
    Column("customer_id", Text, nullable=False),
    Column("invitation_id", Text, nullable=False, comment="The last one, which was not answered."),
    Column("model", Text, nullable=False),
    Column("detractor", Numeric(9, 6), nullable=False, comment="Chance of the band, 0 to 1."),
    Column("passive", Numeric(9, 6), nullable=False),
    Column("promoter", Numeric(9, 6), nullable=False),
    PrimaryKeyConstraint("build_id", "programme", "metric", "customer_id"),
    schema="analysis",
    comment="What each customer who was asked and did not answer would probably have said; the build at work alone.",
)

PREDICTED_QUALITY = Table(
    "predicted_quality",
    metadata,
    *_programme(),
    Column("model", Text, nullable=False, comment="ordinal logit or boosting"),
    Column("verdict", Text, nullable=False, comment="published, or why not"),
    Column("answers", BigInteger, nullable=False),
    Column("silent", BigInteger, nullable=False, comment="Customers who were asked and did not answer."),
    Column("train_answers", BigInteger, comment="Answers that the model was fitted on."),
    Column("calibration_answers", BigInteger, comment="Answers that made its chances honest."),
    Column("test_answers", BigInteger, comment="The newest answers, which judge it."),
    Column("train_starts_on", Date, comment="First day of asking of the slice."),
    Column("calibration_starts_on", Date),
    Column("test_starts_on", Date),
    Column("test_ends_on", Date),
    Column("brier", Numeric(9, 6), comment="Over three bands, 0 to 2."),
    Column("prior_brier", Numeric(9, 6), comment="Of telling everybody the shares of the bands so far."),
    Column("gain", Numeric(9, 6), comment="The latter less the former."),
    Column("gain_low", Numeric(9, 6), comment="95 %."),
    Column("gain_high", Numeric(9, 6)),
    Column("calibration_error", Numeric(9, 6), comment="Chances against shares, mean over ten groups and three bands."),
    Column("reliability", Numeric(9, 6), comment="Murphy's term of the Brier score."),
    Column("kappa", Numeric(9, 6), comment="Quadratically weighted, of the likeliest band."),
    Column("test_nps", Numeric(9, 4), comment="Measured score of the newest answers, points."),
    *_points("missed_by", "Predicted less measured score of the newest answers, points."),
    PrimaryKeyConstraint("build_id", "programme", "metric", "model"),
    schema="analysis",
    comment="How good each model is on the newest answers; the build at work alone.",
)

PREDICTED_SCORES = Table(
    "predicted_scores",
    metadata,
    *_programme(),
    Column("dimension", Text, nullable=False, comment="all, or what the silent are grouped by"),
    Column("dimension_value", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("silent", BigInteger, nullable=False, comment="Customers who were asked and did not answer."),
    Column("held_out_answers", BigInteger, nullable=False, comment="Answers of the group that the model was not fitted on."),
    Column("detractors", Numeric(9, 4), nullable=False, comment="Mean chance of being a detractor, points."),
    Column("promoters", Numeric(9, 4), nullable=False, comment="Mean chance of being a promoter, points."),
    *_points("score", "The latter less the former; empty where too few held-out answers tell how far it may be off."),
    PrimaryKeyConstraint("build_id", "programme", "metric", "dimension", "dimension_value"),
    schema="analysis",
    comment="What groups of those who did not answer would probably have said; the build at work alone.",
)
