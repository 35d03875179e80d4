"""What drives the score."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    op.create_table(
        "driver_effects",
        sa.Column("build_id", sa.BigInteger(), nullable=False),
        sa.Column("programme", sa.Text(), nullable=False),
        sa.Column("metric", sa.Text(), nullable=False),
        sa.Column("dimension", sa.Text(), nullable=False, comment="all, segment or interaction_type: among whose answers"),
        sa.Column("dimension_value", sa.Text(), nullable=False),
        sa.Column("period_starts_on", sa.Date(), nullable=False, comment="First day of the period."),
        sa.Column("period_ends_on", sa.Date(), nullable=False, comment="Last day of the period."),
        sa.Column("kind", sa.Text(), nullable=False, comment="customer, experience or said"),
        sa.Column("driver", sa.Text(), nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("level_place", sa.Integer(), nullable=False, comment="Place of the level in the driver's order, from 0."),
        sa.Column("reference_level", sa.Text(), nullable=False, comment="What the effects are against."),
        sa.Column("answers", sa.BigInteger(), nullable=False, comment="Answers that the model was fitted on."),
        sa.Column("level_answers", sa.BigInteger(), nullable=False, comment="Those at the level."),
        sa.Column(
            "promoter_effect",
            sa.Numeric(precision=9, scale=4),
            nullable=True,
            comment="Points of promoters against the reference level; empty for it, and where none may be published.",
        ),
        sa.Column("promoter_effect_low", sa.Numeric(precision=9, scale=4), nullable=True, comment="95 %."),
        sa.Column("promoter_effect_high", sa.Numeric(precision=9, scale=4), nullable=True),
        sa.Column(
            "detractor_effect", sa.Numeric(precision=9, scale=4), nullable=True, comment="Points of detractors against the reference level."
        ),
        sa.Column("detractor_effect_low", sa.Numeric(precision=9, scale=4), nullable=True, comment="95 %."),
        sa.Column("detractor_effect_high", sa.Numeric(precision=9, scale=4), nullable=True),
        sa.Column("nps_effect", sa.Numeric(precision=9, scale=4), nullable=True, comment="Points of score against the reference level."),
        sa.Column("nps_effect_low", sa.Numeric(precision=9, scale=4), nullable=True, comment="95 %."),
        sa.Column("nps_effect_high", sa.Numeric(precision=9, scale=4), nullable=True),
        sa.Column(
            "promoters_if_all",
            sa.Numeric(precision=9, scale=4),
            nullable=True,
            comment="Points of promoters, had every answer been at the level, against as they are.",
        ),
        sa.Column("promoters_if_all_low", sa.Numeric(precision=9, scale=4), nullable=True, comment="95 %."),
        sa.Column("promoters_if_all_high", sa.Numeric(precision=9, scale=4), nullable=True),
        sa.Column(
            "detractors_if_all",
            sa.Numeric(precision=9, scale=4),
            nullable=True,
            comment="Points of detractors, had every answer been at the level, against as they are.",
        ),
        sa.Column("detractors_if_all_low", sa.Numeric(precision=9, scale=4), nullable=True, comment="95 %."),
        sa.Column("detractors_if_all_high", sa.Numeric(precision=9, scale=4), nullable=True),
        sa.Column(
            "importance",
            sa.Numeric(precision=9, scale=6),
            nullable=True,
            comment="The driver's share of what the model explains; the same in all its levels.",
        ),
        sa.Column("importance_low", sa.Numeric(precision=9, scale=6), nullable=True, comment="95 %."),
        sa.Column("importance_high", sa.Numeric(precision=9, scale=6), nullable=True),
        sa.Column(
            "explained", sa.Numeric(precision=9, scale=6), nullable=True, comment="Share of the score's variance that the model explains."
        ),
        sa.Column("p", sa.Numeric(precision=9, scale=6), nullable=True, comment="Of no effect on promoters."),
        sa.Column("q", sa.Numeric(precision=9, scale=6), nullable=True, comment="Benjamini-Hochberg over all levels of the model."),
        sa.Column("verdict", sa.Text(), nullable=False, comment="usable, or why not"),
        sa.PrimaryKeyConstraint(
            "build_id", "programme", "metric", "dimension", "dimension_value", "driver", "level", name=op.f("driver_effects_pkey")
        ),
        schema="analysis",
        comment="What each circumstance of an answer goes with; the build at work alone.",
    )
    op.create_table(
        "driver_curves",
        sa.Column("build_id", sa.BigInteger(), nullable=False),
        sa.Column("programme", sa.Text(), nullable=False),
        sa.Column("metric", sa.Text(), nullable=False),
        sa.Column("dimension", sa.Text(), nullable=False, comment="all, segment or interaction_type: among whose answers"),
        sa.Column("dimension_value", sa.Text(), nullable=False),
        sa.Column("period_starts_on", sa.Date(), nullable=False, comment="First day of the period."),
        sa.Column("period_ends_on", sa.Date(), nullable=False, comment="Last day of the period."),
        sa.Column("bucket", sa.Text(), nullable=False, comment="Days to resolution."),
        sa.Column("bucket_place", sa.Integer(), nullable=False, comment="Place in the order from the fastest, from 0."),
        sa.Column("from_days", sa.Integer(), nullable=False),
        sa.Column("to_days", sa.Integer(), nullable=True, comment="Where the bucket ends, not in it; empty for the last."),
        sa.Column("answers", sa.BigInteger(), nullable=False, comment="Answers that the model was fitted on."),
        sa.Column("detractors", sa.BigInteger(), nullable=False, comment="In the bucket."),
        sa.Column("passives", sa.BigInteger(), nullable=False),
        sa.Column("promoters", sa.BigInteger(), nullable=False),
        sa.Column(
            "promoter_effect", sa.Numeric(precision=9, scale=4), nullable=True, comment="Points of promoters against the fastest bucket."
        ),
        sa.Column("promoter_effect_low", sa.Numeric(precision=9, scale=4), nullable=True, comment="95 %."),
        sa.Column("promoter_effect_high", sa.Numeric(precision=9, scale=4), nullable=True),
        sa.Column(
            "detractor_effect", sa.Numeric(precision=9, scale=4), nullable=True, comment="Points of detractors against the fastest bucket."
        ),
        sa.Column("detractor_effect_low", sa.Numeric(precision=9, scale=4), nullable=True, comment="95 %."),
        sa.Column("detractor_effect_high", sa.Numeric(precision=9, scale=4), nullable=True),
        sa.Column("p", sa.Numeric(precision=9, scale=6), nullable=True, comment="Of no effect on promoters, Holm-adjusted over the curve."),
        sa.Column(
            "is_threshold", sa.Boolean(), nullable=False, comment="The first bucket that goes with fewer promoters than the fastest."
        ),
        sa.Column("verdict", sa.Text(), nullable=False, comment="usable, or why not"),
        sa.PrimaryKeyConstraint(
            "build_id", "programme", "metric", "dimension", "dimension_value", "bucket_place", name=op.f("driver_curves_pkey")
        ),
        schema="analysis",
        comment="Where waiting starts to hurt; the build at work alone.",
    )
