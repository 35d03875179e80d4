"""Analyses."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_table(
        "band_conversion_values",
        sa.Column("build_id", sa.BigInteger(), nullable=False),
        sa.Column("metric", sa.Text(), nullable=False),
        sa.Column("from_band", sa.Text(), nullable=False),
        sa.Column("to_band", sa.Text(), nullable=False),
        sa.Column("segment", sa.Text(), nullable=False, comment="`all`, or a segment."),
        sa.Column("customers", sa.BigInteger(), nullable=False, comment="In the study: answered, and a year of finance before and after."),
        sa.Column(
            "customers_kept", sa.BigInteger(), nullable=False, comment="With a fair chance of each band: whom the effect speaks for."
        ),
        sa.Column(
            "naive_difference",
            sa.Numeric(precision=18, scale=4),
            nullable=True,
            comment="Mean margin of to_band less that of from_band, in the 12 months after the invitation.",
        ),
        sa.Column("naive_low", sa.Numeric(precision=18, scale=4), nullable=True),
        sa.Column("naive_high", sa.Numeric(precision=18, scale=4), nullable=True),
        sa.Column("effect", sa.Numeric(precision=18, scale=4), nullable=True, comment="Adjusted; empty where it may not be published."),
        sa.Column("effect_low", sa.Numeric(precision=18, scale=4), nullable=True),
        sa.Column("effect_high", sa.Numeric(precision=18, scale=4), nullable=True),
        sa.Column("dropped_share", sa.Numeric(precision=9, scale=6), nullable=True),
        sa.Column("smallest_effective_n", sa.Numeric(precision=18, scale=2), nullable=True),
        sa.Column(
            "largest_imbalance",
            sa.Numeric(precision=9, scale=6),
            nullable=True,
            comment="Largest weighted standardised difference of a covariate.",
        ),
        sa.Column("negative_control_p", sa.Numeric(precision=9, scale=6), nullable=True),
        sa.Column("e_value", sa.Numeric(precision=9, scale=4), nullable=True),
        sa.Column("speaks_for", sa.Text(), nullable=True),
        sa.Column("verdict", sa.Text(), nullable=False, comment="usable, or why not"),
        sa.PrimaryKeyConstraint("build_id", "metric", "from_band", "to_band", "segment", name=op.f("band_conversion_values_pkey")),
        schema="analysis",
        comment="What moving a customer from one band to another is worth over 12 months.",
    )
    op.create_table(
        "band_lifetime_values",
        sa.Column("build_id", sa.BigInteger(), nullable=False),
        sa.Column("metric", sa.Text(), nullable=False),
        sa.Column("band", sa.Text(), nullable=False),
        sa.Column("customers", sa.BigInteger(), nullable=False),
        sa.Column("expected", sa.Numeric(precision=18, scale=4), nullable=True, comment="Sum over the band's customers."),
        sa.Column("expected_low", sa.Numeric(precision=18, scale=4), nullable=True, comment="Bootstrap over customers, 95 %."),
        sa.Column("expected_high", sa.Numeric(precision=18, scale=4), nullable=True),
        sa.PrimaryKeyConstraint("build_id", "metric", "band", name=op.f("band_lifetime_values_pkey")),
        schema="analysis",
        comment="What the customers of a band are expected to bring together.",
    )
    op.create_table(
        "covariate_balance",
        sa.Column("build_id", sa.BigInteger(), nullable=False),
        sa.Column("analysis", sa.Text(), nullable=False, comment="band conversion or offers"),
        sa.Column("metric", sa.Text(), nullable=False),
        sa.Column("segment", sa.Text(), nullable=False, comment="Segment, or offer type."),
        sa.Column("from_arm", sa.Text(), nullable=False),
        sa.Column("to_arm", sa.Text(), nullable=False),
        sa.Column("covariate", sa.Text(), nullable=False),
        sa.Column("difference_before", sa.Numeric(precision=9, scale=6), nullable=True, comment="Standardised difference of means."),
        sa.Column("difference_after", sa.Numeric(precision=9, scale=6), nullable=True, comment="The same with weights."),
        sa.Column("difference_limit", sa.Numeric(precision=9, scale=6), nullable=True),
        sa.PrimaryKeyConstraint(
            "build_id", "analysis", "metric", "segment", "from_arm", "to_arm", "covariate", name=op.f("covariate_balance_pkey")
        ),
        schema="analysis",
        comment="How alike the arms of a comparison are, before and after weighting: the love plot.",
    )
    op.create_table(
        "fits",
        sa.Column("build_id", sa.BigInteger(), nullable=False),
        sa.Column("analysis", sa.Text(), nullable=False, comment="lifetime value, band conversion, offers, referrals"),
        sa.Column("part", sa.Text(), nullable=False, comment="What was fitted: a model, a pair of bands, a segment."),
        sa.Column(
            "estimates",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="Parameters, checks and their limits. No row about one customer.",
        ),
        sa.PrimaryKeyConstraint("build_id", "analysis", "part", name=op.f("fits_pkey")),
        schema="analysis",
        comment="What was fitted, and how well, in every build.",
    )
    op.create_table(
        "lifetime_values",
        sa.Column("build_id", sa.BigInteger(), nullable=False),
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False, comment="non-contractual, contractual, or both"),
        sa.Column(
            "probability_active", sa.Numeric(precision=9, scale=6), nullable=True, comment="That the customer has not left for good."
        ),
        sa.Column("expected", sa.Numeric(precision=18, scale=4), nullable=True, comment="Expected margin over the horizon, discounted."),
        sa.Column("expected_low", sa.Numeric(precision=18, scale=4), nullable=True, comment="Posterior-predictive, 95 %."),
        sa.Column("expected_high", sa.Numeric(precision=18, scale=4), nullable=True),
        sa.PrimaryKeyConstraint("build_id", "customer_id", name=op.f("lifetime_values_pkey")),
        schema="analysis",
        comment="What each customer is expected to bring; the build at work alone.",
    )
    op.create_table(
        "offer_effects",
        sa.Column("build_id", sa.BigInteger(), nullable=False),
        sa.Column("metric", sa.Text(), nullable=False),
        sa.Column("offer_type", sa.Text(), nullable=False, comment="`all`, or a type."),
        sa.Column("period_grain", sa.Text(), nullable=False, comment="quarter, or rolling_365_days"),
        sa.Column("period_starts_on", sa.Date(), nullable=False, comment="First day of the period."),
        sa.Column(
            "contrast",
            sa.Text(),
            nullable=False,
            comment="made: with against without an offer; accepted: accepted against made and declined",
        ),
        sa.Column("effect", sa.Numeric(precision=9, scale=4), nullable=True, comment="Points; adjusted for who is offered."),
        sa.Column("effect_low", sa.Numeric(precision=9, scale=4), nullable=True),
        sa.Column("effect_high", sa.Numeric(precision=9, scale=4), nullable=True),
        sa.Column("customers_kept", sa.BigInteger(), nullable=True, comment="With a fair chance of either: whom the effect speaks for."),
        sa.Column("dropped_share", sa.Numeric(precision=9, scale=6), nullable=True),
        sa.Column("smallest_effective_n", sa.Numeric(precision=18, scale=2), nullable=True),
        sa.Column(
            "largest_imbalance",
            sa.Numeric(precision=9, scale=6),
            nullable=True,
            comment="Largest weighted standardised difference of a covariate.",
        ),
        sa.Column("negative_control_p", sa.Numeric(precision=9, scale=6), nullable=True),
        sa.Column("verdict", sa.Text(), nullable=False, comment="usable, or why not"),
        sa.PrimaryKeyConstraint(
            "build_id", "metric", "offer_type", "period_grain", "period_starts_on", "contrast", name=op.f("offer_effects_pkey")
        ),
        schema="analysis",
        comment="What an offer does to the score of those who got one.",
    )
    op.create_table(
        "referral_ledger",
        sa.Column("build_id", sa.BigInteger(), nullable=False),
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("own_value", sa.Numeric(precision=18, scale=4), nullable=True, comment="Lifetime value to date."),
        sa.Column("tree_value", sa.Numeric(precision=18, scale=4), nullable=True, comment="Lifetime value to date of everyone below."),
        sa.Column(
            "ledger_value",
            sa.Numeric(precision=18, scale=4),
            nullable=True,
            comment="What the customer holds once everyone has passed up a share; adds up to the sum of own_value.",
        ),
        sa.Column(
            "referral_value_low",
            sa.Numeric(precision=18, scale=4),
            nullable=True,
            comment="Customer referral value, discounted; low where nobody knows who would have come anyway.",
        ),
        sa.Column("referral_value_high", sa.Numeric(precision=18, scale=4), nullable=True),
        sa.PrimaryKeyConstraint("build_id", "customer_id", name=op.f("referral_ledger_pkey")),
        schema="analysis",
        comment="Who is credited with what referred customers brought; the build at work alone.",
    )
    op.alter_column(
        "bands",
        "kind",
        existing_type=sa.TEXT(),
        comment="tenure (days), value (money per year), resolution (hours), share_of_wallet (0.25 is a quarter)",
        existing_comment="tenure (days), value (money per year), resolution (hours)",
        existing_nullable=False,
        schema="ops",
    )
    op.create_table_comment(
        "bands",
        "Edges of the tenure, value, resolution and share-of-wallet bands, from company.yml.",
        existing_comment="Edges of the tenure, value and resolution bands, from company.yml.",
        schema="ops",
    )
    op.add_column(
        "customers",
        sa.Column(
            "merged_into",
            sa.Text(),
            nullable=True,
            comment="The customer that this record turned out to be the same person as; everything of this one is then that one's.",
        ),
        schema="raw",
    )
    op.create_index(
        op.f("customers_merged_into_idx"),
        "customers",
        ["merged_into"],
        unique=False,
        schema="raw",
        postgresql_where=sa.text("merged_into is not null"),
    )
