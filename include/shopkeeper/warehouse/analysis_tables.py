"""What analyses in Python write and dbt models read: schema `analysis`. Money is in the company's currency."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Date, Numeric, PrimaryKeyConstraint, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from shopkeeper.warehouse.tables import metadata


def _money(name: str, comment: str | None = None) -> Column[object]:
    return Column(name, Numeric(18, 4), comment=comment)


def _share(name: str, comment: str | None = None) -> Column[object]:
    return Column(name, Numeric(9, 6), comment=comment)


FITS = Table(
    "fits",
    metadata,
    Column("build_id", BigInteger, nullable=False),
    Column("analysis", Text, nullable=False, comment="lifetime value, band conversion, offers, referrals"),
    Column("part", Text, nullable=False, comment="What was fitted: a model, a pair of bands, a segment."),
    Column("estimates", JSONB, nullable=False, comment="Parameters, checks and their limits. No row about one customer."),
    PrimaryKeyConstraint("build_id", "analysis", "part"),
    schema="analysis",
    comment="What was fitted, and how well, in every build.",
)

LIFETIME_VALUES = Table(
    "lifetime_values",
    metadata,
    Column("build_id", BigInteger, nullable=False),
    Column("customer_id", Text, nullable=False),
    Column("model", Text, nullable=False, comment="non-contractual, contractual, or both"),
    _share("probability_active", "That the customer has not left for good."),
    _money("expected", "Expected margin over the horizon, discounted."),
    _money("expected_low", "Posterior-predictive, 95 %."),
    _money("expected_high"),
    PrimaryKeyConstraint("build_id", "customer_id"),
    schema="analysis",
    comment="What each customer is expected to bring; the build at work alone.",
)

BAND_LIFETIME_VALUES = Table(
    "band_lifetime_values",
    metadata,
    Column("build_id", BigInteger, nullable=False),
    Column("metric", Text, nullable=False),
    Column("band", Text, nullable=False),
    Column("customers", BigInteger, nullable=False),
    _money("expected", "Sum over the band's customers."),
    _money("expected_low", "Bootstrap over customers, 95 %."),
    _money("expected_high"),
    PrimaryKeyConstraint("build_id", "metric", "band"),
    schema="analysis",
    comment="What the customers of a band are expected to bring together.",
)

BAND_CONVERSION_VALUES = Table(
    "band_conversion_values",
    metadata,
    Column("build_id", BigInteger, nullable=False),
    Column("metric", Text, nullable=False),
    Column("from_band", Text, nullable=False),
    Column("to_band", Text, nullable=False),
    Column("segment", Text, nullable=False, comment="`all`, or a segment."),
    Column("customers", BigInteger, nullable=False, comment="In the study: answered, and a year of finance before and after."),
    Column("customers_kept", BigInteger, nullable=False, comment="With a fair chance of each band: whom the effect speaks for."),
    _money("naive_difference", "Mean margin of to_band less that of from_band, in the 12 months after the invitation."),
    _money("naive_low"),
    _money("naive_high"),
    _money("effect", "Adjusted; empty where it may not be published."),
    _money("effect_low"),
    _money("effect_high"),
    _share("dropped_share"),
    Column("smallest_effective_n", Numeric(18, 2)),
    Column("largest_imbalance", Numeric(9, 6), comment="Largest weighted standardised difference of a covariate."),
    Column("negative_control_p", Numeric(9, 6)),
    Column("e_value", Numeric(9, 4)),
    Column("speaks_for", Text),
    Column("verdict", Text, nullable=False, comment="usable, or why not"),
    PrimaryKeyConstraint("build_id", "metric", "from_band", "to_band", "segment"),
    schema="analysis",
    comment="What moving a customer from one band to another is worth over 12 months.",
)

COVARIATE_BALANCE = Table(
    "covariate_balance",
    metadata,
    Column("build_id", BigInteger, nullable=False),
    Column("analysis", Text, nullable=False, comment="band conversion or offers"),
    Column("metric", Text, nullable=False),
    Column("segment", Text, nullable=False, comment="Segment, or offer type."),
    Column("from_arm", Text, nullable=False),
    Column("to_arm", Text, nullable=False),
    Column("covariate", Text, nullable=False),
    Column("difference_before", Numeric(9, 6), comment="Standardised difference of means."),
    Column("difference_after", Numeric(9, 6), comment="The same with weights."),
    Column("difference_limit", Numeric(9, 6)),
    PrimaryKeyConstraint("build_id", "analysis", "metric", "segment", "from_arm", "to_arm", "covariate"),
    schema="analysis",
    comment="How alike the arms of a comparison are, before and after weighting: the love plot.",
)

OFFER_EFFECTS = Table(
    "offer_effects",
    metadata,
    Column("build_id", BigInteger, nullable=False),
    Column("metric", Text, nullable=False),
    Column("offer_type", Text, nullable=False, comment="`all`, or a type."),
    Column("period_grain", Text, nullable=False, comment="quarter, or rolling_365_days"),
    Column("period_starts_on", Date, nullable=False, comment="First day of the period."),
    Column("contrast", Text, nullable=False, comment="made: with against without an offer; accepted: accepted against made and declined"),
    Column("effect", Numeric(9, 4), comment="Points; adjusted for who is offered."),
    Column("effect_low", Numeric(9, 4)),
    Column("effect_high", Numeric(9, 4)),
    Column("customers_kept", BigInteger, comment="With a fair chance of either: whom the effect speaks for."),
    _share("dropped_share"),
    Column("smallest_effective_n", Numeric(18, 2)),
    Column("largest_imbalance", Numeric(9, 6), comment="Largest weighted standardised difference of a covariate."),
    Column("negative_control_p", Numeric(9, 6)),
    Column("verdict", Text, nullable=False, comment="usable, or why not"),
    PrimaryKeyConstraint("build_id", "metric", "offer_type", "period_grain", "period_starts_on", "contrast"),
    schema="analysis",
    comment="What an offer does to the score of those who got one.",
)

REFERRAL_LEDGER = Table(
    "referral_ledger",
    metadata,
    Column("build_id", BigInteger, nullable=False),
    Column("customer_id", Text, nullable=False),
    _money("own_value", "Lifetime value to date."),
    _money("tree_value", "Lifetime value to date of everyone below."),
    _money("ledger_value", "What the customer holds once everyone has passed up a share; adds up to the sum of own_value."),
    _money("referral_value_low", "Customer referral value, discounted; low where nobody knows who would have come anyway."),
    _money("referral_value_high"),
    PrimaryKeyConstraint("build_id", "customer_id"),
    schema="analysis",
    comment="Who is credited with what referred customers brought; the build at work alone.",
)
