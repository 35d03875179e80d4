"""Scores over time and between units."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Date, Numeric, PrimaryKeyConstraint, Table, Text

from shopkeeper.warehouse.tables import metadata

SHRUNK_SCORES = Table(
    "shrunk_scores",
    metadata,
    Column("build_id", BigInteger, nullable=False),
    Column("programme", Text, nullable=False),
    Column("metric", Text, nullable=False),
    Column("period_grain", Text, nullable=False, comment="month, quarter, or rolling_90_days (those that end with as_of)"),
    Column("period_starts_on", Date, nullable=False, comment="First day of the period."),
    Column("period_ends_on", Date, nullable=False, comment="Last day of the period."),
    Column("dimension", Text, nullable=False, comment="team, branch or org_region"),
    Column("dimension_value", Text, nullable=False, comment="The unit."),
    Column("nps_shrunk", Numeric(9, 4), nullable=False, comment="Points; drawn towards the score of all units by how alike they are."),
    Column("nps_shrunk_low", Numeric(9, 4), nullable=False, comment="95 %, with doubt about how alike they are."),
    Column("nps_shrunk_high", Numeric(9, 4), nullable=False),
    Column(
        "probability_top_quartile",
        Numeric(9, 4),
        comment="That the unit is in the best quarter; empty where its answers are too few to be ranked.",
    ),
    Column("prior_strength", Numeric(12, 2), nullable=False, comment="How many answers the other units count for; median."),
    PrimaryKeyConstraint(
        "build_id", "programme", "metric", "period_grain", "period_starts_on", "period_ends_on", "dimension", "dimension_value"
    ),
    schema="analysis",
    comment="What is believed of each unit's score given all units; the build at work alone.",
)
