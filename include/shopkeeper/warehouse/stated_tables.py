"""What providers' own pages say."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Date, Integer, Numeric, PrimaryKeyConstraint, Table, Text

from shopkeeper.warehouse.tables import metadata

STATED_SCORES = Table(
    "stated_scores",
    metadata,
    Column("build_id", BigInteger, nullable=False),
    Column("provider", Text, nullable=False),
    Column("programme", Text, nullable=False),
    Column("metric", Text, nullable=False),
    Column("period_grain", Text, nullable=False, comment="month, quarter or year, of the calendar"),
    Column("period_starts_on", Date, nullable=False),
    Column("period_ends_on", Date, nullable=False),
    Column("score", Numeric(9, 4), nullable=False, comment="Points, as stated."),
    Column("digits", Integer, nullable=False, comment="After the point, as stated: a page that shows whole numbers has rounded."),
    Column("answers", BigInteger, comment="As stated; empty where nothing is said of it."),
    PrimaryKeyConstraint("build_id", "provider", "programme", "metric", "period_grain", "period_starts_on"),
    schema="quality",
    comment="Scores that providers state themselves, from company.yml, as each build found them. No score of ours is made of them.",
)
