"""What drives the score."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, Date, Integer, Numeric, PrimaryKeyConstraint, Table, Text

from shopkeeper.warehouse.tables import metadata

_SCOPE = ("programme", "metric", "dimension", "dimension_value")


def _scope() -> list[Column[object]]:
    return [
        Column("build_id", BigInteger, nullable=False),
        Column("programme", Text, nullable=False),
        Column("metric", Text, nullable=False),
        Column("dimension", Text, nullable=False, comment="all, segment or interaction_type: among whose answers"),
        Column("dimension_value", Text, nullable=False),
        Column("period_starts_on", Date, nullable=False, comment="First day of the period."),
        Column("period_ends_on", Date, nullable=False, comment="Last day of the period."),
    ]


def _interval(name: str, comment: str, digits: Numeric[Any] | None = None) -> list[Column[object]]:
    kind: Numeric[Any] = digits or Numeric(9, 4)
    return [Column(name, kind, comment=comment), Column(f"{name}_low", kind, comment="95 %."), Column(f"{name}_high", kind)]


DRIVER_EFFECTS = Table(
    "driver_effects",
    metadata,
    *_scope(),
    Column("kind", Text, nullable=False, comment="customer, experience or said"),
    Column("driver", Text, nullable=False),
    Column("level", Text, nullable=False),
    Column("level_place", Integer, nullable=False, comment="Place of the level in the driver's order, from 0."),
    Column("reference_level", Text, nullable=False, comment="What the effects are against."),
    Column("answers", BigInteger, nullable=False, comment="Answers that the model was fitted on."),
    Column("level_answers", BigInteger, nullable=False, comment="Those at the level."),
    *_interval("promoter_effect", "Points of promoters against the reference level; empty for it, and where none may be published."),
    *_interval("detractor_effect", "Points of detractors against the reference level."),
    *_interval("nps_effect", "Points of score against the reference level."),
    *_interval("promoters_if_all", "Points of promoters, had every answer been at the level, against as they are."),
    *_interval("detractors_if_all", "Points of detractors, had every answer been at the level, against as they are."),
    *_interval("importance", "The driver's share of what the model explains; the same in all its levels.", Numeric(9, 6)),
    Column("explained", Numeric(9, 6), comment="Share of the score's variance that the model explains."),
    Column("p", Numeric(9, 6), comment="Of no effect on promoters."),
    Column("q", Numeric(9, 6), comment="Benjamini-Hochberg over all levels of the model."),
    Column("verdict", Text, nullable=False, comment="usable, or why not"),
    PrimaryKeyConstraint("build_id", *_SCOPE, "driver", "level"),
    schema="analysis",
    comment="What each circumstance of an answer goes with; the build at work alone.",
)

DRIVER_CURVES = Table(
    "driver_curves",
    metadata,
    *_scope(),
    Column("bucket", Text, nullable=False, comment="Days to resolution."),
    Column("bucket_place", Integer, nullable=False, comment="Place in the order from the fastest, from 0."),
    Column("from_days", Integer, nullable=False),
    Column("to_days", Integer, comment="Where the bucket ends, not in it; empty for the last."),
    Column("answers", BigInteger, nullable=False, comment="Answers that the model was fitted on."),
    Column("detractors", BigInteger, nullable=False, comment="In the bucket."),
    Column("passives", BigInteger, nullable=False),
    Column("promoters", BigInteger, nullable=False),
    *_interval("promoter_effect", "Points of promoters against the fastest bucket."),
    *_interval("detractor_effect", "Points of detractors against the fastest bucket."),
    Column("p", Numeric(9, 6), comment="Of no effect on promoters, Holm-adjusted over the curve."),
    Column("is_threshold", Boolean, nullable=False, comment="The first bucket that goes with fewer promoters than the fastest."),
    Column("verdict", Text, nullable=False, comment="usable, or why not"),
    PrimaryKeyConstraint("build_id", *_SCOPE, "bucket_place"),
    schema="analysis",
    comment="Where waiting starts to hurt; the build at work alone.",
)
